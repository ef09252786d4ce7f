//! Times candle's quantised Llama on a GGUF: one JSON line with prefill and decode tokens/s. See `scripts/bench`.

use anyhow::{Context, Result};
use candle_core::{quantized::gguf_file::Content, Device, Tensor};
use candle_transformers::models::quantized_llama::ModelWeights;
use clap::Parser;
use std::{fs::File, path::PathBuf, time::Instant};

#[derive(Parser)]
struct Args {
    /// GGUF of a Llama with Q8_0 weights.
    model: PathBuf,
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

fn main() -> Result<()> {
    let args = Args::parse();
    let mut file = File::open(&args.model).with_context(|| args.model.display().to_string())?;
    let content = Content::read(&mut file)?;
    let mut model = ModelWeights::from_gguf(content, &mut file, &Device::Cpu)?;
    let prompt: Vec<u32> = (0..args.prompt as u32).map(|index| 300 + index).collect();
    let (mut prefill, mut decode) = (0f64, 0f64);
    for _ in 0..args.repeat {
        let input = Tensor::new(prompt.as_slice(), &Device::Cpu)?.unsqueeze(0)?;
        let start = Instant::now();
        model.forward(&input, 0)?.flatten_all()?.to_vec1::<f32>()?;
        prefill = prefill.max(args.prompt as f64 / start.elapsed().as_secs_f64());
        let start = Instant::now();
        for step in 0..args.decode {
            let input = Tensor::new(&[400 + step as u32], &Device::Cpu)?.unsqueeze(0)?;
            model
                .forward(&input, args.prompt + step)?
                .flatten_all()?
                .to_vec1::<f32>()?;
        }
        decode = decode.max(args.decode as f64 / start.elapsed().as_secs_f64());
    }
    let threads = candle_core::utils::get_num_threads();
    println!(
        "{}",
        serde_json::json!({
            "engine": "candle",
            "prefill": prefill,
            "decode": decode,
            "note": format!("quantized_llama Q8_0, {threads} threads, {}", if cfg!(target_feature = "avx2") {
                "target-cpu=native"
            } else {
                "without target-cpu=native"
            }),
        })
    );
    Ok(())
}
