//! The one real-valued type of the arithmetic: a 24-bit mantissa and a binary exponent.

use codec::{Decode, DecodeWithMemTracking, Encode, Error as CodecError, Input, MaxEncodedLen};
use scale_info::TypeInfo;

/// Smallest mantissa of a [`Scale`].
pub const MANT_MIN: u32 = 1 << 23;
/// Largest mantissa of a [`Scale`].
pub const MANT_MAX: u32 = (1 << 24) - 1;

/// A positive real `mant * 2^exp` with `2^23 <= mant < 2^24`.
///
/// Always normalised, so equal values have equal bytes. A row of zeros has [`Scale::ZERO_ROW`]. Decoding refuses what
/// is not [valid](Scale::is_valid), so scales from untrusted bytes are within the proven bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Encode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Scale {
    /// Mantissa in `[2^23, 2^24)`.
    pub mant: u32,
    /// Exponent.
    pub exp: i32,
}

impl Decode for Scale {
    fn decode<I: Input>(input: &mut I) -> Result<Self, CodecError> {
        let scale = Scale {
            mant: u32::decode(input)?,
            exp: i32::decode(input)?,
        };
        if scale.is_valid() {
            Ok(scale)
        } else {
            Err("scale out of range".into())
        }
    }
}

impl Scale {
    /// Scale given to a row in which every value is zero. Its exponent is below that of every non-zero activation row.
    pub const ZERO_ROW: Scale = Scale {
        mant: MANT_MIN,
        exp: -60,
    };
    /// The value one.
    pub const ONE: Scale = Scale {
        mant: MANT_MIN,
        exp: -23,
    };

    /// Whether the mantissa is normalised and the exponent within the range arithmetic is proven for (`|exp| <= 512`).
    pub const fn is_valid(&self) -> bool {
        self.mant >= MANT_MIN && self.mant <= MANT_MAX && self.exp >= -512 && self.exp <= 512
    }

    /// `m * 2^exp` rounded half up to 24 bits. Zero gives [`Scale::ZERO_ROW`].
    pub const fn normalise(m: u128, exp: i32) -> Scale {
        if m == 0 {
            return Scale::ZERO_ROW;
        }
        let width = 128 - m.leading_zeros() as i32;
        if width <= 24 {
            return Scale {
                mant: (m << (24 - width)) as u32,
                exp: exp.saturating_sub(24 - width),
            };
        }
        let shift = width - 24;
        // (m >> (shift - 1)) has 25 bits, so adding one cannot overflow.
        let mant = (((m >> (shift - 1)) + 1) >> 1) as u32;
        if mant > MANT_MAX {
            Scale {
                mant: MANT_MIN,
                exp: exp.saturating_add(shift + 1),
            }
        } else {
            Scale {
                mant,
                exp: exp.saturating_add(shift),
            }
        }
    }

    /// `num / den * 2^exp`, the quotient truncated at 40 or more significant bits and then rounded half up to 24.
    ///
    /// `den = 0` or `num = 0` gives [`Scale::ZERO_ROW`].
    pub const fn ratio(num: u64, den: u64, exp: i32) -> Scale {
        if num == 0 || den == 0 {
            return Scale::ZERO_ROW;
        }
        // num < 2^64 is moved to the top of 128 bits; the quotient then has at least 128 - 64 = 64 significant bits.
        let up = (num as u128).leading_zeros();
        Scale::normalise(((num as u128) << up) / den as u128, exp.saturating_sub(up as i32))
    }

    /// The product, rounded half up to 24 bits.
    pub const fn mul(self, other: Scale) -> Scale {
        Scale::normalise(
            self.mant as u128 * other.mant as u128,
            self.exp.saturating_add(other.exp),
        )
    }

    /// The reciprocal, rounded half up to 24 bits from a truncated quotient.
    pub const fn recip(self) -> Scale {
        Scale::ratio(1, self.mant as u64, self.exp.saturating_neg())
    }

    /// `1 / sqrt(v * 2^-exp2)` where the exponent `exp2` is even. `v` must not be zero (zero gives [`Scale::ONE`]).
    ///
    /// Relative error below 2^-23.
    pub const fn inv_sqrt(v: u128, exp2: i32) -> Scale {
        if v == 0 {
            return Scale::ONE;
        }
        // Move v to 126..=128 bits by an even shift; its root then has 63 or 64 bits.
        let up = v.leading_zeros() & !1;
        let root = super::isqrt(v << up);
        // sqrt(v 2^-exp2) = root * 2^(-(up + exp2) / 2)
        Scale::ratio(1, root as u64, (up as i32 + exp2) / 2)
    }
}

/// The multiplier and right shift that turn an exact dot product into a fixed-point number.
///
/// `(m, s)` with `m < 2^23` such that `acc * a * b` in `Qfrac` is `rsr(acc * m, s)`; see [`super::shift_to_i32`].
pub const fn epilogue(a: Scale, b: Scale, frac: i32) -> (i64, i32) {
    // mantissas are at most 2^24 - 1, so the product plus 2^24 is below 2^48 and m <= 2^23 - 1.
    let m = (a.mant as u64 * b.mant as u64 + (1 << 24)) >> 25;
    let s = 0i32.saturating_sub(a.exp.saturating_add(b.exp).saturating_add(25 + frac));
    (m as i64, s)
}
