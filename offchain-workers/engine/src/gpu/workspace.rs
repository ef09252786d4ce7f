//! Buffers of a pass on the device. Their addresses stay, so that recorded work can be started again.

use super::{
    args::{self, RawScale, PAGE, SPAN},
    device::{Device, DeviceError, Graph, Memory},
    model::{DeviceWeights, GpuModel},
};
use lantern_exact::{ops, ModelSpec, Width};
use std::{collections::HashMap, sync::Arc};

/// Bytes of scores, and of packed leaves, that are held at once unless a single row needs more.
const SCRATCH: usize = 64 << 20;

/// Quantised activation rows.
pub(super) struct Quantised {
    planes: Memory,
    scales: Memory,
    ins: usize,
    width: Width,
}

impl Quantised {
    pub(super) fn room(device: &Arc<dyn Device>, rows: usize, ins: usize, width: Width) -> Result<Self, DeviceError> {
        let planes = if width == Width::Wide { 2 } else { 1 };
        Ok(Self {
            planes: Memory::room::<i8>(device, rows * planes * ins.next_multiple_of(64))?,
            scales: Memory::room::<RawScale>(device, rows)?,
            ins,
            width,
        })
    }

    /// The record that kernels take.
    pub(super) fn record(&self) -> args::Activations {
        args::Activations {
            planes: self.planes.address(),
            scales: self.scales.address(),
            ins: self.ins as u32,
            ins_padded: self.ins.next_multiple_of(64) as u32,
            wide: u32::from(self.width == Width::Wide),
            qmax: ops::activation_max(self.width),
        }
    }

    pub(super) fn wide(&self) -> bool {
        self.width == Width::Wide
    }

    /// Values and scale of the first `rows` rows, planes joined: for tests of kernels.
    pub(super) fn read(&self, rows: usize) -> Result<Vec<(Vec<i16>, RawScale)>, DeviceError> {
        let (padded, count) = (self.ins.next_multiple_of(64), 1 + usize::from(self.wide()));
        let mut planes = vec![0i8; rows * count * padded];
        let mut scales = vec![RawScale::default(); rows];
        self.planes.read(0, &mut planes)?;
        self.scales.read(0, &mut scales)?;
        let join = |row: &[i8]| {
            let (high, low) = row.split_at(padded);
            let pairs = high.iter().zip(low.iter().chain(std::iter::repeat(&0)));
            pairs
                .map(|(&high, &low)| match self.wide() {
                    true => i16::from(high) * 256 + i16::from(low),
                    false => i16::from(high),
                })
                .take(self.ins)
                .collect()
        };
        Ok(planes.chunks(count * padded).map(join).zip(scales).collect())
    }
}

/// How many positions the rows of a pass see at most, and into how many parts attention over them is split. Part of what recorded
/// work depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Extent {
    pub rows: usize,
    /// Most visible positions, in spans.
    pub spans: usize,
}

impl Extent {
    /// For `rows` rows that see at most `visible` positions; rounded up so that few different ones occur.
    pub(super) fn new(rows: usize, visible: usize) -> Self {
        Self {
            rows,
            spans: visible.div_ceil(SPAN).next_power_of_two(),
        }
    }

    /// Parts of the mix, and positions in each: few rows are split, so that the device is busy with them.
    pub(super) fn splits(&self, heads: usize) -> (usize, usize) {
        let wanted = PARTS.div_ceil(self.rows * heads).min(self.spans);
        let span = self.spans.div_ceil(wanted);
        (self.spans.div_ceil(span), span * SPAN)
    }
}

/// Blocks of the mix that keep a device busy.
const PARTS: usize = 512;

/// See the module.
pub(super) struct Workspace {
    pub rows: usize,
    pub slots: usize,
    /// Pages of the longest text.
    pub pages_stride: usize,
    /// Token, position, slot and number of visible positions of each row: four times `rows` u32.
    pub inputs: Memory,
    pub pages: Memory,
    /// Residual rows: embedded, between the halves of a layer, and after each layer (`layers x rows`).
    pub start: Memory,
    pub middle: Memory,
    pub history: Memory,
    pub hidden: Quantised,
    pub heads: Quantised,
    pub inner: Quantised,
    pub last: Quantised,
    pub angles: Memory,
    pub projected: Memory,
    pub mixed: Memory,
    pub wide: Memory,
    pub delta: Memory,
    pub queries: Memory,
    pub query_scales: Memory,
    pub top: Memory,
    pub exp_top: Memory,
    pub scores: Memory,
    pub mix: Memory,
    pub sums: Memory,
    pub packed: Memory,
    pub leaves: Memory,
    /// Rows that go on to the logits, their logits, and the largest of each.
    pub pick: Memory,
    pub logits: Memory,
    pub best: Memory,
    pub pooled: Memory,
    pub pooled_sums: Memory,
    /// Recorded decode steps.
    pub graphs: HashMap<Extent, Box<dyn Graph>>,
}

impl Workspace {
    /// Room for passes of `rows` rows of `slots` texts.
    pub(super) fn new(model: &GpuModel, rows: usize, slots: usize) -> Result<Self, DeviceError> {
        let (device, spec) = (&model.device, model.spec());
        let room = |len: usize| Memory::room::<i32>(device, len);
        let quantised = |rows: usize, ins: usize| Quantised::room(device, rows, ins, spec.activation);
        let (hidden, inner, layers) = (spec.hidden as usize, spec.intermediate as usize, spec.layers as usize);
        let (heads, kv_heads, dim) = (spec.heads as usize, spec.kv_heads as usize, spec.head_dim as usize);
        let (query, kv) = (spec.query_width() as usize, spec.kv_width() as usize);
        let dim_padded = model.pages.sizes.dim_padded;
        let gated = matches!(model.weights, DeviceWeights::Llama(_));
        let vocab = if gated { spec.vocab as usize } else { 0 };
        let parts = PARTS + rows * heads;
        Ok(Self {
            rows,
            slots,
            pages_stride: (spec.max_context as usize).div_ceil(PAGE),
            inputs: room(4 * rows)?,
            pages: room(slots * (spec.max_context as usize).div_ceil(PAGE))?,
            start: room(rows * hidden)?,
            middle: room(rows * hidden)?,
            history: room(layers * rows * hidden)?,
            hidden: quantised(rows, hidden)?,
            heads: quantised(rows, query)?,
            inner: quantised(rows, inner)?,
            last: quantised(slots, hidden)?,
            angles: room(rows * dim)?,
            projected: room(rows * (query + 2 * kv))?,
            mixed: room(rows * query)?,
            wide: room(rows * inner * if gated { 2 } else { 1 })?,
            delta: room(rows * hidden)?,
            queries: Memory::room::<i16>(device, rows * heads * dim_padded)?,
            query_scales: Memory::room::<RawScale>(device, rows * heads)?,
            top: room(rows * heads)?,
            exp_top: room(rows * kv_heads)?,
            scores: Memory::room::<u8>(device, scores_bytes(spec, rows))?,
            mix: Memory::room::<i64>(device, parts * dim)?,
            sums: Memory::room::<u64>(device, parts)?,
            packed: Memory::room::<u8>(device, packed_bytes(spec, rows))?,
            leaves: Memory::room::<[u8; 32]>(device, rows * layers)?,
            pick: room(slots)?,
            logits: room(slots * vocab)?,
            best: room(slots)?,
            pooled: room(hidden)?,
            pooled_sums: Memory::room::<i64>(device, hidden)?,
            graphs: HashMap::new(),
        })
    }

    /// Whether passes of this size find room.
    pub(super) fn fits(&self, rows: usize, slots: usize) -> bool {
        self.rows >= rows && self.slots >= slots
    }

    /// Rows that one launch of scores takes, where each sees up to `stride` positions.
    pub(super) fn score_rows(&self, heads: usize, stride: usize) -> usize {
        (self.scores.bytes() / (4 * heads * stride)).clamp(1, MOST_BLOCKS)
    }

    /// Rows whose leaves are packed at once.
    pub(super) fn leaf_rows(&self, spec: &ModelSpec) -> usize {
        (self.packed.bytes() / (8 * leaf_words(spec) * spec.layers as usize)).clamp(1, MOST_BLOCKS)
    }
}

/// Most blocks in the third direction of a grid.
const MOST_BLOCKS: usize = 65_535;

fn scores_bytes(spec: &ModelSpec, rows: usize) -> usize {
    let most = Extent::new(1, spec.max_context as usize).spans * SPAN;
    let of_row = 4 * spec.heads as usize * most;
    of_row.max(SCRATCH.min(of_row * rows))
}

fn packed_bytes(spec: &ModelSpec, rows: usize) -> usize {
    let of_row = 8 * leaf_words(spec) * spec.layers as usize;
    of_row.max(SCRATCH.min(of_row * rows))
}

/// Bytes of a leaf's content.
pub(super) fn leaf_bytes(spec: &ModelSpec) -> usize {
    4 * spec.hidden as usize + 3 * spec.kv_width() as usize + 16 * spec.kv_heads as usize
}

/// Words of what is hashed for a leaf, whole blocks of 128 bytes.
pub(super) fn leaf_words(spec: &ModelSpec) -> usize {
    (1 + leaf_bytes(spec)).div_ceil(128) * 16
}
