//! Providers, their worker keys and their stake.
//!
//! A provider bonds stake and registers worker keys. Work in flight locks part of the stake through
//! [`ProviderLedger`](lantern_primitives::traits::ProviderLedger); what is neither locked nor unbonding is free. Stake leaves
//! after a delay, a slash takes locked stake only.
//!
//! Invariants, checked by `try_state`:
//! - what the currency holds for [`HoldReason::Bond`] equals the ledger's `bonded`, and all of them sum to [`TotalBonded`];
//! - `locked + unbonding <= bonded`;
//! - a worker key belongs to at most one provider, and the index and the profiles agree;
//! - a provider that is leaving has no keys and nothing but unbonding stake.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod dispatchable_impls;
mod ledger_impls;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
mod try_state;
mod types;
mod views;
pub mod weights;

pub use pallet::*;
pub use types::*;
pub use views::MAX_PAGE;
pub use weights::WeightInfo;

use frame_support::traits::fungible;

/// Amount in the pallet's currency.
pub type BalanceOf<T> = <<T as Config>::Currency as fungible::Inspect<<T as frame_system::Config>::AccountId>>::Balance;

/// A provider of the first block: account, metadata as text, stake and worker keys.
pub type GenesisProvider<T> = (
    <T as frame_system::Config>::AccountId,
    alloc::string::String,
    BalanceOf<T>,
    alloc::vec::Vec<lantern_primitives::crypto::WorkerId>,
);

#[frame_support::pallet]
pub mod pallet {
    use super::*;
    use alloc::vec::Vec;
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;
    use lantern_primitives::{crypto::WorkerId, H256};

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    /// Why funds are on hold.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// Stake of a provider.
        #[codec(index = 0)]
        Bond,
    }

    #[pallet::config]
    pub trait Config: frame_system::Config<Hash = H256, RuntimeEvent: From<Event<Self>>> {
        /// The runtime's hold reason.
        type RuntimeHoldReason: From<HoldReason>;

        /// What stake is held in.
        type Currency: fungible::Mutate<Self::AccountId>
            + fungible::MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>
            + fungible::BalancedHold<Self::AccountId>;

        /// Least stake that a provider must have that is not unbonding. Below it a provider is not active.
        type MinBond: Get<BalanceOf<Self>>;

        /// Blocks from unbonding to withdrawal.
        type UnbondingDelay: Get<BlockNumberFor<Self>>;

        /// Weights of the calls.
        type WeightInfo: WeightInfo;
    }

    /// Status and stake of every provider.
    // Blake2_128Concat: accounts are chosen by their owners, so the key must not be grindable; concat to list them.
    #[pallet::storage]
    pub type Providers<T: Config> =
        CountedStorageMap<_, Blake2_128Concat, T::AccountId, Provider<BalanceOf<T>, BlockNumberFor<T>>>;

    /// Metadata and worker keys of every provider.
    // Blake2_128Concat: as `Providers`.
    #[pallet::storage]
    pub type Profiles<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, Profile>;

    /// The provider that a worker key belongs to.
    // Blake2_128Concat: keys are made by their owners, so the key must not be grindable; concat so that `try_state` reads them.
    #[pallet::storage]
    pub type WorkerOwners<T: Config> = StorageMap<_, Blake2_128Concat, WorkerId, T::AccountId>;

    /// Sum of all bonded stake.
    #[pallet::storage]
    pub type TotalBonded<T: Config> = StorageValue<_, BalanceOf<T>, ValueQuery>;

    /// Providers of the first block. They need no proof of their worker keys, because the genesis hash that it signs is
    /// not known yet.
    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// The providers.
        pub providers: Vec<GenesisProvider<T>>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            for (provider, metadata, bond, workers) in &self.providers {
                Pallet::<T>::do_register_at_genesis(provider, metadata.as_bytes(), *bond, workers)
                    .expect("a genesis provider must be valid and funded; a chain without it must not start; qed");
            }
        }
    }

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// An account became a provider.
        Registered {
            /// The provider.
            provider: T::AccountId,
            /// Stake that it bonded.
            bond: BalanceOf<T>,
        },
        /// A provider changed its metadata.
        MetadataUpdated {
            /// The provider.
            provider: T::AccountId,
        },
        /// A provider added stake.
        Bonded {
            /// The provider.
            provider: T::AccountId,
            /// Stake added.
            amount: BalanceOf<T>,
        },
        /// A provider added a worker key.
        WorkerAdded {
            /// The provider.
            provider: T::AccountId,
            /// The worker key.
            worker: WorkerId,
        },
        /// A worker key was removed.
        WorkerRemoved {
            /// The provider that it belonged to.
            provider: T::AccountId,
            /// The worker key.
            worker: WorkerId,
        },
        /// Stake began to unbond.
        UnbondingStarted {
            /// The provider.
            provider: T::AccountId,
            /// Stake that leaves.
            amount: BalanceOf<T>,
            /// First block at which it may be withdrawn.
            due: BlockNumberFor<T>,
        },
        /// Unbonded stake was withdrawn.
        Withdrawn {
            /// The provider.
            provider: T::AccountId,
            /// Stake that is the provider's to spend again.
            amount: BalanceOf<T>,
        },
        /// A provider stopped taking work.
        Paused {
            /// The provider.
            provider: T::AccountId,
        },
        /// A provider takes work again.
        Resumed {
            /// The provider.
            provider: T::AccountId,
        },
        /// A provider gave up its registration; its stake unbonds.
        Deregistered {
            /// The provider.
            provider: T::AccountId,
        },
        /// The record of a deregistered provider is gone, its last stake withdrawn.
        Removed {
            /// The account that was a provider.
            provider: T::AccountId,
        },
        /// Locked stake was slashed.
        Slashed {
            /// The provider.
            provider: T::AccountId,
            /// Stake taken.
            amount: BalanceOf<T>,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The account is already a provider, or a former one whose stake is not withdrawn yet.
        AlreadyRegistered,
        /// The account is not a provider.
        NotRegistered,
        /// The provider has deregistered; it can only withdraw.
        Leaving,
        /// The stake that would stay is under the minimum bond.
        BondTooSmall,
        /// The amount is zero.
        ZeroAmount,
        /// Less stake is free than asked for; the rest is locked by work in flight or unbonding.
        InsufficientFreeStake,
        /// Less stake is locked than asked for.
        InsufficientLockedStake,
        /// The provider is paused, leaving or under the minimum bond.
        NotActive,
        /// Too many amounts are unbonding; withdraw one first.
        TooManyUnbondingChunks,
        /// No unbonded stake is due yet.
        NothingToWithdraw,
        /// The provider has as many worker keys as it may have.
        TooManyWorkers,
        /// The worker key belongs to a provider already.
        WorkerKeyTaken,
        /// The provider has no such worker key.
        UnknownWorkerKey,
        /// The signature does not prove possession of the worker key by this account on this chain.
        InvalidWorkerProof,
        /// Stake is locked by work in flight.
        StakeLocked,
        /// The provider is paused already.
        AlreadyPaused,
        /// The provider is not paused.
        NotPaused,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call(weight(<T as Config>::WeightInfo))]
    impl<T: Config> Pallet<T> {
        /// Makes the caller a provider.
        ///
        /// Origin: signed by the account that will own stake and income.
        ///
        /// `bond` is held from its balance, at least the minimum bond. Each worker key comes with its proof of possession; more
        /// can be added later.
        ///
        /// Errors: `AlreadyRegistered`, `BondTooSmall`, `WorkerKeyTaken`, `InvalidWorkerProof`, and the currency's when the
        /// balance does not suffice. Events: `WorkerAdded` per key, `Registered`.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::register(workers.len() as u32))]
        pub fn register(
            origin: OriginFor<T>,
            metadata: Metadata,
            #[pallet::compact] bond: BalanceOf<T>,
            workers: WorkerProofs,
        ) -> DispatchResult {
            let provider = ensure_signed(origin)?;
            Self::do_register(&provider, metadata, bond, workers)
        }

        /// Replaces the caller's metadata.
        ///
        /// Origin: signed by the provider. Errors: `NotRegistered`, `Leaving`. Events: `MetadataUpdated`.
        #[pallet::call_index(1)]
        pub fn update_metadata(origin: OriginFor<T>, metadata: Metadata) -> DispatchResult {
            let provider = ensure_signed(origin)?;
            Self::do_update_metadata(&provider, metadata)
        }

        /// Adds to the caller's stake.
        ///
        /// Origin: signed by the provider. Errors: `NotRegistered`, `Leaving`, `ZeroAmount`, and the currency's. Events:
        /// `Bonded`.
        #[pallet::call_index(2)]
        pub fn bond_more(origin: OriginFor<T>, #[pallet::compact] amount: BalanceOf<T>) -> DispatchResult {
            let provider = ensure_signed(origin)?;
            Self::do_bond_more(&provider, amount)
        }

        /// Adds a worker key.
        ///
        /// Origin: signed by the provider. To rotate a key, batch this with `remove_worker`. Errors: `NotRegistered`, `Leaving`,
        /// `WorkerKeyTaken`, `InvalidWorkerProof`, `TooManyWorkers`. Events: `WorkerAdded`.
        #[pallet::call_index(3)]
        pub fn add_worker(origin: OriginFor<T>, worker: WorkerProof) -> DispatchResult {
            let provider = ensure_signed(origin)?;
            Self::do_add_worker(&provider, worker)
        }

        /// Revokes a worker key. From then on nothing that it signs counts.
        ///
        /// Origin: signed by the provider. Errors: `NotRegistered`, `Leaving`, `UnknownWorkerKey`. Events:
        /// `WorkerRemoved`.
        #[pallet::call_index(4)]
        pub fn remove_worker(origin: OriginFor<T>, worker: WorkerId) -> DispatchResult {
            let provider = ensure_signed(origin)?;
            Self::do_remove_worker(&provider, worker)
        }

        /// Starts to unbond `amount` of free stake.
        ///
        /// Origin: signed by the provider. The minimum bond must stay; who wants all of it deregisters. Amounts unbonded in one
        /// block leave as one. Errors: `NotRegistered`, `Leaving`, `ZeroAmount`, `InsufficientFreeStake`, `BondTooSmall`,
        /// `TooManyUnbondingChunks`. Events: `UnbondingStarted`.
        #[pallet::call_index(5)]
        pub fn unbond(origin: OriginFor<T>, #[pallet::compact] amount: BalanceOf<T>) -> DispatchResult {
            let provider = ensure_signed(origin)?;
            Self::do_unbond(&provider, amount)
        }

        /// Releases every unbonded amount that is due.
        ///
        /// Origin: signed by the provider. With the last stake of a deregistered provider its record goes too. Errors:
        /// `NotRegistered`, `NothingToWithdraw`. Events: `Withdrawn`, `Removed`.
        #[pallet::call_index(6)]
        pub fn withdraw_unbonded(origin: OriginFor<T>) -> DispatchResult {
            let provider = ensure_signed(origin)?;
            Self::do_withdraw_unbonded(&provider)
        }

        /// Stops taking new work; work in flight goes on.
        ///
        /// Origin: signed by the provider. Errors: `NotRegistered`, `Leaving`, `AlreadyPaused`. Events: `Paused`.
        #[pallet::call_index(7)]
        pub fn pause(origin: OriginFor<T>) -> DispatchResult {
            let provider = ensure_signed(origin)?;
            Self::do_pause(&provider)
        }

        /// Takes work again.
        ///
        /// Origin: signed by the provider. Errors: `NotRegistered`, `Leaving`, `NotPaused`. Events: `Resumed`.
        #[pallet::call_index(8)]
        pub fn resume(origin: OriginFor<T>) -> DispatchResult {
            let provider = ensure_signed(origin)?;
            Self::do_resume(&provider)
        }

        /// Gives up the registration.
        ///
        /// Origin: signed by the provider. Its worker keys are free at once, its stake unbonds, its record goes with the last
        /// withdrawal. Errors: `NotRegistered`, `Leaving`, `StakeLocked`, `TooManyUnbondingChunks`. Events: `WorkerRemoved`
        /// per key, `UnbondingStarted`, `Deregistered`, and `Removed` when no stake was left.
        #[pallet::call_index(9)]
        pub fn deregister(origin: OriginFor<T>) -> DispatchResult {
            let provider = ensure_signed(origin)?;
            Self::do_deregister(&provider)
        }
    }
}
