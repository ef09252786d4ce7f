//! JSON of job parameters and model specifications.
//!
//! Fixed-point fields keep their integers and say so in their names (`temperatureQ16`: 65,536 is one), because a float in
//! JSON would not name one exact job.

use lantern_exact::{BertSpec, Family, GenerateParams, LlamaSpec, Pooling, RopeScaling, Sampling, StopTokens, Width};
use lantern_primitives::{JobParams, ModelSpec, H256};
use serde::{Deserialize, Serialize};

use crate::Decimal;

/// What a job does with its input, told apart by `kind`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum ParamsJson {
    /// Generate tokens.
    Generate {
        /// Most tokens to produce.
        max_new_tokens: u32,
        /// How tokens are chosen.
        #[serde(default)]
        sampling: SamplingJson,
        /// Tokens that end the output, at most eight.
        #[serde(default)]
        stop: Vec<u32>,
    },
    /// Embed the input.
    Embed,
}

/// How the next token is chosen, told apart by `method`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "method",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum SamplingJson {
    /// The largest logit.
    #[default]
    Greedy,
    /// Drawn by noise that the seed determines.
    Seeded {
        /// Temperature in Q16.
        temperature_q16: u32,
        /// Largest logits that take part; 0 is off.
        top_k: u32,
        /// Probability of the tokens that take part in Q16; 65,536 is off.
        top_p_q16: u32,
        /// Seed of the noise, 32 bytes.
        seed: H256,
    },
}

impl From<&JobParams> for ParamsJson {
    fn from(params: &JobParams) -> Self {
        let JobParams::Generate(GenerateParams {
            max_new_tokens,
            sampling,
            stop,
        }) = params
        else {
            return Self::Embed;
        };
        let sampling = match *sampling {
            Sampling::Greedy => SamplingJson::Greedy,
            Sampling::Seeded {
                temperature,
                top_k,
                top_p,
                seed,
            } => SamplingJson::Seeded {
                temperature_q16: temperature,
                top_k,
                top_p_q16: top_p,
                seed: H256(seed),
            },
        };
        Self::Generate {
            max_new_tokens: *max_new_tokens,
            sampling,
            stop: stop.as_slice().to_vec(),
        }
    }
}

/// A job has more stop tokens than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than eight stop tokens")]
pub struct TooManyStopTokens;

impl TryFrom<&ParamsJson> for JobParams {
    type Error = TooManyStopTokens;

    fn try_from(params: &ParamsJson) -> Result<Self, TooManyStopTokens> {
        let ParamsJson::Generate {
            max_new_tokens,
            sampling,
            stop,
        } = params
        else {
            return Ok(Self::Embed);
        };
        let sampling = match *sampling {
            SamplingJson::Greedy => Sampling::Greedy,
            SamplingJson::Seeded {
                temperature_q16,
                top_k,
                top_p_q16,
                seed,
            } => Sampling::Seeded {
                temperature: temperature_q16,
                top_k,
                top_p: top_p_q16,
                seed: seed.0,
            },
        };
        let stop = StopTokens::new(stop).ok_or(TooManyStopTokens)?;
        Ok(Self::Generate(GenerateParams {
            max_new_tokens: *max_new_tokens,
            sampling,
            stop,
        }))
    }
}

/// Width of quantised numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WidthJson {
    /// Two int8 planes.
    Wide,
    /// One int8 plane.
    Narrow,
}

impl From<Width> for WidthJson {
    fn from(width: Width) -> Self {
        match width {
            Width::Wide => Self::Wide,
            Width::Narrow => Self::Narrow,
        }
    }
}

/// Stretching of rotary frequencies, told apart by `method`; factors in Q16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RopeScalingJson {
    /// None.
    None,
    /// Every frequency divided by a factor.
    Linear {
        /// The factor.
        factor_q16: u32,
    },
    /// As in Llama 3.
    Llama3 {
        /// The factor.
        factor_q16: u32,
        /// Low-frequency factor.
        low_freq_factor_q16: u32,
        /// High-frequency factor.
        high_freq_factor_q16: u32,
        /// Context that the model was trained on.
        original_context: u32,
    },
}

impl From<RopeScaling> for RopeScalingJson {
    fn from(scaling: RopeScaling) -> Self {
        match scaling {
            RopeScaling::None => Self::None,
            RopeScaling::Linear { factor } => Self::Linear { factor_q16: factor },
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_context,
            } => Self::Llama3 {
                factor_q16: factor,
                low_freq_factor_q16: low_freq_factor,
                high_freq_factor_q16: high_freq_factor,
                original_context,
            },
        }
    }
}

/// Model family with its particular fields, told apart by `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum FamilyJson {
    /// Causal text generation.
    Llama {
        /// The output head is the embedding table.
        tied_embeddings: bool,
        /// Query, key and value projections have biases.
        qkv_bias: bool,
        /// Queries and keys are normalised per head.
        qk_norm: bool,
        /// Base of the rotary frequencies.
        rope_base: u32,
        /// Stretching of the rotary frequencies.
        rope_scaling: RopeScalingJson,
    },
    /// Sentence embedding.
    Bert {
        /// `mean` or `cls`.
        pooling: PoolingJson,
        /// Whether the row is divided by its norm.
        normalize: bool,
    },
}

/// How token rows become one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PoolingJson {
    /// Mean over all tokens.
    Mean,
    /// The first token's row.
    Cls,
}

impl From<Family> for FamilyJson {
    fn from(family: Family) -> Self {
        match family {
            Family::Llama(LlamaSpec {
                tied_embeddings,
                qkv_bias,
                qk_norm,
                rope_base,
                rope_scaling,
            }) => Self::Llama {
                tied_embeddings,
                qkv_bias,
                qk_norm,
                rope_base,
                rope_scaling: rope_scaling.into(),
            },
            Family::Bert(BertSpec { pooling, normalize }) => Self::Bert {
                pooling: match pooling {
                    Pooling::Mean => PoolingJson::Mean,
                    Pooling::Cls => PoolingJson::Cls,
                },
                normalize,
            },
        }
    }
}

/// Specification of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelSpecJson {
    /// Family and its particular fields.
    pub family: FamilyJson,
    /// Version of the arithmetic.
    pub arithmetic: u16,
    /// Width of activations.
    pub activation: WidthJson,
    /// Width of cached keys.
    pub keys: WidthJson,
    /// Width of the residual stream.
    pub hidden: u32,
    /// Inner width of the feed-forward block.
    pub intermediate: u32,
    /// Layers.
    pub layers: u32,
    /// Query heads.
    pub heads: u32,
    /// Key and value heads.
    pub kv_heads: u32,
    /// Dimension of one head.
    pub head_dim: u32,
    /// Number of token ids.
    pub vocab: u32,
    /// Most tokens of prompt and output together.
    pub max_context: u32,
    /// Epsilon of the norms in Q64.
    pub norm_eps_q64: Decimal<u64>,
    /// BLAKE2b-256 of the tokenizer file.
    pub tokenizer_hash: H256,
}

impl From<&ModelSpec> for ModelSpecJson {
    fn from(spec: &ModelSpec) -> Self {
        Self {
            family: spec.family.into(),
            arithmetic: spec.arithmetic,
            activation: spec.activation.into(),
            keys: spec.keys.into(),
            hidden: spec.hidden,
            intermediate: spec.intermediate,
            layers: spec.layers,
            heads: spec.heads,
            kv_heads: spec.kv_heads,
            head_dim: spec.head_dim,
            vocab: spec.vocab,
            max_context: spec.max_context,
            norm_eps_q64: Decimal(spec.norm_eps),
            tokenizer_hash: H256(spec.tokenizer_hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_survive_json() {
        let stop = StopTokens::new(&[1, 2]).unwrap();
        let seeded = Sampling::Seeded {
            temperature: 45_875,
            top_k: 40,
            top_p: 62_259,
            seed: [9; 32],
        };
        for sampling in [Sampling::Greedy, seeded] {
            let params = JobParams::Generate(GenerateParams {
                max_new_tokens: 7,
                sampling,
                stop,
            });
            let json = serde_json::to_string(&ParamsJson::from(&params)).unwrap();
            let back: ParamsJson = serde_json::from_str(&json).unwrap();
            assert_eq!(JobParams::try_from(&back), Ok(params), "{json}");
        }
        let json = serde_json::to_string(&ParamsJson::from(&JobParams::Embed)).unwrap();
        assert_eq!(json, r#"{"kind":"embed"}"#);
    }

    #[test]
    fn defaults_are_greedy_without_stop_tokens() {
        let json: ParamsJson = serde_json::from_str(r#"{"kind":"generate","maxNewTokens":3}"#).unwrap();
        let JobParams::Generate(params) = JobParams::try_from(&json).unwrap() else {
            panic!("a generation")
        };
        assert_eq!(params.sampling, Sampling::Greedy);
        assert!(params.stop.as_slice().is_empty());
    }

    #[test]
    fn nine_stop_tokens_and_unknown_fields_are_refused() {
        let nine = ParamsJson::Generate {
            max_new_tokens: 1,
            sampling: SamplingJson::Greedy,
            stop: vec![0; 9],
        };
        assert_eq!(JobParams::try_from(&nine), Err(TooManyStopTokens));
        for bad in [
            r#"{"kind":"generate","maxNewTokens":3,"maxTokens":3}"#,
            r#"{"kind":"generate"}"#,
            r#"{"kind":"dream"}"#,
            r#"{"kind":"generate","maxNewTokens":-1}"#,
            r#"{"kind":"generate","maxNewTokens":4294967296}"#,
        ] {
            assert!(serde_json::from_str::<ParamsJson>(bad).is_err(), "{bad}");
        }
    }
}
