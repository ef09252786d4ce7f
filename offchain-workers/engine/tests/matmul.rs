//! Matrix products of every kernel against the definition, with extremes.

use lantern_engine::cpu::{
    matmul::{layout_for, matmul},
    matrix::{Activations, Matrix, MAX_INPUTS},
    pool::Pool,
    Kernel,
};
use lantern_exact::{
    fixed::{Scale, MANT_MAX, MANT_MIN},
    ops,
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Case {
    ins: usize,
    wide: bool,
    weights: Vec<i8>,
    scales: Vec<Scale>,
    bias: Vec<i32>,
    rows: Vec<(Vec<i16>, Scale)>,
}

fn scale(exp: std::ops::Range<i32>) -> impl Strategy<Value = Scale> {
    prop_oneof![
        10 => (MANT_MIN..=MANT_MAX, exp).prop_map(|(mant, exp)| Scale { mant, exp }),
        1 => Just(Scale::ZERO_ROW),
        1 => (MANT_MIN..=MANT_MAX, -512i32..=512).prop_map(|(mant, exp)| Scale { mant, exp }),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let shape = (1usize..200, 1usize..80, 1usize..40, any::<bool>(), any::<bool>());
    shape.prop_flat_map(|(ins, outs, rows, wide, extreme)| {
        let largest = if wide { 32_639i16 } else { 127 };
        let activation = prop_oneof![4 => -largest..=largest, 1 => Just(largest), 1 => Just(-largest)];
        (
            prop::collection::vec(-127i8..=127, ins * outs),
            prop::collection::vec(scale(-38..-28), outs),
            prop::collection::vec(prop_oneof![3 => -100_000i32..100_000, 1 => any::<i32>()], outs),
            prop::collection::vec((prop::collection::vec(activation, ins), scale(-42..-20)), rows),
        )
            .prop_map(move |(mut weights, scales, bias, mut rows)| {
                if extreme {
                    weights.iter_mut().for_each(|w| *w = if *w < 0 { -127 } else { 127 });
                    let values = rows.iter_mut().flat_map(|(values, _)| values);
                    values.for_each(|value| *value = if *value < 0 { -largest } else { largest });
                }
                Case {
                    ins,
                    wide,
                    weights,
                    scales,
                    bias,
                    rows,
                }
            })
    })
}

fn check(case: &Case, threads: usize) {
    let outs = case.scales.len();
    let mut matrix = Matrix::new(outs, case.ins);
    for (out, row) in case.weights.chunks(case.ins).enumerate() {
        matrix.set_row(out, row, case.scales[out], case.bias[out]);
    }
    let mut want = vec![0; case.rows.len() * outs];
    for ((values, scale), out) in case.rows.iter().zip(want.chunks_mut(outs)) {
        ops::linear(values, *scale, &case.weights, &case.scales, &case.bias, out);
    }
    let pool = Pool::new(threads);
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        let mut activations = Activations::default();
        activations.shape(
            case.rows.len(),
            case.ins,
            case.wide,
            layout_for(kernel, case.rows.len()),
        );
        let writer = activations.writer();
        for (row, (values, scale)) in case.rows.iter().enumerate() {
            // SAFETY: one thread.
            unsafe {
                writer.set_row(row, |out| {
                    out.copy_from_slice(values);
                    *scale
                });
            }
        }
        let mut out = vec![1; want.len()];
        matmul(&pool, kernel, &activations, &matrix, &mut out);
        assert!(
            out == want,
            "{kernel:?} differs: {:?}",
            out.iter().zip(&want).position(|(a, b)| a != b)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn products_equal_their_definition(case in case(), threads in 1usize..3) {
        check(&case, threads);
    }
}

/// The largest input dimension with every product at its largest: the accumulators' bounds, reached.
#[test]
fn sums_are_exact_at_the_largest_dimension() {
    for (wide, largest) in [(true, 32_639i16), (false, 127)] {
        for sign in [1, -1] {
            let scale = Scale {
                mant: MANT_MAX,
                exp: -45,
            };
            let row = |value: i16| (vec![value; MAX_INPUTS], scale);
            let case = Case {
                ins: MAX_INPUTS,
                wide,
                weights: [vec![127i8; MAX_INPUTS], vec![-127; MAX_INPUTS]].concat(),
                scales: vec![
                    Scale {
                        mant: MANT_MAX,
                        exp: -45
                    };
                    2
                ],
                bias: vec![i32::MAX, i32::MIN],
                // One row takes the vector kernel of AMX, many take its tiles.
                rows: (0..6).map(|_| row(largest * sign)).collect(),
            };
            check(
                &Case {
                    rows: case.rows[..1].to_vec(),
                    ..case.clone()
                },
                1,
            );
            check(&case, 2);
        }
    }
}

/// The largest input dimension in every number of rows that a kernel has a tile for, with rows that take each byte of a wide
/// value to its limits (`0x7eff`, `0xffff` and `0x80ff` have the largest low byte beside a large, a middle and the smallest high
/// one), rows of zeros and rows of one value that is not.
#[test]
fn every_tile_is_exact_at_the_largest_dimension() {
    let scale = Scale {
        mant: MANT_MAX,
        exp: -45,
    };
    let signs = |at: usize| if at.is_multiple_of(2) { 127 } else { -127 };
    let spike = |at: usize| if at == MAX_INPUTS - 1 { 127 } else { 0 };
    let weights: Vec<i8> = [127, -127, 0]
        .into_iter()
        .flat_map(|weight| std::iter::repeat_n(weight, MAX_INPUTS))
        .chain((0..MAX_INPUTS).map(signs))
        .chain((0..MAX_INPUTS).map(spike))
        .collect();
    for wide in [true, false] {
        let limits: &[i16] = if wide {
            &[32_639, 0x7eff, -1, -32_639, 0x80ff_u16 as i16, 255, 0]
        } else {
            &[127, -127, -1, 0]
        };
        let same = limits.iter().map(|&value| vec![value; MAX_INPUTS]);
        let turns = |value: i16| {
            (0..MAX_INPUTS)
                .map(|at| if at % 2 == 0 { value } else { -value })
                .collect()
        };
        let last = |value: i16| {
            (0..MAX_INPUTS)
                .map(|at| if at + 1 == MAX_INPUTS { value } else { 0 })
                .collect()
        };
        let values: Vec<Vec<i16>> = same
            .chain([turns(limits[0]), last(limits[0]), last(-limits[0])])
            .collect();
        for rows in (1..=9).chain([33]) {
            let rows = (0..rows)
                .map(|row| (values[row % values.len()].clone(), scale))
                .collect();
            check(
                &Case {
                    ins: MAX_INPUTS,
                    wide,
                    weights: weights.clone(),
                    scales: vec![scale; 5],
                    bias: vec![i32::MAX, i32::MIN, 0, 1, -1],
                    rows,
                },
                2,
            );
        }
    }
}

/// Buffers are used again for other shapes: nothing of an earlier shape may leak into padding.
#[test]
fn activations_can_change_their_shape() {
    let pool = Pool::new(1);
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        let mut activations = Activations::default();
        for (rows, ins) in [(20, 130), (3, 7), (17, 65), (1, 130), (6, 1)] {
            activations.shape(rows, ins, true, layout_for(kernel, rows));
            let writer = activations.writer();
            for row in 0..rows {
                // SAFETY: one thread.
                unsafe {
                    writer.set_row(row, |out| {
                        out.fill(32_639 - row as i16);
                        Scale {
                            mant: MANT_MIN,
                            exp: -30,
                        }
                    });
                }
            }
            let mut matrix = Matrix::new(3, ins);
            let weights = vec![127i8; ins];
            (0..3).for_each(|out| {
                matrix.set_row(
                    out,
                    &weights,
                    Scale {
                        mant: MANT_MIN,
                        exp: -34,
                    },
                    0,
                )
            });
            let mut out = vec![0; rows * 3];
            matmul(&pool, kernel, &activations, &matrix, &mut out);
            for (row, out) in out.chunks(3).enumerate() {
                let dot = (32_639 - row as i64) * 127 * ins as i64;
                let want = ops::cell(
                    dot,
                    Scale {
                        mant: MANT_MIN,
                        exp: -30,
                    },
                    Scale {
                        mant: MANT_MIN,
                        exp: -34,
                    },
                );
                assert_eq!(out, [want; 3], "{kernel:?} {rows} x {ins}");
            }
        }
    }
}
