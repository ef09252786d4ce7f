//! Configurations as they were published, in full size.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

use super::*;
use crate::model::source::ModelFiles;
use serde_json::json;
use std::fs;
use tempfile::TempDir;

fn published() -> Map<String, Value> {
    serde_json::from_str(include_str!("../../../tests/published.json")).unwrap()
}

fn read_config(config: &Value) -> Result<ModelSpec, LoadError> {
    let bytes = config.to_string();
    let files = ModelFiles {
        name: "config",
        config: bytes.as_bytes(),
        tokenizer: b"",
        weights: b"",
    };
    read(Files::Memory(files), &LoadOptions::default(), [7; 32])
}

#[test]
fn published_configurations_are_read_rightly() {
    for (name, model) in published() {
        let (config, expect) = (&model["config"], &model["expect"]);
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(CONFIG), config.to_string()).unwrap();
        fs::create_dir(folder.path().join("1_Pooling")).unwrap();
        for (file, content) in [(POOLING, &model["pooling"]), (MODULES, &model["modules"])] {
            if !content.is_null() {
                fs::write(folder.path().join(file), content.to_string()).unwrap();
            }
        }
        let files = Files::Folder(folder.path());
        let spec = read(files, &LoadOptions::default(), [7; 32]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let same = |found: u32, field: &str| assert_eq!(config[field], found, "{name} {field}");
        same(spec.hidden, "hidden_size");
        same(spec.intermediate, "intermediate_size");
        same(spec.layers, "num_hidden_layers");
        same(spec.heads, "num_attention_heads");
        same(spec.vocab, "vocab_size");
        let expected = |found: u32, field: &str| assert_eq!(expect[field], found, "{name} {field}");
        expected(spec.kv_heads, "kv_heads");
        expected(spec.head_dim, "head_dim");
        expected(spec.max_context, "max_context");
        let epsilon = config["rms_norm_eps"]
            .as_f64()
            .or(config["layer_norm_eps"].as_f64())
            .unwrap();
        let relative = spec.norm_eps as f64 / 2f64.powi(64) / epsilon - 1.0;
        assert!(relative.abs() < 1e-6, "{name}: {relative}");
        let end = end_tokens(files, spec.vocab).unwrap();
        assert_eq!(expect["end"], json!(end), "{name}");
        match spec.family {
            Family::Llama(llama) => {
                expected(llama.rope_base, "rope_base");
                let flags = json!([llama.tied_embeddings, llama.qkv_bias, llama.qk_norm]);
                let flag = |field: &str| expect[field].as_bool().unwrap_or(false);
                assert_eq!(flags, json!([flag("tied"), flag("bias"), flag("norms")]), "{name}");
                let scaling = match llama.rope_scaling {
                    RopeScaling::None => Value::Null,
                    RopeScaling::Llama3 {
                        factor,
                        low_freq_factor,
                        high_freq_factor,
                        original_context,
                    } => {
                        let whole = |q16: u32| q16 / Q16_ONE;
                        json!([
                            whole(factor),
                            whole(low_freq_factor),
                            whole(high_freq_factor),
                            original_context
                        ])
                    },
                    RopeScaling::Linear { factor } => json!(factor),
                };
                assert_eq!(expect["scaling"], scaling, "{name}");
            },
            Family::Bert(bert) => {
                assert_eq!(expect["cls"], bert.pooling == Pooling::Cls, "{name}");
                assert_eq!(expect["normalize"], bert.normalize, "{name}");
            },
        }
    }
}

#[test]
fn rotation_in_one_object_is_read_like_rotation_in_fields() {
    let all = published();
    for (name, field) in [("Llama-3.1-8B-Instruct", "rope_scaling"), ("Qwen3-0.6B", "none")] {
        let old = &all[name]["config"];
        let mut new = old.clone();
        let mut rope = old.get(field).cloned().unwrap_or(json!({"rope_type": "default"}));
        rope["rope_theta"] = old["rope_theta"].clone();
        let fields = new.as_object_mut().unwrap();
        fields.remove("rope_scaling");
        fields.remove("rope_theta");
        fields.insert("rope_parameters".into(), rope);
        fields.insert("dtype".into(), json!("bfloat16"));
        assert_eq!(read_config(&new).unwrap(), read_config(old).unwrap(), "{name}");
    }
}

#[test]
fn what_changes_the_arithmetic_is_refused() {
    let all = published();
    let smol = &all["SmolLM2-135M"]["config"];
    for (field, value) in [
        ("rope_interleaved", json!(true)),
        ("attention_bias", json!(true)),
        ("mlp_bias", json!(true)),
        ("rope_scaling", json!({"type": "yarn", "factor": 4.0})),
        ("rope_scaling", json!({"type": "dynamic", "factor": 4.0})),
        ("model_type", json!("gemma")),
        ("model_type", json!("xlm-roberta")),
    ] {
        let mut config = smol.clone();
        config[field] = value;
        let message = read_config(&config).unwrap_err().to_string();
        assert!(message.contains("is not supported"), "{field}: {message}");
    }
    // A window that is on shortens the context of Qwen models, and one that is off does not.
    let mut qwen = all["Qwen2.5-0.5B"]["config"].clone();
    qwen["sliding_window"] = json!(1000);
    assert_eq!(read_config(&qwen).unwrap().max_context, 32_768);
    qwen["use_sliding_window"] = json!(true);
    assert_eq!(read_config(&qwen).unwrap().max_context, 1000);
}

#[test]
fn embeddings_that_are_made_in_another_way_are_refused() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("1_Pooling")).unwrap();
    let read_pooling = |config: Value, modules: Value| {
        fs::write(folder.path().join(POOLING), config.to_string()).unwrap();
        fs::write(folder.path().join(MODULES), modules.to_string()).unwrap();
        pooling(Files::Folder(folder.path()))
    };
    let module = |kind: &str| json!({ "type": format!("sentence_transformers.models.{kind}") });
    let plain = json!([module("Transformer"), module("Pooling")]);
    let mean = json!({"pooling_mode_mean_tokens": true});
    let found = read_pooling(mean.clone(), plain.clone()).unwrap();
    assert_eq!((found.pooling, found.normalize), (Pooling::Mean, false));
    let named = read_pooling(json!({"pooling_mode": "cls"}), plain.clone()).unwrap();
    assert_eq!(named.pooling, Pooling::Cls);
    for config in [
        json!({"pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": true}),
        json!({"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true}),
        json!({"pooling_mode_lasttoken": true}),
        json!({"pooling_mode": "max"}),
        json!({}),
    ] {
        let message = read_pooling(config.clone(), plain.clone()).unwrap_err().to_string();
        assert!(message.contains("pooling_mode"), "{config}: {message}");
    }
    let dense = json!([
        module("Transformer"),
        module("Pooling"),
        module("Dense"),
        module("Normalize")
    ]);
    let message = read_pooling(mean, dense).unwrap_err().to_string();
    assert!(message.starts_with(MODULES) && message.contains("Dense"), "{message}");
}
