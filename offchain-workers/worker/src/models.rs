//! Loading models.

use std::{path::PathBuf, sync::Arc};

use codec::Encode;
use lantern_engine::{CacheUse, LoadError, LoadOptions, LoadedModel, ModelCache, ModelFiles, ModelSource};
use lantern_exact::ModelKind as ExactKind;
use lantern_worker_protocol::{ChatMessage, Hash, ModelInfo, ModelKind};

use crate::backend::{Catalog, Vocabulary};

/// The model that is built into the program, so that it serves without a download.
const DEFAULT_MODEL: ModelFiles<'static> = ModelFiles {
    name: "lantern-tiny",
    config: include_bytes!("../../../models/lantern-tiny/config.json"),
    tokenizer: include_bytes!("../../../models/lantern-tiny/tokenizer.json"),
    weights: include_bytes!("../../../models/lantern-tiny/model.safetensors"),
};

/// Why the worker has no models to serve.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// There is no model that can be loaded at a path.
    #[error("model {}: {error}", path.display())]
    Path {
        /// The folder or file.
        path: PathBuf,
        /// File, field and reason.
        #[source]
        error: LoadError,
    },
    /// The model that is built in cannot be loaded.
    #[error("built-in model: {0}")]
    BuiltIn(#[source] LoadError),
    /// Nothing to load.
    #[error("no model to serve: name a folder or a GGUF file with --model")]
    None,
    /// No model has this id or name.
    #[error("no loaded model is called {0}")]
    Unknown(String),
}

/// Loaded models.
#[derive(Clone, Default)]
pub struct Models {
    /// In the order in which they were named, the built-in one first. No two have the same id.
    list: Vec<Arc<LoadedModel>>,
}

impl Models {
    /// Loads the built-in model, unless `without_default`, and those at `paths`: folders and GGUF files, see [`ModelSource::at`].
    /// They come from `cache` where they are in it, and are put there where they are not; its failures are logged.
    ///
    /// # Errors
    /// When one of them cannot be loaded, or there are none.
    pub fn load(paths: &[PathBuf], without_default: bool, cache: Option<&ModelCache>) -> Result<Self, ModelsError> {
        let mut models = Self::default();
        if !without_default {
            models
                .add(&ModelSource::Memory(DEFAULT_MODEL), None)
                .map_err(ModelsError::BuiltIn)?;
        }
        for path in paths {
            ModelSource::at(path)
                .and_then(|source| models.add(&source, cache))
                .map_err(|error| ModelsError::Path {
                    path: path.clone(),
                    error,
                })?;
        }
        if models.list.is_empty() {
            return Err(ModelsError::None);
        }
        Ok(models)
    }

    fn add(&mut self, source: &ModelSource<'_>, cache: Option<&ModelCache>) -> Result<(), LoadError> {
        let begun = std::time::Instant::now();
        let options = LoadOptions::default();
        let (model, cached) = match cache {
            None => (LoadedModel::load(source, &options)?, false),
            Some(cache) => load_cached(cache, source, &options)?,
        };
        let (id, name) = (hex::encode(model.id()), model.name().to_owned());
        if self.list.iter().any(|known| known.id() == model.id()) {
            tracing::info!(id, name, "is loaded already");
            return Ok(());
        }
        tracing::info!(id, name, cached, millis = begun.elapsed().as_millis() as u64, "loaded");
        self.list.push(Arc::new(model));
        Ok(())
    }

    /// The model with this id, in hex, or this name; the first of all without either.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, wanted: Option<&str>) -> Result<&Arc<LoadedModel>, ModelsError> {
        let Some(wanted) = wanted else {
            return self.list.first().ok_or(ModelsError::None);
        };
        let id = wanted.parse::<Hash>().ok();
        self.list
            .iter()
            .find(|model| Some(Hash(model.id())) == id || model.name() == wanted)
            .ok_or_else(|| ModelsError::Unknown(wanted.into()))
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<LoadedModel>> {
        self.list.iter()
    }

    /// The models as the server shows them.
    pub fn catalog(&self) -> Catalog {
        let vocabulary = |model: &Arc<LoadedModel>| {
            let shared: Arc<dyn Vocabulary> = Arc::new(ModelVocabulary(Arc::clone(model)));
            (Hash(model.id()), shared)
        };
        Catalog {
            models: self.list.iter().map(|model| info(model)).collect(),
            vocabularies: self.list.iter().map(vocabulary).collect(),
        }
    }
}

/// Loads through `cache`; the second value says whether the model came from it.
fn load_cached(
    cache: &ModelCache,
    source: &ModelSource<'_>,
    options: &LoadOptions,
) -> Result<(LoadedModel, bool), LoadError> {
    let (model, report) = cache.load(source, options)?;
    if let Some(reason) = report.refused {
        tracing::warn!(
            name = model.name(),
            reason,
            "the model cache is no good; the model was loaded from its files"
        );
    }
    if let CacheUse::NotStored(reason) = &report.used {
        tracing::warn!(
            name = model.name(),
            reason,
            "the model is not in the cache and will be quantised again at the next start"
        );
    }
    Ok((model, report.used == CacheUse::Hit))
}

/// What others see of a model.
fn info(model: &LoadedModel) -> ModelInfo {
    let spec = model.spec();
    ModelInfo {
        id: Hash(model.id()),
        name: model.name().into(),
        kind: match spec.kind() {
            ExactKind::Generation => ModelKind::Generation,
            ExactKind::Embedding => ModelKind::Embedding,
        },
        spec: spec.encode().into(),
        weights_root: Hash(model.weights_root()),
        vocab: spec.vocab,
        max_context: spec.max_context,
        stop_tokens: model.end_tokens().to_vec(),
    }
}

struct ModelVocabulary(Arc<LoadedModel>);

impl Vocabulary for ModelVocabulary {
    fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        let tokenizer = self.0.tokenizer().ok_or("the model has no tokenizer")?;
        tokenizer.encode(text).map_err(|error| error.to_string())
    }

    fn encode_chat(&self, messages: Vec<ChatMessage>) -> Result<Vec<u32>, String> {
        let tokenizer = self.0.tokenizer().ok_or("the model has no tokenizer")?;
        let template = self.0.chat_template();
        let template = template.ok_or("the model's files have no chat template: ask with a plain text")?;
        let messages: Vec<_> = messages
            .into_iter()
            .map(|ChatMessage { role, content }| lantern_engine::ChatMessage { role, content })
            .collect();
        let text = template.render(&messages, true).map_err(|error| error.to_string())?;
        tokenizer.encode_rendered(&text).map_err(|error| error.to_string())
    }

    fn decode(&self, tokens: &[u32]) -> Result<String, String> {
        let tokenizer = self.0.tokenizer().ok_or("the model has no tokenizer")?;
        tokenizer.decode(tokens).map_err(|error| error.to_string())
    }
}
