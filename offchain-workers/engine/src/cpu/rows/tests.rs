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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn quantise_row_equals_its_definition(x in row(1..70), qmax in qmax()) {
        let mut want = vec![0; x.len()];
        let scale = ops::quantise_row(&x, qmax, &mut want);
        for kernel in kernels() {
            let mut out = vec![0; x.len()];
            prop_assert_eq!(quantise_row(kernel, &x, qmax, &mut out), scale);
            prop_assert_eq!(&out, &want);
        }
    }

    #[test]
    fn rmsnorm_quantise_equals_its_definition(
        pairs in prop::collection::vec((value(), value()), 1..70),
        frac in 0u32..=30,
        eps in (1u64 << 22)..(1 << 60),
        qmax in qmax(),
    ) {
        let (x, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let gain = Vector { frac, values };
        let mut want = vec![0; x.len()];
        let scale = ops::rmsnorm_quantise(&x, &gain.values, frac, eps, qmax, &mut want);
        for kernel in kernels() {
            let mut out = vec![0; x.len()];
            prop_assert_eq!(rmsnorm_quantise(kernel, &x, &gain, eps, qmax, &mut out), scale);
            prop_assert_eq!(&out, &want);
        }
    }

    #[test]
    fn silu_gate_and_gelu_equal_their_definitions(pairs in prop::collection::vec((value(), value()), 1..70), qmax in qmax()) {
        let (gate, up): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let (mut want, mut want_gelu) = (vec![0; gate.len()], vec![0; gate.len()]);
        let scale = ops::silu_gate_quantise(&gate, &up, qmax, &mut want);
        let scale_gelu = ops::gelu_quantise(&gate, qmax, &mut want_gelu);
        for kernel in kernels() {
            let mut out = vec![0; gate.len()];
            prop_assert_eq!(silu_gate_quantise(kernel, &mut gate.clone(), &up, qmax, &mut out), scale);
            prop_assert_eq!(&out, &want);
            prop_assert_eq!(gelu_quantise(kernel, &mut gate.clone(), qmax, &mut out), scale_gelu);
            prop_assert_eq!(&out, &want_gelu);
        }
    }

    #[test]
    fn rope_equals_its_definition(
        pairs in prop::collection::vec((value(), value(), -(1i32 << 30)..=1 << 30, -(1i32 << 30)..=1 << 30), 1..40)
    ) {
        let head: Vec<i32> = pairs.iter().map(|p| p.0).chain(pairs.iter().map(|p| p.1)).collect();
        let (cos, sin): (Vec<_>, Vec<_>) = pairs.iter().map(|p| (p.2, p.3)).unzip();
        let mut want = head.clone();
        ops::rope_row(&mut want, &cos, &sin);
        for kernel in kernels() {
            let mut out = head.clone();
            rope_row(kernel, &mut out, &cos, &sin);
            prop_assert_eq!(&out, &want);
        }
    }

    #[test]
    fn add_row_equals_its_definition(pairs in prop::collection::vec((value(), value()), 1..70)) {
        let (x, delta): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let mut want = x.clone();
        ops::add_row(&mut want, &delta);
        for kernel in kernels() {
            let mut out = x.clone();
            add_row(kernel, &mut out, &delta);
            prop_assert_eq!(&out, &want);
        }
    }

    #[test]
    fn layernorm_equals_its_definition(
        cells in prop::collection::vec((value(), value(), value()), 1..70),
        small in any::<bool>(),
        frac in 0u32..=30,
        eps in (1u64 << 22)..(1 << 60),
    ) {
        let x: Vec<i32> = cells.iter().map(|cell| if small { cell.0 % 5 } else { cell.0 }).collect();
        let gain = Vector { frac, values: cells.iter().map(|cell| cell.1).collect() };
        let bias: Vec<i32> = cells.iter().map(|cell| cell.2).collect();
        let mut want = x.clone();
        ops::layernorm(&mut want, &gain.values, frac, &bias, eps);
        for kernel in kernels() {
            let mut out = x.clone();
            layernorm(kernel, &mut out, &gain, &bias, eps);
            prop_assert_eq!(&out, &want);
        }
    }
}

/// The bound behind the 32-bit interpolation of the AVX-512 kernel.
#[test]
fn table_cells_rise_slowly_enough_for_32_bits() {
    let steepest = |table: &[u32]| {
        table
            .windows(2)
            .map(|cell| u64::from(cell[1] - cell[0]))
            .max()
            .unwrap_or(0)
    };
    assert!(steepest(&SIGMOID) * 511 + 256 < 1 << 31);
    assert!(steepest(&NORMAL_CDF) * 255 + 128 < 1 << 31);
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
