//! The engine over the prompts, in ways drawn at random.

use crate::{prompt, spec, tensors, Answer, Prompt, ARCHITECTURES};
use anyhow::{Context, Result};
use lantern_engine::{Batch, BatchEvent, BatchOptions, CacheMemory, Engine, ExecuteOptions, LoadedModel, SlotId};
use lantern_exact::{blake2_256, synthetic::SplitMix64, Hash, ModelKind};
use std::{
    collections::{HashMap, VecDeque},
    ops::{ControlFlow, Range},
    sync::atomic::AtomicBool,
};

/// Most generations of a batch.
const MOST_TOGETHER: i64 = 32;

static NEVER: AtomicBool = AtomicBool::new(false);

/// One way of running the prompts.
#[derive(Clone, Debug)]
pub struct EngineRun {
    /// Seed of models and prompts.
    pub seed: u64,
    /// Numbers of the prompts.
    pub prompts: Range<u32>,
    /// Whether generations run in batches of one to 32, drawn at random, with a prefill budget of 1 to 512 rows per batch
    /// and arrivals at random steps. Otherwise each prompt runs alone, in prefill chunks of 1 to 512 positions, drawn for it.
    /// Embeddings run alone in either case.
    pub together: bool,
}

/// Answers of the engine, in the order of the prompts.
pub fn engine_answers(engine: &Engine, run: &EngineRun) -> Result<Vec<Answer>> {
    let models: Vec<LoadedModel> = (0..ARCHITECTURES.len())
        .map(|index| LoadedModel::from_tensors(ARCHITECTURES[index], spec(index), tensors(run.seed, index)))
        .collect::<Result<_, _>>()?;
    // Other draws in every configuration, the same in each run of one.
    let name = format!(
        "{} {} {} {}",
        run.seed,
        engine.kernel().name(),
        engine.threads(),
        run.together
    );
    let [a, b, c, d, e, f, g, h, ..] = blake2_256(&[name.as_bytes()]);
    let mut rng = SplitMix64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    let mut groups: Vec<VecDeque<(u32, Prompt)>> = ARCHITECTURES.iter().map(|_| VecDeque::new()).collect();
    let mut answers = Vec::new();
    for index in run.prompts.clone() {
        let prompt = prompt(run.seed, index);
        let model = &models[prompt.architecture];
        if run.together && model.spec().kind() == ModelKind::Generation {
            groups[prompt.architecture].push_back((index, prompt));
        } else {
            answers.push(alone(engine, model, index, &prompt, rows(&mut rng))?);
        }
    }
    for (model, mut waiting) in models.iter().zip(groups) {
        while !waiting.is_empty() {
            let size = (rng.range(1, MOST_TOGETHER) as usize).min(waiting.len());
            let group = waiting.drain(..size).collect();
            answers.extend(together(engine, model, group, &mut rng)?);
        }
    }
    answers.sort_by_key(|answer| answer.index);
    Ok(answers)
}

/// Rows of a pass: 1 to 512, small numbers as often as large ones.
fn rows(rng: &mut SplitMix64) -> usize {
    let most = 1 << rng.range(0, 9);
    rng.range(1, most) as usize
}

fn answer(index: u32, (output_hash, trace_root): (Hash, Hash)) -> Answer {
    Answer {
        index,
        output_hash,
        trace_root,
    }
}

fn alone(engine: &Engine, model: &LoadedModel, index: u32, prompt: &Prompt, chunk: usize) -> Result<Answer> {
    let options = ExecuteOptions { prefill_chunk: chunk };
    let go_on = &mut |_| ControlFlow::Continue(());
    let execution = engine
        .execute(model, &prompt.input, &prompt.params, &options, go_on, &NEVER)
        .with_context(|| format!("prompt {index}"))?;
    Ok(answer(index, (execution.output_hash, execution.trace_root)))
}

fn together(
    engine: &Engine,
    model: &LoadedModel,
    mut waiting: VecDeque<(u32, Prompt)>,
    rng: &mut SplitMix64,
) -> Result<Vec<Answer>> {
    let memory = CacheMemory::unbounded();
    let options = BatchOptions {
        slots: rng.range(1, waiting.len() as i64) as usize,
        prefill_rows: rows(rng),
    };
    let mut batch = Batch::new(engine, model, &memory, options)?;
    let mut running: HashMap<SlotId, u32> = HashMap::new();
    let mut answers = Vec::new();
    while !waiting.is_empty() || !batch.is_empty() {
        // Whoever waits comes in one of three steps, and at once where nobody runs.
        while !batch.is_full() && (batch.is_empty() || rng.range(0, 2) > 0) {
            let Some((index, prompt)) = waiting.pop_front() else {
                break;
            };
            let slot = batch.admit(&prompt.input, &prompt.params);
            running.insert(slot.with_context(|| format!("prompt {index}"))?, index);
        }
        batch.step(&NEVER, &mut |slot, event| {
            if let (BatchEvent::Finished(execution), Some(index)) = (event, running.get(&slot)) {
                answers.push(answer(*index, (execution.output_hash, execution.trace_root)));
            }
        })?;
    }
    Ok(answers)
}
