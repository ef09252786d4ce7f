//! Models, their commitments, lineage, owners and royalties, and the prices that providers posted for them.
//!
//! A model's id is the hash of its specification and its weights root, so the same files have the same id everywhere and a
//! record can never come to mean other weights. Records stay for good: results that name them must remain checkable.
//!
//! Invariants, checked by `try_state`:
//! - every model is stored under the id of its specification and weights root, with a valid specification and known,
//!   distinct parents;
//! - what the currency holds for a [`HoldReason`] equals the deposits of an account's models or prices;
//! - [`PriceCounts`] counts [`Prices`], at most [`MAX_PRICES`] per provider, and every price is for a known model.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod catalog_impls;
mod dispatchable_impls;
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
/// A model's record in this pallet.
pub type ModelOf<T> = Model<<T as frame_system::Config>::AccountId, BalanceOf<T>>;

#[frame_support::pallet]
pub mod pallet {
    use super::*;
    use alloc::vec::Vec;
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;
    use lantern_primitives::{traits::ProviderLedger, ModelId, ModelSpec};
    use sp_runtime::Permill;

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    /// Why funds are on hold.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// Deposit of a model's owner for its record.
        #[codec(index = 0)]
        Deposit,
        /// Deposit of a provider for its posted prices.
        #[codec(index = 1)]
        Price,
    }

    #[pallet::config]
    pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
        /// The runtime's hold reason.
        type RuntimeHoldReason: From<HoldReason>;

        /// What deposits are held in.
        type Currency: fungible::Mutate<Self::AccountId>
            + fungible::MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

        /// Says who may post prices.
        type Providers: ProviderLedger<Self::AccountId, BalanceOf<Self>>;

        /// Largest royalty that an owner may ask.
        type MaxRoyalty: Get<Permill>;

        /// Deposit for a model.
        type ModelDeposit: Get<BalanceOf<Self>>;

        /// Deposit for a posted price.
        type PriceDeposit: Get<BalanceOf<Self>>;

        /// Least price per whole compute unit.
        type MinPrice: Get<BalanceOf<Self>>;

        /// Weights of the calls.
        type WeightInfo: WeightInfo;
    }

    /// Every model by its id.
    // Identity: ids are BLAKE2b-256 hashes.
    #[pallet::storage]
    pub type Models<T: Config> = CountedStorageMap<_, Identity, ModelId, ModelOf<T>>;

    /// Price per whole compute unit by provider and model.
    // Blake2_128Concat: accounts are chosen by their owners, so the key must not be grindable. Identity: ids are hashes.
    #[pallet::storage]
    pub type Prices<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Identity, ModelId, PostedPrice<BalanceOf<T>>>;

    /// How many prices a provider has posted.
    // Blake2_128Concat: as the first key of `Prices`.
    #[pallet::storage]
    pub type PriceCounts<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, u32, ValueQuery>;

    /// Models and prices of the first block. Providers must be set up by then, and owners funded.
    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// The models.
        pub models: Vec<GenesisModel<T::AccountId>>,
        /// Prices per whole compute unit: provider, model id, price.
        pub prices: Vec<(T::AccountId, ModelId, BalanceOf<T>)>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            for model in &self.models {
                Pallet::<T>::do_register_at_genesis(model).expect(
                    "a genesis model must be valid and its owner funded; a chain without it must not start; qed",
                );
            }
            for (provider, model, price) in &self.prices {
                Pallet::<T>::do_post_price(provider, *model, *price)
                    .expect("a genesis price needs an active provider and a known model; qed");
            }
        }
    }

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A model was registered.
        Registered {
            /// Its id.
            model: ModelId,
            /// Its owner.
            owner: T::AccountId,
            /// Part of every fee for the owner.
            royalty: Permill,
        },
        /// A model's royalty changed. Jobs submitted before keep the old one.
        RoyaltySet {
            /// The model.
            model: ModelId,
            /// Part of every later job's fee for the owner.
            royalty: Permill,
        },
        /// A model has a new owner.
        OwnershipTransferred {
            /// The model.
            model: ModelId,
            /// Who owned it.
            from: T::AccountId,
            /// Who owns it, and its deposit.
            to: T::AccountId,
        },
        /// A model was opened for new jobs, or closed.
        ActivitySet {
            /// The model.
            model: ModelId,
            /// Whether new jobs may name it.
            active: bool,
        },
        /// A provider posted or changed a price.
        PricePosted {
            /// The provider.
            provider: T::AccountId,
            /// The model.
            model: ModelId,
            /// Per whole compute unit.
            price: BalanceOf<T>,
        },
        /// A provider withdrew a price.
        PriceWithdrawn {
            /// The provider.
            provider: T::AccountId,
            /// The model.
            model: ModelId,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// A model with this specification and weights root exists.
        AlreadyRegistered,
        /// No such model.
        UnknownModel,
        /// A parent is not registered.
        UnknownParent,
        /// A parent is named twice.
        DuplicateParent,
        /// The royalty is over the cap.
        RoyaltyTooHigh,
        /// The specification names an arithmetic that this chain does not define.
        UnknownArithmetic,
        /// A dimension of the specification is zero.
        ZeroDimension,
        /// A dimension of the specification is over the arithmetic's bound.
        DimensionTooLarge,
        /// The head dimension is odd.
        OddHeadDim,
        /// The head counts do not fit together.
        HeadsMismatch,
        /// The epsilon of the norms is too small.
        NormEpsTooSmall,
        /// The rotary base or its scaling is out of range.
        BadRope,
        /// The caller does not own the model.
        NotOwner,
        /// The account owns the model already.
        AlreadyOwner,
        /// The model takes no new jobs.
        InactiveModel,
        /// The caller is not an active provider.
        NotActiveProvider,
        /// The price is under the floor.
        PriceTooLow,
        /// The provider has as many prices as it may have; withdraw one first.
        TooManyPrices,
        /// The caller posted no price for the model.
        NoPrice,
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
        /// Registers a model, owned by the caller and open for jobs.
        ///
        /// Origin: signed. The model's id is the hash of `spec` and `weights_root`. A deposit is held for good; it passes on with
        /// the ownership.
        ///
        /// Errors: `AlreadyRegistered`, `RoyaltyTooHigh`, `UnknownParent`, `DuplicateParent`, one per cause of an invalid
        /// specification (`UnknownArithmetic` to `BadRope`), and the currency's. Events: `Registered`.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::register(parents.len() as u32))]
        pub fn register(
            origin: OriginFor<T>,
            name: Name,
            spec: ModelSpec,
            weights_root: [u8; 32],
            royalty: Permill,
            parents: Parents,
        ) -> DispatchResult {
            let owner = ensure_signed(origin)?;
            Self::do_register(&owner, name, spec, weights_root, royalty, parents).map(|_| ())
        }

        /// Changes the royalty for jobs submitted from now on.
        ///
        /// Origin: signed by the owner. Errors: `UnknownModel`, `NotOwner`, `RoyaltyTooHigh`. Events: `RoyaltySet`.
        #[pallet::call_index(1)]
        pub fn set_royalty(origin: OriginFor<T>, model: ModelId, royalty: Permill) -> DispatchResult {
            let owner = ensure_signed(origin)?;
            Self::do_set_royalty(&owner, model, royalty)
        }

        /// Gives the model and its deposit to another account, which must exist.
        ///
        /// Origin: signed by the owner. Errors: `UnknownModel`, `NotOwner`, `AlreadyOwner`, and the currency's. Events:
        /// `OwnershipTransferred`.
        #[pallet::call_index(2)]
        pub fn transfer_ownership(origin: OriginFor<T>, model: ModelId, to: T::AccountId) -> DispatchResult {
            let owner = ensure_signed(origin)?;
            Self::do_transfer_ownership(&owner, model, to)
        }

        /// Opens the model for new jobs, or closes it. Jobs submitted before go on.
        ///
        /// Origin: signed by the owner. Errors: `UnknownModel`, `NotOwner`. Events: `ActivitySet`.
        #[pallet::call_index(3)]
        pub fn set_active(origin: OriginFor<T>, model: ModelId, active: bool) -> DispatchResult {
            let owner = ensure_signed(origin)?;
            Self::do_set_active(&owner, model, active)
        }

        /// Posts or changes the caller's price per whole compute unit for a model.
        ///
        /// Origin: signed by an active provider. A new price holds a deposit. Jobs claimed before keep the old price.
        ///
        /// Errors: `NotActiveProvider`, `PriceTooLow`, `UnknownModel`, `InactiveModel`, `TooManyPrices`, and the currency's.
        /// Events: `PricePosted`.
        #[pallet::call_index(4)]
        pub fn post_price(
            origin: OriginFor<T>,
            model: ModelId,
            #[pallet::compact] price: BalanceOf<T>,
        ) -> DispatchResult {
            let provider = ensure_signed(origin)?;
            Self::do_post_price(&provider, model, price)
        }

        /// Withdraws the caller's price for a model and returns its deposit.
        ///
        /// Origin: signed by whoever posted it, a provider still or not. Errors: `NoPrice`. Events: `PriceWithdrawn`.
        #[pallet::call_index(5)]
        pub fn withdraw_price(origin: OriginFor<T>, model: ModelId) -> DispatchResult {
            let provider = ensure_signed(origin)?;
            Self::do_withdraw_price(&provider, model)
        }
    }
}
