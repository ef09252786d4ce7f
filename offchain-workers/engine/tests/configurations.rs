//! Published models' configurations, with the dimensions scaled down, load, run and equal the reference.
//!
//! `published.json` holds their `config.json` and the sentence-transformers files in full; what the loader makes of them unscaled is
//! tested beside the loader.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

mod common;

use common::{add, folder, Tensors, VOCAB};
use lantern_engine::{Engine, ExecuteOptions, KernelChoice, LoadOptions, LoadedModel, ModelSource};
use lantern_exact::{Family, GenerateParams, JobParams, ModelKind, Pooling, Sampling, StopTokens};
use serde_json::Value;
use std::{fs, ops::ControlFlow, sync::atomic::AtomicBool};

fn published() -> serde_json::Map<String, Value> {
    serde_json::from_str(include_str!("published.json")).unwrap()
}

/// The same configuration with few and small dimensions in the same relations.
fn scale_down(config: &Value) -> Value {
    let number = |field: &str| config[field].as_u64();
    let (hidden, heads) = (number("hidden_size").unwrap(), number("num_attention_heads").unwrap());
    let kv = number("num_key_value_heads").unwrap_or(heads);
    let small_kv = if config["model_type"] == "bert" { 4 } else { kv.min(2) };
    let small_heads = heads / kv * small_kv;
    // An explicit head dimension need not divide the hidden one.
    let head_dim = 8;
    let small_hidden = match number("head_dim") {
        Some(explicit) => small_heads * head_dim * hidden / (heads * explicit),
        None => small_heads * head_dim,
    };
    let mut small = config.clone();
    let mut set = |field: &str, value: u64| {
        if small.get(field).is_some() {
            small[field] = value.into();
        }
    };
    set("hidden_size", small_hidden);
    set(
        "intermediate_size",
        number("intermediate_size").unwrap() * small_hidden / hidden,
    );
    set("num_hidden_layers", 2);
    set("num_attention_heads", small_heads);
    set("num_key_value_heads", small_kv);
    set("head_dim", head_dim);
    set("vocab_size", VOCAB as u64);
    small
}

fn dimension(config: &Value, field: &str) -> usize {
    config[field].as_u64().unwrap() as usize
}

fn causal_tensors(config: &Value) -> Tensors {
    let (hidden, inner) = (dimension(config, "hidden_size"), dimension(config, "intermediate_size"));
    let (heads, kv) = (
        dimension(config, "num_attention_heads"),
        dimension(config, "num_key_value_heads"),
    );
    let head_dim = config
        .get("head_dim")
        .map_or(hidden / heads, |dim| dim.as_u64().unwrap() as usize);
    let mut all = Tensors::new();
    add(&mut all, "model.embed_tokens.weight", &[VOCAB, hidden]);
    add(&mut all, "model.norm.weight", &[hidden]);
    if config["tie_word_embeddings"] == false {
        add(&mut all, "lm_head.weight", &[VOCAB, hidden]);
    }
    for layer in 0..2 {
        let mut put = |part: &str, shape: &[usize]| add(&mut all, &format!("model.layers.{layer}.{part}"), shape);
        put("input_layernorm.weight", &[hidden]);
        put("post_attention_layernorm.weight", &[hidden]);
        for (part, width) in [("q", heads * head_dim), ("k", kv * head_dim), ("v", kv * head_dim)] {
            put(&format!("self_attn.{part}_proj.weight"), &[width, hidden]);
            if config["model_type"] == "qwen2" {
                put(&format!("self_attn.{part}_proj.bias"), &[width]);
            }
            if config["model_type"] == "qwen3" && part != "v" {
                put(&format!("self_attn.{part}_norm.weight"), &[head_dim]);
            }
        }
        put("self_attn.o_proj.weight", &[hidden, heads * head_dim]);
        put("mlp.gate_proj.weight", &[inner, hidden]);
        put("mlp.up_proj.weight", &[inner, hidden]);
        put("mlp.down_proj.weight", &[hidden, inner]);
    }
    all
}

fn bert_tensors(config: &Value) -> Tensors {
    let (hidden, inner) = (dimension(config, "hidden_size"), dimension(config, "intermediate_size"));
    let mut all = Tensors::new();
    for (part, rows) in [
        ("word", VOCAB),
        ("position", dimension(config, "max_position_embeddings")),
        ("token_type", dimension(config, "type_vocab_size")),
    ] {
        add(
            &mut all,
            &format!("embeddings.{part}_embeddings.weight"),
            &[rows, hidden],
        );
    }
    let mut pair = |name: &str, shape: &[usize]| {
        add(&mut all, &format!("{name}.weight"), shape);
        add(&mut all, &format!("{name}.bias"), &shape[..1]);
    };
    pair("embeddings.LayerNorm", &[hidden]);
    for layer in 0..2 {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        for part in ["query", "key", "value"] {
            pair(&name(&format!("attention.self.{part}")), &[hidden, hidden]);
        }
        pair(&name("attention.output.dense"), &[hidden, hidden]);
        pair(&name("attention.output.LayerNorm"), &[hidden]);
        pair(&name("intermediate.dense"), &[inner, hidden]);
        pair(&name("output.dense"), &[hidden, inner]);
        pair(&name("output.LayerNorm"), &[hidden]);
    }
    // Newer exports leave it out, older ones have it.
    add(&mut all, "embeddings.position_ids", &[1, 4]);
    all
}

#[test]
fn published_configurations_load_run_and_equal_the_reference() {
    let engine = Engine::new(2, KernelChoice::Auto).unwrap();
    for (name, model) in published() {
        let config = scale_down(&model["config"]);
        let bert = config["model_type"] == "bert";
        let tensors = if bert {
            bert_tensors(&config)
        } else {
            causal_tensors(&config)
        };
        let files = folder(&config, &tensors);
        if bert {
            fs::create_dir(files.path().join("1_Pooling")).unwrap();
            fs::write(files.path().join("1_Pooling/config.json"), model["pooling"].to_string()).unwrap();
            fs::write(files.path().join("modules.json"), model["modules"].to_string()).unwrap();
        }
        let source = ModelSource::at(files.path()).unwrap();
        let loaded =
            LoadedModel::load(&source, &LoadOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expect = &model["expect"];
        assert_eq!(u64::from(loaded.spec().max_context), expect["max_context"], "{name}");
        match loaded.spec().family {
            Family::Llama(llama) => {
                assert_eq!(llama.tied_embeddings, expect["tied"], "{name}");
                assert_eq!(llama.qkv_bias, expect["bias"].as_bool().unwrap_or(false), "{name}");
                assert_eq!(llama.qk_norm, expect["norms"].as_bool().unwrap_or(false), "{name}");
            },
            Family::Bert(bert) => {
                assert_eq!(bert.pooling == Pooling::Cls, expect["cls"], "{name}");
                assert_eq!(bert.normalize, expect["normalize"], "{name}");
            },
        }
        let params = match loaded.spec().kind() {
            ModelKind::Embedding => JobParams::Embed,
            ModelKind::Generation => JobParams::Generate(GenerateParams {
                max_new_tokens: 4,
                sampling: Sampling::Greedy,
                stop: StopTokens::default(),
            }),
        };
        let input = [3, 1, 4, 1, 5, 9, 2, 6];
        let want = loaded.reference().unwrap().run(&input, &params).unwrap();
        let (options, never) = (ExecuteOptions::default(), AtomicBool::new(false));
        let mut go_on = |_| ControlFlow::Continue(());
        let got = engine
            .execute(&loaded, &input, &params, &options, &mut go_on, &never)
            .unwrap();
        assert_eq!((got.output, got.trace_root), (want.output, want.trace_root), "{name}");
    }
}
