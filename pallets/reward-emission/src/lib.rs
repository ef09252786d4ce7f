//! Emission of LUX: a curve with a hard cap, budgets for validators, providers and the treasury, and rewards for verified
//! compute that cannot be farmed by buying one's own service.
//!
//! - **Curve.** [`IssuanceCurve`] says how much may have been released after how much time. Each block releases the
//!   difference; time between two blocks counts up to [`Config::MaxElapsed`], the rest is lost, so that a halt is not made up.
//! - **Pots.** The parts of validators and treasury are counted per block and minted when a round closes.
//! - **Rounds.** The part of providers gathers in the running round. When it closes, each provider's part is its share of
//!   the verified compute units, and at most a multiple of the protocol fees that its own jobs burned. Parts are
//!   granted when a provider is next touched and minted only when claimed; what the multiple cuts off is never issued. A
//!   round without work hands its budget to the next.
//!
//! Every block costs two reads and two writes, whatever the number of providers. `docs/economics.md` has the reasoning.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod curve;
mod impls;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
mod try_state;
mod types;
pub mod weights;

pub use curve::{GeometricDecay, IssuanceCurve};
pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

/// Target of log lines.
pub(crate) const LOG_TARGET: &str = "runtime::reward-emission";

#[frame_support::pallet]
pub mod pallet {
    use frame_support::{
        pallet_prelude::*,
        traits::{fungible, Get, Time},
        PalletId,
    };
    use frame_system::pallet_prelude::*;
    use lantern_primitives::{info::RewardInfo, Balance};
    use sp_runtime::{FixedU128, Permill};

    use crate::{curve::IssuanceCurve, types::*, weights::WeightInfo};

    /// Version of the storage layout.
    const STORAGE_VERSION: StorageVersion = StorageVersion::new(0);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
        /// Mints LUX.
        type Currency: fungible::Mutate<Self::AccountId, Balance = Balance>;
        /// Milliseconds since the Unix epoch; in `on_initialize` this is the time of the previous block.
        type Time: Time<Moment = u64>;
        /// How much may be released after how much time. A runtime that changes it migrates [`Emission`].
        type Curve: IssuanceCurve;
        /// Most milliseconds that count between two blocks.
        #[pallet::constant]
        type MaxElapsed: Get<u64>;
        /// Division of what the curve releases; governed.
        type Budgets: Get<Budgets>;
        /// Receives the treasury's part.
        type Treasury: Get<Self::AccountId>;
        /// Seed of the pots' accounts.
        #[pallet::constant]
        type PalletId: Get<PalletId>;
        /// Blocks in a round; governed, at least one.
        type RoundLength: Get<BlockNumberFor<Self>>;
        /// A provider earns at most this multiple of what its jobs burned in the round; governed, and never more than what
        /// leaves wash trading without profit, see [`Pallet::multiple`].
        type WashMultiple: Get<FixedU128>;
        /// Part of the protocol fee that is burned: the parameter that job-escrow freezes into jobs.
        type BurnShare: Get<Permill>;
        /// Part of the protocol fee that pays auditors: the parameter that job-escrow freezes into jobs.
        type AuditShare: Get<Permill>;
        /// Weights of calls and hooks.
        type WeightInfo: WeightInfo;
    }

    /// Where emission stands on its curve.
    #[pallet::storage]
    pub type Emission<T: Config> = StorageValue<_, EmissionState, ValueQuery>;

    /// The running round; none before the first block.
    #[pallet::storage]
    pub type CurrentRound<T: Config> = StorageValue<_, Round<BlockNumberFor<T>>, OptionQuery>;

    /// Closed rounds with providers still to be settled; as each provider waits for one round at most, there are never more
    /// of them than of [`Accounts`].
    // Twox64Concat: the key is a counter that nobody chooses.
    #[pallet::storage]
    pub type ClosedRounds<T: Config> = StorageMap<_, Twox64Concat, RoundIndex, ClosedRound, OptionQuery>;

    /// Emission accounts of providers that did verified work.
    // Blake2_128Concat: accounts are chosen by users.
    #[pallet::storage]
    pub type Accounts<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, RewardAccount, ValueQuery>;

    /// Minted so far, to providers, validators and treasury together.
    #[pallet::storage]
    pub type Issued<T: Config> = StorageValue<_, Balance, ValueQuery>;

    /// Released for providers but never to be issued: what the multiple cut off, and the dust of shares.
    #[pallet::storage]
    pub type Forfeited<T: Config> = StorageValue<_, Balance, ValueQuery>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A round closed and the next one opened.
        RoundClosed {
            /// The closed round.
            round: RoundIndex,
            /// Released for its providers; moves to the next round when `providers` is zero.
            budget: Balance,
            /// Its verified micro compute units.
            units: u128,
            /// Its providers.
            providers: u32,
        },
        /// The parts of validators and treasury since the last time were minted.
        PotsFunded {
            /// Minted to the validators' pot.
            validators: Balance,
            /// Minted to the treasury.
            treasury: Balance,
        },
        /// A provider's reward was minted to it.
        RewardClaimed {
            /// The provider.
            provider: T::AccountId,
            /// The reward.
            amount: Balance,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The provider has no granted reward; work of the running round is granted only when the round is closed.
        NothingToClaim,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(now: BlockNumberFor<T>) -> Weight {
            let mut weight = T::WeightInfo::drip();
            if Self::drip(now, T::Time::now()) {
                Self::close_round(now);
                weight = weight.saturating_add(T::WeightInfo::close_round());
            }
            weight
        }

        fn integrity_test() {
            Self::check_config();
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_now: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call(weight(<T as Config>::WeightInfo))]
    impl<T: Config> Pallet<T> {
        /// Mints the caller's granted reward to it.
        ///
        /// Origin: signed by the provider's account. Emits `RewardClaimed`. Fails with `NothingToClaim`, or when a reward
        /// under the existential deposit meets an empty account.
        #[pallet::call_index(0)]
        pub fn claim(origin: OriginFor<T>) -> DispatchResult {
            let provider = ensure_signed(origin)?;
            Self::do_claim(&provider)
        }

        /// Mints a provider's granted reward to that provider, so that anyone can pay for a cold account.
        ///
        /// Origin: signed by anyone. Emits `RewardClaimed`. Fails as [`Self::claim`] does.
        #[pallet::call_index(1)]
        pub fn claim_for(origin: OriginFor<T>, provider: T::AccountId) -> DispatchResult {
            ensure_signed(origin)?;
            Self::do_claim(&provider)
        }
    }

    #[pallet::view_functions]
    impl<T: Config> Pallet<T> {
        /// Emission account of a provider.
        pub fn reward(provider: T::AccountId) -> RewardInfo {
            Self::reward_info(&provider)
        }

        /// LUX minted by emission so far.
        pub fn issued() -> Balance {
            Issued::<T>::get()
        }

        /// LUX released by the curve so far, minted or not.
        pub fn released() -> Balance {
            Emission::<T>::get().released
        }

        /// The most that emission will ever mint.
        pub fn cap() -> Balance {
            T::Curve::cap()
        }
    }
}
