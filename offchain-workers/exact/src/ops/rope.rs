//! Rotary positions.

use crate::{
    fixed::{exp2_frac, log2, rsr, sat32, sin_cos_turns, INV_TWO_PI_Q64},
    RopeScaling,
};

/// Frequencies of the `out.len() = head_dim / 2` pairs in turns per position, Q64: `base^(-2i/head_dim) / (2 pi)`, then
/// scaled. Relative error before scaling below 2^-50.
pub fn rope_frequencies(base: u32, scaling: RopeScaling, out: &mut [u64]) {
    let half = out.len().max(1) as u128;
    let log_base = log2(base as u64) as u128; // Q56, below 2^61
    for (i, f) in out.iter_mut().enumerate() {
        let exponent = log_base * i as u128 / half; // Q56
        *f = scaled_frequency(power_over_two_pi(exponent), scaling);
    }
}

/// `2^-exponent / (2 pi)` in Q64 for an exponent in Q56.
fn power_over_two_pi(exponent: u128) -> u64 {
    let whole = (exponent >> 56) as u32;
    let frac = ((exponent & ((1 << 56) - 1)) as u64) << 6; // Q62
    if frac == 0 {
        return (INV_TWO_PI_Q64 >> whole) as u64;
    }
    // 2^-(whole + frac) = 2^(1 - frac) / 2^(whole + 1); INV_TWO_PI < 2^62, 2^(1-frac) < 2^63 in Q62.
    ((INV_TWO_PI_Q64 * exp2_frac((1 << 62) - frac) as u128) >> (63 + whole)) as u64
}

fn scaled_frequency(f: u64, scaling: RopeScaling) -> u64 {
    let divided = |factor: u32| (((f as u128) << 16) / (factor.max(1) as u128)) as u64;
    match scaling {
        RopeScaling::None => f,
        RopeScaling::Linear { factor } => divided(factor),
        RopeScaling::Llama3 {
            factor,
            low_freq_factor,
            high_freq_factor,
            original_context,
        } => {
            // Rotations over the original context, Q48.
            let rotations = (original_context as u128 * f as u128) >> 16;
            let (low, high) = ((low_freq_factor as u128) << 32, (high_freq_factor as u128) << 32);
            if rotations < low {
                divided(factor)
            } else if rotations > high || high <= low {
                f
            } else {
                // Share of the unscaled frequency, Q32, 0..=2^32.
                let share = (rotations - low) / (high_freq_factor - low_freq_factor) as u128;
                let blended = ((1u128 << 32) - share) * divided(factor) as u128 + share * f as u128;
                (blended >> 32) as u64
            }
        },
    }
}

/// Cosines and sines (Q30) of all pairs at `position`. The angle `position * f` wraps at whole turns, exactly.
pub fn rope_angles(frequencies: &[u64], position: u32, cos: &mut [i32], sin: &mut [i32]) {
    for ((f, c), s) in frequencies.iter().zip(cos).zip(sin) {
        (*c, *s) = sin_cos_turns(f.wrapping_mul(position as u64));
    }
}

/// Rotates one head (Q16) in place: element `i` with element `i + half`.
pub fn rope_row(head: &mut [i32], cos: &[i32], sin: &[i32]) {
    let (first, second) = head.split_at_mut(head.len() / 2);
    for (((a, b), c), s) in first.iter_mut().zip(second).zip(cos).zip(sin) {
        // Each product is at most 2^31 * 2^30, their sum at most 2^62.
        let (x, y, c, s) = (*a as i64, *b as i64, *c as i64, *s as i64);
        *a = sat32(rsr(x * c - y * s, 30));
        *b = sat32(rsr(y * c + x * s, 30));
    }
}
