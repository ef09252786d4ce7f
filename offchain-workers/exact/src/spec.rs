//! What a model is and what a job asks of it: the records that the registry stores and that compute units, limits and
//! output formats follow from.

use alloc::vec::Vec;
use codec::{
    Compact, Decode, DecodeWithMemTracking, Encode, EncodeLike, Error as CodecError, Input, MaxEncodedLen, Output,
};
use scale_info::{meta_type, Type, TypeDefSequence, TypeInfo};

use crate::{blake2_256, Hash, ARITHMETIC};

/// Identity of a model: the hash of its specification and its weights root.
pub type ModelId = [u8; 32];

/// Largest inner dimension of a matrix product (`hidden`, `intermediate`, `heads * head_dim`): keeps every i32 plane
/// sum and the i64 epilogue exact.
pub const MAX_INNER: u32 = 131_071;
/// Largest number of layers.
pub const MAX_LAYERS: u32 = 256;
/// Largest number of attention heads.
pub const MAX_HEADS: u32 = 512;
/// Largest head dimension; head dimensions are even.
pub const MAX_HEAD_DIM: u32 = 256;
/// Largest vocabulary.
pub const MAX_VOCAB: u32 = 1 << 20;
/// Largest context in tokens.
pub const MAX_CONTEXT: u32 = 1 << 20;
/// Smallest `norm_eps`: about 2.3e-13.
pub const MIN_NORM_EPS: u64 = 1 << 22;
/// Most stop tokens of one job.
pub const MAX_STOP_TOKENS: usize = 8;
/// Smallest sampling temperature in Q16, 1/64.
pub const MIN_TEMPERATURE: u32 = 1 << 10;
/// Largest sampling temperature in Q16, 64.
pub const MAX_TEMPERATURE: u32 = 64 << 16;
/// The value one in Q16: `top_p` at this value is off, a temperature of this value changes nothing.
pub const Q16_ONE: u32 = 1 << 16;

/// Width of quantised activations or keys.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Width {
    /// Two int8 planes: activations to 32,639, keys to 16,383. The quality of the float model.
    #[default]
    Wide,
    /// One int8 plane: to 127. Faster and less precise.
    Narrow,
}

/// How rotary frequencies are stretched for contexts longer than the model was trained on.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum RopeScaling {
    /// Frequencies as they are.
    #[default]
    None,
    /// Every frequency divided by a factor.
    Linear {
        /// Factor in Q16, at least one.
        factor: u32,
    },
    /// Llama 3: low frequencies divided, high ones kept, a linear blend between.
    Llama3 {
        /// Factor in Q16, at least one.
        factor: u32,
        /// `low_freq_factor` in Q16.
        low_freq_factor: u32,
        /// `high_freq_factor` in Q16, greater than `low_freq_factor`.
        high_freq_factor: u32,
        /// `original_max_position_embeddings` in tokens.
        original_context: u32,
    },
}

/// Fields particular to the Llama family (Llama, Mistral, Qwen, SmolLM): RMSNorm, rotary positions, gated SiLU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LlamaSpec {
    /// The output head is the embedding table.
    pub tied_embeddings: bool,
    /// Query, key and value projections have biases (Qwen 2).
    pub qkv_bias: bool,
    /// Queries and keys pass an RMSNorm over each head before rotation (Qwen 3).
    pub qk_norm: bool,
    /// `rope_theta`, an integer of at least 2.
    pub rope_base: u32,
    /// Stretching of the rotary frequencies.
    pub rope_scaling: RopeScaling,
}

/// How token rows become one sentence row.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Pooling {
    /// Mean over all tokens.
    #[default]
    Mean,
    /// The first token's row.
    Cls,
}

/// Fields particular to BERT encoders: LayerNorm after each block, learned positions, biases everywhere, erf GELU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BertSpec {
    /// Pooling of the token rows.
    pub pooling: Pooling,
    /// Whether the pooled row is divided by its Euclidean norm.
    pub normalize: bool,
}

/// Model family with its particular fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Family {
    /// Causal text generation.
    #[codec(index = 0)]
    Llama(LlamaSpec),
    /// Sentence embedding.
    #[codec(index = 1)]
    Bert(BertSpec),
}

/// What a model produces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ModelKind {
    /// Token ids.
    Generation,
    /// One row of numbers.
    Embedding,
}

/// Everything about a model except its weights. Its SCALE encoding is hashed into the model id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ModelSpec {
    /// Family and its particular fields.
    pub family: Family,
    /// Version of the arithmetic, [`ARITHMETIC`].
    pub arithmetic: u16,
    /// Width of activations that enter matrix products.
    pub activation: Width,
    /// Width of cached keys.
    pub keys: Width,
    /// Width of the residual stream.
    pub hidden: u32,
    /// Inner width of the feed-forward block.
    pub intermediate: u32,
    /// Number of layers.
    pub layers: u32,
    /// Query heads.
    pub heads: u32,
    /// Key and value heads; divides `heads`.
    pub kv_heads: u32,
    /// Dimension of one head; even.
    pub head_dim: u32,
    /// Number of token ids.
    pub vocab: u32,
    /// Most tokens of prompt and output together.
    pub max_context: u32,
    /// Epsilon of the norms in Q64 (1e-5 is 184,467,440,737,095).
    pub norm_eps: u64,
    /// BLAKE2b-256 of the tokenizer file.
    pub tokenizer_hash: Hash,
}

/// Why a [`ModelSpec`] is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SpecError {
    /// `arithmetic` is not a version this crate defines.
    UnknownArithmetic,
    /// A dimension is zero.
    ZeroDimension,
    /// A dimension is over its bound, so that an accumulator could overflow.
    DimensionTooLarge,
    /// `head_dim` is odd.
    OddHeadDim,
    /// `kv_heads` does not divide `heads`, or a BERT model's head counts differ or do not make up `hidden`.
    HeadsMismatch,
    /// `norm_eps` is below [`MIN_NORM_EPS`].
    NormEpsTooSmall,
    /// `rope_base` below 2, a factor below one, or factors out of order.
    BadRope,
}

impl core::fmt::Display for SpecError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::UnknownArithmetic => "unknown arithmetic version",
            Self::ZeroDimension => "a dimension is zero",
            Self::DimensionTooLarge => "a dimension is over its bound",
            Self::OddHeadDim => "head dimension is odd",
            Self::HeadsMismatch => "head counts do not fit together",
            Self::NormEpsTooSmall => "norm epsilon is too small",
            Self::BadRope => "rotary base or scaling is out of range",
        })
    }
}

impl core::error::Error for SpecError {}

impl ModelSpec {
    /// Checks every bound that the arithmetic's proofs rest on.
    pub fn validate(&self) -> Result<(), SpecError> {
        if self.arithmetic != ARITHMETIC {
            return Err(SpecError::UnknownArithmetic);
        }
        let bounded = [
            (self.hidden, MAX_INNER),
            (self.intermediate, MAX_INNER),
            (self.layers, MAX_LAYERS),
            (self.heads, MAX_HEADS),
            (self.kv_heads, MAX_HEADS),
            (self.head_dim, MAX_HEAD_DIM),
            (self.vocab, MAX_VOCAB),
            (self.max_context, MAX_CONTEXT),
        ];
        if bounded.iter().any(|(value, _)| *value == 0) {
            return Err(SpecError::ZeroDimension);
        }
        // heads * head_dim <= 512 * 256 = 2^17 cannot overflow.
        if bounded.iter().any(|(value, bound)| value > bound) || self.heads * self.head_dim > MAX_INNER {
            return Err(SpecError::DimensionTooLarge);
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(SpecError::OddHeadDim);
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(SpecError::HeadsMismatch);
        }
        if self.norm_eps < MIN_NORM_EPS {
            return Err(SpecError::NormEpsTooSmall);
        }
        match &self.family {
            Family::Llama(llama) => llama.validate(),
            Family::Bert(_) if self.heads != self.kv_heads || self.heads * self.head_dim != self.hidden => {
                Err(SpecError::HeadsMismatch)
            },
            Family::Bert(_) => Ok(()),
        }
    }

    /// What the model produces.
    pub fn kind(&self) -> ModelKind {
        match self.family {
            Family::Llama(_) => ModelKind::Generation,
            Family::Bert(_) => ModelKind::Embedding,
        }
    }

    /// Width of the concatenated query heads.
    pub fn query_width(&self) -> u32 {
        self.heads.saturating_mul(self.head_dim)
    }

    /// Width of the concatenated key (or value) heads.
    pub fn kv_width(&self) -> u32 {
        self.kv_heads.saturating_mul(self.head_dim)
    }

    /// Multiply-accumulates of a job, saturating.
    ///
    /// Positions computed: `prompt + output - 1` for generation (the last token is never fed back), `prompt` for
    /// embedding. Each costs the matrix products of every layer and two dot products per head and visible position;
    /// the output head is counted once per output token.
    pub fn macs(&self, prompt_tokens: u32, output_tokens: u32) -> u64 {
        let positions = self.positions(prompt_tokens, output_tokens) as u64;
        let hidden = self.hidden as u64;
        let query = self.query_width() as u64;
        let feed_forward_matrices = if self.kind() == ModelKind::Generation { 3 } else { 2 };
        let linear = hidden
            .saturating_mul(query.saturating_add(self.kv_width() as u64).saturating_mul(2))
            .saturating_add(
                hidden
                    .saturating_mul(self.intermediate as u64)
                    .saturating_mul(feed_forward_matrices),
            );
        // Visible pairs of positions: a triangle when causal, a square otherwise.
        let pairs = match self.kind() {
            ModelKind::Generation => positions.saturating_mul(positions.saturating_add(1)) / 2,
            ModelKind::Embedding => positions.saturating_mul(positions),
        };
        let attention = query.saturating_mul(2).saturating_mul(pairs);
        let head = match self.kind() {
            ModelKind::Generation => (self.vocab as u64)
                .saturating_mul(hidden)
                .saturating_mul(output_tokens as u64),
            ModelKind::Embedding => 0,
        };
        linear
            .saturating_mul(positions)
            .saturating_add(attention)
            .saturating_mul(self.layers as u64)
            .saturating_add(head)
    }

    /// Millionths of a compute unit: `ceil(macs / 1000)`.
    pub fn compute_units(&self, prompt_tokens: u32, output_tokens: u32) -> u64 {
        self.macs(prompt_tokens, output_tokens).div_ceil(1000)
    }

    /// Positions whose state is computed, and so the number of position roots in the trace.
    pub fn positions(&self, prompt_tokens: u32, output_tokens: u32) -> u32 {
        match self.kind() {
            ModelKind::Generation => prompt_tokens.saturating_add(output_tokens.saturating_sub(1)),
            ModelKind::Embedding => prompt_tokens,
        }
    }

    /// Most bytes of output for a job of at most `max_output_tokens`: four per token id, or four per component of an
    /// embedding.
    pub fn output_len(&self, max_output_tokens: u32) -> u32 {
        match self.kind() {
            ModelKind::Generation => max_output_tokens.saturating_mul(4),
            ModelKind::Embedding => self.hidden.saturating_mul(4),
        }
    }

    /// Fractional bits of an embedding's components: 30 for a normalised row, 16 otherwise.
    pub fn embedding_frac(&self) -> u32 {
        match self.family {
            Family::Bert(BertSpec { normalize: true, .. }) => 30,
            _ => 16,
        }
    }
}

impl LlamaSpec {
    fn validate(&self) -> Result<(), SpecError> {
        let scaling_ok = match self.rope_scaling {
            RopeScaling::None => true,
            RopeScaling::Linear { factor } => factor >= Q16_ONE,
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_context,
            } => {
                factor >= Q16_ONE
                    && low_freq_factor > 0
                    && high_freq_factor > low_freq_factor
                    && (1..=MAX_CONTEXT).contains(&original_context)
            },
        };
        if self.rope_base >= 2 && scaling_ok {
            Ok(())
        } else {
            Err(SpecError::BadRope)
        }
    }
}

/// Identity of a model: `BLAKE2b-256("lantern/model/1" || SCALE(spec) || weights_root)`.
pub fn model_id(spec: &ModelSpec, weights_root: &Hash) -> ModelId {
    blake2_256(&[b"lantern/model/1", &spec.encode(), weights_root])
}

/// At most [`MAX_STOP_TOKENS`] token ids, encoded like `Vec<u32>`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct StopTokens {
    len: u8,
    // Entries from `len` on are zero, so that derived equality is equality of the lists.
    ids: [u32; MAX_STOP_TOKENS],
}

impl StopTokens {
    /// The list of `ids`, in order. `None` when there are more than [`MAX_STOP_TOKENS`].
    pub fn new(ids: &[u32]) -> Option<Self> {
        let mut out = Self {
            len: u8::try_from(ids.len()).ok()?,
            ids: [0; MAX_STOP_TOKENS],
        };
        out.ids.get_mut(..ids.len())?.copy_from_slice(ids);
        Some(out)
    }

    /// The token ids.
    pub fn as_slice(&self) -> &[u32] {
        &self.ids[..self.len as usize]
    }

    /// Whether `token` ends the output.
    pub fn contains(&self, token: u32) -> bool {
        self.as_slice().contains(&token)
    }
}

impl Encode for StopTokens {
    fn size_hint(&self) -> usize {
        1 + 4 * self.len as usize
    }
    fn encode_to<T: Output + ?Sized>(&self, dest: &mut T) {
        Compact(self.len as u32).encode_to(dest);
        for id in self.as_slice() {
            id.encode_to(dest);
        }
    }
}

impl EncodeLike for StopTokens {}

impl Decode for StopTokens {
    fn decode<I: Input>(input: &mut I) -> Result<Self, CodecError> {
        let len = Compact::<u32>::decode(input)?.0;
        let mut out = Self::default();
        let ids = out.ids.get_mut(..len as usize).ok_or("too many stop tokens")?;
        for id in ids {
            *id = u32::decode(input)?;
        }
        out.len = len as u8;
        Ok(out)
    }
}

impl DecodeWithMemTracking for StopTokens {}

impl MaxEncodedLen for StopTokens {
    fn max_encoded_len() -> usize {
        1 + 4 * MAX_STOP_TOKENS
    }
}

impl TypeInfo for StopTokens {
    type Identity = Vec<u32>;
    fn type_info() -> Type {
        TypeDefSequence::new(meta_type::<u32>()).into()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for StopTokens {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.as_slice())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for StopTokens {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ids = Vec::<u32>::deserialize(deserializer)?;
        Self::new(&ids).ok_or_else(|| serde::de::Error::custom("too many stop tokens"))
    }
}

/// How the next token is chosen from the logits.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Sampling {
    /// The largest logit; the lowest token id among equals.
    #[default]
    #[codec(index = 0)]
    Greedy,
    /// Drawn from the temperature-scaled distribution by noise that the seed determines.
    #[codec(index = 1)]
    Seeded {
        /// Temperature in Q16, [`MIN_TEMPERATURE`] to [`MAX_TEMPERATURE`].
        temperature: u32,
        /// Only the `top_k` largest logits take part; 0 is off.
        top_k: u32,
        /// Only the most probable tokens that make up this probability take part, Q16; 65,536 is off.
        top_p: u32,
        /// Seed of the noise.
        seed: [u8; 32],
    },
}

/// Parameters of a generation job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GenerateParams {
    /// Most tokens to produce; at least one.
    pub max_new_tokens: u32,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Tokens that end the output. The one that was produced is the output's last token.
    pub stop: StopTokens,
}

/// Parameters of a job; the variant must fit the model's kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum JobParams {
    /// Generate tokens.
    #[codec(index = 0)]
    Generate(GenerateParams),
    /// Embed the input.
    #[codec(index = 1)]
    Embed,
}

/// Why job parameters are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ParamsError {
    /// Generation asked of an embedding model or the reverse.
    WrongKind,
    /// The prompt has no tokens.
    EmptyPrompt,
    /// `max_new_tokens` is zero.
    ZeroTokens,
    /// Prompt and output together exceed `max_context`.
    ContextExceeded,
    /// The temperature is out of range.
    BadTemperature,
    /// `top_k` exceeds the vocabulary.
    BadTopK,
    /// `top_p` is zero or over one.
    BadTopP,
    /// A stop token is not in the vocabulary.
    UnknownStopToken,
    /// An input token is not in the vocabulary.
    UnknownToken,
    /// The input is not a whole number of 4-byte token ids.
    MisalignedInput,
}

impl core::fmt::Display for ParamsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::WrongKind => "job and model are of different kinds",
            Self::EmptyPrompt => "the prompt has no tokens",
            Self::ZeroTokens => "max_new_tokens is zero",
            Self::ContextExceeded => "prompt and output exceed the model's context",
            Self::BadTemperature => "temperature is out of range",
            Self::BadTopK => "top_k exceeds the vocabulary",
            Self::BadTopP => "top_p is out of range",
            Self::UnknownStopToken => "a stop token is not in the vocabulary",
            Self::UnknownToken => "an input token is not in the vocabulary",
            Self::MisalignedInput => "the input is not a whole number of token ids",
        })
    }
}

impl core::error::Error for ParamsError {}

impl JobParams {
    /// Checks the parameters against the model and the prompt's length in tokens.
    pub fn validate(&self, spec: &ModelSpec, prompt_tokens: u32) -> Result<(), ParamsError> {
        if prompt_tokens == 0 {
            return Err(ParamsError::EmptyPrompt);
        }
        match (self, spec.kind()) {
            (Self::Generate(params), ModelKind::Generation) => params.validate(spec)?,
            (Self::Embed, ModelKind::Embedding) => {},
            _ => return Err(ParamsError::WrongKind),
        }
        match prompt_tokens.checked_add(self.max_output_tokens()) {
            Some(total) if total <= spec.max_context => Ok(()),
            _ => Err(ParamsError::ContextExceeded),
        }
    }

    /// Most output tokens; 0 for an embedding.
    pub fn max_output_tokens(&self) -> u32 {
        match self {
            Self::Generate(params) => params.max_new_tokens,
            Self::Embed => 0,
        }
    }
}

impl GenerateParams {
    fn validate(&self, spec: &ModelSpec) -> Result<(), ParamsError> {
        if self.max_new_tokens == 0 {
            return Err(ParamsError::ZeroTokens);
        }
        if self.stop.as_slice().iter().any(|id| *id >= spec.vocab) {
            return Err(ParamsError::UnknownStopToken);
        }
        let Sampling::Seeded {
            temperature,
            top_k,
            top_p,
            ..
        } = self.sampling
        else {
            return Ok(());
        };
        if !(MIN_TEMPERATURE..=MAX_TEMPERATURE).contains(&temperature) {
            return Err(ParamsError::BadTemperature);
        }
        if top_k > spec.vocab {
            return Err(ParamsError::BadTopK);
        }
        if top_p == 0 || top_p > Q16_ONE {
            return Err(ParamsError::BadTopP);
        }
        Ok(())
    }
}

/// Tokens a job used, reported with its result.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Usage {
    /// Tokens of the input.
    pub prompt_tokens: u32,
    /// Tokens of the output, a produced stop token included; 0 for an embedding.
    pub output_tokens: u32,
}

/// Decodes an input: token ids as u32 little endian, each below the vocabulary.
pub fn decode_tokens(bytes: &[u8], vocab: u32) -> Result<Vec<u32>, ParamsError> {
    if !bytes.len().is_multiple_of(4) {
        return Err(ParamsError::MisalignedInput);
    }
    bytes
        .chunks_exact(4)
        .map(|b| match u32::from_le_bytes([b[0], b[1], b[2], b[3]]) {
            id if id < vocab => Ok(id),
            _ => Err(ParamsError::UnknownToken),
        })
        .collect()
}

/// Encodes token ids as u32 little endian: the form of inputs and of generated outputs.
pub fn encode_tokens(tokens: &[u32]) -> Vec<u8> {
    tokens.iter().flat_map(|id| id.to_le_bytes()).collect()
}

/// Encodes an embedding as i32 little endian: the form of an embedding job's output. The components' fractional bits
/// are [`ModelSpec::embedding_frac`].
pub fn encode_embedding(row: &[i32]) -> Vec<u8> {
    row.iter().flat_map(|x| x.to_le_bytes()).collect()
}
