//! Small models in Hugging Face's layout.

#![allow(clippy::unwrap_used, dead_code)] // Not every test uses all of it; one that meets something unexpected is to end there.

use candle_core::{Device, Tensor};
use serde_json::{json, Value};
use std::{collections::HashMap, fs, path::Path};
use tempfile::TempDir;

pub const VOCAB: usize = 20;
pub const HIDDEN: usize = 16;
pub const INNER: usize = 24;

pub fn llama_config() -> Value {
    json!({
        "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": VOCAB, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": false, "hidden_act": "silu",
        "eos_token_id": 2
    })
}

pub fn bert_config() -> Value {
    json!({
        "model_type": "bert", "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": 1,
        "num_attention_heads": 4, "vocab_size": VOCAB, "max_position_embeddings": 32, "layer_norm_eps": 1e-12,
        "type_vocab_size": 2, "hidden_act": "gelu"
    })
}

pub fn tokenizer() -> Value {
    let mut vocab = serde_json::Map::new();
    for id in 0..VOCAB {
        vocab.insert(if id == 0 { "[UNK]".into() } else { format!("w{id}") }, id.into());
    }
    json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "[UNK]"},
        "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null,
        "decoder": null, "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}
    })
}

/// A float tensor with a fixed pattern.
pub fn tensor(name: &str, shape: &[usize]) -> Tensor {
    let count = shape.iter().product::<usize>();
    let offset = name.bytes().map(usize::from).sum::<usize>();
    let values = (0..count)
        .map(|index| ((index * 7919 + offset * 31) % 2003) as f32 / 2003.0 - 0.5)
        .collect::<Vec<_>>();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

pub type Tensors = HashMap<String, Tensor>;

pub fn add(tensors: &mut Tensors, name: &str, shape: &[usize]) {
    tensors.insert(name.into(), tensor(name, shape));
}

pub fn llama_tensors(prefix: &str, tied: bool) -> Tensors {
    let mut all = Tensors::new();
    add(&mut all, &format!("{prefix}embed_tokens.weight"), &[VOCAB, HIDDEN]);
    add(&mut all, &format!("{prefix}norm.weight"), &[HIDDEN]);
    if !tied {
        add(&mut all, "lm_head.weight", &[VOCAB, HIDDEN]);
    }
    for layer in 0..2 {
        for (part, shape) in [
            ("input_layernorm", vec![HIDDEN]),
            ("post_attention_layernorm", vec![HIDDEN]),
            ("self_attn.q_proj", vec![HIDDEN, HIDDEN]),
            ("self_attn.k_proj", vec![HIDDEN / 2, HIDDEN]),
            ("self_attn.v_proj", vec![HIDDEN / 2, HIDDEN]),
            ("self_attn.o_proj", vec![HIDDEN, HIDDEN]),
            ("mlp.gate_proj", vec![INNER, HIDDEN]),
            ("mlp.up_proj", vec![INNER, HIDDEN]),
            ("mlp.down_proj", vec![HIDDEN, INNER]),
        ] {
            add(&mut all, &format!("{prefix}layers.{layer}.{part}.weight"), &shape);
        }
    }
    all
}

pub fn bert_tensors(prefix: &str) -> Tensors {
    let mut all = Tensors::new();
    let mut linear = |name: &str, outs: usize, ins: usize| {
        add(&mut all, &format!("{prefix}{name}.weight"), &[outs, ins]);
        add(&mut all, &format!("{prefix}{name}.bias"), &[outs]);
    };
    for part in [
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
    ] {
        linear(&format!("encoder.layer.0.{part}"), HIDDEN, HIDDEN);
    }
    linear("encoder.layer.0.intermediate.dense", INNER, HIDDEN);
    linear("encoder.layer.0.output.dense", HIDDEN, INNER);
    for norm in [
        "embeddings",
        "encoder.layer.0.attention.output",
        "encoder.layer.0.output",
    ] {
        for part in ["weight", "bias"] {
            add(&mut all, &format!("{prefix}{norm}.LayerNorm.{part}"), &[HIDDEN]);
        }
    }
    add(
        &mut all,
        &format!("{prefix}embeddings.word_embeddings.weight"),
        &[VOCAB, HIDDEN],
    );
    add(
        &mut all,
        &format!("{prefix}embeddings.position_embeddings.weight"),
        &[32, HIDDEN],
    );
    add(
        &mut all,
        &format!("{prefix}embeddings.token_type_embeddings.weight"),
        &[2, HIDDEN],
    );
    all
}

pub fn write(folder: &Path, config: &Value, tensors: &Tensors) {
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    fs::write(folder.join("tokenizer.json"), tokenizer().to_string()).unwrap();
    candle_core::safetensors::save(tensors, folder.join("model.safetensors")).unwrap();
}

pub fn folder(config: &Value, tensors: &Tensors) -> TempDir {
    let folder = TempDir::new().unwrap();
    write(folder.path(), config, tensors);
    folder
}

pub fn with(mut config: Value, field: &str, value: Value) -> Value {
    config[field] = value;
    config
}
