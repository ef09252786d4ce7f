//! Answers of the reference or of the engine to random prompts, one line each: `index output_hash trace_root`. See
//! `scripts/check-equality`, which compares them.

use anyhow::{anyhow, Result};
use clap::{Args, Parser, Subcommand};
use lantern_engine::{Engine, Kernel, KernelChoice};
use lantern_equality::{engine_answers, prompt, reference_answer, references, Answer, EngineRun, ARCHITECTURES};

#[derive(Parser)]
#[command(about = "Answers of the reference or of the engine to random prompts, for scripts/check-equality.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Names the kernels of this machine.
    Kernels,
    /// Runs the reference.
    Reference {
        #[command(flatten)]
        prompts: Prompts,
    },
    /// Runs the engine.
    Engine {
        /// Kernel, as `kernels` names it.
        #[arg(long)]
        kernel: String,
        /// Threads.
        #[arg(long, default_value_t = 1)]
        threads: usize,
        /// Generations in batches of 1 to 32 instead of each alone.
        #[arg(long)]
        together: bool,
        #[command(flatten)]
        prompts: Prompts,
    },
    /// Prints one prompt.
    Show {
        /// Its number.
        index: u32,
        /// Seed of models and prompts.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

#[derive(Args)]
struct Prompts {
    /// How many.
    #[arg(long, default_value_t = 1000)]
    prompts: u32,
    /// Seed of models and prompts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Kernels => {
            let available = Kernel::ALL.into_iter().filter(|kernel| kernel.is_available());
            available.for_each(|kernel| println!("{}", kernel.name()));
        },
        Command::Reference { prompts } => {
            let models = references(prompts.seed).map_err(|error| anyhow!("{error}"))?;
            for index in 0..prompts.prompts {
                let prompt = prompt(prompts.seed, index);
                let answer = reference_answer(&models[prompt.architecture], index, &prompt);
                print(&answer.map_err(|error| anyhow!("prompt {index}: {error}"))?);
            }
        },
        Command::Engine {
            kernel,
            threads,
            together,
            prompts,
        } => {
            let named = Kernel::ALL.into_iter().find(|candidate| candidate.name() == kernel);
            let kernel =
                named.ok_or_else(|| anyhow!("no kernel is called '{kernel}'; see 'lantern-equality kernels'"))?;
            let engine = Engine::new(threads, KernelChoice::Only(kernel))?;
            let run = EngineRun {
                seed: prompts.seed,
                prompts: 0..prompts.prompts,
                together,
            };
            engine_answers(&engine, &run)?.iter().for_each(print);
        },
        Command::Show { index, seed } => {
            let prompt = prompt(seed, index);
            println!(
                "prompt {index} of seed {seed}: {}, {} input tokens {:?}, {:?}",
                ARCHITECTURES[prompt.architecture],
                prompt.input.len(),
                prompt.input,
                prompt.params
            );
        },
    }
    Ok(())
}

fn print(answer: &Answer) {
    println!("{}", answer.line());
}
