//! Times loading and its memory: makes a Llama of TinyLlama-1.1B's shape with random weights in each type of file, loads it in
//! processes of its own and prints a table. See `docs/models.md`.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

use anyhow::{ensure, Context, Result};
use clap::{Parser, ValueEnum};
use lantern_engine::{LoadOptions, LoadedModel, ModelCache, ModelSource};
use serde_json::{json, Map, Value};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

#[derive(Parser)]
struct Args {
    /// Types of file to make and load.
    #[arg(long, value_enum, default_values_t = [Kind::Bf16, Kind::F16, Kind::F32, Kind::GgufF16, Kind::GgufQ8])]
    kind: Vec<Kind>,
    /// Where the files are made and left [default: a temporary folder].
    #[arg(long)]
    folder: Option<PathBuf>,
    /// A small model instead, to try the program.
    #[arg(long)]
    small: bool,
    /// Loads this model once, in this process, and prints what it took as JSON.
    #[arg(long, hide = true)]
    measure: Option<PathBuf>,
    /// The cache that this goes through.
    #[arg(long, hide = true)]
    cache: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Bf16,
    F16,
    F32,
    GgufF16,
    GgufQ8,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "safetensors BF16",
            Self::F16 => "safetensors F16",
            Self::F32 => "safetensors F32",
            Self::GgufF16 => "GGUF F16",
            Self::GgufQ8 => "GGUF Q8_0",
        }
    }

    fn is_gguf(self) -> bool {
        matches!(self, Self::GgufF16 | Self::GgufQ8)
    }

    /// Bytes of `values` values.
    fn bytes(self, values: usize) -> usize {
        match self {
            Self::F32 => values * 4,
            Self::GgufQ8 => values / 32 * 34,
            _ => values * 2,
        }
    }

    /// Random finite values of magnitudes near 1/100 from one random number, as many bytes as [`Kind::unit`].
    fn put(self, random: u64, out: &mut Vec<u8>) {
        let half = |bits: u64, exponent: u16, mantissa: u16| {
            let bits = bits as u16;
            ((bits & 0x8000) | exponent | (bits & mantissa)).to_le_bytes()
        };
        match self {
            Self::Bf16 => (0..4).for_each(|part| out.extend(half(random >> (16 * part), 0x3c00, 0x00ff))),
            Self::F16 | Self::GgufF16 => {
                (0..4).for_each(|part| out.extend(half(random >> (16 * part), 0x2000, 0x07ff)));
            },
            Self::F32 => {
                for bits in [random as u32, (random >> 32) as u32] {
                    out.extend(((bits & 0x8000_0000) | 0x3c00_0000 | (bits & 0x00ff_ffff)).to_le_bytes());
                }
            },
            Self::GgufQ8 => out.extend(random.to_le_bytes()),
        }
    }
}

/// A stream of random bytes of the kind's values.
struct Values {
    state: u64,
    buffer: Vec<u8>,
}

impl Values {
    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn write(&mut self, kind: Kind, values: usize, out: &mut impl Write) -> Result<()> {
        let mut left = kind.bytes(values);
        while left > 0 {
            self.buffer.clear();
            let piece = left.min(34 << 14);
            while self.buffer.len() < piece {
                if kind == Kind::GgufQ8 && self.buffer.len().is_multiple_of(34) {
                    let scale = 0x0800 | (self.next() as u16 & 0x03ff);
                    self.buffer.extend(scale.to_le_bytes());
                }
                let random = self.next();
                kind.put(random, &mut self.buffer);
            }
            out.write_all(&self.buffer[..piece])?;
            left -= piece;
        }
        Ok(())
    }
}

struct Shape {
    hidden: usize,
    inner: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
    vocab: usize,
}

/// A tensor: its name in Hugging Face's and in llama.cpp's files, rows (0 for a vector) and columns.
struct Tensor {
    names: [String; 2],
    rows: usize,
    cols: usize,
}

impl Tensor {
    fn values(&self) -> usize {
        self.rows.max(1) * self.cols
    }
}

impl Shape {
    fn tensors(&self) -> Vec<Tensor> {
        let mut list = Vec::new();
        let mut add = |names: [String; 2], rows: usize, cols: usize| list.push(Tensor { names, rows, cols });
        let kv = self.hidden / self.heads * self.kv_heads;
        let plain = |hugging: &str, gguf: &str| [format!("{hugging}.weight"), format!("{gguf}.weight")];
        add(plain("model.embed_tokens", "token_embd"), self.vocab, self.hidden);
        for layer in 0..self.layers {
            for (hugging, gguf, rows, cols) in [
                ("input_layernorm", "attn_norm", 0, self.hidden),
                ("self_attn.q_proj", "attn_q", self.hidden, self.hidden),
                ("self_attn.k_proj", "attn_k", kv, self.hidden),
                ("self_attn.v_proj", "attn_v", kv, self.hidden),
                ("self_attn.o_proj", "attn_output", self.hidden, self.hidden),
                ("post_attention_layernorm", "ffn_norm", 0, self.hidden),
                ("mlp.gate_proj", "ffn_gate", self.inner, self.hidden),
                ("mlp.up_proj", "ffn_up", self.inner, self.hidden),
                ("mlp.down_proj", "ffn_down", self.hidden, self.inner),
            ] {
                let names = plain(
                    &format!("model.layers.{layer}.{hugging}"),
                    &format!("blk.{layer}.{gguf}"),
                );
                add(names, rows, cols);
            }
        }
        add(plain("model.norm", "output_norm"), 0, self.hidden);
        add(plain("lm_head", "output"), self.vocab, self.hidden);
        list
    }

    /// Makes the model's files in `folder`; returns what to load.
    fn write(&self, kind: Kind, folder: &Path) -> Result<PathBuf> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("tokenizer.json"), self.tokenizer().to_string())?;
        if kind.is_gguf() {
            let path = folder.join("model.gguf");
            self.write_gguf(kind, &path)?;
            return Ok(path);
        }
        fs::write(folder.join("config.json"), self.config().to_string())?;
        self.write_shards(kind, folder)?;
        Ok(folder.to_owned())
    }

    fn config(&self) -> Value {
        json!({
            "model_type": "llama", "hidden_size": self.hidden, "intermediate_size": self.inner,
            "num_hidden_layers": self.layers, "num_attention_heads": self.heads, "num_key_value_heads": self.kv_heads,
            "vocab_size": self.vocab, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
            "tie_word_embeddings": false, "hidden_act": "silu", "eos_token_id": 2
        })
    }

    /// Byte-level BPE without merges, with as many tokens as the model.
    fn tokenizer(&self) -> Value {
        let vocab: Map<String, Value> = (0..self.vocab).map(|id| (format!("t{id}"), id.into())).collect();
        json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
            "post_processor": null, "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
            "use_regex": true}, "model": {"type": "BPE", "vocab": vocab, "merges": []}
        })
    }

    /// Four files of about the same size, and their index.
    fn write_shards(&self, kind: Kind, folder: &Path) -> Result<()> {
        let tensors = self.tensors();
        let (mut index, mut values) = (Map::new(), seeded());
        for (number, part) in tensors.chunks(tensors.len().div_ceil(4)).enumerate() {
            let name = format!("model-{:05}-of-00004.safetensors", number + 1);
            let (mut header, mut end) = (Map::new(), 0);
            for tensor in part {
                let first = end;
                end += kind.bytes(tensor.values());
                let shape = if tensor.rows == 0 {
                    vec![tensor.cols]
                } else {
                    vec![tensor.rows, tensor.cols]
                };
                let dtype = kind.name().rsplit(' ').next().unwrap();
                let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": [first, end]});
                header.insert(tensor.names[0].clone(), entry);
                index.insert(tensor.names[0].clone(), name.clone().into());
            }
            let mut out = BufWriter::new(File::create(folder.join(name))?);
            let header = Value::Object(header).to_string();
            out.write_all(&(header.len() as u64).to_le_bytes())?;
            out.write_all(header.as_bytes())?;
            for tensor in part {
                values.write(kind, tensor.values(), &mut out)?;
            }
            out.flush()?;
        }
        let index = json!({"metadata": {}, "weight_map": index}).to_string();
        Ok(fs::write(folder.join("model.safetensors.index.json"), index)?)
    }

    fn write_gguf(&self, kind: Kind, path: &Path) -> Result<()> {
        let text = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
        let tensors = self.tensors();
        let numbers = [
            ("embedding_length", self.hidden),
            ("feed_forward_length", self.inner),
            ("block_count", self.layers),
            ("attention.head_count", self.heads),
            ("attention.head_count_kv", self.kv_heads),
            ("context_length", 2048),
        ];
        let mut header = b"GGUF\x03\0\0\0".to_vec();
        header.extend((tensors.len() as u64).to_le_bytes());
        header.extend((numbers.len() as u64 + 2).to_le_bytes());
        header.extend([text("general.architecture"), 8u32.to_le_bytes().to_vec(), text("llama")].concat());
        header.extend(text("llama.attention.layer_norm_rms_epsilon"));
        header.extend([6u32.to_le_bytes(), 1e-5f32.to_le_bytes()].concat());
        for (key, number) in numbers {
            header.extend(text(&format!("llama.{key}")));
            header.extend([4u32.to_le_bytes(), (number as u32).to_le_bytes()].concat());
        }
        // Vectors are F32 in such files.
        let types = |tensor: &Tensor| match (tensor.rows, kind) {
            (0, _) => (Kind::F32, 0u32),
            (_, Kind::GgufQ8) => (kind, 8),
            _ => (kind, 1),
        };
        let mut offset = 0;
        for tensor in &tensors {
            let (kind, number) = types(tensor);
            header.extend(text(&tensor.names[1]));
            let dimensions = if tensor.rows == 0 {
                vec![tensor.cols]
            } else {
                vec![tensor.cols, tensor.rows]
            };
            header.extend((dimensions.len() as u32).to_le_bytes());
            dimensions
                .iter()
                .for_each(|&dimension| header.extend((dimension as u64).to_le_bytes()));
            header.extend(number.to_le_bytes());
            header.extend((offset as u64).to_le_bytes());
            offset += kind.bytes(tensor.values()).next_multiple_of(32);
        }
        header.resize(header.len().next_multiple_of(32), 0);
        let mut out = BufWriter::new(File::create(path)?);
        out.write_all(&header)?;
        let mut values = seeded();
        for tensor in &tensors {
            let (kind, _) = types(tensor);
            values.write(kind, tensor.values(), &mut out)?;
            let bytes = kind.bytes(tensor.values());
            out.write_all(&[0; 32][..bytes.next_multiple_of(32) - bytes])?;
        }
        Ok(out.flush()?)
    }
}

fn seeded() -> Values {
    Values {
        state: 0x9e37_79b9_7f4a_7c15,
        buffer: Vec::new(),
    }
}

/// A number of kilobytes from this process's status, in bytes; 0 where the system has none.
fn status(field: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| {
        line.trim_start_matches(':')
            .split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
    });
    number.unwrap_or(0) * 1024
}

/// Seconds that this process has computed, its threads together: unlike the time on the clock, they do not grow with what else the
/// machine does.
fn computed() -> f64 {
    // SAFETY: plain numbers, for which zeros are values, and the call fills them in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Loads once; memory is sampled meanwhile. The system's own peak counts the pages of mapped files, the samples do not.
fn measure(path: &Path, cache: Option<&Path>) -> Result<()> {
    let (done, anonymous) = (AtomicBool::new(false), AtomicU64::new(0));
    let seconds = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                anonymous.fetch_max(status("RssAnon"), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let begun = Instant::now();
        let options = LoadOptions::default();
        let model = ModelSource::at(path).and_then(|source| match cache {
            None => LoadedModel::load(&source, &options).map(|model| (model, None)),
            Some(folder) => {
                let loaded = ModelCache::new(folder, u64::MAX).load(&source, &options);
                loaded.map(|(model, report)| (model, Some(report)))
            },
        });
        let seconds = begun.elapsed().as_secs_f64();
        anonymous.fetch_max(status("RssAnon"), Ordering::Relaxed);
        done.store(true, Ordering::Relaxed);
        model.map(|(model, used)| (seconds, hex::encode(model.id()), format!("{used:?}")))
    });
    let (seconds, id, used) = seconds?;
    let report = json!({"seconds": seconds, "computed": computed(), "id": id, "used": used, "anonymous": anonymous.into_inner(), "peak": status("VmHWM")});
    println!("{report}");
    Ok(())
}

/// Runs this program on `path` and returns its report.
fn child(path: &Path, cache: Option<&Path>) -> Result<Value> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--measure").arg(path);
    if let Some(cache) = cache {
        command.arg("--cache").arg(cache);
    }
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("the report of a measurement")
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(path) = &args.measure {
        return measure(path, args.cache.as_deref());
    }
    let (hidden, inner, layers, heads, kv_heads, vocab) = if args.small {
        (256, 704, 4, 8, 2, 4000)
    } else {
        (2048, 5632, 22, 32, 4, 32000)
    };
    let shape = Shape {
        hidden,
        inner,
        layers,
        heads,
        kv_heads,
        vocab,
    };
    let parameters: usize = shape.tensors().iter().map(Tensor::values).sum();
    println!("{parameters} parameters; memory as a multiple of their int8 bytes");
    println!(
        "{:<17} {:<7} {:>8} {:>12} {:>15} {:>19}",
        "files", "load", "seconds", "CPU seconds", "anonymous peak", "peak with mappings"
    );
    let temporary = tempfile::tempdir()?;
    let folder = args.folder.as_deref().unwrap_or(temporary.path());
    for &kind in &args.kind {
        let place = folder.join(kind.name().replace(' ', "-"));
        let path = shape.write(kind, &place)?;
        let cache = place.join("cache");
        let cold = child(&path, None)?;
        print_row(kind.name(), "cold", &cold, parameters);
        let stored = child(&path, Some(&cache))?;
        ensure!(
            stored["used"].as_str().is_some_and(|used| used.contains("Stored")),
            "{stored}"
        );
        print_row("", "stored", &stored, parameters);
        let cached = child(&path, Some(&cache))?;
        ensure!(
            cached["used"].as_str().is_some_and(|used| used.contains("Hit")),
            "{cached}"
        );
        ensure!(cached["id"] == cold["id"], "the cache gave another model");
        print_row("", "cached", &cached, parameters);
        if args.folder.is_none() {
            fs::remove_dir_all(&place)?;
        }
    }
    Ok(())
}

fn print_row(files: &str, load: &str, report: &Value, parameters: usize) {
    let number = |field: &str| report[field].as_f64().unwrap_or(0.0);
    let memory = |field: &str| {
        let bytes = number(field);
        format!(
            "{:.0} MiB {:.2}x",
            bytes / f64::from(1 << 20),
            bytes / parameters as f64
        )
    };
    let (anonymous, peak) = (memory("anonymous"), memory("peak"));
    println!(
        "{files:<17} {load:<7} {:>8.2} {:>12.2} {anonymous:>15} {peak:>19}",
        number("seconds"),
        number("computed")
    );
}
