//! High-precision scalar routines. They make tables and per-row or per-token scalars, never per-element values.
//!
//! Everything is `const`, so that tables are made at compile time by the very code a reader sees.

/// `ln 2` in Q62.
pub const LN_2_Q62: i128 = 3_196_577_161_300_663_915;
/// `pi / 2` in Q62.
pub const PI_HALF_Q62: i128 = 7_244_019_458_077_122_842;
/// `log2 e` in Q62.
const LOG2_E_Q62: i128 = 6_653_256_548_922_161_246;
/// `1 / (2 pi)` in Q64.
pub const INV_TWO_PI_Q64: u128 = 2_935_890_503_282_001_226;

const Q62: i128 = 1 << 62;

/// Largest integer whose square is at most `x`.
pub const fn isqrt(x: u128) -> u128 {
    // Digit by digit: 64 steps at most, no division.
    let mut rest = x;
    let mut root = 0u128;
    let mut bit = 1u128 << 126;
    while bit > x {
        bit >>= 2;
    }
    while bit != 0 {
        if rest >= root + bit {
            rest -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
        bit >>= 2;
    }
    root
}

/// `2^f` in Q62 for `f` in `[0, 1)` given in Q62. Error below 2^-57.
pub const fn exp2_frac(f: u64) -> u64 {
    // Taylor series of e^(f ln 2); z < ln 2, so the term after n steps is below 0.694^n / n!.
    let z = (f as i128 * LN_2_Q62) >> 62;
    let mut term = Q62;
    let mut sum = Q62;
    let mut n = 1;
    while term != 0 {
        term = ((term * z) >> 62) / n;
        sum += term;
        n += 1;
    }
    sum as u64
}

/// `e^-y` in Q62 for `y >= 0` in Q48. Error below 2^-46 relative, and exactly 0 from where the result is below 2^-62.
pub const fn exp_neg(y: u64) -> u64 {
    // y log2(e) in Q62: y < 2^64, log2(e) < 2^63, so the product fits u128.
    let t = (y as u128 * LOG2_E_Q62 as u128) >> 48;
    let whole = (t >> 62) as u32;
    if t >> 62 > 62 {
        return 0;
    }
    let frac = (t & (Q62 as u128 - 1)) as u64;
    // 2^-(whole + frac) = 2^(1 - frac) / 2^(whole + 1)
    if frac == 0 {
        return ((Q62 as u128) >> whole) as u64;
    }
    exp2_frac((1u64 << 62) - frac) >> (whole + 1)
}

/// `log2 x` in Q56 for `x >= 1`, by repeated squaring. Error below 2^-54. Zero gives 0.
pub const fn log2(x: u64) -> u64 {
    if x == 0 {
        return 0;
    }
    let whole = 63 - x.leading_zeros();
    let mut m = (x << x.leading_zeros()) as u128; // [1, 2) in Q63
    let mut out = (whole as u64) << 56;
    let mut bit = 55i32;
    while bit >= 0 {
        m = (m * m) >> 63;
        if m >> 64 != 0 {
            m >>= 1;
            out |= 1u64 << bit;
        }
        bit -= 1;
    }
    out
}

/// `ln m` in Q60 for `m` in `[1, 2]` given in Q62: `2 atanh((m - 1) / (m + 1))`. Used for tables only.
pub const fn ln_slow(m: u64) -> u64 {
    let z = ((m as i128 - Q62) << 62) / (m as i128 + Q62);
    let square = (z * z) >> 62;
    let mut power = z;
    let mut sum = 0i128;
    let mut k = 1;
    while power != 0 {
        sum += power / k;
        power = (power * square) >> 62;
        k += 2;
    }
    (sum >> 1) as u64
}

const LN_CELLS: usize = 128;

/// For each cell of 1/128 of `[1, 2)`: the reciprocal of its middle in Q32, and minus the natural logarithm of that
/// rounded reciprocal in Q60.
static LN_TABLE: [(u64, u64); LN_CELLS] = ln_table();

const fn ln_table() -> [(u64, u64); LN_CELLS] {
    let mut out = [(0, 0); LN_CELLS];
    let mut i = 0;
    while i < LN_CELLS {
        // middle = (257 + 2 i) / 256
        let denominator = 257 + 2 * i as u64;
        let recip = ((1u64 << 40) + denominator / 2) / denominator;
        // 1 / recip in Q62 is 2^94 / recip, in (1, 2).
        let inverse = ((1u128 << 94) / recip as u128) as u64;
        out[i] = (recip, ln_slow(inverse));
        i += 1;
    }
    out
}

/// `ln x` in Q56 for `x >= 1`. Error below 2^-53. Zero gives 0.
pub const fn ln(x: u64) -> u64 {
    if x == 0 {
        return 0;
    }
    let whole = 63 - x.leading_zeros();
    let m = x << x.leading_zeros(); // [1, 2) in Q63
    let (recip, base) = LN_TABLE[((m >> 56) & 127) as usize];
    // m * recip is within 2^-7 of one, in Q95; y = m * recip - 1 in Q62.
    let y = ((m as u128 * recip as u128) >> 33) as i128 - Q62;
    // ln(1 + y) by Horner to y^8; the rest is below 2^-66.
    let mut acc = 0i128;
    let mut k = 8i128;
    while k >= 1 {
        // ln(1+y) = y (1 - y (1/2 - y (1/3 - ...)))
        acc = Q62 / k - ((acc * y) >> 62);
        k -= 1;
    }
    let series = (acc * y) >> 62;
    let total = ((whole as i128 * LN_2_Q62) >> 2) + base as i128 + (series >> 2);
    // Truncations may leave a hair below zero at x = 1.
    if total < 0 {
        0
    } else {
        (total >> 4) as u64
    }
}

/// Standard Gumbel noise `-ln(-ln((r + 1/2) / 2^32))` in Q36, from 32 uniform bits.
///
/// Absolute error below 2^-20. Between -3.14 (`r = 0`) and 22.88 (`r = 2^32 - 1`), never outside
/// `[-4, 23]` (see `docs/exact.md`), which lets a kernel skip tokens that cannot win.
pub const fn gumbel(r: u32) -> i64 {
    // u = (2r + 1) / 2^33, -ln u = 33 ln 2 - ln(2r + 1) > 0: at least 2^-33, i.e. 2^23 in Q56.
    let ln_33 = ((33 * LN_2_Q62) >> 6) as u64;
    let e = ln_33.saturating_sub(ln(2 * r as u64 + 1));
    // -ln e = 56 ln 2 - ln(e as an integer)
    let value = ((56 * LN_2_Q62) >> 6) as i64 - ln(e) as i64;
    super::rsr(value, 20)
}

/// Cosine and sine in Q30 of an angle given in turns, Q64 (so that wrapping is exact). Error below 2^-30.
pub const fn sin_cos_turns(angle: u64) -> (i32, i32) {
    let x = (((angle & ((1 << 62) - 1)) as i128) * PI_HALF_Q62) >> 62; // [0, pi/2) in Q62
    let square = (x * x) >> 62;
    let (mut sin, mut cos) = (x, Q62);
    let (mut sin_term, mut cos_term) = (x, Q62);
    let mut n = 1i128;
    while cos_term != 0 || sin_term != 0 {
        cos_term = -((cos_term * square) >> 62) / ((2 * n - 1) * (2 * n));
        sin_term = -((sin_term * square) >> 62) / ((2 * n) * (2 * n + 1));
        cos += cos_term;
        sin += sin_term;
        n += 1;
        if n > 32 {
            break;
        }
    }
    let c = super::rsr(cos as i64, 32) as i32;
    let s = super::rsr(sin as i64, 32) as i32;
    match angle >> 62 {
        0 => (c, s),
        1 => (-s, c),
        2 => (-c, -s),
        _ => (s, -c),
    }
}
