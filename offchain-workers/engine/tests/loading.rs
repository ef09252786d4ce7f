//! Hugging Face folders: good ones load to the same identity from everywhere, bad ones are refused with file and field.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

mod common;

use candle_core::{DType, Device, Tensor};
use common::{
    bert_config, bert_tensors, folder, llama_config, llama_tensors, tensor, tokenizer, with, write, Tensors, HIDDEN,
    INNER, VOCAB,
};
use lantern_engine::{
    Engine, ExecuteOptions, KernelChoice, LoadError, LoadOptions, LoadedModel, ModelFiles, ModelSource,
};
use lantern_exact::{Family, GenerateParams, JobParams, Pooling, Sampling, StopTokens, Width};
use serde_json::{json, Value};
use std::{fs, ops::ControlFlow, path::Path, sync::atomic::AtomicBool};
use tempfile::TempDir;

fn load(folder: &Path) -> Result<LoadedModel, LoadError> {
    LoadedModel::load(&ModelSource::Folder(folder.to_owned()), &LoadOptions::default())
}

/// The message of the refusal, after checking that it is one.
fn refusal(config: &Value, tensors: &Tensors) -> String {
    load(folder(config, tensors).path()).unwrap_err().to_string()
}

#[test]
fn the_same_files_have_the_same_identity_from_folder_shards_and_memory() {
    let (config, tensors) = (llama_config(), llama_tensors("model.", false));
    let single = folder(&config, &tensors);
    let model = load(single.path()).unwrap();
    assert_eq!(load(single.path()).unwrap().id(), model.id());

    // Two shards and an index.
    let shards = TempDir::new().unwrap();
    write(shards.path(), &config, &Tensors::new());
    fs::remove_file(shards.path().join("model.safetensors")).unwrap();
    let mut names: Vec<_> = tensors.keys().cloned().collect();
    names.sort();
    let mut map = serde_json::Map::new();
    for (index, part) in names.chunks(9).enumerate() {
        let file = format!("model-{index}.safetensors");
        let subset: Tensors = part.iter().map(|name| (name.clone(), tensors[name].clone())).collect();
        candle_core::safetensors::save(&subset, shards.path().join(&file)).unwrap();
        part.iter()
            .for_each(|name| drop(map.insert(name.clone(), file.clone().into())));
    }
    let index = json!({"metadata": {}, "weight_map": map});
    fs::write(shards.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    assert_eq!(load(shards.path()).unwrap().id(), model.id());

    let read = |file: &str| fs::read(single.path().join(file)).unwrap();
    let (config, tokenizer, weights) = (read("config.json"), read("tokenizer.json"), read("model.safetensors"));
    let files = ModelFiles {
        name: "built in",
        config: &config,
        tokenizer: &tokenizer,
        weights: &weights,
    };
    let memory = LoadedModel::load(&ModelSource::Memory(files), &LoadOptions::default()).unwrap();
    assert_eq!(memory.id(), model.id());
    assert_eq!(memory.name(), "built in");
    assert_eq!(memory.end_tokens(), [2]);
}

#[test]
fn widths_are_part_of_the_identity_and_file_precision_only_through_its_values() {
    let (config, tensors) = (llama_config(), llama_tensors("model.", false));
    let wide = load(folder(&config, &tensors).path()).unwrap();
    let kept = folder(&config, &tensors);
    let with = |activation, keys| {
        let options = LoadOptions { activation, keys };
        LoadedModel::load(&ModelSource::Folder(kept.path().to_owned()), &options).unwrap()
    };
    let (narrow_keys, narrow) = (with(Width::Wide, Width::Narrow), with(Width::Narrow, Width::Wide));
    assert_eq!(narrow_keys.weights_root(), wide.weights_root());
    assert_ne!(narrow_keys.id(), wide.id());
    // Narrow activations have their outliers moved into the weights.
    assert_ne!(narrow.weights_root(), wide.weights_root());
    assert_ne!(narrow.id(), wide.id());
    // Values that bf16 and f16 hold exactly quantise alike from all three types.
    let rounded: Tensors = tensors
        .iter()
        .map(|(name, tensor)| {
            (
                name.clone(),
                ((tensor * 64.0).unwrap().round().unwrap() / 64.0).unwrap(),
            )
        })
        .collect();
    let ids = [DType::F32, DType::F16, DType::BF16].map(|dtype| {
        let cast = rounded
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.to_dtype(dtype).unwrap()))
            .collect();
        load(folder(&config, &cast).path()).unwrap().id()
    });
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[0], ids[2]);
}

#[test]
fn a_loaded_llama_runs_like_its_reference_and_its_tokenizer_neither_pads_nor_cuts() {
    for (config, tensors) in [
        (llama_config(), llama_tensors("model.", false)),
        (
            with(llama_config(), "tie_word_embeddings", true.into()),
            llama_tensors("model.", true),
        ),
        (llama_config(), llama_tensors("", false)),
    ] {
        let model = load(folder(&config, &tensors).path()).unwrap();
        let tokenizer = model.tokenizer().unwrap();
        let input = tokenizer.encode("w3 w4 w5 w6 w7 w8").unwrap();
        assert_eq!(input, [3, 4, 5, 6, 7, 8]);
        assert_eq!(tokenizer.decode(&[3, 4]).unwrap(), "w3 w4");
        assert!(tokenizer.decode(&[VOCAB as u32]).is_err());
        let params = JobParams::Generate(GenerateParams {
            max_new_tokens: 5,
            sampling: Sampling::Greedy,
            stop: StopTokens::default(),
        });
        let want = model.reference().unwrap().run(&input, &params).unwrap();
        let engine = Engine::new(2, KernelChoice::Auto).unwrap();
        let go_on = &mut |_| ControlFlow::Continue(());
        let options = ExecuteOptions::default();
        let got = engine
            .execute(&model, &input, &params, &options, go_on, &AtomicBool::new(false))
            .unwrap();
        assert_eq!((got.output, got.trace_root), (want.output, want.trace_root));
    }
}

#[test]
fn a_bert_loads_with_and_without_its_prefix_and_by_its_pooling_files() {
    let plain = load(folder(&bert_config(), &bert_tensors("")).path()).unwrap();
    let prefixed = load(folder(&bert_config(), &bert_tensors("bert.")).path()).unwrap();
    // The test's tensor pattern depends on names, so only the shape is the same.
    assert_eq!(plain.spec(), prefixed.spec());
    let engine = Engine::new(1, KernelChoice::Auto).unwrap();
    let row = engine.embed(&plain, &[1, 2, 3]).unwrap();
    let norm: f64 = row.iter().map(|&x| (f64::from(x) / f64::from(1 << 30)).powi(2)).sum();
    assert!((norm - 1.0).abs() < 1e-5, "{norm}");

    let files = folder(&bert_config(), &bert_tensors(""));
    fs::create_dir(files.path().join("1_Pooling")).unwrap();
    let pooling = json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false});
    fs::write(files.path().join("1_Pooling/config.json"), pooling.to_string()).unwrap();
    fs::write(
        files.path().join("modules.json"),
        "[{\"type\": \"sentence_transformers.models.Pooling\"}]",
    )
    .unwrap();
    let Family::Bert(bert) = load(files.path()).unwrap().spec().family else {
        unreachable!()
    };
    assert_eq!((bert.pooling, bert.normalize), (Pooling::Cls, false));
}

#[test]
fn configurations_are_refused_with_the_field() {
    let tensors = llama_tensors("model.", false);
    for (field, value, expected) in [
        ("model_type", json!("gpt2"), "model_type = \"gpt2\" is not supported"),
        ("hidden_size", json!("wide"), "hidden_size: is not a whole number"),
        ("hidden_size", json!(-4), "hidden_size: is not a whole number"),
        ("hidden_size", json!(0), "a dimension is zero"),
        ("hidden_size", json!(1u64 << 40), "hidden_size: is not a whole number"),
        ("hidden_size", json!(4_000_000_000u32), "a dimension is over its bound"),
        (
            "intermediate_size",
            json!(100_000),
            "inner dimension 100000 exceeds 65536",
        ),
        ("vocab_size", json!(u32::MAX), "a dimension is over its bound"),
        ("num_hidden_layers", json!(1_000_000), "a dimension is over its bound"),
        ("num_attention_heads", json!(0), "num_attention_heads: is zero"),
        ("num_key_value_heads", json!(3), "head counts do not fit together"),
        ("head_dim", json!(3), "head dimension is odd"),
        ("rms_norm_eps", json!(0.0), "rms_norm_eps: is out of range"),
        ("rms_norm_eps", json!(1e-18), "norm epsilon is too small"),
        ("rope_theta", json!(0.5), "rope_theta: is not a whole number"),
        (
            "rope_scaling",
            json!({"type": "yarn"}),
            "type = \"yarn\" is not supported",
        ),
        (
            "rope_scaling",
            json!({"rope_type": "linear", "factor": 0.0}),
            "factor: is out of range",
        ),
        ("rope_scaling", json!({"rope_type": "linear"}), "factor: is missing"),
        ("hidden_act", json!("relu"), "hidden_act = \"relu\" is not supported"),
        ("attention_bias", json!(true), "attention_bias = true is not supported"),
        (
            "quantization_config",
            json!({}),
            "quantization_config = {} is not supported",
        ),
        (
            "max_position_embeddings",
            Value::Null,
            "max_position_embeddings: is missing",
        ),
    ] {
        let message = refusal(&with(llama_config(), field, value), &tensors);
        assert!(
            message.starts_with("config.json: ") && message.contains(expected),
            "{field}: {message}"
        );
    }
    for (bytes, expected) in [
        ("", "EOF"),
        ("{\"model_type\": \"llama\"", "EOF"),
        ("[1]", "(document)"),
        ("\u{1}", "(document)"),
    ] {
        let files = folder(&llama_config(), &tensors);
        fs::write(files.path().join("config.json"), bytes).unwrap();
        let message = load(files.path()).unwrap_err().to_string();
        assert!(
            message.starts_with("config.json: ") && message.contains(expected),
            "{message}"
        );
    }
}

#[test]
fn tensors_are_refused_with_their_name() {
    let config = llama_config();
    let name = "model.layers.1.mlp.up_proj.weight";
    let change = |tensor: Tensor| {
        let mut tensors = llama_tensors("model.", false);
        tensors.insert(name.into(), tensor);
        refusal(&config, &tensors)
    };
    assert!(change(tensor(name, &[INNER + 1, HIDDEN])).contains("has shape [25, 16], expected [24, 16]"));
    assert!(change(tensor(name, &[HIDDEN, INNER])).contains(name));
    assert!(change(tensor(name, &[INNER, HIDDEN]).to_dtype(DType::U8).unwrap()).contains("has type U8"));
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = vec![0f32; INNER * HIDDEN];
        values[77] = bad;
        let message = change(Tensor::from_vec(values, (INNER, HIDDEN), &Device::Cpu).unwrap());
        assert!(
            message.contains(name) && message.contains("value 77 is not finite"),
            "{message}"
        );
    }
    let mut missing = llama_tensors("model.", false);
    missing.remove(name);
    assert!(refusal(&config, &missing).contains(&format!("tensor {name} is missing")));
    assert!(refusal(&config, &Tensors::new()).contains("embed_tokens.weight is missing"));
    // A gain that no fixed-point format holds.
    let mut huge = llama_tensors("model.", false);
    let gain = Tensor::full(1e30f32, HIDDEN, &Device::Cpu).unwrap();
    huge.insert("model.norm.weight".into(), gain);
    assert!(refusal(&config, &huge).contains("model.norm.weight: value 0 does not fit"));
    // More layers than the file has.
    let message = refusal(
        &with(config, "num_hidden_layers", json!(3)),
        &llama_tensors("model.", false),
    );
    assert!(
        message.contains("model.layers.2.") && message.contains("is missing"),
        "{message}"
    );
}

#[test]
fn rows_of_zeros_and_huge_weights_load() {
    let mut tensors = llama_tensors("model.", false);
    tensors.insert(
        "lm_head.weight".into(),
        Tensor::zeros((VOCAB, HIDDEN), DType::F32, &Device::Cpu).unwrap(),
    );
    let up = Tensor::full(f32::MAX, (INNER, HIDDEN), &Device::Cpu).unwrap();
    tensors.insert("model.layers.0.mlp.up_proj.weight".into(), up);
    let model = load(folder(&llama_config(), &tensors).path()).unwrap();
    let engine = Engine::new(1, KernelChoice::Auto).unwrap();
    let mut reference_rows = 0;
    engine
        .logits(&model, &[1, 2], &mut |_, logits| {
            assert!(logits.iter().all(|&logit| logit == 0));
            reference_rows += 1;
        })
        .unwrap();
    assert_eq!(reference_rows, 2);
}

#[test]
fn damaged_weight_files_are_refused_at_every_length() {
    let files = folder(&llama_config(), &llama_tensors("model.", false));
    let path = files.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    let mut lengths: Vec<usize> = (0..12).chain([100, 1000, whole.len() / 2, whole.len() - 1]).collect();
    lengths.retain(|&len| len < whole.len());
    for len in lengths {
        fs::write(&path, &whole[..len]).unwrap();
        let message = load(files.path()).unwrap_err().to_string();
        assert!(message.starts_with("model.safetensors: "), "{len}: {message}");
        let (config, tokenizer) = (llama_config().to_string(), tokenizer().to_string());
        let memory = ModelFiles {
            name: "cut",
            config: config.as_bytes(),
            tokenizer: tokenizer.as_bytes(),
            weights: &whole[..len],
        };
        assert!(LoadedModel::load(&ModelSource::Memory(memory), &LoadOptions::default()).is_err());
    }
    // A header that claims more than there is, and bytes beyond the last tensor.
    for damaged in [
        [&u64::MAX.to_le_bytes()[..], &whole[8..]].concat(),
        [&whole[..], &[0; 64]].concat(),
    ] {
        fs::write(&path, damaged).unwrap();
        assert!(load(files.path())
            .unwrap_err()
            .to_string()
            .starts_with("model.safetensors: "));
    }
    fs::remove_file(&path).unwrap();
    assert!(load(files.path())
        .unwrap_err()
        .to_string()
        .starts_with("model.safetensors: "));
}

#[test]
fn damaged_tokenizers_and_indices_are_refused() {
    let files = folder(&llama_config(), &llama_tensors("model.", false));
    for bytes in ["", "{}", "{\"model\": 3}", "[]", "\u{0}"] {
        fs::write(files.path().join("tokenizer.json"), bytes).unwrap();
        let message = load(files.path()).unwrap_err().to_string();
        assert!(message.starts_with("tokenizer.json: "), "{message}");
    }
    fs::write(files.path().join("tokenizer.json"), tokenizer().to_string()).unwrap();
    fs::remove_file(files.path().join("model.safetensors")).unwrap();
    for index in [
        "{}",
        "3",
        "{\"weight_map\": {\"a\": 3}}",
        "{\"weight_map\": {\"a\": \"../../secret\"}}",
        "{\"weight_map\": {}}",
    ] {
        fs::write(files.path().join("model.safetensors.index.json"), index).unwrap();
        let message = load(files.path()).unwrap_err().to_string();
        assert!(message.starts_with("model.safetensors.index.json: "), "{message}");
    }
}

/// Loads the small Llama with `tokenizer` as its tokenizer file.
fn with_tokenizer(tokenizer: &str) -> Result<LoadedModel, LoadError> {
    let files = folder(&llama_config(), &llama_tensors("model.", false));
    fs::write(files.path().join("tokenizer.json"), tokenizer).unwrap();
    load(files.path())
}

#[test]
fn tokenizers_that_would_end_the_process_are_refused_before_they_are_read() {
    let change = |change: &dyn Fn(&mut Value)| {
        let mut changed = tokenizer();
        change(&mut changed);
        changed.to_string()
    };
    let deep = "[".repeat(100_000);
    // A map of characters that says it is 4 GiB long: the reader makes room for 8 GiB.
    let map = change(&|file| file["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "/////w=="}));
    // A piece of a megabyte, whose tree the reader drops with one stack frame a byte.
    let piece = change(&|file| {
        let pieces = json!([["[UNK]", 0.0], ["a".repeat(1 << 20), -1.0]]);
        file["model"] = json!({"type": "Unigram", "unk_id": 0, "vocab": pieces, "byte_fallback": false});
    });
    let growing = change(&|file| {
        let step = json!({"type": "Replace", "pattern": {"Regex": "."}, "content": "0123456789"});
        file["normalizer"] = json!({"type": "Sequence", "normalizers": vec![step; 20]});
        file["added_tokens"] = json!([{"id": 20, "content": "a", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": true, "special": false}]);
    });
    let pattern = change(&|file| {
        let pattern = json!({"Regex": r"(?=a)(\p{L}{20}){20}".repeat(100)});
        file["pre_tokenizer"] = json!({"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": false});
    });
    for (bytes, expected) in [
        (deep.as_str(), "nests deeper than 32"),
        (&map, "precompiled_charsmap: is cut off"),
        (&piece, "model.vocab: a token is longer"),
        (&growing, "added_tokens: are too long"),
        (&pattern, "regular expressions"),
    ] {
        let message = with_tokenizer(bytes).unwrap_err().to_string();
        assert!(
            message.starts_with("tokenizer.json: ") && message.contains(expected),
            "{message}"
        );
    }
}

#[test]
fn a_tokenizer_that_lets_texts_grow_takes_short_texts_only() {
    let mut growing = tokenizer();
    let step = json!({"type": "Replace", "pattern": {"Regex": "z"}, "content": "0123456789"});
    growing["normalizer"] = json!({"type": "Sequence", "normalizers": vec![step; 6]});
    let model = with_tokenizer(&growing.to_string()).unwrap();
    let tokenizer = model.tokenizer().unwrap();
    assert_eq!(tokenizer.encode("w3 w4").unwrap(), [3, 4]);
    let message = tokenizer.encode(&"w3 ".repeat(100)).unwrap_err().to_string();
    assert!(message.contains("300 bytes could become more than"), "{message}");
}

#[test]
fn errors_name_a_field_and_are_short() {
    let tensors = llama_tensors("model.", false);
    for (field, value, named) in [
        ("hidden_size", json!(0), "hidden_size: a dimension is zero"),
        (
            "num_hidden_layers",
            json!(257),
            "num_hidden_layers: a dimension is over",
        ),
        ("num_key_value_heads", json!(3), "num_key_value_heads: head counts"),
        ("head_dim", json!(3), "head_dim: head dimension is odd"),
        ("vocab_size", json!(u32::MAX), "vocab_size: a dimension is over"),
        ("rms_norm_eps", json!(1e-18), "rms_norm_eps: norm epsilon"),
        (
            "rope_scaling",
            json!({"type": "linear", "factor": 0.5}),
            "rope_scaling: rotary base or scaling",
        ),
        (
            "intermediate_size",
            json!(100_000),
            "intermediate_size: inner dimension",
        ),
    ] {
        let message = refusal(&with(llama_config(), field, value), &tensors);
        assert!(message.starts_with(&format!("config.json: {named}")), "{message}");
    }
    let files = folder(&llama_config(), &tensors);
    // What the message would repeat is as long as the file.
    fs::write(files.path().join("config.json"), format!("\"{}\"", "x".repeat(1 << 20))).unwrap();
    let message = load(files.path()).unwrap_err().to_string();
    assert!(message.len() < 300, "{} bytes", message.len());

    let (name, ones) = ("model.embed_tokens.weight", "1,".repeat(10_000));
    let header = format!(r#"{{"{name}":{{"dtype":"F32","shape":[{ones}16],"data_offsets":[0,64]}}}}"#);
    let weights = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 64]].concat();
    fs::write(files.path().join("config.json"), llama_config().to_string()).unwrap();
    fs::write(files.path().join("model.safetensors"), weights).unwrap();
    let message = load(files.path()).unwrap_err().to_string();
    assert_eq!(message, format!("model.safetensors: {name}: has 10001 dimensions"));
}
