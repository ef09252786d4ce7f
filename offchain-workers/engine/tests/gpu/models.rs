//! Whole models: outputs and traces equal the reference's, whatever the chunk of the prefill and whoever shares a pass.

use super::{engine, is_slow};
use lantern_engine::{
    gpu::{GpuBatch, GpuError, GpuModel},
    AdmitError, BatchEvent, BatchOptions, ExecuteError, ExecuteOptions, Execution, LoadOptions, LoadedModel,
    ModelSource, Overloaded, SlotId,
};
use lantern_exact::{
    BertSpec, Family, GenerateParams, JobParams, LlamaSpec, ModelSpec, Outcome, ParamsError, Pooling, ReferenceModel,
    RopeScaling, Sampling, StopTokens, Width, ARITHMETIC,
};
use serde_json::Value;
use std::{collections::HashMap, ops::ControlFlow, sync::atomic::AtomicBool};

const CACHE: usize = 4 << 20;

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

/// Shapes that differ in every feature.
fn llama_specs() -> Vec<ModelSpec> {
    let stretched = RopeScaling::Llama3 {
        factor: 8 << 16,
        low_freq_factor: 1 << 16,
        high_freq_factor: 4 << 16,
        original_context: 32,
    };
    vec![
        llama(|_, spec| (spec.kv_heads, spec.heads, spec.head_dim) = (2, 14, 10)),
        llama(|family, spec| {
            (family.qkv_bias, family.tied_embeddings) = (true, true);
            spec.kv_heads = 1;
        }),
        llama(|family, spec| {
            family.qk_norm = true;
            (spec.head_dim, spec.kv_heads) = (64, 2);
        }),
        llama(|_, spec| (spec.activation, spec.keys) = (Width::Narrow, Width::Narrow)),
        llama(|family, spec| {
            family.rope_scaling = stretched;
            spec.keys = Width::Narrow;
        }),
    ]
}

fn bert_specs() -> Vec<ModelSpec> {
    let bert = |pooling, normalize, width| ModelSpec {
        family: Family::Bert(BertSpec { pooling, normalize }),
        norm_eps: 18_446_744,
        activation: width,
        keys: width,
        ..llama_spec()
    };
    vec![
        bert(Pooling::Mean, true, Width::Wide),
        bert(Pooling::Cls, true, Width::Narrow),
        bert(Pooling::Mean, false, Width::Wide),
    ]
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

fn seeded() -> Sampling {
    Sampling::Seeded {
        temperature: 60_000,
        top_k: 20,
        top_p: 60_000,
        seed: [9; 32],
    }
}

fn upload(spec: ModelSpec, seed: u64, cache: usize) -> (GpuModel, ReferenceModel) {
    let model = LoadedModel::synthetic(spec, seed).unwrap();
    (engine().upload(&model, cache).unwrap(), model.reference().unwrap())
}

fn try_run(model: &GpuModel, input: &[u32], params: &JobParams, chunk: usize) -> Result<Execution, GpuError> {
    let mut seen = Vec::new();
    let mut on_token = |token| {
        seen.push(token);
        ControlFlow::Continue(())
    };
    let options = ExecuteOptions { prefill_chunk: chunk };
    let cancel = AtomicBool::new(false);
    let execution = engine().execute(model, input, params, &options, &mut on_token, &cancel)?;
    assert_eq!(seen, execution.output_tokens, "streamed tokens");
    Ok(execution)
}

fn assert_same(execution: &Execution, want: &Outcome, what: &str) {
    assert_eq!(execution.output, want.output, "{what}: output");
    assert_eq!(execution.output_tokens, want.tokens, "{what}: tokens");
    assert_eq!(execution.usage, want.usage, "{what}: usage");
    assert_eq!(execution.trace_root, want.trace_root, "{what}: trace root");
    assert_eq!(execution.stop, want.stop, "{what}: stop");
}

#[test]
fn the_golden_models_give_their_outputs_and_trace_roots() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../exact/tests/golden/models.json");
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(cases.len() >= 5);
    for case in cases {
        let spec: ModelSpec = serde_json::from_value(case["spec"].clone()).unwrap();
        let params: JobParams = serde_json::from_value(case["params"].clone()).unwrap();
        let input: Vec<u32> = serde_json::from_value(case["prompt"].clone()).unwrap();
        let (model, _) = upload(spec, case["seed"].as_u64().unwrap(), CACHE);
        assert_eq!(hex::encode(model.id()), case["model_id"]);
        let got = try_run(&model, &input, &params, 3).unwrap();
        assert_eq!(hex::encode(&got.output), case["output"]);
        assert_eq!(hex::encode(got.trace_root), case["trace_root"]);
    }
}

#[test]
fn the_built_in_model_gives_its_golden_vectors() {
    let folder = std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/lantern-tiny"));
    let golden: Value = serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap();
    let mut checked = 0;
    for entry in golden["widths"].as_array().unwrap() {
        let width: Width = serde_json::from_value(entry["width"].clone()).unwrap();
        let options = LoadOptions {
            activation: width,
            keys: width,
        };
        let loaded = LoadedModel::load(&ModelSource::Folder(folder.clone()), &options).unwrap();
        assert_eq!(hex::encode(loaded.id()), entry["model_id"]);
        let model = engine().upload(&loaded, CACHE).unwrap();
        let vectors = entry["vectors"].as_array().unwrap();
        // One prompt with each kind of sampling.
        let few = if is_slow() { 3 } else { vectors.len() };
        for vector in &vectors[..few] {
            let input: Vec<u32> = serde_json::from_value(vector["input"].clone()).unwrap();
            let params: JobParams = serde_json::from_value(vector["params"].clone()).unwrap();
            let got = try_run(&model, &input, &params, 32).unwrap();
            assert_eq!(
                hex::encode(got.output_hash),
                vector["output_hash"],
                "{width:?}, {input:?}"
            );
            assert_eq!(
                hex::encode(got.trace_root),
                vector["trace_root"],
                "{width:?}, {input:?}"
            );
            checked += 1;
        }
    }
    assert!(checked >= 6, "{checked} vectors");
}

#[test]
fn generation_equals_the_reference_whatever_the_chunk() {
    for (seed, spec) in llama_specs().into_iter().enumerate() {
        let (model, reference) = upload(spec, seed as u64, CACHE);
        let input = prompt(spec.vocab, 37);
        for (sampling, chunk) in [(Sampling::Greedy, 1000), (seeded(), 7)] {
            let params = generate(6, sampling);
            let want = reference.run(&input, &params).unwrap();
            let got = try_run(&model, &input, &params, chunk).unwrap();
            assert_same(&got, &want, &format!("{spec:?}, chunk {chunk}"));
        }
    }
}

#[test]
fn embedding_equals_the_reference() {
    for (seed, spec) in bert_specs().into_iter().enumerate() {
        let (model, reference) = upload(spec, 100 + seed as u64, CACHE);
        for len in [1, 40] {
            let input = prompt(spec.vocab, len);
            let want = reference.run(&input, &JobParams::Embed).unwrap();
            let got = try_run(&model, &input, &JobParams::Embed, 7).unwrap();
            assert_same(&got, &want, &format!("{spec:?}, {len} tokens"));
        }
    }
}

#[test]
fn attention_beyond_one_span_and_several_splits_leaves_the_same_trace() {
    let spec = llama(|_, spec| {
        (
            spec.max_context,
            spec.layers,
            spec.kv_heads,
            spec.hidden,
            spec.intermediate,
        ) = (700, 1, 2, 16, 16);
    });
    let (model, reference) = upload(spec, 8, CACHE);
    let input = prompt(spec.vocab, if is_slow() { 530 } else { 690 });
    let params = generate(3, Sampling::Greedy);
    let want = reference.run(&input, &params).unwrap();
    assert_same(&try_run(&model, &input, &params, 512).unwrap(), &want, "long context");
}

/// Runs `jobs` in one batch, a new one admitted every second step.
fn together(model: &GpuModel, jobs: &[(Vec<u32>, JobParams)], options: BatchOptions) -> Vec<Execution> {
    let mut batch = GpuBatch::new(model, options).unwrap();
    let mut names: HashMap<SlotId, usize> = HashMap::new();
    let mut results: Vec<Option<Execution>> = jobs.iter().map(|_| None).collect();
    let mut next = 0;
    for step in 0.. {
        if next < jobs.len() && step % 2 == 0 {
            match batch.admit(&jobs[next].0, &jobs[next].1) {
                Ok(id) => {
                    names.insert(id, next);
                    next += 1;
                },
                Err(AdmitError::Overloaded(_)) => {},
                Err(error) => panic!("{error}"),
            }
        }
        let mut each = |id, event| {
            if let BatchEvent::Finished(execution) = event {
                results[names[&id]] = Some(execution);
            }
        };
        batch.step(&AtomicBool::new(false), &mut each).unwrap();
        if next == jobs.len() && batch.is_empty() {
            break;
        }
    }
    results.into_iter().map(Option::unwrap).collect()
}

#[test]
fn generations_that_share_passes_do_not_mix() {
    let spec = llama(|_, spec| (spec.layers, spec.kv_heads) = (2, 2));
    // Eleven pages for texts of up to three: some wait for memory, others for slots, and pages are used again.
    let page = 32 * spec.kv_heads as usize * (16 * 3 + 16) * spec.layers as usize;
    let (model, reference) = upload(spec, 21, 11 * page);
    assert_eq!(model.cache_positions(), 11 * 32);
    let jobs: Vec<(Vec<u32>, JobParams)> = (0..14u32)
        .map(|index| {
            let sampling = if index % 3 == 0 { seeded() } else { Sampling::Greedy };
            (
                prompt(spec.vocab, 3 + index * 11 % 60),
                generate(3 + index % 5, sampling),
            )
        })
        .collect();
    let options = BatchOptions {
        slots: 10,
        prefill_rows: 40,
    };
    // Twice: the second batch has the buffers and the recorded steps of the first.
    for round in 0..2 {
        let got = together(&model, &jobs, options);
        for (index, ((input, params), got)) in jobs.iter().zip(&got).enumerate() {
            let want = reference.run(input, params).unwrap();
            assert_same(got, &want, &format!("round {round}, job {index}"));
        }
    }
}

#[test]
fn bad_jobs_and_full_caches_are_refused_by_name() {
    let (model, _) = upload(llama_spec(), 1, 1);
    assert_eq!(model.cache_positions(), 32, "one page at least");
    let params = |error: ParamsError| GpuError::Execute(ExecuteError::Params(error));
    let greedy = generate(10, Sampling::Greedy);
    let cases = [
        (vec![], greedy, ParamsError::EmptyPrompt),
        (vec![131], greedy, ParamsError::UnknownToken),
        (prompt(131, 87), greedy, ParamsError::ContextExceeded),
        (vec![1], JobParams::Embed, ParamsError::WrongKind),
    ];
    for (input, job, error) in cases {
        assert_eq!(try_run(&model, &input, &job, 8).unwrap_err(), params(error));
    }
    let mut batch = GpuBatch::new(
        &model,
        BatchOptions {
            slots: 2,
            prefill_rows: 8,
        },
    )
    .unwrap();
    let too_large = batch.admit(&prompt(131, 40), &greedy).unwrap_err();
    assert!(
        matches!(too_large, AdmitError::TooLarge { needed, limit } if needed > limit),
        "{too_large:?}"
    );
    let first = batch.admit(&[1, 2], &greedy).unwrap();
    assert_eq!(
        batch.admit(&[1, 2], &greedy),
        Err(AdmitError::Overloaded(Overloaded::Memory))
    );
    let stopped = batch.step(&AtomicBool::new(true), &mut |_, _| ());
    assert_eq!(stopped, Err(GpuError::Execute(ExecuteError::Cancelled)));
    assert!(batch.cancel(first) && !batch.cancel(first));
    // Its page is free again, also for the next batch.
    batch.admit(&[1, 2], &greedy).unwrap();
    drop(batch);
    let mut batch = GpuBatch::new(
        &model,
        BatchOptions {
            slots: 2,
            prefill_rows: 8,
        },
    )
    .unwrap();
    batch.admit(&[1, 2], &greedy).unwrap();
}
