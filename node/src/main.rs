//! The Lantern node: validator, provider and full node in one binary.

mod chain_spec;
mod cli;
mod command;
mod provider;
mod rpc;
mod seal;
mod service;

fn main() -> sc_cli::Result<()> {
    command::run()
}
