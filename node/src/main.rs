//! The Lantern node: validator, provider and full node in one binary.

mod chain_spec;
mod check;
mod cli;
mod command;
mod faults;
mod provider;
mod rpc;
mod seal;
mod service;
mod watch;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run().unwrap_or_else(|error| {
        eprintln!("error: {}", faults::explain(&error));
        ExitCode::FAILURE
    })
}
