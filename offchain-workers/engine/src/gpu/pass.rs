//! The pass on a device, as a sequence of kernels: the next positions of several texts, layer by layer.

use super::{
    args::{
        self, Activations, AddArgs, AngleArgs, ArgmaxArgs, EmbedArgs, FinishArgs, HeadsArgs, LeafArgs, MixArgs,
        NormArgs, PoolArgs, ProductArgs, QuantiseArgs, ScoresArgs, ROW_SHARED, SPAN,
    },
    device::{Device, DeviceError, Kernel, Memory, Shape},
    model::{BertLayer, DeviceBert, DeviceLlama, DeviceMatrix, DeviceNorm, GpuModel, LlamaLayer},
    workspace::{leaf_bytes, leaf_words, Extent, Quantised, Workspace},
};
use bytemuck::Pod;
use lantern_exact::{ops, ModelSpec, Width};

/// Threads of a block that has one row.
const ROW_THREADS: u32 = 256;
/// Outputs of a block of the tensor-core kernels.
const TILE_OUTS: u32 = 128;
/// Bytes of a block's memory that one of their rows of inputs takes, over all stages.
const TILE_ROW_BYTES: u32 = 3 * 80;
/// Most that any of them takes: 64 rows of two planes, and the outputs.
#[cfg(feature = "cuda")]
pub(super) const TILE_SHARED_MOST: u32 = (2 * 64 + TILE_OUTS) * TILE_ROW_BYTES;
/// Rows from which on tiles of 16 rows are worth while, and tiles of 64.
const TILES_16: usize = 9;
const TILES_64: usize = 33;

/// What a pass runs on.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub model: &'a GpuModel,
    pub work: &'a Workspace,
    pub extent: Extent,
}

fn ceil(value: usize, by: usize) -> u32 {
    value.div_ceil(by) as u32
}

/// A block for each of `rows` rows.
pub(super) fn by_row(rows: usize) -> Shape {
    Shape {
        grid: [rows as u32, 1, 1],
        threads: ROW_THREADS,
        shared: ROW_SHARED,
    }
}

/// A thread for each of `count` values.
pub(super) fn by_value(count: usize) -> Shape {
    Shape {
        grid: [ceil(count, ROW_THREADS as usize), 1, 1],
        threads: ROW_THREADS,
        shared: 0,
    }
}

/// Starts a kernel with its record.
///
/// # Safety
/// As [`Device::launch`].
pub(super) unsafe fn start<T: Pod>(
    device: &dyn Device,
    kernel: Kernel,
    shape: Shape,
    args: &T,
) -> Result<(), DeviceError> {
    // SAFETY: the caller's promise.
    unsafe { device.launch(kernel, shape, bytemuck::bytes_of(args)) }
}

/// The kernel for a product of `rows` rows, and how it is started.
pub(super) fn product_kernel(rows: usize, outs: usize, wide: bool, tiles: bool) -> (Kernel, Shape) {
    let pick = |of_wide: Kernel, of_narrow: Kernel| if wide { of_wide } else { of_narrow };
    if tiles && rows >= TILES_16 {
        let (height, kernel) = match rows >= TILES_64 {
            true => (64, pick(Kernel::Tiles64Wide, Kernel::Tiles64Narrow)),
            false => (16, pick(Kernel::Tiles16Wide, Kernel::Tiles16Narrow)),
        };
        let planes = if wide { 2 } else { 1 };
        let shape = Shape {
            grid: [ceil(rows, height), ceil(outs, TILE_OUTS as usize), 1],
            threads: 128,
            shared: (planes * height as u32 + TILE_OUTS) * TILE_ROW_BYTES,
        };
        return (kernel, shape);
    }
    let (height, of_warp, kernel) = match rows {
        0 | 1 => (1, 4, pick(Kernel::Rows1Wide, Kernel::Rows1Narrow)),
        2 => (2, 4, pick(Kernel::Rows2Wide, Kernel::Rows2Narrow)),
        3 | 4 => (4, 2, pick(Kernel::Rows4Wide, Kernel::Rows4Narrow)),
        _ => (8, 2, pick(Kernel::Rows8Wide, Kernel::Rows8Narrow)),
    };
    let shape = Shape {
        grid: [ceil(outs, 4 * of_warp), ceil(rows, height), 1],
        threads: 128,
        shared: 0,
    };
    (kernel, shape)
}

impl Pass<'_> {
    fn spec(&self) -> &ModelSpec {
        self.model.spec()
    }

    /// Starts a kernel.
    fn start<T: Pod>(&self, kernel: Kernel, shape: Shape, args: &T) -> Result<(), DeviceError> {
        // SAFETY: every record of this file is made of this model's and this workspace's buffers, which are at least as large as
        // the pass's rows (`Workspace::fits`), and the inputs on the device were checked by who wrote them.
        unsafe { start(&*self.model.device, kernel, shape, args) }
    }

    /// Input arrays: tokens, positions, slots, visible.
    fn input(&self, index: usize) -> u64 {
        self.work.inputs.at::<u32>(index * self.work.rows)
    }

    /// The cache of `layer`.
    fn cache(&self, layer: usize) -> args::Cache {
        let (pages, spec) = (&self.model.pages, self.spec());
        let sizes = pages.sizes;
        args::Cache {
            keys: pages.keys.at::<u8>(layer * sizes.keys),
            values: pages.values.at::<i8>(layer * sizes.values),
            key_scales: pages.key_scales.at::<args::RawScale>(layer * sizes.scales),
            value_scales: pages.value_scales.at::<args::RawScale>(layer * sizes.scales),
            pages: self.work.pages.address(),
            slots: self.input(2),
            places: self.input(1),
            pages_stride: self.work.pages_stride as u32,
            kv_heads: spec.kv_heads,
            dim: spec.head_dim,
            dim_padded: sizes.dim_padded as u32,
            wide: u32::from(spec.keys == Width::Wide),
            unused: 0,
        }
    }

    /// Residual rows after `layer`.
    fn after(&self, layer: usize) -> u64 {
        let hidden = self.spec().hidden as usize;
        self.work.history.at::<i32>(layer * self.work.rows * hidden)
    }

    /// `to = x w^T + bias` for `rows` rows.
    pub(super) fn product(
        &self,
        x: &Quantised,
        weights: &DeviceMatrix,
        rows: usize,
        to: &Memory,
    ) -> Result<(), DeviceError> {
        debug_assert_eq!(x.record().ins as usize, weights.ins());
        let (kernel, shape) = product_kernel(rows, weights.outs(), x.wide(), self.model.device.has_tiles());
        let from = x.record();
        let args = ProductArgs {
            weights: weights.record(),
            planes: from.planes,
            scales: from.scales,
            out: to.address(),
            rows: rows as u32,
            unused: 0,
        };
        self.start(kernel, shape, &args)
    }

    /// RMSNorm of `x` (plus `delta`, 0 for none; the sum goes to `sum`, 0 for nowhere), quantised.
    fn rms(&self, x: u64, delta: u64, sum: u64, norm: &DeviceNorm, out: Activations) -> Result<(), DeviceError> {
        let args = NormArgs {
            x,
            delta,
            sum,
            gain: norm.gain.address(),
            eps: self.spec().norm_eps,
            out,
            n: self.spec().hidden,
            frac: norm.frac,
            ..NormArgs::default()
        };
        self.start(Kernel::RmsQuantise, by_row(self.extent.rows), &args)
    }

    /// LayerNorm of `x` plus `delta` (0 for none) to `to`.
    fn layernorm(&self, x: u64, delta: u64, to: u64, norm: &DeviceNorm) -> Result<(), DeviceError> {
        let args = NormArgs {
            x,
            delta,
            sum: to,
            gain: norm.gain.address(),
            bias: norm.bias.as_ref().map_or(0, Memory::address),
            eps: self.spec().norm_eps,
            n: self.spec().hidden,
            frac: norm.frac,
            ..NormArgs::default()
        };
        self.start(Kernel::LayerNorm, by_row(self.extent.rows), &args)
    }

    /// Quantises rows as they are (0), after GELU (1) or the SiLU gate (2).
    fn quantise(&self, x: u64, mode: u32, out: &Quantised) -> Result<(), DeviceError> {
        let record = out.record();
        let args = QuantiseArgs {
            x,
            table: match mode {
                1 => self.model.normal_cdf.address(),
                _ => self.model.sigmoid.address(),
            },
            out: record,
            n: record.ins,
            mode,
        };
        self.start(Kernel::Quantise, by_row(self.extent.rows), &args)
    }

    /// `to = x + delta`, saturating.
    fn add(&self, x: u64, delta: u64, to: u64) -> Result<(), DeviceError> {
        let count = self.extent.rows * self.spec().hidden as usize;
        let args = AddArgs {
            x,
            delta,
            out: to,
            count: count as u64,
        };
        self.start(Kernel::Add, by_value(count), &args)
    }

    /// Attention of the projected rows over the cache, to which it adds theirs; leaves the quantised heads in `heads`.
    pub(super) fn attention(
        &self,
        layer: usize,
        norms: [Option<&DeviceNorm>; 2],
        rotate: bool,
    ) -> Result<(), DeviceError> {
        let (spec, work, rows) = (self.spec(), self.work, self.extent.rows);
        let cache = self.cache(layer);
        let [q_norm, k_norm] = norms;
        let gain = |norm: Option<&DeviceNorm>| norm.map_or((0, 0), |norm| (norm.gain.address(), norm.frac));
        let ((q_gain, q_frac), (k_gain, k_frac)) = (gain(q_norm), gain(k_norm));
        let args = HeadsArgs {
            projected: work.projected.address(),
            q_gain,
            k_gain,
            angles: if rotate { work.angles.address() } else { 0 },
            queries: work.queries.address(),
            query_scales: work.query_scales.address(),
            top: work.top.address(),
            exp_top: work.exp_top.address(),
            cache,
            eps: spec.norm_eps,
            score_scale: ops::score_scale(spec.head_dim).into(),
            heads: spec.heads,
            key_max: ops::key_max(spec.keys),
            q_frac,
            k_frac,
        };
        let shape = Shape {
            grid: [rows as u32, spec.heads + 2 * spec.kv_heads, 1],
            threads: 128,
            shared: ROW_SHARED + 4 * lantern_exact::spec::MAX_HEAD_DIM,
        };
        self.start(Kernel::Heads, shape, &args)?;
        let stride = self.extent.spans * SPAN;
        let together = work.score_rows(spec.heads as usize, stride);
        for first in (0..rows).step_by(together) {
            self.scores_and_mix(cache, first, (rows - first).min(together), stride)?;
        }
        let (splits, _) = self.extent.splits(spec.heads as usize);
        let args = FinishArgs {
            mix: work.mix.address(),
            sum: work.sums.address(),
            exp_top: work.exp_top.address(),
            mixed: work.mixed.address(),
            out: work.heads.record(),
            heads: spec.heads,
            kv_heads: spec.kv_heads,
            dim: spec.head_dim,
            splits: splits as u32,
        };
        let shape = Shape {
            shared: ROW_SHARED + 12 * spec.heads,
            ..by_row(rows)
        };
        self.start(Kernel::FinishAttention, shape, &args)
    }

    /// Scores, then the mix, of `count` rows from `first` on.
    fn scores_and_mix(&self, cache: args::Cache, first: usize, count: usize, stride: usize) -> Result<(), DeviceError> {
        let (spec, work) = (self.spec(), self.work);
        let args = ScoresArgs {
            queries: work.queries.address(),
            query_scales: work.query_scales.address(),
            visible: self.input(3),
            scores: work.scores.address(),
            top: work.top.address(),
            exp_top: work.exp_top.address(),
            cache,
            heads: spec.heads,
            stride: stride as u32,
            first: first as u32,
            unused: 0,
        };
        let shape = Shape {
            grid: [self.extent.spans as u32, spec.kv_heads, count as u32],
            threads: SPAN as u32,
            shared: 0,
        };
        self.start(Kernel::Scores, shape, &args)?;
        let (splits, span) = self.extent.splits(spec.heads as usize);
        let args = MixArgs {
            visible: self.input(3),
            scores: work.scores.address(),
            top: work.top.address(),
            exp_top: work.exp_top.address(),
            mix: work.mix.address(),
            sum: work.sums.address(),
            cache,
            heads: spec.heads,
            stride: stride as u32,
            first: first as u32,
            span: span as u32,
            splits: splits as u32,
            unused: 0,
        };
        let shape = Shape {
            grid: [splits as u32, spec.heads, count as u32],
            threads: SPAN as u32,
            shared: ROW_SHARED + (4 + 32) * SPAN as u32,
        };
        self.start(Kernel::Mix, shape, &args)
    }

    /// Leaves of all rows and layers.
    fn leaves(&self) -> Result<(), DeviceError> {
        let (spec, work, rows) = (self.spec(), self.work, self.extent.rows);
        let (layers, stride, sizes) = (spec.layers as usize, leaf_words(spec), self.model.pages.sizes);
        let together = work.leaf_rows(spec);
        for first in (0..rows).step_by(together) {
            let end = (first + together).min(rows);
            let args = LeafArgs {
                residuals: work.history.address(),
                cache: self.cache(0),
                key_layer: sizes.keys as u64,
                value_layer: sizes.values as u64,
                scale_layer: sizes.scales as u64,
                packed: work.packed.address(),
                leaves: work.leaves.address(),
                hidden: spec.hidden,
                layers: spec.layers,
                row_room: work.rows as u32,
                first: first as u32,
                rows: end as u32,
                bytes: leaf_bytes(spec) as u32,
                stride: stride as u32,
                unused: 0,
            };
            let shape = Shape {
                grid: [ceil(stride, ROW_THREADS as usize), spec.layers, (end - first) as u32],
                threads: ROW_THREADS,
                shared: 0,
            };
            self.start(Kernel::PackLeaves, shape, &args)?;
            let shape = Shape {
                grid: [ceil((end - first) * layers, 8), 1, 1],
                threads: 32,
                shared: 8 * 128,
            };
            self.start(Kernel::HashLeaves, shape, &args)?;
        }
        Ok(())
    }

    /// Llama: the rows of the inputs, up to their leaves.
    pub(super) fn llama(&self, model: &DeviceLlama) -> Result<(), DeviceError> {
        let (spec, work, rows) = (self.spec(), self.work, self.extent.rows);
        let args = EmbedArgs {
            words: model.embed.record(),
            tokens: self.input(0),
            places: self.input(1),
            out: work.start.address(),
            hidden: spec.hidden,
            ..EmbedArgs::default()
        };
        self.start(Kernel::Embed, by_row(rows), &args)?;
        let half = spec.head_dim as usize / 2;
        let args = AngleArgs {
            frequencies: model.frequencies.address(),
            places: self.input(1),
            out: work.angles.address(),
            half: half as u32,
            rows: rows as u32,
        };
        self.start(Kernel::Angles, by_value(rows * half), &args)?;
        for (index, layer) in model.layers.iter().enumerate() {
            self.llama_layer(layer, index)?;
        }
        self.add(
            work.middle.address(),
            work.delta.address(),
            self.after(model.layers.len() - 1),
        )?;
        self.leaves()
    }

    /// One layer. The block before it left its output in `delta`: the addition belongs to the next norm.
    fn llama_layer(&self, layer: &LlamaLayer, index: usize) -> Result<(), DeviceError> {
        let (work, rows) = (self.work, self.extent.rows);
        let (middle, delta) = (work.middle.address(), work.delta.address());
        let before = match index {
            0 => {
                let start = work.start.address();
                self.rms(start, 0, 0, &layer.attention_norm, work.hidden.record())?;
                start
            },
            _ => {
                let before = self.after(index - 1);
                self.rms(middle, delta, before, &layer.attention_norm, work.hidden.record())?;
                before
            },
        };
        self.product(&work.hidden, &layer.qkv, rows, &work.projected)?;
        self.attention(index, [layer.q_norm.as_ref(), layer.k_norm.as_ref()], true)?;
        self.product(&work.heads, &layer.o, rows, &work.delta)?;
        self.rms(before, delta, middle, &layer.mlp_norm, work.hidden.record())?;
        self.product(&work.hidden, &layer.gate_up, rows, &work.wide)?;
        self.quantise(work.wide.address(), 2, &work.inner)?;
        self.product(&work.inner, &layer.down, rows, &work.delta)
    }

    /// Logits of `rows` rows of the pass, the numbers of which are in `pick` (or, without, the first ones), and the largest of each.
    pub(super) fn logits(&self, model: &DeviceLlama, rows: usize, picked: bool) -> Result<(), DeviceError> {
        let (spec, work) = (self.spec(), self.work);
        let args = NormArgs {
            x: self.after(model.layers.len() - 1),
            pick: if picked { work.pick.address() } else { 0 },
            gain: model.final_norm.gain.address(),
            eps: spec.norm_eps,
            out: work.last.record(),
            n: spec.hidden,
            frac: model.final_norm.frac,
            ..NormArgs::default()
        };
        self.start(Kernel::RmsQuantise, by_row(rows), &args)?;
        let head = model.head.as_ref().unwrap_or(&model.embed);
        self.product(&work.last, head, rows, &work.logits)?;
        let args = ArgmaxArgs {
            logits: work.logits.address(),
            out: work.best.address(),
            vocab: spec.vocab,
            unused: 0,
        };
        self.start(Kernel::Argmax, by_row(rows), &args)
    }

    /// BERT: the rows of the inputs, up to their leaves.
    pub(super) fn bert(&self, model: &DeviceBert) -> Result<(), DeviceError> {
        let work = self.work;
        let args = EmbedArgs {
            words: model.embed.record(),
            positions: model.positions.record(),
            token_type: model.token_type.record(),
            tokens: self.input(0),
            places: self.input(1),
            out: work.middle.address(),
            hidden: self.spec().hidden,
            unused: 0,
        };
        self.start(Kernel::Embed, by_row(self.extent.rows), &args)?;
        self.layernorm(work.middle.address(), 0, work.start.address(), &model.embed_norm)?;
        let mut before = work.start.address();
        for (index, layer) in model.layers.iter().enumerate() {
            self.bert_layer(layer, index, before)?;
            before = self.after(index);
        }
        self.leaves()
    }

    fn bert_layer(&self, layer: &BertLayer, index: usize, before: u64) -> Result<(), DeviceError> {
        let (work, rows) = (self.work, self.extent.rows);
        let (middle, delta) = (work.middle.address(), work.delta.address());
        self.quantise(before, 0, &work.hidden)?;
        self.product(&work.hidden, &layer.qkv, rows, &work.projected)?;
        self.attention(index, [None, None], false)?;
        self.product(&work.heads, &layer.o, rows, &work.delta)?;
        self.layernorm(before, delta, middle, &layer.attention_norm)?;
        self.quantise(middle, 0, &work.hidden)?;
        self.product(&work.hidden, &layer.up, rows, &work.wide)?;
        self.quantise(work.wide.address(), 1, &work.inner)?;
        self.product(&work.inner, &layer.down, rows, &work.delta)?;
        self.layernorm(middle, delta, self.after(index), &layer.output_norm)
    }

    /// One row of the first `rows` rows after the last layer.
    pub(super) fn pool(&self, rows: usize, normalise: bool) -> Result<(), DeviceError> {
        let args = PoolArgs {
            x: self.after(self.spec().layers as usize - 1),
            sums: self.work.pooled_sums.address(),
            out: self.work.pooled.address(),
            rows: rows as u32,
            hidden: self.spec().hidden,
            normalise: u32::from(normalise),
            unused: 0,
        };
        self.start(Kernel::Pool, by_row(1), &args)
    }
}
