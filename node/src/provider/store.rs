//! The provider's records in the node's persistent offchain database.

use codec::{Decode, DecodeAll, Encode};
use lantern_primitives::{
    content::{content_key, ContentRef},
    crypto::WorkerId,
    mailbox::{entry_key, Entry, INDEX_KEY},
    JobId, H256,
};
use sp_core::offchain::{OffchainStorage, STORAGE_PREFIX};

/// Key of the ledger: a SCALE `Vec<(JobId, H256)>` of jobs that this node has, or may have, claimed, with the digest of
/// each.
pub const LEDGER_KEY: &[u8] = b"lantern/provider/ledger";

/// Why content cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentError {
    /// The database does not hold it, so far.
    Missing,
    /// What the database holds under its hash is something else.
    Corrupt,
}

/// The records. This task is the only writer of all but the content.
pub struct Store<S> {
    storage: S,
}

impl<S: OffchainStorage> Store<S> {
    /// Records in `storage`.
    pub fn new(storage: S) -> Self {
        Self { storage }
    }

    fn read<V: Decode>(&self, key: &[u8]) -> Option<V> {
        let bytes = self.storage.get(STORAGE_PREFIX, key)?;
        V::decode_all(&mut &bytes[..])
            .inspect_err(|error| {
                log::error!(
                    target: super::LOG_TARGET,
                    "the offchain database holds garbage under {}: {error}; it counts as empty",
                    String::from_utf8_lossy(key),
                );
            })
            .ok()
    }

    fn write(&mut self, key: &[u8], value: &impl Encode) {
        self.storage.set(STORAGE_PREFIX, key, &value.encode());
    }

    /// Inline content that offchain indexing kept.
    pub fn content(&self, content: &ContentRef) -> Result<Vec<u8>, ContentError> {
        let bytes = self
            .storage
            .get(STORAGE_PREFIX, &content_key(&content.hash))
            .ok_or(ContentError::Missing)?;
        content.matches(&bytes).then_some(bytes).ok_or(ContentError::Corrupt)
    }

    /// The ledger.
    pub fn ledger(&self) -> Vec<(JobId, H256)> {
        self.read(LEDGER_KEY).unwrap_or_default()
    }

    /// Adds or replaces the record of `job`.
    pub fn note(&mut self, job: JobId, digest: H256) {
        let mut ledger = self.ledger();
        ledger.retain(|(id, _)| *id != job);
        ledger.push((job, digest));
        self.write(LEDGER_KEY, &ledger);
    }

    /// Jobs whose results wait for the courier.
    pub fn mailbox(&self) -> Vec<JobId> {
        self.read(INDEX_KEY).unwrap_or_default()
    }

    /// Puts a result into the mailbox: the payload first, so that the index never names one that is not there.
    pub fn post(&mut self, entry: &Entry) {
        self.write(&entry_key(entry.job), entry);
        let mut index = self.mailbox();
        if !index.contains(&entry.job) {
            index.push(entry.job);
            self.write(INDEX_KEY, &index);
        }
    }

    /// Takes a result out of the mailbox, the index first.
    pub fn withdraw(&mut self, job: JobId) {
        let mut index = self.mailbox();
        if index.contains(&job) {
            index.retain(|id| *id != job);
            self.write(INDEX_KEY, &index);
        }
        self.storage.remove(STORAGE_PREFIX, &entry_key(job));
    }

    /// Makes `worker` the key that signs every waiting result: the one before may have been revoked.
    pub fn sign_over(&mut self, worker: &WorkerId) {
        for job in self.mailbox() {
            match self.read::<Entry>(&entry_key(job)) {
                Some(mut entry) if entry.worker != *worker => {
                    entry.worker = worker.clone();
                    self.write(&entry_key(job), &entry);
                },
                _ => {},
            }
        }
    }

    /// Removes everything about `job`, the ledger's record last.
    pub fn forget(&mut self, job: JobId) {
        self.withdraw(job);
        let mut ledger = self.ledger();
        if ledger.iter().any(|(id, _)| *id == job) {
            ledger.retain(|(id, _)| *id != job);
            self.write(LEDGER_KEY, &ledger);
        }
    }
}
