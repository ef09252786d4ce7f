//! Command line of the node.

use sc_cli::RunCmd;

use crate::{
    check::{CheckCmd, SpaceParams},
    provider::ProviderParams,
};

/// Lantern: an appchain on which anyone sells AI inference and every result can be proven right bit for bit.
#[derive(Debug, clap::Parser)]
pub struct Cli {
    /// What to do instead of running the node.
    #[command(subcommand)]
    pub subcommand: Option<Subcommand>,

    /// How to run the node.
    #[clap(flatten)]
    pub run: RunCmd,

    /// How to serve jobs.
    #[clap(flatten)]
    pub provider: ProviderParams,

    /// How much room it needs.
    #[clap(flatten)]
    pub space: SpaceParams,
}

/// Subcommands of the node.
#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Examine this machine and the configuration, and say what is wrong. Give it the flags that the node is started with.
    ///
    /// One line for each finding: ok, warn or FAIL, the cause, and what to do. Changes nothing, and may run beside the node.
    /// Exits with 1 when something fails, with 0 otherwise.
    Check(Box<CheckCmd>),

    /// Key management utilities.
    #[command(subcommand)]
    Key(sc_cli::KeySubcommand),

    /// Export the chain specification.
    ExportChainSpec(sc_cli::ExportChainSpecCmd),

    /// Validate blocks.
    CheckBlock(sc_cli::CheckBlockCmd),

    /// Export blocks.
    ExportBlocks(sc_cli::ExportBlocksCmd),

    /// Export the state of a given block into a chain spec.
    ExportState(sc_cli::ExportStateCmd),

    /// Import blocks.
    ImportBlocks(sc_cli::ImportBlocksCmd),

    /// Remove the whole chain.
    PurgeChain(sc_cli::PurgeChainCmd),

    /// Revert the chain to a previous state.
    Revert(sc_cli::RevertCmd),

    /// Db meta columns information.
    ChainInfo(sc_cli::ChainInfoCmd),
}
