//! What a `tokenizer.json` may ask for, checked before its reader sees it.
//!
//! The reader is foreign code. A panic in it can be caught ([`super::tokenizer`]), but a stack that overflows or memory that runs out
//! ends the process, so that everything that could lead there is bounded here: how deep values nest, how many steps there are, what
//! their patterns compile to, how long tokens are (a Unigram vocabulary is dropped with one stack frame for each byte of its longest
//! piece), what a `precompiled_charsmap` says of its own length, and by how much the steps can make a text longer. All bounds are far
//! above what tokenizers of published models have.

use base64::{engine::general_purpose::STANDARD, Engine};
use serde::{
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
    Deserialize, Deserializer,
};
use serde_json::{Map, Value};
use std::fmt;

/// Deepest nesting of JSON values; published files have at most ten.
const MAX_DEPTH: usize = 32;
/// Most steps of one kind (normalizers, pre-tokenizers, post-processors, decoders).
const MAX_STEPS: usize = 64;
/// Most pieces of a template: each is the text once more, or a token.
const MAX_PIECES: usize = 64;
/// Most JSON values of one kind of step with all that is in it.
const MAX_VALUES: usize = 1 << 16;
/// Longest text in a step.
const MAX_TEXT: usize = 4096;
/// Most bytes of all regular expressions together.
const MAX_PATTERNS: usize = 16 << 10;
/// Largest sum of the counts in all regular expressions, such as the 3 of `\p{N}{1,3}`: each is a copy of what it counts.
const MAX_REPEATS: usize = 512;
/// Longest token in bytes of a vocabulary that is an object, and of one that is a list of pieces with scores.
const MAX_TOKEN: usize = 4096;
const MAX_PIECE: usize = 1024;
/// Most bytes of all pieces of a list, and of all added tokens, together: the reader makes a tree with a node of some 300 bytes of each.
const MAX_TREE: usize = 4 << 20;
/// Most bytes that a text may become while it is encoded; the reader keeps 16 more for each.
pub(super) const MAX_NORMALIZED: u64 = 64 << 20;
/// Most bytes that tokens may become while they are decoded.
pub(super) const MAX_DECODED: u64 = 1 << 30;

/// By how much a tokenizer can make things longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Growth {
    /// Bytes that one byte of text can become before the model sees it.
    pub encode: u64,
    /// Bytes that one token can become.
    pub decode: u64,
}

/// Checks `bytes`, a whole `tokenizer.json`. Whether it is a good one is for its reader to say; `Err` is why the reader is not asked.
pub(super) fn check(bytes: &[u8]) -> Result<Growth, String> {
    if !nests_at_most(bytes, MAX_DEPTH) {
        return Err(format!("nests deeper than {MAX_DEPTH}"));
    }
    let document: Document = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let mut patterns = Patterns::default();
    let mut growth = |section: &str, value: &Value| Steps::check(section, value, &mut patterns);
    let normalizer = growth("normalizer", &document.normalizer)?;
    let pre_tokenizer = growth("pre_tokenizer", &document.pre_tokenizer)?;
    growth("post_processor", &document.post_processor)?;
    let decoder = growth("decoder", &document.decoder)?;
    let encode = normalizer.saturating_mul(pre_tokenizer);
    let added = document.added_tokens.unwrap_or_default();
    let (longest, total) = measure(added.iter().map(|token| token.content.0));
    if total > MAX_TREE || (total as u64).saturating_mul(encode) > MAX_NORMALIZED {
        return Err("added_tokens: are too long together".into());
    }
    let model = document.model.unwrap_or_default();
    for (field, text) in [
        ("unk_token", model.unk_token),
        ("continuing_subword_prefix", model.continuing_subword_prefix),
        ("end_of_word_suffix", model.end_of_word_suffix),
    ] {
        if text.is_some_and(|text| text.0 > MAX_TEXT) {
            return Err(format!("model.{field}: is longer than {MAX_TEXT} bytes"));
        }
    }
    let vocab = model.vocab.unwrap_or_default();
    let most = if vocab.is_list { MAX_PIECE } else { MAX_TOKEN };
    if vocab.longest > most {
        return Err(format!("model.vocab: a token is longer than {most} bytes"));
    }
    if vocab.is_list && vocab.total > MAX_TREE {
        return Err(format!("model.vocab: pieces are longer than {MAX_TREE} bytes together"));
    }
    // At least one byte, for what stands between tokens.
    let token = longest.max(vocab.longest).max(1) as u64;
    Ok(Growth {
        encode,
        decode: decoder.saturating_mul(token),
    })
}

/// Longest and sum of `lengths`.
fn measure(lengths: impl Iterator<Item = usize>) -> (usize, usize) {
    lengths.fold((0, 0), |(longest, total), length| {
        (longest.max(length), total.saturating_add(length))
    })
}

/// Whether no value of the JSON text `bytes` lies in more than `most` arrays and objects. True of what is no JSON, too.
fn nests_at_most(bytes: &[u8], most: usize) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => (),
        }
        if depth > most {
            return false;
        }
    }
    true
}

/// The parts of a file that bounds concern.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    added_tokens: Option<Vec<AddedToken>>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    #[serde(default)]
    model: Option<Model>,
}

#[derive(Deserialize)]
struct AddedToken {
    content: Length,
}

#[derive(Default, Deserialize)]
struct Model {
    #[serde(default)]
    vocab: Option<Vocab>,
    #[serde(default)]
    unk_token: Option<Length>,
    #[serde(default)]
    continuing_subword_prefix: Option<Length>,
    #[serde(default)]
    end_of_word_suffix: Option<Length>,
}

/// The length in bytes of a text that is not kept.
#[derive(Clone, Copy, Default)]
struct Length(usize);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Length;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_str<E>(self, text: &str) -> Result<Length, E> {
                Ok(Length(text.len()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The lengths of a vocabulary's tokens, which are the keys of an object, or stand in a list as the first of a pair.
#[derive(Clone, Copy, Default)]
struct Vocab {
    is_list: bool,
    longest: usize,
    total: usize,
}

impl Vocab {
    fn add(&mut self, length: usize) {
        self.longest = self.longest.max(length);
        self.total = self.total.saturating_add(length);
    }
}

impl<'de> Deserialize<'de> for Vocab {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tokens;
        impl<'de> Visitor<'de> for Tokens {
            type Value = Vocab;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list of pairs")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocab, A::Error> {
                let mut vocab = Vocab::default();
                while let Some(Length(length)) = map.next_key()? {
                    vocab.add(length);
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(vocab)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vocab, A::Error> {
                let mut vocab = Vocab {
                    is_list: true,
                    ..Vocab::default()
                };
                while let Some(Piece(length)) = list.next_element()? {
                    vocab.add(length);
                }
                Ok(vocab)
            }
        }
        deserializer.deserialize_any(Tokens)
    }
}

/// The length of the first of a pair.
struct Piece(usize);

impl<'de> Deserialize<'de> for Piece {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <(Length, IgnoredAny)>::deserialize(deserializer).map(|(length, _)| Self(length.0))
    }
}

/// What all regular expressions of a file have together.
#[derive(Default)]
struct Patterns {
    bytes: usize,
    repeats: usize,
}

impl Patterns {
    /// Counts `pattern`; false when it is too much.
    fn add(&mut self, pattern: &str) -> bool {
        self.bytes = self.bytes.saturating_add(pattern.len());
        self.repeats = self.repeats.saturating_add(repeats(pattern));
        self.bytes <= MAX_PATTERNS && self.repeats <= MAX_REPEATS
    }
}

/// Sum of the counts in `pattern`.
fn repeats(pattern: &str) -> usize {
    let mut sum = 0usize;
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let inside = after.split('}').next().unwrap_or_default();
        // `\x{41}` is a character; `\\x{41}` is a backslash and 41 times the letter.
        let hexadecimal = before.strip_suffix(['x', 'u', 'U']).is_some_and(|before| {
            let backslashes = before.bytes().rev().take_while(|byte| *byte == b'\\').count();
            backslashes % 2 == 1
        });
        let number = |text: &str| match text.trim() {
            digits if digits.is_empty() || digits.bytes().any(|byte| !byte.is_ascii_digit()) => 0,
            digits => digits.parse().unwrap_or(usize::MAX),
        };
        if !hexadecimal {
            sum = sum.saturating_add(inside.split(',').map(number).max().unwrap_or(0));
        }
        rest = after;
    }
    sum
}

/// The steps of one kind.
struct Steps<'a> {
    section: &'a str,
    steps: usize,
    values: usize,
    growth: u64,
    patterns: &'a mut Patterns,
}

impl Steps<'_> {
    /// By how much the steps in `value` can make a text longer. A step is any object, as the reader knows some of them by their fields
    /// alone.
    fn check(section: &str, value: &Value, patterns: &mut Patterns) -> Result<u64, String> {
        let mut steps = Steps {
            section,
            steps: 0,
            values: 0,
            growth: 1,
            patterns,
        };
        steps.value("", value)?;
        Ok(steps.growth)
    }

    fn refuse<T>(&self, reason: &str) -> Result<T, String> {
        Err(format!("{}: {reason}", self.section))
    }

    /// Looks at `value`, which stands under `key`, and at all that is in it.
    fn value(&mut self, key: &str, value: &Value) -> Result<(), String> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return self.refuse(&format!("has more than {MAX_VALUES} values"));
        }
        match value {
            Value::Array(list) => {
                if matches!(key, "single" | "pair") {
                    self.template(key, list)?;
                }
                list.iter().try_for_each(|value| self.value("", value))
            },
            Value::Object(map) => {
                if key != "pattern" && self.section != "post_processor" {
                    self.step(map)?;
                }
                map.iter().try_for_each(|(key, value)| self.value(key, value))
            },
            Value::String(pattern) if key == "Regex" => {
                if self.patterns.add(pattern) {
                    return Ok(());
                }
                self.refuse(&format!(
                    "regular expressions are longer than {MAX_PATTERNS} bytes together, or repeat more than {MAX_REPEATS} times"
                ))
            },
            Value::String(text) if text.len() > MAX_TEXT && key != "precompiled_charsmap" => {
                self.refuse(&format!("a text is longer than {MAX_TEXT} bytes"))
            },
            _ => Ok(()),
        }
    }

    /// A template has the text once; one for pairs has both.
    fn template(&self, key: &str, pieces: &[Value]) -> Result<(), String> {
        let texts = pieces.iter().filter(|piece| piece.get("Sequence").is_some()).count();
        let most = if key == "single" { 1 } else { 2 };
        if texts > most || pieces.len() > MAX_PIECES {
            return self.refuse(&format!("{key}: has the text twice, or more than {MAX_PIECES} pieces"));
        }
        Ok(())
    }

    /// Counts a step. Factors are the most bytes that one byte, or an empty place between two, can become.
    fn step(&mut self, map: &Map<String, Value>) -> Result<(), String> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return self.refuse(&format!("has more than {MAX_STEPS} steps"));
        }
        let text = |key: &str| map.get(key).and_then(Value::as_str);
        let factor = if let Some(content) = text("content").filter(|_| map.contains_key("pattern")) {
            let fixed = map.get("pattern").and_then(|pattern| pattern.get("String"));
            match fixed.and_then(Value::as_str).map(str::len) {
                Some(length) if length > 0 => content.len().div_ceil(length),
                _ => content.len() + 1,
            }
        } else if let Some(prefix) = text("prepend") {
            prefix.len() + 1
        } else if let Some(map) = text("precompiled_charsmap") {
            match longest_replacement(map) {
                Some(longest) => longest,
                None => return self.refuse("precompiled_charsmap: is cut off, or no base64"),
            }
        } else {
            match text("type").unwrap_or_default() {
                "Sequence" | "Strip" | "StripAccents" | "Nmt" | "BertPreTokenizer" | "Delimiter"
                | "CharDelimiterSplit" | "Whitespace" | "WhitespaceSplit" | "Split" | "Punctuation" | "Digits"
                | "UnicodeScripts" | "FixedLength" | "Fuse" => 1,
                // The worst of each form, as Unicode states it.
                "NFKC" | "NFKD" => 11,
                "NFC" | "NFD" | "Lowercase" | "ByteLevel" | "ByteFallback" => 3,
                _ => 5,
            }
        };
        self.growth = self.growth.saturating_mul(factor.max(1) as u64);
        Ok(())
    }
}

/// The longest text that SentencePiece's compiled map `text` puts in the place of a character: a trie with its length in bytes before
/// it, then texts that a zero ends. `None` when it is shorter than it says: its reader would make room for the trie first.
fn longest_replacement(text: &str) -> Option<usize> {
    let bytes = STANDARD.decode(text).ok()?;
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let texts = rest.get(u32::from_le_bytes(*length) as usize..)?;
    texts.split(|byte| *byte == 0).map(<[u8]>::len).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn growth(document: Value) -> Result<(u64, u64), String> {
        check(document.to_string().as_bytes()).map(|growth| (growth.encode, growth.decode))
    }

    fn refusal(document: Value) -> String {
        growth(document).unwrap_err()
    }

    #[test]
    fn depth_is_counted_outside_of_texts() {
        assert!(nests_at_most(br#"[[{"a[[[\"[": "]]\\"}]]"#, 3));
        assert!(!nests_at_most(br#"[[{"a": []}]]"#, 3));
        assert!(nests_at_most(b"]]]]][", 1));
        assert!(check(&b"[".repeat(1 << 20)).unwrap_err().contains("nests deeper"));
        // What the reader would ignore counts too: it reads a model twice, and keeps all of it in between.
        let deep = format!(
            r#"{{"model":{{"vocab":{{}},"x":{}{}}}}}"#,
            "[".repeat(40),
            "]".repeat(40)
        );
        assert!(check(deep.as_bytes()).unwrap_err().contains("nests deeper"));
    }

    #[test]
    fn growth_is_the_product_of_the_steps() {
        assert_eq!(growth(json!({})), Ok((1, 1)));
        let replace =
            |pattern: Value, content: &str| json!({"type": "Replace", "pattern": pattern, "content": content});
        let normalizer = json!({"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, replace(json!({"String": " "}), "▁"), replace(json!({"Regex": " {2,}"}), " ")
        ]});
        let document = json!({
            "normalizer": normalizer, "pre_tokenizer": {"type": "ByteLevel"},
            "decoder": {"type": "Sequence", "decoders": [replace(json!({"String": "▁"}), " "), {"type": "ByteFallback"}]},
            "added_tokens": [{"content": "<s>"}], "model": {"vocab": {"a": 0, "abcde": 1}}
        });
        assert_eq!(growth(document), Ok((4 * 3 * 2 * 3, 3 * 5)));
        // Known by their fields alone, and empty patterns.
        assert_eq!(
            growth(json!({"normalizer": {"pattern": {"String": ""}, "content": "xyz"}})),
            Ok((4, 1))
        );
        let many = vec![replace(json!({"Regex": "."}), "0123456789"); 60];
        let document = json!({"normalizer": {"type": "Sequence", "normalizers": many}});
        assert_eq!(growth(document), Ok((u64::MAX, 1)));
    }

    #[test]
    fn maps_of_characters_are_checked_against_their_length() {
        let of = |bytes: &[u8]| json!({"normalizer": {"type": "Precompiled", "precompiled_charsmap": STANDARD.encode(bytes)}});
        assert_eq!(growth(of(b"\x04\0\0\0trieab\0abcdef\0c")), Ok((6, 1)));
        assert_eq!(growth(of(b"\x04\0\0\0trie")), Ok((1, 1)));
        for cut in [&b"\xff\xff\xff\xff"[..], b"\x04\0\0\0tri", b"\0", b""] {
            assert!(refusal(of(cut)).contains("precompiled_charsmap"), "{cut:?}");
        }
        let no_base64 = json!({"normalizer": {"precompiled_charsmap": "!!"}});
        assert!(refusal(no_base64).contains("precompiled_charsmap"));
    }

    #[test]
    fn counts_in_patterns_are_added_up() {
        assert_eq!(repeats(r"\p{N}{1,3}| {2,}|a{7}"), 3 + 2 + 7);
        assert_eq!(repeats(r"\x{41}\u{99}"), 0);
        assert_eq!(repeats(r"\\x{41}"), 41);
        assert_eq!(repeats("a{99999999999999999999999}{"), usize::MAX);
        assert_eq!(repeats("{"), 0);
        let split = |pattern: &str| json!({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": pattern}}});
        assert!(growth(split(r"\p{N}{1,3}")).is_ok());
        assert!(refusal(split("(?=a)b{513}")).contains("regular expressions"));
        assert!(refusal(split(&"a".repeat(MAX_PATTERNS + 1))).contains("regular expressions"));
    }

    #[test]
    fn what_is_too_long_is_refused_with_its_field() {
        let long = |length: usize| "a".repeat(length);
        let object = |key: String| json!({"model": {"vocab": {key: 0}}});
        assert!(growth(object(long(MAX_TOKEN))).is_ok());
        assert!(refusal(object(long(MAX_TOKEN + 1))).contains("model.vocab"));
        let list = |key: String| json!({"model": {"vocab": [[key, 0.0]]}});
        assert!(growth(list(long(MAX_PIECE))).is_ok());
        assert!(refusal(list(long(MAX_PIECE + 1))).contains("model.vocab"));
        let pieces: Vec<Value> = (0..5000).map(|_| json!([long(1000), 0.0])).collect();
        assert!(refusal(json!({"model": {"vocab": pieces}})).contains("together"));
        assert!(refusal(json!({"added_tokens": [{"content": long(MAX_TREE + 1)}]})).contains("added_tokens"));
        let prefix = json!({"model": {"continuing_subword_prefix": long(MAX_TEXT + 1)}});
        assert!(refusal(prefix).contains("model.continuing_subword_prefix"));
        assert!(refusal(json!({"decoder": {"type": "Strip", "content": long(MAX_TEXT + 1)}})).contains("decoder"));
        let steps =
            json!({"pre_tokenizer": {"type": "Sequence", "pretokenizers": vec![json!({"type": "Digits"}); 64]}});
        assert!(refusal(steps).contains("more than 64 steps"));
        let twice =
            json!({"post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {}}, {"Sequence": {}}]}});
        assert!(refusal(twice).contains("single"));
    }
}
