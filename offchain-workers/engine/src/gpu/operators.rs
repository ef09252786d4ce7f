//! Single operators on a device, for the tests of kernels and for `scripts/gpu-check`. Rows go in and come out; nothing is kept.

use super::{
    args::{self, AddArgs, ArgmaxArgs, NormArgs, PoolArgs, ProbeArgs, ProductArgs, QuantiseArgs, RawScale},
    device::{DeviceError, Kernel, Memory},
    engine::GpuEngine,
    model::{DeviceMatrix, DeviceWeights, GpuModel},
    pass::{by_row, by_value, product_kernel, start, Pass},
    workspace::{Extent, Quantised, Workspace},
};
use crate::cpu::matrix::Matrix;
use bytemuck::Pod;
use lantern_exact::{
    fixed::{Scale, NORMAL_CDF, SIGMOID},
    Width,
};

/// A quantised row and its scale.
pub type QuantisedRow = (Vec<i16>, Scale);

/// Scalar routines of `kernels/shared/exact.h`, each on numbers `a`, `b`, `c`, with two results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names of docs/exact.md; arguments stand with `probe_one` in `kernels/shared/probe.h`.
pub enum Routine {
    RsrShift = 0,
    Normalise = 1,
    Mul = 2,
    Ratio = 3,
    InvSqrt = 4,
    InvRms = 5,
    Epilogue = 6,
    Exp2NegBits = 7,
    SigmoidSilu = 8,
    NormalCdfGelu = 9,
    SinCos = 10,
    Quantiser = 11,
}

/// What is done before rows are quantised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// GELU.
    Gelu,
    /// SiLU gate: rows are gate, then up.
    SiluGate,
}

/// A norm: gain, its fractional bits, LayerNorm's bias (empty for RMSNorm), epsilon in Q64.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct NormOf<'a> {
    pub gain: &'a [i32],
    pub frac: u32,
    pub bias: &'a [i32],
    pub eps: u64,
}

fn scale(raw: RawScale) -> Scale {
    Scale {
        mant: raw.mant,
        exp: raw.exp,
    }
}

impl GpuEngine {
    fn memory<T: Pod>(&self, values: &[T]) -> Result<Memory, DeviceError> {
        Memory::of(&self.device, values)
    }

    fn quantised(&self, rows: usize, to: &Quantised) -> Result<Vec<QuantisedRow>, DeviceError> {
        let rows = to.read(rows)?;
        Ok(rows.into_iter().map(|(row, raw)| (row, scale(raw))).collect())
    }

    /// `routine` of each `[a, b, c]`.
    pub fn probe(&self, routine: Routine, inputs: &[[i64; 3]]) -> Result<Vec<[i64; 2]>, DeviceError> {
        let column = |index: usize| inputs.iter().map(|row| row[index]).collect::<Vec<_>>();
        let [a, b, c] = [0, 1, 2].map(|index| self.memory(&column(index)));
        let (a, b, c) = (a?, b?, c?);
        let table = match routine {
            Routine::NormalCdfGelu => self.memory(&NORMAL_CDF[..])?,
            _ => self.memory(&SIGMOID[..])?,
        };
        let mut out = vec![[0i64; 2]; inputs.len()];
        let to = self.memory(&out)?;
        let args = ProbeArgs {
            a: a.address(),
            b: b.address(),
            c: c.address(),
            table: table.address(),
            out: to.address(),
            routine: routine as u32,
            count: inputs.len() as u32,
        };
        // SAFETY: the arrays have `count` entries, the table those of its routine.
        unsafe { start(&*self.device, Kernel::Probe, by_value(inputs.len()), &args)? };
        to.read(0, &mut out)?;
        Ok(out)
    }

    /// Quantises rows of `n` numbers (of the gate, `2 n`).
    pub fn quantise_rows(
        &self,
        x: &[i32],
        n: usize,
        width: Width,
        before: Before,
    ) -> Result<Vec<QuantisedRow>, DeviceError> {
        let (mode, each) = match before {
            Before::Nothing => (0, n),
            Before::Gelu => (1, n),
            Before::SiluGate => (2, 2 * n),
        };
        let rows = x.len() / each;
        let (x, out) = (self.memory(x)?, Quantised::room(&self.device, rows, n, width)?);
        let table = self.memory(if mode == 1 { &NORMAL_CDF[..] } else { &SIGMOID[..] })?;
        let args = QuantiseArgs {
            x: x.address(),
            table: table.address(),
            out: out.record(),
            n: n as u32,
            mode,
        };
        // SAFETY: all buffers have `rows` rows.
        unsafe { start(&*self.device, Kernel::Quantise, by_row(rows), &args)? };
        self.quantised(rows, &out)
    }

    /// RMSNorm of rows `x + delta`, quantised; also the sums.
    pub fn rms_quantise(
        &self,
        x: &[i32],
        delta: &[i32],
        norm: NormOf<'_>,
        width: Width,
    ) -> Result<(Vec<i32>, Vec<QuantisedRow>), DeviceError> {
        let (n, rows) = (norm.gain.len(), x.len() / norm.gain.len());
        let mut sums = vec![0i32; x.len()];
        let (from, delta, gain) = (self.memory(x)?, self.memory(delta)?, self.memory(norm.gain)?);
        let (sum, out) = (self.memory(&sums)?, Quantised::room(&self.device, rows, n, width)?);
        let args = NormArgs {
            x: from.address(),
            delta: delta.address(),
            sum: sum.address(),
            gain: gain.address(),
            eps: norm.eps,
            out: out.record(),
            n: n as u32,
            frac: norm.frac,
            ..NormArgs::default()
        };
        // SAFETY: all buffers have `rows` rows of `n`.
        unsafe { start(&*self.device, Kernel::RmsQuantise, by_row(rows), &args)? };
        sum.read(0, &mut sums)?;
        Ok((sums, self.quantised(rows, &out)?))
    }

    /// LayerNorm of rows `x + delta`.
    pub fn layernorm_rows(&self, x: &[i32], delta: &[i32], norm: NormOf<'_>) -> Result<Vec<i32>, DeviceError> {
        let (n, rows) = (norm.gain.len(), x.len() / norm.gain.len());
        let mut out = vec![0i32; x.len()];
        let (from, delta, to) = (self.memory(x)?, self.memory(delta)?, self.memory(&out)?);
        let (gain, bias) = (self.memory(norm.gain)?, self.memory(norm.bias)?);
        let args = NormArgs {
            x: from.address(),
            delta: delta.address(),
            sum: to.address(),
            gain: gain.address(),
            bias: bias.address(),
            eps: norm.eps,
            n: n as u32,
            frac: norm.frac,
            ..NormArgs::default()
        };
        // SAFETY: all buffers have `rows` rows of `n`.
        unsafe { start(&*self.device, Kernel::LayerNorm, by_row(rows), &args)? };
        to.read(0, &mut out)?;
        Ok(out)
    }

    /// `x w^T + bias`, `rows x outs`, Q16, by the kernel for that many rows; without `tiles`, by those that need no tensor cores.
    pub fn product(
        &self,
        x: &[QuantisedRow],
        width: Width,
        weights: &Matrix,
        tiles: bool,
    ) -> Result<Vec<i32>, DeviceError> {
        let (ins, planes) = (weights.ins(), if width == Width::Wide { 2 } else { 1 });
        let padded = ins.next_multiple_of(64);
        let mut bytes = vec![0i8; x.len() * planes * padded];
        for ((row, _), to) in x.iter().zip(bytes.chunks_mut(planes * padded)) {
            for (index, &value) in row.iter().enumerate() {
                if width == Width::Wide {
                    let (high, low) = lantern_exact::ops::split_planes(value);
                    (to[index], to[padded + index]) = (high, low);
                } else {
                    to[index] = value as i8;
                }
            }
        }
        let scales: Vec<RawScale> = x.iter().map(|(_, scale)| RawScale::from(*scale)).collect();
        let (planes, scales) = (self.memory(&bytes)?, self.memory(&scales)?);
        let weights = DeviceMatrix::of(&self.device, weights)?;
        let mut out = vec![0i32; x.len() * weights.outs()];
        let to = self.memory(&out)?;
        let tiles = tiles && self.device.has_tiles();
        let (kernel, shape) = product_kernel(x.len(), weights.outs(), width == Width::Wide, tiles);
        let args = ProductArgs {
            weights: weights.record(),
            planes: planes.address(),
            scales: scales.address(),
            out: to.address(),
            rows: x.len() as u32,
            unused: 0,
        };
        // SAFETY: planes, scales and output have the rows of `x`.
        unsafe { start(&*self.device, kernel, shape, &args)? };
        to.read(0, &mut out)?;
        Ok(out)
    }

    /// The largest of each row of `vocab` logits.
    pub fn argmax_rows(&self, logits: &[i32], vocab: usize) -> Result<Vec<u32>, DeviceError> {
        let mut out = vec![0u32; logits.len() / vocab];
        let (from, to) = (self.memory(logits)?, self.memory(&out)?);
        let args = ArgmaxArgs {
            logits: from.address(),
            out: to.address(),
            vocab: vocab as u32,
            unused: 0,
        };
        // SAFETY: both buffers have that many rows.
        unsafe { start(&*self.device, Kernel::Argmax, by_row(out.len()), &args)? };
        to.read(0, &mut out)?;
        Ok(out)
    }

    /// Bytes per second that the residual addition reads and writes, over `bytes` bytes in each of three arrays: the best of several.
    pub fn bandwidth(&self, bytes: usize) -> Result<f64, DeviceError> {
        const ROUNDS: usize = 8;
        let count = bytes / size_of::<i32>();
        let [x, delta, out] = [(); 3].map(|()| Memory::room::<i32>(&self.device, count));
        let (x, delta, out) = (x?, delta?, out?);
        let args = AddArgs {
            x: x.address(),
            delta: delta.address(),
            out: out.address(),
            count: count as u64,
        };
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let begun = std::time::Instant::now();
            // SAFETY: the arrays have `count` numbers; any bytes are numbers.
            unsafe { start(&*self.device, Kernel::Add, by_value(count), &args)? };
            // Reading waits for the kernel.
            out.read(0, &mut [0i32])?;
            best = best.min(begun.elapsed().as_secs_f64());
        }
        Ok(3.0 * bytes as f64 / best)
    }

    /// Pools rows of `hidden` numbers.
    pub fn pool_rows(&self, x: &[i32], hidden: usize, normalise: bool) -> Result<Vec<i32>, DeviceError> {
        let mut out = vec![0i32; hidden];
        let (from, to) = (self.memory(x)?, self.memory(&out)?);
        let sums = Memory::room::<i64>(&self.device, hidden)?;
        let args = PoolArgs {
            x: from.address(),
            sums: sums.address(),
            out: to.address(),
            rows: (x.len() / hidden) as u32,
            hidden: hidden as u32,
            normalise: u32::from(normalise),
            unused: 0,
        };
        // SAFETY: the buffers have the sizes the record states.
        unsafe { start(&*self.device, Kernel::Pool, by_row(1), &args)? };
        to.read(0, &mut out)?;
        Ok(out)
    }

    /// Attention of `projected` rows (queries, keys and values of all heads, Q16) over one another: row `r` sees the first
    /// `visible[r]`. Neither norms nor rotation. The concatenated heads in Q16.
    pub fn attention_rows(
        &self,
        model: &GpuModel,
        projected: &[i32],
        visible: &[u32],
    ) -> Result<Vec<i32>, DeviceError> {
        let spec = model.spec();
        let rows = visible.len();
        let width = (spec.query_width() + 2 * spec.kv_width()) as usize;
        let count = rows.div_ceil(args::PAGE);
        let taken = model.pages.take(count);
        let pages = taken.ok_or_else(|| DeviceError::new("the model has too few pages"))?;
        let fits = projected.len() == rows * width
            && rows <= spec.max_context as usize
            && visible.iter().all(|&seen| seen > 0 && seen as usize <= rows);
        let outcome = (|| {
            if !fits || matches!(model.weights, DeviceWeights::Bert(_)) {
                return Err(DeviceError::new("rows do not fit the model"));
            }
            let work = Workspace::new(model, rows, 1)?;
            work.projected.write(0, projected)?;
            work.inputs.write(work.rows, &(0..rows as u32).collect::<Vec<_>>())?;
            work.inputs.write(2 * work.rows, &vec![0u32; rows])?;
            work.inputs.write(3 * work.rows, visible)?;
            work.pages.write(0, &pages)?;
            let pass = Pass {
                model,
                work: &work,
                extent: Extent::new(rows, visible.iter().copied().max().unwrap_or(1) as usize),
            };
            pass.attention(0, [None, None], false)?;
            let mut out = vec![0i32; rows * spec.query_width() as usize];
            work.mixed.read(0, &mut out)?;
            Ok(out)
        })();
        model.pages.give(&pages);
        outcome
    }
}
