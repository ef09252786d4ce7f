//! The mailbox between the node's native provider task and the offchain worker (the courier), in the node's persistent
//! offchain database.
//!
//! The native task is its only writer: it writes an entry's payload first and the index second, and removes both once the
//! chain shows the result. The courier only reads, so that a crash at any point loses and doubles nothing.

use alloc::vec::Vec;
use codec::{Decode, Encode};
use sp_core::H256;

use crate::{content::InlineContent, crypto::WorkerId, job::ResultCommitment, JobId};

/// Key of the index: a SCALE `Vec<JobId>` of the entries waiting.
pub const INDEX_KEY: &[u8] = b"lantern/mailbox/index";

/// Key of the entry of `job`.
pub fn entry_key(job: JobId) -> Vec<u8> {
    [b"lantern/mailbox/entry/".as_slice(), &job.to_be_bytes()].concat()
}

/// A result that waits for submission.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Entry {
    /// The job.
    pub job: JobId,
    /// What the job asked for when it was executed ([`Job::work`](crate::job::Job::work)): on another fork the same id may be
    /// another job.
    pub work: H256,
    /// The key that signs; its secret half is in the node's keystore.
    pub worker: WorkerId,
    /// The commitment.
    pub commitment: ResultCommitment,
    /// The output itself.
    pub output: InlineContent,
}
