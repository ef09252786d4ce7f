//! Models: loading, quantisation and commitment.

mod blocks;
mod cache;
mod chat;
mod config;
mod error;
mod gguf;
mod loaded;
mod parameters;
mod quantise;
mod smooth;
mod source;
mod tensors;
mod tokenizer;
mod tokenizer_limits;
pub(crate) mod weights;

pub use cache::{CacheReport, CacheUse, ModelCache};
pub use chat::{ChatError, ChatMessage, ChatTemplate};
pub use error::LoadError;
pub use loaded::{LoadOptions, LoadedModel};
pub use source::{ModelFiles, ModelSource};
pub use tokenizer::{TokenizeError, Tokenizer};
