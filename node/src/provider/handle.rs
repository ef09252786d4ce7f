//! What the provider offers to the rest of the node.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{stream::BoxStream, StreamExt};
use lantern_primitives::{AccountId, JobId, ModelId};
use lantern_worker_protocol::{ChatMessage, Client, ClientError, ErrorKind, Hash};

use super::{keys::Keys, link::Link, streams::Streams};
use crate::rpc::depin::services::{ModelServices, ServiceError, TokenChunk, WorkerKey};

/// The running provider. Clones share it.
#[derive(Clone)]
pub struct ProviderHandle {
    link: Link,
    keys: Arc<Keys>,
    streams: Arc<Streams>,
}

impl ProviderHandle {
    pub(super) fn new(link: Link, keys: Arc<Keys>, streams: Arc<Streams>) -> Self {
        Self { link, keys, streams }
    }

    fn worker(&self) -> Result<Client, ServiceError> {
        self.link.client().ok_or(ServiceError::NoWorker)
    }
}

/// The RPC's error for a worker's.
fn service_error(model: ModelId, error: ClientError) -> ServiceError {
    match error {
        ClientError::Closed | ClientError::Connect(_) | ClientError::Timeout => ServiceError::NoWorker,
        ClientError::Refused {
            kind: ErrorKind::UnknownModel,
            ..
        } => ServiceError::ModelNotHeld(model),
        ClientError::Refused { message, .. } => ServiceError::Refused(message),
        ClientError::Unexpected => ServiceError::Failed(error.to_string()),
    }
}

#[async_trait]
impl ModelServices for ProviderHandle {
    async fn tokenize(&self, model: ModelId, text: String) -> Result<Vec<u32>, ServiceError> {
        self.worker()?
            .tokenize(Hash(model.0), text)
            .await
            .map_err(|error| service_error(model, error))
    }

    async fn tokenize_chat(&self, model: ModelId, messages: Vec<ChatMessage>) -> Result<Vec<u32>, ServiceError> {
        self.worker()?
            .tokenize_chat(Hash(model.0), messages)
            .await
            .map_err(|error| service_error(model, error))
    }

    async fn detokenize(&self, model: ModelId, tokens: Vec<u32>) -> Result<String, ServiceError> {
        self.worker()?
            .detokenize(Hash(model.0), tokens)
            .await
            .map_err(|error| service_error(model, error))
    }

    async fn worker_key(&self, account: AccountId) -> Result<WorkerKey, ServiceError> {
        let key = self.keys.all().into_iter().next().ok_or(ServiceError::NoWorker)?;
        let proof = self
            .keys
            .prove(&key, &account)
            .map_err(|error| ServiceError::Failed(error.to_string()))?;
        Ok(WorkerKey { key, proof })
    }

    fn token_stream(&self, job: JobId) -> Option<BoxStream<'static, TokenChunk>> {
        let stream = self.streams.watch(job)?;
        Some(
            stream
                .map(|chunk| TokenChunk {
                    position: chunk.position,
                    tokens: chunk.tokens,
                    text: chunk.text,
                })
                .boxed(),
        )
    }
}
