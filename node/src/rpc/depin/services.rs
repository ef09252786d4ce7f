//! What the RPC asks of this node's provider side.
//!
//! The RPC names only this trait, so that a node without a worker serves every read of the chain, and a test needs no worker.

use async_trait::async_trait;
use futures::stream::BoxStream;
use lantern_primitives::{
    crypto::{WorkerId, WorkerSignature},
    AccountId, JobId, ModelId,
};
use lantern_worker_protocol::ChatMessage;
use serde::{Deserialize, Serialize};

/// Tokens that a worker produced for a running job, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenChunk {
    /// Index of the first of `tokens` in the output.
    pub position: u32,
    /// Token ids.
    pub tokens: Vec<u32>,
    /// Their text, as far as it is complete UTF-8; may lag behind `tokens`.
    pub text: String,
}

/// A worker key of this node and the proof that the node holds its secret half.
#[derive(Clone, Debug)]
pub struct WorkerKey {
    /// Public half.
    pub key: WorkerId,
    /// Signature that registration of the key demands.
    pub proof: WorkerSignature,
}

/// Why the provider side could not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// This node runs no worker, or its worker is down.
    #[error("no worker is connected to this node")]
    NoWorker,
    /// The worker does not hold this model, so it has no tokenizer for it.
    #[error("this node's worker does not hold model {0:?}")]
    ModelNotHeld(ModelId),
    /// The request itself was refused, for example a token id outside the vocabulary.
    #[error("{0}")]
    Refused(String),
    /// The worker or the keystore failed.
    #[error("{0}")]
    Failed(String),
}

/// Model services of this node: tokenizer, worker key, live tokens.
#[async_trait]
pub trait ModelServices: Send + Sync + 'static {
    /// Token ids of `text` in the vocabulary of `model`.
    async fn tokenize(&self, model: ModelId, text: String) -> Result<Vec<u32>, ServiceError>;

    /// Token ids of a conversation by the chat template of `model`, with the beginning of the answer.
    async fn tokenize_chat(&self, model: ModelId, messages: Vec<ChatMessage>) -> Result<Vec<u32>, ServiceError>;

    /// Text of `tokens`.
    async fn detokenize(&self, model: ModelId, tokens: Vec<u32>) -> Result<String, ServiceError>;

    /// The worker key with which this node will serve `account`, created on first use.
    async fn worker_key(&self, account: AccountId) -> Result<WorkerKey, ServiceError>;

    /// Tokens of `job` as this node's worker produces them, from the first; `None` when it does not run the job.
    fn token_stream(&self, job: JobId) -> Option<BoxStream<'static, TokenChunk>>;
}

/// Services of a node that is no provider: all of them answer [`ServiceError::NoWorker`].
#[derive(Clone, Copy, Debug, Default)]
pub struct NoServices;

#[async_trait]
impl ModelServices for NoServices {
    async fn tokenize(&self, _: ModelId, _: String) -> Result<Vec<u32>, ServiceError> {
        Err(ServiceError::NoWorker)
    }

    async fn tokenize_chat(&self, _: ModelId, _: Vec<ChatMessage>) -> Result<Vec<u32>, ServiceError> {
        Err(ServiceError::NoWorker)
    }

    async fn detokenize(&self, _: ModelId, _: Vec<u32>) -> Result<String, ServiceError> {
        Err(ServiceError::NoWorker)
    }

    async fn worker_key(&self, _: AccountId) -> Result<WorkerKey, ServiceError> {
        Err(ServiceError::NoWorker)
    }

    fn token_stream(&self, _: JobId) -> Option<BoxStream<'static, TokenChunk>> {
        None
    }
}
