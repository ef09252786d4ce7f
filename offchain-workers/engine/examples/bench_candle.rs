//! Times candle's Llama: the quantised one on a GGUF, or the F32 one of the same shape. One JSON line with prefill and decode
//! tokens/s. See `scripts/bench`.

use anyhow::{Context, Result};
use candle_core::{quantized::gguf_file::Content, DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{
    llama::{Cache, Config, Llama},
    quantized_llama::ModelWeights,
};
use clap::Parser;
use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Instant,
};

#[derive(Parser)]
struct Args {
    /// GGUF of a Llama with Q8_0 weights.
    #[arg(required_unless_present = "f32")]
    model: Option<PathBuf>,
    /// The F32 Llama of TinyLlama-1.1B's shape instead; its weights are zeros, which takes as long.
    #[arg(long, conflicts_with = "model")]
    f32: bool,
    /// With --f32: a small model, to try the script.
    #[arg(long)]
    small: bool,
    /// Tokens of the prompt.
    #[arg(long, default_value_t = 256)]
    prompt: usize,
    /// Tokens decoded one at a time after it.
    #[arg(long, default_value_t = 32)]
    decode: usize,
    /// Rounds, of which the fastest counts.
    #[arg(long, default_value_t = 1)]
    repeat: usize,
}

/// Logits after `input`, whose first token is at the position given.
type Forward = Box<dyn FnMut(&Tensor, usize) -> candle_core::Result<Tensor>>;

fn quantised(path: &Path) -> Result<Forward> {
    let mut file = File::open(path).with_context(|| path.display().to_string())?;
    let content = Content::read(&mut file)?;
    let mut model = ModelWeights::from_gguf(content, &mut file, &Device::Cpu)?;
    Ok(Box::new(move |input, position| model.forward(input, position)))
}

fn floats(small: bool) -> Result<Forward> {
    let (hidden, inner, layers, heads, kv_heads, vocab) = if small {
        (512, 1536, 6, 8, 2, 8000)
    } else {
        (2048, 5632, 22, 32, 4, 32000)
    };
    let config = Config {
        hidden_size: hidden,
        intermediate_size: inner,
        vocab_size: vocab,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        num_key_value_heads: kv_heads,
        use_flash_attn: false,
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        bos_token_id: None,
        eos_token_id: None,
        rope_scaling: None,
        max_position_embeddings: 2048,
        tie_word_embeddings: false,
    };
    let model = Llama::load(VarBuilder::zeros(DType::F32, &Device::Cpu), &config)?;
    let mut cache = Cache::new(true, DType::F32, &config, &Device::Cpu)?;
    let empty = cache.clone();
    Ok(Box::new(move |input, position| {
        if position == 0 {
            cache = empty.clone();
        }
        model.forward(input, position, &mut cache)
    }))
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut forward = match &args.model {
        Some(path) => quantised(path)?,
        None => floats(args.small)?,
    };
    let prompt: Vec<u32> = (0..args.prompt as u32).map(|index| 300 + index).collect();
    let (mut prefill, mut decode) = (0f64, 0f64);
    for _ in 0..args.repeat {
        let input = Tensor::new(prompt.as_slice(), &Device::Cpu)?.unsqueeze(0)?;
        let start = Instant::now();
        forward(&input, 0)?.flatten_all()?.to_vec1::<f32>()?;
        prefill = prefill.max(args.prompt as f64 / start.elapsed().as_secs_f64());
        let start = Instant::now();
        for step in 0..args.decode {
            let input = Tensor::new(&[400 + step as u32], &Device::Cpu)?.unsqueeze(0)?;
            forward(&input, args.prompt + step)?.flatten_all()?.to_vec1::<f32>()?;
        }
        decode = decode.max(args.decode as f64 / start.elapsed().as_secs_f64());
    }
    let threads = candle_core::utils::get_num_threads();
    let (engine, model) = match args.f32 {
        true => ("candle F32", "llama in F32"),
        false => ("candle", "quantized_llama Q8_0"),
    };
    let compiled = match cfg!(target_feature = "avx2") {
        true => "target-cpu=native",
        false => "without target-cpu=native",
    };
    println!(
        "{}",
        serde_json::json!({
            "engine": engine,
            "prefill": prefill,
            "decode": decode,
            "note": format!("{model}, {threads} threads, {compiled}"),
        })
    );
    Ok(())
}
