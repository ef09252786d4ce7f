//! The worker key: the hot sr25519 key with which a provider's node signs claims and results.

use codec::Encode;
use sp_core::{crypto::KeyTypeId, H256};

use crate::{job::ResultCommitment, JobId};

/// Key type of worker keys in a node's keystore.
pub const WORKER_KEY_TYPE: KeyTypeId = KeyTypeId(*b"lwrk");

mod app {
    use super::WORKER_KEY_TYPE;
    use sp_application_crypto::{app_crypto, sr25519};
    app_crypto!(sr25519, WORKER_KEY_TYPE);
}

/// Public half of a worker key.
pub type WorkerId = app::Public;
/// Signature by a worker key.
pub type WorkerSignature = app::Signature;
#[cfg(feature = "std")]
/// Key pair of a worker key; only tests and tools hold one in memory.
pub type WorkerPair = app::Pair;

/// Bytes that a worker key signs to prove that the owner of `account` holds it, when the account registers it.
///
/// Without the proof anyone could register another's key first and so keep it out of its owner's hands.
pub fn worker_payload<AccountId: Encode>(genesis: H256, account: &AccountId) -> alloc::vec::Vec<u8> {
    (b"lantern/worker/1", genesis, account).encode()
}

/// Bytes that a worker key signs to claim `job`.
///
/// `genesis` binds the signature to one chain. `work` ([`Job::work`](crate::job::Job::work)) binds it to what the job asks
/// for: forks give the same id to different jobs, and a provider must not be held to one that it never saw.
pub fn claim_payload(genesis: H256, job: JobId, work: H256) -> alloc::vec::Vec<u8> {
    (b"lantern/claim/1", genesis, job, work).encode()
}

/// Bytes that a worker key signs to commit a result for `job`; `work` as in [`claim_payload`].
pub fn result_payload(genesis: H256, job: JobId, work: H256, commitment: &ResultCommitment) -> alloc::vec::Vec<u8> {
    (b"lantern/result/1", genesis, job, work, commitment).encode()
}
