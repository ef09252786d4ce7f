//! GGUF files: those of a folder's weights have the folder's identity, and whatever is broken or not known exactly is refused by name.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

mod hostile;
mod identity;
mod tokenizers;
mod twins;
mod writer;
