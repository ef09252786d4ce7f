//! Generations that share passes: whoever else runs, each gives the bytes and the trace that it gives alone.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

mod audits;
mod prefixes;

use lantern_engine::{
    cache_bytes, AdmitError, Batch, BatchEvent, BatchOptions, CacheMemory, Engine, ExecuteOptions, Execution, Kernel,
    KernelChoice, LoadedModel, Overloaded, SlotId,
};
use lantern_exact::{
    Family, GenerateParams, JobParams, LlamaSpec, ModelSpec, ParamsError, RopeScaling, Sampling, StopTokens, Width,
    ARITHMETIC,
};
use proptest::prelude::*;
use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{
        atomic::{AtomicBool, Ordering},
        OnceLock,
    },
};

const VOCAB: u32 = 131;
static NEVER: AtomicBool = AtomicBool::new(false);

fn spec(activation: Width, kv_heads: u32) -> ModelSpec {
    ModelSpec {
        family: Family::Llama(LlamaSpec {
            tied_embeddings: false,
            qkv_bias: kv_heads == 1,
            qk_norm: kv_heads == 2,
            rope_base: 10_000,
            rope_scaling: RopeScaling::None,
        }),
        arithmetic: ARITHMETIC,
        activation,
        keys: activation,
        hidden: 48,
        intermediate: 100,
        layers: 3,
        heads: 4,
        kv_heads,
        head_dim: 12,
        vocab: VOCAB,
        max_context: 700,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [7; 32],
    }
}

fn models() -> &'static [LoadedModel] {
    static MODELS: OnceLock<Vec<LoadedModel>> = OnceLock::new();
    MODELS.get_or_init(|| {
        [(Width::Wide, 2), (Width::Narrow, 1), (Width::Wide, 4)]
            .into_iter()
            .map(|(activation, kv_heads)| LoadedModel::synthetic(spec(activation, kv_heads), 5).unwrap())
            .collect()
    })
}

/// Every way of running a batch on this machine.
fn engines() -> &'static [Engine] {
    static ENGINES: OnceLock<Vec<Engine>> = OnceLock::new();
    ENGINES.get_or_init(|| {
        Kernel::ALL
            .into_iter()
            .filter(|kernel| kernel.is_available())
            .flat_map(|kernel| [1, 2].map(|threads| Engine::new(threads, KernelChoice::Only(kernel)).unwrap()))
            .collect()
    })
}

/// A generation, and when it comes and goes.
#[derive(Clone, Debug)]
struct Job {
    prompt: Vec<u32>,
    params: JobParams,
    /// Step before which it asks for admission.
    arrives: usize,
    /// Steps after its admission before which it is cancelled.
    cancelled: Option<usize>,
}

impl Job {
    fn alone(&self, engine: &Engine, model: &LoadedModel) -> Execution {
        let options = ExecuteOptions::default();
        let go_on = &mut |_| ControlFlow::Continue(());
        engine
            .execute(model, &self.prompt, &self.params, &options, go_on, &NEVER)
            .unwrap()
    }

    fn positions(&self) -> u32 {
        self.prompt.len() as u32 + self.params.max_output_tokens() - 1
    }
}

#[derive(Debug)]
struct Mix {
    model: usize,
    jobs: Vec<Job>,
    options: BatchOptions,
}

fn sampling() -> impl Strategy<Value = Sampling> {
    let seeded = (1024u32..300_000, 0u32..=VOCAB, 1u32..=65_536, any::<[u8; 32]>());
    prop_oneof![
        Just(Sampling::Greedy),
        seeded.prop_map(|(temperature, top_k, top_p, seed)| Sampling::Seeded {
            temperature,
            top_k,
            top_p,
            seed,
        }),
    ]
}

fn job() -> impl Strategy<Value = Job> {
    let length = prop_oneof![8 => 1usize..30, 1 => 60usize..300];
    (
        length.prop_flat_map(|length| prop::collection::vec(0..VOCAB, length)),
        1u32..16,
        sampling(),
        prop::collection::vec(0..VOCAB, 0..=8),
        0usize..25,
        prop::option::weighted(0.2, 0usize..12),
    )
        .prop_map(|(prompt, max_new_tokens, sampling, stop, arrives, cancelled)| Job {
            prompt,
            params: generate(max_new_tokens, sampling, &stop),
            arrives,
            cancelled,
        })
}

fn mix() -> impl Strategy<Value = Mix> {
    let budget = prop_oneof![1usize..20, 1usize..=512];
    (
        0..models().len(),
        prop::collection::vec(job(), 1..=32),
        1usize..=32,
        budget,
    )
        .prop_map(|(model, jobs, slots, prefill_rows)| Mix {
            model,
            jobs,
            options: BatchOptions { slots, prefill_rows },
        })
}

fn generate(max_new_tokens: u32, sampling: Sampling, stop: &[u32]) -> JobParams {
    JobParams::Generate(GenerateParams {
        max_new_tokens,
        sampling,
        stop: StopTokens::new(stop).unwrap(),
    })
}

fn greedy(prompt: &[u32], max_new_tokens: u32) -> Job {
    Job {
        prompt: prompt.into(),
        params: generate(max_new_tokens, Sampling::Greedy, &[]),
        arrives: 0,
        cancelled: None,
    }
}

/// What a job got of a batch.
#[derive(Debug, Default)]
struct Got {
    tokens: Vec<u32>,
    execution: Option<Execution>,
    cancelled: bool,
}

/// Runs the jobs of `mix` together.
fn together(engine: &Engine, mix: &Mix) -> Vec<Got> {
    let memory = CacheMemory::unbounded();
    let mut batch = Batch::new(engine, &models()[mix.model], &memory, mix.options).unwrap();
    let mut got: Vec<Got> = mix.jobs.iter().map(|_| Got::default()).collect();
    let mut waiting: Vec<usize> = (0..mix.jobs.len()).collect();
    let mut running: HashMap<SlotId, (usize, usize)> = HashMap::new();
    let mut step = 0;
    while !waiting.is_empty() || !batch.is_empty() {
        waiting.retain(|&index| {
            let job = &mix.jobs[index];
            if job.arrives > step {
                return true;
            }
            match batch.admit(&job.prompt, &job.params) {
                Ok(slot) => running.insert(slot, (index, step)).is_some(),
                Err(error) => {
                    assert_eq!(error, AdmitError::Overloaded(Overloaded::Slots));
                    assert!(batch.is_full());
                    true
                },
            }
        });
        running.retain(|&slot, &mut (index, admitted)| {
            let leaves = mix.jobs[index].cancelled.is_some_and(|after| step >= admitted + after);
            if leaves {
                assert!(batch.cancel(slot), "it runs");
                assert!(!batch.cancel(slot), "it has left");
                got[index].cancelled = true;
            }
            !leaves
        });
        let decoding: Vec<SlotId> = running
            .iter()
            .filter(|(_, (index, _))| !got[*index].tokens.is_empty())
            .map(|(slot, _)| *slot)
            .collect();
        let mut advanced = Vec::new();
        batch
            .step(&NEVER, &mut |slot, event| match event {
                BatchEvent::Token(token) => {
                    advanced.push(slot);
                    got[running[&slot].0].tokens.push(token);
                },
                BatchEvent::Finished(execution) => {
                    let (index, _) = running.remove(&slot).unwrap();
                    got[index].execution = Some(execution);
                },
            })
            .unwrap();
        assert!(
            decoding.iter().all(|slot| advanced.contains(slot)),
            "whoever decodes advances in every step"
        );
        step += 1;
    }
    assert_eq!(memory.used(), 0);
    got
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn company_changes_no_byte_of_any_job(mix in mix()) {
        let alone: Vec<Execution> =
            mix.jobs.iter().map(|job| job.alone(&engines()[0], &models()[mix.model])).collect();
        for engine in engines() {
            for (index, (got, want)) in together(engine, &mix).iter().zip(&alone).enumerate() {
                let what = format!("{engine:?}, job {index}");
                if got.cancelled {
                    prop_assert!(got.execution.is_none(), "{}", what);
                    prop_assert!(want.output_tokens.starts_with(&got.tokens), "{}", what);
                } else {
                    prop_assert_eq!(&got.tokens, &want.output_tokens, "{}", &what);
                    let execution = got.execution.as_ref().unwrap();
                    prop_assert_eq!(execution.output_hash, want.output_hash, "{}", &what);
                    prop_assert_eq!(execution.trace_root, want.trace_root, "{}", &what);
                    prop_assert_eq!(execution, want, "{}", &what);
                }
            }
        }
    }
}

#[test]
fn admission_beyond_the_memory_is_refused_by_name_and_harms_nobody() {
    let (engine, model) = (&engines()[0], &models()[0]);
    let job = greedy(&[1, 2, 3], 20);
    let share = cache_bytes(model.spec(), job.positions());
    let memory = CacheMemory::new(2 * share + share / 2);
    let mut batch = Batch::new(engine, model, &memory, BatchOptions::default()).unwrap();
    let slots: Vec<SlotId> = (0..2).map(|_| batch.admit(&job.prompt, &job.params).unwrap()).collect();
    let mut finished = Vec::new();
    let mut steps = 0;
    while !batch.is_empty() {
        let refused = batch.admit(&job.prompt, &job.params).unwrap_err();
        assert_eq!(refused, AdmitError::Overloaded(Overloaded::Memory));
        assert_eq!(memory.used(), 2 * share);
        batch
            .step(&NEVER, &mut |slot, event| match event {
                BatchEvent::Finished(execution) => finished.push((slot, execution)),
                BatchEvent::Token(_) => {},
            })
            .unwrap();
        steps += 1;
    }
    let want = job.alone(engine, model);
    assert_eq!(finished, [(slots[0], want.clone()), (slots[1], want)]);
    assert_eq!(steps, 20, "one pass a token for both");
    assert_eq!(memory.used(), 0);
    let long = greedy(&[1; 600], 90);
    let limit = memory.limit();
    let needed = cache_bytes(model.spec(), long.positions());
    assert!(needed > limit);
    let refused = batch.admit(&long.prompt, &long.params).unwrap_err();
    assert_eq!(refused, AdmitError::TooLarge { needed, limit });
    assert!(batch.admit(&job.prompt, &job.params).is_ok(), "there is room again");
}

#[test]
fn batches_share_one_memory_and_give_it_back_when_they_are_dropped() {
    let engine = &engines()[0];
    let (one, other) = (&models()[0], &models()[2]);
    let job = greedy(&[1], 2);
    let memory = CacheMemory::new(cache_bytes(one.spec(), job.positions()));
    let options = BatchOptions::default();
    let mut first = Batch::new(engine, one, &memory, options).unwrap();
    first.admit(&job.prompt, &job.params).unwrap();
    let mut second = Batch::new(engine, one, &memory, options).unwrap();
    let refused = second.admit(&job.prompt, &job.params).unwrap_err();
    assert_eq!(refused, AdmitError::Overloaded(Overloaded::Memory));
    drop(first);
    assert!(second.admit(&job.prompt, &job.params).is_ok());
    // Twice the heads, nearly twice the bytes: the trace's part is the same.
    let mut third = Batch::new(engine, other, &memory, options).unwrap();
    let refused = third.admit(&job.prompt, &job.params).unwrap_err();
    let (limit, needed) = (memory.limit(), cache_bytes(other.spec(), job.positions()));
    assert!(needed > limit && needed < 2 * limit);
    assert_eq!(refused, AdmitError::TooLarge { needed, limit });
}

#[test]
fn bad_jobs_are_refused_and_an_empty_batch_steps_over_nothing() {
    let memory = CacheMemory::unbounded();
    let mut batch = Batch::new(&engines()[0], &models()[0], &memory, BatchOptions::default()).unwrap();
    batch.step(&NEVER, &mut |_, _| panic!("nothing runs")).unwrap();
    for (job, why) in [
        (greedy(&[], 1), ParamsError::EmptyPrompt),
        (greedy(&[VOCAB], 1), ParamsError::UnknownToken),
        (greedy(&[1], 0), ParamsError::ZeroTokens),
        (greedy(&[1], 700), ParamsError::ContextExceeded),
    ] {
        assert_eq!(batch.admit(&job.prompt, &job.params), Err(AdmitError::Params(why)));
    }
    assert_eq!(
        batch.admit(&[1], &JobParams::Embed),
        Err(AdmitError::Params(ParamsError::WrongKind))
    );
    assert!(batch.is_empty() && memory.used() == 0);
}

#[test]
fn passes_that_are_broken_off_change_nothing() {
    let model = &models()[0];
    for engine in engines() {
        let memory = CacheMemory::unbounded();
        let options = BatchOptions {
            slots: 8,
            prefill_rows: 40,
        };
        let mut batch = Batch::new(engine, model, &memory, options).unwrap();
        let jobs: Vec<Job> = (1..6).map(|n| greedy(&[n; 50][..10 * n as usize], 8)).collect();
        for job in &jobs {
            batch.admit(&job.prompt, &job.params).unwrap();
        }
        let (flag, done) = (AtomicBool::new(false), AtomicBool::new(false));
        let mut finished = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    flag.fetch_not(Ordering::Relaxed);
                    std::hint::spin_loop();
                }
            });
            for attempt in 0.. {
                // At first against the flag that flickers, then, so that the test ends, without.
                let cancel = if attempt < 300 { &flag } else { &NEVER };
                let outcome = batch.step(cancel, &mut |slot, event| {
                    if let BatchEvent::Finished(execution) = event {
                        finished.push((slot, execution));
                    }
                });
                assert!(outcome.is_ok() || attempt < 300);
                if batch.is_empty() {
                    break;
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        finished.sort_by_key(|(slot, _)| *slot);
        let executions: Vec<Execution> = finished.into_iter().map(|(_, execution)| execution).collect();
        let want: Vec<Execution> = jobs.iter().map(|job| job.alone(engine, model)).collect();
        assert_eq!(executions, want, "{engine:?}");
    }
}
