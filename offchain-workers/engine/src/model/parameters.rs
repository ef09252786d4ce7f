//! The quantised parameters of a model, one tensor at a time in commitment order.

use super::{blocks::Block, error::LoadError, quantise, smooth::Plan, source::WEIGHTS, tensors::Tensors};
use crate::cpu::pool::Pool;
use lantern_exact::{
    commit::{self, TensorKind, TensorSpec},
    fixed::{Scale, FRAC},
    model::Vector,
    Family, ModelSpec, Width,
};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Fractional bits of biases.
const BIAS_FRAC: u32 = FRAC as u32;

/// Most fractional bits of a norm's gain.
const MAX_GAIN_FRAC: u32 = 30;

/// Rows of a matrix that one task quantises.
const ROWS_PER_TASK: usize = 64;

/// Takes a row of a matrix: its number, its values and its scale.
pub(crate) type PutRow<'a> = dyn Fn(usize, &[i8], Scale) + Sync + 'a;

/// Where parameters come from, asked for in commitment order.
///
/// Rows are handed over one by one, so that no more than the model itself and some rows are ever in memory.
pub(crate) trait Parameters {
    /// The vector that `spec` names.
    fn vector(&mut self, spec: &TensorSpec, pool: &Pool) -> Result<Vector, LoadError>;

    /// Hands every row of the matrix that `spec` names to `put`, each once, in no particular order and by several threads. After
    /// an error some rows are missing.
    fn matrix(&mut self, spec: &TensorSpec, pool: &Pool, put: &PutRow<'_>) -> Result<(), LoadError>;
}

/// Calls `each` with the numbers of `rows` rows, in ranges, from the threads of `pool`.
pub(crate) fn by_rows(rows: usize, pool: &Pool, each: &(dyn Fn(std::ops::Range<usize>) + Sync)) {
    pool.run(rows.div_ceil(ROWS_PER_TASK), &|task| {
        each(task * ROWS_PER_TASK..((task + 1) * ROWS_PER_TASK).min(rows));
    });
}

/// The float values of one tensor where they lie, in a file or in memory.
pub(super) struct Floats<'a> {
    /// At least as many whole rows as are asked for.
    pub bytes: &'a [u8],
    pub block: Block,
    /// Values in a row.
    pub cols: usize,
    /// Width of a head where the rows of each are in llama.cpp's order.
    pub interleaved: Option<usize>,
    /// Whether `bytes` are part of a file that is mapped privately and read-only.
    pub mapped: bool,
}

/// Index of a value that is not finite.
struct NotFinite(usize);

impl Floats<'_> {
    fn row_bytes(&self) -> usize {
        self.block.row_bytes(self.cols).unwrap_or(0)
    }

    fn decode(&self, row: usize, values: &mut [f32]) -> Result<(), NotFinite> {
        let stride = self.row_bytes();
        self.block.decode(&self.bytes[row * stride..(row + 1) * stride], values);
        match values.iter().position(|value| !value.is_finite()) {
            Some(column) => Err(NotFinite(row * self.cols + column)),
            None => Ok(()),
        }
    }

    /// The first row.
    fn first(&self) -> Result<Vec<f32>, NotFinite> {
        let mut values = vec![0f32; self.cols];
        self.decode(0, &mut values).map(|()| values)
    }

    /// The row of the file that is row `row` of the tensor.
    ///
    /// llama.cpp rotates neighbours where Hugging Face rotates a value of a head's first half with one of the second, so that its
    /// converter moves row `half * dim / 2 + pair` of each head to `2 * pair + half`.
    fn row_in_file(&self, row: usize) -> usize {
        let Some(dim) = self.interleaved else {
            return row;
        };
        let (head, within) = (row / dim, row % dim);
        let (half, pair) = (within / (dim / 2), within % (dim / 2));
        head * dim + 2 * pair + half
    }

    /// Calls `each(state, row, values)` for each of `rows` rows, in no fixed order and from the threads of `pool`. Every range of rows
    /// has a state of its own, which `start` makes and `end` takes. What `each` writes to the values is lost.
    fn visit<S>(
        &self,
        rows: usize,
        pool: &Pool,
        start: impl Fn() -> S + Sync,
        each: impl Fn(&mut S, usize, &mut [f32]) + Sync,
        end: impl Fn(S) + Sync,
    ) -> Result<(), NotFinite> {
        let first_bad = AtomicUsize::new(usize::MAX);
        let stride = self.row_bytes();
        by_rows(rows, pool, &|range| {
            let (mut values, mut state) = (vec![0f32; self.cols], start());
            for row in range.clone() {
                match self.decode(self.row_in_file(row), &mut values) {
                    Ok(()) => each(&mut state, row, &mut values),
                    Err(NotFinite(index)) => drop(first_bad.fetch_min(index, Ordering::Relaxed)),
                }
            }
            end(state);
            if self.interleaved.is_none() {
                self.release(&self.bytes[range.start * stride..range.end * stride]);
            }
        });
        self.release(self.bytes);
        match first_bad.into_inner() {
            usize::MAX => Ok(()),
            index => Err(NotFinite(index)),
        }
    }

    /// Lets the system have the memory of `part` back, which has been read; a wish. Pages of a mapped file would otherwise stay
    /// with this process until the whole model is loaded.
    fn release(&self, part: &[u8]) {
        #[cfg(target_os = "linux")]
        if self.mapped && !part.is_empty() {
            // SAFETY: the call reads a number.
            let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
            let start = part.as_ptr() as usize;
            let (first, last) = (start.next_multiple_of(page), (start + part.len()) / page * page);
            if first < last {
                // SAFETY: whole pages of a private map that nobody writes to: whoever reads them again gets the same bytes,
                // from the file.
                unsafe { libc::madvise(first as *mut libc::c_void, last - first, libc::MADV_DONTNEED) };
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = part;
    }
}

/// A tensor in a model's files.
pub(super) struct Located<'a> {
    /// The file and the tensor's name in it, for errors.
    pub file: &'a str,
    pub name: String,
    pub floats: Floats<'a>,
}

impl Located<'_> {
    /// See [`Floats::visit`].
    pub fn visit<S>(
        &self,
        rows: usize,
        pool: &Pool,
        start: impl Fn() -> S + Sync,
        each: impl Fn(&mut S, usize, &mut [f32]) + Sync,
        end: impl Fn(S) + Sync,
    ) -> Result<(), LoadError> {
        let visited = self.floats.visit(rows, pool, start, each, end);
        visited.map_err(|bad| self.not_finite(bad))
    }

    /// The values of a vector.
    pub fn vector(&self) -> Result<Vec<f32>, LoadError> {
        self.floats.first().map_err(|bad| self.not_finite(bad))
    }

    fn not_finite(&self, bad: NotFinite) -> LoadError {
        LoadError::NotFinite {
            file: self.file.into(),
            tensor: self.name.clone(),
            index: bad.0,
        }
    }

    fn out_of_range(&self, index: usize) -> LoadError {
        LoadError::OutOfRange {
            file: self.file.into(),
            tensor: self.name.clone(),
            index,
        }
    }
}

/// The float parameters of a model's files.
pub(super) trait FloatSource {
    /// Where the tensor that `spec` names lies.
    fn locate(&self, spec: &TensorSpec) -> Result<Located<'_>, LoadError>;
}

/// Float parameters on their way to integers.
pub(super) struct Quantised<'a> {
    source: Box<dyn FloatSource + 'a>,
    spec: ModelSpec,
    tensors: Vec<TensorSpec>,
    smooth: bool,
    /// Layer that `plan` is for, empty for the last norm and the head; `None` before the first.
    planned: Option<String>,
    plan: Plan,
}

impl<'a> Quantised<'a> {
    /// Parameters of a model of `spec`. With `smooth`, what is narrow is [smoothed](super::smooth); what is wide never is.
    pub fn new(source: Box<dyn FloatSource + 'a>, spec: ModelSpec, smooth: bool) -> Self {
        let narrow = spec.activation == Width::Narrow || spec.keys == Width::Narrow;
        Self {
            source,
            tensors: commit::tensors(&spec),
            spec,
            smooth: smooth && narrow,
            planned: None,
            plan: Plan::default(),
        }
    }

    /// Makes the plan of the layer that `name` belongs to, unless it is there.
    fn prepare(&mut self, name: &str, pool: &Pool) -> Result<(), LoadError> {
        let layer = match layer_of(name) {
            Some((layer, _)) => layer,
            None if matches!(name, "final_norm" | "head") => "",
            None => return Ok(()),
        };
        if self.smooth && self.planned.as_deref() != Some(layer) {
            self.plan = Plan::make(&*self.source, &self.spec, &self.tensors, layer, pool)?;
            self.planned = Some(layer.to_owned());
        }
        Ok(())
    }
}

impl Parameters for Quantised<'_> {
    fn vector(&mut self, tensor: &TensorSpec, pool: &Pool) -> Result<Vector, LoadError> {
        self.prepare(&tensor.name, pool)?;
        let located = self.source.locate(tensor)?;
        let mut values = located.vector()?;
        self.plan.of(&tensor.name).apply(0, &mut values);
        quantise_vector(&tensor.name, &values).map_err(|index| located.out_of_range(index))
    }

    fn matrix(&mut self, tensor: &TensorSpec, pool: &Pool, put: &PutRow<'_>) -> Result<(), LoadError> {
        self.prepare(&tensor.name, pool)?;
        let located = self.source.locate(tensor)?;
        let (rows, cols) = (tensor.rows as usize, tensor.cols as usize);
        let factors = self.plan.of(&tensor.name);
        let too_large = AtomicUsize::new(usize::MAX);
        let start = || vec![0i8; cols];
        let each = |quantised: &mut Vec<i8>, row: usize, values: &mut [f32]| {
            factors.apply(row, values);
            match values.iter().position(|value| !value.is_finite()) {
                Some(column) => drop(too_large.fetch_min(row * cols + column, Ordering::Relaxed)),
                None => {
                    let scale = quantise::row(values, quantised);
                    put(row, quantised, scale);
                },
            }
        };
        located.visit(rows, pool, start, each, drop)?;
        match too_large.into_inner() {
            usize::MAX => Ok(()),
            index => Err(located.out_of_range(index)),
        }
    }
}

/// A vector in fixed point: biases in Q16, gains with as many fractional bits as their largest magnitude leaves room for below
/// 2^30. `Err` is the index of a value that does not fit.
fn quantise_vector(name: &str, values: &[f32]) -> Result<Vector, usize> {
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
            let (name, shape) = model.find(&tensor)?;
            model.tensors.check(&name, &shape)?;
        }
        Ok(model)
    }

    /// Name and shape of a tensor in the files.
    fn find(&self, tensor: &TensorSpec) -> Result<(String, Vec<usize>), LoadError> {
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
    fn locate(&self, tensor: &TensorSpec) -> Result<Located<'_>, LoadError> {
        let (name, shape) = self.find(tensor)?;
        let floats = self.tensors.floats(&name, &shape)?;
        Ok(Located {
            file: WEIGHTS,
            name,
            floats,
        })
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
