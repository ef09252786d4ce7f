//! Origins that referenda dispatch with, one for each track but root's.

use frame_support::traits::{EnsureOrigin, OriginTrait};

use crate::{currency::LUX, Balance, OriginCaller, RuntimeOrigin};

pub use pallet_origins::*;

/// Makes the origins known to the runtime.
#[frame_support::pallet]
pub mod pallet_origins {
    use frame_support::pallet_prelude::*;

    /// Nothing to configure.
    #[pallet::config]
    pub trait Config: frame_system::Config {}

    /// The origins.
    #[pallet::pallet]
    pub struct Pallet<T>(_);

    /// On whose behalf a referendum speaks: it may do what its name says and nothing else.
    #[derive(PartialEq, Eq, Clone, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Debug)]
    #[pallet::origin]
    pub enum Origin {
        /// Dispatches, as root and after a short vote, what the technical committee has put on the whitelist.
        WhitelistedCaller,
        /// Validators, elections and era settings.
        StakingAdmin,
        /// The parameters of the compute market, within their bounds.
        ComputeParameters,
        /// Models that should not be offered.
        RegistryModerator,
        /// Slashes that have not been applied yet.
        SlashCanceller,
        /// Identities and registrars.
        GeneralAdmin,
        /// Any spend of the treasury.
        Treasurer,
        /// A spend of the treasury up to [`SMALL_SPEND`].
        SmallSpender,
        /// A spend of the treasury up to [`MEDIUM_SPEND`].
        MediumSpender,
        /// A spend of the treasury up to [`BIG_SPEND`].
        BigSpender,
        /// Ends a referendum.
        ReferendumCanceller,
        /// Ends a referendum and takes its deposits.
        ReferendumKiller,
    }
}

/// Most that a small spend takes from the treasury.
pub const SMALL_SPEND: Balance = 1_000 * LUX;
/// Most that a medium spend takes from the treasury.
pub const MEDIUM_SPEND: Balance = 10_000 * LUX;
/// Most that a big spend takes from the treasury.
pub const BIG_SPEND: Balance = 100_000 * LUX;

/// Which of our origins this is.
fn ours(origin: &RuntimeOrigin) -> Option<&Origin> {
    match origin.caller() {
        OriginCaller::Origins(origin) => Some(origin),
        _ => None,
    }
}

macro_rules! ensure {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub struct $name;
        impl EnsureOrigin<RuntimeOrigin> for $name {
            type Success = ();

            fn try_origin(origin: RuntimeOrigin) -> Result<(), RuntimeOrigin> {
                match ours(&origin) {
                    Some(Origin::$name) => Ok(()),
                    _ => Err(origin),
                }
            }

            #[cfg(feature = "runtime-benchmarks")]
            fn try_successful_origin() -> Result<RuntimeOrigin, ()> {
                Ok(Origin::$name.into())
            }
        }
    )*};
}

ensure!(
    /// Speaks for [`Origin::WhitelistedCaller`].
    WhitelistedCaller,
    /// Speaks for [`Origin::StakingAdmin`].
    StakingAdmin,
    /// Speaks for [`Origin::ComputeParameters`].
    ComputeParameters,
    /// Speaks for [`Origin::RegistryModerator`].
    RegistryModerator,
    /// Speaks for [`Origin::SlashCanceller`].
    SlashCanceller,
    /// Speaks for [`Origin::GeneralAdmin`].
    GeneralAdmin,
    /// Speaks for [`Origin::Treasurer`].
    Treasurer,
    /// Speaks for [`Origin::ReferendumCanceller`].
    ReferendumCanceller,
    /// Speaks for [`Origin::ReferendumKiller`].
    ReferendumKiller,
);

/// Whoever may spend, and how much.
pub struct Spender;
impl EnsureOrigin<RuntimeOrigin> for Spender {
    type Success = Balance;

    fn try_origin(origin: RuntimeOrigin) -> Result<Balance, RuntimeOrigin> {
        match ours(&origin) {
            Some(Origin::SmallSpender) => Ok(SMALL_SPEND),
            Some(Origin::MediumSpender) => Ok(MEDIUM_SPEND),
            Some(Origin::BigSpender) => Ok(BIG_SPEND),
            Some(Origin::Treasurer) => Ok(Balance::MAX),
            _ => Err(origin),
        }
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn try_successful_origin() -> Result<RuntimeOrigin, ()> {
        Ok(Origin::Treasurer.into())
    }
}
