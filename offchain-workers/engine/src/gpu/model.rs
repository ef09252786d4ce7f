//! A model on a device: its weights, and the pages that caches are made of.

use super::{
    args::{self, RawScale, PAGE},
    device::{Device, DeviceError, Memory},
    workspace::Workspace,
};
use crate::{
    cpu::matrix::Matrix,
    model::{
        weights::{Bert, Llama, Weights},
        LoadedModel,
    },
};
use lantern_exact::{
    fixed::{NORMAL_CDF, SIGMOID},
    model::{Norm, Vector},
    ModelId, ModelSpec, Width,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Rows of inputs are padded to whole steps of the tensor-core kernels.
const IN_PAD: usize = 64;

/// A matrix on the device.
pub(super) struct DeviceMatrix {
    data: Memory,
    scales: Memory,
    bias: Option<Memory>,
    outs: usize,
    ins: usize,
}

impl DeviceMatrix {
    /// Copies `matrix`, row by row, in pieces of a few MiB.
    pub(super) fn of(device: &Arc<dyn Device>, matrix: &Matrix) -> Result<Self, DeviceError> {
        const PIECE: usize = 8 << 20;
        let (outs, ins) = (matrix.outs(), matrix.ins());
        let padded = ins.next_multiple_of(IN_PAD);
        let data = Memory::room::<i8>(device, outs * padded)?;
        let mut scales = Vec::with_capacity(outs);
        let mut piece = vec![0i8; (PIECE / padded).clamp(1, outs.max(1)) * padded];
        for first in (0..outs).step_by(piece.len() / padded) {
            let rows = (outs - first).min(piece.len() / padded);
            for (row, to) in piece.chunks_mut(padded).take(rows).enumerate() {
                scales.push(RawScale::from(matrix.row(first + row, &mut to[..ins])));
            }
            data.write(first * padded, &piece[..rows * padded])?;
        }
        let bias = &matrix.bias[..outs];
        let biased = bias.iter().any(|&value| value != 0);
        Ok(Self {
            data,
            scales: Memory::of(device, &scales)?,
            bias: biased.then(|| Memory::of(device, bias)).transpose()?,
            outs,
            ins,
        })
    }

    pub(super) fn outs(&self) -> usize {
        self.outs
    }

    pub(super) fn ins(&self) -> usize {
        self.ins
    }

    /// The record that kernels take.
    pub(super) fn record(&self) -> args::Matrix {
        args::Matrix {
            data: self.data.address(),
            scales: self.scales.address(),
            bias: self.bias.as_ref().map_or(0, Memory::address),
            outs: self.outs as u32,
            ins_padded: self.ins.next_multiple_of(IN_PAD) as u32,
        }
    }

    fn bytes(&self) -> usize {
        self.data.bytes() + self.scales.bytes() + self.bias.as_ref().map_or(0, Memory::bytes)
    }
}

/// A norm on the device.
pub(super) struct DeviceNorm {
    pub gain: Memory,
    pub frac: u32,
    /// LayerNorm's.
    pub bias: Option<Memory>,
}

impl DeviceNorm {
    pub(super) fn rms(device: &Arc<dyn Device>, gain: &Vector) -> Result<Self, DeviceError> {
        Ok(Self {
            gain: Memory::of(device, &gain.values)?,
            frac: gain.frac,
            bias: None,
        })
    }

    pub(super) fn layer(device: &Arc<dyn Device>, norm: &Norm) -> Result<Self, DeviceError> {
        Ok(Self {
            bias: Some(Memory::of(device, &norm.bias)?),
            ..Self::rms(device, &norm.gain)?
        })
    }
}

pub(super) struct LlamaLayer {
    pub attention_norm: DeviceNorm,
    pub qkv: DeviceMatrix,
    pub q_norm: Option<DeviceNorm>,
    pub k_norm: Option<DeviceNorm>,
    pub o: DeviceMatrix,
    pub mlp_norm: DeviceNorm,
    pub gate_up: DeviceMatrix,
    pub down: DeviceMatrix,
}

pub(super) struct DeviceLlama {
    pub embed: DeviceMatrix,
    pub layers: Vec<LlamaLayer>,
    pub final_norm: DeviceNorm,
    pub head: Option<DeviceMatrix>,
    pub frequencies: Memory,
}

pub(super) struct BertLayer {
    pub qkv: DeviceMatrix,
    pub o: DeviceMatrix,
    pub attention_norm: DeviceNorm,
    pub up: DeviceMatrix,
    pub down: DeviceMatrix,
    pub output_norm: DeviceNorm,
}

pub(super) struct DeviceBert {
    pub embed: DeviceMatrix,
    pub positions: DeviceMatrix,
    pub token_type: DeviceMatrix,
    pub embed_norm: DeviceNorm,
    pub layers: Vec<BertLayer>,
}

pub(super) enum DeviceWeights {
    Llama(DeviceLlama),
    Bert(DeviceBert),
}

impl DeviceWeights {
    fn of(device: &Arc<dyn Device>, weights: &Weights) -> Result<Self, DeviceError> {
        match weights {
            Weights::Llama(model) => llama(device, model).map(Self::Llama),
            Weights::Bert(model) => bert(device, model).map(Self::Bert),
        }
    }

    fn bytes(&self) -> usize {
        let of = |matrices: &[&DeviceMatrix]| matrices.iter().map(|matrix| matrix.bytes()).sum::<usize>();
        match self {
            Self::Llama(model) => {
                let layers = model.layers.iter();
                let layers: usize = layers.map(|l| of(&[&l.qkv, &l.o, &l.gate_up, &l.down])).sum();
                layers + model.embed.bytes() + model.head.as_ref().map_or(0, DeviceMatrix::bytes)
            },
            Self::Bert(model) => {
                let layers = model.layers.iter();
                let layers: usize = layers.map(|l| of(&[&l.qkv, &l.o, &l.up, &l.down])).sum();
                layers + of(&[&model.embed, &model.positions, &model.token_type])
            },
        }
    }
}

fn llama(device: &Arc<dyn Device>, model: &Llama) -> Result<DeviceLlama, DeviceError> {
    let matrix = |matrix: &Matrix| DeviceMatrix::of(device, matrix);
    let norm = |gain: &Vector| DeviceNorm::rms(device, gain);
    let layers = model.layers.iter().map(|layer| {
        Ok(LlamaLayer {
            attention_norm: norm(&layer.attention_norm)?,
            qkv: matrix(&layer.qkv)?,
            q_norm: layer.q_norm.as_ref().map(norm).transpose()?,
            k_norm: layer.k_norm.as_ref().map(norm).transpose()?,
            o: matrix(&layer.o)?,
            mlp_norm: norm(&layer.mlp_norm)?,
            gate_up: matrix(&layer.gate_up)?,
            down: matrix(&layer.down)?,
        })
    });
    Ok(DeviceLlama {
        layers: layers.collect::<Result<_, DeviceError>>()?,
        embed: matrix(&model.embed)?,
        final_norm: norm(&model.final_norm)?,
        head: model.head.as_ref().map(matrix).transpose()?,
        frequencies: Memory::of(device, &model.frequencies)?,
    })
}

fn bert(device: &Arc<dyn Device>, model: &Bert) -> Result<DeviceBert, DeviceError> {
    let matrix = |matrix: &Matrix| DeviceMatrix::of(device, matrix);
    let norm = |norm: &Norm| DeviceNorm::layer(device, norm);
    let layers = model.layers.iter().map(|layer| {
        Ok(BertLayer {
            qkv: matrix(&layer.qkv)?,
            o: matrix(&layer.o)?,
            attention_norm: norm(&layer.attention_norm)?,
            up: matrix(&layer.up)?,
            down: matrix(&layer.down)?,
            output_norm: norm(&layer.output_norm)?,
        })
    });
    Ok(DeviceBert {
        layers: layers.collect::<Result<_, DeviceError>>()?,
        embed: matrix(&model.embed)?,
        positions: matrix(&model.positions)?,
        token_type: matrix(&model.token_type)?,
        embed_norm: norm(&model.embed_norm)?,
    })
}

/// Sizes of one layer's part of the page pool, for `pages` pages.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageSizes {
    pub dim_padded: usize,
    /// Bytes of keys.
    pub keys: usize,
    /// Values.
    pub values: usize,
    /// Scales, of keys and as many of values.
    pub scales: usize,
}

impl PageSizes {
    pub(super) fn of(spec: &ModelSpec, pages: usize) -> Self {
        let dim_padded = (spec.head_dim as usize).next_multiple_of(16);
        let scales = pages * spec.kv_heads as usize * PAGE;
        Self {
            dim_padded,
            keys: scales * dim_padded * if spec.keys == Width::Wide { 2 } else { 1 },
            values: scales * dim_padded,
            scales,
        }
    }

    /// Bytes of one layer.
    fn bytes(&self) -> usize {
        self.keys + self.values + 2 * self.scales * size_of::<RawScale>()
    }
}

/// Pages of the cache, of all layers at once: page `p` is page `p` of each.
pub(super) struct Pages {
    pub sizes: PageSizes,
    pub keys: Memory,
    pub values: Memory,
    pub key_scales: Memory,
    pub value_scales: Memory,
    total: usize,
    free: Mutex<Vec<u32>>,
}

impl Pages {
    fn new(device: &Arc<dyn Device>, spec: &ModelSpec, pages: usize) -> Result<Self, DeviceError> {
        let (sizes, layers) = (PageSizes::of(spec, pages), spec.layers as usize);
        Ok(Self {
            sizes,
            keys: Memory::room::<u8>(device, layers * sizes.keys)?,
            values: Memory::room::<i8>(device, layers * sizes.values)?,
            key_scales: Memory::room::<RawScale>(device, layers * sizes.scales)?,
            value_scales: Memory::room::<RawScale>(device, layers * sizes.scales)?,
            total: pages,
            free: Mutex::new((0..pages as u32).rev().collect()),
        })
    }

    fn free(&self) -> MutexGuard<'_, Vec<u32>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All there are.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// `count` pages, if that many are free.
    pub(super) fn take(&self, count: usize) -> Option<Vec<u32>> {
        let mut free = self.free();
        let rest = free.len().checked_sub(count)?;
        Some(free.split_off(rest))
    }

    /// Gives pages back.
    pub(super) fn give(&self, pages: &[u32]) {
        self.free().extend_from_slice(pages);
    }
}

/// A model on a device. Runs on the [`crate::gpu::GpuEngine`] that uploaded it.
pub struct GpuModel {
    name: String,
    id: ModelId,
    spec: ModelSpec,
    pub(super) device: Arc<dyn Device>,
    pub(super) weights: DeviceWeights,
    /// Tables of sigmoid and normal distribution.
    pub(super) sigmoid: Memory,
    pub(super) normal_cdf: Memory,
    pub(super) pages: Pages,
    /// Buffers of the last batch, for the next.
    spare: Mutex<Option<Workspace>>,
}

impl std::fmt::Debug for GpuModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (id, device) = (hex::encode(self.id), self.device.name());
        write!(f, "GpuModel({}, {id} on {device})", self.name)
    }
}

impl GpuModel {
    pub(super) fn upload(
        device: &Arc<dyn Device>,
        model: &LoadedModel,
        cache_bytes: usize,
    ) -> Result<Self, DeviceError> {
        let spec = *model.spec();
        let weights = DeviceWeights::of(device, &model.weights)?;
        let layers = spec.layers as usize;
        let of_context = (spec.max_context as usize).div_ceil(PAGE);
        let pages = match &weights {
            DeviceWeights::Llama(_) => (cache_bytes / (PageSizes::of(&spec, 1).bytes() * layers)).max(1),
            // A text is embedded whole, one at a time.
            DeviceWeights::Bert(_) => of_context,
        };
        Ok(Self {
            sigmoid: Memory::of(device, &SIGMOID[..])?,
            normal_cdf: Memory::of(device, &NORMAL_CDF[..])?,
            pages: Pages::new(device, &spec, pages)?,
            device: Arc::clone(device),
            weights,
            name: model.name().into(),
            id: model.id(),
            spec,
            spare: Mutex::default(),
        })
    }

    /// Identity: the hash of specification and weights root.
    pub fn id(&self) -> ModelId {
        self.id
    }

    /// Specification.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Bytes that weight matrices take on the device.
    pub fn weight_bytes(&self) -> usize {
        self.weights.bytes()
    }

    /// Positions that the caches of running generations may hold together, in whole pages.
    pub fn cache_positions(&self) -> usize {
        self.pages.total() * PAGE
    }

    /// Bytes of cache that there are.
    pub fn cache_limit(&self) -> usize {
        self.cache_bytes(self.cache_positions())
    }

    /// Bytes of cache that running generations hold.
    pub fn cache_used(&self) -> usize {
        self.cache_bytes((self.pages.total() - self.pages.free().len()) * PAGE)
    }

    /// Bytes of cache that `positions` positions take.
    pub(super) fn cache_bytes(&self, positions: usize) -> usize {
        PageSizes::of(&self.spec, positions.div_ceil(PAGE)).bytes() * self.spec.layers as usize
    }

    /// Buffers for at least `rows` rows and `slots` texts: the last ones, if they do, or new ones.
    pub(super) fn workspace(&self, rows: usize, slots: usize) -> Result<Workspace, DeviceError> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        match spare.filter(|spare| spare.fits(rows, slots)) {
            Some(spare) => Ok(spare),
            None => Workspace::new(self, rows, slots),
        }
    }

    /// Keeps buffers for whoever comes next.
    pub(super) fn keep(&self, workspace: Workspace) {
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(workspace);
    }
}
