//! The models that the worker serves: loaded when they are needed, and given up when others need their memory.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use codec::Encode;
use lantern_engine::{
    positions_within, CacheUse, ChatTemplate, LoadError, LoadOptions, LoadedModel, ModelCache, ModelFiles, ModelSource,
    Tokenizer,
};
use lantern_exact::{ModelKind as ExactKind, ModelSpec};
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
    /// One model alone is more than the memory for models.
    #[error("model {name} takes {} MiB, and all models may take {} MiB: give them more with --model-memory", bytes >> 20, limit >> 20)]
    TooLarge {
        /// Its name.
        name: String,
        /// Bytes of its weights.
        bytes: usize,
        /// Bytes that all may take.
        limit: usize,
    },
    /// The files are not those from which the model was loaded before.
    #[error("the files of model {name} have changed since the start: they hold another model; start the worker again")]
    Changed {
        /// Its name.
        name: String,
    },
    /// Nothing to load.
    #[error("no model to serve: name a folder or a GGUF file with --model")]
    None,
    /// No model has this id or name.
    #[error("this worker does not serve model {0}")]
    Unknown(String),
}

/// Bounds of what the worker takes on.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes for the weights of all models together.
    pub model_memory: usize,
    /// Bytes for the caches of all generations together.
    pub cache_memory: usize,
    /// Most positions of one job, prompt and output together.
    pub max_positions: u32,
}

impl Bounds {
    /// Everything that the models allow.
    pub const NONE: Self = Self {
        model_memory: usize::MAX,
        cache_memory: usize::MAX,
        max_positions: u32::MAX,
    };

    /// Most positions of a job for a model.
    pub fn positions(&self, spec: &ModelSpec) -> u32 {
        let cached = match spec.kind() {
            ExactKind::Generation => positions_within(spec, self.cache_memory),
            ExactKind::Embedding => u32::MAX,
        };
        spec.max_context.min(self.max_positions).min(cached)
    }
}

/// How the memory for models is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelUse {
    /// Models that are in memory now.
    pub loaded: usize,
    /// Bytes of their weights.
    pub bytes: usize,
}

/// What to load, and how.
#[derive(Clone, Debug)]
enum Origin {
    BuiltIn,
    Path(PathBuf),
}

impl Origin {
    /// Loads it, through `cache` if there is one; the second value says whether it came from there.
    fn load(&self, cache: Option<&ModelCache>) -> Result<(LoadedModel, bool), ModelsError> {
        let options = LoadOptions::default();
        match self {
            Self::BuiltIn => LoadedModel::load(&ModelSource::Memory(DEFAULT_MODEL), &options)
                .map(|model| (model, false))
                .map_err(ModelsError::BuiltIn),
            Self::Path(path) => ModelSource::at(path)
                .and_then(|source| match cache {
                    Some(cache) => load_cached(cache, &source, &options),
                    None => LoadedModel::load(&source, &options).map(|model| (model, false)),
                })
                .map_err(|error| ModelsError::Path {
                    path: path.clone(),
                    error,
                }),
        }
    }
}

/// What stays of a model when its weights have gone.
struct Known {
    origin: Origin,
    id: Hash,
    name: String,
    spec: ModelSpec,
    weights_root: Hash,
    end_tokens: Vec<u32>,
    tokenizer: Option<Arc<Tokenizer>>,
    chat: Option<Arc<ChatTemplate>>,
    bytes: usize,
}

impl Known {
    fn new(origin: Origin, model: &LoadedModel) -> Self {
        Self {
            origin,
            id: Hash(model.id()),
            name: model.name().into(),
            spec: *model.spec(),
            weights_root: Hash(model.weights_root()),
            end_tokens: model.end_tokens().to_vec(),
            tokenizer: model.tokenizer().cloned(),
            chat: model.chat_template().cloned().map(Arc::new),
            bytes: model.weight_bytes(),
        }
    }

    /// What others see of it.
    fn info(&self, bounds: &Bounds) -> ModelInfo {
        ModelInfo {
            id: self.id,
            name: self.name.clone(),
            kind: match self.spec.kind() {
                ExactKind::Generation => ModelKind::Generation,
                ExactKind::Embedding => ModelKind::Embedding,
            },
            spec: self.spec.encode().into(),
            weights_root: self.weights_root,
            vocab: self.spec.vocab,
            max_context: self.spec.max_context,
            max_positions: bounds.positions(&self.spec),
            stop_tokens: self.end_tokens.clone(),
        }
    }
}

/// A model in memory.
struct Resident {
    model: Arc<LoadedModel>,
    used_at: u64,
}

/// By the model's place in the list; `None` where it is not in memory.
#[derive(Default)]
struct Residents {
    places: Vec<Option<Resident>>,
    clock: u64,
}

impl Residents {
    /// Gives up models that nobody uses, the one unused for longest first, until those left take at most `bytes`.
    fn shrink_to(&mut self, bytes: usize, known: &[Known]) {
        while self.usage(known).bytes > bytes {
            let idle = |resident: &Resident| Arc::strong_count(&resident.model) == 1;
            let oldest = self
                .places
                .iter()
                .enumerate()
                .filter_map(|(place, resident)| Some((place, resident.as_ref().filter(|resident| idle(resident))?)))
                .min_by_key(|(_, resident)| resident.used_at)
                .map(|(place, _)| place);
            let Some(oldest) = oldest else { return };
            self.places[oldest] = None;
            tracing::info!(
                model = known[oldest].name,
                "given up, until a job needs it: others need its memory"
            );
        }
    }

    fn usage(&self, known: &[Known]) -> ModelUse {
        let resident = self.places.iter().zip(known).filter(|(place, _)| place.is_some());
        resident.fold(ModelUse::default(), |sum, (_, known)| ModelUse {
            loaded: sum.loaded + 1,
            bytes: sum.bytes.saturating_add(known.bytes),
        })
    }
}

/// Why a model is not at hand.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Models that jobs use now hold the memory; it will be there when those jobs have ended.
    #[error("models in use hold the memory")]
    Memory,
    /// It cannot be loaded.
    #[error(transparent)]
    Failed(#[from] ModelsError),
}

/// The models.
pub struct Models {
    /// In the order in which they were named, the built-in one first. No two have the same id.
    list: Vec<Known>,
    bounds: Bounds,
    cache: Option<ModelCache>,
    residents: Mutex<Residents>,
}

impl Models {
    /// Loads the built-in model, unless `without_default`, and those at `paths`: folders and GGUF files, see [`ModelSource::at`].
    /// Those for which `bounds` leave no room are known from then on, and loaded again when a job needs them. They come from
    /// `cache` where they are in it, and are put there where they are not; its failures are logged.
    ///
    /// # Errors
    /// When one of them cannot be loaded, is too large alone, or there are none.
    pub fn load(
        paths: &[PathBuf],
        without_default: bool,
        bounds: Bounds,
        cache: Option<ModelCache>,
    ) -> Result<Self, ModelsError> {
        let mut models = Self {
            list: Vec::new(),
            bounds,
            cache,
            residents: Mutex::default(),
        };
        let built_in = (!without_default).then_some(Origin::BuiltIn);
        for origin in built_in.into_iter().chain(paths.iter().cloned().map(Origin::Path)) {
            models.add(origin)?;
        }
        if models.list.is_empty() {
            return Err(ModelsError::None);
        }
        Ok(models)
    }

    fn add(&mut self, origin: Origin) -> Result<(), ModelsError> {
        let begun = std::time::Instant::now();
        let (model, cached) = origin.load(self.cache.as_ref())?;
        let known = Known::new(origin, &model);
        if self.list.iter().any(|other| other.id == known.id) {
            tracing::info!(id = %known.id, name = known.name, "is loaded already");
            return Ok(());
        }
        let (bytes, limit) = (known.bytes, self.bounds.model_memory);
        if bytes > limit {
            let name = known.name;
            return Err(ModelsError::TooLarge { name, bytes, limit });
        }
        let millis = begun.elapsed().as_millis() as u64;
        tracing::info!(id = %known.id, name = known.name, mib = bytes >> 20, cached, millis, "loaded");
        self.residents().shrink_to(limit - bytes, &self.list);
        self.list.push(known);
        let mut residents = self.residents();
        residents.clock += 1;
        let used_at = residents.clock;
        residents.places.push(Some(Resident {
            model: Arc::new(model),
            used_at,
        }));
        Ok(())
    }

    fn residents(&self) -> MutexGuard<'_, Residents> {
        // A place is changed in one go, so a poisoned lock still guards sound ones.
        self.residents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model with this id, loaded if it is not in memory, for which others may have to go.
    ///
    /// # Errors
    /// When there is none, or no room, or its files are gone or others.
    pub fn get(&self, id: &Hash) -> Result<Arc<LoadedModel>, Unavailable> {
        let place = self.list.iter().position(|known| known.id == *id);
        let place = place.ok_or_else(|| ModelsError::Unknown(id.to_string()))?;
        let known = &self.list[place];
        let mut residents = self.residents();
        residents.clock += 1;
        let used_at = residents.clock;
        if let Some(resident) = &mut residents.places[place] {
            resident.used_at = used_at;
            return Ok(Arc::clone(&resident.model));
        }
        let room = self.bounds.model_memory.saturating_sub(known.bytes);
        residents.shrink_to(room, &self.list);
        if residents.usage(&self.list).bytes > room {
            return Err(Unavailable::Memory);
        }
        let begun = std::time::Instant::now();
        let (model, cached) = known.origin.load(self.cache.as_ref())?;
        let model = Arc::new(model);
        if Hash(model.id()) != known.id {
            let name = known.name.clone();
            return Err(ModelsError::Changed { name }.into());
        }
        tracing::info!(
            name = known.name,
            cached,
            millis = begun.elapsed().as_millis() as u64,
            "loaded again"
        );
        residents.places[place] = Some(Resident {
            model: Arc::clone(&model),
            used_at,
        });
        Ok(model)
    }

    /// Id of the model with this id, in hex, or this name; of the first of all without either.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, wanted: Option<&str>) -> Result<Hash, ModelsError> {
        let Some(wanted) = wanted else {
            return self.list.first().map(|known| known.id).ok_or(ModelsError::None);
        };
        let id = wanted.parse::<Hash>().ok();
        self.list
            .iter()
            .find(|known| Some(known.id) == id || known.name == wanted)
            .map(|known| known.id)
            .ok_or_else(|| ModelsError::Unknown(wanted.into()))
    }

    /// What they may use.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// What they use.
    pub fn usage(&self) -> ModelUse {
        self.residents().usage(&self.list)
    }

    /// The models as the server shows them.
    pub fn catalog(&self) -> Catalog {
        let vocabulary = |known: &Known| {
            let shared: Arc<dyn Vocabulary> = Arc::new(ModelVocabulary {
                tokenizer: known.tokenizer.clone(),
                chat: known.chat.clone(),
            });
            (known.id, shared)
        };
        Catalog {
            models: self.list.iter().map(|known| known.info(&self.bounds)).collect(),
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

struct ModelVocabulary {
    tokenizer: Option<Arc<Tokenizer>>,
    chat: Option<Arc<ChatTemplate>>,
}

impl ModelVocabulary {
    fn tokenizer(&self) -> Result<&Tokenizer, String> {
        self.tokenizer
            .as_deref()
            .ok_or_else(|| "the model has no tokenizer".into())
    }
}

impl Vocabulary for ModelVocabulary {
    fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        self.tokenizer()?.encode(text).map_err(|error| error.to_string())
    }

    fn encode_chat(&self, messages: Vec<ChatMessage>) -> Result<Vec<u32>, String> {
        let template = self.chat.as_deref();
        let template = template.ok_or("the model's files have no chat template: ask with a plain text")?;
        let messages: Vec<_> = messages
            .into_iter()
            .map(|ChatMessage { role, content }| lantern_engine::ChatMessage { role, content })
            .collect();
        let text = template.render(&messages, true).map_err(|error| error.to_string())?;
        self.tokenizer()?
            .encode_rendered(&text)
            .map_err(|error| error.to_string())
    }

    fn decode(&self, tokens: &[u32]) -> Result<String, String> {
        self.tokenizer()?.decode(tokens).map_err(|error| error.to_string())
    }
}
