//! Makes Lantern's own small Llama from the documentation of the Rust toolchain.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use anyhow::{anyhow, bail, Context, Result};
use clap::{Parser, Subcommand};
use lantern_trainer::{
    checkpoint::{self, Progress},
    corpus,
    model::{mean_loss, windows, Config, Model},
    optim::{clip, AdamW, Gradients, Schedule},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokenizers::Tokenizer;

/// Bytes of held-out text that are published with the model.
const SAMPLE_BYTES: usize = 200_000;

/// Seed of the initial parameters and of the order of the training windows.
const SEED: u64 = 2026;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Extracts the text, learns the tokenizer and writes the token streams.
    Prepare(Prepare),
    /// Trains, or continues from the last checkpoint in the work folder.
    Train(Train),
    /// Writes a checkpoint as a model folder and measures it.
    Export(Export),
    /// Continues a prompt with a published model, in float32.
    Sample(Sample),
}

#[derive(clap::Args)]
struct Prepare {
    /// Folder for streams and checkpoints.
    #[arg(long)]
    work: PathBuf,
    /// The documentation's `html` folder; by default the one of the installed toolchain.
    #[arg(long)]
    docs: Option<PathBuf>,
    /// Size of the vocabulary.
    #[arg(long, default_value_t = 2048)]
    vocab: usize,
}

#[derive(clap::Args)]
struct Train {
    /// Folder made by `prepare`.
    #[arg(long)]
    work: PathBuf,
    /// Steps of the whole run; the cosine schedule ends there.
    #[arg(long)]
    steps: usize,
    /// Sequences per step.
    #[arg(long, default_value_t = 4)]
    batch: usize,
    /// Tokens per sequence, which is also the model's context.
    #[arg(long, default_value_t = 512)]
    context: usize,
    /// Highest learning rate.
    #[arg(long, default_value_t = 2e-3)]
    rate: f64,
    /// Steps of warm-up.
    #[arg(long, default_value_t = 100)]
    warmup: usize,
    /// Threads; sequences of a step are spread over them. The result does not depend on it.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Steps between measurements and checkpoints.
    #[arg(long, default_value_t = 100)]
    every: usize,
    /// Channels of the residual stream.
    #[arg(long, default_value_t = 256)]
    hidden: usize,
    /// Channels of the feed-forward block.
    #[arg(long, default_value_t = 704)]
    ff: usize,
    /// Layers.
    #[arg(long, default_value_t = 4)]
    layers: usize,
    /// Query heads.
    #[arg(long, default_value_t = 8)]
    heads: usize,
    /// Key and value heads.
    #[arg(long, default_value_t = 4)]
    kv_heads: usize,
}

#[derive(clap::Args)]
struct Export {
    /// Folder of the run.
    #[arg(long)]
    work: PathBuf,
    /// Model folder to write.
    #[arg(long)]
    out: PathBuf,
    /// Use the last checkpoint instead of the best.
    #[arg(long)]
    last: bool,
}

#[derive(clap::Args)]
struct Sample {
    /// Model folder.
    #[arg(long)]
    model: PathBuf,
    /// Text to continue.
    prompt: String,
    /// Tokens to write.
    #[arg(long, default_value_t = 120)]
    count: usize,
    /// Zero takes the likeliest token.
    #[arg(long, default_value_t = 0.7)]
    temperature: f32,
    /// Seed of the sampler.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Task::Prepare(task) => prepare(task),
        Task::Train(task) => train(task),
        Task::Export(task) => export(task),
        Task::Sample(task) => sample(task),
    }
}

fn prepare(task: Prepare) -> Result<()> {
    let docs = task.docs.map_or_else(toolchain_docs, Ok)?;
    let pages = corpus::read_pages(&docs)?;
    let tokenizer = corpus::train_tokenizer(&pages, task.vocab)?;
    fs::create_dir_all(&task.work)?;
    let path = task.work.join("tokenizer.json");
    tokenizer
        .save(&path, false)
        .map_err(|error| anyhow!("writing {}: {error}", path.display()))?;
    for (name, held_out) in [("train", false), ("heldout", true)] {
        let text = corpus::joined(&pages, held_out);
        let ids = corpus::encode(&tokenizer, &text)?;
        let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        fs::write(task.work.join(format!("{name}.tokens")), bytes)?;
        let count = pages.iter().filter(|page| page.held_out == held_out).count();
        println!("{name}: {count} pages, {} bytes, {} tokens", text.len(), ids.len());
    }
    fs::write(
        task.work.join("heldout.txt"),
        corpus::held_out_sample(&pages, SAMPLE_BYTES),
    )?;
    Ok(())
}

fn toolchain_docs() -> Result<PathBuf> {
    let out = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .context("running rustc")?;
    let root = String::from_utf8(out.stdout)?;
    Ok(Path::new(root.trim()).join("share/doc/rust/html"))
}

fn stream(work: &Path, name: &str) -> Result<Vec<u32>> {
    let path = work.join(format!("{name}.tokens"));
    let bytes = fs::read(&path).with_context(|| format!("reading {}; run prepare first", path.display()))?;
    Ok(bytes
        .chunks_exact(4)
        .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect())
}

fn tokenizer(folder: &Path) -> Result<Tokenizer> {
    Tokenizer::from_file(folder.join("tokenizer.json")).map_err(|error| anyhow!("reading the tokenizer: {error}"))
}

fn train(task: Train) -> Result<()> {
    let (text, held_out) = (stream(&task.work, "train")?, stream(&task.work, "heldout")?);
    if text.len() <= task.context + 1 || task.batch == 0 || task.every == 0 {
        bail!("the text must be longer than one window, and batch and every at least 1");
    }
    // A fixed part of the held-out text is enough to follow the run; `export` measures the whole sample.
    let probes: Vec<&[u32]> = windows(&held_out, task.context)
        .into_iter()
        .step_by(3)
        .take(40)
        .collect();
    let last = task.work.join("last");
    let (model, mut adam, mut progress) = if last.join("progress.json").exists() {
        checkpoint::load(&last)?
    } else {
        let vocab = tokenizer(&task.work)?.get_vocab_size(true);
        let config = Config::new(
            vocab,
            task.hidden,
            task.ff,
            task.layers,
            task.heads,
            task.kv_heads,
            task.context,
        );
        (Model::random(config, SEED)?, AdamW::default(), Progress::default())
    };
    let schedule = Schedule {
        peak: task.rate,
        warmup: task.warmup,
        steps: task.steps,
        floor: 0.05,
    };
    println!(
        "{} parameters, {} training tokens, from step {}",
        model.size(),
        text.len(),
        progress.step
    );
    let started = Instant::now();
    let (before, first) = (progress.seconds, progress.tokens);
    let mut running = None;
    while progress.step < task.steps {
        let batch = draw(&text, &task, progress.step);
        let (loss, mut gradients) = gradients(&model, &batch, task.threads)?;
        let norm = clip(&mut gradients, 1.0);
        let rate = schedule.rate(progress.step);
        adam.update(&model.vars, &gradients, rate)?;
        progress.step += 1;
        progress.tokens += (task.batch * task.context) as u64;
        progress.seconds = before + started.elapsed().as_secs_f64();
        let mean = running.map_or(loss, |mean: f64| 0.95 * mean + 0.05 * loss);
        running = Some(mean);
        if progress.step % 10 == 0 {
            let speed = (progress.tokens - first) as f64 / started.elapsed().as_secs_f64();
            println!(
                "step {} of {} loss {mean:.4} norm {norm:.2} rate {rate:.2e} tokens {} speed {speed:.0} tok/s",
                progress.step, task.steps, progress.tokens
            );
        }
        if progress.step % task.every == 0 || progress.step == task.steps {
            let measured = mean_loss(&model, &probes, task.threads)?;
            println!(
                "step {} held-out {measured:.4} perplexity {:.2}",
                progress.step,
                measured.exp()
            );
            if progress.best.is_none_or(|best| measured < best) {
                progress.best = Some(measured);
                checkpoint::save(&task.work.join("best"), &model, &AdamW::default(), &progress)?;
            }
            checkpoint::save(&last, &model, &adam, &progress)?;
        }
    }
    Ok(())
}

/// The windows of step `step`: `batch` random places in the text, the same for the same step in every run.
fn draw<'a>(text: &'a [u32], task: &Train, step: usize) -> Vec<&'a [u32]> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    rng.set_stream(step as u64 + 1);
    let length = task.context + 1;
    (0..task.batch)
        .map(|_| {
            let start = rng.random_range(0..=text.len() - length);
            &text[start..start + length]
        })
        .collect()
}

/// Mean loss and mean gradient of a batch. Sequences are summed in order, so the thread count changes nothing.
fn gradients(model: &Model, batch: &[&[u32]], threads: usize) -> Result<(f64, Gradients)> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, f64, Gradients)>> {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(window) = batch.get(index) else {
                return Ok(done);
            };
            let loss = model.loss(window)?;
            let store = loss.backward()?;
            let mut parts = Gradients::new();
            for (name, var) in &model.vars {
                let gradient = store.get(var).with_context(|| format!("no gradient for {name}"))?;
                parts.insert(name.clone(), gradient.flatten_all()?.to_vec1()?);
            }
            done.push((index, f64::from(loss.to_scalar::<f32>()?), parts));
        }
    };
    let mut parts = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let mut parts = Vec::new();
        for worker in workers {
            parts.extend(worker.join().unwrap_or_else(|_| bail!("a training thread panicked"))?);
        }
        Ok::<_, anyhow::Error>(parts)
    })?;
    parts.sort_by_key(|(index, ..)| *index);
    let share = 1.0 / batch.len() as f32;
    let mut total = BTreeMap::new();
    let mut loss = 0.0;
    for (_, one, gradients) in parts {
        loss += one / batch.len() as f64;
        for (name, gradient) in gradients {
            let sum = total.entry(name).or_insert_with(|| vec![0.0; gradient.len()]);
            sum.iter_mut().zip(&gradient).for_each(|(sum, g)| *sum += share * g);
        }
    }
    Ok((loss, total))
}

fn export(task: Export) -> Result<()> {
    let (model, _, progress) = checkpoint::load(&task.work.join(if task.last { "last" } else { "best" }))?;
    checkpoint::publish(&task.out, &model)?;
    for name in ["tokenizer.json", "heldout.txt"] {
        fs::copy(task.work.join(name), task.out.join(name)).with_context(|| format!("copying {name}"))?;
    }
    let published = Model::load(&task.out)?;
    let text = fs::read_to_string(task.out.join("heldout.txt"))?;
    let ids = corpus::encode(&tokenizer(&task.out)?, &text)?;
    let context = published.config.max_position_embeddings;
    println!(
        "step {}, {} tokens, {:.0} s",
        progress.step, progress.tokens, progress.seconds
    );
    for (label, model) in [("float32", &model), ("float16", &published)] {
        let loss = mean_loss(model, &windows(&ids, context), 2)?;
        let bytes = loss * (ids.len() - 1) as f64 / text.len() as f64 / std::f64::consts::LN_2;
        println!(
            "{label}: {} parameters, {} tokens, loss {loss:.5}, perplexity {:.4}, {bytes:.4} bits per byte",
            model.size(),
            ids.len(),
            loss.exp()
        );
    }
    Ok(())
}

fn sample(task: Sample) -> Result<()> {
    let model = Model::load(&task.model)?;
    let tokenizer = tokenizer(&task.model)?;
    let mut prompt = vec![model.config.bos_token_id];
    prompt.extend(corpus::encode(&tokenizer, &task.prompt)?);
    let more = model.sample(&prompt, task.count, task.temperature, task.seed)?;
    let text = tokenizer
        .decode(&more, true)
        .map_err(|error| anyhow!("decoding: {error}"))?;
    println!("{}{text}", task.prompt);
    Ok(())
}
