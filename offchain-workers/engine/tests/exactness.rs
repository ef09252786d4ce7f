//! The engine against the reference: every kernel, thread count and prefill chunk gives the same result and trace.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

use lantern_engine::{Engine, ExecuteError, ExecuteOptions, Execution, Kernel, KernelChoice, LoadedModel};
use lantern_exact::{
    BertSpec, Family, GenerateParams, JobParams, LlamaSpec, ModelSpec, Outcome, ParamsError, Pooling, RopeScaling,
    Sampling, StopReason, StopTokens, Width, ARITHMETIC,
};
use std::{ops::ControlFlow, sync::atomic::AtomicBool};

fn llama_spec() -> ModelSpec {
    ModelSpec {
        family: Family::Llama(LlamaSpec {
            tied_embeddings: false,
            qkv_bias: false,
            qk_norm: false,
            rope_base: 10_000,
            rope_scaling: RopeScaling::None,
        }),
        arithmetic: ARITHMETIC,
        activation: Width::Wide,
        keys: Width::Wide,
        hidden: 48,
        intermediate: 100,
        layers: 3,
        heads: 4,
        kv_heads: 4,
        head_dim: 12,
        vocab: 131,
        max_context: 96,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [7; 32],
    }
}

fn llama(change: impl FnOnce(&mut LlamaSpec, &mut ModelSpec)) -> ModelSpec {
    let mut spec = llama_spec();
    let Family::Llama(mut family) = spec.family else {
        unreachable!()
    };
    change(&mut family, &mut spec);
    spec.family = Family::Llama(family);
    spec
}

/// Llama shapes that differ in every feature.
fn llama_specs() -> Vec<(&'static str, ModelSpec)> {
    vec![
        ("plain", llama_spec()),
        (
            "grouped heads",
            llama(|_, spec| (spec.kv_heads, spec.heads, spec.head_dim) = (2, 14, 10)),
        ),
        ("one kv head", llama(|_, spec| spec.kv_heads = 1)),
        (
            "biases and tied embeddings",
            llama(|family, _| (family.qkv_bias, family.tied_embeddings) = (true, true)),
        ),
        (
            "head norms, wide heads",
            llama(|family, spec| {
                family.qk_norm = true;
                (spec.head_dim, spec.kv_heads) = (64, 2);
            }),
        ),
        (
            "narrow",
            llama(|_, spec| (spec.activation, spec.keys) = (Width::Narrow, Width::Narrow)),
        ),
        ("narrow keys", llama(|_, spec| spec.keys = Width::Narrow)),
        (
            "stretched rotation",
            llama(|family, _| {
                family.rope_scaling = RopeScaling::Llama3 {
                    factor: 8 << 16,
                    low_freq_factor: 1 << 16,
                    high_freq_factor: 4 << 16,
                    original_context: 32,
                };
            }),
        ),
        (
            "rows of whole vectors",
            llama(|_, spec| {
                (spec.hidden, spec.intermediate, spec.head_dim, spec.vocab) = (128, 192, 32, 256);
            }),
        ),
    ]
}

fn bert_spec() -> ModelSpec {
    ModelSpec {
        family: Family::Bert(BertSpec {
            pooling: Pooling::Mean,
            normalize: true,
        }),
        norm_eps: 18_446_744,
        ..llama_spec()
    }
}

fn bert_specs() -> Vec<(&'static str, ModelSpec)> {
    let family = |pooling, normalize| Family::Bert(BertSpec { pooling, normalize });
    vec![
        ("mean, normalised", bert_spec()),
        (
            "first token",
            ModelSpec {
                family: family(Pooling::Cls, true),
                ..bert_spec()
            },
        ),
        (
            "not normalised",
            ModelSpec {
                family: family(Pooling::Mean, false),
                ..bert_spec()
            },
        ),
        (
            "narrow",
            ModelSpec {
                activation: Width::Narrow,
                keys: Width::Narrow,
                ..bert_spec()
            },
        ),
    ]
}

/// Every way of running a job on this machine.
fn engines() -> Vec<Engine> {
    let kernels = Kernel::ALL.into_iter().filter(|kernel| kernel.is_available());
    kernels
        .flat_map(|kernel| [1, 2].map(|threads| Engine::new(threads, KernelChoice::Only(kernel)).unwrap()))
        .collect()
}

fn run(engine: &Engine, model: &LoadedModel, input: &[u32], params: &JobParams, chunk: usize) -> Execution {
    let options = ExecuteOptions { prefill_chunk: chunk };
    let mut seen = Vec::new();
    let mut on_token = |token| {
        seen.push(token);
        ControlFlow::Continue(())
    };
    let execution = engine
        .execute(model, input, params, &options, &mut on_token, &AtomicBool::new(false))
        .unwrap();
    assert_eq!(seen, execution.output_tokens, "streamed tokens");
    execution
}

fn assert_same(execution: &Execution, want: &Outcome, what: &str) {
    assert_eq!(execution.output, want.output, "{what}: output");
    assert_eq!(execution.output_tokens, want.tokens, "{what}: tokens");
    assert_eq!(execution.usage, want.usage, "{what}: usage");
    assert_eq!(execution.trace_root, want.trace_root, "{what}: trace root");
    assert_eq!(execution.stop, want.stop, "{what}: stop");
    assert_eq!(
        execution.output_hash,
        lantern_exact::blake2_256(&[&want.output]),
        "{what}: hash"
    );
}

fn prompt(vocab: u32, len: u32) -> Vec<u32> {
    (0..len).map(|index| (index * 37 + 11) % vocab).collect()
}

fn generate(max_new_tokens: u32, sampling: Sampling) -> JobParams {
    JobParams::Generate(GenerateParams {
        max_new_tokens,
        sampling,
        stop: StopTokens::default(),
    })
}

fn seeded(temperature: u32, top_k: u32, top_p: u32) -> Sampling {
    Sampling::Seeded {
        temperature,
        top_k,
        top_p,
        seed: [9; 32],
    }
}

#[test]
fn generation_equals_the_reference_whatever_kernel_threads_and_chunk() {
    for (seed, (name, spec)) in llama_specs().into_iter().enumerate() {
        let model = LoadedModel::synthetic(spec, seed as u64).unwrap();
        let reference = model.reference().unwrap();
        let input = prompt(spec.vocab, 37);
        for sampling in [Sampling::Greedy, seeded(60_000, 20, 60_000)] {
            let params = generate(9, sampling);
            let want = reference.run(&input, &params).unwrap();
            for engine in engines() {
                for chunk in [1, 7, 1000] {
                    let got = run(&engine, &model, &input, &params, chunk);
                    assert_same(&got, &want, &format!("{name}, {engine:?}, chunk {chunk}"));
                }
            }
        }
    }
}

#[test]
fn embedding_equals_the_reference_whatever_kernel_and_threads() {
    for (seed, (name, spec)) in bert_specs().into_iter().enumerate() {
        let model = LoadedModel::synthetic(spec, 100 + seed as u64).unwrap();
        let reference = model.reference().unwrap();
        for len in [1, 5, 40] {
            let input = prompt(spec.vocab, len);
            let want = reference.run(&input, &JobParams::Embed).unwrap();
            for engine in engines() {
                let got = run(&engine, &model, &input, &JobParams::Embed, 7);
                assert_same(&got, &want, &format!("{name}, {len} tokens, {engine:?}"));
            }
        }
    }
}

#[test]
fn the_commitment_equals_the_reference_commitment_and_tensors_survive_packing() {
    for (_, spec) in llama_specs().into_iter().chain(bert_specs()) {
        let tensors = lantern_exact::synthetic::tensors(&spec, 5);
        let root = lantern_exact::model::weights_root(&spec, &tensors).unwrap();
        let model = LoadedModel::from_tensors("test", spec, tensors.clone()).unwrap();
        assert_eq!(model.weights_root(), root);
        assert_eq!(model.id(), lantern_exact::model_id(&spec, &root));
        let again = model.reference().unwrap();
        let direct = lantern_exact::ReferenceModel::from_tensors(spec, tensors).unwrap();
        assert_eq!(format!("{again:?}"), format!("{direct:?}"));
    }
}

#[test]
fn prefill_of_a_generation_equals_its_decoding() {
    let model = LoadedModel::synthetic(llama_spec(), 3).unwrap();
    let engine = Engine::new(2, KernelChoice::Auto).unwrap();
    let input = prompt(131, 10);
    let decoded = run(&engine, &model, &input, &generate(12, Sampling::Greedy), 4);
    // The same positions in one pass; the last output token is never fed back.
    let mut all = input.clone();
    all.extend(&decoded.output_tokens[..11]);
    let prefilled = run(&engine, &model, &all, &generate(1, Sampling::Greedy), 1000);
    assert_eq!(prefilled.trace_root, decoded.trace_root);
    assert_eq!(prefilled.output_tokens[0], decoded.output_tokens[11]);
}

#[test]
fn logits_after_every_position_equal_the_reference() {
    let spec = llama_spec();
    let model = LoadedModel::synthetic(spec, 4).unwrap();
    let lantern_exact::ReferenceModel::Llama(reference) = model.reference().unwrap() else {
        unreachable!()
    };
    let input = prompt(spec.vocab, 70);
    let rows = reference.forward(&mut Default::default(), &input);
    for engine in engines() {
        let mut positions = 0;
        let mut each = |position: usize, logits: &[i32]| {
            assert_eq!(position, positions);
            assert_eq!(
                logits,
                reference.logits(&rows[position]),
                "{engine:?}, position {position}"
            );
            positions += 1;
        };
        engine.logits(&model, &input, &mut each).unwrap();
        assert_eq!(positions, input.len());
    }
}

#[test]
fn a_stop_token_ends_the_output_and_is_its_last_token() {
    let model = LoadedModel::synthetic(llama_spec(), 6).unwrap();
    let engine = Engine::new(1, KernelChoice::Auto).unwrap();
    let input = prompt(131, 8);
    let free = run(&engine, &model, &input, &generate(10, seeded(200_000, 0, 65_536)), 8);
    let stop = StopTokens::new(&[free.output_tokens[4]]).unwrap();
    let first = free
        .output_tokens
        .iter()
        .position(|token| stop.contains(*token))
        .unwrap();
    let params = JobParams::Generate(GenerateParams {
        max_new_tokens: 10,
        sampling: seeded(200_000, 0, 65_536),
        stop,
    });
    let stopped = run(&engine, &model, &input, &params, 8);
    assert_eq!(stopped.stop, StopReason::StopToken);
    assert_eq!(stopped.output_tokens, free.output_tokens[..=first]);
}

#[test]
fn bad_jobs_are_refused_by_name() {
    let engine = Engine::new(1, KernelChoice::Auto).unwrap();
    let llama = LoadedModel::synthetic(llama_spec(), 1).unwrap();
    let bert = LoadedModel::synthetic(bert_spec(), 1).unwrap();
    let try_run = |model: &LoadedModel, input: &[u32], params: &JobParams| {
        let ignore = &mut |_| ControlFlow::Continue(());
        engine
            .execute(
                model,
                input,
                params,
                &ExecuteOptions::default(),
                ignore,
                &AtomicBool::new(false),
            )
            .unwrap_err()
    };
    let greedy = generate(10, Sampling::Greedy);
    let cases: Vec<(ExecuteError, ParamsError)> = vec![
        (try_run(&llama, &prompt(131, 87), &greedy), ParamsError::ContextExceeded),
        (
            try_run(&llama, &prompt(131, 5000), &generate(1, Sampling::Greedy)),
            ParamsError::ContextExceeded,
        ),
        (
            try_run(&llama, &[1], &generate(u32::MAX, Sampling::Greedy)),
            ParamsError::ContextExceeded,
        ),
        (try_run(&llama, &[], &greedy), ParamsError::EmptyPrompt),
        (try_run(&llama, &[131], &greedy), ParamsError::UnknownToken),
        (
            try_run(&llama, &[1], &generate(0, Sampling::Greedy)),
            ParamsError::ZeroTokens,
        ),
        (
            try_run(&llama, &[1], &generate(1, seeded(0, 0, 65_536))),
            ParamsError::BadTemperature,
        ),
        (try_run(&llama, &[1], &JobParams::Embed), ParamsError::WrongKind),
        (try_run(&bert, &[1], &greedy), ParamsError::WrongKind),
        (
            try_run(&bert, &prompt(131, 97), &JobParams::Embed),
            ParamsError::ContextExceeded,
        ),
    ];
    for (got, want) in cases {
        assert_eq!(got, ExecuteError::Params(want));
    }
}

#[test]
fn a_job_can_be_cancelled_from_outside_and_from_its_token_stream() {
    let model = LoadedModel::synthetic(llama_spec(), 1).unwrap();
    let engine = Engine::new(1, KernelChoice::Auto).unwrap();
    let params = generate(20, Sampling::Greedy);
    let options = ExecuteOptions::default();
    let stopped = AtomicBool::new(true);
    let go_on = &mut |_| ControlFlow::Continue(());
    assert_eq!(
        engine.execute(&model, &[1], &params, &options, go_on, &stopped),
        Err(ExecuteError::Cancelled)
    );
    let mut seen = 0;
    let break_off = &mut |_| {
        seen += 1;
        if seen == 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let outcome = engine.execute(&model, &[1], &params, &options, break_off, &AtomicBool::new(false));
    assert_eq!(outcome, Err(ExecuteError::Cancelled));
    assert_eq!(seen, 3);
}

#[test]
fn several_jobs_at_once_on_one_engine_do_not_mix() {
    let model = LoadedModel::synthetic(llama_spec(), 8).unwrap();
    let engine = Engine::new(2, KernelChoice::Auto).unwrap();
    let inputs: Vec<Vec<u32>> = (0..3).map(|index| prompt(131, 20 + index)).collect();
    let params = generate(8, Sampling::Greedy);
    let alone: Vec<Execution> = inputs
        .iter()
        .map(|input| run(&engine, &model, input, &params, 7))
        .collect();
    std::thread::scope(|scope| {
        for (input, want) in inputs.iter().zip(&alone) {
            let (engine, model, params) = (&engine, &model, &params);
            scope.spawn(move || assert_eq!(&run(engine, model, input, params, 7), want));
        }
    });
}
