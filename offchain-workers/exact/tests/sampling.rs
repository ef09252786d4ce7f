//! The next token: definition by brute force, distribution, thresholds.
#![allow(clippy::unwrap_used)]

mod common;

use common::seeded;
use lantern_exact::{
    fixed::{exp2_neg, gumbel, rsr},
    ops,
    synthetic::SplitMix64,
    Sampling,
};
use proptest::prelude::*;

/// The three numbered rules of `ops::sample`, each as written, quadratic and without any shortcut.
fn by_definition(logits: &[i32], sampling: &Sampling, position: u32) -> u32 {
    let Sampling::Seeded {
        temperature,
        top_k,
        top_p,
        seed,
    } = sampling
    else {
        let top = logits.iter().max().unwrap();
        return logits.iter().position(|l| l == top).unwrap() as u32;
    };
    let ids: Vec<usize> = (0..logits.len()).collect();
    let before = |a: usize, b: usize| logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
    let rank = |id: usize| ids.iter().filter(|other| before(**other, id)).count();
    let inv = ((1u64 << 36) + *temperature as u64 / 2) / *temperature as u64;
    let c = (inv * 1_549_082_005) >> 30;
    let top = *logits.iter().max().unwrap() as i64;
    let mass = |id: usize| {
        let t = rsr(((top - logits[id] as i64) as u64 * c) as i64, 20);
        exp2_neg(t.min(u32::MAX as i64) as u32) as u128
    };
    let first: Vec<usize> = ids
        .iter()
        .copied()
        .filter(|id| *top_k == 0 || rank(*id) < *top_k as usize)
        .collect();
    let total: u128 = first.iter().map(|id| mass(*id)).sum();
    let kept = first.iter().copied().filter(|id| {
        let ahead: u128 = first.iter().filter(|o| before(**o, *id)).map(|o| mass(*o)).sum();
        *top_p == 65536 || ahead * 65536 < *top_p as u128 * total
    });
    let cell = |id: usize| {
        let word = ops::noise_block(seed, position, id as u32 / 16)[id % 16];
        logits[id] as i64 * inv as i64 + gumbel(word)
    };
    kept.max_by_key(|id| (cell(*id), core::cmp::Reverse(*id))).unwrap() as u32
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn sample_equals_its_definition(
        logits in prop::collection::vec(prop_oneof![-400_000..400_000i32, Just(0), Just(70_000), any::<i32>()], 1..80),
        temperature in 1024u32..(64 << 16), top_k in 0u32..90, top_p in prop_oneof![1u32..=65_536, Just(65_536)],
        seed in any::<[u8; 32]>(), position in any::<u32>(),
    ) {
        let top_k = top_k.min(logits.len() as u32);
        let sampling = Sampling::Seeded { temperature, top_k, top_p, seed };
        prop_assert_eq!(ops::sample(&logits, &sampling, position), by_definition(&logits, &sampling, position));
        prop_assert_eq!(ops::sample(&logits, &Sampling::Greedy, position), by_definition(&logits, &Sampling::Greedy, 0));
    }
}

#[test]
fn frequencies_follow_the_softmax() {
    let logits: Vec<i32> = [0.0, 1.0, -1.0, 2.0, 0.5, 2.0]
        .iter()
        .map(|l: &f64| (l * 65536.0) as i32)
        .collect();
    let draws = 40_000u32;
    for temperature in [0.5, 1.0, 2.0] {
        let mut counts = [0u32; 6];
        for position in 0..draws {
            counts[ops::sample(&logits, &seeded(temperature, 0, 1.0, 9), position) as usize] += 1;
        }
        let e: Vec<f64> = logits
            .iter()
            .map(|l| (*l as f64 / 65536.0 / temperature).exp())
            .collect();
        let sum: f64 = e.iter().sum();
        // Chi-squared with five degrees of freedom: 25.7 has probability 1e-4, and the seed is fixed.
        let chi: f64 = counts
            .iter()
            .zip(&e)
            .map(|(n, e)| (*n as f64 - e / sum * draws as f64).powi(2) / (e / sum * draws as f64))
            .sum();
        assert!(chi < 25.7, "temperature {temperature}: {counts:?} {chi}");
    }
}

#[test]
fn thresholds_keep_exactly_the_promised_tokens() {
    let logits: Vec<i32> = [3.0, 1.0, 2.0, 3.0, -8.0]
        .iter()
        .map(|l: &f64| (l * 65536.0) as i32)
        .collect();
    let seen = |sampling: &dyn Fn(u8) -> Sampling| {
        let mut seen = [false; 5];
        for position in 0..4000 {
            seen[ops::sample(&logits, &sampling(position as u8), position) as usize] = true;
        }
        seen
    };
    assert_eq!(seen(&|s| seeded(2.0, 1, 1.0, s)), [true, false, false, false, false]);
    assert_eq!(seen(&|s| seeded(2.0, 3, 1.0, s)), [true, false, true, true, false]);
    // Masses at temperature 1 relative to the sum: .39 .05 .14 .39 .00
    assert_eq!(seen(&|s| seeded(1.0, 0, 0.3, s)), [true, false, false, false, false]);
    assert_eq!(seen(&|s| seeded(1.0, 0, 0.5, s)), [true, false, false, true, false]);
    assert_eq!(seen(&|s| seeded(1.0, 0, 0.9, s)), [true, false, true, true, false]);
    assert_eq!(seen(&|s| seeded(1.0, 2, 0.99, s)), [true, false, false, true, false]);
}

#[test]
fn argmax_takes_the_lowest_of_equals() {
    assert_eq!(ops::argmax(&[1, 5, 5, 3]), 1);
    assert_eq!(ops::argmax(&[i32::MIN, i32::MIN]), 0);
    assert_eq!(ops::argmax(&[]), 0);
}

#[test]
fn skipping_hopeless_tokens_changes_nothing_on_a_large_vocabulary() {
    let mut rng = SplitMix64(11);
    let logits: Vec<i32> = (0..5000).map(|_| rng.range(-700_000, 700_000) as i32).collect();
    for position in 0..40 {
        let sampling = seeded(0.9, 0, 1.0, 3);
        let Sampling::Seeded { seed, .. } = sampling else {
            unreachable!()
        };
        let inv = ((1i64 << 36) + 29_491) / 58_982;
        let best = (0..5000u32)
            .max_by_key(|id| {
                let word = ops::noise_block(&seed, position, id / 16)[(id % 16) as usize];
                (
                    logits[*id as usize] as i64 * inv + gumbel(word),
                    core::cmp::Reverse(*id),
                )
            })
            .unwrap();
        assert_eq!(ops::sample(&logits, &sampling, position), best);
    }
}
