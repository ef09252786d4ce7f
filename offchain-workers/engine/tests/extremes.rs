//! Models whose every number may be at a limit of its type: the engine still gives the reference's bytes and trace.
//!
//! Such weights saturate residuals, biases and logits, make rows of nothing but zeros and scales from 2^-489 to 2^536: far
//! from what a real model has, and all of it valid.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

use lantern_engine::{Engine, ExecuteOptions, Kernel, KernelChoice, LoadedModel};
use lantern_exact::{
    commit::{self, TensorKind, TensorSpec},
    fixed::{Scale, MANT_MAX, MANT_MIN},
    model::{Matrix, Tensor, Vector},
    synthetic::SplitMix64,
    BertSpec, Family, GenerateParams, JobParams, LlamaSpec, ModelSpec, Pooling, RopeScaling, Sampling, StopTokens,
    Width, ARITHMETIC,
};
use proptest::prelude::*;
use std::{
    ops::ControlFlow,
    sync::{atomic::AtomicBool, OnceLock},
};

fn engines() -> &'static [Engine] {
    static ENGINES: OnceLock<Vec<Engine>> = OnceLock::new();
    ENGINES.get_or_init(|| {
        let kernels = Kernel::ALL.into_iter().filter(|kernel| kernel.is_available());
        kernels
            .flat_map(|kernel| [1, 2].map(|threads| Engine::new(threads, KernelChoice::Only(kernel)).unwrap()))
            .collect()
    })
}

/// What the numbers of a tensor are like.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Usual,
    AllLargest,
    AllSmallest,
    Limits,
    Zeros,
    /// Whole rows of zeros and of limits in turns.
    Rows,
}

impl Kind {
    fn draw(rng: &mut SplitMix64) -> Self {
        match rng.range(0, 8) {
            0 => Self::AllLargest,
            1 => Self::AllSmallest,
            2..=3 => Self::Limits,
            4 => Self::Zeros,
            5 => Self::Rows,
            _ => Self::Usual,
        }
    }

    /// A number in `[-limit, limit]`, of a row.
    fn number(self, rng: &mut SplitMix64, row: usize, low: i64, high: i64) -> i64 {
        let random = rng.range(low, high);
        let limit = if random < 0 { low } else { high };
        match self {
            Self::Usual => random,
            Self::AllLargest => high,
            Self::AllSmallest => low,
            Self::Limits => limit,
            Self::Zeros => 0,
            Self::Rows if row.is_multiple_of(2) => 0,
            Self::Rows => limit,
        }
    }
}

/// A tensor of extremes. `calm` ones keep their scales and vectors within what real models have, so that what others make
/// extreme is not lost in saturation at the first layer.
fn tensor(spec: &TensorSpec, calm: bool, rng: &mut SplitMix64) -> Tensor {
    let (rows, cols, kind) = (spec.rows as usize, spec.cols as usize, Kind::draw(rng));
    match spec.kind {
        TensorKind::Matrix => {
            let data = (0..rows * cols).map(|at| kind.number(rng, at / cols, -127, 127) as i8);
            let data = data.collect();
            let reach = if calm {
                3
            } else {
                [6, 20, 512][rng.range(0, 2) as usize]
            };
            let scale = |_| match rng.range(0, 7) {
                0 => Scale::ZERO_ROW,
                1 => Scale {
                    mant: MANT_MAX,
                    exp: (-33 + reach as i32).min(512),
                },
                _ => Scale {
                    mant: rng.range(MANT_MIN.into(), MANT_MAX.into()) as u32,
                    exp: rng.range((-33 - reach).max(-512), (-33 + reach).min(512)) as i32,
                },
            };
            let scales = (0..rows).map(scale).collect();
            Tensor::Matrix(Matrix { cols, data, scales })
        },
        TensorKind::Vector => {
            let bias = spec.name.ends_with("_bias");
            let (low, high) = match (calm, bias) {
                (true, true) => (-100_000, 100_000),
                (true, false) => (-3_000_000, 3_000_000),
                (false, _) => (i32::MIN.into(), i32::MAX.into()),
            };
            let values = (0..cols).map(|at| kind.number(rng, at, low, high) as i32);
            Tensor::Vector(Vector {
                values: values.collect(),
                frac: match (bias, calm) {
                    (true, _) => 16,
                    (false, true) => 20,
                    (false, false) => [0, 16, 30][rng.range(0, 2) as usize],
                },
            })
        },
    }
}

#[derive(Clone, Copy, Debug)]
struct Case {
    spec: ModelSpec,
    seed: u64,
    calm: bool,
    positions: usize,
    chunk: usize,
    sampling: Sampling,
}

fn case() -> impl Strategy<Value = Case> {
    let width = || prop_oneof![Just(Width::Wide), Just(Width::Narrow)];
    // Up to the largest head dimension.
    let heads = prop_oneof![3 => (1u32..4, 1u32..4, 1u32..20), 1 => (1u32..3, 1u32..3, Just(128))];
    let sampling = prop_oneof![
        Just(Sampling::Greedy),
        (1024u32..=64 << 16, 0u32..20, 1u32..=65_536, any::<[u8; 32]>()).prop_map(
            |(temperature, top_k, top_p, seed)| Sampling::Seeded {
                temperature,
                top_k,
                top_p,
                seed
            }
        ),
    ];
    (
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
        (width(), width()),
        (1u32..70, 1u32..90, 1u32..3),
        heads,
        (any::<u64>(), any::<bool>()),
        (1usize..24, 1usize..30),
        sampling,
    )
        .prop_map(
            |(
                flags,
                (activation, keys),
                (hidden, intermediate, layers),
                heads,
                (seed, calm),
                (positions, chunk),
                sampling,
            )| {
                let (bert, qkv_bias, qk_norm, tied_embeddings) = flags;
                let (kv_heads, group, half) = heads;
                let family = if bert {
                    Family::Bert(BertSpec {
                        pooling: if qkv_bias { Pooling::Mean } else { Pooling::Cls },
                        normalize: qk_norm,
                    })
                } else {
                    Family::Llama(LlamaSpec {
                        tied_embeddings,
                        qkv_bias,
                        qk_norm,
                        rope_base: 10_000,
                        rope_scaling: RopeScaling::None,
                    })
                };
                // An encoder's heads make up its width, and each has its own keys.
                let (hidden, heads, kv_heads) = if bert {
                    (kv_heads * group * half * 2, kv_heads * group, kv_heads * group)
                } else {
                    (hidden, kv_heads * group, kv_heads)
                };
                let spec = ModelSpec {
                    family,
                    arithmetic: ARITHMETIC,
                    activation,
                    keys,
                    hidden,
                    intermediate,
                    layers,
                    heads,
                    kv_heads,
                    head_dim: half * 2,
                    vocab: 20,
                    max_context: 64,
                    norm_eps: 184_467_440_737_095,
                    tokenizer_hash: [0; 32],
                };
                Case {
                    spec,
                    seed,
                    calm,
                    positions,
                    chunk,
                    sampling,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn models_of_extremes_give_the_references_bytes_and_traces(case in case()) {
        let Case { spec, seed, calm, positions, chunk, sampling } = case;
        let mut rng = SplitMix64(seed);
        let tensors: Vec<Tensor> = commit::tensors(&spec).iter().map(|spec| tensor(spec, calm, &mut rng)).collect();
        let input: Vec<u32> = (0..positions).map(|_| rng.range(0, 19) as u32).collect();
        let params = match spec.family {
            Family::Bert(_) => JobParams::Embed,
            Family::Llama(_) => JobParams::Generate(GenerateParams {
                max_new_tokens: 4,
                sampling,
                stop: StopTokens::default(),
            }),
        };
        let model = LoadedModel::from_tensors("extremes", spec, tensors).unwrap();
        let want = model.reference().unwrap().run(&input, &params).unwrap();
        for engine in engines() {
            let options = ExecuteOptions { prefill_chunk: chunk };
            let go_on = &mut |_| ControlFlow::Continue(());
            let got = engine.execute(&model, &input, &params, &options, go_on, &AtomicBool::new(false)).unwrap();
            prop_assert_eq!(&got.output, &want.output, "{:?}", engine);
            prop_assert_eq!(got.trace_root, want.trace_root, "{:?}", engine);
        }
    }
}
