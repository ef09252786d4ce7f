//! Embedding rows, residual additions and the feed-forward non-linearities.

use super::Quantiser;
use crate::fixed::{add_sat, normal_cdf, rsr, shift_to_i32, sigmoid, Scale, FRAC};

/// A row of the embedding table in Q16.
pub fn embed_row(row: &[i8], scale: Scale, out: &mut [i32]) {
    let shift = 0i32.saturating_sub(scale.exp.saturating_add(FRAC));
    for (to, q) in out.iter_mut().zip(row) {
        *to = shift_to_i32(*q as i64 * scale.mant as i64, shift);
    }
}

/// Adds `delta` to the residual row `x`, saturating.
pub fn add_row(x: &mut [i32], delta: &[i32]) {
    for (to, d) in x.iter_mut().zip(delta) {
        *to = add_sat(*to, *d);
    }
}

/// `x * sigmoid(x)` in Q16.
pub fn silu(x: i32) -> i32 {
    // |x| <= 2^31, sigmoid <= 2^30: below 2^61 and the result is no larger than x.
    rsr(x as i64 * sigmoid(x) as i64, 30) as i32
}

/// `x * Phi(x)` in Q16, the exact (erf) GELU.
pub fn gelu(x: i32) -> i32 {
    rsr(x as i64 * normal_cdf(x) as i64, 30) as i32
}

/// `silu(gate) * up` (Q32, below 2^62), quantised for the down projection. Returns the row's scale.
pub fn silu_gate_quantise(gate: &[i32], up: &[i32], qmax: u32, out: &mut [i16]) -> Scale {
    let products = || gate.iter().zip(up).map(|(g, u)| silu(*g) as i64 * *u as i64);
    let amax = products().map(i64::unsigned_abs).max().unwrap_or(0);
    let quantiser = Quantiser::new(
        amax,
        qmax,
        Scale {
            mant: 1 << 23,
            exp: -55,
        },
    );
    for (to, z) in out.iter_mut().zip(products()) {
        *to = quantiser.apply(z) as i16;
    }
    quantiser.scale
}

/// `gelu(x)`, quantised for the down projection. Returns the row's scale.
pub fn gelu_quantise(x: &[i32], qmax: u32, out: &mut [i16]) -> Scale {
    let amax = x.iter().map(|v| gelu(*v).unsigned_abs()).max().unwrap_or(0);
    let quantiser = Quantiser::new(
        amax as u64,
        qmax,
        Scale {
            mant: 1 << 23,
            exp: -39,
        },
    );
    for (to, v) in out.iter_mut().zip(x) {
        *to = quantiser.apply(gelu(*v) as i64) as i16;
    }
    quantiser.scale
}
