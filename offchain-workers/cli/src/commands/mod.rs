//! What each command does.

mod job;
mod keys;
mod model;
mod network;
mod provider;
mod reward;

use crate::{args::Command, context::Context, failure::Failure};

/// Runs `command`.
pub async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Keys(command) => keys::run(context, command).await,
        Command::Provider(command) => provider::run(context, command).await,
        Command::Model(command) => model::run(context, command).await,
        Command::Job(command) => job::run(context, command).await,
        Command::Reward(command) => reward::run(context, command).await,
        Command::Network => network::run(context).await,
    }
}

/// Bytes written as 0x-hex.
fn parse_hex(what: &str, text: &str) -> Result<Vec<u8>, Failure> {
    hex::decode(text.trim_start_matches("0x")).map_err(|error| Failure::Usage(format!("{what} is not hex: {error}")))
}

/// Exactly `N` bytes written as 0x-hex.
fn parse_bytes<const N: usize>(what: &str, text: &str) -> Result<[u8; N], Failure> {
    let bytes = parse_hex(what, text)?;
    let found = bytes.len();
    bytes
        .try_into()
        .map_err(|_| Failure::Usage(format!("{what} has {found} bytes instead of {N}")))
}

/// An SS58 address as an account id.
fn parse_address(text: &str) -> Result<[u8; 32], Failure> {
    let id: subxt::config::substrate::AccountId32 = text
        .parse()
        .map_err(|error| Failure::Usage(format!("`{text}` is not an address: {error}")))?;
    Ok(id.0)
}
