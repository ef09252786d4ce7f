//! A GGUF file against its folder.

use crate::{
    twins::{interleave, load, store, Model, NARROW, VOCAB},
    writer::{safetensors, through_q8_0, Meta, Type},
};
use lantern_engine::{CacheUse, ChatMessage, Engine, KernelChoice, LoadOptions, LoadedModel, ModelCache, ModelSource};
use lantern_exact::{Family, Pooling, RopeScaling};
use serde_json::{json, Value};
use std::{fs, path::Path};
use tempfile::TempDir;

/// Checks that both forms of `model`, with weights of type `kind`, are one model.
fn assert_same(model: &Model, kind: Type) {
    let folder = TempDir::new().unwrap();
    model.write_folder(folder.path(), kind);
    let expected = load(folder.path()).unwrap();
    let file = store(&model.file(kind), true);
    let found = load(file.path()).unwrap();
    assert_eq!(found.spec(), expected.spec(), "{} {kind:?}", model.architecture);
    assert_eq!(
        found.weights_root(),
        expected.weights_root(),
        "{} {kind:?}",
        model.architecture
    );
    assert_eq!(found.id(), expected.id());
    assert_eq!(found.name(), "tiny");
    if model.architecture != "bert" {
        assert_eq!((found.end_tokens(), expected.end_tokens()), (&[2][..], &[2][..]));
    }
}

#[test]
fn a_file_of_a_folders_weights_has_the_folders_identity() {
    for kind in [Type::F32, Type::F16, Type::Bf16] {
        for architecture in ["llama", "qwen2", "qwen3"] {
            for tied in [false, true] {
                let mut model = Model::causal(architecture, tied);
                model.round(kind);
                assert_same(&model, kind);
            }
        }
        let mut bert = Model::bert();
        bert.round(kind);
        assert_same(&bert, kind);
    }
}

#[test]
fn narrow_weights_are_smoothed_alike() {
    for architecture in ["llama", "qwen2", "qwen3", "bert"] {
        let mut model = if architecture == "bert" {
            Model::bert()
        } else {
            Model::causal(architecture, false)
        };
        for twin in model.tensors.iter_mut().filter(|twin| twin.file.starts_with("blk.0.")) {
            // One large channel where a norm, a bias or a row makes one.
            let large = [
                "norm.weight",
                "attn_k.bias",
                "attn_v.bias",
                "attn_v.weight",
                "ffn_up.weight",
            ];
            if large.iter().any(|part| twin.file.ends_with(part)) {
                let cols = twin.shape.last().copied().unwrap();
                let width = if twin.shape.len() == 2 { cols } else { 1 };
                twin.values[width..2 * width]
                    .iter_mut()
                    .for_each(|value| *value *= 500.0);
            }
        }
        let folder = TempDir::new().unwrap();
        model.write_folder(folder.path(), Type::F32);
        let file = store(&model.file(Type::F32), true);
        let [of_folder, of_file] = [folder.path(), file.path()].map(|path| ModelSource::at(path).unwrap());
        let expected = LoadedModel::load(&of_folder, &NARROW).unwrap();
        assert_eq!(
            LoadedModel::load(&of_file, &NARROW).unwrap().id(),
            expected.id(),
            "{architecture}"
        );
        let plain = LoadedModel::load_unsmoothed(&of_folder, &NARROW).unwrap();
        assert_ne!(plain.id(), expected.id(), "{architecture}");
        let wide = LoadedModel::load_unsmoothed(&of_folder, &Default::default()).unwrap();
        assert_eq!(
            wide.id(),
            load(folder.path()).unwrap().id(),
            "wide weights are left alone"
        );
    }
}

#[test]
fn rows_of_llama_in_the_folders_order_are_another_model() {
    let model = Model::causal("llama", true);
    let file = model.file(Type::F32);
    let expected = load(store(&file, true).path()).unwrap();
    let mut plain = file.clone();
    let query = model
        .tensors
        .iter()
        .find(|twin| twin.file == "blk.0.attn_q.weight")
        .unwrap();
    plain.tensor(&query.file).bytes = Type::F32.bytes(&query.values);
    assert_ne!(load(store(&plain, true).path()).unwrap().id(), expected.id());
}

#[test]
fn q8_0_is_what_its_values_are() {
    for architecture in ["llama", "qwen2"] {
        let mut model = Model::causal(architecture, false);
        let file = store(&model.file(Type::Q8_0), true);
        for twin in model.tensors.iter_mut().filter(|twin| twin.shape.len() == 2) {
            twin.values = through_q8_0(&twin.values);
        }
        let folder = TempDir::new().unwrap();
        model.write_folder(folder.path(), Type::F32);
        assert_eq!(load(file.path()).unwrap().id(), load(folder.path()).unwrap().id());
    }
}

#[test]
fn scalings_are_read_from_keys_and_from_factors() {
    let mut linear = Model::causal("qwen2", true);
    linear.config["rope_scaling"] = json!({"type": "linear", "factor": 2.5});
    linear.metadata.set("qwen2.rope.scaling.type", "linear");
    linear.metadata.set("qwen2.rope.scaling.factor", 2.5f32);
    assert_same(&linear, Type::F32);

    let mut llama = Model::causal("llama", true);
    llama.config["rope_scaling"] = json!({"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 8192});
    // Waves of 2 pi times 500,000 to the power 0, 1/4, 1/2, 3/4, and where they lie between 2,048 and 8,192 positions.
    let turns = 8192.0 / (std::f32::consts::TAU * 500_000f32.sqrt());
    let blend = (turns - 1.0) / 3.0;
    let factors = [1.0, 1.0, 1.0 / ((1.0 - blend) / 32.0 + blend), 32.0];
    llama.metadata.add("rope_freqs.weight", &[4], Type::F32, &factors);
    assert_same(&llama, Type::F32);

    llama.metadata.tensors.clear();
    llama
        .metadata
        .add("rope_freqs.weight", &[4], Type::F32, &[1.0, 1.0, 2.0, 32.0]);
    let message = load(store(&llama.file(Type::F32), true).path())
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("tiny.gguf: rope_freqs.weight: does not hold"),
        "{message}"
    );
}

#[test]
fn windows_shorten_the_context_and_poolings_are_read() {
    let mut mistral = Model::causal("llama", true);
    mistral.metadata.set("llama.attention.sliding_window", 16u32);
    let model = load(store(&mistral.file(Type::F32), true).path()).unwrap();
    assert_eq!(model.spec().max_context, 16);
    let Family::Llama(llama) = model.spec().family else {
        unreachable!()
    };
    assert_eq!((llama.rope_base, llama.rope_scaling), (500_000, RopeScaling::None));

    let mut bert = Model::bert();
    bert.metadata.set("bert.pooling_type", 2u32);
    let model = load(store(&bert.file(Type::F32), true).path()).unwrap();
    let Family::Bert(bert) = model.spec().family else {
        unreachable!()
    };
    assert_eq!((bert.pooling, bert.normalize), (Pooling::Cls, true));
}

#[test]
fn a_path_is_a_file_a_folder_with_one_or_a_hugging_face_folder() {
    let model = Model::causal("llama", true);
    let stored = store(&model.file(Type::F32), true);
    let file = stored.path().join("tiny.gguf");
    assert_eq!(load(&file).unwrap().id(), load(stored.path()).unwrap().id());
    // A second file makes the folder ambiguous, but not the file's own name.
    fs::copy(&file, stored.path().join("other.GGUF")).unwrap();
    let message = load(stored.path()).unwrap_err().to_string();
    assert!(message.contains("holds 2 GGUF files"), "{message}");
    assert_eq!(load(&stored.path().join("other.GGUF")).unwrap().name(), "other");
    // A folder in Hugging Face's layout is one, whatever else is in it.
    model.write_folder(stored.path(), Type::F32);
    assert!(matches!(
        ModelSource::at(stored.path()).unwrap(),
        ModelSource::Folder(_)
    ));
    let missing = load(&stored.path().join("nothing.gguf")).unwrap_err().to_string();
    assert!(missing.starts_with("nothing.gguf: "), "{missing}");
}

/// Tensors of a safetensors file of F16 values.
fn read_f16(bytes: &[u8]) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let (header, data) = bytes[8..].split_at(length);
    let header: serde_json::Map<String, Value> = serde_json::from_slice(header).unwrap();
    let number = |value: &Value| value.as_u64().unwrap() as usize;
    let tensors = header.iter().filter(|(name, _)| *name != "__metadata__");
    tensors
        .map(|(name, entry)| {
            assert_eq!(entry["dtype"], "F16");
            let data = &data[number(&entry["data_offsets"][0])..number(&entry["data_offsets"][1])];
            let values = data
                .chunks(2)
                .map(|two| half::f16::from_le_bytes([two[0], two[1]]).to_f32());
            let shape = entry["shape"].as_array().unwrap().iter().map(number);
            (name.clone(), shape.collect(), values.collect())
        })
        .collect()
}

#[test]
fn the_built_in_model_as_a_file_has_its_identity_and_its_tokens() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/lantern-tiny"));
    let expected = load(folder).unwrap();
    let weights = read_f16(&fs::read(folder.join("model.safetensors")).unwrap());
    // The reader and the writer of this test agree with the model's file.
    assert_eq!(read_f16(&safetensors(&weights, Type::F16)).len(), weights.len());

    let spec = *expected.spec();
    let mut file = crate::writer::File::default();
    file.set("general.architecture", "llama");
    file.set("general.name", "lantern-tiny");
    for (key, value) in [
        ("block_count", spec.layers),
        ("context_length", spec.max_context),
        ("embedding_length", spec.hidden),
        ("feed_forward_length", spec.intermediate),
        ("attention.head_count", spec.heads),
        ("attention.head_count_kv", spec.kv_heads),
        ("attention.key_length", spec.head_dim),
        ("rope.dimension_count", spec.head_dim),
        ("vocab_size", spec.vocab),
    ] {
        file.set(&format!("llama.{key}"), value);
    }
    file.set("llama.attention.layer_norm_rms_epsilon", 1e-5f32);
    for (name, shape, values) in &weights {
        let name = name
            .replace("model.layers.", "blk.")
            .replace("model.embed_tokens", "token_embd")
            .replace("model.norm", "output_norm")
            .replace("input_layernorm", "attn_norm")
            .replace("post_attention_layernorm", "ffn_norm")
            .replace("self_attn.o_proj", "attn_output")
            .replace("self_attn.", "attn_")
            .replace("mlp.", "ffn_")
            .replace("_proj", "");
        let values = match name.as_str() {
            name if name.ends_with("attn_q.weight") => interleave(values, spec.heads as usize, spec.head_dim as usize),
            name if name.ends_with("attn_k.weight") => {
                interleave(values, spec.kv_heads as usize, spec.head_dim as usize)
            },
            _ => values.clone(),
        };
        let kind = if shape.len() == 1 { Type::F32 } else { Type::F16 };
        file.add(&name, shape, kind, &values);
    }

    // With the folder's tokenizer beside it, it is the folder's model, and computes alike.
    let stored = store(&file, false);
    fs::copy(folder.join("tokenizer.json"), stored.path().join("tokenizer.json")).unwrap();
    let found = load(stored.path()).unwrap();
    assert_eq!(found.id(), expected.id());
    let engine = Engine::new(1, KernelChoice::Auto).unwrap();
    let logits = |model| {
        let mut all = Vec::new();
        engine
            .logits(model, &[0, 300, 301], &mut |_, row| all.push(row.to_vec()))
            .unwrap();
        all
    };
    assert_eq!(logits(&found), logits(&expected));

    // With its own, it has another identity and the same tokens.
    let tokenizer: Value = serde_json::from_slice(&fs::read(folder.join("tokenizer.json")).unwrap()).unwrap();
    let mut tokens = vec![String::new(); spec.vocab as usize];
    for (token, id) in tokenizer["model"]["vocab"].as_object().unwrap() {
        tokens[id.as_u64().unwrap() as usize] = token.clone();
    }
    let merges = tokenizer["model"]["merges"].as_array().unwrap();
    let merge = |pair: &Value| format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
    let kinds = (0..spec.vocab).map(|id| if id == 0 { 3 } else { 1 }).collect();
    file.set("tokenizer.ggml.model", "gpt2");
    file.set("tokenizer.ggml.pre", "gpt-2");
    file.set("tokenizer.ggml.tokens", Meta::Texts(tokens));
    file.set("tokenizer.ggml.token_type", Meta::I32s(kinds));
    file.set("tokenizer.ggml.merges", Meta::Texts(merges.iter().map(merge).collect()));
    file.set("tokenizer.ggml.bos_token_id", 0u32);
    file.set("tokenizer.ggml.eos_token_id", 0u32);
    file.set("tokenizer.ggml.add_bos_token", Meta::Bool(true));
    let stored = store(&file, false);
    let found = load(stored.path()).unwrap();
    assert_eq!(load(stored.path()).unwrap().id(), found.id());
    assert_ne!(found.id(), expected.id());
    assert_eq!(found.weights_root(), expected.weights_root());
    assert_eq!(found.end_tokens(), expected.end_tokens());
    let (ours, theirs) = (found.tokenizer().unwrap(), expected.tokenizer().unwrap());
    let heldout = fs::read_to_string(folder.join("heldout.txt")).unwrap();
    let long: String = heldout.chars().take(20_000).collect();
    for text in [
        "",
        " ",
        "Ownership is",
        "a<|endoftext|>b",
        "naïve  日本\r\n\t 12345 we've WE'VE",
        &long,
    ] {
        let tokens = ours.encode(text).unwrap();
        assert_eq!(tokens, theirs.encode(text).unwrap(), "{text:.40}");
        assert_eq!(ours.decode(&tokens).unwrap(), theirs.decode(&tokens).unwrap());
    }
}

#[test]
fn a_file_comes_back_from_the_cache_with_its_template() {
    let mut model = Model::causal("llama", false);
    model.round(Type::F16);
    let mut file = model.file(Type::F16);
    let template = "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ pad_token }}";
    file.set("tokenizer.chat_template", template);
    let names: Vec<String> = (0..VOCAB).map(|id| format!("t{id}")).collect();
    file.set("tokenizer.ggml.tokens", Meta::Texts(names));
    file.set("tokenizer.ggml.bos_token_id", 4u32);
    file.set("tokenizer.ggml.padding_token_id", 10_000u32);
    let stored = store(&file, true);
    std::thread::sleep(std::time::Duration::from_millis(60));
    let cache = ModelCache::new(stored.path().join("cache"), u64::MAX);
    let source = ModelSource::at(&stored.path().join("tiny.gguf")).unwrap();
    let load = || cache.load(&source, &LoadOptions::default()).unwrap();
    let message = ChatMessage {
        role: "user".into(),
        content: "-".into(),
    };
    let (first, report) = load();
    assert_eq!(report.used, CacheUse::Stored);
    let (second, report) = load();
    assert_eq!(report.used, CacheUse::Hit);
    assert_eq!(first.id(), second.id());
    for model in [first, second] {
        let text = model
            .chat_template()
            .unwrap()
            .render(std::slice::from_ref(&message), true);
        assert_eq!(text.unwrap(), "t4-t2");
    }
    // A tokenizer that is put beside the file, or taken away, makes another model or none.
    fs::remove_file(stored.path().join("tokenizer.json")).unwrap();
    assert!(cache.load(&source, &LoadOptions::default()).is_err());
}
