//! A small random model, and jobs for it.

#![allow(dead_code)] // Each test program takes what it needs.

use std::{fs, path::Path};

use codec::Encode;
use lantern_exact::{spec::encode_tokens, GenerateParams, JobParams, Sampling, StopTokens};
use lantern_worker_protocol::{Execute, Hash};

const HIDDEN: usize = 32;
const INNER: usize = 64;
pub const VOCAB: usize = 40;
pub const CONTEXT: usize = 4096;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn weight(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z >> 40) as f32 / (1 << 24) as f32 - 0.5) * 0.4
    }
}

/// Writes a Llama of one layer with random weights, in Hugging Face's layout.
pub fn write_model(folder: &Path, seed: u64) {
    fs::create_dir_all(folder).expect("is made");
    let config = serde_json::json!({
        "model_type": "llama", "hidden_act": "silu", "hidden_size": HIDDEN, "intermediate_size": INNER,
        "num_attention_heads": 2, "num_key_value_heads": 1, "num_hidden_layers": 1, "vocab_size": VOCAB,
        "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true,
        "eos_token_id": 1,
    });
    fs::write(folder.join("config.json"), config.to_string()).expect("is written");
    let vocabulary: serde_json::Map<_, _> = (0..VOCAB)
        .map(|id| (if id == 0 { "?".into() } else { format!("w{id}") }, id.into()))
        .collect();
    let tokenizer = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "?"},
    });
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).expect("is written");
    let kv = HIDDEN / 2;
    let layer = "model.layers.0";
    let tensors = [
        ("model.embed_tokens.weight".to_owned(), vec![VOCAB, HIDDEN]),
        (format!("{layer}.input_layernorm.weight"), vec![HIDDEN]),
        (format!("{layer}.self_attn.q_proj.weight"), vec![HIDDEN, HIDDEN]),
        (format!("{layer}.self_attn.k_proj.weight"), vec![kv, HIDDEN]),
        (format!("{layer}.self_attn.v_proj.weight"), vec![kv, HIDDEN]),
        (format!("{layer}.self_attn.o_proj.weight"), vec![HIDDEN, HIDDEN]),
        (format!("{layer}.post_attention_layernorm.weight"), vec![HIDDEN]),
        (format!("{layer}.mlp.gate_proj.weight"), vec![INNER, HIDDEN]),
        (format!("{layer}.mlp.up_proj.weight"), vec![INNER, HIDDEN]),
        (format!("{layer}.mlp.down_proj.weight"), vec![HIDDEN, INNER]),
        ("model.norm.weight".to_owned(), vec![HIDDEN]),
    ];
    let mut random = Random(seed);
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (name, shape) in tensors {
        let begin = data.len();
        for _ in 0..shape.iter().product::<usize>() {
            let value = if shape.len() == 1 { 1.0 } else { random.weight() };
            data.extend_from_slice(&f32::to_le_bytes(value));
        }
        header.insert(
            name,
            serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()]}),
        );
    }
    let mut header = serde_json::Value::Object(header).to_string();
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat();
    fs::write(folder.join("model.safetensors"), file).expect("is written");
}

/// A greedy job.
pub fn job(key: u64, model: &Hash, prompt: &[u32], max_new_tokens: u32) -> Execute {
    let params = JobParams::Generate(GenerateParams {
        max_new_tokens,
        sampling: Sampling::Greedy,
        stop: StopTokens::default(),
    });
    Execute {
        key,
        model: *model,
        input: encode_tokens(prompt).into(),
        params: params.encode().into(),
    }
}
