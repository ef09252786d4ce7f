//! The process that owns the device and serves the node.
//!
//! - [`server`] speaks [`lantern_worker_protocol`] on a Unix socket; nothing that arrives there can end the process.
//! - [`executor`] owns the queue and the one thread on which the engine runs, several executions at a time.
//! - [`models`] loads models, from folders, from GGUF files and the one built in; [`engine`] runs jobs on them.
//!
//! Executions are exact: running one again gives the same bytes. The worker therefore keeps no files; whoever asks
//! again after a crash receives the same answer.

#![forbid(unsafe_code)]

pub mod backend;
pub mod device;
pub mod engine;
pub mod executor;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod machine;
pub mod models;
pub mod server;
pub mod text;
