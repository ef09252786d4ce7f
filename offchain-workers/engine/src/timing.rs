//! What the trace costs: every pass with it and without it, in turns.

use crate::{
    engine::{check_tokens, Engine, ExecuteError},
    forward::{self, Machine, Sequence, Workspace},
    model::{
        weights::{Llama, Weights},
        LoadedModel,
    },
};
use lantern_exact::{ops, ModelSpec, ParamsError, Sampling};
use std::{sync::atomic::AtomicBool, time::Duration};

/// Which pass was timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimedPass {
    /// So many positions of a prompt, of one sequence.
    Prefill(usize),
    /// The next position of every sequence, up to its choice.
    Decode,
}

/// Times of one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassTimes {
    /// As every execution runs.
    pub with_trace: Duration,
    /// Without hashing.
    pub without_trace: Duration,
}

impl Engine {
    /// Runs every pass of `sequences` generations twice, with and without the trace, one first and then the other, and tells
    /// `each` of both times by `clock`. Prompts are computed one after another, `chunk` positions a pass.
    ///
    /// For measurements: no result comes of it that could be taken for an execution's.
    #[doc(hidden)]
    pub fn time_trace(
        &self,
        model: &LoadedModel,
        prompt: &[u32],
        (sequences, chunk, decode): (usize, usize, usize),
        clock: &dyn Fn() -> Duration,
        each: &mut dyn FnMut(TimedPass, PassTimes),
    ) -> Result<(), ExecuteError> {
        let spec = model.spec();
        check_tokens(model, prompt)?;
        let most = prompt.len() + decode + 1;
        if prompt.is_empty() || most > spec.max_context as usize {
            return Err(ParamsError::ContextExceeded.into());
        }
        let Weights::Llama(llama) = &model.weights else {
            return Err(ParamsError::WrongKind.into());
        };
        let cancel = AtomicBool::new(false);
        let mut timer = Timer {
            machine: self.machine(&cancel),
            clock,
            spec,
            llama,
            work: Workspace::default(),
            sequences: (0..sequences.max(1))
                .map(|_| Sequence::alone(spec, prompt, most))
                .collect(),
            passes: 0,
        };
        for index in 0..timer.sequences.len() {
            while timer.sequences[index].pending() > 0 {
                let rows = timer.sequences[index].pending().min(chunk.max(1));
                timer.sequences[index].rows = rows;
                each(TimedPass::Prefill(rows), timer.pass()?);
                timer.sequences[index].rows = 0;
            }
        }
        let mut tokens = timer.choose();
        for _ in 0..decode {
            for (sequence, token) in timer.sequences.iter_mut().zip(tokens) {
                sequence.tokens.push(token);
                sequence.rows = 1;
            }
            let mut times = timer.pass()?;
            let start = clock();
            tokens = timer.choose();
            let choice = clock() - start;
            times.with_trace += choice;
            times.without_trace += choice;
            each(TimedPass::Decode, times);
        }
        Ok(())
    }
}

struct Timer<'a> {
    machine: Machine<'a>,
    clock: &'a dyn Fn() -> Duration,
    spec: &'a ModelSpec,
    llama: &'a Llama,
    work: Workspace,
    sequences: Vec<Sequence>,
    passes: usize,
}

impl Timer<'_> {
    /// Computes the sequences' next rows both ways.
    fn pass(&mut self) -> Result<PassTimes, ExecuteError> {
        let mut times = [Duration::ZERO; 2];
        let lens: Vec<usize> = self.sequences.iter().map(|sequence| sequence.len).collect();
        self.passes += 1;
        for turn in 0..2 {
            for (sequence, len) in self.sequences.iter_mut().zip(&lens) {
                sequence.truncate(*len);
            }
            self.machine.trace = (turn + self.passes).is_multiple_of(2);
            let start = (self.clock)();
            forward::forward(
                &self.machine,
                self.spec,
                self.llama,
                &mut self.work,
                &mut self.sequences,
            )?;
            times[usize::from(self.machine.trace)] = (self.clock)() - start;
        }
        Ok(PassTimes {
            with_trace: times[1],
            without_trace: times[0],
        })
    }

    /// The likeliest next token of every sequence that has rows in the last pass.
    fn choose(&mut self) -> Vec<u32> {
        let rows: Vec<usize> = (0..self.sequences.iter().map(|sequence| sequence.rows).sum()).collect();
        if rows.is_empty() {
            // After the prompts, which every sequence has in common: any token will do.
            return vec![0; self.sequences.len()];
        }
        let logits = forward::logits(&self.machine, self.spec, self.llama, &mut self.work, &rows);
        let logits = logits.chunks_exact(self.spec.vocab as usize);
        logits.map(|logits| ops::sample(logits, &Sampling::Greedy, 0)).collect()
    }
}
