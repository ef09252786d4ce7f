//! What the two sides say.

use serde::{Deserialize, Serialize};

use crate::{Bytes, Hash};

/// A request, from the node to the worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the sender, unique within its connection; replies repeat it.
    pub id: u64,
    /// What is asked.
    pub call: Call,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Call {
    /// Opens the connection. Answered by [`Reply::Hello`].
    Hello {
        /// The sender's [`crate::PROTOCOL_VERSION`].
        protocol: u32,
    },
    /// Runs a job, or attaches to it. Answered by [`Reply::Tokens`]..., then [`Reply::Done`] or [`Reply::Failed`].
    Execute(Execute),
    /// Stops the execution with this key; whoever is attached to it receives [`FailureKind::Cancelled`]. Answered by
    /// [`Reply::Cancelled`].
    Cancel {
        /// The execution.
        key: u64,
    },
    /// Turns text into the token ids that a job takes as its input, special tokens included. Answered by
    /// [`Reply::TokenIds`].
    Tokenize {
        /// Whose vocabulary.
        model: Hash,
        /// The text.
        text: String,
    },
    /// Turns a conversation into the token ids that a job takes as its input, by the model's chat template and with the
    /// beginning of the assistant's next message. Answered by [`Reply::TokenIds`].
    TokenizeChat {
        /// Whose template and vocabulary.
        model: Hash,
        /// The conversation, the oldest message first.
        messages: Vec<ChatMessage>,
    },
    /// Turns token ids into text, special tokens left out. Answered by [`Reply::Text`].
    Detokenize {
        /// Whose vocabulary.
        model: Hash,
        /// The token ids.
        tokens: Vec<u32>,
    },
    /// How the worker is. Answered by [`Reply::Status`].
    Status,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Who speaks: `system`, `user`, `assistant`, or what else the model's template knows.
    pub role: String,
    /// What is said.
    pub content: String,
}

/// A job to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execute {
    /// Names the execution: the job's id. The same key with other contents replaces, and cancels, the earlier one.
    pub key: u64,
    /// Model id.
    pub model: Hash,
    /// Token ids as u32 little endian.
    pub input: Bytes,
    /// SCALE encoding of the job's parameters.
    pub params: Bytes,
}

/// A reply, from the worker to the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The request's id; 0 in a [`Reply::Error`] to a frame whose id could not be read.
    pub id: u64,
    /// The answer.
    pub reply: Reply,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// To [`Call::Hello`].
    Hello {
        /// The worker's [`crate::PROTOCOL_VERSION`].
        protocol: u32,
        /// Version of the worker's program.
        version: String,
        /// Models it has loaded.
        models: Vec<ModelInfo>,
    },
    /// Tokens that a generation produced, in order and without gaps. An attached execution repeats those before.
    Tokens {
        /// The execution.
        key: u64,
        /// Index of the first of `tokens` in the output.
        index: u32,
        /// Token ids.
        tokens: Vec<u32>,
        /// Text that became complete with them; an unfinished character is kept for a later reply.
        text: String,
    },
    /// The execution ended with a result.
    Done(Outcome),
    /// The execution ended without a result.
    Failed {
        /// The execution.
        key: u64,
        /// Why, for programs.
        kind: FailureKind,
        /// Why, for people.
        message: String,
    },
    /// To [`Call::Cancel`].
    Cancelled {
        /// The execution.
        key: u64,
        /// Whether it was waiting or running.
        found: bool,
    },
    /// To [`Call::Tokenize`] and [`Call::TokenizeChat`].
    TokenIds {
        /// Token ids.
        tokens: Vec<u32>,
    },
    /// To [`Call::Detokenize`].
    Text {
        /// The text.
        text: String,
    },
    /// To [`Call::Status`].
    Status(WorkerStatus),
    /// The request was refused. For all kinds but [`ErrorKind::UnknownModel`] and [`ErrorKind::BadRequest`] the worker
    /// closes the connection after it.
    Error {
        /// Why, for programs.
        kind: ErrorKind,
        /// Why, for people.
        message: String,
    },
}

/// Result of an execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The execution.
    pub key: u64,
    /// Token ids as u32 little endian, or an embedding as i32 little endian.
    pub output: Bytes,
    /// Tokens used.
    pub usage: Usage,
    /// Merkle root over the trace.
    pub trace_root: Hash,
    /// Wall time of the execution, waiting excluded.
    pub millis: u64,
}

/// Tokens an execution used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the input.
    pub prompt_tokens: u32,
    /// Tokens of the output; 0 for an embedding.
    pub output_tokens: u32,
}

/// A loaded model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Model id.
    pub id: Hash,
    /// Name of the folder it came from; for people only.
    pub name: String,
    /// What it produces.
    pub kind: ModelKind,
    /// SCALE encoding of its specification.
    pub spec: Bytes,
    /// Merkle root over its quantised weights.
    pub weights_root: Hash,
    /// Number of token ids.
    pub vocab: u32,
    /// Most tokens of prompt and output together that the model allows.
    pub max_context: u32,
    /// Most positions of a job, prompt and output together, that this worker takes: its memory or its operator may allow fewer
    /// than the model. A job of more is refused as [`FailureKind::BadInput`].
    pub max_positions: u32,
    /// Token ids that end its texts, a good default for a job's stop list.
    #[serde(default)]
    pub stop_tokens: Vec<u32>,
}

/// What a model produces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// Token ids.
    Generation,
    /// One row of numbers.
    Embedding,
}

/// Why an execution has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The queue is full; ask again later.
    Overloaded,
    /// The worker has not loaded this model.
    UnknownModel,
    /// Input or parameters do not fit the model, or ask for more memory than the worker may ever use. Asking again gives the
    /// same answer.
    BadInput,
    /// Somebody cancelled it.
    Cancelled,
    /// A fault of the worker; asking again may succeed.
    Internal,
}

impl FailureKind {
    /// Stable name, for metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::UnknownModel => "unknown_model",
            Self::BadInput => "bad_input",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The frame is over [`crate::MAX_FRAME`].
    Oversized,
    /// The frame is no JSON, or no request.
    Malformed,
    /// A request of a type that this version does not know.
    UnknownCall,
    /// The first request was not [`Call::Hello`], or it did not come in time.
    NoHello,
    /// The two sides speak different versions.
    ProtocolMismatch,
    /// Too many connections are open.
    TooManyConnections,
    /// The worker has not loaded this model.
    UnknownModel,
    /// The request's content is refused, for example a token id outside the vocabulary.
    BadRequest,
}

/// How the worker is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Executions that run now, in the order in which they began.
    pub running: Vec<u64>,
    /// Executions that wait.
    pub queued: u32,
    /// Most executions that may wait.
    pub queue_limit: u32,
    /// Executions that ended with a result since the start.
    pub completed: u64,
    /// Executions that ended without, cancelled ones included.
    pub failed: u64,
    /// Seconds since the start.
    pub uptime_secs: u64,
    /// Threads that compute.
    pub threads: u32,
    /// Work of the executions that ended with a result since the start.
    pub totals: Totals,
    /// How memory is used.
    pub memory: Memory,
}

/// Work done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Tokens of inputs.
    pub prompt_tokens: u64,
    /// Tokens of outputs.
    pub output_tokens: u64,
    /// Milliseconds that the executions waited before they began.
    pub waited_millis: u64,
    /// Milliseconds that they ran. They run together, so this may grow faster than the clock.
    pub executed_millis: u64,
    /// Milliseconds from their beginning to their first token, where they have tokens.
    pub first_token_millis: u64,
}

/// How memory is used, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Most bytes of the caches of generations.
    pub cache_limit: u64,
    /// Bytes of caches, kept pages included.
    pub cache_used: u64,
    /// Bytes of caches that are kept for texts that begin alike.
    pub cache_kept: u64,
    /// Positions of prompts that were not computed because their pages were kept, since the start.
    pub reused_positions: u64,
    /// Models in memory now; the others are loaded when a job needs them.
    pub models_loaded: u32,
    /// Bytes of their weights.
    pub model_bytes: u64,
}
