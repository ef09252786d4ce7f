//! Text to tokens and back, by the model's own `tokenizer.json` or one made of what its file says.

use super::{
    error::{self, LoadError},
    tokenizer_limits::{self, Growth, MAX_DECODED, MAX_NORMALIZED},
};

/// Why a text or a token list cannot be converted.
#[derive(Debug, thiserror::Error)]
pub enum TokenizeError {
    /// The tokenizer failed.
    #[error("tokenizer: {0}")]
    Failed(String),
    /// The tokenizer made, or was given, a token that the model does not have.
    #[error("token {token} is not below the vocabulary of {vocab}")]
    OutOfVocabulary {
        /// The token.
        token: u32,
        /// Size of the model's vocabulary.
        vocab: u32,
    },
    /// The tokenizer's steps could make the text, or the tokens' text, larger than memory is to hold.
    #[error("{found} {what} could become more than {limit} bytes with this tokenizer")]
    TooLong {
        /// Bytes or tokens given.
        found: usize,
        /// `bytes` or `tokens`.
        what: &'static str,
        /// Most bytes that they may become.
        limit: u64,
    },
}

/// A model's tokenizer. Padding and truncation that its file asks for are off: what a job pays for is what it gets.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    vocab: u32,
    growth: Growth,
}

impl Tokenizer {
    /// Reads the `tokenizer.json` that came from `file` for a model with `vocab` token ids.
    pub(super) fn from_bytes(file: &str, bytes: &[u8], vocab: u32) -> Result<Self, LoadError> {
        let refuse = |reason: String| LoadError::Tokenizer {
            file: file.into(),
            reason: reason.chars().take(200).collect(),
        };
        let growth = tokenizer_limits::check(bytes).map_err(refuse)?;
        let mut inner = error::caught(|| tokenizers::Tokenizer::from_bytes(bytes))
            .map_err(|reason| refuse(reason.into()))?
            .map_err(|error| refuse(error.to_string()))?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| refuse(error.to_string()))?;
        Ok(Self { inner, vocab, growth })
    }

    /// Token ids of `text`, special tokens of the model's template included.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizeError> {
        self.encode_as(text, true)
    }

    /// Token ids of `text`, which has its special tokens written out, as what a chat template gives has: none are added.
    pub fn encode_rendered(&self, text: &str) -> Result<Vec<u32>, TokenizeError> {
        self.encode_as(text, false)
    }

    fn encode_as(&self, text: &str, add_special: bool) -> Result<Vec<u32>, TokenizeError> {
        too_long(text.len(), "bytes", self.growth.encode, MAX_NORMALIZED)?;
        let encoding = error::caught(|| self.inner.encode(text, add_special))
            .map_err(|reason| TokenizeError::Failed(reason.into()))?
            .map_err(|error| TokenizeError::Failed(error.to_string()))?;
        let tokens = encoding.get_ids().to_vec();
        self.check(&tokens)?;
        Ok(tokens)
    }

    /// Text of `tokens`, special tokens left out.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, TokenizeError> {
        self.check(tokens)?;
        too_long(tokens.len(), "tokens", self.growth.decode, MAX_DECODED)?;
        error::caught(|| self.inner.decode(tokens, true))
            .map_err(|reason| TokenizeError::Failed(reason.into()))?
            .map_err(|error| TokenizeError::Failed(error.to_string()))
    }

    /// Id of the token written `token`, such as `</s>`.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token).filter(|&id| id < self.vocab)
    }

    fn check(&self, tokens: &[u32]) -> Result<(), TokenizeError> {
        match tokens.iter().find(|&&token| token >= self.vocab) {
            Some(&token) => Err(TokenizeError::OutOfVocabulary {
                token,
                vocab: self.vocab,
            }),
            None => Ok(()),
        }
    }
}

/// Refuses `found` bytes or tokens when, each growing by `growth`, they could be more than `limit` bytes.
fn too_long(found: usize, what: &'static str, growth: u64, limit: u64) -> Result<(), TokenizeError> {
    if (found as u64).saturating_mul(growth) > limit {
        return Err(TokenizeError::TooLong { found, what, limit });
    }
    Ok(())
}
