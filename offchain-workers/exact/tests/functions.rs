//! Error bounds of the fixed-point routines against f64.
#![allow(clippy::unwrap_used)]

mod common;

use common::real;
use lantern_exact::{fixed::*, ops, synthetic::SplitMix64, RopeScaling};

const Q24: f64 = 16_777_216.0;
const Q30: f64 = 1_073_741_824.0;
const Q56: f64 = 72_057_594_037_927_936.0;
const Q62: f64 = 4_611_686_018_427_387_904.0;

#[test]
fn rsr_is_floor_of_half_up_for_all_shifts() {
    let mut rng = SplitMix64(1);
    let mut values = vec![
        0,
        1,
        -1,
        i64::MAX,
        i64::MIN,
        i64::MAX - 1,
        i64::MIN + 1,
        1 << 62,
        -(1 << 62),
    ];
    values.extend((0..2000).map(|i| (rng.next_u64() as i64) >> (i % 64)));
    for x in values {
        for s in 0..=80u32 {
            let exact = if s == 0 {
                x as i128
            } else {
                (x as i128 + (1i128 << (s - 1))) >> s
            };
            assert_eq!(rsr(x, s) as i128, exact, "{x} {s}");
        }
    }
}

#[test]
fn shift_to_i32_equals_the_unbounded_shift_clamped() {
    let mut rng = SplitMix64(2);
    let clamp = |x: i128| x.clamp(i32::MIN as i128, i32::MAX as i128) as i32;
    let mut values = vec![
        0,
        1,
        -1,
        i64::MAX,
        i64::MIN,
        i32::MAX as i64,
        i32::MIN as i64,
        1 << 31,
        -(1 << 31) - 1,
    ];
    values.extend((0..2000).map(|i| (rng.next_u64() as i64) >> (i % 64)));
    for x in values {
        for s in -60..=70i32 {
            let exact = if s > 0 {
                (x as i128 + (1i128 << (s - 1))) >> s
            } else {
                (x as i128) << -s
            };
            assert_eq!(shift_to_i32(x, s), clamp(exact), "{x} {s}");
        }
        assert_eq!(shift_to_i32(x, i32::MAX), 0);
        assert_eq!(shift_to_i32(x, i32::MIN), clamp((x.signum() as i128) << 64));
    }
}

#[test]
fn isqrt_is_exact() {
    let mut rng = SplitMix64(3);
    let mut values = vec![
        0u128,
        1,
        2,
        3,
        4,
        u128::MAX,
        (1 << 64) - 1,
        1 << 64,
        (u64::MAX as u128).pow(2),
    ];
    values.extend((0..5000u32).map(|i| ((rng.next_u64() as u128) << 64 | rng.next_u64() as u128) >> (i % 128)));
    for x in values {
        let root = isqrt(x);
        assert!(root * root <= x, "{x}");
        assert!((root + 1).checked_mul(root + 1).is_none_or(|above| above > x), "{x}");
    }
}

#[test]
fn high_precision_routines_agree_with_f64() {
    for i in 0..20_000u64 {
        let f = i as f64 / 20_000.0;
        let q = (f * Q62) as u64;
        let exact = (q as f64 / Q62).exp2();
        assert!((exp2_frac(q) as f64 / Q62 - exact).abs() < 1e-15, "exp2_frac {f}");
        let y = f * 40.0;
        let q = (y * 281_474_976_710_656.0) as u64;
        let exact = (-(q as f64) / 281_474_976_710_656.0).exp();
        let got = exp_neg(q) as f64 / Q62;
        assert!(
            (got - exact).abs() < 2e-14 * exact + 5e-19,
            "exp_neg {y}: {got} {exact}"
        );
    }
    assert_eq!((exp_neg(0), exp_neg(u64::MAX)), (1 << 62, 0));
    let mut rng = SplitMix64(4);
    for i in 0..20_000u32 {
        let x = (rng.next_u64() >> (i % 64)).max(1);
        assert!((log2(x) as f64 / Q56 - (x as f64).log2()).abs() < 2e-14, "log2 {x}");
        assert!((ln(x) as f64 / Q56 - (x as f64).ln()).abs() < 2e-14, "ln {x}");
    }
    // Where f64 is of no help: identities to the last bits.
    for k in 0..64 {
        assert_eq!(log2(1 << k), (k as u64) << 56);
        let exact = ((k as i128 * LN_2_Q62) >> 6) as i64;
        assert!((ln(1 << k) as i64 - exact).abs() <= 8, "ln 2^{k}");
    }
    for x in [3u64, 10, 12_345, 1 << 31 | 1] {
        assert!((ln(x * x) as i64 - 2 * ln(x) as i64).abs() <= 16, "ln {x} squared");
        assert!(
            (log2(x * x) as i64 - 2 * log2(x) as i64).abs() <= 16,
            "log2 {x} squared"
        );
    }
}

#[test]
fn ln_table_and_series_join_without_a_step() {
    // Across every cell border of the 128 cells, ln must rise by the derivative.
    for cell in 128..256u64 {
        let x = cell << 40;
        let rise = ln(x + (1 << 20)) as i64 - ln(x - (1 << 20)) as i64;
        let exact = (((1u64 << 21) as f64 / x as f64) * Q56) as i64;
        assert!((rise - exact).abs() <= 64, "cell {cell}: {rise} {exact}");
    }
}

#[test]
fn gumbel_noise_is_accurate_and_bounded() {
    let mut rng = SplitMix64(5);
    let mut words = vec![0, 1, 2, u32::MAX, u32::MAX - 1, 1 << 31];
    words.extend((0..200_000).map(|_| rng.next_u64() as u32));
    let mut worst = 0f64;
    for r in words {
        // -ln(u) with u = (2r + 1) / 2^33; ln_1p keeps the precision near one.
        let e = -(-((1u64 << 33) - 2 * r as u64 - 1).min(1 << 33).cast_signed() as f64 / 8_589_934_592.0).ln_1p();
        let error = (gumbel(r) as f64 / 68_719_476_736.0 + e.ln()).abs();
        worst = worst.max(error);
    }
    assert!(worst < 1.0 / 1_048_576.0, "{worst}");
    assert!(gumbel(0) > -4 << 36 && gumbel(u32::MAX) < ops::GUMBEL_MAX);
    for i in 0..100_000u32 {
        let r = i * 42_949;
        assert!(gumbel(r) <= gumbel(r + 42_949), "monotone at {r}");
    }
    println!("gumbel: worst absolute error {worst:.2e}");
}

#[test]
fn exp2_neg_has_its_stated_error_and_is_monotone() {
    let mut worst = 0f64;
    let mut last = u32::MAX;
    for t in 0..(28u32 << 16) {
        let got = exp2_neg(t);
        assert!(got <= last, "monotone at {t}");
        last = got;
        let exact = (-(t as f64) / 65536.0).exp2() * Q24;
        let excess = ((got as f64 - exact).abs() - 0.5).max(0.0) / exact;
        worst = worst.max(excess);
    }
    assert_eq!((exp2_neg(0), exp2_neg(26 << 16), exp2_neg(u32::MAX)), (EXP2_ONE, 0, 0));
    assert!(worst < 3.4e-6, "{worst}");
    println!("exp2_neg: worst relative error beyond half a unit {worst:.2e}");
}

/// `Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/15 + ...)`, all terms of one sign.
fn phi(x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-18 * sum.abs() {
        n += 2.0;
        term *= x * x / n;
        sum += term;
    }
    0.5 + sum * (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

#[test]
fn sigmoid_and_normal_cdf_have_their_stated_errors() {
    let (mut worst_sigmoid, mut worst_cdf) = (0f64, 0f64);
    for x in (-(40 << 16)..(40 << 16)).step_by(3) {
        let real = x as f64 / 65536.0;
        worst_sigmoid = worst_sigmoid.max((sigmoid(x) as f64 / Q30 - 1.0 / (1.0 + (-real).exp())).abs());
        if real.abs() < 9.0 {
            worst_cdf = worst_cdf.max((normal_cdf(x) as f64 / Q30 - phi(real)).abs());
        }
        assert_eq!(sigmoid(x) + sigmoid(-x), 1 << 30);
        assert_eq!(normal_cdf(x) + normal_cdf(-x), 1 << 30);
    }
    assert!(worst_sigmoid < 8e-7, "{worst_sigmoid}");
    assert!(worst_cdf < 5e-7, "{worst_cdf}");
    assert_eq!((sigmoid(0), normal_cdf(0)), (1 << 29, 1 << 29));
    assert_eq!(
        (sigmoid(i32::MIN), normal_cdf(i32::MIN), normal_cdf(i32::MAX)),
        ((1 << 30) - SIGMOID[2048], 0, 1 << 30)
    );
    println!("sigmoid: worst {worst_sigmoid:.2e}; normal_cdf: worst {worst_cdf:.2e}");
}

#[test]
fn table_entries_are_correctly_rounded() {
    for (i, entry) in SIGMOID.iter().enumerate() {
        let exact = Q30 / (1.0 + (-(i as f64) / 128.0).exp());
        assert!((*entry as f64 - exact).abs() < 0.501, "sigmoid {i}");
    }
    for (i, entry) in NORMAL_CDF.iter().enumerate() {
        assert!((*entry as f64 - Q30 * phi(i as f64 / 256.0)).abs() < 0.51, "normal {i}");
    }
}

#[test]
fn silu_and_gelu_are_close_to_the_real_functions() {
    let (mut worst_silu, mut worst_gelu) = (0f64, 0f64);
    for x in (-(30 << 16)..(30 << 16)).step_by(5) {
        let real = x as f64 / 65536.0;
        worst_silu = worst_silu.max((ops::silu(x) as f64 / 65536.0 - real / (1.0 + (-real).exp())).abs());
        let cdf = if real < -8.5 { 0.0 } else { phi(real.min(9.0)) };
        worst_gelu = worst_gelu.max((ops::gelu(x) as f64 / 65536.0 - real * cdf).abs());
    }
    // Half a unit of Q16 is 7.6e-6.
    assert!(worst_silu < 1.0e-5 && worst_gelu < 9.5e-6, "{worst_silu} {worst_gelu}");
    for x in [i32::MIN, i32::MAX, 0, 1, -1] {
        assert!(ops::silu(x).unsigned_abs() <= x.unsigned_abs() && ops::gelu(x).unsigned_abs() <= x.unsigned_abs());
    }
    println!("silu: worst {worst_silu:.2e}; gelu: worst {worst_gelu:.2e}");
}

#[test]
fn sin_cos_have_their_stated_error() {
    let mut rng = SplitMix64(6);
    let mut angles: Vec<u64> = (0..8u64)
        .flat_map(|o| [o << 61, (o << 61).wrapping_sub(1), (o << 61) + 1])
        .collect();
    angles.extend((0..200_000).map(|_| rng.next_u64()));
    for angle in angles {
        let x = angle as f64 / 18_446_744_073_709_551_616.0 * 2.0 * std::f64::consts::PI;
        let (c, s) = sin_cos_turns(angle);
        assert!((c as f64 / Q30 - x.cos()).abs() < 1.0 / Q30, "cos {angle}");
        assert!((s as f64 / Q30 - x.sin()).abs() < 1.0 / Q30, "sin {angle}");
    }
    assert_eq!(sin_cos_turns(0), (1 << 30, 0));
    assert_eq!(sin_cos_turns(1 << 62), (0, 1 << 30));
    assert_eq!(sin_cos_turns(1 << 63), (-(1 << 30), 0));
    assert_eq!(sin_cos_turns(3 << 62), (0, -(1 << 30)));
}

#[test]
fn scales_are_normalised_and_accurate() {
    let mut rng = SplitMix64(7);
    let half_unit = 1.0 / 16_777_216.0;
    for i in 0..50_000u32 {
        let m = (((rng.next_u64() as u128) << 64) | rng.next_u64() as u128) >> (i % 128);
        let n = (rng.next_u64() >> (i % 63)).max(1);
        if m == 0 {
            continue;
        }
        let a = Scale::normalise(m, -40);
        let b = Scale::normalise(n as u128, 3);
        for (scale, exact) in [
            (a, m as f64 * (-40f64).exp2()),
            (b, n as f64 * 8.0),
            (a.mul(b), real(a) * real(b)),
            (a.recip(), 1.0 / real(a)),
            (Scale::ratio(n, 127, 5), n as f64 / 127.0 * 32.0),
            (Scale::ratio(1, n, -7), 1.0 / n as f64 / 128.0),
            (Scale::inv_sqrt(m, 6), 8.0 / (m as f64).sqrt()),
        ] {
            assert!(scale.is_valid(), "{scale:?}");
            let error = (real(scale) / exact - 1.0).abs();
            assert!(error <= half_unit * 1.000_001, "{scale:?} {exact} {error}");
        }
    }
    assert_eq!(Scale::normalise(0, 5), Scale::ZERO_ROW);
    assert_eq!(Scale::normalise((1 << 25) - 1, 0), Scale { mant: MANT_MIN, exp: 2 });
    assert_eq!(Scale::normalise(1, 0), Scale::ONE);
    assert_eq!(
        (Scale::ratio(0, 1, 0), Scale::ratio(1, 0, 0)),
        (Scale::ZERO_ROW, Scale::ZERO_ROW)
    );
    assert_eq!(Scale::ONE.mul(Scale::ONE), Scale::ONE);
    assert_eq!(Scale::ONE.recip(), Scale::ONE);
}

#[test]
fn rope_frequencies_and_angles_agree_with_f64() {
    for (base, half) in [
        (10_000u32, 32usize),
        (500_000, 64),
        (1_000_000, 64),
        (10_000_000, 40),
        (2, 1),
        (10_000, 5),
    ] {
        let mut frequencies = vec![0; half];
        ops::rope_frequencies(base, RopeScaling::None, &mut frequencies);
        for (i, f) in frequencies.iter().enumerate() {
            let exact = (base as f64).powf(-(i as f64) / half as f64) / (2.0 * std::f64::consts::PI);
            let got = *f as f64 / 18_446_744_073_709_551_616.0;
            // One unit of Q64 is 5.4e-20.
            assert!((got - exact).abs() < 4e-15 * exact + 6e-20, "{base} {i}");
        }
        let (mut cos, mut sin) = (vec![0; half], vec![0; half]);
        for position in [0u32, 1, 2, 511, 4095, 131_071, (1 << 20) - 1] {
            ops::rope_angles(&frequencies, position, &mut cos, &mut sin);
            for i in 0..half {
                let angle = (base as f64).powf(-(i as f64) / half as f64) * position as f64;
                assert!(
                    (cos[i] as f64 / Q30 - angle.cos()).abs() < 4e-9,
                    "{base} {i} {position}"
                );
                assert!(
                    (sin[i] as f64 / Q30 - angle.sin()).abs() < 4e-9,
                    "{base} {i} {position}"
                );
            }
        }
    }
}

#[test]
fn rope_scaling_follows_the_published_formulas() {
    let (base, half) = (500_000u32, 64usize);
    let mut plain = vec![0; half];
    let (mut linear, mut llama3) = (plain.clone(), plain.clone());
    ops::rope_frequencies(base, RopeScaling::None, &mut plain);
    ops::rope_frequencies(base, RopeScaling::Linear { factor: 5 << 15 }, &mut linear);
    let scaling = RopeScaling::Llama3 {
        factor: 8 << 16,
        low_freq_factor: 1 << 16,
        high_freq_factor: 4 << 16,
        original_context: 8192,
    };
    ops::rope_frequencies(base, scaling, &mut llama3);
    let (mut kept, mut blended, mut divided) = (0, 0, 0);
    for i in 0..half {
        assert!((linear[i] as f64 / plain[i] as f64 - 0.4).abs() < 1e-9);
        let inv_freq = (base as f64).powf(-(i as f64) / half as f64);
        let wavelength = 2.0 * std::f64::consts::PI / inv_freq;
        let expected = if wavelength < 8192.0 / 4.0 {
            kept += 1;
            inv_freq
        } else if wavelength > 8192.0 {
            divided += 1;
            inv_freq / 8.0
        } else {
            blended += 1;
            let smooth = (8192.0 / wavelength - 1.0) / 3.0;
            (1.0 - smooth) * inv_freq / 8.0 + smooth * inv_freq
        };
        let got = llama3[i] as f64 / 18_446_744_073_709_551_616.0 * 2.0 * std::f64::consts::PI;
        assert!((got / expected - 1.0).abs() < 1e-8, "{i}: {got} {expected}");
    }
    assert!(kept > 0 && blended > 0 && divided > 0);
}

#[test]
fn inverse_rms_is_accurate_over_its_whole_range() {
    let eps = 184_467_440_737_095u64; // 1e-5
    for (value, n) in [
        (0i32, 8u32),
        (1, 8),
        (100, 33),
        (65_536, 4096),
        (i32::MIN, 131_071),
        (i32::MAX, 1),
    ] {
        let row = vec![value; n as usize];
        let inv = real(ops::inv_rms(ops::sum_of_squares(&row), n, eps));
        let x = value as f64 / 65536.0;
        let exact = 1.0 / (x * x + eps as f64 / 18_446_744_073_709_551_616.0).sqrt();
        assert!((inv / exact - 1.0).abs() < 1.2e-7, "{value} {n}: {inv} {exact}");
    }
}
