//! A model ready to run.

use super::{
    cache::Stored,
    chat::ChatTemplate,
    config,
    error::LoadError,
    gguf,
    parameters::{by_rows, FloatSource, HuggingFace, Parameters, PutRow, Quantised},
    source::{Files, ModelSource, TOKENIZER},
    tensors::Tensors,
    tokenizer::Tokenizer,
    weights::Weights,
};
use crate::cpu::pool::Pool;
use lantern_exact::{
    blake2_256,
    commit::TensorSpec,
    fixed::{Scale, FRAC},
    model::{Tensor, Vector},
    model_id, Hash, ModelError, ModelId, ModelSpec, ReferenceModel, Width,
};
use std::{borrow::Cow, sync::Arc};

/// Choices that are part of a model's identity and not in its files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Width of activations.
    pub activation: Width,
    /// Width of cached keys.
    pub keys: Width,
}

/// What errors name where a specification came from no file.
const SPECIFICATION: &str = "(specification)";

/// A model whose files are read and checked, but for the weights.
pub(super) struct Opened<'a> {
    pub spec: ModelSpec,
    /// File that errors in the tokenizer name.
    pub tokenizer_file: String,
    /// `tokenizer.json`, whose hash is in the specification.
    pub tokenizer: Cow<'a, [u8]>,
    pub end_tokens: Vec<u32>,
    pub chat: Option<ChatTemplate>,
    pub parameters: Box<dyn FloatSource + 'a>,
}

/// Opens files in Hugging Face's layout.
fn hugging_face<'a>(files: Files<'a>, options: &LoadOptions) -> Result<Opened<'a>, LoadError> {
    let tokenizer = files.tokenizer()?;
    let spec = config::read(files, options, blake2_256(&[&tokenizer]))?;
    Ok(Opened {
        spec,
        tokenizer_file: TOKENIZER.into(),
        tokenizer,
        end_tokens: config::end_tokens(files, spec.vocab)?,
        chat: ChatTemplate::beside(files)?,
        parameters: Box::new(HuggingFace::new(Tensors::open(files)?, spec)?),
    })
}

/// A model with its weights in the kernels' order, its commitment and its tokenizer.
pub struct LoadedModel {
    name: String,
    spec: ModelSpec,
    id: ModelId,
    weights_root: Hash,
    tokenizer: Option<Arc<Tokenizer>>,
    end_tokens: Vec<u32>,
    chat: Option<ChatTemplate>,
    pub(crate) weights: Weights,
}

impl std::fmt::Debug for LoadedModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LoadedModel({}, {})", self.name, hex::encode(self.id))
    }
}

impl LoadedModel {
    /// Loads, quantises and commits to the model in `source`. The same files and options give the same id everywhere.
    pub fn load(source: &ModelSource<'_>, options: &LoadOptions) -> Result<Self, LoadError> {
        Self::load_whole(source, options).map(|(model, _)| model)
    }

    /// As [`load`](Self::load), but narrow arithmetic gets the float weights as they are: to measure what smoothing is worth. Narrow
    /// models have another identity than on the chain.
    #[doc(hidden)]
    pub fn load_unsmoothed(source: &ModelSource<'_>, options: &LoadOptions) -> Result<Self, LoadError> {
        Self::read(source, options, false).map(|(model, _)| model)
    }

    /// Loads the model and its `tokenizer.json`.
    pub(super) fn load_whole(source: &ModelSource<'_>, options: &LoadOptions) -> Result<(Self, Vec<u8>), LoadError> {
        Self::read(source, options, true)
    }

    fn read(source: &ModelSource<'_>, options: &LoadOptions, smooth: bool) -> Result<(Self, Vec<u8>), LoadError> {
        let opened = match source {
            ModelSource::Folder(folder) => hugging_face(Files::Folder(folder), options)?,
            ModelSource::Gguf(path) => gguf::open(path, options)?,
            ModelSource::Memory(files) => hugging_face(Files::Memory(*files), options)?,
        };
        let spec = opened.spec;
        let tokenizer = Tokenizer::from_bytes(&opened.tokenizer_file, &opened.tokenizer, spec.vocab)?;
        let pool = loading_pool();
        let (weights, weights_root) =
            Weights::take(&spec, &mut Quantised::new(opened.parameters, spec, smooth), &pool)?;
        let model = Self {
            name: source.name(),
            spec,
            id: model_id(&spec, &weights_root),
            weights_root,
            tokenizer: Some(Arc::new(tokenizer)),
            end_tokens: opened.end_tokens,
            chat: opened.chat,
            weights,
        };
        Ok((model, opened.tokenizer.into_owned()))
    }

    /// The model `id` as a cache kept it.
    pub(super) fn stored(
        name: String,
        id: ModelId,
        stored: Stored,
        end_tokens: Vec<u32>,
        chat: Option<ChatTemplate>,
    ) -> Self {
        Self {
            name,
            spec: stored.spec,
            id,
            weights_root: stored.weights_root,
            tokenizer: Some(Arc::new(stored.tokenizer)),
            end_tokens,
            chat,
            weights: stored.weights,
        }
    }

    /// A model of quantised tensors in commitment order, without a tokenizer: for tests and benchmarks.
    ///
    /// Fails like [`ReferenceModel::from_tensors`] when the tensors do not fit `spec`.
    pub fn from_tensors(name: &str, spec: ModelSpec, tensors: Vec<Tensor>) -> Result<Self, LoadError> {
        config::validate(&spec, SPECIFICATION, &config::FIELDS)?;
        let mut given = Given {
            tensors: tensors.into_iter(),
        };
        let (weights, weights_root) = Weights::take(&spec, &mut given, &loading_pool())?;
        let id = model_id(&spec, &weights_root);
        Ok(Self {
            name: name.into(),
            spec,
            id,
            weights_root,
            tokenizer: None,
            end_tokens: Vec::new(),
            chat: None,
            weights,
        })
    }

    /// A model of random weights, see [`lantern_exact::synthetic`].
    pub fn synthetic(spec: ModelSpec, seed: u64) -> Result<Self, LoadError> {
        config::validate(&spec, SPECIFICATION, &config::FIELDS)?;
        Self::from_tensors("synthetic", spec, lantern_exact::synthetic::tensors(&spec, seed))
    }

    /// The reference model with the same weights; copies them.
    pub fn reference(&self) -> Result<ReferenceModel, ModelError> {
        ReferenceModel::from_tensors(self.spec, self.weights.tensors(&self.spec))
    }

    /// Identity: the hash of specification and weights root.
    pub fn id(&self) -> ModelId {
        self.id
    }

    /// Specification.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Merkle root over the weights.
    pub fn weights_root(&self) -> Hash {
        self.weights_root
    }

    /// Name shown to people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tokenizer; `None` for a model made of tensors alone.
    pub fn tokenizer(&self) -> Option<&Arc<Tokenizer>> {
        self.tokenizer.as_ref()
    }

    /// Bytes of memory that the weights take.
    pub fn weight_bytes(&self) -> usize {
        self.weights.bytes()
    }

    /// How the model wants conversations written; `None` when its files do not say.
    pub fn chat_template(&self) -> Option<&ChatTemplate> {
        self.chat.as_ref()
    }

    /// Tokens that the model's files name as the end of a text.
    pub fn end_tokens(&self) -> &[u32] {
        &self.end_tokens
    }
}

/// Threads that quantise and hash while loading.
pub(super) fn loading_pool() -> Pool {
    Pool::new(std::thread::available_parallelism().map_or(1, |threads| threads.get().min(16)))
}

/// Tensors handed in, checked like the reference model checks them.
struct Given {
    tensors: std::vec::IntoIter<Tensor>,
}

impl Given {
    fn next(&mut self) -> Result<Tensor, LoadError> {
        self.tensors
            .next()
            .ok_or_else(|| refuse_tensor("(tensors)", "are too few"))
    }
}

fn refuse_tensor(name: &str, reason: &str) -> LoadError {
    LoadError::Weights {
        file: name.into(),
        reason: reason.into(),
    }
}

impl Parameters for Given {
    fn vector(&mut self, spec: &TensorSpec, _: &Pool) -> Result<Vector, LoadError> {
        match self.next()? {
            Tensor::Vector(vector)
                if vector.values.len() == spec.cols as usize
                    && (vector.frac == FRAC as u32 || (!spec.name.ends_with("_bias") && vector.frac <= 30)) =>
            {
                Ok(vector)
            },
            _ => Err(refuse_tensor(&spec.name, "does not fit the specification")),
        }
    }

    fn matrix(&mut self, spec: &TensorSpec, pool: &Pool, put: &PutRow<'_>) -> Result<(), LoadError> {
        let (rows, cols) = (spec.rows as usize, spec.cols as usize);
        match self.next()? {
            Tensor::Matrix(matrix)
                if matrix.cols == cols
                    && matrix.scales.len() == rows
                    && matrix.data.len() == rows * cols
                    && matrix.scales.iter().all(Scale::is_valid)
                    && matrix.data.iter().all(|&weight| weight > i8::MIN) =>
            {
                by_rows(rows, pool, &|range| {
                    range.for_each(|row| put(row, matrix.row(row), matrix.scales[row]));
                });
                Ok(())
            },
            _ => Err(refuse_tensor(&spec.name, "does not fit the specification")),
        }
    }
}
