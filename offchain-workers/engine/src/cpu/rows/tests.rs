//! Every kernel against the definition, extremes included.

use super::*;
use lantern_exact::fixed::{NORMAL_CDF, SIGMOID};
use proptest::prelude::*;

fn kernels() -> Vec<Kernel> {
    Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()).collect()
}

/// Q16 numbers of very different magnitudes, the extremes of i32 among them.
fn value() -> impl Strategy<Value = i32> {
    prop_oneof![
        4 => -2_000_000i32..2_000_000,
        2 => -300i32..300,
        2 => any::<i32>(),
        1 => Just(0),
        1 => prop_oneof![Just(i32::MAX), Just(i32::MIN), Just(i32::MIN + 1)],
    ]
}

fn row(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<i32>> {
    prop_oneof![
        prop::collection::vec(value(), len.clone()),
        prop::collection::vec(-100_000i32..100_000, len.clone()),
        prop::collection::vec(Just(0), len),
    ]
}

fn qmax() -> impl Strategy<Value = u32> {
    prop_oneof![Just(32_639u32), Just(127), Just(16_383), Just(8_191)]
}

fn check_quantise_row(x: &[i32], qmax: u32) {
    let mut want = vec![0; x.len()];
    let scale = ops::quantise_row(x, qmax, &mut want);
    for kernel in kernels() {
        let mut out = vec![i16::MIN; x.len()];
        assert_eq!(quantise_row(kernel, x, qmax, &mut out), scale, "{kernel:?}");
        assert_eq!(out, want, "{kernel:?}");
    }
}

fn check_rmsnorm_quantise(x: &[i32], gain: &[i32], frac: u32, eps: u64, qmax: u32) {
    let gain = Vector {
        frac,
        values: gain.to_vec(),
    };
    let mut want = vec![0; x.len()];
    let scale = ops::rmsnorm_quantise(x, &gain.values, frac, eps, qmax, &mut want);
    for kernel in kernels() {
        let mut out = vec![i16::MIN; x.len()];
        assert_eq!(
            rmsnorm_quantise(kernel, x, &gain, eps, qmax, &mut out),
            scale,
            "{kernel:?}"
        );
        assert_eq!(out, want, "{kernel:?}");
    }
}

fn check_silu_gate_and_gelu(gate: &[i32], up: &[i32], qmax: u32) {
    let (mut want, mut want_gelu) = (vec![0; gate.len()], vec![0; gate.len()]);
    let scale = ops::silu_gate_quantise(gate, up, qmax, &mut want);
    let scale_gelu = ops::gelu_quantise(gate, qmax, &mut want_gelu);
    for kernel in kernels() {
        let mut out = vec![i16::MIN; gate.len()];
        let got = silu_gate_quantise(kernel, &mut gate.to_vec(), up, qmax, &mut out);
        assert_eq!((got, &out), (scale, &want), "{kernel:?}");
        let got = gelu_quantise(kernel, &mut gate.to_vec(), qmax, &mut out);
        assert_eq!((got, &out), (scale_gelu, &want_gelu), "{kernel:?}");
    }
}

fn check_rope(head: &[i32], cos: &[i32], sin: &[i32]) {
    let mut want = head.to_vec();
    ops::rope_row(&mut want, cos, sin);
    for kernel in kernels() {
        let mut out = head.to_vec();
        rope_row(kernel, &mut out, cos, sin);
        assert_eq!(out, want, "{kernel:?}");
    }
}

fn check_add_row(x: &[i32], delta: &[i32]) {
    let mut want = x.to_vec();
    ops::add_row(&mut want, delta);
    for kernel in kernels() {
        let mut out = x.to_vec();
        add_row(kernel, &mut out, delta);
        assert_eq!(out, want, "{kernel:?}");
    }
}

fn check_layernorm(x: &[i32], gain: &[i32], frac: u32, bias: &[i32], eps: u64) {
    let gain = Vector {
        frac,
        values: gain.to_vec(),
    };
    let mut want = x.to_vec();
    ops::layernorm(&mut want, &gain.values, frac, bias, eps);
    for kernel in kernels() {
        let mut out = x.to_vec();
        layernorm(kernel, &mut out, &gain, bias, eps);
        assert_eq!(out, want, "{kernel:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn quantise_row_equals_its_definition(x in row(1..70), qmax in qmax()) {
        check_quantise_row(&x, qmax);
    }

    #[test]
    fn rmsnorm_quantise_equals_its_definition(
        pairs in prop::collection::vec((value(), value()), 1..70),
        frac in 0u32..=30,
        eps in (1u64 << 22)..(1 << 60),
        qmax in qmax(),
    ) {
        let (x, gain): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        check_rmsnorm_quantise(&x, &gain, frac, eps, qmax);
    }

    #[test]
    fn silu_gate_and_gelu_equal_their_definitions(pairs in prop::collection::vec((value(), value()), 1..70), qmax in qmax()) {
        let (gate, up): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        check_silu_gate_and_gelu(&gate, &up, qmax);
    }

    #[test]
    fn rope_equals_its_definition(
        pairs in prop::collection::vec((value(), value(), -(1i32 << 30)..=1 << 30, -(1i32 << 30)..=1 << 30), 1..40)
    ) {
        let head: Vec<i32> = pairs.iter().map(|p| p.0).chain(pairs.iter().map(|p| p.1)).collect();
        let (cos, sin): (Vec<_>, Vec<_>) = pairs.iter().map(|p| (p.2, p.3)).unzip();
        check_rope(&head, &cos, &sin);
    }

    #[test]
    fn add_row_equals_its_definition(pairs in prop::collection::vec((value(), value()), 1..70)) {
        let (x, delta): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        check_add_row(&x, &delta);
    }

    #[test]
    fn layernorm_equals_its_definition(
        cells in prop::collection::vec((value(), value(), value()), 1..70),
        small in any::<bool>(),
        frac in 0u32..=30,
        eps in (1u64 << 22)..(1 << 60),
    ) {
        let x: Vec<i32> = cells.iter().map(|cell| if small { cell.0 % 5 } else { cell.0 }).collect();
        let (gain, bias): (Vec<_>, Vec<_>) = cells.iter().map(|cell| (cell.1, cell.2)).unzip();
        check_layernorm(&x, &gain, frac, &bias, eps);
    }
}

/// Rows of one length that are extreme as a whole, and numbers without a pattern of three magnitudes.
fn patterns(len: usize) -> Vec<Vec<i32>> {
    let spike = |at: usize, value: i32| (0..len).map(|i| if i == at { value } else { 0 }).collect();
    let mut state = len as u64;
    let mut noise = |bits: u32| {
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state as i64 >> (64 - bits)) as i32
        };
        std::iter::repeat_with(next).take(len).collect()
    };
    let (wide, usual, small) = (noise(32), noise(18), noise(9));
    vec![
        vec![0; len],
        vec![1; len],
        vec![i32::MAX; len],
        vec![i32::MIN; len],
        (0..len).map(|i| if i % 2 == 0 { i32::MIN } else { i32::MAX }).collect(),
        spike(0, i32::MIN),
        spike(len.saturating_sub(1), i32::MAX),
        spike(len / 2, 1),
        wide,
        usual,
        small,
    ]
}

/// All operators on rows of three patterns.
fn check_all(x: &[i32], y: &[i32], z: &[i32]) {
    for qmax in [32_639, 127] {
        check_quantise_row(x, qmax);
        check_silu_gate_and_gelu(x, y, qmax);
        check_rmsnorm_quantise(x, y, 16, 1 << 24, qmax);
    }
    check_add_row(x, y);
    // Epsilons and fractions at which the shifts of LayerNorm leave what vectors handle, and usual ones.
    for (eps, frac) in [(0, 0), (1 << 24, 16), (1 << 47, 30), (u64::MAX, 60)] {
        check_layernorm(x, y, frac, z, eps);
    }
    let angle = |row: &[i32]| -> Vec<i32> { row.iter().map(|v| (*v).clamp(-(1 << 30), 1 << 30)).collect() };
    let (cos, sin) = (angle(y), angle(z));
    check_rope(&[x, z].concat(), &cos, &sin);
    check_rope(&[x, x].concat(), &cos, &cos);
}

#[test]
fn extreme_rows_of_every_short_length_equal_their_definitions() {
    for len in 0..=70 {
        let rows = patterns(len);
        for (index, x) in rows.iter().enumerate() {
            for y in &rows {
                check_all(x, y, &rows[(index + len) % rows.len()]);
            }
        }
    }
}

#[test]
fn long_rows_equal_their_definitions() {
    for len in [384, 1023, 2048, 2049, 5632, 5639] {
        let rows = patterns(len);
        for (index, x) in rows.iter().enumerate() {
            for ahead in [0, 1, 4] {
                check_all(x, &rows[(index + ahead) % rows.len()], &rows[(index + 7) % rows.len()]);
            }
        }
    }
}

/// On both sides of the length up to which normalised numbers are known to fit 32 bits.
#[test]
fn layernorm_of_the_longest_rows_equals_its_definition() {
    for len in [(1 << 17) - 1, 1 << 17, 1 << 19] {
        let rows = patterns(len);
        for x in &rows {
            check_layernorm(x, &rows[9], 16, &rows[10], 0);
        }
    }
}

/// The bound behind the 32-bit interpolation of the vector kernels; AVX2 takes the whole of the last step.
#[test]
fn table_cells_rise_slowly_enough_for_32_bits() {
    let steepest = |table: &[u32]| {
        table
            .windows(2)
            .map(|cell| u64::from(cell[1] - cell[0]))
            .max()
            .unwrap_or(0)
    };
    assert!(steepest(&SIGMOID) * 512 + 256 < 1 << 31);
    assert!(steepest(&NORMAL_CDF) * 256 + 128 < 1 << 31);
}

/// Every cell boundary and its neighbours, where an interpolation would go wrong first.
#[test]
fn gates_are_right_at_every_cell_boundary() {
    let edges: Vec<i32> = (0..=2050)
        .flat_map(|cell| [-1, 0, 1].map(|near| (cell << 9) + near))
        .chain((0..=2050).flat_map(|cell| [-1, 0, 1].map(|near| (cell << 8) + near)))
        .flat_map(|x| [x, -x])
        .collect();
    for kernel in kernels() {
        let (mut out, mut want) = (vec![0i16; edges.len()], vec![0i16; edges.len()]);
        let up = vec![1 << 16; edges.len()];
        let scale = ops::silu_gate_quantise(&edges, &up, 32_639, &mut want);
        assert_eq!(
            silu_gate_quantise(kernel, &mut edges.clone(), &up, 32_639, &mut out),
            scale
        );
        assert_eq!(out, want);
        let scale = ops::gelu_quantise(&edges, 32_639, &mut want);
        assert_eq!(gelu_quantise(kernel, &mut edges.clone(), 32_639, &mut out), scale);
        assert_eq!(out, want);
    }
}
