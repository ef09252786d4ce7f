//! Whole models: prefill equals decode, stop rules, refusals, commitment and trace.
#![allow(clippy::unwrap_used)]

mod common;

use codec::{Decode, Encode};
use common::*;
use lantern_exact::{
    commit,
    fixed::Scale,
    merkle,
    model::{self, LlamaState, Tensor},
    spec::{decode_tokens, encode_tokens},
    synthetic,
    trace::{LayerProof, LeafContent},
    JobParams, ModelError, ModelSpec, ParamsError, Pooling, ReferenceModel, Sampling, SpecError, StopReason,
};

const PROMPT: [u32; 7] = [3, 14, 15, 9, 2, 6, 5];

#[test]
fn prefill_in_any_cut_equals_token_by_token() {
    for spec in [llama_spec(), llama_spec_full()] {
        let ReferenceModel::Llama(model) = model(spec) else {
            unreachable!()
        };
        let tokens: Vec<u32> = (0..20).map(|i| (i * 7 + 3) % spec.vocab).collect();
        let run = |cuts: &[usize]| {
            let mut state = LlamaState::default();
            let (mut at, mut rows) = (0, Vec::new());
            for cut in cuts {
                rows.extend(model.forward(&mut state, &tokens[at..at + cut]));
                at += cut;
            }
            assert_eq!(at, tokens.len());
            (rows, state)
        };
        let (rows, whole) = run(&[20]);
        for cuts in [vec![1; 20], vec![7, 1, 12], vec![19, 1]] {
            let (other_rows, other) = run(&cuts);
            assert_eq!(rows, other_rows);
            assert_eq!(whole.caches, other.caches);
            assert_eq!(whole.trace, other.trace);
        }
    }
}

#[test]
fn generation_is_replayed_by_one_prefill() {
    for spec in [llama_spec(), llama_spec_full()] {
        let reference = model(spec);
        for sampling in [Sampling::Greedy, seeded(1.3, 0, 1.0, 5), seeded(0.8, 12, 0.9, 6)] {
            // GIVEN a generation
            let outcome = reference.run(&PROMPT, &generate(12, sampling, &[])).unwrap();
            assert_eq!((outcome.stop, outcome.tokens.len()), (StopReason::Length, 12));
            assert_eq!(outcome.usage.output_tokens, 12);
            assert_eq!(outcome.trace.positions.len() as u32, spec.positions(7, 12));
            // WHEN prompt and all tokens but the last go through in one call
            let ReferenceModel::Llama(llama) = &reference else {
                unreachable!()
            };
            let mut state = LlamaState::default();
            let tokens = [&PROMPT[..], &outcome.tokens[..11]].concat();
            let rows = llama.forward(&mut state, &tokens);
            // THEN trace and every choice are the same
            assert_eq!(state.trace.root(spec.layers), outcome.trace_root);
            for (i, token) in outcome.tokens.iter().enumerate() {
                let logits = llama.logits(&rows[6 + i]);
                assert_eq!(lantern_exact::ops::sample(&logits, &sampling, 7 + i as u32), *token);
            }
        }
    }
}

#[test]
fn the_first_stop_token_ends_the_output_and_is_its_last_token() {
    let reference = model(llama_spec());
    let free = reference
        .run(&PROMPT, &generate(10, seeded(1.0, 0, 1.0, 1), &[]))
        .unwrap();
    let stop = free.tokens[4];
    let first = free.tokens.iter().position(|t| *t == stop).unwrap();
    let stopped = reference
        .run(&PROMPT, &generate(10, seeded(1.0, 0, 1.0, 1), &[49, stop]))
        .unwrap();
    assert_eq!(stopped.tokens, free.tokens[..=first]);
    assert_eq!(
        (stopped.stop, stopped.output),
        (StopReason::StopToken, encode_tokens(&free.tokens[..=first]))
    );
}

#[test]
fn one_changed_weight_changes_output_trace_and_id() {
    let spec = llama_spec();
    let mut tensors = synthetic::tensors(&spec, 42);
    let id = model::model_id_of(&spec, &tensors).unwrap();
    let before = model(spec).run(&PROMPT, &generate(4, Sampling::Greedy, &[])).unwrap();
    let Tensor::Matrix(down) = &mut tensors[9] else {
        panic!("{:?}", commit::tensors(&spec)[9])
    };
    down.data[3] ^= 64;
    assert_ne!(model::model_id_of(&spec, &tensors).unwrap(), id);
    let after = ReferenceModel::from_tensors(spec, tensors).unwrap();
    assert_ne!(
        after
            .run(&PROMPT, &generate(4, Sampling::Greedy, &[]))
            .unwrap()
            .trace_root,
        before.trace_root
    );
}

#[test]
fn embeddings_have_their_form() {
    for (pooling, normalize) in [
        (Pooling::Mean, true),
        (Pooling::Mean, false),
        (Pooling::Cls, true),
        (Pooling::Cls, false),
    ] {
        let spec = bert_spec(pooling, normalize);
        let outcome = model(spec).run(&PROMPT, &JobParams::Embed).unwrap();
        assert_eq!(outcome.output.len() as u32, spec.output_len(0));
        assert_eq!((outcome.usage.prompt_tokens, outcome.usage.output_tokens), (7, 0));
        let row: Vec<f64> = outcome
            .output
            .chunks(4)
            .map(|b| i32::from_le_bytes(b.try_into().unwrap()) as f64 / (spec.embedding_frac() as f64).exp2())
            .collect();
        let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert_eq!((norm - 1.0).abs() < 1e-6, normalize, "{norm}");
    }
}

#[test]
fn widths_differ_but_agree_roughly() {
    let wide = llama_spec();
    let narrow = ModelSpec {
        activation: lantern_exact::Width::Narrow,
        ..wide
    };
    let logits = |spec: ModelSpec| {
        let ReferenceModel::Llama(model) = model(spec) else {
            unreachable!()
        };
        let rows = model.forward(&mut LlamaState::default(), &PROMPT);
        model.logits(rows.last().unwrap())
    };
    let (a, b) = (logits(wide), logits(narrow));
    assert_ne!(a, b);
    let dot = |x: &[i32], y: &[i32]| x.iter().zip(y).map(|(a, b)| *a as f64 * *b as f64).sum::<f64>();
    assert!(dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt() > 0.99);
}

#[test]
fn malformed_models_are_refused() {
    let spec = llama_spec();
    let good = synthetic::tensors(&spec, 1);
    let refused = |change: &dyn Fn(&mut Vec<Tensor>)| {
        let mut tensors = good.clone();
        change(&mut tensors);
        ReferenceModel::from_tensors(spec, tensors).unwrap_err()
    };
    assert_eq!(refused(&|t| t.truncate(3)), ModelError::Tensor(3));
    assert_eq!(refused(&|t| t.push(good[0].clone())), ModelError::ExtraTensors);
    assert_eq!(refused(&|t| t.swap(0, 1)), ModelError::Tensor(0));
    type Change<'a> = &'a dyn Fn(&mut model::Matrix);
    let changes: [Change; 5] = [
        &|m| m.data[0] = -128,
        &|m| m.scales[0].mant = 1,
        &|m| m.scales[0].exp = 600,
        &|m| m.data.truncate(5),
        &|m| m.cols += 1,
    ];
    for change in changes {
        let error = refused(&|t| match &mut t[0] {
            Tensor::Matrix(matrix) => change(matrix),
            Tensor::Vector(_) => unreachable!(),
        });
        assert_eq!(error, ModelError::Tensor(0));
    }
    let bad = ModelSpec { head_dim: 7, ..spec };
    assert_eq!(
        ReferenceModel::from_tensors(bad, good.clone()).unwrap_err(),
        ModelError::Spec(SpecError::OddHeadDim)
    );
}

#[test]
fn malformed_jobs_are_refused() {
    let reference = model(llama_spec());
    let refused = |input: &[u32], params: JobParams| match reference.run(input, &params).unwrap_err() {
        ModelError::Params(error) => error,
        other => panic!("{other}"),
    };
    assert_eq!(
        refused(&[], generate(1, Sampling::Greedy, &[])),
        ParamsError::EmptyPrompt
    );
    assert_eq!(
        refused(&[50], generate(1, Sampling::Greedy, &[])),
        ParamsError::UnknownToken
    );
    assert_eq!(
        refused(&PROMPT, generate(0, Sampling::Greedy, &[])),
        ParamsError::ZeroTokens
    );
    assert_eq!(
        refused(&PROMPT, generate(58, Sampling::Greedy, &[])),
        ParamsError::ContextExceeded
    );
    assert_eq!(
        refused(&PROMPT, generate(u32::MAX, Sampling::Greedy, &[])),
        ParamsError::ContextExceeded
    );
    assert_eq!(
        refused(&PROMPT, generate(1, Sampling::Greedy, &[50])),
        ParamsError::UnknownStopToken
    );
    assert_eq!(
        refused(&PROMPT, generate(1, seeded(0.0, 0, 1.0, 0), &[])),
        ParamsError::BadTemperature
    );
    assert_eq!(
        refused(&PROMPT, generate(1, seeded(65.0, 0, 1.0, 0), &[])),
        ParamsError::BadTemperature
    );
    assert_eq!(
        refused(&PROMPT, generate(1, seeded(1.0, 51, 1.0, 0), &[])),
        ParamsError::BadTopK
    );
    assert_eq!(
        refused(&PROMPT, generate(1, seeded(1.0, 0, 0.0, 0), &[])),
        ParamsError::BadTopP
    );
    assert_eq!(
        refused(&PROMPT, generate(1, seeded(1.0, 0, 1.1, 0), &[])),
        ParamsError::BadTopP
    );
    assert_eq!(refused(&PROMPT, JobParams::Embed), ParamsError::WrongKind);
    assert_eq!(decode_tokens(&[1, 0, 0], 50), Err(ParamsError::MisalignedInput));
    assert_eq!(decode_tokens(&[50, 0, 0, 0], 50), Err(ParamsError::UnknownToken));
    assert_eq!(decode_tokens(&encode_tokens(&PROMPT), 50).unwrap(), PROMPT);
}

#[test]
fn every_trace_leaf_is_provable_and_no_other() {
    let spec = llama_spec();
    let outcome = model(spec).run(&PROMPT, &generate(5, Sampling::Greedy, &[])).unwrap();
    let (root, layers) = (outcome.trace_root, spec.layers);
    let leaves = &outcome.trace.positions;
    let positions = leaves.len() as u32;
    for position in 0..positions {
        for layer in 0..layers {
            let leaf = leaves[position as usize][layer as usize];
            let proof = outcome.trace.prove(position, layer).unwrap();
            assert!(proof.verify(&root, positions, layers, &leaf));
            let other = leaves[position as usize][1 - layer as usize];
            assert!(!proof.verify(&root, positions, layers, &other));
            assert!(!proof.verify(&root, positions + 1, layers, &leaf));
            assert!(!proof.verify(&root, positions, layers + 1, &leaf));
            let encoded = LayerProof::decode(&mut &proof.encode()[..]).unwrap();
            assert_eq!(encoded, proof);
            let moved = LayerProof {
                position: (position + 1) % positions,
                ..proof.clone()
            };
            assert!(!moved.verify(&root, positions, layers, &leaf));
            let moved = LayerProof {
                layer: 1 - layer,
                ..proof.clone()
            };
            assert!(!moved.verify(&root, positions, layers, &leaf));
            let mut longer = proof.clone();
            longer.over_layers.push([0; 32]);
            assert!(!longer.verify(&root, positions, layers, &leaf));
            let mut shorter = proof;
            shorter.over_positions.pop();
            assert!(!shorter.verify(&root, positions, layers, &leaf));
        }
    }
    assert_eq!(outcome.trace.prove(positions, 0), None);
    assert_eq!(outcome.trace.prove(0, layers), None);
}

#[test]
fn the_content_of_a_leaf_survives_its_bytes_and_only_the_right_number_of_them() {
    let spec = llama_spec();
    let scale = |mant, exp| Scale { mant, exp };
    let content = LeafContent {
        residual: (0..spec.hidden as i32).map(|i| (i - 16) * 100_000_007).collect(),
        keys: (0..16).map(|i| (i - 8) * 2_047).collect(),
        key_scales: vec![scale(u32::MAX, i32::MIN), scale(1, -2)],
        values: (0..16).map(|i| (i - 8) * 15).collect(),
        value_scales: vec![scale(3, 4), scale(0, i32::MAX)],
    };
    let bytes = content.to_bytes();
    assert_eq!(bytes.len(), LeafContent::encoded_len(&spec));
    assert_eq!(content.leaf(), merkle::leaf(&bytes));
    assert_eq!(LeafContent::from_bytes(&spec, &bytes).unwrap(), content);
    for len in (0..bytes.len()).chain([bytes.len() + 1]) {
        let mut other = bytes.clone();
        other.resize(len, 0);
        assert_eq!(LeafContent::from_bytes(&spec, &other), None);
    }
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1 << (at % 8);
        assert_ne!(LeafContent::from_bytes(&spec, &other).unwrap().leaf(), content.leaf());
    }
}
