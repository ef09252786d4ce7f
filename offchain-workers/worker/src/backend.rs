//! What the queue and the server need of an engine. They know no model, no device and no chain.

use std::{
    collections::HashMap,
    sync::{atomic::AtomicBool, Arc},
};

use lantern_worker_protocol::{Bytes, ChatMessage, Execute, FailureKind, Hash, Memory, ModelInfo, Usage};

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

/// Names one run of one job: a replaced or cancelled run must not be taken for its successor.
pub type RunId = u64;

/// What happened to a run in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It produced a token.
    Token(u32),
    /// It ended and left the batch.
    Ended(Result<Finished, Failure>),
}

/// Why a run does not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The batch has no slot free; it will when one of its runs has ended.
    Slots,
    /// Runs of this or of other batches hold the memory that it needs.
    Memory,
    /// It never will.
    Failed(Failure),
}

/// Tells how memory is used. Asked by any thread while the engine computes.
pub type Gauge = Box<dyn Fn() -> Memory + Send + Sync>;

/// An engine with its models. One thread owns it.
pub trait Backend: Send + 'static {
    /// An empty batch for executions of `model`, whose weights may have to be loaded.
    ///
    /// # Errors
    /// [`Refusal::Memory`] while other models hold it; [`FailureKind::UnknownModel`] or [`FailureKind::Internal`].
    fn batch(&self, model: &Hash) -> Result<Box<dyn Batch + '_>, Refusal>;

    /// Tells at any time how memory is used.
    fn gauge(&self) -> Gauge {
        Box::new(Memory::default)
    }
}

/// Executions of one model that run together. None changes what another gives.
pub trait Batch {
    /// Lets `job` take part, under the name of `run`, until it has ended or is cancelled.
    ///
    /// # Errors
    /// When there is no room, or the job itself is refused. Neither affects the runs in the batch.
    fn admit(&mut self, run: RunId, job: &Execute) -> Result<(), Refusal>;

    /// Lets `run` go without a result. Nothing more is reported of it.
    fn cancel(&mut self, run: RunId);

    /// Brings the runs forward a little and reports what came of it. Stops soon after `interrupt` is set, in which case no
    /// run need have come forward.
    fn step(&mut self, interrupt: &AtomicBool, report: &mut dyn FnMut(RunId, Event));

    /// Whether runs take memory of which all batches together have so much and no more.
    fn needs_memory(&self) -> bool {
        true
    }
}

/// Text to tokens and back for one model. Used by many threads while the engine computes.
pub trait Vocabulary: Send + Sync + 'static {
    /// Token ids of `text`, special tokens included.
    ///
    /// # Errors
    /// Why the text cannot be turned into tokens.
    fn encode(&self, text: &str) -> Result<Vec<u32>, String>;

    /// Token ids of a conversation in the model's own form, with the beginning of the answer.
    ///
    /// # Errors
    /// When the model's files have no chat template, or it refuses the conversation.
    fn encode_chat(&self, messages: Vec<ChatMessage>) -> Result<Vec<u32>, String>;

    /// Text of `tokens`, special tokens left out.
    ///
    /// # Errors
    /// When a token is outside the vocabulary.
    fn decode(&self, tokens: &[u32]) -> Result<String, String>;
}

/// The models, as the server shows them.
#[derive(Clone, Default)]
pub struct Catalog {
    /// In the order in which they were named.
    pub models: Vec<ModelInfo>,
    /// By model id.
    pub vocabularies: HashMap<Hash, Arc<dyn Vocabulary>>,
}
