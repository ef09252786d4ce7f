//! The per-element non-linear functions: one polynomial and two tables with linear interpolation.
//!
//! They are chosen so that eight or sixteen lanes compute them with 32-bit multiplies and one gather.

use super::{exp_neg, rsr};

/// `2^g` for `g` in `[0, 1]` as a polynomial with Q30 coefficients, lowest degree first.
///
/// The coefficients are part of the definition. They add up to `2^31`, so `2^1` is exact.
pub const EXP2_COEFFICIENTS: [u32; 5] = [1_073_741_824, 744_137_575, 259_179_533, 55_869_358, 14_555_358];

/// The value one in the output format of [`exp2_neg`] (Q24).
pub const EXP2_ONE: u32 = 1 << 24;

/// `2^-t` in Q24 for `t >= 0` in Q16. Relative error below 3.4e-6 plus one half unit; monotone; `exp2_neg(0)` is
/// exactly [`EXP2_ONE`]; zero from `t = 26`.
pub const fn exp2_neg(t: u32) -> u32 {
    // 2^-t = 2^g / 2^(whole + 1) with g = 1 - frac, so that every Horner step is a sum of positive terms.
    let whole = t >> 16;
    let g = 65536 - (t & 0xffff) as u64;
    let c = &EXP2_COEFFICIENTS;
    let mut p = c[4] as u64;
    // Each p stays below 2^31 and g <= 2^16: products below 2^47.
    p = c[3] as u64 + ((p * g) >> 16);
    p = c[2] as u64 + ((p * g) >> 16);
    p = c[1] as u64 + ((p * g) >> 16);
    p = c[0] as u64 + ((p * g) >> 16);
    // p is 2^g in Q30, in (2^30, 2^31]; Q24 of half of it is a shift by 7.
    rsr(p as i64, whole + 7) as u32
}

/// log2 of the step of [`SIGMOID`] in Q16: cells are `2^9 / 2^16 = 1/128` wide.
pub const SIGMOID_STEP_BITS: u32 = 9;
const SIGMOID_CELLS: usize = 16 * 128;

/// `1 / (1 + e^-x)` in Q30 at `x = i / 128` for `x` in `[0, 16]`, each entry rounded half up.
pub static SIGMOID: [u32; SIGMOID_CELLS + 1] = sigmoid_table();

const fn sigmoid_table() -> [u32; SIGMOID_CELLS + 1] {
    let mut out = [0; SIGMOID_CELLS + 1];
    let mut i = 0;
    while i <= SIGMOID_CELLS {
        let e = exp_neg((i as u64) << 41) as u128; // y = i / 128 in Q48; e in Q62
        let one = 1u128 << 62;
        out[i] = (((one << 31) / (one + e) + 1) >> 1) as u32;
        i += 1;
    }
    out
}

/// log2 of the step of [`NORMAL_CDF`] in Q16: cells are `2^8 / 2^16 = 1/256` wide.
pub const NORMAL_CDF_STEP_BITS: u32 = 8;
const NORMAL_CELLS: usize = 8 * 256;

/// `(1 + erf(x / sqrt 2)) / 2` in Q30 at `x = i / 256` for `x` in `[0, 8]`, each entry rounded half up.
pub static NORMAL_CDF: [u32; NORMAL_CELLS + 1] = normal_table();

/// `1 / sqrt(2 pi)` in Q62.
const INV_SQRT_TWO_PI_Q62: u128 = 1_839_796_536_686_825_613;

const fn normal_table() -> [u32; NORMAL_CELLS + 1] {
    // Simpson's rule over each cell: error below 1.2 h^5 / 2880 = 4e-16 a cell, 8e-13 over the table.
    let mut out = [0; NORMAL_CELLS + 1];
    let mut sum = 0u128; // integral of e^(-x^2/2), Q62
    let mut left = density(0);
    let mut i = 0;
    while i <= NORMAL_CELLS {
        let cdf = (1u128 << 61) + ((sum * INV_SQRT_TWO_PI_Q62) >> 62);
        let rounded = ((cdf >> 31) + 1) >> 1;
        out[i] = if rounded > 1 << 30 { 1 << 30 } else { rounded as u32 };
        let middle = density(2 * i as u64 + 1);
        let right = density(2 * i as u64 + 2);
        sum += (left + 4 * middle + right) / (6 * 256);
        left = right;
        i += 1;
    }
    out
}

/// `e^(-x^2 / 2)` in Q62 at `x = i / 512`.
const fn density(i: u64) -> u128 {
    exp_neg((i * i) << 29) as u128 // i^2 / 2^19 in Q48
}

/// Linear interpolation in `table` at `|x|` (Q16), cells `2^step` wide; the last entry beyond the end. Q30.
fn interpolate(table: &[u32], step: u32, magnitude: u32) -> u32 {
    let cell = (magnitude >> step) as usize;
    let last = table.len() - 1;
    if cell >= last {
        return table[last];
    }
    let frac = (magnitude & ((1 << step) - 1)) as u64;
    // Tables rise, a rise is below 2^30 and frac below 2^9.
    let rise = (table[cell + 1] - table[cell]) as u64;
    table[cell] + ((rise * frac + (1 << (step - 1))) >> step) as u32
}

/// `1 / (1 + e^-x)` in Q30 for `x` in Q16. Absolute error below 8e-7. `sigmoid(x) + sigmoid(-x) = 2^30` exactly
/// for every `x`.
pub fn sigmoid(x: i32) -> u32 {
    let y = interpolate(&SIGMOID, SIGMOID_STEP_BITS, x.unsigned_abs());
    if x < 0 {
        (1 << 30) - y
    } else {
        y
    }
}

/// The standard normal distribution function `(1 + erf(x / sqrt 2)) / 2` in Q30 for `x` in Q16. Absolute error below
/// 5e-7. Symmetric like [`sigmoid`].
pub fn normal_cdf(x: i32) -> u32 {
    let y = interpolate(&NORMAL_CDF, NORMAL_CDF_STEP_BITS, x.unsigned_abs());
    if x < 0 {
        (1 << 30) - y
    } else {
        y
    }
}
