//! Sends transactions, so many at a time, and keeps count of what the node refused.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use subxt::{config::substrate::H256, rpcs::client::rpc_params};
use tokio::{sync::Semaphore, task::JoinHandle};

use crate::{chain::Chain, failure::Failure, market::Bytes};

/// Requests under way at a time.
const AT_A_TIME: usize = 64;

/// Sends transactions over one connection.
#[derive(Clone)]
pub struct Sender {
    chain: Chain,
    permits: Arc<Semaphore>,
    refused: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Sender {
    /// A sender over `chain`.
    pub fn new(chain: Chain) -> Self {
        Self {
            chain,
            permits: Arc::new(Semaphore::new(AT_A_TIME)),
            refused: Default::default(),
        }
    }

    /// Sends what `make` makes, and returns whether the pool took it.
    pub fn send(
        &self,
        make: impl FnOnce() -> Result<Bytes, Failure> + Send + 'static,
    ) -> JoinHandle<Result<bool, Failure>> {
        let sender = self.clone();
        tokio::spawn(async move {
            let Ok(_permit) = sender.permits.acquire().await else {
                return Ok(false);
            };
            let bytes = format!("0x{}", hex::encode(make()?));
            let sent = sender
                .chain
                .request::<H256>("author_submitExtrinsic", rpc_params![bytes])
                .await;
            match sent {
                Ok(_) => Ok(true),
                Err(lost @ Failure::Connection(_)) => Err(lost),
                Err(refusal) => {
                    let mut refused = sender.refused.lock().unwrap_or_else(PoisonError::into_inner);
                    *refused.entry(refusal.to_string()).or_default() += 1;
                    Ok(false)
                },
            }
        })
    }

    /// What the node refused so far, with its words.
    pub fn refused(&self) -> BTreeMap<String, usize> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Panics and lost connections of sent transactions as an error, and how many the pool took.
    pub async fn taken(handles: Vec<JoinHandle<Result<bool, Failure>>>) -> Result<usize, Failure> {
        let mut taken = 0;
        for handle in handles {
            let sent = handle
                .await
                .map_err(|error| Failure::Outcome(format!("a sending task ended: {error}")))?;
            taken += usize::from(sent?);
        }
        Ok(taken)
    }
}
