//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use subxt::config::substrate::H256;

use crate::units::{parse_amount, parse_percent, parse_q16};

/// Lantern: buy and sell AI inference whose every result can be proven right.
#[derive(Debug, Parser)]
#[command(name = "lantern", version)]
pub struct Cli {
    /// What applies to every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// WebSocket address of a node.
    #[arg(long, global = true, env = "LANTERN_URL", default_value = "ws://127.0.0.1:9944")]
    pub url: String,
    /// Print JSON for programs instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,
    /// Secret of the signing account: a phrase, a 0x seed, or a development account such as //Alice.
    ///
    /// Others on this machine can see what is written on a command line; for an account that matters use --key-file.
    #[arg(
        long,
        global = true,
        env = "LANTERN_SURI",
        hide_env_values = true,
        conflicts_with = "key_file"
    )]
    pub suri: Option<String>,
    /// File that holds the secret of the signing account.
    #[arg(long, global = true, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make and look at accounts.
    #[command(subcommand)]
    Keys(Keys),
    /// Sell inference.
    #[command(subcommand)]
    Provider(Provider),
    /// Register and list models.
    #[command(subcommand)]
    Model(Model),
    /// Buy inference.
    #[command(subcommand)]
    Job(Job),
    /// Emission for verified work.
    #[command(subcommand)]
    Reward(Reward),
    /// Totals of the network.
    Network,
}

/// Make and look at accounts.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a new account.
    Generate {
        /// Write the phrase to this new file, readable by its owner only, instead of printing it.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Show the address of the signing account, or of ADDRESS, and its balance.
    Inspect {
        /// An address; the signing account without it.
        address: Option<String>,
        /// Do not ask a node for the balance.
        #[arg(long)]
        offline: bool,
    },
}

/// Sell inference.
#[derive(Debug, Subcommand)]
pub enum Provider {
    /// Become a provider.
    Register {
        /// Stake in LUX.
        #[arg(long, value_parser = parse_amount)]
        bond: u128,
        /// Description, at most 256 bytes.
        #[arg(long, default_value = "")]
        metadata: String,
        #[command(flatten)]
        worker: WorkerKey,
    },
    /// Add to the stake.
    Bond {
        /// LUX to add.
        #[arg(value_parser = parse_amount)]
        amount: u128,
    },
    /// Take LUX out of the stake; it can be withdrawn when the unbonding period is over.
    Unbond {
        /// LUX to take out.
        #[arg(value_parser = parse_amount)]
        amount: u128,
    },
    /// Withdraw what has unbonded.
    Withdraw,
    /// Post a price per compute unit for a model.
    Price {
        /// Id or name of the model.
        #[arg(long)]
        model: String,
        /// LUX per compute unit; `none` withdraws the price.
        #[arg(long)]
        price: String,
    },
    /// Add or remove a worker key.
    Worker {
        /// Remove this worker key (0x-hex) instead of adding one.
        #[arg(long, conflicts_with_all = ["worker", "proof"])]
        remove: Option<String>,
        #[command(flatten)]
        worker: WorkerKey,
    },
    /// Show a provider.
    Status {
        /// Its address; the signing account without it.
        address: Option<String>,
    },
    /// Take no new work.
    Pause,
    /// Take work again.
    Resume,
    /// Give up the registration; the stake unbonds.
    Deregister,
    /// List providers.
    List,
}

/// A worker key and its proof.
#[derive(Clone, Debug, Args)]
pub struct WorkerKey {
    /// Worker key (0x-hex); without it the node is asked for its own, which it gives to callers on its own machine only.
    #[arg(long, requires = "proof")]
    pub worker: Option<String>,
    /// Proof of possession of --worker (0x-hex).
    #[arg(long, requires = "worker")]
    pub proof: Option<String>,
    /// Register without a worker key; one can be added later.
    #[arg(long, conflicts_with = "worker")]
    pub no_worker: bool,
}

/// Register and list models.
#[derive(Debug, Subcommand)]
pub enum Model {
    /// Register a model.
    #[command(group = clap::ArgGroup::new("source").required(true).args(["worker_models_json", "spec"]))]
    Register {
        /// List of models that a worker wrote; with several, --name picks one.
        #[arg(long, value_name = "FILE")]
        worker_models_json: Option<PathBuf>,
        /// SCALE encoding of the specification (0x-hex).
        #[arg(long, requires = "weights_root")]
        spec: Option<String>,
        /// Merkle root over the quantised weights (0x-hex).
        #[arg(long, requires = "spec")]
        weights_root: Option<H256>,
        /// Name, at most 64 bytes.
        #[arg(long, required_unless_present = "worker_models_json")]
        name: Option<String>,
        /// Part of every fee for the owner, in percent.
        #[arg(long, default_value = "0", value_parser = parse_percent)]
        royalty: u32,
        /// Id of a model that this one was derived from; may be repeated.
        #[arg(long = "parent", value_name = "ID")]
        parents: Vec<H256>,
    },
    /// List models.
    List,
    /// Show a model.
    Show {
        /// Its id or name.
        model: String,
    },
}

/// Buy inference.
#[derive(Debug, Subcommand)]
pub enum Job {
    /// Submit a job.
    Submit(Box<Submit>),
    /// Follow a job until it ends.
    Watch {
        /// The job.
        id: u64,
        /// Seconds to wait at most.
        #[arg(long, default_value_t = 600)]
        timeout: u64,
    },
    /// Print the output of a job.
    Output {
        /// The job.
        id: u64,
    },
    /// Withdraw an open job.
    Cancel {
        /// The job.
        id: u64,
    },
    /// Print who did what when and who received how much, and check the chain's books to the last unit.
    Receipt {
        /// The job.
        id: u64,
    },
    /// Prove a job's state, or that there is no such job, from the hash of a block alone, and check the proof.
    Proof {
        /// The job.
        id: u64,
        /// Block whose state is proved. Name one that you know to be final from another source, and the node is trusted with
        /// nothing; without it, the block that the node calls final once it has reached the present best one.
        #[arg(long, value_name = "HASH")]
        block: Option<H256>,
        /// Write the proof to this file too, for `job check-proof`.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Seconds to wait for finality at most.
        #[arg(long, default_value_t = 600)]
        timeout: u64,
    },
    /// Check a proof that `job proof --out` wrote; no node is asked.
    CheckProof {
        /// The proof.
        file: PathBuf,
        /// Accept a proof of the state of this block only.
        #[arg(long, value_name = "HASH")]
        block: Option<H256>,
    },
    /// List jobs.
    List {
        /// Only jobs waiting for a claim.
        #[arg(long, conflicts_with_all = ["provider", "requester"])]
        open: bool,
        /// Only unfinished jobs of this provider.
        #[arg(long, conflicts_with = "requester")]
        provider: Option<String>,
        /// Only jobs of this requester.
        #[arg(long)]
        requester: Option<String>,
    },
}

/// Submit a job.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("input").required(true).args(["text", "text_file", "tokens"]))]
pub struct Submit {
    /// Id or name of the model.
    #[arg(long)]
    pub model: String,
    /// Input as text; the node turns it into tokens and they are checked by turning them back.
    #[arg(long)]
    pub text: Option<String>,
    /// File with the input as text.
    #[arg(long, value_name = "FILE")]
    pub text_file: Option<PathBuf>,
    /// Take the text for what a user says in a conversation, which the node writes by the model's chat template.
    #[arg(long, conflicts_with = "tokens")]
    pub chat: bool,
    /// With --chat: what the system says first.
    #[arg(long, value_name = "TEXT", requires = "chat")]
    pub system: Option<String>,
    /// Input as token ids, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub tokens: Option<Vec<u32>>,
    /// Accept tokens that do not turn back into exactly the text.
    #[arg(long)]
    pub lossy: bool,
    /// Most tokens to generate.
    #[arg(long, default_value_t = 64)]
    pub max_tokens: u32,
    /// Sampling temperature, from 0.015625 to 64; 0 or none is greedy.
    #[arg(long, value_parser = parse_q16)]
    pub temperature: Option<u32>,
    /// Sample among this many most likely tokens only; 0 is off.
    #[arg(long, default_value_t = 0)]
    pub top_k: u32,
    /// Sample among the most likely tokens of this probability only; 1 is off.
    #[arg(long, default_value = "1", value_parser = parse_q16)]
    pub top_p: u32,
    /// Seed of the sampling: 32 bytes of 0x-hex, or a number.
    #[arg(long)]
    pub seed: Option<String>,
    /// Token ids that end the output, separated by commas, at most eight.
    #[arg(long, value_delimiter = ',')]
    pub stop: Vec<u32>,
    /// Most LUX to pay; the quote without it.
    #[arg(long, value_parser = parse_amount)]
    pub max_fee: Option<u128>,
    /// The only provider that may take the job.
    #[arg(long)]
    pub provider: Option<String>,
    /// Wait until the job is paid, and print its receipt.
    #[arg(long)]
    pub wait: bool,
    /// Seconds to wait at most.
    #[arg(long, default_value_t = 600)]
    pub timeout: u64,
}

/// Emission for verified work.
#[derive(Debug, Subcommand)]
pub enum Reward {
    /// Claim what is due to the signing account, or to --for.
    Claim {
        /// Pay for the claim of this provider.
        #[arg(long = "for", value_name = "ADDRESS")]
        provider: Option<String>,
    },
    /// Show what is due to a provider.
    Show {
        /// Its address; the signing account without it.
        address: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("lantern").chain(line.split_whitespace()))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn inputs_exclude_each_other_and_one_is_needed() {
        assert!(parse("job submit --model m --text hi").is_ok());
        assert!(parse("job submit --model m --tokens 1,2").is_ok());
        assert!(parse("job submit --model m").is_err());
        assert!(parse("job submit --model m --text hi --tokens 1").is_err());
        assert!(parse("job submit --model m --tokens 1,-2").is_err());
        assert!(parse("job submit --model m --text hi --max-fee 1,5").is_err());
        assert!(parse("job submit --model m --text hi --chat --system s").is_ok());
        assert!(parse("job submit --model m --text hi --system s").is_err());
        assert!(parse("job submit --model m --tokens 1 --chat").is_err());
    }

    #[test]
    fn options_may_follow_the_command() {
        let cli = parse("job receipt 3 --json --url ws://h:1").unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.url, "ws://h:1");
    }

    #[test]
    fn a_worker_key_needs_its_proof() {
        assert!(parse("provider register --bond 10 --worker 0x00").is_err());
        assert!(parse("provider register --bond 10 --worker 0x00 --proof 0x00").is_ok());
        assert!(parse("provider register --bond ten").is_err());
    }

    #[test]
    fn a_block_is_named_by_its_hash() {
        assert!(parse(&format!("job proof 3 --block 0x{}", "ab".repeat(32))).is_ok());
        assert!(parse("job proof 3 --block 17").is_err());
        assert!(parse("job check-proof").is_err());
    }

    #[test]
    fn usage_errors_exit_with_two() {
        assert_eq!(parse("job").unwrap_err().exit_code(), 2);
        assert_eq!(parse("job receipt x").unwrap_err().exit_code(), 2);
    }
}
