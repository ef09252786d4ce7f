//! The `tokenizer.json` that a file's metadata stand for.
//!
//! The text is written here, field by field in a fixed order, so that it is the same bytes everywhere: its BLAKE2b-256 is the
//! specification's tokenizer hash, as that of a folder's `tokenizer.json` is. It can be saved beside the file without changing the model's id.
//! It is not the text of the model's original `tokenizer.json`, which is why a model has another id with that file beside it.

use super::{merges, metadata::Metadata, split};
use crate::model::{chat::ChatTemplate, error::LoadError, source::MAX_TOKENIZER_BYTES};
use lantern_exact::spec::MAX_VOCAB;
use std::{collections::HashSet, fmt::Write};

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const SCORES: &str = "tokenizer.ggml.scores";
const MERGES: &str = "tokenizer.ggml.merges";
const PREFIX: &str = "tokenizer.ggml.add_space_prefix";

/// Most merges; Llama 3 has 280,147.
const MAX_MERGES: usize = 4 * MAX_VOCAB as usize;

/// Decoder of byte-level BPE.
const BYTE_LEVEL: &str = r#"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}"#;

/// What a token is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Normal,
    /// Stands for itself alone, and is left out of decoded text.
    Control,
    /// Stands for itself alone.
    UserDefined,
    /// A number without a token.
    Unused,
    /// `<0x41>`.
    Byte,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub id: u32,
    pub text: &'a str,
    pub kind: Kind,
}

/// The `tokenizer.json` of the file.
pub(super) fn to_json(metadata: &Metadata<'_>) -> Result<String, LoadError> {
    let model = metadata.required(MODEL, metadata.text(MODEL)?)?;
    let parts = match model {
        "gpt2" => byte_level(metadata)?,
        "llama" => sentence_piece(metadata)?,
        _ => return Err(metadata.unsupported(MODEL)),
    };
    Ok(parts.write())
}

/// The template of conversations, with the texts of the tokens that it may name.
pub(super) fn chat_template(metadata: &Metadata<'_>) -> Result<Option<ChatTemplate>, LoadError> {
    let Some(template) = metadata.text("tokenizer.chat_template")? else {
        return Ok(None);
    };
    let mut tokens = Vec::new();
    for (name, key) in [
        ("bos_token", "bos"),
        ("eos_token", "eos"),
        ("unk_token", "unknown"),
        ("pad_token", "padding"),
    ] {
        let Some(id) = metadata.u32(&format!("tokenizer.ggml.{key}_token_id"))? else {
            continue;
        };
        let text = metadata.list(TOKENS, |list| list.texts().map(|mut texts| texts.nth(id as usize)))?;
        tokens.extend(text.flatten().map(|text| (name.to_owned(), text.to_owned())));
    }
    ChatTemplate::new(template.into(), tokens.into_iter().collect())
        .map(Some)
        .map_err(|error| metadata.refuse("tokenizer.chat_template", &error.to_string()))
}

/// What differs between the tokenizers that are written.
struct Parts<'a> {
    tokens: Vec<Token<'a>>,
    merges: Vec<(&'a str, &'a str)>,
    normalizer: &'static str,
    pre_tokenizer: &'static str,
    decoder: &'static str,
    first: Option<Token<'a>>,
    last: Option<Token<'a>>,
    byte_fallback: bool,
    ignore_merges: bool,
}

fn byte_level<'a>(metadata: &Metadata<'a>) -> Result<Parts<'a>, LoadError> {
    let name = metadata.required(PRE, metadata.text(PRE)?)?;
    let split = split::named(name).ok_or_else(|| metadata.unsupported(PRE))?;
    // Byte-level texts begin with a space only where it is written.
    if metadata.bool(PREFIX)? == Some(true) {
        return Err(metadata.unsupported(PREFIX));
    }
    let tokens = tokens(metadata)?;
    if let Some(byte) = tokens.iter().find(|token| token.kind == Kind::Byte) {
        return Err(metadata.refuse(
            TYPES,
            &format!("token {} is a byte, which byte-level BPE does not have", byte.id),
        ));
    }
    let stated = metadata.list(MERGES, |list| list.texts().zip(Some(list.count)))?;
    let (stated, count) = metadata.required(MERGES, stated)?;
    if count > MAX_MERGES {
        return Err(metadata.refuse(MERGES, &format!("{count} exceed {MAX_MERGES}")));
    }
    let mut merges = Vec::new();
    for (index, merge) in stated.enumerate() {
        let pair = merge.split_once(' ').filter(|(_, right)| !right.contains(' '));
        merges.push(pair.ok_or_else(|| metadata.refuse(MERGES, &format!("merge {index} is no pair")))?);
    }
    Ok(Parts {
        first: edge(metadata, &tokens, "bos", split.add_bos)?,
        last: edge(metadata, &tokens, "eos", false)?,
        tokens,
        merges,
        normalizer: split.normalizer,
        pre_tokenizer: split.pre_tokenizer,
        decoder: BYTE_LEVEL,
        byte_fallback: false,
        ignore_merges: split.ignore_merges,
    })
}

fn sentence_piece<'a>(metadata: &Metadata<'a>) -> Result<Parts<'a>, LoadError> {
    if !matches!(metadata.text(PRE)?, None | Some("default")) {
        return Err(metadata.unsupported(PRE));
    }
    for key in [
        "tokenizer.ggml.precompiled_charsmap",
        "tokenizer.ggml.remove_extra_whitespaces",
    ] {
        // Normalisation that Llama's and Mistral's vocabularies do not have.
        if metadata.has(key) && metadata.bool(key).ok().flatten() != Some(false) {
            return Err(metadata.unsupported(key));
        }
    }
    let tokens = tokens(metadata)?;
    let bytes: HashSet<&str> = tokens
        .iter()
        .filter(|token| token.kind == Kind::Byte)
        .map(|token| token.text)
        .collect();
    let complete = (0..=u8::MAX).all(|byte| bytes.contains(format!("<0x{byte:02X}>").as_str()));
    if bytes.len() != 256 || !complete {
        return Err(metadata.refuse(TYPES, "does not give one token to each byte"));
    }
    if let Some(token) = tokens.iter().find(|token| token.kind == Kind::UserDefined) {
        // Whether it is found before or after the text gets its spaces is not in the file, and makes other tokens.
        let reason = format!("token {} is user-defined, of which the file says too little", token.id);
        return Err(metadata.refuse(TYPES, &reason));
    }
    let scores = metadata.list(SCORES, |list| list.f32s())?;
    let scores: Vec<f32> = metadata.required(SCORES, scores)?.take(tokens.len() + 1).collect();
    if scores.len() != tokens.len() {
        return Err(metadata.refuse(SCORES, "are not as many as the tokens"));
    }
    let merges = merges::derive(&tokens, &scores, MAX_MERGES).map_err(|reason| metadata.refuse(SCORES, &reason))?;
    let prefixed = metadata.bool(PREFIX)?.unwrap_or(true);
    Ok(Parts {
        first: edge(metadata, &tokens, "bos", true)?,
        last: edge(metadata, &tokens, "eos", false)?,
        tokens,
        merges,
        normalizer: if prefixed { PREFIXED } else { SPACES },
        pre_tokenizer: "null",
        decoder: if prefixed { UNPREFIXED } else { UNSPACED },
        byte_fallback: true,
        ignore_merges: false,
    })
}

/// Spaces as SentencePiece has them, one before each text.
const PREFIXED: &str = concat!(
    r#"{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},"#,
    r#"{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}"#
);
const SPACES: &str = r#"{"type":"Replace","pattern":{"String":" "},"content":"▁"}"#;
const UNPREFIXED: &str = concat!(
    r#"{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},"#,
    r#"{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}"#
);
const UNSPACED: &str = concat!(
    r#"{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},"#,
    r#"{"type":"Fuse"}]}"#
);

/// The tokens with their kinds.
fn tokens<'a>(metadata: &Metadata<'a>) -> Result<Vec<Token<'a>>, LoadError> {
    let texts = metadata.list(TOKENS, |list| list.texts().zip(Some(list.count)))?;
    let (texts, count) = metadata.required(TOKENS, texts)?;
    let kinds = metadata.list(TYPES, |list| list.i32s().zip(Some(list.count)))?;
    let (kinds, kind_count) = metadata.required(TYPES, kinds)?;
    if count > MAX_VOCAB as usize {
        return Err(metadata.refuse(TOKENS, &format!("{count} exceed {MAX_VOCAB}")));
    }
    if count != kind_count {
        return Err(metadata.refuse(TYPES, "are not as many as the tokens"));
    }
    let (mut tokens, mut seen, mut bytes) = (Vec::new(), HashSet::new(), 0u64);
    for (id, (text, kind)) in texts.zip(kinds).enumerate() {
        bytes += text.len() as u64;
        if text.is_empty() || !seen.insert(text) {
            return Err(metadata.refuse(TOKENS, &format!("token {id} is empty or there twice")));
        }
        let kind = match kind {
            1 => Kind::Normal,
            // The token for what is unknown stands for itself like other control tokens.
            2 | 3 => Kind::Control,
            4 => Kind::UserDefined,
            5 if is_padding(text) => Kind::Unused,
            6 => Kind::Byte,
            _ => return Err(metadata.refuse(TYPES, &format!("token {id} is of type {kind}"))),
        };
        tokens.push(Token {
            id: id as u32,
            text,
            kind,
        });
    }
    if bytes > MAX_TOKENIZER_BYTES {
        return Err(metadata.refuse(TOKENS, "are too long together"));
    }
    Ok(tokens)
}

/// Whether a token is one that the converter makes up for a number without a token.
fn is_padding(text: &str) -> bool {
    text.strip_prefix("[PAD")
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The token that every text begins (`bos`) or ends (`eos`) with, if any.
fn edge<'a>(
    metadata: &Metadata<'a>,
    tokens: &[Token<'a>],
    name: &str,
    default: bool,
) -> Result<Option<Token<'a>>, LoadError> {
    const SEPARATOR: &str = "tokenizer.ggml.add_sep_token";
    if metadata.bool(SEPARATOR)? == Some(true) {
        return Err(metadata.unsupported(SEPARATOR));
    }
    let add = metadata.bool(&format!("tokenizer.ggml.add_{name}_token"))?;
    if !add.unwrap_or(default) {
        return Ok(None);
    }
    let key = format!("tokenizer.ggml.{name}_token_id");
    let id = metadata.required(&key, metadata.u32(&key)?)?;
    match tokens.get(id as usize) {
        Some(&token) if token.kind != Kind::Unused => Ok(Some(token)),
        _ => Err(metadata.refuse(&key, "is not a token")),
    }
}

impl Parts<'_> {
    fn write(&self) -> String {
        let mut out = String::from(r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":"#);
        let added = self
            .tokens
            .iter()
            .filter(|token| matches!(token.kind, Kind::Control | Kind::UserDefined));
        list(&mut out, added, |out, token| {
            let (id, special) = (token.id, token.kind == Kind::Control);
            put(out, format_args!(r#"{{"id":{id},"content":"#));
            quote(out, token.text);
            let rest = r#","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":"#;
            put(out, format_args!("{rest}{special}}}"));
        });
        put(&mut out, format_args!(r#","normalizer":{}"#, self.normalizer));
        put(
            &mut out,
            format_args!(r#","pre_tokenizer":{},"post_processor":"#, self.pre_tokenizer),
        );
        self.write_template(&mut out);
        put(
            &mut out,
            format_args!(r#","decoder":{},"model":{{"type":"BPE","dropout":null"#, self.decoder),
        );
        out.push_str(
            r#","unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false"#,
        );
        put(&mut out, format_args!(r#","byte_fallback":{}"#, self.byte_fallback));
        put(
            &mut out,
            format_args!(r#","ignore_merges":{},"vocab":{{"#, self.ignore_merges),
        );
        let used = self.tokens.iter().filter(|token| token.kind != Kind::Unused);
        separated(&mut out, used, |out, token| {
            quote(out, token.text);
            put(out, format_args!(":{}", token.id));
        });
        out.push_str(r#"},"merges":"#);
        list(&mut out, &self.merges, |out, (left, right)| {
            list(out, [left, right], |out, part| quote(out, part));
        });
        out.push_str("}}");
        out
    }

    /// The tokens around every text.
    fn write_template(&self, out: &mut String) {
        let edges: Vec<&Token<'_>> = self.first.iter().chain(&self.last).collect();
        if edges.is_empty() {
            out.push_str("null");
            return;
        }
        let special = |out: &mut String, token: &Token<'_>| {
            out.push_str(r#"{"SpecialToken":{"id":"#);
            quote(out, token.text);
            out.push_str(r#","type_id":0}}"#);
        };
        out.push_str(r#"{"type":"TemplateProcessing","single":["#);
        if let Some(first) = &self.first {
            special(out, first);
            out.push(',');
        }
        out.push_str(r#"{"Sequence":{"id":"A","type_id":0}}"#);
        if let Some(last) = &self.last {
            out.push(',');
            special(out, last);
        }
        out.push_str(
            r#"],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],"special_tokens":{"#,
        );
        // One token may be both.
        let both = edges.len() == 2 && edges[0].id == edges[1].id;
        separated(out, &edges[usize::from(both)..], |out, token| {
            quote(out, token.text);
            out.push_str(r#":{"id":"#);
            quote(out, token.text);
            put(out, format_args!(r#","ids":[{}],"tokens":["#, token.id));
            quote(out, token.text);
            out.push_str("]}");
        });
        out.push_str("}}");
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

/// `text` as a JSON string.
fn quote(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

fn list<T>(out: &mut String, items: impl IntoIterator<Item = T>, write: impl FnMut(&mut String, T)) {
    out.push('[');
    separated(out, items, write);
    out.push(']');
}

fn separated<T>(out: &mut String, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut String, T)) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
}
