//! Exact integer inference: the reference arithmetic, operators, traces and commitments.
//!
//! This crate *is* the definition of an exact job. Every function is integer only, allocates nothing at row
//! level, and gives the same bytes on every machine and inside the runtime. `docs/exact.md` is the same definition in
//! prose. Fast kernels must equal these functions on every input; where they differ, the kernel is wrong.
//!
//! Notation: `Qn` is a fixed-point integer with `n` fractional bits.

#![forbid(unsafe_code)]
#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![warn(missing_docs)]

extern crate alloc;

pub mod commit;
pub mod fixed;
pub mod merkle;
pub mod model;
pub mod ops;
pub mod spec;
pub mod synthetic;
pub mod trace;

pub use model::{ModelError, Outcome, ReferenceModel, StopReason};
pub use spec::{
    model_id, BertSpec, Family, GenerateParams, JobParams, LlamaSpec, ModelId, ModelKind, ModelSpec, ParamsError,
    Pooling, RopeScaling, Sampling, SpecError, StopTokens, Usage, Width,
};

/// A BLAKE2b-256 digest.
pub type Hash = [u8; 32];

/// Version of the arithmetic this crate defines; the only one a [`ModelSpec`] may name today.
pub const ARITHMETIC: u16 = 1;

/// BLAKE2b-256 over the concatenation of `parts`.
pub fn blake2_256(parts: &[&[u8]]) -> Hash {
    let mut state = blake2b_simd::Params::new().hash_length(32).to_state();
    for part in parts {
        state.update(part);
    }
    let mut out = [0u8; 32];
    out.copy_from_slice(state.finalize().as_bytes());
    out
}
