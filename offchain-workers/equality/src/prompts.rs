//! The models and the prompts.

use alloc::vec::Vec;
use lantern_exact::{
    model::Tensor,
    spec::{MAX_TEMPERATURE, MIN_TEMPERATURE, Q16_ONE},
    synthetic::{self, SplitMix64},
    BertSpec, Family, GenerateParams, JobParams, LlamaSpec, ModelSpec, Pooling, RopeScaling, Sampling, StopTokens,
    Width, ARITHMETIC,
};

/// Names of the models; a prompt of number `n` is for number `n % 4`.
///
/// - `llama`: grouped heads, wide, Llama 3's stretched rotation, a head of its own;
/// - `qwen2`: biases, narrow, tied embeddings;
/// - `qwen3`: norms of queries and keys, wide with narrow keys, heads wider together than the model;
/// - `bert`: an encoder, wide.
///
/// Most dimensions are multiples of no vector's length, so that what kernels do with the rest of a row counts.
pub const ARCHITECTURES: [&str; 4] = ["llama", "qwen2", "qwen3", "bert"];

/// Most tokens of prompt and output.
const CONTEXT: u32 = 640;

/// Specification of one of the [`ARCHITECTURES`].
pub fn spec(architecture: usize) -> ModelSpec {
    let llama = |family: LlamaSpec| Family::Llama(family);
    let plain = LlamaSpec {
        tied_embeddings: true,
        qkv_bias: false,
        qk_norm: false,
        rope_base: 1_000_000,
        rope_scaling: RopeScaling::None,
    };
    let (wide, narrow) = (Width::Wide, Width::Narrow);
    // Family, widths, then hidden, intermediate, layers, heads, kv_heads, head_dim, vocab.
    let (family, (activation, keys), [hidden, intermediate, layers, heads, kv_heads, head_dim, vocab]) =
        match architecture {
            0 => {
                let rope_scaling = RopeScaling::Llama3 {
                    factor: 8 << 16,
                    low_freq_factor: 1 << 16,
                    high_freq_factor: 4 << 16,
                    original_context: 64,
                };
                let family = LlamaSpec {
                    tied_embeddings: false,
                    rope_base: 10_000,
                    rope_scaling,
                    ..plain
                };
                (llama(family), (wide, wide), [72, 150, 4, 6, 2, 12, 211])
            },
            1 => {
                let family = LlamaSpec {
                    qkv_bias: true,
                    ..plain
                };
                (llama(family), (narrow, narrow), [64, 128, 3, 8, 2, 16, 256])
            },
            2 => {
                let family = LlamaSpec { qk_norm: true, ..plain };
                (llama(family), (wide, narrow), [48, 100, 3, 4, 2, 32, 163])
            },
            _ => {
                let family = BertSpec {
                    pooling: Pooling::Mean,
                    normalize: true,
                };
                (Family::Bert(family), (wide, wide), [60, 132, 3, 5, 5, 12, 181])
            },
        };
    ModelSpec {
        family,
        arithmetic: ARITHMETIC,
        activation,
        keys,
        hidden,
        intermediate,
        layers,
        heads,
        kv_heads,
        head_dim,
        vocab,
        max_context: CONTEXT,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [0; 32],
    }
}

/// Weights of one of the [`ARCHITECTURES`], in commitment order.
pub fn tensors(seed: u64, architecture: usize) -> Vec<Tensor> {
    synthetic::tensors(
        &spec(architecture),
        seed.wrapping_mul(31).wrapping_add(architecture as u64),
    )
}

/// A job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prompt {
    /// Which of the [`ARCHITECTURES`].
    pub architecture: usize,
    /// Input tokens: one to 560, half of the prompts at most 32.
    pub input: Vec<u32>,
    /// A third greedy, the rest with random temperature (1/64 to 64), top-k, top-p and seed; up to four stop tokens.
    pub params: JobParams,
}

/// Prompt number `index` of `seed`.
pub fn prompt(seed: u64, index: u32) -> Prompt {
    let mut rng = SplitMix64(seed ^ (u64::from(index) << 32 | 0x5eed));
    // Neighbouring states must not give neighbouring prompts.
    rng.0 = rng.next_u64();
    let architecture = index as usize % ARCHITECTURES.len();
    let spec = spec(architecture);
    let mut draw = |low: u32, high: u32| rng.range(low.into(), high.into()) as u32;
    let length = match draw(0, 9) {
        0..=4 => draw(1, 32),
        5..=7 => draw(33, 128),
        _ => draw(129, 560),
    };
    let input = (0..length).map(|_| draw(0, spec.vocab - 1)).collect();
    let params = match spec.family {
        Family::Bert(_) => JobParams::Embed,
        Family::Llama(_) => {
            let max_new_tokens = if draw(0, 9) == 0 { draw(25, 80) } else { draw(1, 24) };
            let stops: Vec<u32> = (0..draw(0, 4)).map(|_| draw(0, spec.vocab - 1)).collect();
            JobParams::Generate(GenerateParams {
                max_new_tokens,
                sampling: sampling(spec.vocab, &mut draw),
                stop: StopTokens::new(&stops).unwrap_or_default(),
            })
        },
    };
    Prompt {
        architecture,
        input,
        params,
    }
}

fn sampling(vocab: u32, draw: &mut dyn FnMut(u32, u32) -> u32) -> Sampling {
    if draw(0, 2) == 0 {
        return Sampling::Greedy;
    }
    // One of the fifteen powers of two, and somewhere above it.
    let least = MIN_TEMPERATURE << draw(0, 12);
    Sampling::Seeded {
        temperature: draw(least, (2 * least).min(MAX_TEMPERATURE)),
        top_k: if draw(0, 1) == 0 { 0 } else { draw(1, vocab) },
        top_p: if draw(0, 1) == 0 { Q16_ONE } else { draw(1, Q16_ONE) },
        seed: core::array::from_fn(|_| draw(0, 255) as u8),
    }
}
