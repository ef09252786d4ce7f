//! The worker keys in the node's keystore.

use lantern_primitives::{
    crypto::{claim_payload, worker_payload, WorkerId, WorkerSignature, WORKER_KEY_TYPE},
    AccountId, JobId, H256,
};
use sp_core::sr25519;
use sp_keystore::KeystorePtr;

use super::Error;

/// The worker keys that this node holds.
pub struct Keys {
    keystore: KeystorePtr,
    genesis: H256,
    preferred: sr25519::Public,
}

impl Keys {
    /// Opens the keystore. `suri` adds a key that is kept in memory; without it, and without a key in the keystore, one is
    /// made.
    ///
    /// # Errors
    /// When `suri` is no secret or the keystore cannot be written.
    pub fn open(keystore: KeystorePtr, genesis: H256, suri: Option<&str>) -> Result<Self, Error> {
        let generate = |suri| {
            keystore
                .sr25519_generate_new(WORKER_KEY_TYPE, suri)
                .map_err(|error| Error::Keystore(error.to_string()))
        };
        let mut known = keystore.sr25519_public_keys(WORKER_KEY_TYPE);
        known.sort_unstable();
        let preferred = match (suri, known.first()) {
            (Some(suri), _) => generate(Some(suri))?,
            (None, Some(first)) => *first,
            (None, None) => generate(None)?,
        };
        Ok(Self {
            keystore,
            genesis,
            preferred,
        })
    }

    /// All keys, the preferred one first. Keys that were inserted over RPC since the start are among them.
    pub fn all(&self) -> Vec<WorkerId> {
        let mut keys = self.keystore.sr25519_public_keys(WORKER_KEY_TYPE);
        keys.sort_unstable();
        keys.retain(|key| *key != self.preferred);
        std::iter::once(self.preferred).chain(keys).map(Into::into).collect()
    }

    /// The keystore.
    #[cfg(test)]
    pub fn keystore(&self) -> KeystorePtr {
        self.keystore.clone()
    }

    fn sign(&self, key: &WorkerId, payload: &[u8]) -> Result<WorkerSignature, Error> {
        let public: &sr25519::Public = key.as_ref();
        match self.keystore.sr25519_sign(WORKER_KEY_TYPE, public, payload) {
            Ok(Some(signature)) => Ok(signature.into()),
            Ok(None) => Err(Error::Keystore("it has left the keystore".into())),
            Err(error) => Err(Error::Keystore(error.to_string())),
        }
    }

    /// Signs the claim of `job`, which asks for `work`.
    ///
    /// # Errors
    /// When the key has left the keystore.
    pub fn sign_claim(&self, key: &WorkerId, job: JobId, work: H256) -> Result<WorkerSignature, Error> {
        self.sign(key, &claim_payload(self.genesis, job, work))
    }

    /// Signs that this node holds `key` and means it to serve `account`.
    ///
    /// # Errors
    /// When the key has left the keystore.
    pub fn prove(&self, key: &WorkerId, account: &AccountId) -> Result<WorkerSignature, Error> {
        self.sign(key, &worker_payload(self.genesis, account))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sp_application_crypto::RuntimeAppPublic;
    use sp_keystore::testing::MemoryKeystore;

    use super::*;

    #[test]
    fn key_is_made_once_and_a_suri_goes_first() {
        let keystore: KeystorePtr = Arc::new(MemoryKeystore::new());
        let made = Keys::open(keystore.clone(), H256::zero(), None).expect("opens").all();
        assert_eq!(made.len(), 1);
        let again = Keys::open(keystore.clone(), H256::zero(), None).expect("opens").all();
        assert_eq!(again, made);
        let with_suri = Keys::open(keystore.clone(), H256::zero(), Some("//Provider//worker"))
            .expect("opens")
            .all();
        assert_eq!(with_suri.len(), 2);
        assert_ne!(with_suri[0], made[0]);
        assert!(Keys::open(keystore, H256::zero(), Some("no secret")).is_err());
    }

    #[test]
    fn signatures_are_bound_to_chain_and_purpose() {
        let keys = |genesis| Keys::open(Arc::new(MemoryKeystore::new()), genesis, Some("//W")).expect("opens");
        let here = keys(H256::repeat_byte(1));
        let key = here.all().remove(0);
        let work = H256::repeat_byte(3);
        let signature = here.sign_claim(&key, 7, work).expect("signs");
        assert!(key.verify(&claim_payload(H256::repeat_byte(1), 7, work), &signature));
        assert!(!key.verify(&claim_payload(H256::repeat_byte(2), 7, work), &signature));
        assert!(!key.verify(&claim_payload(H256::repeat_byte(1), 8, work), &signature));
        assert!(!key.verify(&claim_payload(H256::repeat_byte(1), 7, H256::zero()), &signature));
        let account = AccountId::new([5; 32]);
        let proof = here.prove(&key, &account).expect("signs");
        assert!(key.verify(&worker_payload(H256::repeat_byte(1), &account), &proof));
    }
}
