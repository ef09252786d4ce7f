//! Drives a development node with transactions and measures what it manages. Nothing is inferred: it is the chain that is measured,
//! and the worker keys are held here. `scripts/bench chain` starts the nodes; `docs/performance.md` has the figures.

#[allow(dead_code)]
#[path = "../../src/call.rs"]
mod call;
#[allow(dead_code)]
#[path = "../../src/chain.rs"]
mod chain;
#[allow(dead_code)]
#[path = "../../src/failure.rs"]
mod failure;
mod import;
mod jobs;
mod market;
mod node;
mod pool;
mod report;
mod sender;

use std::process::ExitCode;

use clap::Parser;

use crate::{chain::Chain, failure::Failure, node::Process};

/// Drives a development node with transactions and measures what it manages.
#[derive(Parser)]
struct Args {
    /// The node's WebSocket.
    #[arg(long, env = "LANTERN_URL")]
    url: String,
    /// The node's process.
    #[arg(long)]
    pid: u32,
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Whole job life cycles a second.
    Jobs {
        /// Host and port of the node's metrics.
        #[arg(long)]
        metrics: String,
        #[command(flatten)]
        load: jobs::Load,
    },
    /// A pool with many transactions waiting.
    Pool(pool::Fill),
    /// More transactions than the pool holds.
    Beyond(pool::Beyond),
    /// Claims that are not valid.
    Refusals(pool::Refusals),
    /// Import of a chain by a second node.
    Import(import::Blocks),
}

async fn run(args: Args) -> Result<(), Failure> {
    let chain = Chain::connect(&args.url).await?;
    let process = Process::new(args.pid);
    match args.what {
        What::Jobs { metrics, load } => jobs::run(&chain, &process, &metrics, &load).await,
        // Users' questions go over a connection of their own, where they do not queue behind transactions.
        What::Pool(fill) => pool::fill(&chain, &Chain::connect(&args.url).await?, &process, &fill).await,
        What::Beyond(beyond) => pool::beyond(&chain, &process, &beyond).await,
        What::Refusals(refusals) => pool::refusals(&chain, &process, &refusals).await,
        What::Import(blocks) => import::run(&blocks).await,
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.exit_code())
        },
    }
}
