//! Loading models, and the engine behind [`Backend`].

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{atomic::AtomicBool, Arc},
};

use codec::{DecodeAll, Encode};
use lantern_engine::{
    Engine, ExecuteError, ExecuteOptions, KernelChoice, KernelUnavailable, LoadError, LoadOptions, LoadedModel,
    ModelFiles, ModelSource,
};
use lantern_exact::{spec::decode_tokens, JobParams, ModelKind as ExactKind};
use lantern_worker_protocol::{Execute, FailureKind, Hash, ModelInfo, ModelKind, Usage};

use crate::backend::{Backend, Catalog, Failure, Finished, Vocabulary};

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
    /// The machine lacks the instructions asked for.
    #[error(transparent)]
    Kernel(#[from] KernelUnavailable),
}

/// Loaded models.
#[derive(Clone, Default)]
pub struct Models {
    /// In the order in which they were named, the built-in one first. No two have the same id.
    list: Vec<Arc<LoadedModel>>,
}

impl Models {
    /// Loads the built-in model, unless `without_default`, and those at `paths`: folders and GGUF files, see [`ModelSource::at`].
    ///
    /// # Errors
    /// When one of them cannot be loaded, or there are none.
    pub fn load(paths: &[PathBuf], without_default: bool) -> Result<Self, ModelsError> {
        let mut models = Self::default();
        if !without_default {
            models
                .add(&ModelSource::Memory(DEFAULT_MODEL))
                .map_err(ModelsError::BuiltIn)?;
        }
        for path in paths {
            ModelSource::at(path)
                .and_then(|source| models.add(&source))
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

    fn add(&mut self, source: &ModelSource<'_>) -> Result<(), LoadError> {
        let begun = std::time::Instant::now();
        let model = LoadedModel::load(source, &LoadOptions::default())?;
        let (id, name) = (hex::encode(model.id()), model.name().to_owned());
        if self.list.iter().any(|known| known.id() == model.id()) {
            tracing::info!(id, name, "is loaded already");
            return Ok(());
        }
        tracing::info!(id, name, millis = begun.elapsed().as_millis() as u64, "loaded");
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

    fn decode(&self, tokens: &[u32]) -> Result<String, String> {
        let tokenizer = self.0.tokenizer().ok_or("the model has no tokenizer")?;
        tokenizer.decode(tokens).map_err(|error| error.to_string())
    }
}

/// The engine with its models.
pub struct EngineBackend {
    engine: Engine,
    models: HashMap<Hash, Arc<LoadedModel>>,
}

impl EngineBackend {
    /// An engine of `threads` threads for `models`.
    ///
    /// # Errors
    /// When the machine lacks the instructions that the engine needs.
    pub fn new(threads: usize, models: &Models) -> Result<Self, ModelsError> {
        let engine = Engine::new(threads, KernelChoice::Auto)?;
        tracing::info!(threads = engine.threads(), kernel = engine.kernel().name(), "engine");
        let models = models
            .list
            .iter()
            .map(|model| (Hash(model.id()), Arc::clone(model)))
            .collect();
        Ok(Self { engine, models })
    }
}

impl Backend for EngineBackend {
    fn execute(
        &mut self,
        job: &Execute,
        cancelled: &AtomicBool,
        on_token: &mut dyn FnMut(u32),
    ) -> Result<Finished, Failure> {
        let bad = |reason: String| Failure::new(FailureKind::BadInput, reason);
        let model = self.models.get(&job.model).ok_or_else(|| {
            Failure::new(
                FailureKind::UnknownModel,
                format!("this worker has not loaded model {}", job.model),
            )
        })?;
        let params =
            JobParams::decode_all(&mut job.params.as_ref()).map_err(|error| bad(format!("params: {error}")))?;
        let input =
            decode_tokens(job.input.as_ref(), model.spec().vocab).map_err(|error| bad(format!("input: {error}")))?;
        let mut report = |token| {
            on_token(token);
            std::ops::ControlFlow::Continue(())
        };
        let options = ExecuteOptions::default();
        let execution = self
            .engine
            .execute(model, &input, &params, &options, &mut report, cancelled)
            .map_err(|error| match error {
                ExecuteError::Params(error) => bad(error.to_string()),
                ExecuteError::Cancelled => Failure::cancelled(),
            })?;
        Ok(Finished {
            output: execution.output.into(),
            usage: Usage {
                prompt_tokens: execution.usage.prompt_tokens,
                output_tokens: execution.usage.output_tokens,
            },
            trace_root: Hash(execution.trace_root),
        })
    }
}

/// Threads to compute with when nobody says: one for each physical core, because two on one share its vector units.
pub fn default_threads() -> usize {
    let logical = std::thread::available_parallelism().map_or(1, usize::from);
    physical_cores(Path::new("/sys/devices/system/cpu"), logical)
        .unwrap_or(logical)
        .clamp(1, logical)
}

/// Distinct groups of sibling threads among the first `logical` processors, where the system tells.
fn physical_cores(folder: &Path, logical: usize) -> Option<usize> {
    let siblings =
        |cpu: usize| std::fs::read_to_string(folder.join(format!("cpu{cpu}/topology/thread_siblings_list"))).ok();
    let groups = (0..logical)
        .map(siblings)
        .collect::<Option<std::collections::BTreeSet<_>>>()?;
    Some(groups.len())
}
