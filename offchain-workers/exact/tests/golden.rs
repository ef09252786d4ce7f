//! Golden vectors: every operator and whole models against the committed files in `golden/`.
//!
//! `LANTERN_BLESS=1 cargo test -p lantern-exact --test golden` writes the files anew; do that only together with a new
//! arithmetic version. `golden/verify.py` checks the same files with an independent implementation.
#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, path::PathBuf};

use codec::Encode;
use common::*;
use lantern_exact::{
    commit::{self, TensorKind, TensorSpec},
    fixed::{self, Scale},
    merkle,
    model::{self, LlamaState},
    ops,
    synthetic::{self, SplitMix64},
    trace, JobParams, ModelSpec, Pooling, ReferenceModel, RopeScaling, Sampling, Width,
};
use serde_json::{json, Value};

fn check(name: &str, cases: Vec<Value>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("LANTERN_BLESS").is_some() {
        let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
        fs::write(&path, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    }
    let committed: Vec<Value> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(committed.len(), cases.len(), "number of cases in {name}");
    for (i, (committed, case)) in committed.iter().zip(&cases).enumerate() {
        assert_eq!(committed, case, "{name}, case {i}");
    }
}

fn scale(s: Scale) -> Value {
    json!([s.mant, s.exp])
}

fn scales(list: &[Scale]) -> Value {
    list.iter().map(|s| scale(*s)).collect()
}

struct Inputs(SplitMix64);

impl Inputs {
    fn row(&mut self, len: usize, bits: u32) -> Vec<i32> {
        (0..len)
            .map(|_| self.0.range(-(1 << bits), (1 << bits) - 1) as i32)
            .collect()
    }
    fn bytes(&mut self, len: usize) -> Vec<i8> {
        (0..len).map(|_| self.0.range(-127, 127) as i8).collect()
    }
    fn scale(&mut self) -> Scale {
        Scale {
            mant: self.0.range(1 << 23, (1 << 24) - 1) as u32,
            exp: self.0.range(-45, -30) as i32,
        }
    }
    /// Ordinary, large, tiny, zero and extreme rows.
    fn rows(&mut self, len: usize) -> Vec<Vec<i32>> {
        let mut spike = self.row(len, 14);
        spike[len / 2] = i32::MIN;
        let mut step = vec![i32::MAX; len];
        step[0] = i32::MIN;
        vec![
            self.row(len, 17),
            self.row(len, 31),
            self.row(len, 2),
            vec![0; len],
            spike,
            step,
        ]
    }
}

#[test]
fn scalar_routines() {
    let mut inputs = Inputs(SplitMix64(101));
    let mut cases = Vec::new();
    for s in [0u32, 1, 2, 15, 31, 62, 63, 64] {
        let x: Vec<i64> = [0, 1, -1, i64::MAX, i64::MIN]
            .into_iter()
            .chain((0..5).map(|_| inputs.0.next_u64() as i64))
            .collect();
        let y: Vec<i64> = x.iter().map(|x| fixed::rsr(*x, s)).collect();
        let left: Vec<i32> = x.iter().map(|x| fixed::shift_to_i32(*x >> 20, -(s as i32))).collect();
        let right: Vec<i32> = x.iter().map(|x| fixed::shift_to_i32(*x, s as i32)).collect();
        cases.push(json!({"op": "shift", "s": s, "x": x, "rsr": y, "left": left, "right": right}));
    }
    for _ in 0..12 {
        let (a, b) = (inputs.scale(), inputs.scale());
        let n = inputs.0.next_u64() >> inputs.0.range(0, 40);
        cases.push(json!({"op": "scale", "a": scale(a), "b": scale(b), "n": n, "mul": scale(a.mul(b)),
            "recip": scale(a.recip()), "ratio": scale(Scale::ratio(n, 127, -9)), "inverse": scale(Scale::ratio(1, n, 3)),
            "inv_sqrt": scale(Scale::inv_sqrt(n as u128, 10)), "normalise": scale(Scale::normalise(n as u128, 2)),
            "epilogue": json!(fixed::epilogue(a, b, 16))}));
    }
    let mut x: Vec<i32> = [0, 1, -1, i32::MIN, i32::MAX, 65_536, -65_536, 1 << 20, (1 << 20) - 1].into();
    x.extend(inputs.row(60, 20));
    let t: Vec<u32> = x.iter().map(|x| x.unsigned_abs()).collect();
    cases.push(json!({"op": "elementwise", "x": x, "t": t,
        "exp2_neg": t.iter().map(|t| fixed::exp2_neg(*t)).collect::<Vec<_>>(),
        "sigmoid": x.iter().map(|x| fixed::sigmoid(*x)).collect::<Vec<_>>(),
        "normal_cdf": x.iter().map(|x| fixed::normal_cdf(*x)).collect::<Vec<_>>(),
        "silu": x.iter().map(|x| ops::silu(*x)).collect::<Vec<_>>(),
        "gelu": x.iter().map(|x| ops::gelu(*x)).collect::<Vec<_>>()}));
    let mut r: Vec<u32> = vec![0, 1, u32::MAX, u32::MAX - 1, 1 << 31];
    r.extend((0..40).map(|_| inputs.0.next_u64() as u32));
    cases.push(json!({"op": "gumbel", "r": r, "y": r.iter().map(|r| fixed::gumbel(*r)).collect::<Vec<_>>()}));
    let x: Vec<u64> = [1, 2, 3, u64::MAX]
        .into_iter()
        .chain((0..40).map(|i| inputs.0.next_u64() >> i))
        .collect();
    cases.push(
        json!({"op": "logarithms", "x": x, "log2": x.iter().map(|x| fixed::log2(*x)).collect::<Vec<_>>(),
        "ln": x.iter().map(|x| fixed::ln(*x)).collect::<Vec<_>>(),
        "exp_neg": x.iter().map(|x| fixed::exp_neg(*x >> 10)).collect::<Vec<_>>(),
        "sin_cos": x.iter().map(|x| fixed::sin_cos_turns(*x)).collect::<Vec<_>>()}),
    );
    // Every fraction of exp2_neg and every cell of the interpolations, by digest.
    let words = |f: &dyn Fn(u32) -> u32, step| {
        let bytes: Vec<u8> = (0..1u32 << 20).step_by(step).flat_map(|x| f(x).to_le_bytes()).collect();
        hex::encode(merkle::leaf(&bytes))
    };
    cases.push(json!({"op": "sweeps", "exp2_neg": words(&fixed::exp2_neg, 13), "sigmoid": words(&|x| fixed::sigmoid(x as i32), 53),
        "normal_cdf": words(&|x| fixed::normal_cdf(x as i32), 53)}));
    let table = |t: &[u32]| {
        hex::encode(merkle::leaf(
            &t.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>(),
        ))
    };
    cases.push(json!({"op": "tables", "sigmoid": table(&fixed::SIGMOID), "normal_cdf": table(&fixed::NORMAL_CDF)}));
    check("scalars.json", cases);
}

#[test]
fn row_operators() {
    let mut inputs = Inputs(SplitMix64(102));
    let mut cases = Vec::new();
    let eps = 184_467_440_737_095u64;
    for qmax in [ops::ACTIVATION_MAX_WIDE, ops::KEY_MAX_WIDE, ops::QUERY_MAX, 127] {
        for x in inputs.rows(9) {
            let mut q = vec![0i16; x.len()];
            let s = ops::quantise_row(&x, qmax, &mut q);
            cases.push(json!({"op": "quantise_row", "qmax": qmax, "x": x, "q": q, "scale": scale(s)}));
        }
    }
    for x in inputs.rows(10) {
        let (gain, bias, frac) = (inputs.row(10, 24), inputs.row(10, 18), 20);
        let mut q = vec![0i16; x.len()];
        let s = ops::rmsnorm_quantise(&x, &gain, frac, eps, ops::ACTIVATION_MAX_WIDE, &mut q);
        let (mut rms, mut layer) = (x.clone(), x.clone());
        ops::rmsnorm(&mut rms, &gain, frac, eps);
        ops::layernorm(&mut layer, &gain, frac, &bias, eps);
        let mut gated = vec![0i16; x.len()];
        let gated_scale = ops::silu_gate_quantise(&x, &bias, ops::ACTIVATION_MAX_WIDE, &mut gated);
        let mut gelu = vec![0i16; x.len()];
        let gelu_scale = ops::gelu_quantise(&x, 127, &mut gelu);
        let mut sum = x.clone();
        ops::add_row(&mut sum, &gain);
        let sums: Vec<i64> = x.iter().zip(&gain).map(|(a, b)| *a as i64 * 3 + *b as i64).collect();
        let (mut mean, mut unit) = (vec![0; 10], vec![0; 10]);
        ops::mean_row(&sums, 4, &mut mean);
        ops::l2_normalise(&sums, &mut unit);
        cases.push(
            json!({"op": "rows", "x": x, "gain": gain, "frac": frac, "bias": bias, "eps": eps,
            "rmsnorm_q": q, "rmsnorm_scale": scale(s), "rmsnorm": rms, "layernorm": layer, "silu_gate": gated,
            "silu_gate_scale": scale(gated_scale), "gelu": gelu, "gelu_scale": scale(gelu_scale), "add": sum,
            "sums": sums, "mean": mean, "l2": unit, "argmax": ops::argmax(&x)}),
        );
    }
    for x in inputs.rows(12) {
        let mut q = vec![0i16; 12];
        let row = ops::quantise_row(&x, ops::ACTIVATION_MAX_WIDE, &mut q);
        let (w, s): (_, Vec<Scale>) = (inputs.bytes(36), (0..3).map(|_| inputs.scale()).collect());
        let bias = inputs.row(3, 30);
        let (mut y, mut embedded) = (vec![0; 3], vec![0; 12]);
        ops::linear(&q, row, &w, &s, &bias, &mut y);
        ops::embed_row(&w[..12], s[0], &mut embedded);
        cases.push(
            json!({"op": "linear", "q": q, "row": scale(row), "w": w, "scales": scales(&s), "bias": bias, "y": y,
            "embed": embedded}),
        );
    }
    let llama3 = RopeScaling::Llama3 {
        factor: 8 << 16,
        low_freq_factor: 1 << 16,
        high_freq_factor: 4 << 16,
        original_context: 900,
    };
    for scaling in [RopeScaling::None, RopeScaling::Linear { factor: 163_840 }, llama3] {
        let mut frequencies = vec![0; 6];
        ops::rope_frequencies(10_000, scaling, &mut frequencies);
        let (mut cos, mut sin) = (vec![0; 6], vec![0; 6]);
        ops::rope_angles(&frequencies, 12_345, &mut cos, &mut sin);
        for x in inputs.rows(12) {
            let mut y = x.clone();
            ops::rope_row(&mut y, &cos, &sin);
            cases.push(
                json!({"op": "rope", "base": 10_000, "scaling": hex::encode(scaling.encode()), "position": 12_345,
                "frequencies": frequencies, "cos": cos, "sin": sin, "x": x, "y": y}),
            );
        }
    }
    for (keys, bits) in [
        (Width::Wide, 18),
        (Width::Narrow, 18),
        (Width::Wide, 31),
        (Width::Wide, 3),
    ] {
        cases.push(attention_case(&mut inputs, keys, bits));
    }
    check("operators.json", cases);
}

fn attention_case(inputs: &mut Inputs, keys: Width, bits: u32) -> Value {
    let (dim, positions) = (6, 9);
    let query = inputs.row(dim, bits);
    let mut q = vec![0i16; dim];
    let query_scale = ops::quantise_queries(&query, &mut q);
    let (mut rows, mut key_scales, mut value_scales, mut scores, mut quantised) =
        (vec![], vec![], vec![], vec![], vec![]);
    let mut acc = vec![0i64; dim];
    let mut kept = vec![];
    for t in 0..positions {
        let (key, mut value) = (inputs.row(dim, bits), inputs.row(dim, 4 + 3 * t as u32));
        if t == 4 {
            value.fill(0);
        }
        let (mut k, mut v) = (vec![0i16; dim], vec![0i8; dim]);
        key_scales.push(ops::quantise_keys(&key, keys, &mut k));
        value_scales.push(ops::quantise_values(&value, &mut v));
        scores.push(ops::score(ops::dot_head(&q, &k), query_scale, key_scales[t]));
        quantised.push(json!([k, v]));
        kept.push(v);
        rows.push(json!([key, value]));
    }
    let mut weights = vec![0; positions];
    let softmax = ops::softmax(&scores, &value_scales, &mut weights);
    weights.iter().zip(&kept).for_each(|(w, v)| ops::mix(*w, v, &mut acc));
    let out: Vec<i32> = acc.iter().map(|a| ops::finish_mix(*a, &softmax)).collect();
    json!({"op": "attention", "narrow": keys == Width::Narrow, "query": query, "q": q, "query_scale": scale(query_scale),
        "rows": rows, "quantised": quantised, "key_scales": scales(&key_scales), "value_scales": scales(&value_scales),
        "scores": scores, "weights": weights, "sum": softmax.sum, "exp": softmax.exp, "mix": acc, "out": out})
}

#[test]
fn sampling_and_hashing() {
    let mut inputs = Inputs(SplitMix64(103));
    let mut cases = Vec::new();
    for (temperature, top_k, top_p) in [
        (1.0, 0, 1.0),
        (0.7, 0, 1.0),
        (1.5, 5, 1.0),
        (1.0, 0, 0.8),
        (2.0, 12, 0.6),
        (0.02, 0, 0.9),
        (64.0, 0, 1.0),
    ] {
        let sampling = seeded(temperature, top_k, top_p, 200);
        let logits = inputs.row(40, 18);
        let tokens: Vec<u32> = (0..20)
            .map(|position| ops::sample(&logits, &sampling, position))
            .collect();
        cases.push(
            json!({"op": "sample", "sampling": hex::encode(sampling.encode()), "logits": logits, "tokens": tokens}),
        );
    }
    // Equal masses: exactly half of them are kept by a top_p of one half.
    let sampling = seeded(1.0, 0, 0.5, 201);
    let tokens: Vec<u32> = (0..20)
        .map(|position| ops::sample(&[77; 6], &sampling, position))
        .collect();
    assert!(tokens.iter().all(|t| *t < 3) && tokens.contains(&2));
    cases.push(
        json!({"op": "sample", "sampling": hex::encode(sampling.encode()), "logits": vec![77; 6], "tokens": tokens}),
    );
    cases.push(
        json!({"op": "noise", "seed": hex::encode([9; 32]), "position": 7, "block": 300,
        "words": ops::noise_block(&[9; 32], 7, 300)}),
    );
    for n in [0usize, 1, 2, 3, 7, 12] {
        let leaves: Vec<_> = (0..n as u32).map(|i| merkle::leaf(&i.to_le_bytes())).collect();
        let proof = merkle::proof(&leaves, n / 2).unwrap_or_default();
        cases.push(
            json!({"op": "merkle", "n": n, "root": hex::encode(merkle::root(&leaves)), "at": n / 2,
            "proof": proof.iter().map(hex::encode).collect::<Vec<_>>()}),
        );
    }
    let (residual, keys, values) = (inputs.row(300, 31), inputs.row(8, 14), inputs.bytes(8));
    let (ks, vs) = ([inputs.scale(), inputs.scale()], [inputs.scale(), inputs.scale()]);
    let k: Vec<i16> = keys.iter().map(|k| *k as i16).collect();
    let leaf = trace::layer_leaf(&residual, &k, &ks, &values, &vs);
    cases.push(
        json!({"op": "layer_leaf", "residual": residual, "keys": keys, "key_scales": scales(&ks), "values": values,
        "value_scales": scales(&vs), "leaf": hex::encode(leaf),
        "trace_root": hex::encode(trace::trace_root(3, 5, &leaf))}),
    );
    let tensor = TensorSpec {
        name: "layers.3.q".into(),
        kind: TensorKind::Matrix,
        rows: 1,
        cols: 8,
    };
    let row_leaf = commit::matrix_row_leaf(ks[0], &values);
    let tensor_leaf = commit::tensor_leaf(&tensor, &row_leaf);
    cases.push(
        json!({"op": "commit", "scale": scale(ks[0]), "row": values, "row_leaf": hex::encode(row_leaf),
        "vector_leaf": hex::encode(commit::vector_leaf(20, &keys)), "vector": keys, "frac": 20, "name": tensor.name,
        "tensor_leaf": hex::encode(tensor_leaf), "weights_root": hex::encode(commit::weights_root(&[tensor_leaf; 3]))}),
    );
    check("hashes.json", cases);
}

#[test]
fn whole_models() {
    let mut cases = Vec::new();
    let linear = RopeScaling::Linear { factor: 2 << 16 };
    let mut scaled = llama_spec();
    if let lantern_exact::Family::Llama(llama) = &mut scaled.family {
        llama.rope_scaling = linear;
    }
    for (spec, params) in [
        (llama_spec(), generate(9, Sampling::Greedy, &[])),
        (llama_spec_full(), generate(12, seeded(1.2, 20, 0.95, 4), &[])),
        (scaled, generate(30, seeded(1.0, 0, 1.0, 8), &[1, 2, 3, 4, 5, 6, 7, 8])),
        (bert_spec(Pooling::Mean, true), JobParams::Embed),
        (
            ModelSpec {
                activation: Width::Narrow,
                ..bert_spec(Pooling::Cls, false)
            },
            JobParams::Embed,
        ),
    ] {
        cases.push(model_case(spec, &params));
    }
    check("models.json", cases);
}

fn model_case(spec: ModelSpec, params: &JobParams) -> Value {
    let (seed, prompt) = (2024u64, [3u32, 14, 15, 9, 2, 6, 5, 35]);
    let tensors = synthetic::tensors(&spec, seed);
    let root = model::weights_root(&spec, &tensors).unwrap();
    let id = model::model_id_of(&spec, &tensors).unwrap();
    let model = ReferenceModel::from_tensors(spec, tensors).unwrap();
    let outcome = model.run(&prompt, params).unwrap();
    let first_rows = match &model {
        ReferenceModel::Llama(model) => model.forward(&mut LlamaState::default(), &prompt[..2]),
        ReferenceModel::Bert(model) => model.forward(&prompt[..2]).0,
    };
    json!({"op": "model", "spec": serde_json::to_value(spec).unwrap(), "spec_scale": hex::encode(spec.encode()),
        "params": serde_json::to_value(params).unwrap(), "params_scale": hex::encode(params.encode()), "seed": seed,
        "prompt": prompt, "weights_root": hex::encode(root), "model_id": hex::encode(id),
        "residual_after_two_tokens": first_rows, "output": hex::encode(&outcome.output),
        "usage": outcome.usage, "positions": outcome.trace.positions.len(),
        "first_leaf": hex::encode(outcome.trace.positions[0][0]), "trace_root": hex::encode(outcome.trace_root)})
}
