//! The generation loop and its stop rules.

use alloc::vec::Vec;

use super::{usage, LlamaModel, LlamaState, Trace};
use crate::{ops, spec::encode_tokens, GenerateParams, Hash, Usage};

/// Why a job ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopReason {
    /// A stop token was produced; it is the output's last token.
    StopToken,
    /// `max_new_tokens` were produced.
    Length,
    /// An embedding is complete.
    Complete,
}

/// Everything a job determines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Output bytes: token ids as u32 LE, or an embedding as i32 LE.
    pub output: Vec<u8>,
    /// Output tokens; empty for an embedding.
    pub tokens: Vec<u32>,
    /// Tokens used.
    pub usage: Usage,
    /// Trace root.
    pub trace_root: Hash,
    /// The leaves under it.
    pub trace: Trace,
    /// Why it ended.
    pub stop: StopReason,
}

/// Runs a checked generation job.
///
/// Token `n` of prompt and output together is chosen from the logits of position `n - 1`. The output ends with the first stop
/// token or with token number `max_new_tokens`, whichever comes first; the last token is not fed back.
pub(super) fn generate(model: &LlamaModel, prompt: &[u32], params: &GenerateParams) -> Outcome {
    let mut state = LlamaState::default();
    let mut rows = model.forward(&mut state, prompt);
    let mut tokens = Vec::new();
    let stop = loop {
        let logits = model.logits(rows.last().map_or(&[], Vec::as_slice));
        let token = ops::sample(&logits, &params.sampling, state.len as u32);
        tokens.push(token);
        if params.stop.contains(token) {
            break StopReason::StopToken;
        }
        if tokens.len() >= params.max_new_tokens as usize {
            break StopReason::Length;
        }
        rows = model.forward(&mut state, &[token]);
    };
    Outcome {
        output: encode_tokens(&tokens),
        usage: usage(prompt.len(), tokens.len()),
        trace_root: state.trace.root(model.spec.layers),
        tokens,
        trace: state.trace,
        stop,
    }
}
