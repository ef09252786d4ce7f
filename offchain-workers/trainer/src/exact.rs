//! The exact engine as the measurements see it: one loaded model with its threads.

use std::{ops::ControlFlow, path::Path, sync::atomic::AtomicBool};

use anyhow::{Context, Result};
use lantern_engine::{
    Engine, ExecuteOptions, Execution, KernelChoice, LoadError, LoadOptions, LoadedModel, ModelSource,
};
use lantern_exact::{JobParams, ModelId, ModelSpec, Width};

type Loader = fn(&ModelSource<'_>, &LoadOptions) -> Result<LoadedModel, LoadError>;

/// A model loaded from a folder in one width, and an engine to run it on every core.
pub struct ExactModel {
    engine: Engine,
    model: LoadedModel,
}

impl ExactModel {
    /// Loads the model at `path`, a Hugging Face folder or a GGUF file, with activations and keys of `width`.
    pub fn load(path: &Path, width: Width) -> Result<Self> {
        Self::with(path, width, LoadedModel::load)
    }

    /// As [`load`](Self::load), but narrow arithmetic gets the weights unsmoothed: to measure what smoothing is worth.
    pub fn load_unsmoothed(path: &Path, width: Width) -> Result<Self> {
        Self::with(path, width, LoadedModel::load_unsmoothed)
    }

    fn with(path: &Path, width: Width, load: Loader) -> Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let options = LoadOptions {
            activation: width,
            keys: width,
        };
        let model = ModelSource::at(path)
            .and_then(|source| load(&source, &options))
            .with_context(|| format!("loading {}", path.display()))?;
        Ok(Self {
            engine: Engine::new(threads, KernelChoice::Auto)?,
            model,
        })
    }

    /// The model.
    pub fn model(&self) -> &LoadedModel {
        &self.model
    }

    /// Specification.
    pub fn spec(&self) -> &ModelSpec {
        self.model.spec()
    }

    /// Identity.
    pub fn id(&self) -> ModelId {
        self.model.id()
    }

    /// Token ids of `text` as a requester would send them.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        Ok(self
            .model
            .tokenizer()
            .context("the model has no tokenizer")?
            .encode(text)?)
    }

    /// Runs a job.
    pub fn run(&self, input: &[u32], params: &JobParams) -> Result<Execution> {
        let on_token = &mut |_| ControlFlow::Continue(());
        let options = ExecuteOptions::default();
        Ok(self
            .engine
            .execute(&self.model, input, params, &options, on_token, &AtomicBool::new(false))?)
    }

    /// Q16 logits after every token.
    pub fn logits(&self, tokens: &[u32]) -> Result<Vec<Vec<i32>>> {
        let mut rows = Vec::with_capacity(tokens.len());
        self.engine
            .logits(&self.model, tokens, &mut |_, logits| rows.push(logits.to_vec()))?;
        Ok(rows)
    }

    /// Embedding of a sentence; its scale does not matter to cosines.
    pub fn embed(&self, tokens: &[u32]) -> Result<Vec<f64>> {
        Ok(self
            .engine
            .embed(&self.model, tokens)?
            .into_iter()
            .map(f64::from)
            .collect())
    }
}
