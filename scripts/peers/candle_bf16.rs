//! Times candle's Llama of 7B's shape in bf16 on an NVIDIA card, one sequence, zero weights: a row of the table of
//! scripts/gpu-check, which builds this with candle's own CUDA kernels.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::llama::{Cache, Config, Llama};
use std::time::Instant;

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<usize>().ok());
    let (prompt, decode) = (numbers.next().unwrap_or(512), numbers.next().unwrap_or(128));
    let device = Device::new_cuda(0)?;
    let config = Config::config_7b_v1(false);
    let model = Llama::load(VarBuilder::zeros(DType::BF16, &device), &config)?;
    let mut speeds = (0.0, 0.0);
    // The second round counts: the first one loads kernels.
    for _ in 0..2 {
        let mut cache = Cache::new(true, DType::BF16, &config, &device)?;
        let mut step = |tokens: Vec<u32>, position: usize| -> Result<()> {
            let input = Tensor::new(tokens, &device)?.unsqueeze(0)?;
            model.forward(&input, position, &mut cache)?.flatten_all()?.to_vec1::<f32>().map(drop)
        };
        let start = Instant::now();
        step((0..prompt as u32).collect(), 0)?;
        let first = Instant::now();
        for index in 0..decode {
            step(vec![index as u32], prompt + index)?;
        }
        speeds = (
            prompt as f64 / (first - start).as_secs_f64(),
            decode as f64 / first.elapsed().as_secs_f64(),
        );
    }
    println!("| candle bf16 | 1 | {:.0} | {:.1} | | |", speeds.0, speeds.1);
    Ok(())
}
