//! The reference forward pass: slow, plain, and the definition of what an exact job's result is.
//!
//! [`ReferenceModel`] holds tensors in `Vec`s; [`ReferenceModel::run`] takes a job from input tokens to output bytes, usage and
//! trace root.

mod attention;
mod bert;
mod generate;
mod llama;
mod tensors;

use alloc::vec::Vec;

pub use attention::LayerCache;
pub use bert::{BertLayer, BertModel};
pub use generate::{Outcome, StopReason};
pub use llama::{LlamaLayer, LlamaModel, LlamaState};
pub use tensors::{Matrix, Norm, Tensor, Vector};

use crate::{
    commit, merkle,
    spec::Usage,
    trace::{LayerProof, TraceBuilder},
    Family, Hash, JobParams, ModelId, ModelSpec, ParamsError, SpecError,
};

/// Why a model or a job is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModelError {
    /// The specification is out of bounds.
    Spec(SpecError),
    /// The job's parameters or input do not fit the model.
    Params(ParamsError),
    /// A tensor is missing, of the wrong form or shape, or holds values out of range. The index counts in commitment
    /// order ([`commit::tensors`]).
    Tensor(usize),
    /// More tensors than the specification lists.
    ExtraTensors,
}

impl core::fmt::Display for ModelError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Spec(error) => write!(f, "invalid specification: {error}"),
            Self::Params(error) => write!(f, "invalid job: {error}"),
            Self::Tensor(index) => write!(f, "tensor {index} is missing or malformed"),
            Self::ExtraTensors => f.write_str("more tensors than the specification lists"),
        }
    }
}

impl core::error::Error for ModelError {}

impl From<SpecError> for ModelError {
    fn from(error: SpecError) -> Self {
        Self::Spec(error)
    }
}

impl From<ParamsError> for ModelError {
    fn from(error: ParamsError) -> Self {
        Self::Params(error)
    }
}

/// A model of either family with its weights in memory.
#[derive(Clone, Debug)]
pub enum ReferenceModel {
    /// Text generation.
    Llama(LlamaModel),
    /// Sentence embedding.
    Bert(BertModel),
}

impl ReferenceModel {
    /// Takes the tensors in commitment order and checks specification, forms, shapes and value ranges.
    pub fn from_tensors(spec: ModelSpec, tensors: Vec<Tensor>) -> Result<Self, ModelError> {
        spec.validate()?;
        let mut source = tensors::Source::new(&spec, tensors);
        let model = match spec.family {
            Family::Llama(llama) => Self::Llama(LlamaModel::take(spec, llama, &mut source)?),
            Family::Bert(bert) => Self::Bert(BertModel::take(spec, bert, &mut source)?),
        };
        source.finish()?;
        Ok(model)
    }

    /// The specification.
    pub fn spec(&self) -> &ModelSpec {
        match self {
            Self::Llama(model) => &model.spec,
            Self::Bert(model) => &model.spec,
        }
    }

    /// Runs a job to its end.
    pub fn run(&self, input: &[u32], params: &JobParams) -> Result<Outcome, ModelError> {
        let spec = self.spec();
        params.validate(spec, input.len() as u32)?;
        if input.iter().any(|id| *id >= spec.vocab) {
            return Err(ParamsError::UnknownToken.into());
        }
        match (self, params) {
            (Self::Llama(model), JobParams::Generate(params)) => Ok(generate::generate(model, input, params)),
            (Self::Bert(model), JobParams::Embed) => Ok(model.embed(input)),
            _ => Err(ParamsError::WrongKind.into()),
        }
    }
}

/// Weights root of tensors given in commitment order. `None` when they do not fit the specification's list in number.
pub fn weights_root(spec: &ModelSpec, tensors: &[Tensor]) -> Option<Hash> {
    let specs = commit::tensors(spec);
    if specs.len() != tensors.len() {
        return None;
    }
    let leaves: Vec<Hash> = specs
        .iter()
        .zip(tensors)
        .map(|(spec, tensor)| commit::tensor_leaf(spec, &tensor.rows_root()))
        .collect();
    Some(commit::weights_root(&leaves))
}

/// Model id of tensors given in commitment order.
pub fn model_id_of(spec: &ModelSpec, tensors: &[Tensor]) -> Option<ModelId> {
    weights_root(spec, tensors).map(|root| crate::model_id(spec, &root))
}

/// Layer leaves of every computed position, and the roots over them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trace {
    /// One vector of layer leaves per position.
    pub positions: Vec<Vec<Hash>>,
}

impl Trace {
    /// The trace root for a model with `layers` layers.
    pub fn root(&self, layers: u32) -> Hash {
        let mut builder = TraceBuilder::new(layers);
        for leaves in &self.positions {
            builder.push(&merkle::root(leaves));
        }
        builder.root()
    }

    /// Proof of one leaf. `None` when there is no such leaf.
    pub fn prove(&self, position: u32, layer: u32) -> Option<LayerProof> {
        let layers = self.positions.get(position as usize)?;
        let positions: Vec<Hash> = self
            .positions
            .iter()
            .map(|leaves| merkle::leaf(&merkle::root(leaves)))
            .collect();
        Some(LayerProof {
            position,
            layer,
            over_layers: merkle::proof(layers, layer as usize)?,
            over_positions: merkle::proof(&positions, position as usize)?,
        })
    }

    /// Appends the leaves of one layer for the newest `leaves.len()` positions, creating positions at layer 0.
    fn extend_layer(&mut self, first_position: usize, leaves: Vec<Hash>) {
        for (i, leaf) in leaves.into_iter().enumerate() {
            match self.positions.get_mut(first_position + i) {
                Some(position) => position.push(leaf),
                None => self.positions.push([leaf].into()),
            }
        }
    }
}

fn usage(prompt: usize, output: usize) -> Usage {
    // Both are bounded by max_context.
    Usage {
        prompt_tokens: prompt as u32,
        output_tokens: output as u32,
    }
}
