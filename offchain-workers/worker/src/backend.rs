//! What the queue and the server need of an engine. They know no model, no device and no chain.

use std::{
    collections::HashMap,
    sync::{atomic::AtomicBool, Arc},
};

use lantern_worker_protocol::{Bytes, Execute, FailureKind, Hash, ModelInfo, Usage};

/// Why an execution has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For programs.
    pub kind: FailureKind,
    /// For people.
    pub message: String,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The failure of a cancelled execution.
    pub fn cancelled() -> Self {
        Self::new(FailureKind::Cancelled, "the execution was cancelled")
    }
}

/// Result of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Token ids as u32 little endian, or an embedding as i32 little endian.
    pub output: Bytes,
    /// Tokens used.
    pub usage: Usage,
    /// Merkle root over the trace.
    pub trace_root: Hash,
}

/// An engine with its models loaded. One thread owns it.
pub trait Backend: Send + 'static {
    /// Runs `job` and reports every token of a generation. Stops soon after `cancelled` is set.
    ///
    /// # Errors
    /// [`FailureKind::UnknownModel`], [`FailureKind::BadInput`], [`FailureKind::Cancelled`] or
    /// [`FailureKind::Internal`].
    fn execute(
        &mut self,
        job: &Execute,
        cancelled: &AtomicBool,
        on_token: &mut dyn FnMut(u32),
    ) -> Result<Finished, Failure>;
}

/// Text to tokens and back for one model. Used by many threads while the engine computes.
pub trait Vocabulary: Send + Sync + 'static {
    /// Token ids of `text`, special tokens included.
    ///
    /// # Errors
    /// Why the text cannot be turned into tokens.
    fn encode(&self, text: &str) -> Result<Vec<u32>, String>;

    /// Text of `tokens`, special tokens left out.
    ///
    /// # Errors
    /// When a token is outside the vocabulary.
    fn decode(&self, tokens: &[u32]) -> Result<String, String>;
}

/// The loaded models, as the server shows them.
#[derive(Clone, Default)]
pub struct Catalog {
    /// In the order in which they were named.
    pub models: Vec<ModelInfo>,
    /// By model id.
    pub vocabularies: HashMap<Hash, Arc<dyn Vocabulary>>,
}
