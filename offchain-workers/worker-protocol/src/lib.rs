//! Messages between the node and the worker process.
//!
//! The worker listens on a Unix socket; the node, or any local tool, connects. Both sides exchange frames: a u32 big
//! endian length, then that many bytes of JSON, at most [`MAX_FRAME`]. Binary values travel as lower-case hex.
//!
//! - The first request must be [`Call::Hello`]; the worker answers with its protocol version and its models.
//! - Every request carries an id that its replies repeat. [`Call::Execute`] is answered by any number of
//!   [`Reply::Tokens`] and then exactly one [`Reply::Done`] or [`Reply::Failed`]; every other call by one reply.
//! - Executions belong to the worker, not to the connection: asking for a key that is running attaches to it, asking
//!   for one that has finished returns the kept result. A connection that ends stops nothing.
//! - What cannot be understood is answered by [`Reply::Error`] where a frame could be read at all, and the connection
//!   is closed.
//!
//! This crate knows neither SCALE nor the chain: specifications and job parameters are opaque bytes here.

#![forbid(unsafe_code)]

mod client;
mod codec;
mod hex_types;
mod message;

pub use client::{Client, ClientError, Execution, ExecutionEvent};
pub use codec::{decode_request, DecodeError, FrameError, Frames};
pub use hex_types::{Bytes, Hash, HexError};
pub use message::{
    Call, ChatMessage, ErrorKind, Execute, FailureKind, Memory, ModelInfo, ModelKind, Outcome, Reply, Request,
    Response, Totals, Usage, WorkerStatus,
};

/// Version of this protocol. Both sides must name the same one.
pub const PROTOCOL_VERSION: u32 = 3;

/// Most bytes in one frame: a 1 MiB input or output in hex fits four times.
pub const MAX_FRAME: usize = 8 * 1024 * 1024;
