//! Random prompts with which the engine is compared with the reference. See `scripts/check-equality`.
//!
//! A prompt follows from a seed and its number alone, so that builds that share nothing but this source (native, emulated,
//! WebAssembly) run the same ones. What comes of a prompt is an [`Answer`]; equal answers mean equal output bytes, token for
//! token, and the same integers in every layer at every position.

#![cfg_attr(all(target_arch = "wasm32", target_os = "none"), no_std)]
#![warn(missing_docs)]

extern crate alloc;

mod prompts;
#[cfg(feature = "engine")]
mod runs;
#[cfg(all(target_arch = "wasm32", target_os = "none"))]
mod wasm;

pub use prompts::{prompt, spec, tensors, Prompt, ARCHITECTURES};
#[cfg(feature = "engine")]
pub use runs::{engine_answers, EngineRun};

use alloc::{format, string::String};
use lantern_exact::{Hash, ModelError, ReferenceModel};

/// What a prompt gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Number of the prompt.
    pub index: u32,
    /// BLAKE2b-256 of the output bytes.
    pub output_hash: Hash,
    /// Trace root.
    pub trace_root: Hash,
}

impl Answer {
    /// `index output_hash trace_root`, hashes in lower-case hexadecimal.
    pub fn line(&self) -> String {
        let hex = |hash: &Hash| {
            hash.iter()
                .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
        };
        format!("{} {} {}", self.index, hex(&self.output_hash), hex(&self.trace_root))
    }
}

/// The reference models of all [`ARCHITECTURES`].
pub fn references(seed: u64) -> Result<alloc::vec::Vec<ReferenceModel>, ModelError> {
    let model = |index| ReferenceModel::from_tensors(spec(index), tensors(seed, index));
    (0..ARCHITECTURES.len()).map(model).collect()
}

/// What the reference `model` of the prompt's architecture gives.
pub fn reference_answer(model: &ReferenceModel, index: u32, prompt: &Prompt) -> Result<Answer, ModelError> {
    let outcome = model.run(&prompt.input, &prompt.params)?;
    Ok(Answer {
        index,
        output_hash: lantern_exact::blake2_256(&[&outcome.output]),
        trace_root: outcome.trace_root,
    })
}
