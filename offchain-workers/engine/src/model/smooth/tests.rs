//! Plans on small layers: nothing of the function may change, and outliers must go.

use super::*;
use crate::model::{
    blocks::Block,
    parameters::{Floats, Located},
};
use lantern_exact::{
    commit::{self, TensorKind},
    BertSpec, Pooling, RopeScaling, ARITHMETIC,
};

/// Row and column.
type Place = (usize, usize);

const HIDDEN: usize = 16;
const DIM: usize = 4;

/// Tensors by name, as f32 in little-endian order.
struct Memory(BTreeMap<String, (Vec<u8>, usize)>);

impl FloatSource for Memory {
    fn locate(&self, spec: &TensorSpec) -> Result<Located<'_>, LoadError> {
        let (bytes, cols) = &self.0[&spec.name];
        Ok(Located {
            file: "memory",
            name: spec.name.clone(),
            floats: Floats {
                bytes,
                block: Block::F32,
                cols: *cols,
                interleaved: None,
                mapped: false,
            },
        })
    }
}

fn spec(family: Family) -> ModelSpec {
    ModelSpec {
        family,
        arithmetic: ARITHMETIC,
        activation: Width::Narrow,
        keys: Width::Narrow,
        hidden: HIDDEN as u32,
        intermediate: 24,
        layers: 1,
        heads: 4,
        kv_heads: if matches!(family, Family::Bert(_)) { 4 } else { 2 },
        head_dim: DIM as u32,
        vocab: 20,
        max_context: 32,
        norm_eps: 1,
        tokenizer_hash: [0; 32],
    }
}

fn llama(qkv_bias: bool, qk_norm: bool) -> ModelSpec {
    spec(Family::Llama(LlamaSpec {
        tied_embeddings: false,
        qkv_bias,
        qk_norm,
        rope_base: 10_000,
        rope_scaling: RopeScaling::None,
    }))
}

fn bert() -> ModelSpec {
    spec(Family::Bert(BertSpec {
        pooling: Pooling::Mean,
        normalize: true,
    }))
}

/// A layer with its values before and after its plan.
struct Layer {
    spec: ModelSpec,
    before: BTreeMap<String, Vec<Vec<f32>>>,
    after: BTreeMap<String, Vec<Vec<f32>>>,
}

impl Layer {
    /// Values between -1 and 1, each times `outlier(part, row, column)`; 1 itself where that is large.
    fn new(spec: ModelSpec, outlier: impl Fn(&str, usize, usize) -> f32) -> Self {
        let (mut before, mut memory) = (BTreeMap::new(), BTreeMap::new());
        let tensors = commit::tensors(&spec);
        for (number, tensor) in tensors.iter().enumerate() {
            let part = layer_of(&tensor.name).map_or(tensor.name.as_str(), |(_, part)| part);
            let cols = tensor.cols as usize;
            let value = |row: usize, column: usize| {
                let plain = ((row * cols + column) * 7919 + number * 104_729) % 2003;
                let plain = plain as f32 / 1001.5 - 1.0;
                let gain = tensor.kind == TensorKind::Vector && part.ends_with("norm");
                let factor = outlier(part, row, column);
                let plain = if factor >= 100.0 { 1.0 } else { plain };
                factor * if gain { 1.0 + plain / 4.0 } else { plain }
            };
            let rows = (0..tensor.rows as usize).map(|row| (0..cols).map(|column| value(row, column)).collect());
            let rows: Vec<Vec<f32>> = rows.collect();
            let bytes = rows.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
            memory.insert(tensor.name.clone(), (bytes, cols));
            before.insert(part.to_owned(), rows);
        }
        let (pool, memory) = (Pool::new(2), Memory(memory));
        let plan = |layer| Plan::make(&memory, &spec, &tensors, layer, &pool).unwrap();
        let (inner, outer) = (plan("0"), plan(""));
        let mut after = before.clone();
        for tensor in &tensors {
            let (part, plan) = match layer_of(&tensor.name) {
                Some((_, part)) => (part, &inner),
                None => (tensor.name.as_str(), &outer),
            };
            for (row, values) in after.get_mut(part).unwrap().iter_mut().enumerate() {
                plan.of(&tensor.name).apply(row, values);
            }
        }
        Self { spec, before, after }
    }

    /// Checks that what `left` makes and `right` reads gives the same products, bit for bit, for all indices that `pairs` gives.
    fn same(&self, left: &str, right: &str, pairs: &[(Place, Place)]) {
        for &((a, b), (c, d)) in pairs {
            let product = |all: &BTreeMap<String, Vec<Vec<f32>>>| all[left][a][b] * all[right][c][d];
            assert_eq!(
                product(&self.before),
                product(&self.after),
                "{left} {a} {b}, {right} {c} {d}"
            );
        }
    }

    fn largest(&self, part: &str, column: usize) -> (f32, f32) {
        let of = |rows: &Vec<Vec<f32>>| rows.iter().map(|row| row[column].abs()).fold(0.0, f32::max);
        (of(&self.before[part]), of(&self.after[part]))
    }

    /// Every product through which attention's factors pass.
    fn attention_is_the_same(&self, bias: bool, qk_norm: bool) {
        let group = (self.spec.heads / self.spec.kv_heads) as usize;
        let query_rows = self.spec.query_width() as usize;
        let key_of = |row: usize| row / DIM / group * DIM + row % DIM;
        for row in 0..query_rows {
            let key = key_of(row);
            if qk_norm {
                self.same("q_norm", "k_norm", &[((0, row % DIM), (0, row % DIM))]);
                continue;
            }
            // Rows of queries and keys carry the norm's factor too, in equal columns.
            for column in [0, 5, HIDDEN - 1] {
                let (left, right) = (((row, column), (key, column)), &self.after);
                let norm = right
                    .get("attention_norm")
                    .filter(|_| !matches!(self.spec.family, Family::Bert(_)));
                let shrunk = norm.map_or(1.0, |norm| norm[0][column] / self.before["attention_norm"][0][column]);
                let ((a, b), (c, d)) = left;
                let before = self.before["q"][a][b] * self.before["k"][c][d];
                assert_eq!(
                    before,
                    right["q"][a][b] * right["k"][c][d] * shrunk * shrunk,
                    "q {a} k {c}"
                );
            }
            if bias {
                self.same("q_bias", "k_bias", &[((0, row), (0, key))]);
            }
            if bias {
                self.same("v_bias", "o", &[((0, key), (0, row)), ((0, key), (3, row))]);
            }
        }
        // A rotated pair is one: it turns into itself.
        let biases = self.before.get("k_bias").filter(|_| bias && !qk_norm);
        for first in (0..biases.map_or(0, |biases| biases[0].len())).step_by(DIM) {
            for channel in 0..DIM / 2 {
                let factor = |at: usize| self.after["k_bias"][0][at] / self.before["k_bias"][0][at];
                assert_eq!(factor(first + channel), factor(first + channel + DIM / 2));
            }
        }
    }
}

#[test]
fn norms_pass_their_outliers_to_what_reads_them() {
    let thousand = |part: &str, _: usize, column: usize| match (part, column) {
        ("attention_norm" | "mlp_norm" | "final_norm", 3) => 1000.0,
        ("q" | "k" | "v" | "gate" | "up" | "head", 3) => 0.001,
        _ => 1.0,
    };
    let layer = Layer::new(llama(false, false), thousand);
    for (norm, readers) in [("mlp_norm", &["gate"][..]), ("final_norm", &["head"])] {
        for column in 0..HIDDEN {
            layer.same(
                norm,
                readers[0],
                &[((0, column), (1, column)), ((0, column), (2, column))],
            );
        }
        let (before, after) = (layer.before[norm][0][3], layer.after[norm][0][3]);
        assert!(before > 500.0 && after < 4.0, "{norm}: {before} {after}");
        let (before, after) = layer.largest(readers[0], 3);
        assert!(before <= 0.001 && after > 0.2, "{norm}: {before} {after}");
    }
    assert!(layer.after["attention_norm"][0][3] < 4.0 && layer.largest("v", 3).1 > 0.2);
    // What is no outlier stays.
    assert!((0..HIDDEN)
        .filter(|column| *column != 3)
        .all(|column| layer.largest("gate", column).0 == layer.largest("gate", column).1));
}

#[test]
fn spikes_pass_from_up_to_down() {
    let spike = |part: &str, row: usize, column: usize| match (part, row, column) {
        ("up", 7, _) => 5000.0,
        ("down", _, 7) => 1.0 / 5000.0,
        _ => 1.0,
    };
    let layer = Layer::new(llama(false, false), spike);
    for inner in 0..24 {
        layer.same("up", "down", &[((inner, 0), (0, inner)), ((inner, 2), (5, inner))]);
    }
    let (before, after) = layer.largest("down", 7);
    assert!(before <= 1.0 / 5000.0 && after > 0.2, "{before} {after}");
}

#[test]
fn keys_pass_their_bias_to_queries_and_values_theirs_to_o() {
    let biased = |part: &str, _: usize, column: usize| match (part, column) {
        ("k_bias", 1) => 400.0,
        ("v_bias", 6) => 300.0,
        _ => 1.0,
    };
    let layer = Layer::new(llama(true, false), biased);
    layer.attention_is_the_same(true, false);
    let size = |all: &BTreeMap<String, Vec<Vec<f32>>>, part: &str, at: usize| all[part][0][at].abs();
    assert!(size(&layer.before, "k_bias", 1) > 10.0 * size(&layer.after, "k_bias", 1));
    assert!(size(&layer.before, "v_bias", 6) > 3.0 * size(&layer.after, "v_bias", 6));
}

#[test]
fn normed_keys_pass_their_gain_and_not_their_rows() {
    let gain = |part: &str, _: usize, column: usize| if part == "k_norm" && column == 2 { 300.0 } else { 1.0 };
    let layer = Layer::new(llama(false, true), gain);
    layer.attention_is_the_same(false, true);
    assert!(layer.after["k_norm"][0][2].abs() < layer.before["k_norm"][0][2].abs() / 10.0);
    assert_eq!(
        layer.after["k"], layer.before["k"],
        "a factor on whole rows would be normed away"
    );
}

#[test]
fn an_encoder_passes_values_and_keys_and_drops_the_bias_of_its_keys() {
    let biased = |part: &str, row: usize, column: usize| match (part, row, column) {
        ("k", 5, _) => 200.0,
        ("v_bias", _, 6) => 300.0,
        ("k_bias", _, 9) => 400.0,
        _ => 1.0,
    };
    let layer = Layer::new(bert(), biased);
    assert!(layer.after["k_bias"][0].iter().all(|value| *value == 0.0));
    let norm =
        |all: &BTreeMap<String, Vec<Vec<f32>>>, row: usize| all["k"][row].iter().fold(0f32, |a, b| a.max(b.abs()));
    assert!(norm(&layer.after, 5) < norm(&layer.before, 5) / 10.0);
    for row in 0..HIDDEN {
        layer.same("q", "k", &[((row, 0), (row, 0)), ((row, 7), (row, 7))]);
        layer.same("v", "o", &[((row, 0), (0, row))]);
    }
    for part in ["attention_norm", "output_norm", "up", "up_bias", "down", "embed_norm"] {
        assert_eq!(layer.after[part], layer.before[part], "{part}");
    }
}

#[test]
fn wide_parts_stay_as_they_are() {
    let wild = |part: &str, row: usize, column: usize| {
        let vector = part.ends_with("_bias") || part.ends_with("norm");
        let channel = if vector { column } else { row };
        // Large queries have no room to grow.
        match (channel % 5 == 2, part) {
            (true, "attention_norm") => 100.0,
            (true, part) if !part.starts_with('q') => 900.0,
            _ => 1.0,
        }
    };
    for (activation, keys) in [(Width::Wide, Width::Narrow), (Width::Narrow, Width::Wide)] {
        let spec = ModelSpec {
            activation,
            keys,
            ..llama(true, false)
        };
        let layer = Layer::new(spec, wild);
        let stayed = |part: &str| layer.after[part] == layer.before[part];
        assert_eq!(stayed("k_bias"), keys == Width::Wide);
        for part in ["attention_norm", "down", "o", "v_bias", "mlp_norm"] {
            assert_eq!(stayed(part), activation == Width::Wide, "{part}");
        }
    }
}

#[test]
fn zeros_and_extremes_make_no_wild_factors() {
    assert_eq!(balance(&[0.0, 1.0, 4.0, f64::INFINITY], &[1.0, 1.0, 0.0, 1.0]), [0; 4]);
    assert_eq!(balance(&[1.0, 1.0, 1e100], &[1.0, 1.0, 1e-100]), [0, 0, MOST]);
    assert_eq!(balance(&[1.0, 1.0, 16.0, 1.0 / 16.0], &[1.0; 4]), [0, 0, 2, -2]);
    assert_eq!(
        (capped(-10, 1.0), capped(10, 1.0), capped(-3, 1.0), capped(-3, 1e9)),
        (-9, 10, -3, 0)
    );
    assert_eq!((power(0), power(3), power(-40)), (1.0, 8.0, (-40f32).exp2()));
    let mut values = [1.5f32, -2.0];
    NONE.apply(7, &mut values);
    assert_eq!(values, [1.5, -2.0]);
}
