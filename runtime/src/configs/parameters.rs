//! Governed parameters and their bounds. Jobs freeze theirs at submission, so that a change never reaches work in flight.

use frame_support::{
    dynamic_params::{dynamic_pallet_params, dynamic_params},
    traits::{Contains, Get},
};
use sp_runtime::{FixedU128, Permill};

use crate::{
    currency::{LUX, MICRO},
    time::{self, DAYS, HOURS},
    Balance, BlockNumber, Runtime, RuntimeCall,
};

/// Parameters that governance may set, by pallet.
#[dynamic_params(RuntimeParameters, pallet_parameters::Parameters::<Runtime>)]
pub mod dynamic_params {
    use super::*;

    /// Parameters of provider-staking.
    #[dynamic_pallet_params]
    #[codec(index = 0)]
    pub mod staking {
        use super::*;
        /// Least bond of an active provider.
        #[codec(index = 0)]
        pub static MinBond: Balance = 10 * LUX;
        /// Blocks between unbonding and withdrawal.
        #[codec(index = 1)]
        pub static UnbondingBlocks: BlockNumber = if cfg!(feature = "fast-runtime") {
            10
        } else {
            7 * time::DAYS
        };
    }

    /// Parameters of model-registry.
    #[dynamic_pallet_params]
    #[codec(index = 1)]
    pub mod registry {
        use super::*;
        /// Highest royalty that a model may ask.
        #[codec(index = 0)]
        pub static MaxRoyalty: Permill = Permill::from_percent(20);
        /// Deposit for a registered model.
        #[codec(index = 1)]
        pub static ModelDeposit: Balance = LUX;
        /// Lowest price per compute unit.
        #[codec(index = 2)]
        pub static MinPrice: Balance = MICRO;
    }

    /// Parameters of job-escrow.
    #[dynamic_pallet_params]
    #[codec(index = 2)]
    pub mod escrow {
        use super::*;
        /// Blocks for which a job waits for a claim.
        #[codec(index = 0)]
        pub static OpenBlocks: BlockNumber = if cfg!(feature = "fast-runtime") {
            30
        } else {
            5 * time::MINUTES
        };
        /// Blocks from claim to the latest commitment.
        #[codec(index = 1)]
        pub static ExecutionBlocks: BlockNumber = if cfg!(feature = "fast-runtime") {
            20
        } else {
            5 * time::MINUTES
        };
        /// Bond of a claim as a percentage of the fee.
        #[codec(index = 2)]
        pub static BondPercent: u32 = 200;
        /// Part of the bond lost by a missed deadline.
        #[codec(index = 3)]
        pub static MissPenalty: Permill = Permill::from_percent(10);
        /// Part of a fee that the protocol keeps.
        #[codec(index = 4)]
        pub static ProtocolFee: Permill = Permill::from_percent(10);
        /// Part of the protocol fee that is burned.
        #[codec(index = 5)]
        pub static BurnShare: Permill = Permill::from_percent(50);
        /// Part of the protocol fee that pays auditors.
        #[codec(index = 6)]
        pub static AuditShare: Permill = Permill::from_percent(30);
        /// Blocks for which a finished job stays in state.
        #[codec(index = 7)]
        pub static Retention: BlockNumber = 7 * time::DAYS;
    }

    /// Parameters of result-verification.
    #[dynamic_pallet_params]
    #[codec(index = 3)]
    pub mod verification {
        use super::*;
        /// Blocks from commitment to settlement.
        #[codec(index = 0)]
        pub static ChallengeWindow: BlockNumber = if cfg!(feature = "fast-runtime") {
            3
        } else {
            10 * time::MINUTES
        };
    }

    /// Parameters of reward-emission.
    #[dynamic_pallet_params]
    #[codec(index = 4)]
    pub mod emission {
        use super::*;
        /// Part of emission for validators.
        #[codec(index = 0)]
        pub static ValidatorShare: Permill = Permill::from_percent(40);
        /// Part of emission for providers; the treasury receives the rest.
        #[codec(index = 1)]
        pub static ProviderShare: Permill = Permill::from_percent(50);
        /// Most emission that a provider earns, as a multiple of what its jobs burned.
        #[codec(index = 2)]
        pub static WashMultiple: FixedU128 = FixedU128::from_u32(1);
        /// Blocks in a round of the providers' emission.
        #[codec(index = 3)]
        pub static RoundLength: BlockNumber = if cfg!(feature = "fast-runtime") {
            10
        } else {
            time::HOURS
        };
    }
}

/// Refuses a parameter beyond its bounds. Only root, whom no call filter stops, can set one; the pallets then read the bound.
pub struct WithinBounds;

/// Declares the bounds of every parameter: what the pallets read is within them. A parameter without bounds does not compile.
macro_rules! bounds {
    ($($module:ident $variant:ident { $($name:ident: $type:ty = $low:expr, $high:expr;)* })*) => {
        /// The parameters as the pallets read them.
        pub mod bounded {$(
            /// Parameters of one pallet, within their bounds.
            pub mod $module {
                use super::super::*;
                $(
                    /// The governed value, or the bound that it is beyond.
                    pub struct $name;
                    impl Get<$type> for $name {
                        fn get() -> $type {
                            dynamic_params::$module::$name::get().clamp($low, $high)
                        }
                    }
                )*
            }
        )*}

        /// The names of all parameters.
        #[cfg(any(test, feature = "runtime-benchmarks"))]
        pub fn keys() -> alloc::vec::Vec<RuntimeParametersKey> {
            alloc::vec![$($(
                RuntimeParametersKey::$variant(dynamic_params::$module::ParametersKey::$name(dynamic_params::$module::$name)),
            )*)*]
        }

        impl Contains<RuntimeCall> for WithinBounds {
            fn contains(call: &RuntimeCall) -> bool {
                let RuntimeCall::Parameters(pallet_parameters::Call::set_parameter { key_value }) = call else {
                    return true;
                };
                match key_value {
                    $($(
                        // None sets the default.
                        RuntimeParameters::$variant(dynamic_params::$module::Parameters::$name(_, value)) => {
                            value.as_ref().is_none_or(|value| ($low..=$high).contains(value))
                        },
                    )*)*
                }
            }
        }

        #[cfg(test)]
        #[test]
        fn every_default_is_within_its_bounds() {
            sp_io::TestExternalities::default().execute_with(|| {$($(
                let default = dynamic_params::$module::$name::get();
                assert_eq!(bounded::$module::$name::get(), default, stringify!($module $name));
            )*)*});
        }
    };
}

/// Part of a whole, in percent.
const fn percent(part: u32) -> Permill {
    Permill::from_percent(part)
}

bounds! {
    staking Staking {
        MinBond: Balance = LUX / 100, 1_000_000 * LUX;
        UnbondingBlocks: BlockNumber = 1, 365 * DAYS;
    }
    registry Registry {
        MaxRoyalty: Permill = percent(0), percent(50);
        ModelDeposit: Balance = LUX / 100, 100_000 * LUX;
        MinPrice: Balance = 1, LUX;
    }
    escrow Escrow {
        OpenBlocks: BlockNumber = 5, DAYS;
        ExecutionBlocks: BlockNumber = 5, DAYS;
        BondPercent: u32 = 1, 10_000;
        MissPenalty: Permill = percent(1), percent(100);
        ProtocolFee: Permill = percent(0), percent(30);
        BurnShare: Permill = percent(0), percent(100);
        AuditShare: Permill = percent(0), percent(100);
        Retention: BlockNumber = HOURS, 365 * DAYS;
    }
    verification Verification {
        ChallengeWindow: BlockNumber = 1, 14 * DAYS;
    }
    emission Emission {
        ValidatorShare: Permill = percent(10), percent(90);
        ProviderShare: Permill = percent(10), percent(90);
        WashMultiple: FixedU128 = FixedU128::from_u32(0), FixedU128::from_u32(10);
        RoundLength: BlockNumber = 5, DAYS;
    }
}

#[cfg(feature = "runtime-benchmarks")]
impl Default for RuntimeParameters {
    fn default() -> Self {
        RuntimeParameters::Staking(dynamic_params::staking::Parameters::MinBond(
            dynamic_params::staking::MinBond,
            Some(LUX),
        ))
    }
}
