//! Tokenizers made of metadata.

use crate::{
    twins::{load, store},
    writer::{File, Meta, Type},
};
use lantern_engine::LoadedModel;
use std::fs;

/// The smallest model with `tokens` and their types.
fn model(tokens: &[&str], kinds: &[i32]) -> File {
    let mut file = File::default();
    file.set("general.architecture", "llama");
    for (key, value) in [
        ("block_count", 1u32),
        ("context_length", 16),
        ("embedding_length", 2),
        ("feed_forward_length", 2),
        ("attention.head_count", 1),
    ] {
        file.set(&format!("llama.{key}"), value);
    }
    file.set("llama.attention.layer_norm_rms_epsilon", 1e-5f32);
    file.set("tokenizer.ggml.tokens", texts(tokens));
    file.set("tokenizer.ggml.token_type", Meta::I32s(kinds.to_vec()));
    file.add(
        "token_embd.weight",
        &[tokens.len(), 2],
        Type::F32,
        &vec![0.5; 2 * tokens.len()],
    );
    file.add("output_norm.weight", &[2], Type::F32, &[1.0; 2]);
    for part in ["attn_norm", "ffn_norm"] {
        file.add(&format!("blk.0.{part}.weight"), &[2], Type::F32, &[1.0; 2]);
    }
    for part in [
        "attn_q",
        "attn_k",
        "attn_v",
        "attn_output",
        "ffn_gate",
        "ffn_up",
        "ffn_down",
    ] {
        file.add(&format!("blk.0.{part}.weight"), &[2, 2], Type::F32, &[1.0; 4]);
    }
    file
}

fn texts(all: &[&str]) -> Meta {
    Meta::Texts(all.iter().map(|text| (*text).into()).collect())
}

fn byte_level(pre: &str, tokens: &[&str], kinds: &[i32], merges: &[&str]) -> File {
    let mut file = model(tokens, kinds);
    file.set("tokenizer.ggml.model", "gpt2");
    file.set("tokenizer.ggml.pre", pre);
    file.set("tokenizer.ggml.merges", texts(merges));
    file
}

fn loaded(file: &File) -> LoadedModel {
    load(store(file, false).path()).unwrap()
}

/// `text` as the tokens' own spelling.
fn cut(model: &LoadedModel, tokens: &[&str], text: &str) -> Vec<String> {
    let ids = model.tokenizer().unwrap().encode(text).unwrap();
    ids.iter().map(|&id| tokens[id as usize].to_owned()).collect()
}

#[test]
fn each_cut_is_the_one_of_its_models() {
    let tokens = [
        "1", "2", "3", "4", "'", "s", "S", "!", "Ġ", "x", "y", "z", "12", "123", "1234", "'S", "'s", "!Ġ", "!x", "xyz",
        "<s>",
    ];
    let kinds: Vec<i32> = tokens.iter().map(|token| if *token == "<s>" { 3 } else { 1 }).collect();
    let merges = ["1 2", "12 3", "123 4", "' S", "' s", "! x"];
    let text = "1234's'S!xxyz x";
    for (pre, expected) in [
        ("gpt-2", "1234 's ' S ! x x y z Ġ x"),
        ("default", "123 4 ' s ' S ! x x y z Ġ x"),
        ("smollm", "1 2 3 4 's ' S ! x x y z Ġ x"),
        ("qwen2", "1 2 3 4 's 'S !x x y z Ġ x"),
        ("llama-bpe", "123 4 's 'S !x x y z Ġ x"),
    ] {
        let mut file = byte_level(pre, &tokens, &kinds, &merges);
        file.set("tokenizer.ggml.add_bos_token", Meta::Bool(false));
        let model = loaded(&file);
        assert_eq!(cut(&model, &tokens, text).join(" "), expected, "{pre}");
        // A word that is a token: of the five, only Llama 3 takes it without merges.
        let whole = if pre == "llama-bpe" { "xyz" } else { "x y z" };
        assert_eq!(cut(&model, &tokens, "xyz").join(" "), whole, "{pre}");
        assert_eq!(
            model.tokenizer().unwrap().encode("x<s>y").unwrap(),
            [9, 20, 10],
            "{pre}"
        );
        assert_eq!(
            model.tokenizer().unwrap().decode(&[9, 8, 20, 10]).unwrap(),
            "x y",
            "{pre}"
        );
    }
}

#[test]
fn texts_begin_and_end_as_the_file_says() {
    let (tokens, kinds) = (["a", "b", "<s>", "</s>", "[PAD4]", "<tool>"], [1, 1, 3, 3, 5, 4]);
    let encode = |pre: &str, begin: Option<bool>, end: Option<bool>| {
        let mut file = byte_level(pre, &tokens, &kinds, &[]);
        file.set("tokenizer.ggml.bos_token_id", 2u32);
        file.set("tokenizer.ggml.eos_token_id", 3u32);
        for (key, value) in [("add_bos_token", begin), ("add_eos_token", end)] {
            if let Some(value) = value {
                file.set(&format!("tokenizer.ggml.{key}"), Meta::Bool(value));
            }
        }
        loaded(&file).tokenizer().unwrap().encode("ab").unwrap()
    };
    assert_eq!(encode("gpt-2", None, None), [0, 1]);
    assert_eq!(encode("llama-bpe", None, None), [2, 0, 1]);
    assert_eq!(encode("llama-bpe", Some(false), Some(true)), [0, 1, 3]);
    assert_eq!(encode("qwen2", Some(true), Some(true)), [2, 0, 1, 3]);
    // Padding is no token, a user-defined token is one and is text.
    let model = loaded(&byte_level("gpt-2", &tokens, &kinds, &[]));
    let tokenizer = model.tokenizer().unwrap();
    assert_eq!(tokenizer.token_id("[PAD4]"), None);
    assert_eq!(tokenizer.encode("a<tool>b").unwrap(), [0, 5, 1]);
    assert_eq!(tokenizer.decode(&[0, 2, 5, 4, 1]).unwrap(), "a<tool>b");
}

#[test]
fn the_tokenizer_that_is_made_can_lie_beside_the_file() {
    let mut file = byte_level("smollm", &["a", "\"b", "a\"b", "<s>"], &[1, 1, 1, 3], &["a \"b"]);
    file.set("tokenizer.ggml.add_bos_token", Meta::Bool(true));
    file.set("tokenizer.ggml.bos_token_id", 3u32);
    let stored = store(&file, false);
    let id = load(stored.path()).unwrap().id();
    // To the byte: the hash of this text is part of the model's identity.
    let json = concat!(
        r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":3,"content":"<s>","single_word":false,"#,
        r#""lstrip":false,"rstrip":false,"normalized":false,"special":true}],"normalizer":null,"pre_tokenizer":"#,
        r#"{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","#,
        r#""add_prefix_space":false,"trim_offsets":true,"use_regex":true}]},"post_processor":{"type":"TemplateProcessing","#,
        r#""single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":"#,
        r#"{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],"special_tokens":{"<s>":{"id":"<s>","ids":[3],"#,
        r#""tokens":["<s>"]}}},"decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},"#,
        r#""model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"#,
        r#""fuse_unk":false,"byte_fallback":false,"ignore_merges":false,"vocab":{"a":0,"\"b":1,"a\"b":2,"<s>":3},"#,
        r#""merges":[["a","\"b"]]}}"#
    );
    fs::write(stored.path().join("tokenizer.json"), json).unwrap();
    assert_eq!(load(stored.path()).unwrap().id(), id);
    fs::write(stored.path().join("tokenizer.json"), format!("{json} ")).unwrap();
    assert_ne!(load(stored.path()).unwrap().id(), id);
}

/// A SentencePiece vocabulary: control tokens, bytes, letters and pieces with scores.
struct Pieces {
    texts: Vec<String>,
    kinds: Vec<i32>,
    scores: Vec<f32>,
}

impl Pieces {
    /// Letters, and every `pieces`, the first the best.
    fn new(letters: &str, pieces: &[String]) -> Self {
        let mut all = Self {
            texts: Vec::new(),
            kinds: Vec::new(),
            scores: Vec::new(),
        };
        for (text, kind) in [("<unk>", 2), ("<s>", 3), ("</s>", 3)] {
            all.add(text.into(), kind, 0.0);
        }
        (0..=255).for_each(|byte| all.add(format!("<0x{byte:02X}>"), 6, 0.0));
        for (rank, piece) in pieces.iter().enumerate() {
            all.add(piece.clone(), 1, -(rank as f32));
        }
        for (rank, letter) in letters.chars().enumerate() {
            all.add(letter.into(), 1, -((pieces.len() + rank) as f32));
        }
        all
    }

    fn add(&mut self, text: String, kind: i32, score: f32) {
        self.texts.push(text);
        self.kinds.push(kind);
        self.scores.push(score);
    }

    fn file(&self) -> File {
        let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        let mut file = model(&texts, &self.kinds);
        file.set("tokenizer.ggml.model", "llama");
        file.set("tokenizer.ggml.pre", "default");
        file.set("tokenizer.ggml.scores", Meta::F32s(self.scores.clone()));
        file.set("tokenizer.ggml.bos_token_id", 1u32);
        file.set("tokenizer.ggml.eos_token_id", 2u32);
        file
    }

    /// SentencePiece's own way: join the neighbours that make the best piece, the leftmost of equals, until none make one.
    fn encode(&self, text: &str) -> Vec<u32> {
        let find = |text: &str| self.texts.iter().position(|known| known == text);
        let text = if text.is_empty() {
            String::new()
        } else {
            format!("▁{}", text.replace(' ', "▁"))
        };
        let mut parts: Vec<String> = text.chars().map(String::from).collect();
        loop {
            let mut best: Option<(f32, usize)> = None;
            for at in 1..parts.len() {
                let joined = find(&format!("{}{}", parts[at - 1], parts[at])).filter(|&id| self.kinds[id] == 1);
                if let Some(score) = joined.map(|id| self.scores[id]) {
                    if best.is_none_or(|(known, _)| score > known) {
                        best = Some((score, at));
                    }
                }
            }
            let Some((_, at)) = best else { break };
            let right = parts.remove(at);
            parts[at - 1].push_str(&right);
        }
        let id = |part: &String| match find(part) {
            Some(id) => vec![id as u32],
            None => part.bytes().map(|byte| 3 + u32::from(byte)).collect(),
        };
        [1].into_iter().chain(parts.iter().flat_map(id)).collect()
    }
}

/// A fixed sequence of numbers below `limit`.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

#[test]
fn pieces_are_joined_as_sentencepiece_joins_them() {
    let mut numbers = Numbers(7);
    for _ in 0..8 {
        // Pieces as training makes them: each of two that are there.
        let mut known: Vec<String> = "▁abcd".chars().map(String::from).collect();
        let mut pieces = Vec::new();
        while pieces.len() < 40 {
            let piece = format!(
                "{}{}",
                known[numbers.below(known.len())],
                known[numbers.below(known.len())]
            );
            if piece.chars().count() <= 6 && !known.contains(&piece) {
                known.push(piece.clone());
                pieces.push(piece);
            }
        }
        let pieces = Pieces::new("▁abcd", &pieces);
        let model = loaded(&pieces.file());
        let tokenizer = model.tokenizer().unwrap();
        for _ in 0..200 {
            let letters: Vec<char> = "abcd ab é\n".chars().collect();
            let text: String = (0..numbers.below(24))
                .map(|_| letters[numbers.below(letters.len())])
                .collect();
            let tokens = tokenizer.encode(&text).unwrap();
            assert_eq!(tokens, pieces.encode(&text), "{text:?} with {:?}", &pieces.texts[259..]);
            assert_eq!(tokenizer.decode(&tokens).unwrap(), text);
        }
    }
}

#[test]
fn sentencepiece_vocabularies_that_say_too_little_are_refused() {
    let pieces = || Pieces::new("▁ab", &["ab".into(), "▁a".into()]);
    let refuses = |expected: &str, file: &File| {
        let message = load(store(file, false).path()).unwrap_err().to_string();
        assert!(
            message.starts_with("tiny.gguf: ") && message.contains(expected),
            "{message}"
        );
    };
    let mut tied = pieces();
    tied.scores.fill(-1000.0);
    refuses("have the same score", &tied.file());
    let mut lettered = pieces();
    lettered.texts[259] = "ax".into();
    refuses("has a character that is no piece", &lettered.file());
    let mut bytes = pieces();
    bytes.kinds[3] = 1;
    refuses("does not give one token to each byte", &bytes.file());
    let mut user = pieces();
    user.kinds[259] = 4;
    refuses("token 259 is user-defined", &user.file());
    let mut file = pieces().file();
    file.set("tokenizer.ggml.scores", Meta::F32s(vec![0.0; 3]));
    refuses("scores: are not as many as the tokens", &file);
    let mut file = pieces().file();
    file.set("tokenizer.ggml.remove_extra_whitespaces", Meta::Bool(true));
    refuses("remove_extra_whitespaces = true", &file);
    // Without the space before a text.
    let mut file = pieces().file();
    file.set("tokenizer.ggml.add_space_prefix", Meta::Bool(false));
    let model = loaded(&file);
    let tokens = model.tokenizer().unwrap().encode("ab a").unwrap();
    assert_eq!(tokens, [1, 259, 260]);
    assert_eq!(model.tokenizer().unwrap().decode(&tokens).unwrap(), "ab a");
}
