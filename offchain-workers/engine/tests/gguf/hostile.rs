//! Files that are broken, by accident or on purpose.

use crate::{
    twins::{load, store, Model},
    writer::{File, Meta, Stored, Type},
};
use lantern_engine::LoadedModel;
use std::fs;
use tempfile::TempDir;

/// A model of one small layer with a tokenizer, in which every byte of the header means something.
fn small() -> File {
    let mut file = File::default();
    file.set("general.architecture", "llama");
    for (key, value) in [
        ("block_count", 1u32),
        ("context_length", 16),
        ("embedding_length", 8),
        ("feed_forward_length", 8),
        ("attention.head_count", 4),
        ("attention.head_count_kv", 2),
    ] {
        file.set(&format!("llama.{key}"), value);
    }
    file.set("llama.attention.layer_norm_rms_epsilon", 1e-5f32);
    file.set("llama.rope.freq_base", 20_000f32);
    let tokens = ["a", "b", "c", "ab", "abc", "Ġ"].map(String::from);
    file.set("tokenizer.ggml.model", "gpt2");
    file.set("tokenizer.ggml.pre", "gpt-2");
    file.set("tokenizer.ggml.tokens", Meta::Texts(tokens.to_vec()));
    file.set("tokenizer.ggml.token_type", Meta::I32s(vec![1; 6]));
    file.set("tokenizer.ggml.merges", Meta::Texts(vec!["a b".into(), "ab c".into()]));
    file.set("tokenizer.ggml.eos_token_id", 4u32);
    let mut add = |name: &str, shape: &[usize]| {
        let count = shape.iter().product::<usize>();
        let values: Vec<f32> = (0..count)
            .map(|index| (index * 37 % 101) as f32 / 101.0 - 0.4)
            .collect();
        file.add(name, shape, Type::F32, &values);
    };
    add("token_embd.weight", &[6, 8]);
    add("output_norm.weight", &[8]);
    add("blk.0.attn_norm.weight", &[8]);
    add("blk.0.ffn_norm.weight", &[8]);
    add("blk.0.attn_q.weight", &[8, 8]);
    add("blk.0.attn_k.weight", &[4, 8]);
    add("blk.0.attn_v.weight", &[4, 8]);
    add("blk.0.attn_output.weight", &[8, 8]);
    add("blk.0.ffn_gate.weight", &[8, 8]);
    add("blk.0.ffn_up.weight", &[8, 8]);
    add("blk.0.ffn_down.weight", &[8, 8]);
    file
}

/// The message of the refusal of `bytes`, after checking that it names the file.
fn refusal_of_bytes(bytes: &[u8]) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tiny.gguf");
    fs::write(&path, bytes).unwrap();
    let message = load(&path).unwrap_err().to_string();
    assert!(message.starts_with("tiny.gguf: "), "{message}");
    message
}

fn refusal(file: &File) -> String {
    refusal_of_bytes(&file.bytes().1)
}

/// Changes `small` and checks that the refusal says `expected`.
fn refuses(expected: &str, change: impl Fn(&mut File)) {
    let mut file = small();
    change(&mut file);
    let message = refusal(&file);
    assert!(message.contains(expected), "{message}\nexpected: {expected}");
}

#[test]
fn files_that_end_early_are_refused() {
    let (_, whole) = small().bytes();
    assert!(load(store(&small(), false).path()).is_ok());
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        refusal_of_bytes(&whole[..length]);
    }
}

#[test]
fn a_changed_header_is_refused_or_another_model() {
    let identity = |model: &LoadedModel| (model.id(), model.end_tokens().to_vec());
    let file = small();
    let (header, whole) = file.bytes();
    let expected = identity(&load(store(&file, false).path()).unwrap());
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tiny.gguf");
    for mask in [0x10, 0xff] {
        for at in 0..header {
            let mut bytes = whole.clone();
            bytes[at] ^= mask;
            fs::write(&path, &bytes).unwrap();
            match load(&path) {
                Ok(model) => assert_ne!(identity(&model), expected, "byte {at} xor {mask:#x}"),
                Err(error) => assert!(error.to_string().starts_with("tiny.gguf: "), "{error}"),
            }
        }
    }
    // Beyond the header any value may be a weight.
    for at in (header..whole.len()).step_by(13) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(&path, &bytes).unwrap();
        drop(load(&path));
    }
}

#[test]
fn lengths_that_no_file_holds_allocate_nothing() {
    let start = |version: u32, tensors: u64, entries: u64| {
        let mut out = b"GGUF".to_vec();
        out.extend(version.to_le_bytes());
        out.extend(tensors.to_le_bytes());
        out.extend(entries.to_le_bytes());
        out
    };
    let with = |mut head: Vec<u8>, parts: &[&[u8]]| {
        parts.iter().for_each(|part| head.extend(*part));
        refusal_of_bytes(&head)
    };
    let huge = u64::MAX.to_le_bytes();
    let key = [&1u64.to_le_bytes()[..], b"k"].concat();
    assert!(refusal_of_bytes(b"GGML").contains("is not a GGUF file"));
    assert!(refusal_of_bytes(b"").contains("cut off"));
    for version in [0, 1, 4, 3u32.swap_bytes()] {
        assert!(with(start(version, 0, 0), &[]).contains(&format!("version = {version} is not supported")));
    }
    assert!(with(start(3, u64::MAX, 0), &[]).contains("tensor count: 18446744073709551615 exceeds"));
    assert!(with(start(3, 0, 1 << 40), &[]).contains("metadata count"));
    assert!(with(start(3, 0, 5), &[]).contains("metadata entry 0: is cut off"));
    assert!(with(start(3, 0, 1), &[&huge]).contains("cut off"));
    assert!(with(start(3, 0, 1), &[&1u64.to_le_bytes(), &[0xff]]).contains("not UTF-8"));
    // A string, and arrays of strings, of bytes and of arrays.
    assert!(with(start(3, 0, 1), &[&key, &8u32.to_le_bytes(), &huge]).contains("k: is cut off"));
    let list = |kind: u32, rest: &[u8]| with(start(3, 0, 1), &[&key, &9u32.to_le_bytes(), &kind.to_le_bytes(), rest]);
    assert!(list(8, &huge).contains("k: string 0 is cut off"));
    assert!(list(0, &huge).contains("k: is cut off"));
    assert!(list(12, &(u64::MAX / 4).to_le_bytes()).contains("k: is cut off"));
    assert!(list(9, &huge).contains("nested type 9"));
    assert!(list(13, &huge).contains("unknown or nested type 13"));
    assert!(with(start(3, 0, 1), &[&key, &99u32.to_le_bytes()]).contains("k: has unknown type 99"));
    assert!(with(start(3, 0, 1), &[&key, &7u32.to_le_bytes(), &[2]]).contains("neither true nor false"));
    let twice = [&key[..], &0u32.to_le_bytes(), &[1]].concat();
    assert!(with(start(3, 0, 2), &[&twice, &twice]).contains("k: is there twice"));
}

#[test]
fn tensors_that_no_file_holds_are_refused() {
    let change = |expected: &str, change: &dyn Fn(&mut Stored)| {
        refuses(expected, |file| change(file.tensor("blk.0.attn_q.weight")));
    };
    change("dimension", &|tensor| tensor.shape = vec![8, 0]);
    change("0 dimensions", &|tensor| tensor.shape = vec![]);
    change("5 dimensions", &|tensor| tensor.shape = vec![1; 5]);
    change("too large", &|tensor| tensor.shape = vec![1 << 40, 1 << 40]);
    change("too large", &|tensor| tensor.shape = vec![1 << 63]);
    change("past the end", &|tensor| tensor.shape = vec![1 << 30, 8]);
    change("has shape [8, 4], expected [8, 8]", &|tensor| {
        tensor.shape = vec![8, 4];
    });
    change("has shape [64], expected [8, 8]", &|tensor| tensor.shape = vec![64]);
    change("whole number of blocks", &|tensor| tensor.number = 8);
    change("empty or too long name", &|tensor| tensor.name = "x".repeat(65));
    change("empty or too long name", &|tensor| tensor.name.clear());
    change("blk.0.attn_k.weight: is there twice", &|tensor| {
        tensor.name = "blk.0.attn_k.weight".into();
    });
    change("tensor blk.0.attn_q.weight has type Q4_K", &|tensor| tensor.number = 12);
    change("tensor blk.0.attn_q.weight has type 77", &|tensor| tensor.number = 77);
    change("tensor blk.0.attn_q.weight is missing", &|tensor| {
        tensor.name = "blk.1.attn_q.weight".into()
    });
    change("value 9 is not finite", &|tensor| {
        // Row 1 of the file, where llama.cpp has another row of the head.
        tensor.bytes[36..40].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    refuses("output_norm.weight: value 2 does not fit", |file| {
        file.tensor("output_norm.weight").bytes[8..12].copy_from_slice(&1e30f32.to_le_bytes());
    });
    refuses("token_embd.weight is missing", |file| drop(file.tensors.remove(0)));
    refuses(
        "blk.0.attn_q.bias: is a tensor that the architecture does not have",
        |file| {
            file.add("blk.0.attn_q.bias", &[8], Type::F32, &[0.0; 8]);
        },
    );

    // All tensors on the same bytes: the file is a tenth of what it claims.
    let (header, mut bytes) = small().bytes();
    let mut shared = 0;
    for at in 0..header - 8 {
        // The offset stands behind the type, and both behind the innermost dimension, which is 8.
        if bytes[at..at + 8] == [8, 0, 0, 0, 0, 0, 0, 0] {
            for (dimensions, skip) in [(1, 12), (2, 20)] {
                let end = at + skip + 8;
                let marks = at >= 4 && bytes[at - 4..at] == [dimensions, 0, 0, 0];
                if marks && end <= header && bytes[at + skip - 4..at + skip] == [0; 4] {
                    bytes[at + skip..end].fill(0);
                    shared += 1;
                }
            }
        }
    }
    assert_eq!(shared, 11);
    bytes.truncate(header.next_multiple_of(32) + 256);
    let message = refusal_of_bytes(&bytes);
    assert!(message.contains("some overlap"), "{message}");
}

#[test]
fn alignments_are_powers_of_two_and_offsets_their_multiples() {
    for alignment in [0u32, 3, 33] {
        refuses("general.alignment: is not a power of two", |file| {
            file.set("general.alignment", alignment)
        });
    }
    refuses("general.alignment: is not a whole number", |file| {
        file.set("general.alignment", "32")
    });
    for alignment in [4096u32, 1 << 31] {
        let expected = format!("is no multiple of {alignment}");
        refuses(&expected, |file| file.set("general.alignment", alignment));
    }
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let set = |expected: &str, key: &str, value: Meta| refuses(expected, |file| file.set(key, value.clone()));
    set(
        "general.architecture = \"gptj\" is not supported",
        "general.architecture",
        "gptj".into(),
    );
    refuses("general.architecture = (missing)", |file| {
        file.unset("general.architecture")
    });
    set(
        "llama.logit_scale = 0.5 is not supported",
        "llama.logit_scale",
        0.5f32.into(),
    );
    set(
        "llama.expert_count = 8 is not supported",
        "llama.expert_count",
        8u32.into(),
    );
    set(
        "llama.rope.scaling.type = \"yarn\"",
        "llama.rope.scaling.type",
        "yarn".into(),
    );
    set(
        "llama.rope.scaling.factor: is missing",
        "llama.rope.scaling.type",
        "linear".into(),
    );
    set(
        "llama.rope.scaling.factor: is out of range",
        "llama.rope.scaling.factor",
        0f32.into(),
    );
    set(
        "llama.rope.dimension_count = 4",
        "llama.rope.dimension_count",
        4u32.into(),
    );
    set(
        "llama.attention.value_length = 4",
        "llama.attention.value_length",
        4u32.into(),
    );
    set(
        "llama.attention.causal = false",
        "llama.attention.causal",
        Meta::Bool(false),
    );
    set("llama.vocab_size = 7", "llama.vocab_size", 7u32.into());
    set("split.count = 2", "split.count", 2u32.into());
    set(
        "llama.rope.freq_base: is not a whole number",
        "llama.rope.freq_base",
        10_000.5f32.into(),
    );
    set(
        "llama.rope.freq_base: is not a number",
        "llama.rope.freq_base",
        f32::NAN.into(),
    );
    let epsilon = "llama.attention.layer_norm_rms_epsilon";
    set("rms_epsilon: is out of range", epsilon, 0f32.into());
    set("norm epsilon is too small", epsilon, 1e-18f32.into());
    refuses("rms_epsilon: is missing", |file| file.unset(epsilon));
    set("head_count: is zero", "llama.attention.head_count", 0u32.into());
    set(
        "head_count: is not a whole number",
        "llama.attention.head_count",
        Meta::I32s(vec![4, 4]),
    );
    set("head dimension is odd", "llama.attention.key_length", 3u32.into());
    set(
        "a dimension is over its bound",
        "llama.block_count",
        1_000_000u32.into(),
    );
    set(
        "inner dimension 100000 exceeds 65536",
        "llama.feed_forward_length",
        100_000u32.into(),
    );
    refuses("llama.context_length: is missing", |file| {
        file.unset("llama.context_length")
    });
    set("eos_token_id: is not below", "tokenizer.ggml.eos_token_id", 6u32.into());

    set(
        "tokenizer.ggml.model = \"t5\" is not supported",
        "tokenizer.ggml.model",
        "t5".into(),
    );
    set(
        "tokenizer.ggml.pre = \"falcon\" is not supported",
        "tokenizer.ggml.pre",
        "falcon".into(),
    );
    refuses("tokenizer.ggml.pre: is missing", |file| {
        file.unset("tokenizer.ggml.pre")
    });
    let types = "tokenizer.ggml.token_type";
    set(
        "token_type: are not as many as the tokens",
        types,
        Meta::I32s(vec![1; 5]),
    );
    set("token 5 is of type 9", types, Meta::I32s(vec![1, 1, 1, 1, 1, 9]));
    set("token 5 is of type 5", types, Meta::I32s(vec![1, 1, 1, 1, 1, 5]));
    set("token 0 is a byte", types, Meta::I32s(vec![6, 1, 1, 1, 1, 1]));
    let merges = |merge: &str| Meta::Texts(vec![merge.into()]);
    set("merge 0 is no pair", "tokenizer.ggml.merges", merges("ab"));
    set("merge 0 is no pair", "tokenizer.ggml.merges", merges("a b c"));
    set("out of vocabulary", "tokenizer.ggml.merges", merges("a x"));
    let tokens = |last: &str| Meta::Texts(["a", "b", "c", "ab", "abc", last].map(String::from).to_vec());
    set("token 5 is empty or there twice", "tokenizer.ggml.tokens", tokens("a"));
    set("token 5 is empty or there twice", "tokenizer.ggml.tokens", tokens(""));
    set(
        "bos_token_id: is missing",
        "tokenizer.ggml.add_bos_token",
        Meta::Bool(true),
    );
    set("add_sep_token = true", "tokenizer.ggml.add_sep_token", Meta::Bool(true));
    set(
        "add_space_prefix = true",
        "tokenizer.ggml.add_space_prefix",
        Meta::Bool(true),
    );
    // A tokenizer.json beside the file makes its own tokenizer irrelevant, but not unread bytes valid.
    let mut file = Model::causal("llama", true).file(Type::F32);
    file.set("tokenizer.ggml.model", "t5");
    assert!(load(store(&file, true).path()).is_ok());
}
