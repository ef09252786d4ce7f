//! `config.json` of a Hugging Face model, turned into a specification.

use super::{
    error::{self, LoadError},
    loaded::LoadOptions,
    source::{Files, CONFIG, GENERATION, MODULES, POOLING},
};
use crate::cpu::matrix::MAX_INPUTS;
use lantern_exact::{
    spec::{MAX_CONTEXT, MAX_HEADS, MAX_HEAD_DIM, MAX_INNER, MAX_LAYERS, MAX_VOCAB, Q16_ONE},
    BertSpec, Family, Hash, LlamaSpec, ModelSpec, Pooling, RopeScaling, SpecError, ARITHMETIC,
};
use serde_json::{Map, Value};

/// Reads fields of one JSON object; errors name the file and the field.
struct Fields<'a> {
    file: &'static str,
    object: &'a Map<String, Value>,
}

impl Fields<'_> {
    fn refuse(&self, field: &str, reason: &str) -> LoadError {
        LoadError::Config {
            file: self.file.into(),
            field: field.into(),
            reason: reason.into(),
        }
    }

    fn unsupported(&self, field: &str) -> LoadError {
        let value = self.get(field).map_or_else(|| "(missing)".to_owned(), Value::to_string);
        LoadError::Unsupported {
            file: self.file.into(),
            field: field.into(),
            value: value.chars().take(80).collect(),
        }
    }

    /// A field that is there and not null.
    fn get(&self, field: &str) -> Option<&Value> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    fn optional_u32(&self, field: &str) -> Result<Option<u32>, LoadError> {
        self.get(field)
            .map(|value| {
                let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
                number.ok_or_else(|| self.refuse(field, "is not a whole number below 2^32"))
            })
            .transpose()
    }

    fn u32(&self, field: &str) -> Result<u32, LoadError> {
        self.optional_u32(field)?
            .ok_or_else(|| self.refuse(field, "is missing"))
    }

    fn optional_f64(&self, field: &str) -> Result<Option<f64>, LoadError> {
        self.get(field)
            .map(|value| {
                let number = value.as_f64().filter(|number| number.is_finite());
                number.ok_or_else(|| self.refuse(field, "is not a number"))
            })
            .transpose()
    }

    fn bool(&self, field: &str, default: bool) -> Result<bool, LoadError> {
        self.get(field).map_or(Ok(default), |value| {
            value
                .as_bool()
                .ok_or_else(|| self.refuse(field, "is neither true nor false"))
        })
    }

    fn str(&self, field: &str) -> Option<&str> {
        self.get(field).and_then(Value::as_str)
    }

    /// Refuses a model whose `field` is set to anything but `allowed`.
    fn require_str(&self, field: &str, allowed: &[&str]) -> Result<(), LoadError> {
        match self.get(field) {
            None => Ok(()),
            Some(value) if value.as_str().is_some_and(|value| allowed.contains(&value)) => Ok(()),
            Some(_) => Err(self.unsupported(field)),
        }
    }

    /// `field` as a positive Q16 number.
    fn q16(&self, field: &str) -> Result<u32, LoadError> {
        let number = self
            .optional_f64(field)?
            .ok_or_else(|| self.refuse(field, "is missing"))?;
        q16(number).ok_or_else(|| self.refuse(field, "is out of range"))
    }

    /// A norm's epsilon in Q64.
    fn epsilon(&self, field: &str, default: f64) -> Result<u64, LoadError> {
        let number = self.optional_f64(field)?.unwrap_or(default);
        epsilon(number).ok_or_else(|| self.refuse(field, "is out of range"))
    }
}

/// A positive number in Q16.
pub(super) fn q16(number: f64) -> Option<u32> {
    let scaled = (number * f64::from(Q16_ONE)).round();
    (scaled >= 1.0 && scaled <= f64::from(u32::MAX)).then_some(scaled as u32)
}

/// A norm's epsilon in Q64.
pub(super) fn epsilon(number: f64) -> Option<u64> {
    // 2^64 is a power of two: exact before it is truncated.
    (number > 0.0 && number < 0.5).then_some((number * 18_446_744_073_709_551_616.0) as u64)
}

/// A rotary base, which is a whole number.
pub(super) fn rope_base(number: f64) -> Option<u32> {
    let whole = number.fract() == 0.0 && (2.0..=f64::from(u32::MAX)).contains(&number);
    whole.then_some(number as u32)
}

/// The specification of the model in `files`, validated.
pub(super) fn read(files: Files<'_>, options: &LoadOptions, tokenizer_hash: Hash) -> Result<ModelSpec, LoadError> {
    let bytes = files.config()?;
    let document = parse(CONFIG, &bytes)?;
    let fields = Fields {
        file: CONFIG,
        object: &document,
    };
    let hidden = fields.u32("hidden_size")?;
    let heads = fields.u32("num_attention_heads")?;
    if heads == 0 {
        return Err(fields.refuse("num_attention_heads", "is zero"));
    }
    let model_type = fields.str("model_type").unwrap_or("");
    let mut spec = ModelSpec {
        family: Family::Bert(BertSpec {
            pooling: Pooling::Mean,
            normalize: true,
        }),
        arithmetic: ARITHMETIC,
        activation: options.activation,
        keys: options.keys,
        hidden,
        intermediate: fields.u32("intermediate_size")?,
        layers: fields.u32("num_hidden_layers")?,
        heads,
        kv_heads: fields.optional_u32("num_key_value_heads")?.unwrap_or(heads),
        head_dim: fields.optional_u32("head_dim")?.unwrap_or(hidden / heads),
        vocab: fields.u32("vocab_size")?,
        max_context: fields.u32("max_position_embeddings")?,
        norm_eps: 0,
        tokenizer_hash,
    };
    match model_type {
        "llama" | "mistral" | "qwen2" | "qwen3" => llama(&fields, model_type, &mut spec)?,
        "bert" => bert(&fields, files, &mut spec)?,
        _ => return Err(fields.unsupported("model_type")),
    }
    validate(&spec, CONFIG, &names(&spec.family))?;
    Ok(spec)
}

/// What a file calls the numbers that bounds concern.
pub(super) struct Names<'a> {
    pub hidden: &'a str,
    pub intermediate: &'a str,
    pub layers: &'a str,
    pub heads: &'a str,
    pub kv_heads: &'a str,
    pub head_dim: &'a str,
    pub vocab: &'a str,
    pub max_context: &'a str,
    pub norm_eps: &'a str,
    pub rope: &'a str,
}

/// Names in `config.json` of a model of `family`.
fn names(family: &Family) -> Names<'static> {
    Names {
        hidden: "hidden_size",
        intermediate: "intermediate_size",
        layers: "num_hidden_layers",
        heads: "num_attention_heads",
        kv_heads: "num_key_value_heads",
        head_dim: "head_dim",
        vocab: "vocab_size",
        max_context: "max_position_embeddings",
        norm_eps: match family {
            Family::Llama(_) => "rms_norm_eps",
            Family::Bert(_) => "layer_norm_eps",
        },
        rope: "rope_scaling",
    }
}

/// Names of a specification's own fields.
pub(super) const FIELDS: Names<'static> = Names {
    hidden: "hidden",
    intermediate: "intermediate",
    layers: "layers",
    heads: "heads",
    kv_heads: "kv_heads",
    head_dim: "head_dim",
    vocab: "vocab",
    max_context: "max_context",
    norm_eps: "norm_eps",
    rope: "rope_scaling",
};

impl<'a> Names<'a> {
    /// The field of `spec` to which `error` is due.
    fn culprit(&self, spec: &ModelSpec, error: SpecError) -> &'a str {
        let bounded = [
            (self.hidden, spec.hidden, MAX_INNER),
            (self.intermediate, spec.intermediate, MAX_INNER),
            (self.layers, spec.layers, MAX_LAYERS),
            (self.heads, spec.heads, MAX_HEADS),
            (self.kv_heads, spec.kv_heads, MAX_HEADS),
            (self.head_dim, spec.head_dim, MAX_HEAD_DIM),
            (self.vocab, spec.vocab, MAX_VOCAB),
            (self.max_context, spec.max_context, MAX_CONTEXT),
        ];
        let found = |wrong: &dyn Fn(u32, u32) -> bool| bounded.iter().find(|(_, value, bound)| wrong(*value, *bound));
        match error {
            SpecError::UnknownArithmetic => "arithmetic",
            SpecError::ZeroDimension => found(&|value, _| value == 0).map_or(self.hidden, |(name, ..)| *name),
            // No single one: the heads together are too wide.
            SpecError::DimensionTooLarge => found(&|value, bound| value > bound).map_or(self.heads, |(name, ..)| *name),
            SpecError::OddHeadDim => self.head_dim,
            SpecError::HeadsMismatch if spec.heads.is_multiple_of(spec.kv_heads) => self.heads,
            SpecError::HeadsMismatch => self.kv_heads,
            SpecError::NormEpsTooSmall => self.norm_eps,
            SpecError::BadRope => self.rope,
        }
    }
}

/// Refuses a shape that `file` gives when it breaks a bound of the arithmetic, or its products are more than the kernels can sum. The
/// error has the field as `names` calls it.
pub(super) fn validate(spec: &ModelSpec, file: &str, names: &Names<'_>) -> Result<(), LoadError> {
    spec.validate().map_err(|error| LoadError::Spec {
        file: file.into(),
        field: names.culprit(spec, error).into(),
        error,
    })?;
    let inner = [
        (names.hidden, spec.hidden),
        (names.intermediate, spec.intermediate),
        (names.heads, spec.query_width()),
    ];
    match inner.into_iter().find(|(_, size)| *size as usize > MAX_INPUTS) {
        Some((field, found)) => Err(LoadError::InnerTooLarge {
            file: file.into(),
            field: field.into(),
            found,
            limit: MAX_INPUTS as u32,
        }),
        None => Ok(()),
    }
}

/// Tokens that `generation_config.json` or `config.json` name as the end of a text.
pub(super) fn end_tokens(files: Files<'_>, vocab: u32) -> Result<Vec<u32>, LoadError> {
    let generation = files
        .optional(GENERATION)?
        .map(|bytes| parse(GENERATION, &bytes))
        .transpose()?;
    let config = parse(CONFIG, &files.config()?)?;
    let named = generation
        .as_ref()
        .and_then(|document| document.get("eos_token_id"))
        .or(config.get("eos_token_id"));
    let tokens = match named {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_u64).collect(),
        Some(value) => value.as_u64().into_iter().collect::<Vec<_>>(),
        None => Vec::new(),
    };
    Ok(tokens
        .into_iter()
        .filter(|&token| token < u64::from(vocab))
        .map(|token| token as u32)
        .collect())
}

fn llama(fields: &Fields<'_>, model_type: &str, spec: &mut ModelSpec) -> Result<(), LoadError> {
    fields.require_str("hidden_act", &["silu", "swish"])?;
    for field in ["mlp_bias", "attention_bias", "rope_interleaved"] {
        // Qwen 2 has biases on queries, keys and values without saying so; any other bias is another model.
        if fields.bool(field, false)? {
            return Err(fields.unsupported(field));
        }
    }
    for field in ["partial_rotary_factor", "pretraining_tp"] {
        if fields.optional_f64(field)?.is_some_and(|factor| factor != 1.0) {
            return Err(fields.unsupported(field));
        }
    }
    if fields.get("quantization_config").is_some() {
        return Err(fields.unsupported("quantization_config"));
    }
    let windowed = fields.bool("use_sliding_window", model_type == "mistral")?;
    if let Some(window) = fields.optional_u32("sliding_window")?.filter(|_| windowed) {
        // Within the window, windowed attention is plain attention.
        spec.max_context = spec.max_context.min(window);
    }
    spec.max_context = spec.max_context.min(MAX_CONTEXT);
    spec.norm_eps = fields.epsilon("rms_norm_eps", 1e-6)?;
    // Newer files keep everything about rotation in one object.
    let nested = fields.get("rope_parameters").or_else(|| fields.get("rope_scaling"));
    let nested = nested
        .map(|value| {
            value
                .as_object()
                .ok_or_else(|| fields.refuse("rope_scaling", "is not an object"))
        })
        .transpose()?
        .map(|object| Fields {
            file: fields.file,
            object,
        });
    let theta = match fields.optional_f64("rope_theta")? {
        Some(theta) => theta,
        None => nested
            .as_ref()
            .map_or(Ok(None), |nested| nested.optional_f64("rope_theta"))?
            .unwrap_or(10_000.0),
    };
    let rope_base =
        rope_base(theta).ok_or_else(|| fields.refuse("rope_theta", "is not a whole number from 2 to 2^32 - 1"))?;
    spec.family = Family::Llama(LlamaSpec {
        tied_embeddings: fields.bool("tie_word_embeddings", false)?,
        qkv_bias: model_type == "qwen2",
        qk_norm: model_type == "qwen3",
        rope_base,
        rope_scaling: nested.map_or(Ok(RopeScaling::None), |nested| rope_scaling(&nested))?,
    });
    Ok(())
}

fn rope_scaling(fields: &Fields<'_>) -> Result<RopeScaling, LoadError> {
    let kind = if fields.get("rope_type").is_some() {
        "rope_type"
    } else {
        "type"
    };
    match fields.str(kind).unwrap_or("default") {
        "default" => Ok(RopeScaling::None),
        "linear" => Ok(RopeScaling::Linear {
            factor: fields.q16("factor")?,
        }),
        "llama3" => Ok(RopeScaling::Llama3 {
            factor: fields.q16("factor")?,
            low_freq_factor: fields.q16("low_freq_factor")?,
            high_freq_factor: fields.q16("high_freq_factor")?,
            original_context: fields.u32("original_max_position_embeddings")?,
        }),
        _ => Err(fields.unsupported(kind)),
    }
}

fn bert(fields: &Fields<'_>, files: Files<'_>, spec: &mut ModelSpec) -> Result<(), LoadError> {
    fields.require_str("hidden_act", &["gelu"])?;
    fields.require_str("position_embedding_type", &["absolute"])?;
    if fields.bool("is_decoder", false)? {
        return Err(fields.unsupported("is_decoder"));
    }
    spec.max_context = spec.max_context.min(MAX_CONTEXT);
    spec.norm_eps = fields.epsilon("layer_norm_eps", 1e-12)?;
    spec.family = Family::Bert(pooling(files)?);
    Ok(())
}

/// Pooling and normalisation as the sentence-transformers files say; mean and normalised where there are none.
pub(super) fn pooling(files: Files<'_>) -> Result<BertSpec, LoadError> {
    let mut bert = BertSpec {
        pooling: Pooling::Mean,
        normalize: true,
    };
    if let Some(bytes) = files.optional(POOLING)? {
        let document = parse(POOLING, &bytes)?;
        let fields = Fields {
            file: POOLING,
            object: &document,
        };
        bert.pooling = pooling_mode(&fields)?;
    }
    if let Some(bytes) = files.optional(MODULES)? {
        let modules: Vec<Value> = serde_json::from_slice(&bytes).map_err(|error| LoadError::Config {
            file: MODULES.into(),
            field: "(document)".into(),
            reason: error::reason(&error),
        })?;
        let kind = |module: &Value| {
            module
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        // A module that is not known, such as a further linear layer, makes other embeddings.
        let known = |kind: &str| {
            ["Transformer", "Pooling", "Normalize"]
                .iter()
                .any(|known| kind.ends_with(known))
        };
        if let Some(unknown) = modules.iter().map(kind).find(|kind| !known(kind)) {
            return Err(LoadError::Unsupported {
                file: MODULES.into(),
                field: "type".into(),
                value: unknown.chars().take(80).collect(),
            });
        }
        bert.normalize = modules.iter().any(|module| kind(module).ends_with("Normalize"));
    }
    Ok(bert)
}

/// The one way of pooling that is on.
fn pooling_mode(fields: &Fields<'_>) -> Result<Pooling, LoadError> {
    const MODE: &str = "pooling_mode";
    match fields.str(MODE) {
        Some("mean") => return Ok(Pooling::Mean),
        Some("cls") => return Ok(Pooling::Cls),
        Some(_) => return Err(fields.unsupported(MODE)),
        None => (),
    }
    let on = |(name, value): (&String, &Value)| (name.starts_with(MODE) && *value == true).then(|| name.clone());
    let on: Vec<String> = fields.object.iter().filter_map(on).collect();
    match on.as_slice() {
        [mean] if mean == "pooling_mode_mean_tokens" => Ok(Pooling::Mean),
        [cls] if cls == "pooling_mode_cls_token" => Ok(Pooling::Cls),
        [other] => Err(fields.unsupported(other)),
        [] => Err(fields.refuse(MODE, "is not said")),
        _ => Err(fields.refuse(MODE, "is more than one way, whose results would be joined")),
    }
}

pub(super) fn parse(file: &'static str, bytes: &[u8]) -> Result<Map<String, Value>, LoadError> {
    serde_json::from_slice(bytes).map_err(|error| LoadError::Config {
        file: file.into(),
        field: "(document)".into(),
        reason: error::reason(&error),
    })
}

#[cfg(test)]
mod tests;
