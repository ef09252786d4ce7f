//! Small models and helpers that several test files share.
#![allow(dead_code, clippy::unwrap_used)]

use lantern_exact::{
    fixed::Scale, synthetic, BertSpec, Family, GenerateParams, JobParams, LlamaSpec, ModelSpec, Pooling,
    ReferenceModel, RopeScaling, Sampling, StopTokens, Width, ARITHMETIC,
};

pub fn llama_spec() -> ModelSpec {
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
        hidden: 32,
        intermediate: 48,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_dim: 8,
        vocab: 50,
        max_context: 64,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [7; 32],
    }
}

/// Every optional part of the Llama family at once.
pub fn llama_spec_full() -> ModelSpec {
    ModelSpec {
        family: Family::Llama(LlamaSpec {
            tied_embeddings: false,
            qkv_bias: true,
            qk_norm: true,
            rope_base: 500_000,
            rope_scaling: RopeScaling::Llama3 {
                factor: 8 << 16,
                low_freq_factor: 1 << 16,
                high_freq_factor: 4 << 16,
                original_context: 32,
            },
        }),
        activation: Width::Narrow,
        keys: Width::Narrow,
        head_dim: 10,
        ..llama_spec()
    }
}

pub fn bert_spec(pooling: Pooling, normalize: bool) -> ModelSpec {
    ModelSpec {
        family: Family::Bert(BertSpec { pooling, normalize }),
        kv_heads: 4,
        norm_eps: 18_446_744,
        ..llama_spec()
    }
}

pub fn model(spec: ModelSpec) -> ReferenceModel {
    ReferenceModel::from_tensors(spec, synthetic::tensors(&spec, 42)).unwrap()
}

pub fn generate(max_new_tokens: u32, sampling: Sampling, stop: &[u32]) -> JobParams {
    JobParams::Generate(GenerateParams {
        max_new_tokens,
        sampling,
        stop: StopTokens::new(stop).unwrap(),
    })
}

pub fn seeded(temperature: f64, top_k: u32, top_p: f64, seed: u8) -> Sampling {
    Sampling::Seeded {
        temperature: (temperature * 65536.0) as u32,
        top_k,
        top_p: (top_p * 65536.0) as u32,
        seed: [seed; 32],
    }
}

pub fn real(scale: Scale) -> f64 {
    scale.mant as f64 * (scale.exp as f64).exp2()
}
