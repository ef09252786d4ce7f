//! Leaves of a trace, derived again from a job's text after the trace is gone.
//!
//! An execution keeps 32 bytes of its trace, the root. Whoever must show a leaf of it later (content, digest and the way to the
//! root) computes the text once more, prompt and output together as one prefill, which gives the same trace.

use crate::{
    engine::{check_job, check_tokens, Engine, ExecuteOptions},
    forward::{self, BertState, Buffers, Cancelled, Sequence, WantedLeaf, Workspace},
    model::{
        weights::{Llama, Weights},
        LoadedModel,
    },
};
use lantern_exact::{
    merkle::{self, Tree},
    trace::{trace_root, LayerProof, LeafContent},
    Family, GenerateParams, Hash, JobParams, ModelKind, ModelSpec, ParamsError, Sampling, StopTokens,
};
use std::{collections::BTreeMap, ops::Range, sync::atomic::AtomicBool};

/// Where a leaf lies in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafPlace {
    /// Position in prompt and output together, from 0.
    pub position: u32,
    /// Layer, from 0.
    pub layer: u32,
}

/// A leaf and its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenLeaf {
    /// What the leaf commits to.
    pub content: LeafContent,
    /// Its digest.
    pub leaf: Hash,
    /// Its way to the trace root.
    pub proof: LayerProof,
}

/// Leaves of one trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenLeaves {
    /// Root of the trace that the text has, whatever root somebody claimed for it.
    pub trace_root: Hash,
    /// Positions of the trace.
    pub positions: u32,
    /// Layers of the trace.
    pub layers: u32,
    /// In the order in which they were asked for.
    pub leaves: Vec<ProvenLeaf>,
}

/// Why leaves cannot be derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// Input and output are not those of a job of this model: among them a generation without output and an embedding
    /// with output tokens.
    #[error("invalid job: {0}")]
    Params(#[from] ParamsError),
    /// The trace has no such leaf.
    #[error(
        "no leaf at position {}, layer {}: the trace has {positions} positions and {layers} layers", .place.position, .place.layer
    )]
    NoSuchLeaf {
        /// The place asked for.
        place: LeafPlace,
        /// Positions of the trace.
        positions: u32,
        /// Layers of the trace.
        layers: u32,
    },
    /// Cancelled from outside.
    #[error("cancelled")]
    Cancelled,
}

impl From<Cancelled> for ProveError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl Engine {
    /// Derives the leaves at `places` of the trace of a job from its `input` and `output` tokens (none for an embedding), with
    /// their proofs to the trace root.
    ///
    /// Costs one prefill of the whole text, however many leaves are asked for: the proofs need every position's root. Beside
    /// the caches of the text ([`crate::cache_bytes`]) and a pass's buffers it holds 96 bytes a position, 32 bytes for each
    /// layer of each position asked for, and the contents asked for ([`LeafContent::encoded_len`] each); so ask for few at a
    /// time where there are many.
    ///
    /// Whether `output` is what the job's sampling chooses is not looked at: the trace is the one of this text.
    pub fn prove_leaves(
        &self,
        model: &LoadedModel,
        input: &[u32],
        output: &[u32],
        places: &[LeafPlace],
        options: &ExecuteOptions,
        cancel: &AtomicBool,
    ) -> Result<ProvenLeaves, ProveError> {
        let text = text(model, input, output, places)?;
        let positions = text.len() as u32;
        let run = self.collect(model, &text, places, options, cancel)?;
        run.prove(model.spec(), positions, places)
    }

    /// Contents of the leaves at `places`, in their order, without proofs: for whoever has the digests already.
    ///
    /// As [`Engine::prove_leaves`], but a generation is computed only up to the last position asked for.
    pub fn leaf_contents(
        &self,
        model: &LoadedModel,
        input: &[u32],
        output: &[u32],
        places: &[LeafPlace],
        options: &ExecuteOptions,
        cancel: &AtomicBool,
    ) -> Result<Vec<LeafContent>, ProveError> {
        let text = text(model, input, output, places)?;
        let positions = match model.spec().kind() {
            ModelKind::Generation => places.iter().map(|place| place.position as usize + 1).max(),
            // Every position sees every other.
            ModelKind::Embedding => Some(text.len()),
        };
        let run = self.collect(model, &text[..positions.unwrap_or(0)], places, options, cancel)?;
        Ok(run.contents.into_values().collect())
    }

    /// Computes `text` and keeps what `places` need.
    fn collect(
        &self,
        model: &LoadedModel,
        text: &[u32],
        places: &[LeafPlace],
        options: &ExecuteOptions,
        cancel: &AtomicBool,
    ) -> Result<Collected, ProveError> {
        let (spec, mut run) = (model.spec(), Collected::default());
        match (&model.weights, &spec.family) {
            (Weights::Llama(llama), _) => self.collect_llama(spec, llama, text, places, options, cancel, &mut run)?,
            (Weights::Bert(bert), Family::Bert(bert_spec)) => {
                let mut state = BertState::new(spec);
                state.buffers.wanted = wanted(places, 0..text.len());
                forward::embed(&self.machine(cancel), spec, bert_spec, bert, &mut state, text)?;
                run.take(spec, places, 0..text.len(), &mut state.buffers);
            },
            (Weights::Bert(_), Family::Llama(_)) => return Err(ParamsError::WrongKind.into()),
        }
        Ok(run)
    }

    #[allow(clippy::too_many_arguments)]
    fn collect_llama(
        &self,
        spec: &ModelSpec,
        llama: &Llama,
        text: &[u32],
        places: &[LeafPlace],
        options: &ExecuteOptions,
        cancel: &AtomicBool,
        run: &mut Collected,
    ) -> Result<(), Cancelled> {
        let machine = self.machine(cancel);
        let (mut work, mut sequence) = (Workspace::default(), Sequence::alone(spec, text, text.len()));
        while sequence.pending() > 0 {
            sequence.rows = sequence.pending().min(options.prefill_chunk.max(1));
            let rows = sequence.len..sequence.len + sequence.rows;
            work.buffers.wanted = wanted(places, rows.clone());
            forward::forward(&machine, spec, llama, &mut work, std::slice::from_mut(&mut sequence))?;
            run.take(spec, places, rows, &mut work.buffers);
        }
        Ok(())
    }
}

/// The positions of a trace: the tokens that were fed to the model. Checks job and places.
fn text(model: &LoadedModel, input: &[u32], output: &[u32], places: &[LeafPlace]) -> Result<Vec<u32>, ProveError> {
    let spec = model.spec();
    let fed = match spec.kind() {
        ModelKind::Generation => {
            let params = JobParams::Generate(GenerateParams {
                max_new_tokens: u32::try_from(output.len()).map_err(|_| ParamsError::ContextExceeded)?,
                sampling: Sampling::Greedy,
                stop: StopTokens::default(),
            });
            check_job(model, input, &params)?;
            check_tokens(model, output)?;
            // The last token is not fed back.
            &output[..output.len().saturating_sub(1)]
        },
        ModelKind::Embedding => {
            check_job(model, input, &JobParams::Embed)?;
            if !output.is_empty() {
                return Err(ParamsError::WrongKind.into());
            }
            output
        },
    };
    let text = [input, fed].concat();
    let (positions, layers) = (text.len() as u32, spec.layers);
    match places
        .iter()
        .find(|place| place.position >= positions || place.layer >= layers)
    {
        None => Ok(text),
        Some(&place) => Err(ProveError::NoSuchLeaf {
            place,
            positions,
            layers,
        }),
    }
}

/// The places among the positions of a pass.
fn wanted(places: &[LeafPlace], positions: Range<usize>) -> Vec<WantedLeaf> {
    let places = places.iter().enumerate();
    places
        .filter(|(_, place)| positions.contains(&(place.position as usize)))
        .map(|(index, place)| WantedLeaf {
            row: place.position as usize - positions.start,
            layer: place.layer as usize,
            index,
        })
        .collect()
}

/// What a run over a text leaves behind.
#[derive(Default)]
struct Collected {
    /// A leaf for each position.
    positions: Vec<Hash>,
    /// Layer leaves of the positions asked for.
    layers: BTreeMap<u32, Vec<Hash>>,
    /// Contents by the index of their place.
    contents: BTreeMap<usize, LeafContent>,
}

impl Collected {
    /// Takes what a pass over `positions` left in `buffers`.
    fn take(&mut self, spec: &ModelSpec, places: &[LeafPlace], positions: Range<usize>, buffers: &mut Buffers) {
        for row in 0..positions.len() {
            let position_root = merkle::root(buffers.layer_leaves(spec, row));
            self.positions.push(merkle::leaf(&position_root));
        }
        for wanted in buffers.wanted.drain(..) {
            self.layers.insert(places[wanted.index].position, Vec::new());
        }
        for (&position, leaves) in self.layers.range_mut(positions.start as u32..positions.end as u32) {
            *leaves = buffers.layer_leaves(spec, position as usize - positions.start).to_vec();
        }
        self.contents.extend(buffers.kept.drain(..));
    }

    fn prove(mut self, spec: &ModelSpec, positions: u32, places: &[LeafPlace]) -> Result<ProvenLeaves, ProveError> {
        let layers = spec.layers;
        let tree = Tree::new(std::mem::take(&mut self.positions));
        let leaves = places.iter().enumerate().map(|(index, &place)| {
            // All is there, because every place is within the trace: `text` has checked.
            let missing = ProveError::NoSuchLeaf {
                place,
                positions,
                layers,
            };
            let of_position = self.layers.get(&place.position).ok_or(missing)?;
            let content = self.contents.remove(&index).ok_or(missing)?;
            let (position, layer) = (place.position as usize, place.layer as usize);
            Ok(ProvenLeaf {
                leaf: *of_position.get(layer).ok_or(missing)?,
                proof: LayerProof {
                    position: place.position,
                    layer: place.layer,
                    over_layers: merkle::proof(of_position, layer).ok_or(missing)?,
                    over_positions: tree.proof(position).ok_or(missing)?,
                },
                content,
            })
        });
        Ok(ProvenLeaves {
            leaves: leaves.collect::<Result<_, ProveError>>()?,
            trace_root: trace_root(positions, layers, &tree.root()),
            positions,
            layers,
        })
    }
}
