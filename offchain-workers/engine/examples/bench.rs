//! Times the engine on a Llama of TinyLlama-1.1B's shape with random weights: JSON lines per activation width with prefill and
//! decode tokens/s, of one sequence and of several together, and with what an audit costs. See `scripts/bench`.
//!
//! With `--trace-cost` instead: the share of each pass's time that goes into the trace.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

use anyhow::Result;
use clap::{Parser, ValueEnum};
use lantern_engine::{
    Audit, Batch, BatchEvent, BatchOptions, CacheMemory, Engine, ExecuteOptions, Kernel, KernelChoice, LoadedModel,
    PassTimes, TimedPass,
};
use lantern_exact::{
    Family, GenerateParams, JobParams, LlamaSpec, ModelSpec, RopeScaling, Sampling, StopTokens, Width, ARITHMETIC,
};
use std::{
    ops::ControlFlow,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

#[derive(Parser)]
struct Args {
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Instructions: the fastest of this machine, or these.
    #[arg(long, value_enum, default_value_t = Instructions::Auto)]
    kernel: Instructions,
    /// Tokens of the prompt.
    #[arg(long, default_value_t = 256)]
    prompt: usize,
    /// Tokens decoded after it.
    #[arg(long, default_value_t = 32)]
    decode: u32,
    /// Sequences that share every pass in the second measurement; 1 leaves it out.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Tokens generated, from a third as many, for an audit to check; 0 leaves it out.
    #[arg(long, default_value_t = 192)]
    audit: u32,
    /// Rounds, of which the fastest counts.
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Widths to time.
    #[arg(long, value_enum, default_values_t = [Activations::Wide, Activations::Narrow])]
    width: Vec<Activations>,
    /// A small model instead, to try the script.
    #[arg(long)]
    small: bool,
    /// Times every pass with and without the trace, in turns, and prints the trace's share instead of speeds.
    #[arg(long)]
    trace_cost: bool,
    /// With `--trace-cost`: the process's processor time instead of the time on the wall, for machines with other work. Means
    /// something with one thread only, because waiting threads count as working.
    #[arg(long)]
    processor_time: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Instructions {
    Auto,
    Scalar,
    Avx2,
    Avx512,
    Amx,
    Neon,
    NeonDot,
}

#[derive(Clone, Copy, ValueEnum)]
enum Activations {
    Wide,
    Narrow,
}

fn spec(activation: Width, small: bool) -> ModelSpec {
    let (hidden, intermediate, layers, heads, kv_heads, vocab) = if small {
        (512, 1536, 6, 8, 2, 8000)
    } else {
        (2048, 5632, 22, 32, 4, 32000)
    };
    ModelSpec {
        family: Family::Llama(LlamaSpec {
            tied_embeddings: false,
            qkv_bias: false,
            qk_norm: false,
            rope_base: 10_000,
            rope_scaling: RopeScaling::None,
        }),
        arithmetic: ARITHMETIC,
        activation,
        keys: Width::Wide,
        hidden,
        intermediate,
        layers,
        heads,
        kv_heads,
        head_dim: hidden / heads,
        vocab,
        max_context: 2048,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [0; 32],
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let choice = match args.kernel {
        Instructions::Auto => KernelChoice::Auto,
        Instructions::Scalar => KernelChoice::Only(Kernel::Scalar),
        Instructions::Avx2 => KernelChoice::Only(Kernel::Avx2),
        Instructions::Avx512 => KernelChoice::Only(Kernel::Avx512),
        Instructions::Amx => KernelChoice::Only(Kernel::Amx),
        Instructions::Neon => KernelChoice::Only(Kernel::Neon),
        Instructions::NeonDot => KernelChoice::Only(Kernel::NeonDot),
    };
    let engine = Engine::new(args.threads, choice)?;
    for width in &args.width {
        let (name, activation) = match width {
            Activations::Wide => ("lantern wide", Width::Wide),
            Activations::Narrow => ("lantern narrow", Width::Narrow),
        };
        let model = LoadedModel::synthetic(spec(activation, args.small), 1)?;
        if args.trace_cost {
            trace_cost(name, &engine, &model, &args)?;
            continue;
        }
        let note = format!(
            "{} kernels, {} threads, trace included",
            engine.kernel().name(),
            engine.threads()
        );
        report(name, &note, 1, args.repeat, || {
            time(&engine, &model, args.prompt, args.decode)
        })?;
        if args.audit > 0 {
            let (generation, audit) = time_audit(&engine, &model, args.audit)?;
            let line = serde_json::json!({
                "audit_of": name,
                "prompt": args.audit / 3,
                "generated": args.audit,
                "generation_seconds": generation,
                "audit_seconds": audit,
            });
            println!("{line}");
        }
        if args.batch > 1 {
            let name = format!("{name}, batch {}", args.batch);
            report(&name, &note, args.batch, args.repeat, || {
                time_batch(&engine, &model, args.batch, args.prompt, args.decode)
            })?;
        }
    }
    Ok(())
}

/// Prints a line with the trace's share of prefill and of decode, of one sequence and of several together.
fn trace_cost(name: &str, engine: &Engine, model: &LoadedModel, args: &Args) -> Result<()> {
    let start = Instant::now();
    let clock = || {
        if args.processor_time {
            processor_time()
        } else {
            start.elapsed()
        }
    };
    for sequences in [1, args.batch] {
        let (mut prefill, mut decode) = (Vec::new(), Vec::new());
        for _ in 0..args.repeat {
            let chunk = BatchOptions::default().prefill_rows;
            let sizes = (sequences, chunk, args.decode as usize);
            engine.time_trace(
                model,
                &prompt(args.prompt),
                sizes,
                &clock,
                &mut |pass, times| match pass {
                    TimedPass::Prefill(_) => prefill.push(times),
                    TimedPass::Decode => decode.push(times),
                },
            )?;
        }
        let line = serde_json::json!({
            "engine": name,
            "kernel": engine.kernel().name(),
            "threads": engine.threads(),
            "sequences": sequences,
            "prefill": shares(&prefill),
            "decode": shares(&decode),
        });
        println!("{line}");
        if args.batch <= 1 {
            break;
        }
    }
    Ok(())
}

/// Processor time of this process so far.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one `timespec`, which is there.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The middle one of the passes' shares, because some passes meet other work of the machine, and the middle time.
fn shares(passes: &[PassTimes]) -> serde_json::Value {
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let share = |times: &PassTimes| 1.0 - times.without_trace.as_secs_f64() / times.with_trace.as_secs_f64();
    let milliseconds = |times: &PassTimes| times.with_trace.as_secs_f64() * 1e3;
    serde_json::json!({
        "passes": passes.len(),
        "milliseconds": middle(passes.iter().map(milliseconds).collect()),
        "trace_share": middle(passes.iter().map(share).collect()),
    })
}

/// Prints the best of `repeat` measurements.
fn report(
    name: &str,
    note: &str,
    sequences: usize,
    repeat: usize,
    measure: impl Fn() -> Result<(f64, f64)>,
) -> Result<()> {
    let (mut prefill, mut decode) = (0f64, 0f64);
    for _ in 0..repeat {
        let (prompt_speed, token_speed) = measure()?;
        prefill = prefill.max(prompt_speed);
        decode = decode.max(token_speed);
    }
    let line = serde_json::json!({
        "engine": name,
        "sequences": sequences,
        "prefill": prefill,
        "decode": decode,
        "note": note,
    });
    println!("{line}");
    Ok(())
}

fn prompt(tokens: usize) -> Vec<u32> {
    (0..tokens as u32).map(|index| 300 + index).collect()
}

fn generate(max_new_tokens: u32) -> JobParams {
    JobParams::Generate(GenerateParams {
        max_new_tokens,
        sampling: Sampling::Greedy,
        stop: StopTokens::default(),
    })
}

/// Tokens/s of a prompt (to the first token) and of the tokens after it, trace included.
fn time(engine: &Engine, model: &LoadedModel, prompt_tokens: usize, decode: u32) -> Result<(f64, f64)> {
    let (input, params) = (prompt(prompt_tokens), generate(decode + 1));
    let start = Instant::now();
    let mut first = None;
    let mut on_token = |_| {
        first.get_or_insert_with(Instant::now);
        ControlFlow::Continue(())
    };
    engine.execute(
        model,
        &input,
        &params,
        &ExecuteOptions::default(),
        &mut on_token,
        &AtomicBool::new(false),
    )?;
    let end = Instant::now();
    let first = first.unwrap_or(end);
    Ok((
        prompt_tokens as f64 / (first - start).as_secs_f64(),
        f64::from(decode) / (end - first).as_secs_f64(),
    ))
}

/// Seconds of a generation of `tokens` tokens from a third as many, and of its audit.
fn time_audit(engine: &Engine, model: &LoadedModel, tokens: u32) -> Result<(f64, f64)> {
    let (input, params) = (prompt(tokens as usize / 3), generate(tokens));
    let (options, cancel) = (ExecuteOptions::default(), AtomicBool::new(false));
    let start = Instant::now();
    let go_on = &mut |_| ControlFlow::Continue(());
    let execution = engine.execute(model, &input, &params, &options, go_on, &cancel)?;
    let generated = Instant::now();
    let audit = engine.audit(model, &input, &params, &execution.output_tokens, &options, &cancel)?;
    let (generation, audit_time) = (generated - start, generated.elapsed());
    anyhow::ensure!(audit == Audit::Confirmed(execution), "the audit finds another result");
    Ok((generation.as_secs_f64(), audit_time.as_secs_f64()))
}

/// Tokens/s of all together: of the prompts, until each sequence has its first token, and of `decode` passes after that.
fn time_batch(
    engine: &Engine,
    model: &LoadedModel,
    sequences: usize,
    prompt_tokens: usize,
    decode: u32,
) -> Result<(f64, f64)> {
    let memory = CacheMemory::unbounded();
    let options = BatchOptions {
        slots: sequences,
        ..BatchOptions::default()
    };
    let mut batch = Batch::new(engine, model, &memory, options)?;
    // The first decode while the last prefill; nobody may end before the measurement does.
    let params = generate(model.spec().max_context - prompt_tokens as u32);
    for _ in 0..sequences {
        batch.admit(&prompt(prompt_tokens), &params)?;
    }
    let cancel = AtomicBool::new(false);
    let mut step = || -> Result<usize> {
        let mut tokens = 0;
        batch.step(&cancel, &mut |_, event| {
            tokens += usize::from(matches!(event, BatchEvent::Token(_)))
        })?;
        Ok(tokens)
    };
    let start = Instant::now();
    while step()? < sequences {}
    let first = Instant::now();
    let mut tokens = 0;
    for _ in 0..decode {
        tokens += step()?;
    }
    Ok((
        (sequences * prompt_tokens) as f64 / (first - start).as_secs_f64(),
        tokens as f64 / first.elapsed().as_secs_f64(),
    ))
}
