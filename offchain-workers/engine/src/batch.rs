//! Several generations that share every pass over the weights.
//!
//! A decode step reads all weights to compute one position; with the next position of every other running generation in the
//! same pass, they are read once for all. Whoever shares a pass, and in which order, changes no byte of anybody's output or
//! trace: all that mixes rows is exact integer arithmetic on one sequence's own cache.

use crate::{
    cache_memory::{cache_bytes, CacheMemory},
    cpu::memory::SharedMut,
    engine::{check_job, stop_after, Engine, Execution},
    forward::{self, Cancelled, Machine, Sequence, Workspace},
    model::{
        weights::{Llama, Weights},
        LoadedModel,
    },
};
use lantern_exact::{ops, GenerateParams, JobParams, ParamsError};
use std::{ops::Deref, sync::atomic::AtomicBool};

/// Bounds of a batch. Results do not depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchOptions {
    /// Most generations at a time, at least 1.
    pub slots: usize,
    /// Most prompt positions in one pass, at least 1: bounds memory, how soon a cancellation is seen, and how long those
    /// that decode wait for their next token.
    pub prefill_rows: usize,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            slots: 16,
            prefill_rows: 128,
        }
    }
}

/// Names one generation of a batch; never used twice in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub(crate) u64);

/// Which bound of a batch is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Overloaded {
    /// [`BatchOptions::slots`] generations run.
    #[error("all slots are taken")]
    Slots,
    /// Running generations hold too much of the [`CacheMemory`].
    #[error("running generations hold the cache memory")]
    Memory,
}

/// Why a generation is not admitted. Those that run are not affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// Parameters or input do not fit the model.
    #[error("invalid job: {0}")]
    Params(#[from] ParamsError),
    /// There is no room now; there is when others have ended.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// It would not have room alone.
    #[error("the job needs {needed} bytes of cache, the limit is {limit}")]
    TooLarge {
        /// What its cache would take, [`crate::cache_bytes`].
        needed: usize,
        /// All there is, [`CacheMemory::limit`].
        limit: usize,
    },
}

/// What happened to a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchEvent {
    /// It produced a token.
    Token(u32),
    /// It ended and left the batch.
    Finished(Execution),
}

/// One running generation.
struct Slot {
    id: SlotId,
    prompt_tokens: u32,
    params: GenerateParams,
    ended: bool,
}

/// Generations of one model that run together. `M` is the model, borrowed or shared.
pub struct Batch<'a, M = &'a LoadedModel> {
    engine: &'a Engine,
    model: M,
    memory: &'a CacheMemory,
    options: BatchOptions,
    work: Workspace,
    /// In the order of their admission.
    slots: Vec<Slot>,
    /// `sequences[i]` is the text of `slots[i]`.
    sequences: Vec<Sequence>,
    /// Slots whose known tokens are all computed, the row of each one's last, and the token sampled from it.
    complete: Vec<usize>,
    rows: Vec<usize>,
    sampled: Vec<u32>,
    next_id: u64,
}

impl<M: Deref<Target = LoadedModel>> std::fmt::Debug for Batch<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Batch({} of {} slots, {:?})",
            self.len(),
            self.options.slots,
            &*self.model
        )
    }
}

impl<'a, M: Deref<Target = LoadedModel>> Batch<'a, M> {
    /// An empty batch of `model` on `engine`, whose caches count in `memory`.
    ///
    /// Fails with [`ParamsError::WrongKind`] for a model that does not generate.
    pub fn new(
        engine: &'a Engine,
        model: M,
        memory: &'a CacheMemory,
        options: BatchOptions,
    ) -> Result<Self, ParamsError> {
        llama(&model)?;
        Ok(Self {
            engine,
            model,
            memory,
            options,
            work: Workspace::default(),
            slots: Vec::new(),
            sequences: Vec::new(),
            complete: Vec::new(),
            rows: Vec::new(),
            sampled: Vec::new(),
            next_id: 0,
        })
    }

    /// Generations that run.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none runs.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether every slot is taken.
    pub fn is_full(&self) -> bool {
        self.len() >= self.options.slots.max(1)
    }

    /// Lets a generation take part from the next step on.
    pub fn admit(&mut self, input: &[u32], params: &JobParams) -> Result<SlotId, AdmitError> {
        let spec = self.model.spec();
        let prompt_tokens = check_job(&self.model, input, params)?;
        let JobParams::Generate(params) = *params else {
            return Err(ParamsError::WrongKind.into());
        };
        let positions = spec.positions(prompt_tokens, params.max_new_tokens);
        let needed = cache_bytes(spec, positions);
        if needed > self.memory.limit() {
            let limit = self.memory.limit();
            return Err(AdmitError::TooLarge { needed, limit });
        }
        if self.is_full() {
            return Err(Overloaded::Slots.into());
        }
        let sequence = Sequence::admit(spec, &self.model.id(), input, positions as usize, self.memory)
            .ok_or(Overloaded::Memory)?;
        let id = SlotId(self.next_id);
        self.next_id += 1;
        self.sequences.push(sequence);
        self.slots.push(Slot {
            id,
            prompt_tokens,
            params,
            ended: false,
        });
        Ok(id)
    }

    /// Ends a generation without a result; `false` when it does not run.
    pub fn cancel(&mut self, id: SlotId) -> bool {
        let found = self.slots.iter().position(|slot| slot.id == id);
        if let Some(index) = found {
            self.remove(index);
        }
        found.is_some()
    }

    fn remove(&mut self, index: usize) {
        self.slots.remove(index);
        self.sequences.remove(index);
    }

    /// One pass: the next token of every generation that decodes, and up to [`BatchOptions::prefill_rows`] positions of the
    /// prompts of others, oldest first. Tells `each` what came of it.
    ///
    /// Setting `cancel` breaks the pass off at the next layer; nothing has happened then but time.
    pub fn step(&mut self, cancel: &AtomicBool, each: &mut dyn FnMut(SlotId, BatchEvent)) -> Result<(), Cancelled> {
        // The model is of the right kind, or there would be no batch.
        let (false, Ok(weights)) = (self.slots.is_empty(), llama(&self.model)) else {
            return Ok(());
        };
        plan(&self.slots, &mut self.sequences, self.options.prefill_rows);
        let (engine, spec) = (self.engine, self.model.spec());
        let machine = engine.machine(cancel);
        forward::forward(&machine, spec, weights, &mut self.work, &mut self.sequences)?;
        for sequence in &mut self.sequences {
            sequence.share(self.memory);
        }
        self.sample(&machine);
        self.report(each);
        for index in (0..self.slots.len()).rev() {
            if self.slots[index].ended {
                self.remove(index);
            }
        }
        Ok(())
    }

    /// Samples the next token of every sequence that has no token left to compute.
    fn sample(&mut self, machine: &Machine<'_>) {
        self.complete.clear();
        self.rows.clear();
        let mut rows = 0;
        for (index, sequence) in self.sequences.iter().enumerate() {
            rows += sequence.rows;
            if sequence.pending() == 0 {
                self.complete.push(index);
                self.rows.push(rows - 1);
            }
        }
        self.sampled.resize(self.complete.len(), 0);
        let (false, Ok(weights)) = (self.complete.is_empty(), llama(&self.model)) else {
            return;
        };
        let spec = self.model.spec();
        let logits = forward::logits(machine, spec, weights, &mut self.work, &self.rows);
        let sampled = SharedMut::new(&mut self.sampled);
        let (complete, slots, sequences) = (&self.complete, &self.slots, &self.sequences);
        machine.pool.run(complete.len(), &|row| {
            let index = complete[row];
            let logits = &logits[row * spec.vocab as usize..(row + 1) * spec.vocab as usize];
            let token = ops::sample(logits, &slots[index].params.sampling, sequences[index].len as u32);
            // SAFETY: one task per token.
            unsafe { sampled.range(row, 1)[0] = token };
        });
    }

    /// Appends the sampled tokens and tells of them and of what ended with them.
    fn report(&mut self, each: &mut dyn FnMut(SlotId, BatchEvent)) {
        for (&index, &token) in self.complete.iter().zip(&self.sampled) {
            let (slot, sequence) = (&mut self.slots[index], &mut self.sequences[index]);
            sequence.tokens.push(token);
            each(slot.id, BatchEvent::Token(token));
            let output = &sequence.tokens[slot.prompt_tokens as usize..];
            let Some(stop) = stop_after(output, &slot.params) else {
                continue;
            };
            slot.ended = true;
            each(
                slot.id,
                BatchEvent::Finished(Execution::of_tokens(
                    slot.prompt_tokens,
                    output,
                    sequence.trace.root(),
                    stop,
                )),
            );
        }
    }
}

/// The weights, where they are of a model that generates.
fn llama(model: &LoadedModel) -> Result<&Llama, ParamsError> {
    match &model.weights {
        Weights::Llama(llama) => Ok(llama),
        Weights::Bert(_) => Err(ParamsError::WrongKind),
    }
}

/// Gives every sequence its rows of the next pass, those that prefill `prefill_rows` together.
fn plan(slots: &[Slot], sequences: &mut [Sequence], prefill_rows: usize) {
    let mut budget = prefill_rows.max(1);
    for (slot, sequence) in slots.iter().zip(sequences) {
        let decodes = sequence.tokens.len() > slot.prompt_tokens as usize;
        sequence.rows = if decodes { 1 } else { sequence.pending().min(budget) };
        if !decodes {
            budget -= sequence.rows;
        }
    }
}
