//! Life cycle, escrow, deadlines and settlement of jobs.
//!
//! A requester escrows the most that it pays; a provider claims with a bond, commits a result, and is paid when the challenge
//! window closes. Whatever happens, the escrow ends in exactly one of: provider paid, or requester refunded (and compensated
//! out of the bond when the provider missed its deadline).
//!
//! - Claims and results are feeless: the worker key's signature authorises them, see [`Refusal`] for every reason why not.
//! - Each job has one entry in [`Agenda`], under the block at which something falls due. `on_idle` works through due entries
//!   as far as the block's weight reaches and remembers where it stopped; anyone may [`Pallet::poke`] an overdue job.
//! - While a migration stops transactions nobody can meet a deadline, so that none counts until some blocks after it, see
//!   [`GRACE_BLOCKS`].
//! - Governed parameters are read once, at submission, and frozen into the job.
//! - Inputs and outputs live in the nodes' offchain databases only, under
//!   [`content_key`](lantern_primitives::content::content_key).
//! - The offchain worker is a courier: it takes finished results out of the node's mailbox, signs and submits them.
//!
//! Invariants, checked by `try_state`: what the currency holds for [`HoldReason::Escrow`] is, per requester and in all, the sum
//! of `max_fee` of its live jobs; every live job is in exactly one index, the one of its state; every job is in the index of its
//! requester and has exactly one entry in the agenda, and none of it is forgotten; the totals are the sums.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod authorize;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod book;
mod checks;
mod dispatchable_impls;
mod grace;
pub mod migrations;
#[cfg(test)]
mod mock;
mod offchain;
mod refusal;
mod settlement;
mod sweep;
#[cfg(test)]
mod tests;
mod try_state;
mod types;
mod views;
pub mod weights;

pub use authorize::{AUTHORIZED_LONGEVITY, CLAIM_PRIORITY, RESULT_PRIORITY};
pub use grace::GRACE_BLOCKS;
pub use pallet::*;
pub use refusal::Refusal;
pub use types::*;
pub use views::{Filter, MAX_LISTED, MAX_SCANNED};
pub use weights::WeightInfo;

/// Target of log lines.
pub(crate) const LOG_TARGET: &str = "runtime::job-escrow";

// The calls carry what a job needs; a struct around the arguments would only hide it from the metadata.
#[allow(clippy::too_many_arguments)]
#[frame_support::pallet]
pub mod pallet {
    use super::*;
    use alloc::vec::Vec;
    use frame_support::{pallet_prelude::*, traits::fungible, weights::WeightMeter};
    use frame_system::{ensure_authorized, offchain::CreateAuthorizedTransaction, pallet_prelude::*};
    use lantern_primitives::{
        content::ContentRef,
        crypto::{WorkerId, WorkerSignature},
        job::{FeeSplit, ResultCommitment},
        traits::{ModelCatalog, ProviderLedger, RewardSink, Verification},
        Balance, ComputeUnits, JobId, JobParams, ModelId, H256,
    };
    use sp_runtime::Permill;

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(2);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    /// Why funds are on hold.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// The most that the requester's live jobs may cost.
        #[codec(index = 0)]
        Escrow,
    }

    #[pallet::config]
    pub trait Config:
        frame_system::Config<Hash = H256, RuntimeEvent: From<Event<Self>>> + CreateAuthorizedTransaction<Call<Self>>
    {
        /// The runtime's hold reason.
        type RuntimeHoldReason: From<HoldReason>;

        /// What escrow is held and fees are paid in.
        type Currency: fungible::Mutate<Self::AccountId, Balance = Balance>
            + fungible::MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>
            + fungible::BalancedHold<Self::AccountId>;

        /// Providers, their worker keys and their stake.
        type Providers: ProviderLedger<
            Self::AccountId,
            Balance,
            Credit = fungible::Credit<Self::AccountId, Self::Currency>,
        >;

        /// Models and posted prices.
        type Models: ModelCatalog<Self::AccountId, Balance>;

        /// Whether committed results stand.
        type Verification: Verification<Self::AccountId, BlockNumberFor<Self>>;

        /// Counts verified work for emission.
        type Rewards: RewardSink<Self::AccountId, Balance>;

        /// Blocks for which a job waits for a claim.
        type OpenBlocks: Get<BlockNumberFor<Self>>;

        /// Blocks from claim to the latest commitment.
        type ExecutionBlocks: Get<BlockNumberFor<Self>>;

        /// Bond of a claim as a percentage of the worst-case fee.
        type BondPercent: Get<u32>;

        /// Part of the bond lost by a missed deadline, paid to the requester.
        type MissPenalty: Get<Permill>;

        /// Part of a fee that the protocol keeps.
        type ProtocolFee: Get<Permill>;

        /// Part of the protocol fee that is burned.
        type BurnShare: Get<Permill>;

        /// Part of the protocol fee that pays auditors; the treasury receives the rest.
        type AuditShare: Get<Permill>;

        /// Lowest price per compute unit; the quote of a job that names no provider.
        type MinPrice: Get<Balance>;

        /// Blocks for which a finished job stays in state, at least: jobs leave in the order of their ids.
        type Retention: Get<BlockNumberFor<Self>>;

        /// Receives its part of fees, and what nobody else can receive.
        type TreasuryAccount: Get<Self::AccountId>;

        /// Receives the part of fees that pays auditors.
        type AuditPoolAccount: Get<Self::AccountId>;

        /// Weights of calls and hooks.
        type WeightInfo: WeightInfo;
    }

    /// Jobs: live ones, and finished ones until their retention ends.
    // Twox64Concat: ids are sequential, nobody chooses them.
    #[pallet::storage]
    pub type Jobs<T: Config> = StorageMap<_, Twox64Concat, JobId, JobOf<T>>;

    /// The id of the next job, which is also the number of jobs ever submitted.
    #[pallet::storage]
    pub type NextJobId<T: Config> = StorageValue<_, JobId, ValueQuery>;

    /// No job with a lower id is in state; where listings start.
    #[pallet::storage]
    pub type OldestJob<T: Config> = StorageValue<_, JobId, ValueQuery>;

    /// Jobs waiting for a claim.
    // Twox64Concat: as `Jobs`.
    #[pallet::storage]
    pub type OpenJobs<T: Config> = StorageMap<_, Twox64Concat, JobId, ()>;

    /// Jobs claimed or committed, by provider.
    // Blake2_128Concat: accounts are chosen by their owners, so the key must not be grindable. Twox64Concat: as `Jobs`.
    #[pallet::storage]
    pub type Assigned<T: Config> = StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Twox64Concat, JobId, ()>;

    /// Every job in state, by requester and in the order of ids.
    // Blake2_128Concat: as `Assigned`. Identity: ids are sequential, nobody chooses them, and their bytes put them in order.
    #[pallet::storage]
    pub type Requested<T: Config> = StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Identity, OrderedId, ()>;

    /// What falls due at which block: a deadline or a settlement. A double map instead of a list per block, so that a job moves in
    /// constant time and no block has a limit.
    // Twox64Concat twice: block numbers and job ids are sequential, nobody chooses them.
    #[pallet::storage]
    pub type Agenda<T: Config> = StorageDoubleMap<_, Twox64Concat, BlockNumberFor<T>, Twox64Concat, JobId, ()>;

    /// The last block whose agenda is done.
    #[pallet::storage]
    pub type SweptTo<T: Config> = StorageValue<_, BlockNumberFor<T>, ValueQuery>;

    /// Totals over all jobs.
    #[pallet::storage]
    pub type JobTotals<T: Config> = StorageValue<_, Totals, ValueQuery>;

    /// The block from which on a migration lets no transaction in; `None` while they are let in.
    #[pallet::storage]
    pub type StoppedAt<T: Config> = StorageValue<_, BlockNumberFor<T>, OptionQuery>;

    /// Up to this block no deadline counts.
    #[pallet::storage]
    pub type GraceUntil<T: Config> = StorageValue<_, BlockNumberFor<T>, ValueQuery>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A job waits for a claim.
        JobSubmitted {
            /// The job.
            job: JobId,
            /// Who pays.
            requester: T::AccountId,
            /// The model.
            model: ModelId,
            /// Hash and length of the input.
            input: ContentRef,
            /// Escrow: the most that the requester pays.
            max_fee: Balance,
            /// The only provider that may claim, if the requester named one.
            only: Option<T::AccountId>,
            /// Last block at which the job may be claimed.
            deadline: BlockNumberFor<T>,
        },
        /// The requester withdrew an open job and has its escrow back.
        JobCancelled {
            /// The job.
            job: JobId,
            /// The requester.
            requester: T::AccountId,
            /// What came back.
            refund: Balance,
        },
        /// A provider works on a job.
        JobClaimed {
            /// The job.
            job: JobId,
            /// The provider.
            provider: T::AccountId,
            /// Price per compute unit.
            price: Balance,
            /// Stake locked for the job.
            bond: Balance,
            /// Last block at which the result may be committed.
            deadline: BlockNumberFor<T>,
        },
        /// A provider committed a result.
        ResultCommitted {
            /// The job.
            job: JobId,
            /// The provider.
            provider: T::AccountId,
            /// The result.
            commitment: ResultCommitment,
            /// Fee for the work.
            fee: Balance,
            /// Compute units of the work, in millionths.
            units: ComputeUnits,
            /// Last block of the challenge window.
            window_ends: BlockNumberFor<T>,
        },
        /// The window of a result was prolonged, because verification has not finished.
        SettlementDeferred {
            /// The job.
            job: JobId,
            /// The provider.
            provider: T::AccountId,
            /// Last block of the window as it is now.
            window_ends: BlockNumberFor<T>,
        },
        /// A job was paid.
        JobSettled {
            /// The job.
            job: JobId,
            /// The provider.
            provider: T::AccountId,
            /// Who received how much.
            split: FeeSplit<Balance>,
            /// Part of the escrow that went back to the requester.
            refund: Balance,
        },
        /// A deadline passed and the requester has its escrow back.
        JobExpired {
            /// The job.
            job: JobId,
            /// The provider that missed its deadline, if the job had been claimed.
            provider: Option<T::AccountId>,
            /// What came back.
            refund: Balance,
            /// What the requester received from the provider's bond on top.
            compensation: Balance,
        },
        /// A migration has let no transaction in: no deadline counts for some blocks more.
        GraceGiven {
            /// The last of them.
            until: BlockNumberFor<T>,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// No such model.
        UnknownModel,
        /// The model takes no new jobs.
        InactiveModel,
        /// The input exceeds 32 KiB.
        InputTooLarge,
        /// The input does not have the stated hash.
        InputHashMismatch,
        /// The input is not a whole number of 4-byte token ids.
        MisalignedInput,
        /// The input has no tokens.
        EmptyInput,
        /// An input token is not in the model's vocabulary.
        UnknownInputToken,
        /// Generation asked of an embedding model, or the reverse.
        WrongJobKind,
        /// The job asks for no output tokens.
        ZeroTokens,
        /// Input and output together exceed the model's context.
        ContextExceeded,
        /// The temperature is out of range.
        BadTemperature,
        /// `top_k` exceeds the vocabulary.
        BadTopK,
        /// `top_p` is out of range.
        BadTopP,
        /// A stop token is not in the model's vocabulary.
        UnknownStopToken,
        /// The output may exceed, or exceeds, 32 KiB.
        OutputTooLarge,
        /// The provider is not registered or takes no work.
        ProviderNotActive,
        /// The provider posted no price for the model.
        NoPrice,
        /// `max_fee` is under what the job may cost.
        FeeBelowQuote,
        /// Job ids are used up.
        TooManyJobs,
        /// No such job.
        UnknownJob,
        /// Only the job's requester may do this.
        NotRequester,
        /// The job is not open: claimed, finished or cancelled.
        JobNotOpen,
        /// The deadline has passed.
        DeadlinePassed,
        /// The worker key is unknown or revoked.
        UnknownWorkerKey,
        /// The signature is not the worker key's over this payload.
        BadSignature,
        /// The requester named another provider.
        NotForThisProvider,
        /// At the provider's price the job may cost more than its escrow.
        FeeAboveMax,
        /// The provider has less free stake than the bond.
        InsufficientFreeStake,
        /// The job is not claimed.
        JobNotClaimed,
        /// Another provider claimed the job.
        NotAssigned,
        /// A result is committed already.
        AlreadyCommitted,
        /// The output does not have the committed hash and length.
        OutputMismatch,
        /// The usage or the output cannot come from this job.
        ImpossibleUsage,
        /// Nothing about the job is overdue.
        NotOverdue,
        /// The job is finished.
        JobFinished,
        /// Verification has not finished.
        UnderVerification,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_idle(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
            let mut meter = WeightMeter::with_limit(remaining);
            Self::sweep(now, &mut meter);
            meter.consumed()
        }

        fn offchain_worker(now: BlockNumberFor<T>) {
            Self::run_courier(now);
        }

        fn integrity_test() {
            let step = Self::largest_step();
            let block = T::BlockWeights::get().max_block;
            assert!(
                step.all_lt(block),
                "one step of the sweep ({step}) must fit into a block ({block}), or overdue jobs wait forever"
            );
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_now: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call(weight = T::WeightInfo)]
    impl<T: Config> Pallet<T> {
        /// Submits a job and escrows the most that it may cost.
        ///
        /// Origin: signed by the requester. `input` is token ids as u32 LE, at most 32 KiB, and must have the BLAKE2b-256 hash
        /// `input_hash`. `max_fee` must cover the longest output at the price of `provider`, or at the lowest price when none
        /// is named. Errors: `InputTooLarge`, `InputHashMismatch`, `UnknownModel`, `InactiveModel`, every error of the
        /// parameters, `OutputTooLarge`, `ProviderNotActive`, `NoPrice`, `FeeBelowQuote`, and those of the hold. Events:
        /// `JobSubmitted`.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::submit_job(len(input)))]
        pub fn submit_job(
            origin: OriginFor<T>,
            model: ModelId,
            input: Vec<u8>,
            input_hash: H256,
            params: JobParams,
            #[pallet::compact] max_fee: Balance,
            provider: Option<T::AccountId>,
        ) -> DispatchResult {
            let requester = ensure_signed(origin)?;
            let order = Order {
                requester,
                model,
                input,
                input_hash,
                params,
                max_fee,
                only: provider,
            };
            Self::do_submit_job(order)
        }

        /// Withdraws an open job; the whole escrow comes back.
        ///
        /// Origin: signed by the requester. Errors: `UnknownJob`, `NotRequester`, `JobNotOpen`. Events: `JobCancelled`.
        #[pallet::call_index(1)]
        pub fn cancel_job(origin: OriginFor<T>, #[pallet::compact] job: JobId) -> DispatchResult {
            let requester = ensure_signed(origin)?;
            Self::do_cancel_job(&requester, job)
        }

        /// Claims an open job for the provider of a worker key, at its posted price, and locks the bond.
        ///
        /// Origin: authorised by `signature`, which is the worker key's over
        /// [`claim_payload`](lantern_primitives::crypto::claim_payload); feeless. Errors: as in [`Refusal`]. Events:
        /// `JobClaimed`.
        #[pallet::call_index(2)]
        #[pallet::authorize(Self::authorize_claim)]
        // Both read the same entries, so they are weighed together, as the call.
        #[pallet::weight_of_authorize(Weight::zero())]
        pub fn claim_job(
            origin: OriginFor<T>,
            #[pallet::compact] job: JobId,
            worker: WorkerId,
            signature: WorkerSignature,
        ) -> DispatchResult {
            ensure_authorized(origin)?;
            // Authorisation has verified it.
            let _ = signature;
            Self::do_claim_job(job, &worker)
        }

        /// Commits the result of a claimed job.
        ///
        /// Origin: authorised by `signature`, which is the worker key's over
        /// [`result_payload`](lantern_primitives::crypto::result_payload); feeless. Any worker key of the provider that claimed
        /// will do. Errors: as in [`Refusal`]. Events: `ResultCommitted`.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::submit_result(len(output)))]
        #[pallet::authorize(Self::authorize_result)]
        #[pallet::weight_of_authorize(Weight::zero())]
        pub fn submit_result(
            origin: OriginFor<T>,
            #[pallet::compact] job: JobId,
            worker: WorkerId,
            commitment: ResultCommitment,
            output: Vec<u8>,
            signature: WorkerSignature,
        ) -> DispatchResult {
            ensure_authorized(origin)?;
            // Authorisation has verified it.
            let _ = signature;
            Self::do_submit_result(job, &worker, &commitment, &output)
        }

        /// Settles or expires an overdue job now, without waiting for the sweep. Free of charge when it was overdue.
        ///
        /// Origin: signed by anyone. Errors: `UnknownJob`, `JobFinished`, `NotOverdue`, `UnderVerification`. Events:
        /// `JobSettled` or `JobExpired`.
        #[pallet::call_index(4)]
        pub fn poke(origin: OriginFor<T>, #[pallet::compact] job: JobId) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            Self::do_poke(job)?;
            Ok(Pays::No.into())
        }
    }

    /// Length for a weight. What exceeds the largest u32 is refused by the block's length long before.
    fn len(bytes: &[u8]) -> u32 {
        u32::try_from(bytes.len()).unwrap_or(u32::MAX)
    }
}
