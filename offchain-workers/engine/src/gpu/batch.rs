//! Several generations that share every pass, on a device. The counterpart of [`crate::Batch`], with caches made of pages.

use super::{
    args::PAGE,
    device::DeviceError,
    engine::{extend_trace, GpuError},
    model::{DeviceLlama, DeviceWeights, GpuModel},
    pass::Pass,
    workspace::{Extent, Workspace},
};
use crate::{
    batch::{AdmitError, BatchEvent, BatchOptions, Overloaded, SlotId},
    engine::{check_job_of, stop_after, ExecuteError, Execution},
};
use lantern_exact::{ops, trace::TraceBuilder, GenerateParams, Hash, JobParams, ParamsError, Sampling};
use std::sync::atomic::{AtomicBool, Ordering};

/// One running generation.
struct Slot {
    id: SlotId,
    /// Its place in the table of pages.
    place: usize,
    prompt_tokens: u32,
    params: GenerateParams,
    /// The prompt, then the output so far.
    tokens: Vec<u32>,
    /// Positions computed, and how many the next pass computes.
    len: usize,
    rows: usize,
    trace: TraceBuilder,
    pages: Vec<u32>,
    ended: bool,
}

impl Slot {
    fn pending(&self) -> usize {
        self.tokens.len() - self.len
    }

    /// Whether the whole prompt is computed.
    fn decodes(&self) -> bool {
        self.tokens.len() > self.prompt_tokens as usize
    }
}

/// Generations of one model that run together on a device.
pub struct GpuBatch<'a> {
    model: &'a GpuModel,
    llama: &'a DeviceLlama,
    options: BatchOptions,
    /// Taken when the batch is dropped.
    work: Option<Workspace>,
    /// In the order of their admission.
    slots: Vec<Slot>,
    next_id: u64,
}

impl std::fmt::Debug for GpuBatch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (len, most) = (self.slots.len(), self.options.slots);
        write!(f, "GpuBatch({len} of {most} slots, {:?})", self.model)
    }
}

impl Drop for GpuBatch<'_> {
    fn drop(&mut self) {
        for slot in &self.slots {
            self.model.pages.give(&slot.pages);
        }
        if let Some(work) = self.work.take() {
            self.model.keep(work);
        }
    }
}

impl<'a> GpuBatch<'a> {
    /// An empty batch of `model`. Fails for a model that does not generate, and when the device has no room for the buffers.
    pub fn new(model: &'a GpuModel, options: BatchOptions) -> Result<Self, GpuError> {
        let DeviceWeights::Llama(llama) = &model.weights else {
            return Err(ParamsError::WrongKind.into());
        };
        let options = BatchOptions {
            slots: options.slots.max(1),
            prefill_rows: options.prefill_rows.max(1),
        };
        let of_contexts = (model.spec().max_context as usize).saturating_mul(options.slots);
        let most = of_contexts.min(options.prefill_rows);
        Ok(Self {
            work: Some(model.workspace(most + options.slots, options.slots)?),
            model,
            llama,
            options,
            slots: Vec::new(),
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
        self.len() >= self.options.slots
    }

    /// Lets a generation take part from the next step on. It takes at once the pages that it may need in the end.
    pub fn admit(&mut self, input: &[u32], params: &JobParams) -> Result<SlotId, AdmitError> {
        let spec = self.model.spec();
        let prompt_tokens = check_job_of(self.model.spec(), input, params)?;
        let JobParams::Generate(params) = *params else {
            return Err(ParamsError::WrongKind.into());
        };
        let positions = spec.positions(prompt_tokens, params.max_new_tokens) as usize;
        let (count, total) = (positions.div_ceil(PAGE), self.model.pages.total());
        if count > total {
            let (needed, limit) = (self.model.cache_bytes(positions), self.model.cache_bytes(total * PAGE));
            return Err(AdmitError::TooLarge { needed, limit });
        }
        if self.is_full() {
            return Err(Overloaded::Slots.into());
        }
        let pages = self.model.pages.take(count).ok_or(Overloaded::Memory)?;
        let taken = |place: &usize| self.slots.iter().any(|slot| slot.place == *place);
        let place = (0..self.options.slots).find(|place| !taken(place));
        let Some(place) = place else {
            self.model.pages.give(&pages);
            return Err(Overloaded::Slots.into());
        };
        let id = SlotId(self.next_id);
        self.next_id += 1;
        self.slots.push(Slot {
            id,
            place,
            prompt_tokens,
            params,
            tokens: input.to_vec(),
            len: 0,
            rows: 0,
            trace: TraceBuilder::new(spec.layers),
            pages,
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
        let slot = self.slots.remove(index);
        self.model.pages.give(&slot.pages);
    }

    /// One pass, as [`crate::Batch::step`]. `cancel` is looked at before it; nothing has happened then.
    ///
    /// When the device fails, the generations are as before the pass.
    pub fn step(&mut self, cancel: &AtomicBool, each: &mut dyn FnMut(SlotId, BatchEvent)) -> Result<(), GpuError> {
        if self.slots.is_empty() {
            return Ok(());
        }
        if cancel.load(Ordering::Relaxed) {
            return Err(ExecuteError::Cancelled.into());
        }
        self.plan();
        let work = self.work.take();
        let mut work = work.ok_or_else(|| DeviceError::new("the batch lost its buffers in a failed pass"))?;
        let outcome = self.pass(&mut work);
        // Buffers of a failed pass are let go with what was recorded on them.
        let sampled = outcome?;
        self.work = Some(work);
        self.report(&sampled, each);
        for index in (0..self.slots.len()).rev() {
            if self.slots[index].ended {
                self.remove(index);
            }
        }
        Ok(())
    }

    /// Gives every generation its rows of the next pass.
    fn plan(&mut self) {
        let mut budget = self.options.prefill_rows;
        for slot in &mut self.slots {
            slot.rows = if slot.decodes() { 1 } else { slot.pending().min(budget) };
            if !slot.decodes() {
                budget -= slot.rows;
            }
        }
    }

    /// Computes the planned rows and samples; the sampled tokens with the indices of their slots.
    fn pass(&mut self, work: &mut Workspace) -> Result<Vec<(usize, u32)>, DeviceError> {
        let extent = self.write_inputs(work)?;
        // Slots whose tokens are all computed with this pass, and the row of each one's last.
        let (mut complete, mut last, mut end) = (Vec::new(), Vec::new(), 0);
        for (index, slot) in self.slots.iter().enumerate() {
            end += slot.rows;
            if slot.rows == slot.pending() {
                complete.push(index);
                last.push(end as u32 - 1);
            }
        }
        if complete.len() == extent.rows {
            self.decode(work, extent)?;
        } else {
            let pass = Pass {
                model: self.model,
                work,
                extent,
            };
            pass.llama(self.llama)?;
            if !complete.is_empty() {
                work.pick.write(0, &last)?;
                pass.logits(self.llama, complete.len(), true)?;
            }
        }
        let layers = self.model.spec().layers as usize;
        let mut leaves: Vec<Hash> = vec![[0; 32]; extent.rows * layers];
        work.leaves.read(0, &mut leaves)?;
        let mut rows = leaves.chunks_exact(layers);
        let sampled = self.sample(work, &complete)?;
        for slot in &mut self.slots {
            for position in rows.by_ref().take(slot.rows) {
                extend_trace(&mut slot.trace, position, layers);
            }
            slot.len += slot.rows;
        }
        Ok(sampled)
    }

    /// Copies tokens, positions, slots and visible positions of the planned rows, and the pages of their texts.
    fn write_inputs(&self, work: &Workspace) -> Result<Extent, DeviceError> {
        let mut inputs: [Vec<u32>; 4] = Default::default();
        for slot in self.slots.iter().filter(|slot| slot.rows > 0) {
            for position in slot.len..slot.len + slot.rows {
                let row = [
                    slot.tokens[position],
                    position as u32,
                    slot.place as u32,
                    position as u32 + 1,
                ];
                inputs.iter_mut().zip(row).for_each(|(to, value)| to.push(value));
            }
            if slot.len == 0 {
                work.pages.write(slot.place * work.pages_stride, &slot.pages)?;
            }
        }
        for (index, values) in inputs.iter().enumerate() {
            work.inputs.write(index * work.rows, values)?;
        }
        let visible = inputs[3].iter().copied().max().unwrap_or(1);
        Ok(Extent::new(inputs[0].len(), visible as usize))
    }

    /// A pass every row of which ends in a token: recorded once for each extent, and started as a whole from then on.
    fn decode(&self, work: &mut Workspace, extent: Extent) -> Result<(), DeviceError> {
        if !work.graphs.contains_key(&extent) {
            let pass = Pass {
                model: self.model,
                work,
                extent,
            };
            let graph = self.model.device.record(&mut || {
                pass.llama(self.llama)?;
                pass.logits(self.llama, extent.rows, false)
            })?;
            work.graphs.insert(extent, graph);
        }
        match work.graphs.get(&extent) {
            Some(graph) => graph.replay(),
            None => Err(DeviceError::new("recorded work is gone")),
        }
    }

    /// The next token of each complete slot. The device takes the largest logits; seeded sampling is done here.
    fn sample(&self, work: &Workspace, complete: &[usize]) -> Result<Vec<(usize, u32)>, DeviceError> {
        let vocab = self.model.spec().vocab as usize;
        let mut best = vec![0u32; complete.len()];
        if complete.is_empty() {
            return Ok(Vec::new());
        }
        work.best.read(0, &mut best)?;
        let mut logits = Vec::new();
        let token = |(row, (&index, &best)): (usize, (&usize, &u32))| {
            let slot = &self.slots[index];
            let token = match &slot.params.sampling {
                Sampling::Greedy => best,
                seeded => {
                    logits.resize(vocab, 0i32);
                    work.logits.read(row * vocab, &mut logits)?;
                    ops::sample(&logits, seeded, slot.tokens.len() as u32)
                },
            };
            Ok((index, token))
        };
        complete.iter().zip(&best).enumerate().map(token).collect()
    }

    /// Appends the sampled tokens and tells of them and of what ended with them.
    fn report(&mut self, sampled: &[(usize, u32)], each: &mut dyn FnMut(SlotId, BatchEvent)) {
        for &(index, token) in sampled {
            let slot = &mut self.slots[index];
            slot.tokens.push(token);
            each(slot.id, BatchEvent::Token(token));
            let output = &slot.tokens[slot.prompt_tokens as usize..];
            let Some(stop) = stop_after(output, &slot.params) else {
                continue;
            };
            let execution = Execution::of_tokens(slot.prompt_tokens, output, slot.trace.root(), stop);
            each(slot.id, BatchEvent::Finished(execution));
            slot.ended = true;
        }
    }
}
