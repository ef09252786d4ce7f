//! `lantern-worker`: serves the node, lists models, runs a prompt.

use std::{
    io::{IsTerminal, Read, Write},
    path::PathBuf,
    process::ExitCode,
    sync::{atomic::AtomicBool, Arc},
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use codec::Encode;
use lantern_engine::ModelCache;
use lantern_exact::{spec::encode_tokens, GenerateParams, JobParams, ModelKind, Sampling, StopTokens};
use lantern_worker::{
    backend::{Backend, Event, Failure, Finished, Refusal},
    device::{Device, DeviceBackend},
    engine::Serving,
    executor::{Executor, Limits},
    machine::{default_cache_memory, default_model_cache, default_threads},
    models::{Bounds, Models},
    server::Listener,
    text::TextStream,
};
use lantern_worker_protocol::{ChatMessage, Execute};
use tokio_util::sync::CancellationToken;

/// The process that owns the device and serves a Lantern node.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Print the models, with their ids, specifications (SCALE, hex) and weights roots, as JSON.
    Models(ModelArgs),
    /// Remove all models from the model cache.
    ClearCache(ModelArgs),
    /// Run a text on a model here, without a node, and print what it says as it comes.
    Run(Run),
}

#[derive(Args)]
struct ModelArgs {
    /// A model: a folder in Hugging Face's layout, or a GGUF file (F32, F16, BF16 or Q8_0). May be given several times.
    #[arg(long = "model", value_name = "PATH")]
    models: Vec<PathBuf>,
    /// Leave out the model that is built in.
    #[arg(long)]
    no_default_model: bool,
    /// Folder where models are kept quantised, so that they load in a moment from the second time on
    /// [default: lantern/models in $XDG_CACHE_HOME or ~/.cache].
    #[arg(long, value_name = "DIR")]
    model_cache: Option<PathBuf>,
    /// Keep no quantised models.
    #[arg(long, conflicts_with = "model_cache")]
    no_model_cache: bool,
    /// Most GiB in that folder. Models that were not used for the longest time make room for others.
    #[arg(long, value_name = "GIB", default_value_t = 100)]
    model_cache_limit: u32,
}

impl ModelArgs {
    fn load(&self, bounds: Bounds) -> anyhow::Result<Models> {
        self.load_but(self.no_default_model, bounds)
    }

    fn load_but(&self, without_default: bool, bounds: Bounds) -> anyhow::Result<Models> {
        let cache = self.cache();
        if let Some(cache) = &cache {
            tracing::debug!(folder = %cache.folder().display(), "model cache");
        }
        Ok(Models::load(&self.models, without_default, bounds, cache)?)
    }

    /// `None` where it is not wanted, or there is no place for it.
    fn cache(&self) -> Option<ModelCache> {
        if self.no_model_cache {
            return None;
        }
        let folder = self.model_cache.clone().or_else(default_model_cache)?;
        Some(ModelCache::new(folder, u64::from(self.model_cache_limit) << 30))
    }
}

#[derive(Args)]
struct Serve {
    /// Unix socket to listen on. Its folder is made if need be.
    #[arg(long, value_name = "PATH", required = true)]
    socket: Option<PathBuf>,
    #[command(flatten)]
    models: ModelArgs,
    /// Device that computes: cpu, cuda (the first NVIDIA card) or cuda:N. Cards need a worker built with the feature cuda.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: Device,
    /// Threads that compute [default: one for each physical core].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Generations of one model that run together. They share every pass over the weights, so that more tokens come out in
    /// the same time, and none of them changes by it.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    max_batch: u16,
    /// Memory for the caches of running generations, in MiB [default: a quarter of the machine's, or what a card has left]. Who
    /// finds none waits until others have ended; a job that needs more than all of it is refused.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    cache_memory: Option<u32>,
    /// Compute every prompt from its first token. Otherwise a prompt that begins as an earlier text of the same model did takes
    /// over what the caches still hold of it; its time then tells that there was such a text.
    #[arg(long)]
    no_prefix_reuse: bool,
    /// Memory for the weights of models, in MiB [default: no bound]. Beyond it the model unused for longest is given up, and
    /// loaded again when a job needs it.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    model_memory: Option<u32>,
    /// Most positions of one job, prompt and output together [default: what the model and the cache memory allow].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_positions: Option<u32>,
    /// Executions that may wait.
    #[arg(long, value_name = "N", default_value_t = 64)]
    queue: usize,
    /// End when standard input ends. A parent that holds the other end of a pipe takes this process with it, however it
    /// dies; unlike a signal on the parent's death, this does not depend on which of its threads started the process.
    #[arg(long)]
    exit_with_parent: bool,
}

#[derive(Args)]
struct Run {
    /// What to complete or embed.
    #[arg(long)]
    text: String,
    #[command(flatten)]
    models: ModelArgs,
    /// Take the text for what a user says, and render it by the model's chat template.
    #[arg(long)]
    chat: bool,
    /// With --chat: what the system says first.
    #[arg(long, value_name = "TEXT", requires = "chat")]
    system: Option<String>,
    /// Id or name of the model to use, where several are named [default: the first].
    #[arg(long, value_name = "NAME")]
    use_model: Option<String>,
    /// Most tokens to produce.
    #[arg(long, default_value_t = 64)]
    max_tokens: u32,
    /// Sampling temperature; 0 takes the most probable token always.
    #[arg(long, default_value_t = 0.0)]
    temperature: f64,
    /// Seed of the sampling noise.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Device that computes: cpu, cuda (the first NVIDIA card) or cuda:N. Cards need a worker built with the feature cuda.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: Device,
    /// Threads that compute [default: one for each physical core].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("LANTERN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Models(args)) => print_models(&args),
        Some(Command::ClearCache(args)) => clear_cache(&args),
        Some(Command::Run(run)) => run_here(&run),
        None => serve(cli.serve),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lantern-worker: {error:#}");
            ExitCode::FAILURE
        },
    }
}

fn print_models(args: &ModelArgs) -> anyhow::Result<()> {
    let catalog = args.load(Bounds::NONE)?.catalog();
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &catalog.models)?;
    writeln!(out)?;
    Ok(())
}

fn clear_cache(args: &ModelArgs) -> anyhow::Result<()> {
    let cache = args.cache().context("there is no model cache")?;
    let folder = cache.folder().display();
    cache.clear().with_context(|| format!("clearing {folder}"))?;
    println!("cleared {folder}");
    Ok(())
}

fn run_here(run: &Run) -> anyhow::Result<()> {
    // Whoever names a model means that one.
    let without_default = run.models.no_default_model || !run.models.models.is_empty();
    let models = Arc::new(run.models.load_but(without_default, Bounds::NONE)?);
    let id = models.find(run.use_model.as_deref())?;
    let model = models.get(&id)?;
    let vocabulary = models
        .catalog()
        .vocabularies
        .remove(&id)
        .context("the model has no tokenizer")?;
    let input = if run.chat {
        vocabulary.encode_chat(conversation(run))
    } else {
        vocabulary.encode(&run.text)
    }
    .map_err(anyhow::Error::msg)?;
    let params = match model.spec().kind() {
        ModelKind::Embedding => JobParams::Embed,
        ModelKind::Generation => JobParams::Generate(GenerateParams {
            max_new_tokens: run.max_tokens,
            sampling: sampling(run),
            stop: StopTokens::new(model.end_tokens()).unwrap_or_default(),
        }),
    };
    let job = Execute {
        key: 0,
        model: id,
        input: encode_tokens(&input).into(),
        params: params.encode().into(),
    };
    let serving = Serving {
        threads: run.threads.unwrap_or_else(default_threads),
        max_batch: 1,
        prefix_reuse: false,
    };
    let engine = DeviceBackend::open(&run.device, serving, models)?;
    let mut stream = TextStream::default();
    let finished = run_alone(&engine, &job, &mut |token| {
        print!("{}", stream.push(token, &*vocabulary));
        // A closed pipe is found out at the end.
        let _ = std::io::stdout().flush();
    })?;
    if params == JobParams::Embed {
        let scale = f64::from(1u32 << model.spec().embedding_frac());
        let row: Vec<f64> = finished
            .output
            .as_ref()
            .chunks_exact(4)
            .map(|b| f64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]])) / scale)
            .collect();
        print!("{}", serde_json::to_string(&row)?);
    }
    println!();
    eprintln!(
        "{} prompt tokens, {} output tokens, trace root {}",
        finished.usage.prompt_tokens, finished.usage.output_tokens, finished.trace_root
    );
    Ok(())
}

/// What the system and the user say.
fn conversation(run: &Run) -> Vec<ChatMessage> {
    let said = [("system", run.system.clone()), ("user", Some(run.text.clone()))];
    let message = |(role, content): (&str, Option<String>)| {
        let role = role.to_owned();
        content.map(|content| ChatMessage { role, content })
    };
    said.into_iter().filter_map(message).collect()
}

/// Runs one job to its end.
fn run_alone(backend: &impl Backend, job: &Execute, on_token: &mut dyn FnMut(u32)) -> anyhow::Result<Finished> {
    let said = |failure: Failure| anyhow::anyhow!("{}: {}", failure.kind.name(), failure.message);
    let refused = |refusal| match refusal {
        Refusal::Failed(failure) => said(failure),
        Refusal::Slots | Refusal::Memory => anyhow::anyhow!("an idle engine has no room"),
    };
    let mut batch = backend.batch(&job.model).map_err(refused)?;
    batch.admit(job.key, job).map_err(refused)?;
    let mut ended = None;
    loop {
        batch.step(&AtomicBool::new(false), &mut |_, event| match event {
            Event::Token(token) => on_token(token),
            Event::Ended(result) => ended = Some(result),
        });
        if let Some(result) = ended {
            return result.map_err(said);
        }
    }
}

fn sampling(run: &Run) -> Sampling {
    if run.temperature <= 0.0 {
        return Sampling::Greedy;
    }
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&run.seed.to_le_bytes());
    // The cast saturates; the engine refuses what is out of range.
    Sampling::Seeded {
        temperature: (run.temperature * 65_536.0) as u32,
        top_k: 0,
        top_p: 65_536,
        seed,
    }
}

fn serve(args: Serve) -> anyhow::Result<()> {
    if args.exit_with_parent {
        watch_parent()?;
    }
    let socket = args.socket.context("--socket is missing")?;
    let threads = args.threads.unwrap_or_else(default_threads).max(1);
    let bytes = |mib: u32| (mib as usize).saturating_mul(1 << 20);
    let bounds = Bounds {
        model_memory: args.model_memory.map_or(usize::MAX, bytes),
        cache_memory: match args.cache_memory {
            Some(mib) => bytes(mib),
            None if args.device == Device::Cpu => default_cache_memory(),
            // A card says what it has left.
            None => usize::MAX,
        },
        max_positions: args.max_positions.unwrap_or(u32::MAX),
    };
    let models = Arc::new(args.models.load(bounds)?);
    let mut catalog = models.catalog();
    let serving = Serving {
        threads,
        max_batch: args.max_batch.into(),
        prefix_reuse: !args.no_prefix_reuse,
    };
    let backend = DeviceBackend::open(&args.device, serving, models)?;
    backend.limit(&mut catalog);
    let limits = Limits {
        queue: args.queue.max(1),
        threads: u32::try_from(threads).unwrap_or(u32::MAX),
        ..Limits::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let listener = Listener::open(&socket).await?;
        let (executor, _thread) = Executor::start(backend, catalog.clone(), limits)?;
        tracing::info!(
            socket = %socket.display(),
            models = catalog.models.len(),
            threads,
            max_batch = args.max_batch,
            cache_memory_mib = bounds.cache_memory >> 20,
            "listening"
        );
        let stop = CancellationToken::new();
        let serving = tokio::spawn(listener.serve(executor.clone(), catalog, stop.clone()));
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
        executor.stop();
        serving.await?;
        Ok(())
    })
}

/// Ends the process when standard input does.
fn watch_parent() -> anyhow::Result<()> {
    let watch = || {
        let mut buffer = [0; 256];
        loop {
            match std::io::stdin().read(&mut buffer) {
                Ok(0) => break,
                Err(error) if error.kind() != std::io::ErrorKind::Interrupted => break,
                Ok(_) | Err(_) => {},
            }
        }
        // Without a word: who reads the log may have ended with the parent, and a log line that cannot be written panics.
        std::process::exit(0);
    };
    std::thread::Builder::new().name("parent".into()).spawn(watch)?;
    Ok(())
}
