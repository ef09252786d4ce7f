//! `lantern`: command line for requesters, providers and operators. Documented in `docs/cli.md`.
//!
//! Reads go through the node's JSON-RPC, transactions are built from the metadata that the node gives at run time, receipts
//! are checked against the chain's state itself, and proofs against the hash of a block.

mod args;
mod call;
mod chain;
mod commands;
mod context;
mod failure;
mod ledger;
mod node;
mod proof;
mod receipt;
mod units;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use crate::{args::Cli, context::Context, failure::Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.global.json;
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure, json);
            ExitCode::from(failure.exit_code())
        },
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Connection(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let context = Context::new(cli.global);
        commands::run(&context, cli.command).await
    })
}

fn report(failure: &Failure, json: bool) {
    if json {
        eprintln!("{}", failure.json());
        return;
    }
    eprintln!("error: {failure}");
    if let Some(remedy) = failure.remedy() {
        eprintln!("  try: {remedy}");
    }
}
