//! The integer forward pass against a plain f64 one over the same weights: the composition of operators is the model that
//! the literature means, and the wide mode is close to it.
#![allow(clippy::unwrap_used, clippy::needless_range_loop)]

mod common;

use common::*;
use lantern_exact::{
    model::{BertModel, LlamaModel, LlamaState, Matrix, Norm, Vector},
    Family, LlamaSpec, ModelSpec, Pooling, ReferenceModel, RopeScaling, Width,
};

const PROMPT: [u32; 12] = [3, 14, 15, 9, 2, 6, 5, 35, 8, 9, 7, 9];

fn vector(v: &Vector) -> Vec<f64> {
    v.values.iter().map(|x| *x as f64 / (v.frac as f64).exp2()).collect()
}

fn bias(v: &[i32]) -> Vec<f64> {
    v.iter().map(|x| *x as f64 / 65536.0).collect()
}

fn matrix_row(m: &Matrix, row: usize) -> Vec<f64> {
    m.row(row).iter().map(|w| *w as f64 * real(m.scales[row])).collect()
}

fn apply(m: &Matrix, x: &[f64], b: &[i32]) -> Vec<f64> {
    let b = bias(b);
    (0..m.scales.len())
        .map(|r| {
            matrix_row(m, r).iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + b.get(r).copied().unwrap_or_default()
        })
        .collect()
}

fn add(x: &[f64], y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(a, b)| a + b).collect()
}

fn rmsnorm(x: &[f64], gain: &Vector, eps: u64) -> Vec<f64> {
    let eps = eps as f64 / 64f64.exp2();
    let inv = 1.0 / (x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64 + eps).sqrt();
    x.iter().zip(vector(gain)).map(|(v, g)| v * inv * g).collect()
}

fn layernorm(x: &[f64], norm: &Norm, eps: u64) -> Vec<f64> {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let centred: Vec<f64> = x.iter().map(|v| v - mean).collect();
    add(&rmsnorm(&centred, &norm.gain, eps), &bias(&norm.bias))
}

fn rope(head: &[f64], base: f64, position: usize) -> Vec<f64> {
    let half = head.len() / 2;
    let mut out = head.to_vec();
    for i in 0..half {
        let (s, c) = (position as f64 * base.powf(-(i as f64) / half as f64)).sin_cos();
        out[i] = head[i] * c - head[i + half] * s;
        out[i + half] = head[i + half] * c + head[i] * s;
    }
    out
}

/// Attention of all query heads over the visible rows of keys and values.
fn attention(spec: &ModelSpec, query: &[f64], keys: &[Vec<f64>], values: &[Vec<f64>]) -> Vec<f64> {
    let (dim, group) = (spec.head_dim as usize, (spec.heads / spec.kv_heads) as usize);
    let mut out = Vec::new();
    for (h, q) in query.chunks(dim).enumerate() {
        let at = h / group * dim;
        let scores: Vec<f64> = keys
            .iter()
            .map(|k| q.iter().zip(&k[at..at + dim]).map(|(a, b)| a * b).sum::<f64>() / (dim as f64).sqrt())
            .collect();
        let top = scores.iter().copied().fold(f64::MIN, f64::max);
        let e: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
        let sum: f64 = e.iter().sum();
        out.extend((0..dim).map(|d| e.iter().zip(values).map(|(e, v)| e / sum * v[at + d]).sum::<f64>()));
    }
    out
}

fn llama_logits(model: &LlamaModel, tokens: &[u32]) -> Vec<f64> {
    let (spec, eps) = (&model.spec, model.spec.norm_eps);
    let Family::Llama(llama) = spec.family else {
        unreachable!()
    };
    let dim = spec.head_dim as usize;
    let heads = |row: Vec<f64>, norm: &Option<Vector>, position: usize| -> Vec<f64> {
        row.chunks(dim)
            .flat_map(|head| {
                let head = norm.as_ref().map_or(head.to_vec(), |norm| rmsnorm(head, norm, eps));
                rope(&head, llama.rope_base as f64, position)
            })
            .collect()
    };
    let mut rows: Vec<Vec<f64>> = tokens.iter().map(|t| matrix_row(&model.embed, *t as usize)).collect();
    for layer in &model.layers {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (position, x) in rows.iter_mut().enumerate() {
            let h = rmsnorm(x, &layer.attention_norm, eps);
            let query = heads(apply(&layer.q, &h, &layer.q_bias), &layer.q_norm, position);
            keys.push(heads(apply(&layer.k, &h, &layer.k_bias), &layer.k_norm, position));
            values.push(apply(&layer.v, &h, &layer.v_bias));
            *x = add(x, &apply(&layer.o, &attention(spec, &query, &keys, &values), &[]));
            let h = rmsnorm(x, &layer.mlp_norm, eps);
            let (gate, up) = (apply(&layer.gate, &h, &[]), apply(&layer.up, &h, &[]));
            let inner: Vec<f64> = gate.iter().zip(&up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
            *x = add(x, &apply(&layer.down, &inner, &[]));
        }
    }
    let last = rmsnorm(rows.last().unwrap(), &model.final_norm, eps);
    apply(model.head.as_ref().unwrap_or(&model.embed), &last, &[])
}

/// `x (1 + erf(x / sqrt 2)) / 2` by the series of the normal distribution, all terms of one sign.
fn gelu(x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-18 * sum.abs() {
        n += 2.0;
        term *= x * x / n;
        sum += term;
    }
    x * (0.5 + sum * (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt())
}

fn bert_embedding(model: &BertModel, tokens: &[u32]) -> Vec<f64> {
    let (spec, eps) = (&model.spec, model.spec.norm_eps);
    let mut rows: Vec<Vec<f64>> = tokens
        .iter()
        .enumerate()
        .map(|(i, t)| {
            let x = add(&matrix_row(&model.embed, *t as usize), &matrix_row(&model.positions, i));
            layernorm(&add(&x, &matrix_row(&model.token_type, 0)), &model.embed_norm, eps)
        })
        .collect();
    for layer in &model.layers {
        let keys: Vec<_> = rows.iter().map(|x| apply(&layer.k, x, &layer.k_bias)).collect();
        let values: Vec<_> = rows.iter().map(|x| apply(&layer.v, x, &layer.v_bias)).collect();
        for x in rows.iter_mut() {
            let mixed = attention(spec, &apply(&layer.q, x, &layer.q_bias), &keys, &values);
            let y = layernorm(
                &add(x, &apply(&layer.o, &mixed, &layer.o_bias)),
                &layer.attention_norm,
                eps,
            );
            let inner: Vec<f64> = apply(&layer.up, &y, &layer.up_bias).into_iter().map(gelu).collect();
            *x = layernorm(
                &add(&y, &apply(&layer.down, &inner, &layer.down_bias)),
                &layer.output_norm,
                eps,
            );
        }
    }
    (0..spec.hidden as usize)
        .map(|d| rows.iter().map(|r| r[d]).sum::<f64>() / rows.len() as f64)
        .collect()
}

/// Root of the squared error relative to the root of the squared truth.
fn relative_error(got: &[i32], exact: &[f64], frac: f64) -> f64 {
    let error: f64 = got
        .iter()
        .zip(exact)
        .map(|(g, e)| (*g as f64 / frac.exp2() - e).powi(2))
        .sum();
    (error / exact.iter().map(|e| e * e).sum::<f64>()).sqrt()
}

#[test]
fn llama_in_wide_mode_is_close_to_its_float_twin() {
    let options = LlamaSpec {
        tied_embeddings: false,
        qkv_bias: true,
        qk_norm: true,
        rope_base: 500_000,
        rope_scaling: RopeScaling::None,
    };
    let base = llama_spec();
    for (spec, bound) in [
        (base, 0.004),
        (
            ModelSpec {
                family: Family::Llama(options),
                ..base
            },
            0.004,
        ),
        (
            ModelSpec {
                activation: Width::Narrow,
                keys: Width::Narrow,
                ..base
            },
            0.02,
        ),
    ] {
        let ReferenceModel::Llama(model) = model(spec) else {
            unreachable!()
        };
        let rows = model.forward(&mut LlamaState::default(), &PROMPT);
        let error = relative_error(
            &model.logits(rows.last().unwrap()),
            &llama_logits(&model, &PROMPT),
            16.0,
        );
        println!(
            "llama {:?} activations: relative error of the logits {error:.5}",
            spec.activation
        );
        assert!(error < bound, "{error}");
    }
}

#[test]
fn bert_in_wide_mode_is_close_to_its_float_twin() {
    for (activation, bound) in [(Width::Wide, 0.004), (Width::Narrow, 0.02)] {
        let spec = ModelSpec {
            activation,
            ..bert_spec(Pooling::Mean, false)
        };
        let ReferenceModel::Bert(model) = model(spec) else {
            unreachable!()
        };
        let (rows, _) = model.forward(&PROMPT);
        let error = relative_error(&model.pool(&rows), &bert_embedding(&model, &PROMPT), 16.0);
        println!("bert {activation:?} activations: relative error of the embedding {error:.5}");
        assert!(error < bound, "{error}");
    }
}
