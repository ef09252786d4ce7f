//! Fixed-point primitives: rounding shifts, scales, and the non-linear routines.
//!
//! Rounding is named everywhere: [`rsr`] is the only rounding used on the data path (round half towards plus
//! infinity), integer division always truncates towards zero on non-negative operands.

mod elementary;
mod scale;
mod tables;

pub use elementary::{
    exp2_frac, exp_neg, gumbel, isqrt, ln, ln_slow, log2, sin_cos_turns, INV_TWO_PI_Q64, LN_2_Q62, PI_HALF_Q62,
};
pub use scale::{epilogue, Scale, MANT_MAX, MANT_MIN};
pub use tables::{
    exp2_neg, normal_cdf, sigmoid, EXP2_COEFFICIENTS, EXP2_ONE, NORMAL_CDF, NORMAL_CDF_STEP_BITS, SIGMOID,
    SIGMOID_STEP_BITS,
};

/// Fractional bits of the residual stream, of matmul outputs, biases and logits.
pub const FRAC: i32 = 16;

/// Rounding shift right: `floor(x / 2^s + 1/2)`, for every `x` and `s` without overflow.
///
/// `s = 0` returns `x`; `s >= 64` returns 0.
pub const fn rsr(x: i64, s: u32) -> i64 {
    match s {
        0 => x,
        // The floor plus the highest bit shifted out: no intermediate can overflow.
        1..=63 => (x >> s) + ((x >> (s - 1)) & 1),
        _ => 0,
    }
}

/// Clamps to the range of `i32`.
pub const fn sat32(x: i64) -> i32 {
    if x > i32::MAX as i64 {
        i32::MAX
    } else if x < i32::MIN as i64 {
        i32::MIN
    } else {
        x as i32
    }
}

/// Shifts `x` right by `s` bits with [`rsr`] (left when `s` is negative) and clamps to `i32`.
///
/// The result is the mathematically exact `floor(x * 2^-s + 1/2)` clamped, whatever `s`.
pub const fn shift_to_i32(x: i64, s: i32) -> i32 {
    if s >= 0 {
        sat32(rsr(x, s as u32))
    } else {
        let left = if s < -31 { 31 } else { (-s) as u32 };
        // |clamped| <= 2^31 and left <= 31, so the product is at most 2^62. Any non-zero value shifted by 31 or more
        // is already outside i32, so limiting the shift changes nothing.
        sat32((sat32(x) as i64) << left)
    }
}

/// Residual addition: saturates, never wraps.
pub const fn add_sat(a: i32, b: i32) -> i32 {
    a.saturating_add(b)
}

/// Number of significant bits of `x` (0 for 0).
pub const fn bits(x: u64) -> u32 {
    64 - x.leading_zeros()
}
