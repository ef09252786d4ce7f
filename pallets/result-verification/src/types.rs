//! Records of results under verification.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use lantern_primitives::job::ResultCommitment;
use scale_info::TypeInfo;

/// A committed result that has not settled: what an auditor or challenger has to contradict.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct PendingResult<AccountId, BlockNumber> {
    /// Who committed it.
    pub provider: AccountId,
    /// The result.
    pub commitment: ResultCommitment,
    /// Block of the commitment.
    pub committed_at: BlockNumber,
    /// Last block of the window.
    pub window_ends: BlockNumber,
}
