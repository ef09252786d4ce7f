//! Records of the pallet. The job itself is in [`lantern_primitives::job`].

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_system::pallet_prelude::BlockNumberFor;
use lantern_exact::spec::{ModelKind, ParamsError};
use lantern_primitives::{
    job::{Job, JobState},
    Balance, ComputeUnits, JobId, JobParams, ModelId, ModelSpec, H256,
};
use scale_info::TypeInfo;
use sp_runtime::Saturating;

use crate::pallet::{Config, Error};

/// A job in this runtime.
pub type JobOf<T> = Job<<T as frame_system::Config>::AccountId, Balance, BlockNumberFor<T>>;
/// The state of a job in this runtime.
pub type StateOf<T> = JobState<<T as frame_system::Config>::AccountId, Balance, BlockNumberFor<T>>;

/// A job's id as a key whose bytes are in the order of ids.
pub type OrderedId = [u8; 8];

/// `id` as such a key.
pub(crate) fn order(id: JobId) -> OrderedId {
    id.to_be_bytes()
}

/// Totals over all jobs.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Totals {
    /// Jobs waiting for a claim.
    pub open: u32,
    /// Jobs claimed or committed.
    pub in_flight: u32,
    /// Jobs ever settled.
    pub settled: u64,
    /// Compute units ever settled, in millionths.
    pub units_settled: u128,
    /// Fees held in escrow.
    pub escrowed: Balance,
}

/// Numbers that runtime APIs show.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct Stats {
    /// Jobs ever submitted.
    pub submitted: JobId,
    /// Totals over all jobs.
    pub totals: Totals,
}

/// What a requester asks for.
pub(crate) struct Order<AccountId> {
    pub requester: AccountId,
    pub model: ModelId,
    pub input: Vec<u8>,
    pub input_hash: H256,
    pub params: JobParams,
    pub max_fee: Balance,
    pub only: Option<AccountId>,
}

/// Compute units of a job in the worst case: the longest output that its parameters allow.
pub(crate) fn worst_case_units(spec: &ModelSpec, prompt_tokens: u32, params: &JobParams) -> ComputeUnits {
    spec.compute_units(prompt_tokens, params.max_output_tokens())
}

/// Bond for a job of at most `worst_fee`. Rounded down, saturating: a bond that saturates is more than anybody has.
pub(crate) fn bond_for(worst_fee: Balance, bond_percent: u32) -> Balance {
    match worst_fee.checked_mul(Balance::from(bond_percent)) {
        Some(product) => product / 100,
        None => Balance::MAX,
    }
}

/// Whether an output may have come from a job: its length and usage fit, and generated tokens are in the vocabulary and end
/// where the job's limit or a stop token ends them.
pub(crate) fn is_plausible_output(spec: &ModelSpec, params: &JobParams, output_tokens: u32, output: &[u8]) -> bool {
    let expected = match spec.kind() {
        ModelKind::Generation => output_tokens.checked_mul(4),
        ModelKind::Embedding => spec.hidden.checked_mul(4),
    };
    if expected.and_then(|len| usize::try_from(len).ok()) != Some(output.len()) {
        return false;
    }
    let generate = match (params, spec.kind()) {
        (JobParams::Generate(generate), ModelKind::Generation) => generate,
        (JobParams::Embed, ModelKind::Embedding) => return output_tokens == 0,
        _ => return false,
    };
    if output_tokens == 0 || output_tokens > generate.max_new_tokens {
        return false;
    }
    let Ok(tokens) = lantern_exact::spec::decode_tokens(output, spec.vocab) else {
        return false;
    };
    // The first stop token is the last token; without one the output has its full length.
    match tokens.iter().position(|token| generate.stop.contains(*token)) {
        Some(stop) => stop.saturating_add(1) == tokens.len(),
        None => output_tokens == generate.max_new_tokens,
    }
}

/// The last block at which a job in this state is not overdue; `None` when it is finished.
pub(crate) fn last_block<T: Config>(state: &StateOf<T>) -> Option<BlockNumberFor<T>> {
    match state {
        JobState::Open { deadline } | JobState::Claimed { deadline, .. } => Some(*deadline),
        JobState::Committed { window_ends, .. } => Some(*window_ends),
        JobState::Settled { .. } | JobState::Cancelled { .. } | JobState::Expired { .. } => None,
    }
}

/// The block in which a job ended; `None` while it is live.
pub(crate) fn finished_at<T: Config>(state: &StateOf<T>) -> Option<BlockNumberFor<T>> {
    match state {
        JobState::Settled { settled_at, .. } => Some(*settled_at),
        JobState::Cancelled { at } | JobState::Expired { at, .. } => Some(*at),
        JobState::Open { .. } | JobState::Claimed { .. } | JobState::Committed { .. } => None,
    }
}

/// The block under which a live job is in the agenda.
pub(crate) fn due<T: Config>(state: &StateOf<T>) -> Option<BlockNumberFor<T>> {
    last_block::<T>(state).map(|last| last.saturating_add(1u32.into()))
}

impl<T> From<ParamsError> for Error<T> {
    fn from(error: ParamsError) -> Self {
        match error {
            ParamsError::WrongKind => Self::WrongJobKind,
            ParamsError::EmptyPrompt => Self::EmptyInput,
            ParamsError::ZeroTokens => Self::ZeroTokens,
            ParamsError::ContextExceeded => Self::ContextExceeded,
            ParamsError::BadTemperature => Self::BadTemperature,
            ParamsError::BadTopK => Self::BadTopK,
            ParamsError::BadTopP => Self::BadTopP,
            ParamsError::UnknownStopToken => Self::UnknownStopToken,
            ParamsError::UnknownToken => Self::UnknownInputToken,
            ParamsError::MisalignedInput => Self::MisalignedInput,
        }
    }
}
