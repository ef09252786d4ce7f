//! Checking somebody else's result in one prefill.
//!
//! All tokens of a finished text are known, so that its positions are computed together, many rows to a pass over the weights,
//! and every output token is held against the one that the position before it gives. The trace comes out as in the execution.

use crate::{
    cpu::memory::SharedMut,
    engine::{check_job, check_tokens, stop_after, Engine, ExecuteError, ExecuteOptions, Execution},
    forward::{self, Sequence, Workspace},
    model::{weights::Weights, LoadedModel},
};
use lantern_exact::{ops, GenerateParams, JobParams, ParamsError, StopReason};
use std::{ops::Range, sync::atomic::AtomicBool};

/// Positions whose logits are held at once.
const LOGIT_ROWS: usize = 64;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audit {
    /// The output is the job's; this is its execution, whose trace root is the one to be compared.
    Confirmed(Execution),
    /// The output is not the job's.
    Refuted {
        /// Index of the first token that is wrong, missing or too many.
        index: u32,
        /// What belongs there; `None` where the output should have ended.
        expected: Option<u32>,
    },
}

impl Engine {
    /// Whether `output` is what the generation job (`input`, `params`) gives on `model`.
    ///
    /// Costs about one prefill of prompt and output. An embedding has no shorter way than its execution and is refused as
    /// [`ParamsError::WrongKind`]; an output with a token outside the vocabulary is refused as
    /// [`ParamsError::UnknownToken`].
    pub fn audit(
        &self,
        model: &LoadedModel,
        input: &[u32],
        params: &JobParams,
        output: &[u32],
        options: &ExecuteOptions,
        cancel: &AtomicBool,
    ) -> Result<Audit, ExecuteError> {
        let prompt_tokens = check_job(model, input, params)?;
        let (JobParams::Generate(params), Weights::Llama(llama)) = (params, &model.weights) else {
            return Err(ParamsError::WrongKind.into());
        };
        check_tokens(model, output)?;
        // Longer than the job allows it is wrong at the latest there; the context holds no more.
        let known = &output[..output.len().min(params.max_new_tokens as usize)];
        // The last token is not fed back, but one that is missing is computed to be named.
        let ended = stop_after(known, params).is_some();
        let fed = &known[..known.len() - usize::from(ended)];
        let text = [input, fed].concat();
        let (spec, machine) = (model.spec(), self.machine(cancel));
        let mut work = Workspace::default();
        let mut sequence = Sequence::alone(spec, &text, text.len());
        while sequence.pending() > 0 {
            sequence.rows = sequence.pending().min(options.prefill_chunk.max(1));
            let positions = sequence.len..sequence.len + sequence.rows;
            forward::forward(&machine, spec, llama, &mut work, std::slice::from_mut(&mut sequence))?;
            // The position before each output token gives it.
            let first = positions.start.max(input.len() - 1);
            for rows in pieces(first..positions.end) {
                let at: Vec<usize> = rows.clone().map(|position| position - positions.start).collect();
                let logits = forward::logits(&machine, spec, llama, &mut work, &at);
                let mut chosen = vec![0; at.len()];
                let shared = SharedMut::new(&mut chosen);
                let vocab = spec.vocab as usize;
                machine.pool.run(at.len(), &|row| {
                    let logits = &logits[row * vocab..(row + 1) * vocab];
                    let token = ops::sample(logits, &params.sampling, (rows.start + row + 1) as u32);
                    // SAFETY: one task per token.
                    unsafe { shared.range(row, 1)[0] = token };
                });
                for (position, token) in rows.zip(chosen) {
                    let index = position + 1 - input.len();
                    if let Some(wrong) = compare(known, output.len(), index, token, params) {
                        return Ok(wrong);
                    }
                }
            }
        }
        // Every token was compared, the one that ends the output among them.
        let stop = stop_after(known, params).unwrap_or(StopReason::Length);
        Ok(Audit::Confirmed(Execution::of_tokens(
            prompt_tokens,
            known,
            sequence.trace.root(),
            stop,
        )))
    }
}

/// What is wrong with token `index` of an output of `claimed` tokens, of which `known` may be right, where `token` belongs.
fn compare(known: &[u32], claimed: usize, index: usize, token: u32, params: &GenerateParams) -> Option<Audit> {
    if known.get(index) != Some(&token) {
        return Some(Audit::Refuted {
            index: index as u32,
            expected: Some(token),
        });
    }
    let over = stop_after(&known[..=index], params).is_some() && claimed > index + 1;
    over.then_some(Audit::Refuted {
        index: index as u32 + 1,
        expected: None,
    })
}

fn pieces(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = rows.end;
    rows.step_by(LOGIT_ROWS)
        .map(move |first| first..(first + LOGIT_ROWS).min(end))
}
