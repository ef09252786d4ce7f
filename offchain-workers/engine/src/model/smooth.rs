//! Smoothing: powers of two moved between tensors of a layer, so that narrow integers lose less.
//!
//! A narrow activation has 127 steps for a whole row: one channel that is a thousand times larger than the others leaves nothing of them.
//! Where a factor can pass from what makes a channel to what reads it, the function of the float model stays the same and the factor
//! is free to choose: channel `i` divided by `2^k` where it is made, column `i` multiplied by `2^k` where it is read.
//!
//! | made by | read by |
//! |---|---|
//! | `attention_norm` (Llama) | columns of `q`, `k`, `v` |
//! | `mlp_norm` (Llama) | columns of `gate`, `up` |
//! | `final_norm` (Llama with a head of its own) | columns of `head` |
//! | rows of `up` (Llama) | columns of `down` |
//! | rows of `v` and its bias | columns of `o`, for every head of the group |
//! | rows of `k` and its bias, or `k_norm` | rows of `q` and its bias, or `q_norm`: narrow keys only |
//!
//! A BERT layer has no norm before its products that the residual stream does not go through too, and its GELU lets no factor pass, so
//! that only the last two remain. In exchange its narrow keys lose their bias: without rotation it adds the same to the scores of a query
//! with every key, and softmax takes that away.
//!
//! Everything follows from the weights: `k` comes from largest magnitudes and norms of rows, computed in f64 in the order of the columns,
//! and a multiplication by `2^k` is exact. So the same files give the same integers everywhere, in whichever form they come.

use super::{
    error::LoadError,
    parameters::{layer_of, FloatSource},
};
use crate::cpu::pool::Pool;
use lantern_exact::{commit::TensorSpec, Family, LlamaSpec, ModelSpec, Width};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Largest exponent that is moved.
const MOST: i32 = 20;

/// Bits that a query has over a narrow key: as much of a key channel's excess moves to the query for nothing, and half of the rest.
const QUERY_SPARE: i32 = 6;

/// Bits by which a key channel must exceed the median channel before any of it moves, and by which it still does then: the largest channel
/// has no rounding error, and an outlier that is a bias is the largest for every token.
const KEY_MARGIN: i32 = 2;

/// Largest magnitude to which a channel in Q16 may be estimated to grow: eight times less than where it would saturate.
const ROOM: f64 = 4096.0;

/// How many standard deviations an activation's peak is assumed to be.
const PEAK: f64 = 8.0;

/// Exponents of two for the rows and for the columns of one tensor; empty where all are 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Factors {
    rows: Vec<i32>,
    cols: Vec<i32>,
    /// The tensor is nothing but zeros instead.
    zero: bool,
}

static NONE: Factors = Factors {
    rows: Vec::new(),
    cols: Vec::new(),
    zero: false,
};

impl Factors {
    /// Multiplies the values of row `row`.
    pub(super) fn apply(&self, row: usize, values: &mut [f32]) {
        if self.zero {
            values.fill(0.0);
        }
        if self.rows.is_empty() && self.cols.is_empty() {
            return;
        }
        let of_row = self.rows.get(row).copied().unwrap_or(0);
        for (column, value) in values.iter_mut().enumerate() {
            *value *= power(of_row + self.cols.get(column).copied().unwrap_or(0));
        }
    }
}

/// `2^exponent`, for an exponent of at most twice [`MOST`].
fn power(exponent: i32) -> f32 {
    f32::from_bits(((127 + exponent.clamp(-126, 127)) as u32) << 23)
}

/// The factors of one layer's tensors, or of those outside of layers.
#[derive(Debug, Default)]
pub(super) struct Plan {
    parts: BTreeMap<&'static str, Factors>,
}

impl Plan {
    /// The plan for layer `layer`, or, where that is empty, for the last norm and the head. Reads one tensor at a time.
    pub(super) fn make(
        source: &dyn FloatSource,
        spec: &ModelSpec,
        tensors: &[TensorSpec],
        layer: &str,
        pool: &Pool,
    ) -> Result<Self, LoadError> {
        let reader = Reader {
            source,
            tensors,
            layer,
            pool,
        };
        let mut plan = Self::default();
        match (&spec.family, layer.is_empty()) {
            (Family::Llama(llama), true) => plan.head(&reader, spec, llama)?,
            (Family::Llama(llama), false) => plan.llama(&reader, spec, llama)?,
            (Family::Bert(_), true) => {},
            (Family::Bert(_), false) => plan.attention(&reader, spec, &[], None, true)?,
        }
        Ok(plan)
    }

    /// The factors of the tensor called `name`.
    pub(super) fn of(&self, name: &str) -> &Factors {
        let part = layer_of(name).map_or(name, |(_, part)| part);
        self.parts.get(part).unwrap_or(&NONE)
    }

    fn rows(&mut self, part: &'static str, exponents: Vec<i32>) {
        self.parts.entry(part).or_default().rows = exponents;
    }

    /// The columns of a matrix, or the values of a vector.
    fn cols(&mut self, part: &'static str, exponents: Vec<i32>) {
        self.parts.entry(part).or_default().cols = exponents;
    }

    /// Moves `exponents` from a norm's gain to the columns that read it.
    fn pass_from_norm(&mut self, norm: &'static str, readers: &[&'static str], exponents: Vec<i32>) {
        self.cols(norm, negated(&exponents));
        for reader in readers {
            self.cols(reader, exponents.clone());
        }
    }

    fn head(&mut self, reader: &Reader<'_>, spec: &ModelSpec, llama: &LlamaSpec) -> Result<(), LoadError> {
        if spec.activation == Width::Narrow && !llama.tied_embeddings {
            let gain = reader.vector("final_norm")?;
            let head = reader.matrix("head", &[])?;
            self.pass_from_norm("final_norm", &["head"], balance(&gain, &head.columns));
        }
        Ok(())
    }

    fn llama(&mut self, reader: &Reader<'_>, spec: &ModelSpec, llama: &LlamaSpec) -> Result<(), LoadError> {
        let gain = reader.vector("attention_norm")?;
        self.attention(reader, spec, &gain, Some(llama), llama.qkv_bias)?;
        if spec.activation == Width::Wide {
            return Ok(());
        }
        let gain = reader.vector("mlp_norm")?;
        let gate = reader.matrix("gate", &gain)?;
        let up = reader.matrix("up", &gain)?;
        let down = reader.matrix("down", &[])?;
        let read = largest([&gate.columns, &up.columns]);
        self.pass_from_norm("mlp_norm", &["gate", "up"], balance(&gain, &read));
        // For small gates SiLU halves; only ratios count.
        let made: Vec<f64> = gate.rows.iter().zip(&up.rows).map(|(gate, up)| gate * up).collect();
        let moved = balance(&made, &down.columns);
        let moved: Vec<i32> = moved.iter().zip(&up.rows).map(|(k, up)| capped(*k, *up)).collect();
        self.rows("up", negated(&moved));
        self.cols("down", moved);
        Ok(())
    }

    /// Norm to `q`, `k`, `v` (where `llama`), `k` to `q`, and `v` to `o`.
    fn attention(
        &mut self,
        reader: &Reader<'_>,
        spec: &ModelSpec,
        gain: &[f64],
        llama: Option<&LlamaSpec>,
        biased: bool,
    ) -> Result<(), LoadError> {
        // Without rotation a key's bias adds the same to the scores of a query with every key, and softmax takes that away.
        let dropped = llama.is_none() && spec.keys == Width::Narrow;
        let [q, k, v] = ["q", "k", "v"].map(|part| -> Result<Measured, LoadError> {
            let mut measured = reader.matrix(part, gain)?;
            if biased && !(part == "k" && dropped) {
                let bias = reader.vector(&format!("{part}_bias"))?;
                measured.rows.iter_mut().zip(bias).for_each(|(row, bias)| *row += bias);
            }
            Ok(measured)
        });
        let (q, k, v) = (q?, k?, v?);
        let dim = spec.head_dim as usize;
        let group = (spec.heads / spec.kv_heads.max(1)) as usize;
        if spec.keys == Width::Narrow {
            let rotated = llama.is_some();
            if llama.is_some_and(|llama| llama.qk_norm) {
                let moved = keys(
                    &reader.vector("q_norm")?,
                    &reader.vector("k_norm")?,
                    dim,
                    usize::MAX,
                    rotated,
                );
                self.cols("q_norm", moved.clone());
                self.cols("k_norm", negated(&moved));
            } else {
                let moved = keys(&q.rows, &k.rows, dim, group, rotated);
                let by_query = spread(&moved, dim, group);
                self.of_biased("k", negated(&moved), biased);
                self.of_biased("q", by_query, biased);
                self.parts.entry("k_bias").or_default().zero = dropped;
            }
        }
        if spec.activation == Width::Narrow {
            let o = reader.matrix("o", &[])?;
            let mut read = vec![0f64; v.rows.len()];
            for (column, largest) in o.columns.iter().enumerate() {
                let (head, channel) = (column / dim, column % dim);
                let read = &mut read[head / group * dim + channel];
                *read = read.max(*largest);
            }
            let mut moved = Vec::with_capacity(read.len());
            // A head has a scale of its own.
            for (made, read) in v.rows.chunks(dim).zip(read.chunks(dim)) {
                moved.extend(balance(made, read).iter().zip(made).map(|(k, made)| capped(*k, *made)));
            }
            self.cols("o", spread(&moved, dim, group));
            self.of_biased("v", negated(&moved), biased);
            if llama.is_some() {
                let read = largest([&q.columns, &k.columns, &v.columns]);
                self.pass_from_norm("attention_norm", &["q", "k", "v"], balance(gain, &read));
            }
        }
        Ok(())
    }

    fn of_biased(&mut self, part: &'static str, exponents: Vec<i32>, biased: bool) {
        if biased {
            let bias = match part {
                "q" => "q_bias",
                "k" => "k_bias",
                _ => "v_bias",
            };
            self.cols(bias, exponents.clone());
        }
        self.rows(part, exponents);
    }
}

/// What a matrix is like.
struct Measured {
    /// Euclidean norm of every row, each column times the gain of its channel: how large outputs are for normalised inputs.
    rows: Vec<f64>,
    /// Largest magnitude of every column.
    columns: Vec<f64>,
}

/// Reads tensors of one layer.
struct Reader<'a> {
    source: &'a dyn FloatSource,
    tensors: &'a [TensorSpec],
    layer: &'a str,
    pool: &'a Pool,
}

impl Reader<'_> {
    fn tensor(&self, part: &str) -> Result<&TensorSpec, LoadError> {
        let found = self.tensors.iter().find(|tensor| match layer_of(&tensor.name) {
            Some((layer, name)) => layer == self.layer && name == part,
            None => self.layer.is_empty() && tensor.name == part,
        });
        found.ok_or_else(|| LoadError::MissingTensor {
            file: "(specification)".into(),
            tensor: part.into(),
        })
    }

    /// Magnitudes of a vector.
    fn vector(&self, part: &str) -> Result<Vec<f64>, LoadError> {
        let values = self.source.locate(self.tensor(part)?)?.vector()?;
        Ok(values.into_iter().map(|value| f64::from(value.abs())).collect())
    }

    /// Rows and columns of a matrix; an empty `gain` is one everywhere.
    fn matrix(&self, part: &str, gain: &[f64]) -> Result<Measured, LoadError> {
        let tensor = self.tensor(part)?;
        let (rows, cols) = (tensor.rows as usize, tensor.cols as usize);
        let all = Mutex::new((vec![0f64; rows], vec![0f32; cols]));
        let start = || (Vec::<(usize, f64)>::new(), vec![0f32; cols]);
        let each = |(norms, columns): &mut (Vec<(usize, f64)>, Vec<f32>), row: usize, values: &mut [f32]| {
            let mut squares = 0f64;
            for (column, value) in values.iter().enumerate() {
                columns[column] = columns[column].max(value.abs());
                squares += (f64::from(*value) * gain.get(column).copied().unwrap_or(1.0)).powi(2);
            }
            norms.push((row, squares.sqrt()));
        };
        let end = |(norms, columns): (Vec<(usize, f64)>, Vec<f32>)| {
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            norms.into_iter().for_each(|(row, norm)| all.0[row] = norm);
            all.1
                .iter_mut()
                .zip(&columns)
                .for_each(|(all, column)| *all = all.max(*column));
        };
        self.source.locate(tensor)?.visit(rows, self.pool, start, each, end)?;
        let (rows, columns) = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Measured {
            rows,
            columns: columns.into_iter().map(f64::from).collect(),
        })
    }
}

fn negated(exponents: &[i32]) -> Vec<i32> {
    exponents.iter().map(|exponent| -exponent).collect()
}

/// The largest of each place.
fn largest<const N: usize>(lists: [&[f64]; N]) -> Vec<f64> {
    let length = lists.iter().map(|list| list.len()).max().unwrap_or(0);
    let at = |index: usize| {
        lists
            .iter()
            .filter_map(|list| list.get(index))
            .copied()
            .fold(0.0, f64::max)
    };
    (0..length).map(at).collect()
}

/// `floor(log2(value))` of a positive finite value.
fn log2(value: f64) -> Option<i32> {
    (value > 0.0 && value.is_finite()).then(|| match (value.to_bits() >> 52) as i32 {
        0 => -1023,
        biased => biased - 1023,
    })
}

/// The lower median of what is there.
fn median(values: &[Option<i32>]) -> i32 {
    let mut present: Vec<i32> = values.iter().copied().flatten().collect();
    present.sort_unstable();
    present.get(present.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

/// For channels of size `made` that are read with weights of at most `read`: by which power of two each is to shrink, so that its size
/// stands to its weights as in the median channel. Half of what divides them, so that both sides end alike.
fn balance(made: &[f64], read: &[f64]) -> Vec<i32> {
    let ratios: Vec<_> = made.iter().zip(read).map(|(made, read)| log2(made / read)).collect();
    let middle = median(&ratios);
    let moved = |ratio: &Option<i32>| ratio.map_or(0, |ratio| ((ratio - middle) / 2).clamp(-MOST, MOST));
    ratios.iter().map(moved).collect()
}

/// `k`, or less of it where a channel of standard deviation `size` that shrinks by `2^k` (grows for negative `k`) would outgrow [`ROOM`].
fn capped(k: i32, size: f64) -> i32 {
    let room = log2(ROOM / (PEAK * size)).unwrap_or(0).max(0);
    k.max(-room)
}

/// By which powers of two the rows of keys are to shrink, and those of the queries that meet them to grow: to the median row of each
/// head. Rows of a rotated pair share theirs. `group` query heads meet a key head.
fn keys(queries: &[f64], keys: &[f64], dim: usize, group: usize, rotated: bool) -> Vec<i32> {
    let mut moved = Vec::with_capacity(keys.len());
    for (head, keys) in keys.chunks(dim).enumerate() {
        let partner = |row: usize| if rotated { (row + dim / 2) % dim } else { row };
        let logs: Vec<_> = (0..keys.len())
            .map(|row| log2(keys[row].max(keys.get(partner(row)).copied().unwrap_or(0.0))))
            .collect();
        let middle = median(&logs);
        let first = head.saturating_mul(group);
        let met = queries.chunks(dim).skip(first).take(group);
        let sizes = met.fold(vec![0f64; dim], |sizes, query| largest([&sizes, query]));
        moved.extend(logs.iter().enumerate().map(|(row, log)| {
            let excess = log.map_or(0, |log| (log - middle - KEY_MARGIN).max(0));
            let moved = if excess > QUERY_SPARE {
                QUERY_SPARE + (excess - QUERY_SPARE) / 2
            } else {
                excess
            };
            let size = sizes[row].max(sizes.get(partner(row)).copied().unwrap_or(0.0));
            -capped(-moved.clamp(-MOST, MOST), size)
        }));
    }
    moved
}

/// Exponents per channel of key-value heads, for the channels of all query heads.
fn spread(exponents: &[i32], dim: usize, group: usize) -> Vec<i32> {
    exponents.chunks(dim).flat_map(|head| head.repeat(group)).collect()
}

#[cfg(test)]
mod tests;
