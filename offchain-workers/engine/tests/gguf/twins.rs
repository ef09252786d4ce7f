//! One small model, written as a Hugging Face folder and as a GGUF file.

use crate::writer::{safetensors, File, Type};
use lantern_engine::{LoadError, LoadOptions, LoadedModel, ModelSource};
use lantern_exact::Width;
use serde_json::{json, Map, Value};
use std::{fs, path::Path};
use tempfile::TempDir;

pub const VOCAB: usize = 24;
pub const HIDDEN: usize = 32;
pub const INNER: usize = 64;
pub const LAYERS: usize = 2;
pub const HEADS: usize = 4;
pub const KV_HEADS: usize = 2;

/// Of one tensor: name in the folder, name in the file, shape, values.
pub struct Twin {
    folder: String,
    pub file: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// A model in both forms.
pub struct Model {
    pub architecture: &'static str,
    pub head_dim: usize,
    pub tensors: Vec<Twin>,
    pub config: Value,
    pub metadata: File,
}

impl Model {
    /// A Llama, Qwen 2 or Qwen 3.
    pub fn causal(architecture: &'static str, tied: bool) -> Self {
        // Qwen 3 has heads whose dimension is not the hidden size over their number.
        let head_dim = if architecture == "qwen3" { 16 } else { HIDDEN / HEADS };
        let (query, kv) = (HEADS * head_dim, KV_HEADS * head_dim);
        let mut config = json!({
            "model_type": architecture, "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "vocab_size": VOCAB,
            "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
            "tie_word_embeddings": tied, "hidden_act": "silu", "eos_token_id": 2
        });
        let mut metadata = shape_metadata(architecture);
        metadata.set(&format!("{architecture}.attention.head_count_kv"), KV_HEADS as u32);
        metadata.set(&format!("{architecture}.attention.layer_norm_rms_epsilon"), 1e-5f32);
        metadata.set(&format!("{architecture}.rope.freq_base"), 500_000f32);
        if architecture == "qwen3" {
            config["head_dim"] = head_dim.into();
            metadata.set("qwen3.attention.key_length", head_dim as u32);
            metadata.set("qwen3.attention.value_length", head_dim as u32);
        } else {
            metadata.set(&format!("{architecture}.rope.dimension_count"), head_dim as u32);
        }
        let mut all = vec![
            twin("model.embed_tokens.weight", "token_embd.weight", &[VOCAB, HIDDEN]),
            twin("model.norm.weight", "output_norm.weight", &[HIDDEN]),
        ];
        if !tied {
            all.push(twin("lm_head.weight", "output.weight", &[VOCAB, HIDDEN]));
        }
        for layer in 0..LAYERS {
            let mut add = |folder: &str, file: &str, shape: &[usize]| {
                all.push(twin(
                    &format!("model.layers.{layer}.{folder}"),
                    &format!("blk.{layer}.{file}"),
                    shape,
                ));
            };
            add("input_layernorm.weight", "attn_norm.weight", &[HIDDEN]);
            add("post_attention_layernorm.weight", "ffn_norm.weight", &[HIDDEN]);
            for (part, rows) in [("q", query), ("k", kv), ("v", kv)] {
                add(
                    &format!("self_attn.{part}_proj.weight"),
                    &format!("attn_{part}.weight"),
                    &[rows, HIDDEN],
                );
                if architecture == "qwen2" {
                    add(
                        &format!("self_attn.{part}_proj.bias"),
                        &format!("attn_{part}.bias"),
                        &[rows],
                    );
                }
            }
            if architecture == "qwen3" {
                add("self_attn.q_norm.weight", "attn_q_norm.weight", &[head_dim]);
                add("self_attn.k_norm.weight", "attn_k_norm.weight", &[head_dim]);
            }
            add("self_attn.o_proj.weight", "attn_output.weight", &[HIDDEN, query]);
            add("mlp.gate_proj.weight", "ffn_gate.weight", &[INNER, HIDDEN]);
            add("mlp.up_proj.weight", "ffn_up.weight", &[INNER, HIDDEN]);
            add("mlp.down_proj.weight", "ffn_down.weight", &[HIDDEN, INNER]);
        }
        Self {
            architecture,
            head_dim,
            tensors: all,
            config,
            metadata,
        }
    }

    /// A BERT encoder.
    pub fn bert() -> Self {
        let config = json!({
            "model_type": "bert", "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS, "vocab_size": VOCAB, "max_position_embeddings": 64, "layer_norm_eps": 1e-12,
            "type_vocab_size": 2, "hidden_act": "gelu"
        });
        let mut metadata = shape_metadata("bert");
        metadata.set("bert.attention.layer_norm_epsilon", 1e-12f32);
        let mut all = vec![
            twin(
                "embeddings.word_embeddings.weight",
                "token_embd.weight",
                &[VOCAB, HIDDEN],
            ),
            twin(
                "embeddings.position_embeddings.weight",
                "position_embd.weight",
                &[64, HIDDEN],
            ),
            twin(
                "embeddings.token_type_embeddings.weight",
                "token_types.weight",
                &[2, HIDDEN],
            ),
        ];
        let mut both = |folder: &str, file: &str, shape: &[usize]| {
            all.push(twin(&format!("{folder}.weight"), &format!("{file}.weight"), shape));
            all.push(twin(&format!("{folder}.bias"), &format!("{file}.bias"), &shape[..1]));
        };
        both("embeddings.LayerNorm", "token_embd_norm", &[HIDDEN]);
        for layer in 0..LAYERS {
            for (folder, file, shape) in [
                ("attention.self.query", "attn_q", &[HIDDEN, HIDDEN][..]),
                ("attention.self.key", "attn_k", &[HIDDEN, HIDDEN]),
                ("attention.self.value", "attn_v", &[HIDDEN, HIDDEN]),
                ("attention.output.dense", "attn_output", &[HIDDEN, HIDDEN]),
                ("attention.output.LayerNorm", "attn_output_norm", &[HIDDEN]),
                ("intermediate.dense", "ffn_up", &[INNER, HIDDEN]),
                ("output.dense", "ffn_down", &[HIDDEN, INNER]),
                ("output.LayerNorm", "layer_output_norm", &[HIDDEN]),
            ] {
                both(
                    &format!("encoder.layer.{layer}.{folder}"),
                    &format!("blk.{layer}.{file}"),
                    shape,
                );
            }
        }
        Self {
            architecture: "bert",
            head_dim: HIDDEN / HEADS,
            tensors: all,
            config,
            metadata,
        }
    }

    /// Writes a Hugging Face folder with weights of type `kind`.
    pub fn write_folder(&self, folder: &Path, kind: Type) {
        let tensors: Vec<_> = self
            .tensors
            .iter()
            .map(|twin| (twin.folder.clone(), twin.shape.clone(), twin.values.clone()))
            .collect();
        fs::write(folder.join("config.json"), self.config.to_string()).unwrap();
        fs::write(folder.join("tokenizer.json"), words().to_string()).unwrap();
        fs::write(folder.join("model.safetensors"), safetensors(&tensors, kind)).unwrap();
    }

    /// The GGUF file with matrices of type `kind`, as llama.cpp's converter writes it: vectors in F32, and rows of Llama's queries and
    /// keys in its own order.
    pub fn file(&self, kind: Type) -> File {
        let mut file = self.metadata.clone();
        for twin in &self.tensors {
            // A vector has the values that the folder's type leaves.
            let vector = twin.shape.len() == 1;
            let heads = match self.architecture {
                "llama" if twin.file.ends_with("attn_q.weight") => HEADS,
                "llama" if twin.file.ends_with("attn_k.weight") => KV_HEADS,
                _ => 0,
            };
            let values = if heads > 0 {
                interleave(&twin.values, heads, self.head_dim)
            } else {
                twin.values.clone()
            };
            file.add(&twin.file, &twin.shape, if vector { Type::F32 } else { kind }, &values);
        }
        file
    }

    /// Rounds every value to what `kind` holds.
    pub fn round(&mut self, kind: Type) {
        for value in self.tensors.iter_mut().flat_map(|twin| &mut twin.values) {
            *value = match kind {
                Type::F16 => half::f16::from_f32(*value).to_f32(),
                Type::Bf16 => half::bf16::from_f32(*value).to_f32(),
                Type::F32 | Type::Q8_0 => *value,
            };
        }
    }
}

/// llama.cpp's order of rows: of each head's two halves, one row of each in turn. As its converter has it: reshape to (heads, 2,
/// dim / 2, cols) and swap the middle axes.
pub fn interleave(values: &[f32], heads: usize, dim: usize) -> Vec<f32> {
    let cols = values.len() / (heads * dim);
    let mut out = Vec::new();
    for head in values.chunks(dim * cols) {
        let (first, second) = head.split_at(dim * cols / 2);
        for (first, second) in first.chunks(cols).zip(second.chunks(cols)) {
            out.extend(first);
            out.extend(second);
        }
    }
    out
}

fn shape_metadata(architecture: &str) -> File {
    let mut file = File::default();
    file.set("general.architecture", architecture);
    for (key, value) in [
        ("block_count", LAYERS),
        ("context_length", 64),
        ("embedding_length", HIDDEN),
        ("feed_forward_length", INNER),
        ("attention.head_count", HEADS),
    ] {
        file.set(&format!("{architecture}.{key}"), value as u32);
    }
    file.set("tokenizer.ggml.eos_token_id", 2u32);
    file
}

/// A tensor with a fixed pattern.
fn twin(folder: &str, file: &str, shape: &[usize]) -> Twin {
    let offset = folder.bytes().map(usize::from).sum::<usize>();
    let values = (0..shape.iter().product::<usize>())
        .map(|index| ((index * 7919 + offset * 31) % 2003) as f32 / 2003.0 - 0.5)
        .collect();
    Twin {
        folder: folder.into(),
        file: file.into(),
        shape: shape.to_vec(),
        values,
    }
}

/// A tokenizer of whole words.
pub fn words() -> Value {
    let vocab: Map<String, Value> = (0..VOCAB).map(|id| (format!("w{id}"), id.into())).collect();
    json!({
        "version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": null, "decoder": null, "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "w0"}
    })
}

/// A folder with `file` in it, and a tokenizer of words if `with_words`.
pub fn store(file: &File, with_words: bool) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("tiny.gguf"), file.bytes().1).unwrap();
    if with_words {
        fs::write(folder.path().join("tokenizer.json"), words().to_string()).unwrap();
    }
    folder
}

/// Loads whatever is at `path`.
pub fn load(path: &Path) -> Result<LoadedModel, LoadError> {
    LoadedModel::load(&ModelSource::at(path)?, &LoadOptions::default())
}

/// Narrow activations and keys.
pub const NARROW: LoadOptions = LoadOptions {
    activation: Width::Narrow,
    keys: Width::Narrow,
};
