//! Operators one by one: the golden vectors of `lantern-exact`, then random and extreme inputs against its functions.

use super::{engine, is_slow};
use lantern_engine::{
    cpu::matrix::Matrix,
    gpu::operators::{Before, NormOf, QuantisedRow, Routine},
    LoadedModel,
};
use lantern_exact::{
    fixed::{self, Scale},
    ops,
    synthetic::SplitMix64,
    Family, LlamaSpec, ModelSpec, RopeScaling, Width, ARITHMETIC,
};
use serde_json::Value;

fn golden(file: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../exact/tests/golden/").to_string() + file;
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn ints(value: &Value) -> Vec<i32> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_i64().unwrap() as i32)
        .collect()
}

fn longs(value: &Value) -> Vec<i64> {
    let long = |x: &Value| x.as_i64().unwrap_or_else(|| x.as_u64().unwrap() as i64);
    value.as_array().unwrap().iter().map(long).collect()
}

fn scale(value: &Value) -> Scale {
    Scale {
        mant: value[0].as_u64().unwrap() as u32,
        exp: value[1].as_i64().unwrap() as i32,
    }
}

/// A scale as the probe takes it.
fn packed(scale: Scale) -> i64 {
    (i64::from(scale.exp) << 32) | i64::from(scale.mant)
}

fn as_pair(scale: Scale) -> [i64; 2] {
    [i64::from(scale.mant), i64::from(scale.exp)]
}

/// Ordinary, large, tiny, zero and extreme rows of `n` numbers.
fn rows(rng: &mut SplitMix64, n: usize) -> Vec<Vec<i32>> {
    let mut row = |bits: u32| -> Vec<i32> {
        let most = (1i64 << bits) - 1;
        (0..n).map(|_| rng.range(-most - 1, most) as i32).collect()
    };
    let mut spike = row(14);
    spike[n / 2] = i32::MIN;
    let mut step = vec![i32::MAX; n];
    step[0] = i32::MIN;
    vec![
        row(17),
        row(31),
        row(2),
        vec![0; n],
        spike,
        step,
        vec![i32::MIN; n],
        row(24),
    ]
}

fn pairs_of(routine: Routine, inputs: &[[i64; 3]], want: impl Fn(&[i64; 3]) -> [i64; 2]) {
    let got = engine().probe(routine, inputs).unwrap();
    for (input, got) in inputs.iter().zip(got) {
        assert_eq!(got, want(input), "{routine:?} of {input:?}");
    }
}

#[test]
fn scalar_routines_equal_the_golden_vectors() {
    let device = engine();
    let probe = |routine, inputs: &[[i64; 3]]| device.probe(routine, inputs).unwrap();
    for case in golden("scalars.json") {
        match case["op"].as_str().unwrap() {
            "shift" => {
                let s = case["s"].as_i64().unwrap();
                let inputs: Vec<_> = longs(&case["x"]).into_iter().map(|x| [x, s, 0]).collect();
                let want: Vec<_> = longs(&case["rsr"])
                    .into_iter()
                    .zip(longs(&case["right"]))
                    .map(|(a, b)| [a, b])
                    .collect();
                assert_eq!(probe(Routine::RsrShift, &inputs), want, "shift by {s}");
                let inputs: Vec<_> = longs(&case["x"]).into_iter().map(|x| [x >> 20, -s, 0]).collect();
                let left: Vec<_> = probe(Routine::RsrShift, &inputs)
                    .into_iter()
                    .map(|pair| pair[1])
                    .collect();
                assert_eq!(left, longs(&case["left"]), "shift by {}", -s);
            },
            "scale" => {
                let (a, b) = (scale(&case["a"]), scale(&case["b"]));
                let n = case["n"].as_u64().unwrap() as i64;
                let epilogue = longs(&case["epilogue"]);
                let one = |routine, input: [i64; 3]| probe(routine, &[input])[0];
                let wanted = |name: &str| as_pair(scale(&case[name]));
                assert_eq!(one(Routine::Mul, [packed(a), packed(b), 0]), wanted("mul"));
                assert_eq!(one(Routine::Ratio, [n, 127, -9]), wanted("ratio"));
                assert_eq!(one(Routine::Ratio, [1, n, 3]), wanted("inverse"));
                assert_eq!(one(Routine::InvSqrt, [0, n, 10]), wanted("inv_sqrt"));
                assert_eq!(one(Routine::Normalise, [n, 2, 0]), wanted("normalise"));
                assert_eq!(
                    one(Routine::Epilogue, [packed(a), packed(b), 16]),
                    [epilogue[0], epilogue[1]]
                );
            },
            "elementwise" => {
                let (x, t) = (longs(&case["x"]), longs(&case["t"]));
                let inputs = |values: &[i64]| values.iter().map(|&v| [v, 0, 0]).collect::<Vec<_>>();
                let first = |pairs: Vec<[i64; 2]>| pairs.into_iter().map(|pair| pair[0]).collect::<Vec<_>>();
                let both = |a: &str, b: &str| -> Vec<[i64; 2]> {
                    longs(&case[a])
                        .into_iter()
                        .zip(longs(&case[b]))
                        .map(|(a, b)| [a, b])
                        .collect()
                };
                assert_eq!(
                    first(probe(Routine::Exp2NegBits, &inputs(&t))),
                    longs(&case["exp2_neg"])
                );
                assert_eq!(probe(Routine::SigmoidSilu, &inputs(&x)), both("sigmoid", "silu"));
                assert_eq!(probe(Routine::NormalCdfGelu, &inputs(&x)), both("normal_cdf", "gelu"));
            },
            "logarithms" => {
                let inputs: Vec<_> = longs(&case["x"]).into_iter().map(|x| [x, 0, 0]).collect();
                let want = case["sin_cos"].as_array().unwrap().iter().map(|pair| {
                    let pair = longs(pair);
                    [pair[0], pair[1]]
                });
                assert_eq!(probe(Routine::SinCos, &inputs), want.collect::<Vec<_>>());
            },
            _ => {},
        }
    }
}

#[test]
fn scalar_routines_equal_the_definition_on_random_and_extreme_numbers() {
    let mut rng = SplitMix64(11);
    // Numbers of every width, with all ones and single bits among them.
    let mut wide = |most: u32| -> u64 {
        let bits = rng.range(0, i64::from(most)) as u32;
        let mask = if bits == 0 { 0 } else { u64::MAX >> (64 - bits) };
        match rng.range(0, 3) {
            0 => mask,
            1 => mask ^ (mask >> 1),
            _ => rng.next_u64() & mask,
        }
    };
    let count = if is_slow() { 4_000 } else { 1_000_000 };
    let ratios: Vec<_> = (0..count)
        .map(|i| [wide(64) as i64, wide(64) as i64, i % 200 - 100])
        .collect();
    pairs_of(Routine::Ratio, &ratios, |&[n, d, e]| {
        as_pair(Scale::ratio(n as u64, d as u64, e as i32))
    });
    let roots: Vec<_> = (0..count)
        .map(|i| [wide(64) as i64, wide(64) as i64, i % 100 * 2 - 100])
        .collect();
    pairs_of(Routine::InvSqrt, &roots, |&[high, low, e]| {
        let v = (u128::from(high as u64) << 64) | u128::from(low as u64);
        as_pair(Scale::inv_sqrt(v, e as i32))
    });
    // Squares and their neighbours: where a root that is off by one shows.
    let squares: Vec<_> = (0..count)
        .map(|i| {
            let root = u128::from(wide(64));
            let v = (root * root).wrapping_add_signed(i128::from(i % 3 - 1));
            [(v >> 64) as i64, v as i64, 0]
        })
        .collect();
    pairs_of(Routine::InvSqrt, &squares, |&[high, low, e]| {
        let v = (u128::from(high as u64) << 64) | u128::from(low as u64);
        as_pair(Scale::inv_sqrt(v, e as i32))
    });
    // n below 2^17 and the upper bits of the sum (below 2^79) in one number.
    let means: Vec<_> = (0..count)
        .map(|_| {
            let n = wide(17).clamp(1, 131_071);
            [((wide(15) << 32) | n) as i64, wide(64) as i64, wide(50) as i64]
        })
        .collect();
    pairs_of(Routine::InvRms, &means, |&[high_n, low, eps]| {
        let sum = (u128::from(high_n as u64 >> 32) << 64) | u128::from(low as u64);
        as_pair(ops::inv_rms(sum, high_n as u32, eps as u64))
    });
    let angles: Vec<_> = (0..count).map(|_| [wide(64) as i64, 0, 0]).collect();
    pairs_of(Routine::SinCos, &angles, |&[a, ..]| {
        let (cos, sin) = fixed::sin_cos_turns(a as u64);
        [i64::from(cos), i64::from(sin)]
    });
    let quantised: Vec<_> = (0..count)
        .map(|i| {
            let amax = wide(62).min(1 << 62);
            let z = if i % 3 == 0 { amax } else { wide(62).min(amax) } as i64;
            [
                amax as i64,
                [127, 8191, 16383, 32639][i as usize % 4],
                if i % 2 == 0 { z } else { -z },
            ]
        })
        .collect();
    pairs_of(Routine::Quantiser, &quantised, |&[amax, qmax, z]| {
        let unit = Scale {
            mant: 1 << 23,
            exp: -39,
        };
        let quantiser = ops::Quantiser::new(amax as u64, qmax as u32, unit);
        [i64::from(quantiser.apply(z)), packed(quantiser.scale)]
    });
    let functions: Vec<_> = (0..count).map(|_| [i64::from(wide(32) as i32), 0, 0]).collect();
    pairs_of(Routine::SigmoidSilu, &functions, |&[x, ..]| {
        [i64::from(fixed::sigmoid(x as i32)), i64::from(ops::silu(x as i32))]
    });
    pairs_of(Routine::NormalCdfGelu, &functions, |&[x, ..]| {
        [i64::from(fixed::normal_cdf(x as i32)), i64::from(ops::gelu(x as i32))]
    });
    pairs_of(Routine::Exp2NegBits, &functions, |&[x, ..]| {
        [i64::from(fixed::exp2_neg(x as u32)), 0]
    });
}

#[test]
fn row_operators_equal_the_golden_vectors() {
    let device = engine();
    for case in golden("operators.json") {
        match case["op"].as_str().unwrap() {
            "quantise_row" => {
                let width = match case["qmax"].as_u64().unwrap() {
                    32_639 => Width::Wide,
                    127 => Width::Narrow,
                    _ => continue, // Keys and queries: in the attention below.
                };
                let x = ints(&case["x"]);
                let got = device.quantise_rows(&x, x.len(), width, Before::Nothing).unwrap();
                let q: Vec<i16> = ints(&case["q"]).into_iter().map(|q| q as i16).collect();
                assert_eq!(got, [(q, scale(&case["scale"]))]);
            },
            "rows" => rows_case(&case),
            "linear" => {
                let (q, w) = (ints(&case["q"]), ints(&case["w"]));
                let mut matrix = Matrix::new(3, 12);
                for (row, weights) in w.chunks(12).enumerate() {
                    let weights: Vec<i8> = weights.iter().map(|&w| w as i8).collect();
                    matrix.set_row(row, &weights, scale(&case["scales"][row]), ints(&case["bias"])[row]);
                }
                let row = (q.into_iter().map(|q| q as i16).collect(), scale(&case["row"]));
                for tiles in [false, true] {
                    let got = device
                        .product(&vec![row.clone(); 9], Width::Wide, &matrix, tiles)
                        .unwrap();
                    assert!(got.chunks(3).all(|y| y == ints(&case["y"])));
                }
            },
            "rope" => {
                let position = case["position"].as_i64().unwrap();
                let angle = |frequency: i64| [frequency.wrapping_mul(position), 0, 0];
                let angles: Vec<_> = longs(&case["frequencies"]).into_iter().map(angle).collect();
                let want = longs(&case["cos"])
                    .into_iter()
                    .zip(longs(&case["sin"]))
                    .map(|(cos, sin)| [cos, sin]);
                assert_eq!(
                    device.probe(Routine::SinCos, &angles).unwrap(),
                    want.collect::<Vec<_>>()
                );
            },
            _ => {},
        }
    }
}

fn rows_case(case: &Value) {
    let device = engine();
    let (x, gain) = (ints(&case["x"]), ints(&case["gain"]));
    let bias = ints(&case["bias"]);
    let zero = vec![0; x.len()];
    let norm = NormOf {
        gain: &gain,
        frac: case["frac"].as_u64().unwrap() as u32,
        bias: &bias,
        eps: case["eps"].as_u64().unwrap(),
    };
    let quantised = |name: &str| -> Vec<QuantisedRow> {
        let key = if name == "rmsnorm" {
            "rmsnorm_q".to_string()
        } else {
            name.to_string()
        };
        vec![(
            ints(&case[&key]).into_iter().map(|q| q as i16).collect(),
            scale(&case[format!("{name}_scale")]),
        )]
    };
    let (_, got) = device.rms_quantise(&x, &zero, norm, Width::Wide).unwrap();
    assert_eq!(got, quantised("rmsnorm"), "rmsnorm");
    assert_eq!(
        device.layernorm_rows(&x, &zero, norm).unwrap(),
        ints(&case["layernorm"]),
        "layernorm"
    );
    let got = device.quantise_rows(&x, x.len(), Width::Narrow, Before::Gelu).unwrap();
    assert_eq!(got, quantised("gelu"), "gelu");
    let got = device
        .quantise_rows(
            &[x.clone(), bias.clone()].concat(),
            x.len(),
            Width::Wide,
            Before::SiluGate,
        )
        .unwrap();
    assert_eq!(got, quantised("silu_gate"), "gate");
    assert_eq!(
        device.argmax_rows(&x, x.len()).unwrap(),
        [case["argmax"].as_u64().unwrap() as u32]
    );
}

#[test]
fn attention_equals_the_golden_vectors() {
    let device = engine();
    for case in golden("operators.json").iter().filter(|case| case["op"] == "attention") {
        let keys = if case["narrow"].as_bool().unwrap() {
            Width::Narrow
        } else {
            Width::Wide
        };
        let spec = ModelSpec {
            keys,
            ..small(6, 6, 1, 1, 6)
        };
        let model = device
            .upload(&LoadedModel::synthetic(spec, 1).unwrap(), 1 << 20)
            .unwrap();
        let rows = case["rows"].as_array().unwrap();
        let query = ints(&case["query"]);
        let projected: Vec<i32> = rows
            .iter()
            .flat_map(|row| [query.clone(), ints(&row[0]), ints(&row[1])].concat())
            .collect();
        let got = device
            .attention_rows(&model, &projected, &vec![rows.len() as u32; rows.len()])
            .unwrap();
        assert!(got.chunks(6).all(|out| out == ints(&case["out"])), "{got:?}");
    }
}

fn small(hidden: u32, inner: u32, heads: u32, kv_heads: u32, head_dim: u32) -> ModelSpec {
    ModelSpec {
        family: Family::Llama(LlamaSpec {
            tied_embeddings: true,
            qkv_bias: false,
            qk_norm: false,
            rope_base: 10_000,
            rope_scaling: RopeScaling::None,
        }),
        arithmetic: ARITHMETIC,
        activation: Width::Wide,
        keys: Width::Wide,
        hidden,
        intermediate: inner,
        layers: 1,
        heads,
        kv_heads,
        head_dim,
        vocab: 40,
        max_context: 1024,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [7; 32],
    }
}

#[test]
fn row_operators_equal_the_definition_on_random_and_extreme_rows() {
    let device = engine();
    let mut rng = SplitMix64(5);
    // The largest inner dimension among them.
    for n in [1usize, 3, 64, 100, 257, 131_071] {
        let rows = rows(&mut rng, n);
        let rows = if n > 1000 && is_slow() { &rows[5..7] } else { &rows[..] };
        let (x, delta): (Vec<i32>, Vec<i32>) = (rows.concat(), rows.iter().rev().flatten().copied().collect());
        let gain: Vec<i32> = (0..n).map(|_| rng.next_u64() as i32).collect();
        let bias: Vec<i32> = (0..n).map(|_| rng.next_u64() as i32).collect();
        let norm = NormOf {
            gain: &gain,
            frac: 20,
            bias: &bias,
            eps: 1 << 22,
        };
        let summed: Vec<i32> = x.iter().zip(&delta).map(|(a, b)| a.saturating_add(*b)).collect();
        for width in [Width::Wide, Width::Narrow] {
            let qmax = ops::activation_max(width);
            let quantised = |each: &dyn Fn(usize, &mut [i16]) -> Scale| -> Vec<QuantisedRow> {
                let row = |index| {
                    let mut out = vec![0; n];
                    let scale = each(index, &mut out);
                    (out, scale)
                };
                (0..rows.len()).map(row).collect()
            };
            let part = |of: usize| of * n..(of + 1) * n;
            let got = device.quantise_rows(&x, n, width, Before::Nothing).unwrap();
            assert_eq!(
                got,
                quantised(&|row, out| ops::quantise_row(&x[part(row)], qmax, out)),
                "{n} {width:?}"
            );
            let got = device.quantise_rows(&x, n, width, Before::Gelu).unwrap();
            assert_eq!(
                got,
                quantised(&|row, out| ops::gelu_quantise(&x[part(row)], qmax, out)),
                "gelu {n} {width:?}"
            );
            let gates: Vec<i32> = x
                .chunks(n)
                .zip(delta.chunks(n))
                .flat_map(|(a, b)| [a, b].concat())
                .collect();
            let got = device.quantise_rows(&gates, n, width, Before::SiluGate).unwrap();
            let want = quantised(&|row, out| ops::silu_gate_quantise(&x[part(row)], &delta[part(row)], qmax, out));
            assert_eq!(got, want, "gate {n} {width:?}");
            let (sums, got) = device.rms_quantise(&x, &delta, norm, width).unwrap();
            let want = quantised(&|row, out| ops::rmsnorm_quantise(&summed[part(row)], &gain, 20, norm.eps, qmax, out));
            assert_eq!((sums, got), (summed.clone(), want), "rms {n} {width:?}");
        }
        let mut want = summed.clone();
        want.chunks_mut(n)
            .for_each(|row| ops::layernorm(row, &gain, 20, &bias, norm.eps));
        assert_eq!(device.layernorm_rows(&x, &delta, norm).unwrap(), want, "layernorm {n}");
        let want: Vec<u32> = x.chunks(n).map(ops::argmax).collect();
        assert_eq!(device.argmax_rows(&x, n).unwrap(), want, "argmax {n}");
        let mut sums = vec![0i64; n];
        x.chunks(n).for_each(|row| ops::accumulate(&mut sums, row));
        let (mut mean, mut unit) = (vec![0; n], vec![0; n]);
        ops::mean_row(&sums, rows.len() as u32, &mut mean);
        ops::l2_normalise(&sums, &mut unit);
        assert_eq!(device.pool_rows(&x, n, false).unwrap(), mean, "mean {n}");
        assert_eq!(device.pool_rows(&x, n, true).unwrap(), unit, "unit {n}");
    }
}

/// A matrix, its biases, and rows for it.
struct Operands {
    matrix: Matrix,
    bias: Vec<i32>,
    x: Vec<QuantisedRow>,
}

/// `edge`: all weights and values at their largest, of one sign or of both.
fn operands(rng: &mut SplitMix64, rows: usize, outs: usize, ins: usize, width: Width, edge: bool) -> Operands {
    let most = ops::activation_max(width) as i16;
    let mut scale = || Scale {
        mant: rng.range(1 << 23, (1 << 24) - 1) as u32,
        exp: rng.range(-45, -22) as i32,
    };
    let scales: Vec<Scale> = (0..rows + outs).map(|_| scale()).collect();
    let mut matrix = Matrix::new(outs, ins);
    let bias: Vec<i32> = (0..outs)
        .map(|out| if out % 3 == 0 { 0 } else { rng.next_u64() as i32 })
        .collect();
    for out in 0..outs {
        let weight = |_| match (edge, out % 2) {
            (true, 0) => 127,
            (true, _) => -127,
            _ => rng.range(-127, 127) as i8,
        };
        let row: Vec<i8> = (0..ins).map(weight).collect();
        matrix.set_row(out, &row, scales[rows + out], bias[out]);
    }
    // The largest of both planes, of either alone (-128 in the low one), and of the whole.
    let extremes = [most, -most, 127 * 256 - 128, -127 * 256 + 127, -128, 127];
    let value = |row: usize, rng: &mut SplitMix64| match (edge, width) {
        (true, Width::Wide) => extremes[row % 6],
        (true, Width::Narrow) => [127, -127][row % 2],
        _ => rng.range(-i64::from(most), i64::from(most)) as i16,
    };
    let mut row = |row| ((0..ins).map(|_| value(row, rng)).collect(), scales[row]);
    let x = (0..rows).map(&mut row).collect();
    Operands { matrix, bias, x }
}

fn check_product(rows: usize, outs: usize, ins: usize, width: Width, edge: bool, tiles: bool) {
    let mut rng = SplitMix64((rows * outs + ins) as u64);
    let Operands { matrix, bias, x } = operands(&mut rng, rows, outs, ins, width, edge);
    let got = engine().product(&x, width, &matrix, tiles).unwrap();
    let mut weights = vec![0i8; ins];
    for out in 0..outs {
        let scale = matrix.row(out, &mut weights);
        for (row, (q, row_scale)) in x.iter().enumerate() {
            let want = ops::cell(ops::dot(q, &weights), *row_scale, scale).saturating_add(bias[out]);
            let what =
                format!("{rows} x {outs} x {ins}, {width:?}, edge {edge}, tiles {tiles}: row {row}, output {out}");
            assert_eq!(got[row * outs + out], want, "{what}");
        }
    }
}

#[test]
fn products_equal_the_definition_for_every_kernel() {
    for width in [Width::Wide, Width::Narrow] {
        for (rows, outs, ins) in [
            (1, 37, 100),
            (2, 37, 100),
            (3, 130, 64),
            (8, 19, 1000),
            (11, 130, 200),
            (40, 140, 130),
            (70, 20, 64),
        ] {
            for tiles in [false, true] {
                check_product(rows, outs, ins, width, false, tiles);
            }
        }
    }
}

#[test]
fn products_of_the_largest_numbers_do_not_overflow() {
    // The most inputs that the engine's matrices have; the proof goes to 131,071.
    let ins = lantern_engine::cpu::matrix::MAX_INPUTS;
    for width in [Width::Wide, Width::Narrow] {
        check_product(6, 3, ins, width, true, false);
        check_product(12, 3, if is_slow() { 4096 } else { ins }, width, true, true);
    }
}

#[test]
fn attention_equals_the_definition_over_many_pages_splits_and_extreme_rows() {
    let device = engine();
    let mut rng = SplitMix64(77);
    // (heads, key heads, dimension, positions): more positions than one span; the largest head.
    for (heads, kv_heads, dim, positions) in [(4u32, 2u32, 10u32, 40usize), (2, 1, 256, 33), (3, 3, 64, 300)] {
        for keys in [Width::Wide, Width::Narrow] {
            let spec = ModelSpec {
                keys,
                ..small(8, 8, heads, kv_heads, dim)
            };
            let model = device
                .upload(&LoadedModel::synthetic(spec, 3).unwrap(), 8 << 20)
                .unwrap();
            let width = ((heads + 2 * kv_heads) * dim) as usize;
            let kinds = rows(&mut rng, width);
            let projected: Vec<i32> = (0..positions)
                .flat_map(|p| kinds[p * 7 % kinds.len()].clone())
                .collect();
            let visible: Vec<u32> = (1..=positions as u32).collect();
            let got = device.attention_rows(&model, &projected, &visible).unwrap();
            let mut cache = lantern_exact::model::LayerCache::default();
            let (query, kv) = ((heads * dim) as usize, (kv_heads * dim) as usize);
            for row in projected.chunks(width) {
                cache.push(&spec, &row[query..query + kv], &row[query + kv..]);
            }
            for (position, row) in projected.chunks(width).enumerate() {
                let want = cache.attend(&spec, &row[..query], position + 1);
                assert_eq!(
                    got[position * query..(position + 1) * query],
                    want,
                    "{heads} {dim} {keys:?} at {position}"
                );
            }
        }
    }
}
