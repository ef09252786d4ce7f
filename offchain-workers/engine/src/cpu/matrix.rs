//! Weights and activations in the memory order of the kernels.

use super::memory::{reserve, Aligned, SharedMut};
use lantern_exact::fixed::Scale;
use std::sync::atomic::{AtomicI32, Ordering};

/// Outputs of one weight block: the 32-bit lanes of an AVX-512 register, the columns of an AMX tile.
pub const BLOCK: usize = 16;
/// Outputs are padded to pairs of blocks, so that every kernel may take two at a time.
pub const OUT_PAD: usize = 2 * BLOCK;
/// Inputs are padded to whole tile rows.
pub const IN_PAD: usize = 64;
/// Rows of activations in one AMX tile.
pub const TILE_ROWS: usize = 16;
/// Bytes of one AMX tile.
pub const TILE: usize = TILE_ROWS * IN_PAD;

/// Largest input dimension that the kernels take: `255 * 127 * MAX_INPUTS` stays below 2^31, the accumulator of one plane.
pub const MAX_INPUTS: usize = 65_536;

/// A quantised weight matrix, `outs x ins`, with a scale and a bias per output.
///
/// Bytes are ordered `[block of 16 outputs][input / 4][output in block][input % 4]`: the order of both `vpdpbusd` with a
/// broadcast activation and of an AMX weight tile, and one sequential stream per block. Padding is zero.
#[derive(Debug)]
pub struct Matrix {
    outs: usize,
    ins: usize,
    ins_padded: usize,
    data: Aligned<i8>,
    pub(crate) mant: Aligned<u32>,
    pub(crate) exp: Aligned<i32>,
    pub(crate) row_sums: Aligned<i32>,
    pub(crate) bias: Aligned<i32>,
    exp_max: i32,
    has_bias: bool,
}

impl Matrix {
    /// An empty matrix of `outs x ins`, to be filled by [`Matrix::set_row`]. `ins` must be at most [`MAX_INPUTS`].
    pub fn new(outs: usize, ins: usize) -> Self {
        assert!(ins <= MAX_INPUTS, "the loader refuses inputs beyond MAX_INPUTS");
        let (outs_padded, ins_padded) = (outs.next_multiple_of(OUT_PAD), ins.next_multiple_of(IN_PAD));
        let zero = Scale::ZERO_ROW;
        let mut matrix = Self {
            outs,
            ins,
            ins_padded,
            data: Aligned::zeroed(outs_padded * ins_padded),
            mant: Aligned::zeroed(outs_padded),
            exp: Aligned::zeroed(outs_padded),
            row_sums: Aligned::zeroed(outs_padded),
            bias: Aligned::zeroed(outs_padded),
            exp_max: Scale::ZERO_ROW.exp,
            has_bias: false,
        };
        matrix.mant.fill(zero.mant);
        matrix.exp.fill(zero.exp);
        matrix
    }

    /// Sets output row `out`: `weights.len() == ins` values in -127..=127, their scale and the bias in Q16.
    pub fn set_row(&mut self, out: usize, weights: &[i8], scale: Scale, bias: i32) {
        // SAFETY: there is but this one task.
        self.fill(|writer| unsafe { writer.set_row(out, weights, scale) });
        self.set_bias(out, &[bias]);
    }

    /// Lets several tasks set rows, each rows of its own, through the writer that `fill` is given.
    pub(crate) fn fill<R>(&mut self, fill: impl FnOnce(&MatrixWriter<'_>) -> R) -> R {
        let (ins, ins_padded) = (self.ins, self.ins_padded);
        let exp_max = AtomicI32::new(self.exp_max);
        let result = fill(&MatrixWriter {
            ins,
            ins_padded,
            data: SharedMut::new(&mut self.data),
            mant: SharedMut::new(&mut self.mant),
            exp: SharedMut::new(&mut self.exp),
            row_sums: SharedMut::new(&mut self.row_sums),
            exp_max: &exp_max,
        });
        self.exp_max = exp_max.into_inner();
        result
    }

    /// Sets the biases, in Q16, of the outputs from `first` on.
    pub(crate) fn set_bias(&mut self, first: usize, bias: &[i32]) {
        self.bias[first..first + bias.len()].copy_from_slice(bias);
        self.has_bias |= bias.iter().any(|&bias| bias != 0);
    }

    /// Lengths in bytes of the [`Matrix::sections`] of a matrix of `outs x ins`.
    pub(crate) fn section_bytes(outs: usize, ins: usize) -> [usize; 5] {
        let (outs, ins) = (outs.next_multiple_of(OUT_PAD), ins.next_multiple_of(IN_PAD));
        [outs * ins, outs * 4, outs * 4, outs * 4, outs * 4]
    }

    /// The bytes of everything held, in this machine's byte order: weights, mantissas, exponents, row sums, biases.
    pub(crate) fn sections(&self) -> [&[u8]; 5] {
        [
            bytemuck::cast_slice(&self.data),
            bytemuck::cast_slice(&self.mant),
            bytemuck::cast_slice(&self.exp),
            bytemuck::cast_slice(&self.row_sums),
            bytemuck::cast_slice(&self.bias),
        ]
    }

    /// What [`Matrix::sections`] gives, to be overwritten. [`Matrix::adopt`] must follow.
    pub(crate) fn sections_mut(&mut self) -> [&mut [u8]; 5] {
        [
            bytemuck::cast_slice_mut(&mut self.data),
            bytemuck::cast_slice_mut(&mut self.mant),
            bytemuck::cast_slice_mut(&mut self.exp),
            bytemuck::cast_slice_mut(&mut self.row_sums),
            bytemuck::cast_slice_mut(&mut self.bias),
        ]
    }

    /// Takes sections that were overwritten for its own. False when a scale among them is none; the kernels' bounds rest on
    /// scales being valid and on no weight being -128, which whoever wrote the sections has to see to.
    pub(crate) fn adopt(&mut self) -> bool {
        self.has_bias = self.bias.iter().any(|&bias| bias != 0);
        self.exp_max = self.exp.iter().fold(Scale::ZERO_ROW.exp, |max, &exp| max.max(exp));
        let mut scales = self.mant.iter().zip(self.exp.iter());
        scales.all(|(&mant, &exp)| Scale { mant, exp }.is_valid())
    }

    /// Copies output row `out` to `weights` (`ins` values) and returns its scale.
    pub fn row(&self, out: usize, weights: &mut [i8]) -> Scale {
        let base = (out / BLOCK) * BLOCK * self.ins_padded + (out % BLOCK) * 4;
        for (group, values) in weights[..self.ins].chunks_mut(4).enumerate() {
            let at = base + group * BLOCK * 4;
            values.copy_from_slice(&self.data[at..at + values.len()]);
        }
        Scale {
            mant: self.mant[out],
            exp: self.exp[out],
        }
    }

    /// Calls `each(first input, weights, scale)` with consecutive pieces of output row `out`.
    pub fn with_row(&self, out: usize, mut each: impl FnMut(usize, &[i8], Scale)) {
        const PIECE: usize = 256;
        let scale = Scale {
            mant: self.mant[out],
            exp: self.exp[out],
        };
        let base = (out / BLOCK) * BLOCK * self.ins_padded + (out % BLOCK) * 4;
        for first in (0..self.ins).step_by(PIECE) {
            let mut piece = [0i8; PIECE];
            let len = (self.ins - first).min(PIECE);
            for (group, values) in piece[..len].chunks_mut(4).enumerate() {
                let at = base + (first / 4 + group) * BLOCK * 4;
                values.copy_from_slice(&self.data[at..at + values.len()]);
            }
            each(first, &piece[..len], scale);
        }
    }

    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        let words = self.mant.len() + self.exp.len() + self.row_sums.len() + self.bias.len();
        self.data.len() + 4 * words
    }

    /// Outputs (rows).
    pub fn outs(&self) -> usize {
        self.outs
    }

    /// Inputs (columns).
    pub fn ins(&self) -> usize {
        self.ins
    }

    /// Inputs with padding.
    pub fn ins_padded(&self) -> usize {
        self.ins_padded
    }

    /// Pairs of blocks, padding included.
    pub(crate) fn pairs(&self) -> usize {
        self.mant.len() / OUT_PAD
    }

    /// The bytes of block `index` and of those that follow.
    pub(crate) fn blocks_from(&self, index: usize) -> &[i8] {
        &self.data[index * BLOCK * self.ins_padded..]
    }

    /// Largest exponent of any row: tells whether an epilogue can need a left shift.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn exp_max(&self) -> i32 {
        self.exp_max
    }

    /// Whether any output has a bias.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn has_bias(&self) -> bool {
        self.has_bias
    }
}

/// Sets rows of a [`Matrix`] from several tasks.
pub(crate) struct MatrixWriter<'a> {
    ins: usize,
    ins_padded: usize,
    data: SharedMut<'a, i8>,
    mant: SharedMut<'a, u32>,
    exp: SharedMut<'a, i32>,
    row_sums: SharedMut<'a, i32>,
    exp_max: &'a AtomicI32,
}

impl MatrixWriter<'_> {
    /// Sets output row `out`, see [`Matrix::set_row`], but for its bias.
    ///
    /// # Safety
    /// No two tasks may set the same row at the same time.
    pub unsafe fn set_row(&self, out: usize, weights: &[i8], scale: Scale) {
        assert_eq!(weights.len(), self.ins, "row length");
        let base = (out / BLOCK) * BLOCK * self.ins_padded + (out % BLOCK) * 4;
        for (group, values) in weights.chunks(4).enumerate() {
            // SAFETY: each row has its own four bytes of every group, and the caller promises one task per row.
            unsafe { self.data.range(base + group * BLOCK * 4, values.len()) }.copy_from_slice(values);
        }
        // SAFETY: one value for each row, and one task per row.
        unsafe {
            self.mant.range(out, 1)[0] = scale.mant;
            self.exp.range(out, 1)[0] = scale.exp;
            self.row_sums.range(out, 1)[0] = weights.iter().map(|&weight| i32::from(weight)).sum();
        }
        self.exp_max.fetch_max(scale.exp, Ordering::Relaxed);
    }
}

/// How the bytes of activations are laid out for a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planes {
    /// None: the kernel reads the 16-bit values.
    Values,
    /// `[row][plane][input]`, for broadcasts.
    Rows,
    /// `[row][plane][input]` of signed bytes, for `SDOT`.
    SignedRows,
    /// `[row / 16][input / 64][plane][row % 16][input % 64]`, for tiles.
    Tiles,
}

/// Quantised activation rows, the input of a matrix product.
///
/// A wide value is `high * 256 + low`; planes hold `high + 128` and `low` as unsigned bytes, a narrow value is one plane of
/// `value + 128`. The offset is taken out again with the weights' row sums. Signed planes are those of the definition
/// (`ops::split_planes`) and have no offset.
#[derive(Debug)]
pub struct Activations {
    rows: usize,
    ins: usize,
    ins_padded: usize,
    wide: bool,
    layout: Planes,
    values: Aligned<i16>,
    planes: Aligned<u8>,
    scales: Aligned<[i32; 2]>,
}

impl Default for Activations {
    fn default() -> Self {
        Self {
            rows: 0,
            ins: 0,
            ins_padded: 0,
            wide: true,
            layout: Planes::Values,
            values: Aligned::default(),
            planes: Aligned::default(),
            scales: Aligned::default(),
        }
    }
}

impl Activations {
    /// Makes room for `rows` rows of `ins` values; their contents are undefined until set. Allocates only to grow.
    pub fn shape(&mut self, rows: usize, ins: usize, wide: bool, layout: Planes) {
        let ins_padded = ins.next_multiple_of(IN_PAD);
        if (self.ins, self.layout, self.wide) != (ins, layout, wide) {
            // Padding of another shape may hold values: start from zeros.
            self.values.fill(0);
            self.planes.fill(0);
        }
        (self.rows, self.ins, self.ins_padded, self.wide, self.layout) = (rows, ins, ins_padded, wide, layout);
        reserve(&mut self.values, rows * ins_padded);
        if layout != Planes::Values {
            let bytes = rows.next_multiple_of(TILE_ROWS) * ins_padded * self.plane_count();
            reserve(&mut self.planes, bytes);
        }
        reserve(&mut self.scales, rows);
    }

    /// Access for several tasks, each to rows of its own.
    pub fn writer(&mut self) -> ActivationsWriter<'_> {
        ActivationsWriter {
            ins: self.ins,
            ins_padded: self.ins_padded,
            wide: self.wide,
            layout: self.layout,
            values: SharedMut::new(&mut self.values),
            planes: SharedMut::new(&mut self.planes),
            scales: SharedMut::new(&mut self.scales),
        }
    }

    /// Rows held.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether values have two planes.
    pub fn wide(&self) -> bool {
        self.wide
    }

    /// Planes per value.
    pub fn plane_count(&self) -> usize {
        1 + usize::from(self.wide)
    }

    /// Layout of the planes.
    pub fn layout(&self) -> Planes {
        self.layout
    }

    /// Values of `row`, padded with zeros.
    pub fn values(&self, row: usize) -> &[i16] {
        &self.values[row * self.ins_padded..][..self.ins_padded]
    }

    /// Scale of `row`.
    pub fn scale(&self, row: usize) -> Scale {
        let [mant, exp] = self.scales[row];
        Scale { mant: mant as u32, exp }
    }

    /// The planes' bytes.
    pub(crate) fn planes(&self) -> &[u8] {
        &self.planes
    }
}

/// Writes rows of [`Activations`] from several tasks.
pub struct ActivationsWriter<'a> {
    ins: usize,
    ins_padded: usize,
    wide: bool,
    layout: Planes,
    values: SharedMut<'a, i16>,
    planes: SharedMut<'a, u8>,
    scales: SharedMut<'a, [i32; 2]>,
}

impl ActivationsWriter<'_> {
    /// Fills `row` by `quantise`, which writes its `ins` values and returns their scale.
    ///
    /// # Safety
    /// No two tasks may set the same row at the same time.
    pub unsafe fn set_row(&self, row: usize, quantise: impl FnOnce(&mut [i16]) -> Scale) {
        // SAFETY: rows are disjoint parts, and the caller promises one task per row.
        let values = unsafe { self.values.range(row * self.ins_padded, self.ins_padded) };
        let scale = quantise(&mut values[..self.ins]);
        // SAFETY: as above.
        unsafe { self.scales.range(row, 1)[0] = [scale.mant as i32, scale.exp] };
        let planes = 1 + usize::from(self.wide);
        match self.layout {
            Planes::Values => {},
            Planes::Rows | Planes::SignedRows => {
                // SAFETY: as above.
                let bytes = unsafe {
                    self.planes
                        .range(row * planes * self.ins_padded, planes * self.ins_padded)
                };
                let (first, second) = bytes.split_at_mut(self.ins_padded);
                if self.layout == Planes::Rows {
                    split(values, first, second);
                } else {
                    split_signed(values, first, second);
                }
            },
            Planes::Tiles => {
                let tile_row = (row / TILE_ROWS) * TILE_ROWS * self.ins_padded * planes + (row % TILE_ROWS) * IN_PAD;
                for (step, values) in values.chunks_exact(IN_PAD).enumerate() {
                    let at = tile_row + step * planes * TILE;
                    // SAFETY: each row has its own 64 bytes of every tile.
                    let first = unsafe { self.planes.range(at, IN_PAD) };
                    let second = if self.wide {
                        // SAFETY: as above, in the tile of the second plane.
                        unsafe { self.planes.range(at + TILE, IN_PAD) }
                    } else {
                        &mut []
                    };
                    split(values, first, second);
                }
            },
        }
    }
}

/// Splits wide values into `first` (high byte + 128) and `second` (low byte), or, when `second` is empty, narrow values into
/// `first` (value + 128).
fn split(values: &[i16], first: &mut [u8], second: &mut [u8]) {
    if second.is_empty() {
        for (byte, &value) in first.iter_mut().zip(values) {
            *byte = (value + 128) as u8;
        }
    } else {
        for ((high, low), &value) in first.iter_mut().zip(second).zip(values) {
            *high = ((value >> 8) + 128) as u8;
            *low = value as u8;
        }
    }
}

/// Splits wide values (at most 32,639) into the signed planes `first` and `second`, or, when `second` is empty, copies narrow
/// values to `first`.
fn split_signed(values: &[i16], first: &mut [u8], second: &mut [u8]) {
    if second.is_empty() {
        for (byte, &value) in first.iter_mut().zip(values) {
            *byte = value as u8;
        }
    } else {
        for ((high, low), &value) in first.iter_mut().zip(second).zip(values) {
            // The low byte is the low plane's either way; where it counts as negative, the high plane is one more.
            (*high, *low) = (((value + 128) >> 8) as u8, value as u8);
        }
    }
}
