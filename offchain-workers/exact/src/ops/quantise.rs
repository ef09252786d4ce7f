//! Quantisation of a row to integers with one common scale.

use crate::{
    fixed::{bits, rsr, Scale},
    Width,
};

/// Largest magnitude of a wide activation: `127 * 256 + 127`, so that both planes are int8.
pub const ACTIVATION_MAX_WIDE: u32 = 32_639;
/// Largest magnitude of a narrow activation.
pub const ACTIVATION_MAX_NARROW: u32 = 127;
/// Largest magnitude of a wide key.
pub const KEY_MAX_WIDE: u32 = 16_383;
/// Largest magnitude of a narrow key.
pub const KEY_MAX_NARROW: u32 = 127;
/// Largest magnitude of a query. With wide keys a pair of products is below 2^28, so 16 products fit an i32.
pub const QUERY_MAX: u32 = 8_191;
/// Largest magnitude of a value.
pub const VALUE_MAX: u32 = 127;
/// Largest magnitude of a weight.
pub const WEIGHT_MAX: i8 = 127;

/// Largest magnitude of an activation of width `width`.
pub const fn activation_max(width: Width) -> u32 {
    match width {
        Width::Wide => ACTIVATION_MAX_WIDE,
        Width::Narrow => ACTIVATION_MAX_NARROW,
    }
}

/// Largest magnitude of a key of width `width`.
pub const fn key_max(width: Width) -> u32 {
    match width {
        Width::Wide => KEY_MAX_WIDE,
        Width::Narrow => KEY_MAX_NARROW,
    }
}

/// Maps the numbers of a row to integers in `[-qmax, qmax]`.
///
/// With `amax` the row's largest magnitude (`<= 2^62`):
/// - `shift = bits(amax) - 30`; `n(z) = rsr(z, shift)` (`z << -shift` when negative), so `|n| <= 2^30`;
/// - `k = 60 - bits(qmax)`; `recip = floor((qmax << k) / n(amax)) < 2^31`;
/// - `q = rsr(n(z) * recip, k)`, one 32 x 32 -> 64 multiply an element, and `|q| <= qmax` without a clamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quantiser {
    /// Right shift that brings the row's numbers to 30 bits; negative is a left shift.
    pub shift: i32,
    /// Multiplier, below 2^31; 0 for a row of zeros.
    pub recip: i64,
    /// Right shift after the multiplication.
    pub k: u32,
    /// Scale of the quantised row: what one unit of `q` is worth.
    pub scale: Scale,
}

impl Quantiser {
    /// For a row with largest magnitude `amax`, where one unit of its numbers is worth `unit`. `qmax` is one of this
    /// module's constants.
    pub const fn new(amax: u64, qmax: u32, unit: Scale) -> Self {
        let k = 60 - bits(qmax as u64);
        if amax == 0 {
            return Self {
                shift: 0,
                recip: 0,
                k,
                scale: Scale::ZERO_ROW,
            };
        }
        let shift = bits(amax) as i32 - 30;
        let top = normalised(amax as i64, shift); // [2^29, 2^30]
        let recip = ((qmax as u64) << k) as i64 / top;
        let scale = Scale::ratio(top as u64, qmax as u64, shift).mul(unit);
        Self { shift, recip, k, scale }
    }

    /// The quantised value of `z`, `|z| <= amax`.
    pub const fn apply(&self, z: i64) -> i32 {
        // |n| <= 2^30 and recip < 2^31: the product is below 2^61.
        rsr(normalised(z, self.shift) * self.recip, self.k) as i32
    }
}

const fn normalised(z: i64, shift: i32) -> i64 {
    if shift >= 0 {
        rsr(z, shift as u32)
    } else {
        z << (-shift)
    }
}

/// Quantises a Q16 row for a matrix product and returns its scale.
pub fn quantise_row(x: &[i32], qmax: u32, out: &mut [i16]) -> Scale {
    let amax = x.iter().map(|v| v.unsigned_abs()).max().unwrap_or(0);
    let quantiser = Quantiser::new(
        amax as u64,
        qmax,
        Scale {
            mant: 1 << 23,
            exp: -39,
        },
    );
    for (to, from) in out.iter_mut().zip(x) {
        *to = quantiser.apply(*from as i64) as i16;
    }
    quantiser.scale
}
