//! Records of a job's life (DESIGN §3).

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use lantern_exact::spec::{JobParams, Usage};
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::Permill;

use crate::{content::ContentRef, ComputeUnits, ModelId};

/// What a provider commits on-chain about a finished job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct ResultCommitment {
    /// The output: token ids as u32 LE for generation, i32 LE fixed point for embeddings.
    pub output: ContentRef,
    /// Tokens processed, checked against the job and the output's length.
    pub usage: Usage,
    /// Merkle root over the trace of the whole forward pass.
    pub trace_root: H256,
}

/// Governed parameters as they stood when the job was submitted; later changes never reach it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct FrozenTerms<BlockNumber> {
    /// Blocks from claim to the latest commitment.
    pub execution_blocks: BlockNumber,
    /// Blocks from commitment to settlement.
    pub challenge_window: BlockNumber,
    /// Bond as a percentage of the fee (200 = twice the fee).
    pub bond_percent: u32,
    /// Part of the bond that a provider loses when it misses its deadline.
    pub miss_penalty: Permill,
    /// Part of the fee that the model's owner receives.
    pub royalty: Permill,
    /// Part of the fee that the protocol keeps.
    pub protocol_fee: Permill,
    /// Part of the protocol fee that is burned.
    pub burn_share: Permill,
    /// Part of the protocol fee that pays auditors; the rest goes to the treasury.
    pub audit_share: Permill,
}

/// How a settled fee was divided; the parts sum to `fee`.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct FeeSplit<Balance> {
    /// The whole fee.
    pub fee: Balance,
    /// To the provider.
    pub provider: Balance,
    /// To the model's owner.
    pub royalty: Balance,
    /// To the pool that pays auditors.
    pub audit_pool: Balance,
    /// Burned.
    pub burned: Balance,
    /// To the treasury, with the dust of every rounding.
    pub treasury: Balance,
}

/// Where a job stands, with the data of that state.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum JobState<AccountId, Balance, BlockNumber> {
    /// Waiting for a claim until `deadline`.
    Open {
        /// Last block at which it may be claimed.
        deadline: BlockNumber,
    },
    /// A provider works on it until `deadline`.
    Claimed {
        /// The provider.
        provider: AccountId,
        /// Its posted price per compute unit at the claim.
        price: Balance,
        /// Stake locked for this job.
        bond: Balance,
        /// Block of the claim.
        claimed_at: BlockNumber,
        /// Last block at which the result may be committed.
        deadline: BlockNumber,
    },
    /// A result is committed and settles after `window_ends`.
    Committed {
        /// The provider.
        provider: AccountId,
        /// Fee for the work done, at most the job's `max_fee`.
        fee: Balance,
        /// Stake locked for this job.
        bond: Balance,
        /// Block of the claim.
        claimed_at: BlockNumber,
        /// Block of the commitment.
        committed_at: BlockNumber,
        /// Last block of the challenge window.
        window_ends: BlockNumber,
        /// The result.
        commitment: ResultCommitment,
        /// Compute units of the work, in millionths.
        units: ComputeUnits,
    },
    /// Paid. Final.
    Settled {
        /// The provider.
        provider: AccountId,
        /// Block of the claim.
        claimed_at: BlockNumber,
        /// Block of the commitment.
        committed_at: BlockNumber,
        /// Block of the settlement.
        settled_at: BlockNumber,
        /// The result.
        commitment: ResultCommitment,
        /// Compute units of the work, in millionths.
        units: ComputeUnits,
        /// Who received how much.
        split: FeeSplit<Balance>,
        /// Part of the escrow that went back to the requester.
        refund: Balance,
    },
    /// Withdrawn by the requester while open, escrow refunded. Final.
    Cancelled {
        /// Block of the cancellation.
        at: BlockNumber,
    },
    /// A deadline passed, escrow refunded. Final.
    Expired {
        /// Block of the expiry.
        at: BlockNumber,
        /// The provider that missed its deadline, if it had been claimed.
        provider: Option<AccountId>,
        /// What the requester received from the provider's bond.
        compensation: Balance,
    },
}

/// One job.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Job<AccountId, Balance, BlockNumber> {
    /// Who pays.
    pub requester: AccountId,
    /// The model.
    pub model: ModelId,
    /// Token ids as u32 LE.
    pub input: ContentRef,
    /// Prompt tokens in the input.
    pub prompt_tokens: u32,
    /// What to do with the input.
    pub params: JobParams,
    /// Escrow: the most that the requester pays.
    pub max_fee: Balance,
    /// The only provider that may claim, if the requester named one.
    pub only: Option<AccountId>,
    /// Block of the submission.
    pub submitted_at: BlockNumber,
    /// Parameters frozen at submission.
    pub terms: FrozenTerms<BlockNumber>,
    /// Where it stands.
    pub state: JobState<AccountId, Balance, BlockNumber>,
}

impl<AccountId, Balance, BlockNumber> Job<AccountId, Balance, BlockNumber> {
    /// Digest of everything that the result depends on: model, input and parameters. Two jobs of one id on two forks are the
    /// same work for a provider exactly when this is equal; the worker key's signatures cover it.
    pub fn work(&self) -> H256 {
        H256(sp_io::hashing::blake2_256(
            &(b"lantern/work/1", self.model, self.input, self.params).encode(),
        ))
    }
}
