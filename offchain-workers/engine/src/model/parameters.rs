//! The quantised parameters of a model, one tensor at a time in commitment order.

use super::{error::LoadError, quantise, source::WEIGHTS, tensors::Tensors};
use crate::cpu::{memory::SharedMut, pool::Pool};
use lantern_exact::{
    commit::{matrix_row_leaf, tensor_leaf, TensorKind, TensorSpec},
    fixed::{Scale, FRAC},
    merkle,
    model::{Matrix, Tensor, Vector},
    Family, Hash, ModelSpec,
};

/// Fractional bits of biases.
const BIAS_FRAC: u32 = FRAC as u32;

/// Most fractional bits of a norm's gain.
const MAX_GAIN_FRAC: u32 = 30;

/// Rows of a matrix that one task quantises or hashes.
const ROWS_PER_TASK: usize = 64;

/// Where parameters come from, asked for in commitment order.
pub(crate) trait Parameters {
    /// The tensor that `spec` names.
    fn get(&mut self, spec: &TensorSpec, pool: &Pool) -> Result<Tensor, LoadError>;
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

/// A matrix whose row `row` the call `quantise(row, out)` writes, with its scale as the result.
pub(crate) fn quantise_rows(
    rows: usize,
    cols: usize,
    pool: &Pool,
    quantise: &(dyn Fn(usize, &mut [i8]) -> Scale + Sync),
) -> Matrix {
    let (mut data, mut scales) = (vec![0i8; rows * cols], vec![Scale::ZERO_ROW; rows]);
    let (shared_data, shared_scales) = (SharedMut::new(&mut data[..]), SharedMut::new(&mut scales[..]));
    pool.run(rows.div_ceil(ROWS_PER_TASK), &|task| {
        for row in task * ROWS_PER_TASK..((task + 1) * ROWS_PER_TASK).min(rows) {
            // SAFETY: tasks have disjoint rows.
            let (out, scale) = unsafe { (shared_data.range(row * cols, cols), &mut shared_scales.range(row, 1)[0]) };
            *scale = quantise(row, out);
        }
    });
    Matrix { cols, data, scales }
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
        for tensor in lantern_exact::commit::tensors(&spec) {
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

impl Parameters for HuggingFace<'_> {
    fn get(&mut self, tensor: &TensorSpec, pool: &Pool) -> Result<Tensor, LoadError> {
        let (name, shape) = self.locate(tensor)?;
        let mut values = self.tensors.read(&name, &shape)?;
        values.truncate(tensor.rows as usize * tensor.cols as usize);
        match tensor.kind {
            TensorKind::Matrix => {
                let (rows, cols) = (tensor.rows as usize, tensor.cols as usize);
                Ok(Tensor::Matrix(quantise_rows(rows, cols, pool, &|row, out| {
                    quantise::row(&values[row * cols..(row + 1) * cols], out)
                })))
            },
            TensorKind::Vector => quantise_vector(&tensor.name, &values)
                .map(Tensor::Vector)
                .map_err(|index| LoadError::OutOfRange {
                    file: WEIGHTS.into(),
                    tensor: name,
                    index,
                }),
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
