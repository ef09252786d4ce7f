//! The quantised parameters of a model, one tensor at a time in commitment order.

use super::{error::LoadError, quantise, smooth::Plan, source::WEIGHTS, tensors::Tensors};
use crate::cpu::{memory::SharedMut, pool::Pool};
use lantern_exact::{
    commit::{self, matrix_row_leaf, tensor_leaf, TensorKind, TensorSpec},
    fixed::{Scale, FRAC},
    merkle,
    model::{Matrix, Tensor, Vector},
    Family, Hash, ModelSpec, Width,
};
use std::sync::{
    atomic::{AtomicUsize, Ordering},
    Mutex, PoisonError,
};

/// Fractional bits of biases.
const BIAS_FRAC: u32 = FRAC as u32;

/// Most fractional bits of a norm's gain.
const MAX_GAIN_FRAC: u32 = 30;

/// Rows of a matrix that one task quantises or hashes.
pub(crate) const ROWS_PER_TASK: usize = 64;

/// Where parameters come from, asked for in commitment order.
pub(crate) trait Parameters {
    /// The tensor that `spec` names.
    fn get(&mut self, spec: &TensorSpec, pool: &Pool) -> Result<Tensor, LoadError>;
}

/// The float parameters of a model's files.
pub(crate) trait FloatSource: Sync {
    /// Calls `each(first row, values)` for all rows of `tensor` in runs of at most [`ROWS_PER_TASK`], row-major, finite, in no fixed
    /// order and on the threads of `pool`. A vector is one row. What `each` writes to the values is lost.
    fn visit(&self, tensor: &TensorSpec, pool: &Pool, each: &Visit<'_>) -> Result<(), LoadError>;

    /// The error for value `index` of `tensor`, which does not fit fixed point.
    fn out_of_range(&self, tensor: &TensorSpec, index: usize) -> LoadError;
}

/// What [`FloatSource::visit`] calls.
pub(crate) type Visit<'a> = dyn Fn(usize, &mut [f32]) + Sync + 'a;

/// Float parameters on their way to integers.
pub(crate) struct Quantised<'a> {
    floats: Box<dyn FloatSource + 'a>,
    spec: ModelSpec,
    tensors: Vec<TensorSpec>,
    smooth: bool,
    /// Layer that `plan` is for; `None` before the first.
    planned: Option<String>,
    plan: Plan,
}

impl<'a> Quantised<'a> {
    /// Parameters of a model of `spec`. With `smooth`, what is narrow is [smoothed](super::smooth); wide never is.
    pub(super) fn new(floats: Box<dyn FloatSource + 'a>, spec: ModelSpec, smooth: bool) -> Self {
        let narrow = spec.activation == Width::Narrow || spec.keys == Width::Narrow;
        Self {
            floats,
            tensors: commit::tensors(&spec),
            spec,
            smooth: smooth && (narrow || std::env::var("XWIDE").is_ok()),
            planned: None,
            plan: Plan::default(),
        }
    }

    /// Makes the plan of the layer that `name` belongs to, unless it is there.
    fn prepare(&mut self, name: &str, pool: &Pool) -> Result<(), LoadError> {
        let layer = layer_of(name).map_or("", |(layer, _)| layer);
        if self.smooth && self.planned.as_deref() != Some(layer) {
            self.plan = Plan::make(&*self.floats, &self.spec, &self.tensors, layer, pool)?;
            self.planned = Some(layer.to_owned());
        }
        Ok(())
    }
}

impl Parameters for Quantised<'_> {
    fn get(&mut self, tensor: &TensorSpec, pool: &Pool) -> Result<Tensor, LoadError> {
        self.prepare(&tensor.name, pool)?;
        let (rows, cols) = (tensor.rows as usize, tensor.cols as usize);
        let factors = self.plan.of(&tensor.name);
        if tensor.kind == TensorKind::Vector {
            let values = Mutex::new(Vec::new());
            self.floats.visit(tensor, pool, &|_, row| {
                factors.apply(0, cols, row);
                values
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend_from_slice(row);
            })?;
            let values = values.into_inner().unwrap_or_else(PoisonError::into_inner);
            return quantise_vector(&tensor.name, &values)
                .map(Tensor::Vector)
                .map_err(|index| self.floats.out_of_range(tensor, index));
        }
        let (mut data, mut scales) = (vec![0i8; rows * cols], vec![Scale::ZERO_ROW; rows]);
        let (shared_data, shared_scales) = (SharedMut::new(&mut data[..]), SharedMut::new(&mut scales[..]));
        let first_bad = AtomicUsize::new(usize::MAX);
        self.floats.visit(tensor, pool, &|first, values| {
            factors.apply(first, cols, values);
            for (row, values) in (first..).zip(values.chunks(cols)) {
                if let Some(column) = values.iter().position(|value| !value.is_finite()) {
                    first_bad.fetch_min(row * cols + column, Ordering::Relaxed);
                    continue;
                }
                // SAFETY: runs have disjoint rows.
                let (out, scale) =
                    unsafe { (shared_data.range(row * cols, cols), &mut shared_scales.range(row, 1)[0]) };
                *scale = quantise::row(values, out);
            }
        })?;
        match first_bad.into_inner() {
            usize::MAX => Ok(Tensor::Matrix(Matrix { cols, data, scales })),
            index => Err(self.floats.out_of_range(tensor, index)),
        }
    }
}

/// Leaf of `tensor` in the weights tree.
pub(crate) fn leaf(tensor: &Tensor, spec: &TensorSpec, pool: &Pool) -> Hash {
    let Tensor::Matrix(matrix) = tensor else {
        return tensor_leaf(spec, &tensor.rows_root());
    };
    let rows = matrix.scales.len();
    let mut leaves = vec![[0u8; 32]; rows];
    let shared = SharedMut::new(&mut leaves[..]);
    pool.run(rows.div_ceil(ROWS_PER_TASK), &|task| {
        let first = task * ROWS_PER_TASK;
        let last = (first + ROWS_PER_TASK).min(rows);
        // SAFETY: tasks have disjoint rows.
        let leaves = unsafe { shared.range(first, last - first) };
        for (leaf, row) in leaves.iter_mut().zip(first..last) {
            *leaf = matrix_row_leaf(matrix.scales[row], matrix.row(row));
        }
    });
    tensor_leaf(spec, &merkle::root(&leaves))
}

/// A vector in fixed point: biases in Q16, gains with as many fractional bits as their largest magnitude leaves room for below
/// 2^30. `Err` is the index of a value that does not fit.
pub(crate) fn quantise_vector(name: &str, values: &[f32]) -> Result<Vector, usize> {
    let frac = if name.ends_with("_bias") {
        BIAS_FRAC
    } else {
        let fits = |frac: &u32| {
            values
                .iter()
                .all(|&value| quantise::fixed(value, *frac).is_some_and(|v| v.abs() < 1 << 30))
        };
        (0..=MAX_GAIN_FRAC).rev().find(fits).unwrap_or(0)
    };
    let fixed = values
        .iter()
        .enumerate()
        .map(|(index, &value)| quantise::fixed(value, frac).ok_or(index));
    Ok(Vector {
        frac,
        values: fixed.collect::<Result<_, _>>()?,
    })
}

/// Parameters of a Hugging Face model.
pub(super) struct HuggingFace<'a> {
    tensors: Tensors<'a>,
    spec: ModelSpec,
    /// `bert.` or nothing: some exports keep the name of the enclosing model.
    prefix: &'static str,
}

impl<'a> HuggingFace<'a> {
    /// Checks that every tensor of `spec` is there with its shape and a float type; reads none.
    pub(super) fn new(tensors: Tensors<'a>, spec: ModelSpec) -> Result<Self, LoadError> {
        let prefixes: [&'static str; 2] = match spec.family {
            Family::Llama(_) => ["model.", ""],
            Family::Bert(_) => ["", "bert."],
        };
        let probe = if matches!(spec.family, Family::Llama(_)) {
            "embed_tokens.weight"
        } else {
            "embeddings.word_embeddings.weight"
        };
        let found = prefixes
            .into_iter()
            .find(|prefix| tensors.contains(&format!("{prefix}{probe}")));
        let model = Self {
            tensors,
            spec,
            prefix: found.unwrap_or(prefixes[0]),
        };
        for tensor in commit::tensors(&spec) {
            let (name, shape) = model.locate(&tensor)?;
            model.tensors.check(&name, &shape)?;
        }
        Ok(model)
    }

    /// Name and shape of a tensor in the files.
    fn locate(&self, tensor: &TensorSpec) -> Result<(String, Vec<usize>), LoadError> {
        let name = match self.spec.family {
            Family::Llama(_) => llama_name(&tensor.name, self.prefix),
            Family::Bert(_) => bert_name(&tensor.name, self.prefix),
        };
        let (rows, cols) = (tensor.rows as usize, tensor.cols as usize);
        let shape = match tensor.kind {
            TensorKind::Vector => vec![cols],
            // Only the first token type is used; files hold a row for each.
            TensorKind::Matrix if tensor.name == "token_type" => vec![self.tensors.rows(&name)?.max(1), cols],
            TensorKind::Matrix => vec![rows, cols],
        };
        Ok((name, shape))
    }
}

impl FloatSource for HuggingFace<'_> {
    fn visit(&self, tensor: &TensorSpec, pool: &Pool, each: &Visit<'_>) -> Result<(), LoadError> {
        let (name, shape) = self.locate(tensor)?;
        let (rows, cols) = (tensor.rows as usize, tensor.cols as usize);
        let mut values = self.tensors.read(&name, &shape)?;
        values.truncate(rows * cols);
        let shared = SharedMut::new(&mut values[..]);
        pool.run(rows.div_ceil(ROWS_PER_TASK), &|task| {
            let first = task * ROWS_PER_TASK;
            let last = (first + ROWS_PER_TASK).min(rows);
            // SAFETY: tasks have disjoint rows.
            each(first, unsafe { shared.range(first * cols, (last - first) * cols) });
        });
        Ok(())
    }

    fn out_of_range(&self, tensor: &TensorSpec, index: usize) -> LoadError {
        LoadError::OutOfRange {
            file: WEIGHTS.into(),
            tensor: self
                .locate(tensor)
                .map_or_else(|_| tensor.name.clone(), |(name, _)| name),
            index,
        }
    }
}

/// Splits `layers.3.q_bias` into `("3", "q_bias")`; other names have no layer.
pub(super) fn layer_of(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("layers.")?.split_once('.')
}

/// Name of a tensor in the files of a Llama, Mistral or Qwen model.
fn llama_name(name: &str, prefix: &str) -> String {
    let Some((layer, part)) = layer_of(name) else {
        return match name {
            "embed" => format!("{prefix}embed_tokens.weight"),
            "final_norm" => format!("{prefix}norm.weight"),
            _ => "lm_head.weight".into(),
        };
    };
    let (part, suffix) = part
        .strip_suffix("_bias")
        .map_or((part, "weight"), |part| (part, "bias"));
    let part = match part {
        "attention_norm" => "input_layernorm".into(),
        "mlp_norm" => "post_attention_layernorm".into(),
        "q" | "k" | "v" | "o" => format!("self_attn.{part}_proj"),
        "q_norm" | "k_norm" => format!("self_attn.{part}"),
        _ => format!("mlp.{part}_proj"),
    };
    format!("{prefix}layers.{layer}.{part}.{suffix}")
}

/// Name of a tensor in the files of a BERT model.
fn bert_name(name: &str, prefix: &str) -> String {
    let (name, suffix) = name
        .strip_suffix("_bias")
        .map_or((name, "weight"), |name| (name, "bias"));
    let Some((layer, part)) = layer_of(name) else {
        let part = match name {
            "embed" => "word_embeddings",
            "positions" => "position_embeddings",
            "token_type" => "token_type_embeddings",
            _ => "LayerNorm",
        };
        return format!("{prefix}embeddings.{part}.{suffix}");
    };
    let part = match part {
        "q" => "attention.self.query",
        "k" => "attention.self.key",
        "v" => "attention.self.value",
        "o" => "attention.output.dense",
        "attention_norm" => "attention.output.LayerNorm",
        "up" => "intermediate.dense",
        "down" => "output.dense",
        _ => "output.LayerNorm",
    };
    format!("{prefix}encoder.layer.{layer}.{part}.{suffix}")
}
