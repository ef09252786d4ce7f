//! Small good files, made here, for the fuzzer to start from and to stand beside the file under test.

use crate::writer::{safetensors, File, Meta, Type};
use codec::Encode;
use lantern_engine::ModelFiles;
use lantern_exact::{
    BertSpec, Family, GenerateParams, JobParams, ModelSpec, Pooling, Sampling, StopTokens, Width, ARITHMETIC,
};
use lantern_worker_protocol::{Bytes, Call, Execute, Hash, ModelInfo, ModelKind, Reply, Request, Response};
use serde_json::{json, Map, Value};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::OnceLock,
};

/// Where [`write_if_asked`] writes.
const SEEDS: &str = "LANTERN_FUZZ_SEEDS";

const HIDDEN: usize = 8;
const VOCAB: usize = 12;
const CONTEXT: usize = 16;
const HEAD_DIM: usize = 4;

/// Writes the first inputs of `target` to the folder that the environment names, if it names one, and ends the process.
pub fn write_if_asked(target: &str) {
    let Some(folder) = env::var_os(SEEDS) else { return };
    let files = match target {
        "config" => configs().iter().map(|config| config.to_string().into_bytes()).collect(),
        "tokenizer" => tokenizers().iter().map(|one| one.to_string().into_bytes()).collect(),
        "safetensors" => weight_files(),
        "gguf" => ggufs(),
        "worker_protocol" => frames(),
        _ => Vec::new(),
    };
    for (index, bytes) in files.iter().enumerate() {
        fs::write(Path::new(&folder).join(format!("seed-{index}")), bytes).expect("the seeds' folder can be written");
    }
    process::exit(0);
}

/// A folder of this process's own.
pub fn scratch() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = env::temp_dir().join(format!("lantern-fuzz-{}", process::id()));
        fs::create_dir_all(&folder).expect("a scratch folder can be made");
        folder
    })
}

/// Good files to stand beside `data`: weights that fit every configuration among the seeds, and a configuration of the family that the
/// names in `data` belong to.
pub fn good(data: &[u8]) -> ModelFiles<'static> {
    struct Good {
        llama: String,
        bert: String,
        tokenizer: String,
        weights: Vec<u8>,
    }
    static GOOD: OnceLock<Good> = OnceLock::new();
    let good = GOOD.get_or_init(|| {
        let all: Vec<_> = tensors("llama")
            .into_iter()
            .chain(tensors("qwen2"))
            .chain(tensors("qwen3"))
            .collect();
        let mut named: Vec<(String, Vec<usize>, Vec<f32>)> = Vec::new();
        for tensor in all.into_iter().chain(tensors("bert")) {
            if !named.iter().any(|(name, ..)| *name == tensor.0) {
                named.push(tensor);
            }
        }
        Good {
            llama: config("llama").to_string(),
            bert: config("bert").to_string(),
            tokenizer: word_level().to_string(),
            weights: safetensors(&named, Type::Bf16),
        }
    });
    let bert = b"word_embeddings";
    let is_bert = data.windows(bert.len()).any(|window| window == bert);
    ModelFiles {
        name: "fuzz",
        config: if is_bert { &good.bert } else { &good.llama }.as_bytes(),
        tokenizer: good.tokenizer.as_bytes(),
        weights: &good.weights,
    }
}

fn config(model_type: &str) -> Value {
    let mut config = json!({
        "model_type": model_type, "hidden_size": HIDDEN, "intermediate_size": HIDDEN, "num_hidden_layers": 1,
        "num_attention_heads": HIDDEN / HEAD_DIM, "vocab_size": VOCAB, "max_position_embeddings": CONTEXT
    });
    let rest = if model_type == "bert" {
        json!({"layer_norm_eps": 1e-12, "type_vocab_size": 1, "hidden_act": "gelu", "position_embedding_type": "absolute"})
    } else {
        json!({
            "num_key_value_heads": 1, "head_dim": HEAD_DIM, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
            "tie_word_embeddings": false, "hidden_act": "silu", "eos_token_id": 2
        })
    };
    for (key, value) in rest.as_object().into_iter().flatten() {
        config[key] = value.clone();
    }
    config
}

fn configs() -> Vec<Value> {
    let with = |model_type: &str, rest: Value| {
        let mut config = config(model_type);
        for (key, value) in rest.as_object().into_iter().flatten() {
            config[key] = value.clone();
        }
        config
    };
    vec![
        config("llama"),
        config("bert"),
        config("qwen2"),
        config("qwen3"),
        with("mistral", json!({"sliding_window": 8, "use_sliding_window": true})),
        with(
            "llama",
            json!({"rope_scaling": {"type": "linear", "factor": 2.0}, "eos_token_id": [2, 3]}),
        ),
        with(
            "llama",
            json!({"rope_parameters": {
                "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 8192
            }, "rope_theta": null}),
        ),
        with(
            "llama",
            json!({
                "tie_word_embeddings": true, "mlp_bias": false, "attention_bias": false, "partial_rotary_factor": 1.0,
                "pretraining_tp": 1, "quantization_config": null, "is_decoder": false
            }),
        ),
    ]
}

type Tensors = Vec<(String, Vec<usize>, Vec<f32>)>;

fn values(count: usize) -> Vec<f32> {
    (0..count)
        .map(|index| (index * 37 % 101) as f32 / 128.0 - 0.375)
        .collect()
}

/// The tensors of a model of one layer as its folder has them.
fn tensors(model_type: &str) -> Tensors {
    let mut all = Tensors::new();
    let mut add = |name: &str, shape: &[usize]| {
        all.push((name.into(), shape.to_vec(), values(shape.iter().product())));
    };
    let (query, kv) = (HIDDEN, HEAD_DIM);
    if model_type == "bert" {
        for (table, rows) in [("word", VOCAB), ("position", CONTEXT), ("token_type", 1)] {
            add(&format!("embeddings.{table}_embeddings.weight"), &[rows, HIDDEN]);
        }
        for norm in [
            "embeddings",
            "encoder.layer.0.attention.output",
            "encoder.layer.0.output",
        ] {
            add(&format!("{norm}.LayerNorm.weight"), &[HIDDEN]);
            add(&format!("{norm}.LayerNorm.bias"), &[HIDDEN]);
        }
        for part in [
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
            "intermediate.dense",
            "output.dense",
        ] {
            add(&format!("encoder.layer.0.{part}.weight"), &[HIDDEN, HIDDEN]);
            add(&format!("encoder.layer.0.{part}.bias"), &[HIDDEN]);
        }
        return all;
    }
    add("model.embed_tokens.weight", &[VOCAB, HIDDEN]);
    add("model.norm.weight", &[HIDDEN]);
    add("lm_head.weight", &[VOCAB, HIDDEN]);
    for (part, shape) in [
        ("input_layernorm", &[HIDDEN][..]),
        ("post_attention_layernorm", &[HIDDEN]),
        ("self_attn.q_proj", &[query, HIDDEN]),
        ("self_attn.k_proj", &[kv, HIDDEN]),
        ("self_attn.v_proj", &[kv, HIDDEN]),
        ("self_attn.o_proj", &[HIDDEN, query]),
        ("mlp.gate_proj", &[HIDDEN, HIDDEN]),
        ("mlp.up_proj", &[HIDDEN, HIDDEN]),
        ("mlp.down_proj", &[HIDDEN, HIDDEN]),
    ] {
        add(&format!("model.layers.0.{part}.weight"), shape);
    }
    for (part, rows) in [("q", query), ("k", kv), ("v", kv)] {
        if model_type == "qwen2" {
            add(&format!("model.layers.0.self_attn.{part}_proj.bias"), &[rows]);
        }
        if model_type == "qwen3" && part != "v" {
            add(&format!("model.layers.0.self_attn.{part}_norm.weight"), &[HEAD_DIM]);
        }
    }
    all
}

fn weight_files() -> Vec<Vec<u8>> {
    // Tensors that end where the length of the header cannot be added any more.
    let size = (1u64 << 61) - 1;
    let huge: Map<String, Value> = (0..8)
        .map(|index| {
            let entry = json!({"dtype": "U8", "shape": [size], "data_offsets": [index * size, (index + 1) * size]});
            (index.to_string(), entry)
        })
        .collect();
    let huge = Value::Object(huge).to_string();
    vec![
        [&(huge.len() as u64).to_le_bytes()[..], huge.as_bytes()].concat(),
        safetensors(&tensors("llama"), Type::F32),
        safetensors(&tensors("llama"), Type::F16),
        safetensors(&tensors("bert"), Type::Bf16),
    ]
}

fn vocabulary(tokens: &[&str]) -> Map<String, Value> {
    tokens
        .iter()
        .enumerate()
        .map(|(id, token)| ((*token).into(), id.into()))
        .collect()
}

fn word_level() -> Value {
    let vocab = vocabulary(&[
        "[UNK]", "a", "b", "w3", "hello", "<s>", "</s>", "ab", "abc", "x", "12345", "Ġ",
    ]);
    json!({
        "version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": null, "decoder": null,
        "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "[UNK]"},
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}
    })
}

fn added(id: u32, content: &str, special: bool) -> Value {
    json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": true,
        "normalized": !special, "special": special})
}

fn bpe(tokens: &[&str], merges: Value) -> Value {
    json!({"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": true,
        "vocab": vocabulary(tokens), "merges": merges})
}

/// Tokenizers of every kind of model and with every kind of step that the formats of language models have.
fn tokenizers() -> Vec<Value> {
    let template = json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]}}
    });
    let split = r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\s+";
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let byte_pairs = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [added(5, "<s>", true), added(6, "ab c", false)], "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": split}, "behavior": "Isolated", "invert": false},
            {"type": "Digits", "individual_digits": true}, {"type": "Punctuation", "behavior": "Isolated"}, byte_level
        ]},
        "post_processor": {"type": "Sequence", "processors": [byte_level, template]}, "decoder": byte_level,
        "model": bpe(&["a", "b", "c", "ab", "abc", "<s>", "ab c", "Ġ"], json!([["a", "b"], ["ab", "c"]]))
    });
    let mut pieces = bpe(
        &["<unk>", "a", "b", "▁", "▁a", "<s>", "<0x41>", "ab"],
        json!(["▁ a", "a b"]),
    );
    pieces["byte_fallback"] = true.into();
    pieces["unk_token"] = "<unk>".into();
    let replace = |from: Value, to: &str| json!({"type": "Replace", "pattern": from, "content": to});
    let sentence_pieces = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [added(5, "<s>", true)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, replace(json!({"String": " "}), "▁"), replace(json!({"Regex": " {2,}"}), " ")
        ]},
        "pre_tokenizer": null, "post_processor": template,
        "decoder": {"type": "Sequence", "decoders": [
            replace(json!({"String": "▁"}), " "), {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}
        ]},
        "model": pieces
    });
    let word_pieces = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [added(0, "[UNK]", true)],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["b", 2], "cls": ["a", 1]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary(&["[UNK]", "a", "b", "##b", "##c", "hello"])}
    });
    // In base64: 1024 as a length, a trie of 256 units, none of which leads anywhere, and the replacement `a`.
    let map = ["AAQA", &"AAAA".repeat(341), "AABhAA=="].concat();
    let metaspace = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    let unigram = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Precompiled", "precompiled_charsmap": map},
            {"type": "NFKD"}, {"type": "Lowercase"}, {"type": "StripAccents"}, {"type": "Nmt"},
            {"type": "Strip", "strip_left": true, "strip_right": true}
        ]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"}, metaspace, {"type": "UnicodeScripts"},
            {"type": "CharDelimiterSplit", "delimiter": "-"}, {"type": "FixedLength", "length": 5}
        ]},
        "post_processor": {"type": "RobertaProcessing", "sep": ["b", 2], "cls": ["a", 1], "trim_offsets": true,
            "add_prefix_space": true},
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false,
            "vocab": [["<unk>", 0.0], ["a", -1.0], ["b", -2.0], ["ab", -1.5], ["▁", -3.0]]}
    });
    vec![word_level(), byte_pairs, sentence_pieces, word_pieces, unigram]
}

/// The shape and the tensors of a model as its GGUF file has them. `hidden` is a multiple of 8.
fn gguf(architecture: &str, hidden: usize, kind: Type, vocab: usize) -> File {
    let mut file = File::default();
    file.set("general.architecture", architecture);
    let (heads, kv_heads) = if architecture == "bert" { (2, 2) } else { (2, 1) };
    for (key, value) in [
        ("block_count", 1),
        ("context_length", CONTEXT),
        ("embedding_length", hidden),
        ("feed_forward_length", hidden),
        ("attention.head_count", heads),
        ("attention.head_count_kv", kv_heads),
        ("attention.key_length", hidden / heads),
    ] {
        file.set(&format!("{architecture}.{key}"), value as u32);
    }
    let mut add = |name: &str, shape: &[usize]| {
        let kind = if shape.len() == 1 { Type::F32 } else { kind };
        file.add(name, shape, kind, &values(shape.iter().product()));
    };
    let kv = hidden / heads * kv_heads;
    add("token_embd.weight", &[vocab, hidden]);
    let both = architecture == "bert" || architecture == "qwen2";
    for (part, rows) in [("attn_q", hidden), ("attn_k", kv), ("attn_v", kv)] {
        add(&format!("blk.0.{part}.weight"), &[rows, hidden]);
        if both {
            add(&format!("blk.0.{part}.bias"), &[rows]);
        }
    }
    for part in ["attn_output", "ffn_up", "ffn_down"] {
        add(&format!("blk.0.{part}.weight"), &[hidden, hidden]);
        if architecture == "bert" {
            add(&format!("blk.0.{part}.bias"), &[hidden]);
        }
    }
    if architecture == "bert" {
        add("position_embd.weight", &[CONTEXT, hidden]);
        add("token_types.weight", &[1, hidden]);
        for norm in ["token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"] {
            add(&format!("{norm}.weight"), &[hidden]);
            add(&format!("{norm}.bias"), &[hidden]);
        }
        file.set("bert.attention.layer_norm_epsilon", 1e-12f32);
        return file;
    }
    add("output_norm.weight", &[hidden]);
    add("blk.0.attn_norm.weight", &[hidden]);
    add("blk.0.ffn_norm.weight", &[hidden]);
    add("blk.0.ffn_gate.weight", &[hidden, hidden]);
    if architecture == "qwen3" {
        add("blk.0.attn_q_norm.weight", &[hidden / heads]);
        add("blk.0.attn_k_norm.weight", &[hidden / heads]);
    }
    file.set(&format!("{architecture}.attention.layer_norm_rms_epsilon"), 1e-5f32);
    file.set(&format!("{architecture}.rope.freq_base"), 20_000f32);
    file
}

fn texts(all: &[&str]) -> Meta {
    Meta::Texts(all.iter().map(|text| (*text).into()).collect())
}

fn byte_level(mut file: File, pre: &str) -> File {
    let tokens = ["a", "b", "c", "ab", "abc", "Ġ", "<s>", "[PAD7]"];
    file.set("tokenizer.ggml.model", "gpt2");
    file.set("tokenizer.ggml.pre", pre);
    file.set("tokenizer.ggml.tokens", texts(&tokens));
    file.set("tokenizer.ggml.token_type", Meta::I32s(vec![1, 1, 1, 1, 1, 1, 3, 5]));
    file.set("tokenizer.ggml.merges", texts(&["a b", "ab c"]));
    file.set("tokenizer.ggml.bos_token_id", 6u32);
    file.set("tokenizer.ggml.eos_token_id", 4u32);
    file.set("tokenizer.ggml.add_bos_token", Meta::Bool(true));
    file
}

fn sentence_piece() -> File {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>", "a", "b", "▁", "ab", "▁a"]
        .map(String::from)
        .to_vec();
    let mut kinds = vec![2, 3, 3, 1, 1, 1, 1, 1];
    for byte in 0..=u8::MAX {
        tokens.push(format!("<0x{byte:02X}>"));
        kinds.push(6);
    }
    let mut file = gguf("llama", HIDDEN, Type::Bf16, tokens.len());
    file.set("tokenizer.ggml.model", "llama");
    file.set(
        "tokenizer.ggml.scores",
        Meta::F32s((0..tokens.len()).map(|index| -(index as f32)).collect()),
    );
    file.set("tokenizer.ggml.tokens", Meta::Texts(tokens));
    file.set("tokenizer.ggml.token_type", Meta::I32s(kinds));
    file.set("tokenizer.ggml.bos_token_id", 1u32);
    file.set("tokenizer.ggml.eos_token_id", 2u32);
    file.set("tokenizer.ggml.add_space_prefix", Meta::Bool(true));
    file
}

fn ggufs() -> Vec<Vec<u8>> {
    let mut scaled = byte_level(gguf("llama", HIDDEN, Type::F16, 8), "llama-bpe");
    scaled.set("llama.rope.scaling.type", "linear");
    scaled.set("llama.rope.scaling.factor", 2f32);
    scaled.set("general.alignment", 32u32);
    let mut factors = byte_level(gguf("llama", HIDDEN, Type::F32, 8), "default");
    factors.add("rope_freqs.weight", &[HEAD_DIM / 2], Type::F32, &[1.0, 1.0]);
    factors.add("output.weight", &[8, HIDDEN], Type::F32, &values(8 * HIDDEN));
    let files = [
        byte_level(gguf("llama", HIDDEN, Type::F32, 8), "gpt-2"),
        byte_level(gguf("llama", 32, Type::Q8_0, 8), "smollm"),
        byte_level(gguf("qwen2", HIDDEN, Type::Bf16, 8), "qwen2"),
        byte_level(gguf("qwen3", HIDDEN, Type::Bf16, 8), "qwen2"),
        byte_level(gguf("bert", HIDDEN, Type::F16, 8), "gpt-2"),
        sentence_piece(),
        scaled,
        factors,
    ];
    files.iter().map(|file| file.bytes().1).collect()
}

fn frames() -> Vec<Vec<u8>> {
    let model = Hash([0xab; 32]);
    let generation = GenerateParams {
        max_new_tokens: 4,
        sampling: Sampling::Greedy,
        stop: StopTokens::default(),
    };
    let spec = ModelSpec {
        family: Family::Bert(BertSpec {
            pooling: Pooling::Mean,
            normalize: true,
        }),
        arithmetic: ARITHMETIC,
        activation: Width::Wide,
        keys: Width::Wide,
        hidden: 8,
        intermediate: 8,
        layers: 1,
        heads: 2,
        kv_heads: 2,
        head_dim: 4,
        vocab: 12,
        max_context: 16,
        norm_eps: 1 << 40,
        tokenizer_hash: [7; 32],
    };
    let calls = [
        Call::Hello { protocol: 2 },
        Call::Execute(Execute {
            key: 7,
            model,
            input: Bytes(vec![1, 0, 0, 0]),
            params: Bytes(JobParams::Generate(generation).encode()),
        }),
        Call::Cancel { key: 7 },
        Call::Tokenize {
            model,
            text: "a b".into(),
        },
        Call::Detokenize {
            model,
            tokens: vec![1, 2],
        },
        Call::Status,
    ];
    let info = ModelInfo {
        id: model,
        name: "m".into(),
        kind: ModelKind::Generation,
        spec: Bytes(spec.encode()),
        weights_root: model,
        vocab: 12,
        max_context: 16,
        max_positions: 16,
        stop_tokens: vec![2],
    };
    let replies = [
        Reply::Hello {
            protocol: 2,
            version: "1".into(),
            models: vec![info],
        },
        Reply::Tokens {
            key: 7,
            index: 0,
            tokens: vec![1],
            text: "a".into(),
        },
        Reply::TokenIds { tokens: vec![1] },
    ];
    let requests = calls
        .into_iter()
        .map(|call| serde_json::to_vec(&Request { id: 1, call }));
    let responses = replies
        .into_iter()
        .map(|reply| serde_json::to_vec(&Response { id: 1, reply }));
    let plain: Vec<Vec<u8>> = requests
        .chain(responses)
        .map(|json| json.expect("messages are JSON"))
        .collect();
    let framed = |json: &Vec<u8>| [&(json.len() as u32).to_be_bytes()[..], json].concat();
    plain.iter().cloned().chain(plain.iter().map(framed)).collect()
}
