//! A GPU against the CPU and against its own memory: equal traces first, then tokens/s of a Llama of 7B's shape with random weights,
//! in a Markdown table. See `scripts/gpu-check`.

#![allow(clippy::unwrap_used)] // What meets something unexpected is to end there.

use anyhow::{ensure, Result};
use clap::Parser;
use lantern_engine::{
    gpu::{GpuBatch, GpuEngine, GpuModel},
    BatchEvent, BatchOptions, Engine, ExecuteOptions, Execution, KernelChoice, LoadedModel, SlotId,
};
use lantern_exact::{
    synthetic::SplitMix64, Family, GenerateParams, JobParams, LlamaSpec, ModelSpec, RopeScaling, Sampling, StopTokens,
    Width, ARITHMETIC,
};
use std::{collections::HashMap, ops::ControlFlow, path::PathBuf, sync::atomic::AtomicBool, time::Instant};

#[derive(Parser)]
struct Args {
    /// Number of the card.
    #[arg(long, default_value_t = 0)]
    card: usize,
    /// The emulation in this library instead of a card: to try this program, its times mean nothing.
    #[arg(long)]
    emulated: Option<PathBuf>,
    /// Tokens of each prompt.
    #[arg(long, default_value_t = 512)]
    prompt: u32,
    /// Tokens decoded after it.
    #[arg(long, default_value_t = 128)]
    decode: u32,
    /// Sequences together.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8, 16, 32])]
    batch: Vec<usize>,
    /// Small models, to try this program.
    #[arg(long)]
    small: bool,
}

#[cfg(feature = "cuda")]
fn card(number: usize) -> Result<GpuEngine> {
    Ok(GpuEngine::cuda(number)?)
}

#[cfg(not(feature = "cuda"))]
fn card(_: usize) -> Result<GpuEngine> {
    anyhow::bail!("built without the feature cuda")
}

#[cfg(feature = "emulator")]
fn emulated(path: &std::path::Path) -> Result<GpuEngine> {
    Ok(GpuEngine::emulated(path)?)
}

#[cfg(not(feature = "emulator"))]
fn emulated(_: &std::path::Path) -> Result<GpuEngine> {
    anyhow::bail!("built without the feature emulator")
}

/// `[hidden, intermediate, layers, heads, kv_heads, vocab]`.
fn spec(width: Width, shape: [u32; 6]) -> ModelSpec {
    let [hidden, intermediate, layers, heads, kv_heads, vocab] = shape;
    ModelSpec {
        family: Family::Llama(LlamaSpec {
            tied_embeddings: false,
            qkv_bias: false,
            qk_norm: false,
            rope_base: 10_000,
            rope_scaling: RopeScaling::None,
        }),
        arithmetic: ARITHMETIC,
        activation: width,
        keys: width,
        hidden,
        intermediate,
        layers,
        heads,
        kv_heads,
        head_dim: hidden / heads,
        vocab,
        max_context: 4096,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [0; 32],
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let engine = match &args.emulated {
        Some(path) => emulated(path)?,
        None => card(args.card)?,
    };
    println!("# {}\n", engine.name());
    for width in [Width::Wide, Width::Narrow] {
        for batch in [1, 3, 8, 16, 40] {
            let jobs = compare(&engine, width, batch, args.small)?;
            println!("{width:?}, {batch} together: outputs and trace roots of {jobs} jobs equal the CPU's");
        }
    }
    let bytes = if args.small { 1 << 20 } else { 1 << 30 };
    let bandwidth = engine.bandwidth(bytes)?;
    println!(
        "\nread and write bandwidth of the residual addition: {:.0} GB/s\n",
        bandwidth / 1e9
    );
    println!("| activations | together | prefill tok/s | decode tok/s | weights read GB/s | of bandwidth |");
    println!("|---|---|---|---|---|---|");
    for width in [Width::Wide, Width::Narrow] {
        let shape = if args.small {
            [64, 96, 1, 2, 1, 100]
        } else {
            [4096, 11008, 32, 32, 32, 32000]
        };
        let model = LoadedModel::synthetic(spec(width, shape), 1)?;
        let most = args.batch.iter().copied().max().unwrap_or(1);
        let positions = (args.prompt + args.decode + 64) as usize * most;
        let spec = model.spec();
        let of_position = spec.layers as usize * (spec.kv_width() as usize * 3 + spec.kv_heads as usize * 16);
        let model = engine.upload(&model, positions * of_position)?;
        for &batch in &args.batch {
            let (prefill, decode) = time(&model, batch, args.prompt, args.decode)?;
            let read = model.weight_bytes() as f64 * decode / batch as f64;
            println!(
                "| {width:?} | {batch} | {prefill:.0} | {decode:.1} | {:.0} | {:.0} % |",
                read / 1e9,
                100.0 * read / bandwidth
            );
        }
    }
    Ok(())
}

/// Runs random jobs, `batch` together, on the GPU, and one by one on the CPU; their number.
fn compare(gpu: &GpuEngine, width: Width, batch: usize, small: bool) -> Result<usize> {
    let shape = if small {
        [64, 96, 2, 4, 2, 100]
    } else {
        [512, 1376, 4, 8, 2, 2000]
    };
    let model = LoadedModel::synthetic(spec(width, shape), 7)?;
    let mut rng = SplitMix64(batch as u64);
    let most = if small { 20 } else { 600 };
    let jobs: Vec<(Vec<u32>, JobParams)> = (0..batch)
        .map(|index| {
            let prompt = (0..rng.range(1, most))
                .map(|_| rng.range(0, i64::from(shape[5]) - 1) as u32)
                .collect();
            let seeded = Sampling::Seeded {
                temperature: 70_000,
                top_k: 40,
                top_p: 60_000,
                seed: [index as u8; 32],
            };
            let sampling = if index % 2 == 0 { Sampling::Greedy } else { seeded };
            (prompt, generate(if small { 3 } else { 24 }, sampling))
        })
        .collect();
    let uploaded = gpu.upload(&model, 256 << 20)?;
    let got = together(&uploaded, &jobs, &mut |_| ())?;
    let cpu = Engine::new(
        std::thread::available_parallelism().map_or(1, usize::from),
        KernelChoice::Auto,
    )?;
    for ((input, params), got) in jobs.iter().zip(got) {
        let go_on = &mut |_| ControlFlow::Continue(());
        let want = cpu.execute(
            &model,
            input,
            params,
            &ExecuteOptions::default(),
            go_on,
            &AtomicBool::new(false),
        )?;
        ensure!(
            got == want,
            "{width:?}, {batch} together: got {got:?}, the CPU says {want:?}"
        );
    }
    Ok(jobs.len())
}

fn generate(max_new_tokens: u32, sampling: Sampling) -> JobParams {
    JobParams::Generate(GenerateParams {
        max_new_tokens,
        sampling,
        stop: StopTokens::default(),
    })
}

/// Runs jobs in one batch; `each_step` hears how many tokens each step brought.
fn together(
    model: &GpuModel,
    jobs: &[(Vec<u32>, JobParams)],
    each_step: &mut dyn FnMut(usize),
) -> Result<Vec<Execution>> {
    let options = BatchOptions {
        slots: jobs.len(),
        prefill_rows: 512,
    };
    let mut batch = GpuBatch::new(model, options)?;
    let mut names: HashMap<SlotId, usize> = HashMap::new();
    for (index, (input, params)) in jobs.iter().enumerate() {
        names.insert(batch.admit(input, params)?, index);
    }
    let mut results: Vec<Option<Execution>> = jobs.iter().map(|_| None).collect();
    while !batch.is_empty() {
        let mut tokens = 0;
        batch.step(&AtomicBool::new(false), &mut |id, event| match event {
            BatchEvent::Token(_) => tokens += 1,
            BatchEvent::Finished(execution) => results[names[&id]] = Some(execution),
        })?;
        each_step(tokens);
    }
    Ok(results.into_iter().map(Option::unwrap).collect())
}

/// Tokens/s of all prompts together, until each has its first token, and of decoding after that; the second of two rounds, for the
/// first one records the steps.
fn time(model: &GpuModel, batch: usize, prompt: u32, decode: u32) -> Result<(f64, f64)> {
    let vocab = model.spec().vocab;
    let input: Vec<u32> = (0..prompt).map(|index| index * 7 % vocab).collect();
    let mut speeds = (0.0, 0.0);
    for _ in 0..2 {
        let jobs = vec![(input.clone(), generate(decode, Sampling::Greedy)); batch];
        let start = Instant::now();
        // Times at which steps ended in which all took part.
        let mut full: Vec<Instant> = Vec::new();
        together(model, &jobs, &mut |tokens| {
            if tokens == batch {
                full.push(Instant::now());
            }
        })?;
        if let (Some(first), Some(last)) = (full.first(), full.last()) {
            let (before, after) = ((*first - start).as_secs_f64(), (*last - *first).as_secs_f64());
            speeds = (
                f64::from(prompt) * batch as f64 / before,
                batch as f64 * (full.len() - 1) as f64 / after,
            );
        }
    }
    Ok(speeds)
}
