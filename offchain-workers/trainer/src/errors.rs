//! Errors of the fixed-point routines against the real functions in f64.
//!
//! Where a routine has few enough arguments on which it is not constant, all of them are tried; else a dense set: evenly spaced arguments, and
//! those around the places where a routine changes its behaviour.

use std::f64::consts::{PI, TAU};

use lantern_exact::{fixed::*, ops, synthetic::SplitMix64, RopeScaling};

const Q16: f64 = 65_536.0;
const Q24: f64 = 16_777_216.0;
const Q30: f64 = 1_073_741_824.0;
const Q36: f64 = 68_719_476_736.0;
const Q48: f64 = 281_474_976_710_656.0;
const Q56: f64 = 72_057_594_037_927_936.0;
const Q62: f64 = 4_611_686_018_427_387_904.0;
const Q64: f64 = 18_446_744_073_709_551_616.0;

/// What an error is measured in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// Difference.
    Absolute,
    /// Difference over the right value.
    Relative,
    /// Difference beyond half a unit of the result's last place, over the right value.
    RelativeBeyondRounding,
    /// Difference over the argument.
    OfArgument,
    /// Difference in steps of the result.
    Steps,
    /// Sum of the differences of all probabilities.
    Sum,
}

impl Measure {
    /// What a report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Absolute => "absolute",
            Self::Relative => "relative",
            Self::RelativeBeyondRounding => "relative, beyond half a unit",
            Self::OfArgument => "relative to the argument",
            Self::Steps => "steps",
            Self::Sum => "sum over positions",
        }
    }
}

/// The largest error of a routine that was found, and the bound it must keep.
#[derive(Clone, Debug)]
pub struct ErrorBound {
    /// The routine.
    pub routine: &'static str,
    /// Which arguments were tried.
    pub arguments: &'static str,
    /// How many.
    pub count: u64,
    /// What `error` and `bound` are.
    pub measure: Measure,
    /// Largest error.
    pub error: f64,
    /// Argument of the largest error.
    pub at: f64,
    /// Largest error allowed.
    pub bound: f64,
}

impl ErrorBound {
    /// Whether the bound is kept. An error that is not a number keeps none.
    pub fn holds(&self) -> bool {
        self.error <= self.bound && self.count > 0
    }
}

/// Collects the largest error.
struct Worst(ErrorBound);

impl Worst {
    fn new(routine: &'static str, arguments: &'static str, measure: Measure, bound: f64) -> Self {
        Self(ErrorBound {
            routine,
            arguments,
            count: 0,
            measure,
            error: 0.0,
            at: 0.0,
            bound,
        })
    }

    /// Notes that the result for `argument` is `found` instead of `right`; `unit` is the result's last place.
    fn see(&mut self, argument: f64, found: f64, right: f64, unit: f64) {
        let difference = (found - right).abs();
        let over = |difference: f64, size: f64| {
            if difference == 0.0 {
                0.0
            } else {
                difference / size.abs()
            }
        };
        let error = match self.0.measure {
            Measure::Absolute | Measure::Sum => difference,
            Measure::Relative => over(difference, right),
            Measure::RelativeBeyondRounding => over((difference - unit / 2.0).max(0.0), right),
            Measure::OfArgument => over(difference, argument),
            Measure::Steps => difference / unit,
        };
        self.0.count += 1;
        if error > self.0.error || error.is_nan() {
            (self.0.error, self.0.at) = (error, argument);
        }
    }
}

/// Measures every routine, on `threads` threads; the order is that of the definitions in `docs/exact.md`.
pub fn all(threads: usize) -> Vec<ErrorBound> {
    const PARTS: [fn() -> Vec<Worst>; 13] = [
        scales,
        exact_root,
        exponentials,
        logarithms,
        noise,
        turns,
        power,
        sigmoids,
        normals,
        norms,
        rotary,
        quantisers,
        softmax,
    ];
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut found: Vec<(usize, Vec<Worst>)> = std::thread::scope(|scope| {
        let work = || {
            let mut mine = Vec::new();
            loop {
                let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                match PARTS.get(index) {
                    Some(part) => mine.push((index, part())),
                    None => return mine,
                }
            }
        };
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined
            .flat_map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    found.sort_by_key(|(index, _)| *index);
    found
        .into_iter()
        .flat_map(|(_, part)| part)
        .map(|worst| worst.0)
        .collect()
}

fn real(scale: Scale) -> f64 {
    f64::from(scale.mant) * f64::from(scale.exp).exp2()
}

fn scales() -> Vec<Worst> {
    // Half a unit of a 24-bit mantissa, and what f64 itself rounds.
    let bound = 1.0 / Q24 * 1.000_001;
    let mut worst = ["normalise", "product", "reciprocal", "ratio", "inv_sqrt"]
        .map(|name| Worst::new(name, "random, 1 to 128 bits", Measure::Relative, bound));
    let mut random = SplitMix64(7);
    for i in 0..200_000u32 {
        let m = ((u128::from(random.next_u64()) << 64 | u128::from(random.next_u64())) >> (i % 128)).max(1);
        let n = (random.next_u64() >> (i % 63)).max(1);
        let (a, b) = (Scale::normalise(m, -40), Scale::normalise(u128::from(n), 3));
        let results = [
            (a, m as f64 * (-40f64).exp2()),
            (a.mul(b), real(a) * real(b)),
            (a.recip(), 1.0 / real(a)),
            (Scale::ratio(n, 127, 5), n as f64 / 127.0 * 32.0),
            (Scale::inv_sqrt(m, 6), 8.0 / (m as f64).sqrt()),
        ];
        for (worst, (scale, right)) in worst.iter_mut().zip(results) {
            worst.see(m as f64, real(scale), right, 0.0);
        }
    }
    worst.into()
}

fn exact_root() -> Vec<Worst> {
    let mut worst = Worst::new(
        "isqrt",
        "random of 1 to 128 bits, squares and their neighbours",
        Measure::Absolute,
        0.0,
    );
    let mut random = SplitMix64(3);
    for i in 0..100_000u32 {
        let any = (u128::from(random.next_u64()) << 64 | u128::from(random.next_u64())) >> (i % 128);
        let square = u128::from(random.next_u64() >> (i % 64)).pow(2);
        for x in [any, square, square.saturating_sub(1), square.saturating_add(1)] {
            let root = isqrt(x);
            let right = root.checked_mul(root).is_some_and(|below| below <= x)
                && (root + 1).checked_mul(root + 1).is_none_or(|above| above > x);
            worst.see(x as f64, if right { 0.0 } else { 1.0 }, 0.0, 1.0);
        }
    }
    vec![worst]
}

fn exponentials() -> Vec<Worst> {
    let mut power = Worst::new("exp2_frac", "a million even steps of [0, 1)", Measure::Relative, 1e-15);
    let mut exp = Worst::new(
        "exp_neg",
        "a million even steps of [0, 40)",
        Measure::RelativeBeyondRounding,
        2e-14,
    );
    for i in 0..1_000_000u64 {
        let q = (i as f64 / 1e6 * Q62) as u64;
        power.see(q as f64 / Q62, exp2_frac(q) as f64 / Q62, (q as f64 / Q62).exp2(), 0.0);
        let q = (i as f64 / 1e6 * 40.0 * Q48) as u64;
        // Truncated, not rounded: up to a whole unit and what the factor before the last shift loses.
        exp.see(
            q as f64 / Q48,
            exp_neg(q) as f64 / Q62,
            (-(q as f64) / Q48).exp(),
            4.0 / Q62,
        );
    }
    vec![power, exp]
}

fn logarithms() -> Vec<Worst> {
    let mut worst = [
        Worst::new("log2", "random, 1 to 64 bits", Measure::Absolute, 2e-14),
        Worst::new("ln", "random, 1 to 64 bits", Measure::Absolute, 2e-14),
    ];
    let mut random = SplitMix64(4);
    for i in 0..1_000_000u32 {
        let x = (random.next_u64() >> (i % 64)).max(1);
        worst[1].see(x as f64, ln(x) as f64 / Q56, (x as f64).ln(), 0.0);
        if i % 4 == 0 {
            worst[0].see(x as f64, log2(x) as f64 / Q56, (x as f64).log2(), 0.0);
        }
    }
    worst.into()
}

fn noise() -> Vec<Worst> {
    let arguments = "4 million even steps of all 2^32, and 65,536 at either end";
    let mut worst = Worst::new("gumbel", arguments, Measure::Absolute, 1.0 / 1_048_576.0);
    let inner = (0..1u64 << 22).map(|i| (i << 10) as u32);
    let ends = (0..65_536u32).flat_map(|i| [i, u32::MAX - i]);
    for r in inner.chain(ends) {
        // -ln(u) with u = (2r + 1) / 2^33; above one half as ln(1 - (1 - u)), which keeps what is near one.
        let twice = 2.0 * f64::from(r) + 1.0;
        let e = if r < 1 << 31 {
            33.0 * std::f64::consts::LN_2 - twice.ln()
        } else {
            -(-(8_589_934_592.0 - twice) / 8_589_934_592.0).ln_1p()
        };
        worst.see(f64::from(r), gumbel(r) as f64 / Q36, -e.ln(), 0.0);
    }
    vec![worst]
}

fn turns() -> Vec<Worst> {
    let arguments = "2 million even steps of a turn, and around its eighths";
    let mut worst = ["cosine", "sine"].map(|name| Worst::new(name, arguments, Measure::Absolute, 1.0 / Q30));
    let even = (0..1u64 << 21).map(|i| (i << 43) + 12_345);
    let eighths = (0..8u64).flat_map(|i| [i << 61, (i << 61).wrapping_sub(1), (i << 61) + 1]);
    for angle in even.chain(eighths) {
        let x = angle as f64 / Q64 * TAU;
        let (cos, sin) = sin_cos_turns(angle);
        worst[0].see(x, f64::from(cos) / Q30, x.cos(), 0.0);
        worst[1].see(x, f64::from(sin) / Q30, x.sin(), 0.0);
    }
    worst.into()
}

fn power() -> Vec<Worst> {
    let arguments = "all below 28; 0 from 26 on";
    let mut worst = Worst::new("exp2_neg", arguments, Measure::RelativeBeyondRounding, 3.4e-6);
    for t in 0..28u32 << 16 {
        let x = f64::from(t) / Q16;
        worst.see(x, f64::from(exp2_neg(t)) / Q24, (-x).exp2(), 1.0 / Q24);
    }
    vec![worst]
}

/// Q16 arguments beyond `from` up to the ends of i32, of either sign.
fn beyond(from: i32) -> impl Iterator<Item = i32> {
    let steps = (0..200_000).map(move |i| from + ((i64::from(i32::MAX - from)) * i / 199_999) as i32);
    steps.flat_map(|x| [x, -x]).chain([i32::MIN])
}

fn sigmoids() -> Vec<Worst> {
    let sigma = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut entries = Worst::new("sigmoid table", "all 2,049 entries", Measure::Steps, 0.501);
    for (i, entry) in SIGMOID.iter().enumerate() {
        entries.see(
            i as f64 / 128.0,
            f64::from(*entry) / Q30,
            sigma(i as f64 / 128.0),
            1.0 / Q30,
        );
    }
    let mut near = Worst::new("sigmoid", "all from -16 to 16", Measure::Absolute, 8e-7);
    let mut far = Worst::new(
        "sigmoid",
        "400,001 beyond, to the ends of i32",
        Measure::Absolute,
        1.2e-7,
    );
    let mut silu = Worst::new("silu", "all from -16 to 16", Measure::Absolute, 1.0e-5);
    let mut silu_far = Worst::new("silu", "400,001 beyond, to the ends of i32", Measure::OfArgument, 7e-7);
    for x in -(16 << 16)..=16 << 16 {
        let value = f64::from(x) / Q16;
        near.see(value, f64::from(sigmoid(x)) / Q30, sigma(value), 0.0);
        silu.see(value, f64::from(ops::silu(x)) / Q16, value * sigma(value), 0.0);
    }
    for x in beyond(16 << 16) {
        let value = f64::from(x) / Q16;
        far.see(value, f64::from(sigmoid(x)) / Q30, sigma(value), 0.0);
        silu_far.see(value, f64::from(ops::silu(x)) / Q16, value * sigma(value), 0.0);
    }
    vec![entries, near, far, silu, silu_far]
}

/// The normal distribution function: `1/2 + phi(x) (x + x^3/3 + x^5/15 + ...)`, all terms of one sign; 0 or 1 to f64 beyond 8.5.
fn normal(x: f64) -> f64 {
    if x.abs() > 8.5 {
        return if x < 0.0 { 0.0 } else { 1.0 };
    }
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        n += 2.0;
        term *= x * x / n;
        sum += term;
    }
    0.5 + sum * (-x * x / 2.0).exp() / (2.0 * PI).sqrt()
}

fn normals() -> Vec<Worst> {
    let mut entries = Worst::new("normal_cdf table", "all 2,049 entries", Measure::Steps, 0.51);
    for (i, entry) in NORMAL_CDF.iter().enumerate() {
        entries.see(
            i as f64 / 256.0,
            f64::from(*entry) / Q30,
            normal(i as f64 / 256.0),
            1.0 / Q30,
        );
    }
    let mut near = Worst::new("normal_cdf", "all from -8 to 8", Measure::Absolute, 5e-7);
    let mut far = Worst::new(
        "normal_cdf",
        "400,001 beyond, to the ends of i32",
        Measure::Absolute,
        1e-9,
    );
    let mut gelu = Worst::new("gelu", "all from -8 to 8", Measure::Absolute, 9.5e-6);
    let mut gelu_far = Worst::new("gelu", "400,001 beyond, to the ends of i32", Measure::Absolute, 1e-9);
    for x in -(8 << 16)..=8 << 16 {
        let (value, right) = (f64::from(x) / Q16, normal(f64::from(x) / Q16));
        near.see(value, f64::from(normal_cdf(x)) / Q30, right, 0.0);
        gelu.see(value, f64::from(ops::gelu(x)) / Q16, value * right, 0.0);
    }
    for x in beyond(8 << 16) {
        let (value, right) = (f64::from(x) / Q16, normal(f64::from(x) / Q16));
        far.see(value, f64::from(normal_cdf(x)) / Q30, right, 0.0);
        gelu_far.see(value, f64::from(ops::gelu(x)) / Q16, value * right, 0.0);
    }
    vec![entries, near, far, gelu, gelu_far]
}

/// A row of `n` Q16 values with magnitudes of up to `bits` bits.
fn row(random: &mut SplitMix64, n: usize, bits: u32) -> Vec<i32> {
    (0..n)
        .map(|_| (random.next_u64() as i32) >> (31 - bits.min(31)))
        .collect()
}

fn norms() -> Vec<Worst> {
    const EPS: u64 = 184_467_440_737_095; // 1e-5
    let rows = "30,000 random rows, 1 to 31 bits";
    let mut inverse = Worst::new("inv_rms", rows, Measure::Relative, 1.2e-7);
    let mut normalised = Worst::new("rmsnorm to Q16, gain 1", rows, Measure::Absolute, 9.7e-6);
    let mut unit = Worst::new("l2_normalise", rows, Measure::Absolute, 6.2e-8);
    let mut random = SplitMix64(11);
    for i in 0..30_000u32 {
        let n = 1 + random.next_u64() as usize % 256;
        let x = row(&mut random, n, 1 + i % 31);
        let squares: f64 = x.iter().map(|x| (f64::from(*x) / Q16).powi(2)).sum();
        let right = 1.0 / (squares / n as f64 + EPS as f64 / Q64).sqrt();
        let found = real(ops::inv_rms(ops::sum_of_squares(&x), n as u32, EPS));
        inverse.see(1.0 / right, found, right, 0.0);
        let mut y = x.clone();
        ops::rmsnorm(&mut y, &vec![1 << 30; n], 30, EPS);
        for (x, y) in x.iter().zip(&y) {
            let right = f64::from(*x) / Q16 * right;
            normalised.see(right, f64::from(*y) / Q16, right, 0.0);
        }
        let sums: Vec<i64> = x.iter().map(|x| i64::from(*x)).collect();
        ops::l2_normalise(&sums, &mut y);
        let length = squares.sqrt();
        for (x, y) in x.iter().zip(&y).filter(|_| length > 0.0) {
            let right = f64::from(*x) / Q16 / length;
            unit.see(right, f64::from(*y) / Q30, right, 0.0);
        }
    }
    vec![inverse, normalised, unit]
}

fn rotary() -> Vec<Worst> {
    let arguments = "6 bases, all pairs";
    let mut frequency = Worst::new("rope frequency", arguments, Measure::RelativeBeyondRounding, 4e-15);
    let arguments = "6 bases, all pairs, 2,000 positions below 2^20";
    let mut angle = Worst::new("rope angle, cosine and sine", arguments, Measure::Absolute, 4e-9);
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
        let right = |i: usize| f64::from(base).powf(-(i as f64) / half as f64);
        for (i, found) in frequencies.iter().enumerate() {
            // A truncated last place.
            frequency.see(right(i), *found as f64 / Q64, right(i) / TAU, 2.0 / Q64);
        }
        let (mut cos, mut sin) = (vec![0; half], vec![0; half]);
        for position in (0..2000u32).map(|i| i * 524).chain([1, 2, (1 << 20) - 1]) {
            ops::rope_angles(&frequencies, position, &mut cos, &mut sin);
            for i in 0..half {
                let x = right(i) * f64::from(position);
                angle.see(x, f64::from(cos[i]) / Q30, x.cos(), 0.0);
                angle.see(x, f64::from(sin[i]) / Q30, x.sin(), 0.0);
            }
        }
    }
    vec![frequency, angle]
}

fn quantisers() -> Vec<Worst> {
    let rows = "20,000 random rows, 1 to 62 bits";
    let names = [
        "quantiser, qmax 32,639",
        "quantiser, qmax 16,383",
        "quantiser, qmax 8,191",
        "quantiser, qmax 127",
    ];
    let maxima = [
        ops::ACTIVATION_MAX_WIDE,
        ops::KEY_MAX_WIDE,
        ops::QUERY_MAX,
        ops::VALUE_MAX,
    ];
    // Half a step, and a scale of 24 bits at the largest magnitude.
    let mut worst = names.map(|name| Worst::new(name, rows, Measure::Steps, 0.503));
    let mut random = SplitMix64(13);
    for i in 0..20_000u32 {
        let row: Vec<i64> = (0..64).map(|_| (random.next_u64() as i64) >> (1 + i % 62)).collect();
        let row: Vec<i64> = row.into_iter().map(|z| z.clamp(-(1 << 62), 1 << 62)).collect();
        let amax = row.iter().map(|z| z.unsigned_abs()).max().unwrap_or(0);
        for (worst, qmax) in worst.iter_mut().zip(maxima) {
            let quantiser = ops::Quantiser::new(amax, qmax, Scale::ONE);
            for z in row.iter().filter(|_| amax > 0) {
                let found = f64::from(quantiser.apply(*z)) * real(quantiser.scale);
                worst.see(*z as f64 / amax as f64, found, *z as f64, real(quantiser.scale));
            }
        }
    }
    worst.into()
}

fn softmax() -> Vec<Worst> {
    let mut out = Vec::new();
    // A weight has 19 or 20 bits, so that each position may lose half a unit of
    // 2^-19 of the largest, and exponentials a half of 2^-24.
    let cases = [
        (
            512usize,
            "512 positions: one score above others alike, and random",
            5.1e-4,
        ),
        (8192, "8,192 positions: as above", 8.1e-3),
    ];
    for (positions, arguments, bound) in cases {
        let mut worst = Worst::new("softmax", arguments, Measure::Sum, bound);
        let mut random = SplitMix64(17);
        for case in 0..600u32 {
            // Below one in units of log2, or random with a spread of up to ten.
            let below = i64::from(case) << 12;
            let scores: Vec<i32> = (0..positions)
                .map(|t| match (case < 400, t) {
                    (true, 0) => 0,
                    (true, _) => -below as i32,
                    (false, _) => ((random.next_u64() as i32) >> 15) * (case as i32 % 10 + 1),
                })
                .collect();
            let top = scores.iter().copied().max().unwrap_or(0);
            let right: Vec<f64> = scores.iter().map(|s| (f64::from(*s - top) / Q16).exp2()).collect();
            let total: f64 = right.iter().sum();
            let mut weights = vec![0; positions];
            let softmax = ops::softmax(&scores, &vec![Scale::ONE; positions], &mut weights);
            // A scale of one: weights are exponentials with five bits less.
            let unit = 32.0 / softmax.sum as f64;
            let error = weights.iter().zip(&right);
            let error: f64 = error
                .map(|(w, right)| (f64::from(*w) * unit - right / total).abs())
                .sum();
            worst.see(if case < 400 { below as f64 / Q16 } else { -1.0 }, error, 0.0, 0.0);
        }
        out.push(worst);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_routine_keeps_its_bound() {
        let all = all(2);
        assert!(all.len() > 30, "{}", all.len());
        for one in all {
            assert!(one.holds(), "{one:?}");
            // A bound far above what is measured would notice nothing.
            assert!(one.error > one.bound / 100.0 || one.bound <= 1e-9, "{one:?}");
        }
    }

    #[test]
    fn worse_errors_and_what_is_no_number_hold_no_bound() {
        let mut worst = Worst::new("a", "b", Measure::Relative, 0.1);
        assert!(!worst.0.holds(), "nothing was measured");
        worst.see(1.0, 1.05, 1.0, 0.0);
        assert!(worst.0.holds());
        worst.see(2.0, 1.2, 1.0, 0.0);
        assert!(!worst.0.holds() && worst.0.at == 2.0);
        let mut worst = Worst::new("a", "b", Measure::Absolute, 0.1);
        worst.see(1.0, f64::NAN, 1.0, 0.0);
        assert!(!worst.0.holds());
        worst.see(1.0, 1.0, 1.0, 0.0);
        assert!(!worst.0.holds());
    }

    #[test]
    fn the_normal_distribution_is_right_at_known_points() {
        for (x, right) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-2.0, 0.022_750_131_948_179_21),
            (3.0, 0.998_650_101_968_369_9),
        ] {
            assert!((normal(x) - right).abs() < 1e-15, "{x}");
        }
    }
}
