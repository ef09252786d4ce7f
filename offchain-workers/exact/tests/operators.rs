//! Operators against f64 and against unbounded integers, extremes included.
#![allow(clippy::unwrap_used)]

mod common;

use common::real;
use lantern_exact::{fixed::*, ops, ops::Quantiser, synthetic::SplitMix64, Width};
use proptest::prelude::*;

const QMAXES: [u32; 5] = [
    ops::ACTIVATION_MAX_WIDE,
    ops::ACTIVATION_MAX_NARROW,
    ops::KEY_MAX_WIDE,
    ops::QUERY_MAX,
    ops::VALUE_MAX,
];

fn any_row(len: usize) -> impl Strategy<Value = Vec<i32>> {
    let element = prop_oneof![
        4 => -200_000..200_000i32,
        2 => any::<i32>(),
        1 => prop_oneof![Just(0), Just(i32::MIN), Just(i32::MAX), Just(1), Just(-1)],
    ];
    prop::collection::vec(element, 1..=len)
}

fn any_scale() -> impl Strategy<Value = Scale> {
    (MANT_MIN..=MANT_MAX, -100..40i32).prop_map(|(mant, exp)| Scale { mant, exp })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn quantiser_keeps_its_range_and_half_a_unit(
        z in prop::collection::vec(-(1i64 << 62)..=(1i64 << 62), 1..20), shift in 0u32..62, which in 0usize..5,
    ) {
        let qmax = QMAXES[which];
        let z: Vec<i64> = z.iter().map(|v| v >> shift).collect();
        let amax = z.iter().map(|v| v.unsigned_abs()).max().unwrap();
        let quantiser = Quantiser::new(amax, qmax, Scale::ONE);
        for v in &z {
            let q = quantiser.apply(*v);
            prop_assert!(q.unsigned_abs() <= qmax);
            if amax > 0 {
                let exact = *v as f64 * qmax as f64 / amax as f64;
                prop_assert!((q as f64 - exact).abs() <= 0.5 + 1e-4, "{} {}", q, exact);
            } else {
                prop_assert_eq!(q, 0);
            }
        }
        if amax > 0 {
            let top = quantiser.apply(amax as i64);
            prop_assert_eq!(top as u32, qmax);
            prop_assert!((real(quantiser.scale) * qmax as f64 / amax as f64 - 1.0).abs() < 2e-7);
            prop_assert!(quantiser.recip < 1 << 31);
        }
    }

    #[test]
    fn planes_rebuild_the_value_and_fit_int8(q in -32_639i16..=32_639) {
        let (high, low) = ops::split_planes(q);
        prop_assert_eq!(high as i32 * 256 + low as i32, q as i32);
        prop_assert!(high >= -127);
    }

    #[test]
    fn cell_equals_unbounded_arithmetic(acc in -(1i64 << 39)..(1i64 << 39), a in any_scale(), b in any_scale()) {
        let m = (a.mant as u128 * b.mant as u128 + (1 << 24)) >> 25;
        let s = -(25 + a.exp + b.exp + 16);
        let wide = acc as i128 * m as i128;
        prop_assert!(wide.unsigned_abs() < 1 << 62);
        let exact = if s > 100 { 0 } else if s > 0 { (wide + (1i128 << (s - 1))) >> s } else if acc == 0 { 0 } else {
            // Beyond 2^100 the sign alone decides.
            if -s > 60 { (acc.signum() as i128) << 100 } else { wide << -s }
        };
        prop_assert_eq!(ops::cell(acc, a, b), exact.clamp(i32::MIN as i128, i32::MAX as i128) as i32);
    }

    #[test]
    fn rmsnorm_quantise_matches_f64(x in any_row(96), seed in any::<u64>()) {
        let mut rng = SplitMix64(seed);
        let gain: Vec<i32> = x.iter().map(|_| rng.range(-(1 << 24), 1 << 24) as i32).collect();
        let (eps, frac) = (184_467_440_737_095u64, 20);
        let mut q = vec![0i16; x.len()];
        let scale = ops::rmsnorm_quantise(&x, &gain, frac, eps, ops::ACTIVATION_MAX_WIDE, &mut q);
        let inv = 1.0 / (mean_square(&x) + 1e-5).sqrt();
        for ((v, g), q) in x.iter().zip(&gain).zip(&q) {
            let exact = *v as f64 / 65536.0 * inv * *g as f64 / 1_048_576.0;
            prop_assert!((*q as f64 * real(scale) - exact).abs() <= 0.51 * real(scale) + exact.abs() * 5e-7);
        }
    }

    #[test]
    fn norms_match_f64(x in any_row(96), seed in any::<u64>()) {
        let mut rng = SplitMix64(seed);
        let gain: Vec<i32> = x.iter().map(|_| rng.range(-(1 << 20), 1 << 20) as i32).collect();
        let bias: Vec<i32> = x.iter().map(|_| rng.range(-(1 << 18), 1 << 18) as i32).collect();
        let (eps, frac) = (184_467_440_737_095u64, 18);
        let mut got = x.clone();
        ops::rmsnorm(&mut got, &gain, frac, eps);
        let inv = 1.0 / (mean_square(&x) + 1e-5).sqrt();
        for ((v, g), y) in x.iter().zip(&gain).zip(&got) {
            let exact = *v as f64 / 65536.0 * inv * *g as f64 / 262_144.0;
            prop_assert!((*y as f64 / 65536.0 - exact).abs() < 2e-5 + exact.abs() * 1e-6, "{} {}", y, exact);
        }
        // LayerNorm, away from saturation of the centred row.
        let x: Vec<i32> = x.iter().map(|v| v >> 2).collect();
        let mut got = x.clone();
        ops::layernorm(&mut got, &gain, frac, &bias, eps);
        let mean = ops::mean(&x);
        let centred: Vec<i32> = x.iter().map(|v| v - mean).collect();
        let inv = 1.0 / (mean_square(&centred) + 1e-5).sqrt();
        for (((v, g), b), y) in centred.iter().zip(&gain).zip(&bias).zip(&got) {
            let exact = *v as f64 / 65536.0 * inv * *g as f64 / 262_144.0 + *b as f64 / 65536.0;
            prop_assert!((*y as f64 / 65536.0 - exact).abs() < 2e-5 + exact.abs() * 1e-6, "{} {}", y, exact);
        }
    }

    #[test]
    fn rope_rotates_and_saturates(mut row in any_row(64), position in 0u32..1 << 20) {
        row.resize(row.len() + row.len() % 2, 0);
        let half = row.len() / 2;
        let mut frequencies = vec![0; half];
        ops::rope_frequencies(10_000, lantern_exact::RopeScaling::None, &mut frequencies);
        let (mut cos, mut sin) = (vec![0; half], vec![0; half]);
        ops::rope_angles(&frequencies, position, &mut cos, &mut sin);
        let before = row.clone();
        ops::rope_row(&mut row, &cos, &sin);
        for i in 0..half {
            let (c, s) = (cos[i] as i128, sin[i] as i128);
            let (x, y) = (before[i] as i128, before[i + half] as i128);
            let exact = |v: i128| ((v + (1 << 29)) >> 30).clamp(i32::MIN as i128, i32::MAX as i128) as i32;
            prop_assert_eq!(row[i], exact(x * c - y * s));
            prop_assert_eq!(row[i + half], exact(y * c + x * s));
        }
    }

    #[test]
    fn attention_matches_f64_softmax(seed in any::<u64>(), positions in 1usize..200, spread in 8u32..19) {
        let mut rng = SplitMix64(seed);
        let dim = 16;
        let mut head = |bits: u32| -> Vec<i32> { (0..dim).map(|_| rng.range(-(1 << bits), 1 << bits) as i32).collect() };
        let query = head(spread);
        let mut q = vec![0i16; dim];
        let query_scale = ops::quantise_queries(&query, &mut q);
        let (mut scores, mut exact_scores, mut scales, mut values) = (vec![], vec![], vec![], vec![]);
        for t in 0..positions {
            let key = head(17);
            let mut k = vec![0i16; dim];
            let key_scale = ops::quantise_keys(&key, Width::Wide, &mut k);
            scores.push(ops::score(ops::dot_head(&q, &k), query_scale, key_scale));
            // The exact softmax of what was quantised, so that only score and softmax errors show.
            let dot: f64 = q.iter().zip(&k).map(|(a, b)| *a as f64 * *b as f64).sum();
            exact_scores.push(dot * real(query_scale) * real(key_scale) * std::f64::consts::LN_2);
            let mut v = vec![0i8; dim];
            scales.push(ops::quantise_values(&head(10 + (t % 8) as u32), &mut v));
            values.push(v);
        }
        let mut weights = vec![0; positions];
        let softmax = ops::softmax(&scores, &scales, &mut weights);
        let mut acc = vec![0i64; dim];
        weights.iter().zip(&values).for_each(|(w, v)| ops::mix(*w, v, &mut acc));
        let top = exact_scores.iter().copied().fold(f64::MIN, f64::max);
        let e: Vec<f64> = exact_scores.iter().map(|s| (s - top).exp()).collect();
        let sum: f64 = e.iter().sum();
        let largest = scales.iter().map(|s| real(*s) * 127.0).fold(0.0, f64::max);
        for d in 0..dim {
            let exact: f64 = (0..positions).map(|t| e[t] / sum * values[t][d] as f64 * real(scales[t])).sum();
            let got = ops::finish_mix(acc[d], &softmax) as f64 / 65536.0;
            prop_assert!((got - exact).abs() < 8e-6 + largest * 3e-5, "{} {} {}", got, exact, largest);
        }
    }

    #[test]
    fn l2_norm_is_one_and_direction_is_kept(sums in prop::collection::vec(-(1i64 << 51)..(1i64 << 51), 1..64), down in 0u32..50) {
        let sums: Vec<i64> = sums.iter().map(|x| x >> down).collect();
        let mut out = vec![0; sums.len()];
        ops::l2_normalise(&sums, &mut out);
        let norm = sums.iter().map(|x| (*x as f64).powi(2)).sum::<f64>().sqrt();
        for (x, y) in sums.iter().zip(&out) {
            let exact = if norm == 0.0 { 0.0 } else { *x as f64 / norm };
            prop_assert!((*y as f64 / 1_073_741_824.0 - exact).abs() < 2e-7);
        }
    }
}

fn mean_square(x: &[i32]) -> f64 {
    x.iter().map(|v| (*v as f64 / 65536.0).powi(2)).sum::<f64>() / x.len() as f64
}

#[test]
fn extremes_of_every_accumulator_stay_exact() {
    // GIVEN the largest inner dimension and the largest magnitudes
    let n = 131_071usize;
    let (q, w) = (vec![32_639i16; n], vec![-127i8; n]);
    assert_eq!(ops::dot(&q, &w) as i128, -(n as i128) * 32_639 * 127);
    let worst = ops::dot(&q, &w);
    let top = Scale { mant: MANT_MAX, exp: 0 };
    assert_eq!(ops::cell(worst, top, top), i32::MIN);
    assert_eq!(ops::cell(-worst, top, top), i32::MAX);
    let small = Scale {
        mant: MANT_MAX,
        exp: -60,
    };
    assert_eq!(ops::cell(worst, small, small), 0);
    // a plane in i32
    let plane: i32 = vec![-128i8; n].iter().map(|a| *a as i32 * 127).sum();
    assert_eq!(plane as i64, -(n as i64) * 128 * 127);
    // sums of squares
    assert_eq!(ops::sum_of_squares(&vec![i32::MIN; n]), (n as u128) << 62);
    // WHEN rows of one repeated value pass the norms THEN they come out as plus or minus the gain, or zero
    for value in [i32::MIN, i32::MAX, -1 << 20] {
        let mut row = vec![value; 4096];
        ops::rmsnorm(&mut row, &vec![1 << 16; 4096], 16, 1 << 30);
        assert!(row
            .iter()
            .all(|y| (y.unsigned_abs() as i64 - 65_536).abs() <= 1 && (*y < 0) == (value < 0)));
        let mut row = vec![value; 4096];
        ops::layernorm(&mut row, &vec![1 << 16; 4096], 16, &vec![5; 4096], 1 << 30);
        assert!(row.iter().all(|y| *y == 5));
    }
}

#[test]
fn zero_rows_give_zeros_everywhere() {
    let zeros = vec![0i32; 64];
    let mut q = vec![1i16; 64];
    assert_eq!(
        ops::quantise_row(&zeros, ops::ACTIVATION_MAX_WIDE, &mut q),
        Scale::ZERO_ROW
    );
    assert!(q.iter().all(|v| *v == 0));
    q.fill(1);
    assert_eq!(
        ops::rmsnorm_quantise(&zeros, &[1 << 20; 64], 20, 1 << 40, 127, &mut q),
        Scale::ZERO_ROW
    );
    assert!(q.iter().all(|v| *v == 0));
    q.fill(1);
    assert_eq!(
        ops::silu_gate_quantise(&zeros, &[i32::MAX; 64], 127, &mut q),
        Scale::ZERO_ROW
    );
    assert_eq!(ops::gelu_quantise(&zeros, 127, &mut q), Scale::ZERO_ROW);
    assert!(q.iter().all(|v| *v == 0));
    let mut out = vec![1; 64];
    ops::l2_normalise(&[0; 64], &mut out);
    assert!(out.iter().all(|v| *v == 0));
    // Attention over keys and values of zeros only.
    let (mut key, mut value) = (vec![0i16; 64], vec![0i8; 64]);
    let scale = ops::quantise_keys(&zeros, Width::Wide, &mut key);
    let value_scale = ops::quantise_values(&zeros, &mut value);
    let query_scale = ops::quantise_queries(&zeros, &mut q);
    let score = ops::score(ops::dot_head(&q, &key), query_scale, scale);
    let mut weights = [0; 3];
    let softmax = ops::softmax(&[score; 3], &[value_scale; 3], &mut weights);
    assert_eq!((softmax.sum, ops::finish_mix(0, &softmax)), (3 << 24, 0));
}

#[test]
fn a_zero_value_row_does_not_disturb_its_neighbours() {
    // Its exponent lies below every other row's, so the alignment is the neighbours'.
    let (mut value, mut weights) = (vec![0i8; 4], [0; 2]);
    let smallest = ops::quantise_values(&[1, 0, 0, 0], &mut value);
    assert!(smallest.exp > Scale::ZERO_ROW.exp);
    let alone = ops::softmax(&[0], &[smallest], &mut weights);
    let beside = ops::softmax(&[0, -(26 << 16)], &[smallest, Scale::ZERO_ROW], &mut weights);
    assert_eq!(alone, beside);
}

#[test]
fn attention_over_the_longest_context_keeps_its_bounds() {
    // GIVEN 2^20 equal scores and full-scale values
    let n = 1usize << 20;
    let scale = Scale {
        mant: MANT_MAX,
        exp: -30,
    };
    let mut weights = vec![0u32; n];
    let softmax = ops::softmax(&vec![0; n], &vec![scale; n], &mut weights);
    assert_eq!(softmax.sum, 1 << 44);
    assert!(weights.iter().all(|w| *w <= 1 << 20));
    let mut acc = [0i64; 1];
    weights.iter().for_each(|w| ops::mix(*w, &[-127], &mut acc));
    // THEN the mean of equal values is that value
    let exact = -127.0 * real(scale) * 65536.0;
    let got = ops::finish_mix(acc[0], &softmax) as f64;
    assert!((got / exact - 1.0).abs() < 1e-6, "{got} {exact}");
    // AND one dominant score gives its own value
    let mut scores = vec![i32::MIN; n];
    scores[77] = i32::MAX;
    let softmax = ops::softmax(&scores, &vec![scale; n], &mut weights);
    assert_eq!((softmax.sum, weights.iter().filter(|w| **w > 0).count()), (1 << 24, 1));
}

#[test]
fn query_key_products_fit_sixteen_to_an_i32() {
    let pair = 2 * ops::QUERY_MAX as i64 * ops::KEY_MAX_WIDE as i64;
    assert!(8 * pair <= i32::MAX as i64);
    let mix = 16 * (1i64 << 20) * 127;
    assert!(mix <= i32::MAX as i64);
}
