//! Metadata turned into a specification.

use super::{header::Tensors, metadata::Metadata, rope};
use crate::model::{config, error::LoadError, loaded::LoadOptions, source::Files};
use lantern_exact::{spec::MAX_CONTEXT, BertSpec, Family, Hash, LlamaSpec, ModelSpec, Pooling, ARITHMETIC};

/// Key that names the architecture, which is the prefix of most other keys.
const ARCHITECTURE: &str = "general.architecture";

/// Tensor whose rows are the vocabulary.
const VOCAB_TABLE: &str = "token_embd.weight";

/// Keys of an architecture that are read, or that change nothing beside those that are. Any other may change the arithmetic, so that a
/// file with one is refused.
const KNOWN_KEYS: [&str; 24] = [
    "attention.causal",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon",
    "attention.sliding_window",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "expert_count",
    "expert_used_count",
    "feed_forward_length",
    "pooling_type",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scale_linear",
    "rope.scaling.factor",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "tensor_data_layout",
    "vocab_size",
];

/// An architecture that is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Architecture {
    /// Llama, Mistral, SmolLM.
    Llama,
    Qwen2,
    Qwen3,
    Bert,
}

impl Architecture {
    /// The architecture that a file names.
    pub fn of(metadata: &Metadata<'_>) -> Result<Self, LoadError> {
        match metadata.text(ARCHITECTURE)? {
            Some("llama") => Ok(Self::Llama),
            Some("qwen2") => Ok(Self::Qwen2),
            Some("qwen3") => Ok(Self::Qwen3),
            Some("bert") => Ok(Self::Bert),
            _ => Err(metadata.unsupported(ARCHITECTURE)),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Bert => "bert",
        }
    }

    /// Whether rows of queries and keys are in llama.cpp's order, in which the two values that are rotated together are neighbours.
    pub fn interleaved(self) -> bool {
        self == Self::Llama
    }
}

/// Keys of one architecture.
struct Keys<'a> {
    metadata: &'a Metadata<'a>,
    architecture: Architecture,
}

impl Keys<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture.name())
    }

    fn u32(&self, name: &str) -> Result<Option<u32>, LoadError> {
        self.metadata.u32(&self.key(name))
    }

    fn required_u32(&self, name: &str) -> Result<u32, LoadError> {
        self.metadata.required(&self.key(name), self.u32(name)?)
    }

    fn unsupported(&self, name: &str) -> LoadError {
        self.metadata.unsupported(&self.key(name))
    }

    fn epsilon(&self, name: &str) -> Result<u64, LoadError> {
        let key = self.key(name);
        let epsilon = self.metadata.required(&key, self.metadata.f64(&key)?)?;
        config::epsilon(epsilon).ok_or_else(|| self.metadata.refuse(&key, "is out of range"))
    }

    /// Refuses a model whose number `name` is there and not `expected`.
    fn require(&self, name: &str, expected: u32) -> Result<(), LoadError> {
        match self.u32(name)? {
            Some(found) if found != expected => Err(self.unsupported(name)),
            _ => Ok(()),
        }
    }

    fn refuse_unknown(&self) -> Result<(), LoadError> {
        let prefix = self.key("");
        let mut unknown: Vec<&str> = self
            .metadata
            .keys()
            .filter(|key| {
                key.strip_prefix(&prefix)
                    .is_some_and(|name| !KNOWN_KEYS.contains(&name))
            })
            .collect();
        // The map has no order; the message is to be the same each time.
        unknown.sort_unstable();
        unknown
            .first()
            .map_or(Ok(()), |key| Err(self.metadata.unsupported(key)))
    }
}

/// The specification of the model in a file, validated. `bytes` is the whole file.
pub(super) fn read(
    metadata: &Metadata<'_>,
    tensors: &Tensors,
    bytes: &[u8],
    beside: Files<'_>,
    options: &LoadOptions,
    tokenizer_hash: Hash,
) -> Result<ModelSpec, LoadError> {
    let architecture = Architecture::of(metadata)?;
    let keys = Keys { metadata, architecture };
    keys.refuse_unknown()?;
    const PARTS: &str = "split.count";
    if metadata.u32(PARTS)?.is_some_and(|parts| parts > 1) {
        return Err(metadata.unsupported(PARTS));
    }
    let hidden = keys.required_u32("embedding_length")?;
    let heads = keys.required_u32("attention.head_count")?;
    if heads == 0 {
        return Err(metadata.refuse(&keys.key("attention.head_count"), "is zero"));
    }
    let head_dim = keys.u32("attention.key_length")?.unwrap_or(hidden / heads);
    keys.require("attention.value_length", head_dim)?;
    keys.require("expert_count", 0)?;
    let vocab = vocab(metadata.file(), tensors)?;
    keys.require("vocab_size", vocab)?;
    let mut spec = ModelSpec {
        family: Family::Bert(BertSpec {
            pooling: Pooling::Mean,
            normalize: true,
        }),
        arithmetic: ARITHMETIC,
        activation: options.activation,
        keys: options.keys,
        hidden,
        intermediate: keys.required_u32("feed_forward_length")?,
        layers: keys.required_u32("block_count")?,
        heads,
        kv_heads: keys.u32("attention.head_count_kv")?.unwrap_or(heads),
        head_dim,
        vocab,
        max_context: keys.required_u32("context_length")?.min(MAX_CONTEXT),
        norm_eps: 0,
        tokenizer_hash,
    };
    match architecture {
        Architecture::Bert => bert(&keys, beside, &mut spec)?,
        _ => llama(&keys, tensors, bytes, &mut spec)?,
    }
    validate(&spec, &keys)?;
    Ok(spec)
}

/// Refuses a shape that breaks a bound, by the key that gives it.
fn validate(spec: &ModelSpec, keys: &Keys<'_>) -> Result<(), LoadError> {
    let epsilon = match keys.architecture {
        Architecture::Bert => "attention.layer_norm_epsilon",
        _ => "attention.layer_norm_rms_epsilon",
    };
    let names = config::Names {
        hidden: &keys.key("embedding_length"),
        intermediate: &keys.key("feed_forward_length"),
        layers: &keys.key("block_count"),
        heads: &keys.key("attention.head_count"),
        kv_heads: &keys.key("attention.head_count_kv"),
        head_dim: &keys.key("attention.key_length"),
        vocab: VOCAB_TABLE,
        max_context: &keys.key("context_length"),
        norm_eps: &keys.key(epsilon),
        rope: &keys.key("rope.scaling.factor"),
    };
    config::validate(spec, keys.metadata.file(), &names)
}

/// Tokens that the file names as the end of a text.
pub(super) fn end_tokens(metadata: &Metadata<'_>, vocab: u32) -> Result<Vec<u32>, LoadError> {
    const END: &str = "tokenizer.ggml.eos_token_id";
    let token = metadata.u32(END)?;
    if token.is_some_and(|token| token >= vocab) {
        return Err(metadata.refuse(END, "is not below the size of the vocabulary"));
    }
    Ok(token.into_iter().collect())
}

/// Rows of the embedding table.
fn vocab(file: &str, tensors: &Tensors) -> Result<u32, LoadError> {
    let table = tensors.get(VOCAB_TABLE).ok_or_else(|| LoadError::MissingTensor {
        file: file.into(),
        tensor: VOCAB_TABLE.into(),
    })?;
    // A vocabulary beyond 32 bits is beyond the specification's bound as well.
    Ok(u32::try_from(table.shape[0]).unwrap_or(u32::MAX))
}

fn llama(keys: &Keys<'_>, tensors: &Tensors, bytes: &[u8], spec: &mut ModelSpec) -> Result<(), LoadError> {
    let Keys { metadata, architecture } = keys;
    if metadata.bool(&keys.key("attention.causal"))? == Some(false) {
        return Err(keys.unsupported("attention.causal"));
    }
    keys.require("rope.dimension_count", spec.head_dim)?;
    if let Some(window) = keys.u32("attention.sliding_window")? {
        // Within the window, windowed attention is plain attention.
        spec.max_context = spec.max_context.min(window);
    }
    spec.norm_eps = keys.epsilon("attention.layer_norm_rms_epsilon")?;
    let base_key = keys.key("rope.freq_base");
    let base = config::rope_base(metadata.f64(&base_key)?.unwrap_or(10_000.0))
        .ok_or_else(|| metadata.refuse(&base_key, "is not a whole number from 2 to 2^32 - 1"))?;
    spec.family = Family::Llama(LlamaSpec {
        tied_embeddings: !tensors.contains_key("output.weight"),
        qkv_bias: *architecture == Architecture::Qwen2,
        qk_norm: *architecture == Architecture::Qwen3,
        rope_base: base,
        rope_scaling: rope::scaling(metadata, tensors, bytes, architecture.name(), (base, spec.head_dim))?,
    });
    Ok(())
}

fn bert(keys: &Keys<'_>, beside: Files<'_>, spec: &mut ModelSpec) -> Result<(), LoadError> {
    if keys.metadata.bool(&keys.key("attention.causal"))? == Some(true) {
        return Err(keys.unsupported("attention.causal"));
    }
    spec.norm_eps = keys.epsilon("attention.layer_norm_epsilon")?;
    // Whether rows are normalised stands in the sentence-transformers files alone, which may lie beside this one.
    let mut bert = config::pooling(beside)?;
    match keys.u32("pooling_type")? {
        None => (),
        Some(1) => bert.pooling = Pooling::Mean,
        Some(2) => bert.pooling = Pooling::Cls,
        Some(_) => return Err(keys.unsupported("pooling_type")),
    }
    spec.family = Family::Bert(bert);
    Ok(())
}
