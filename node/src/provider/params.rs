//! Command line of the provider.

use std::path::PathBuf;

/// How the node serves jobs.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Provider")]
pub struct ProviderParams {
    /// Claim and execute jobs. Starts and supervises a worker process.
    #[arg(long)]
    pub provider: bool,

    /// The worker program. Without it: `lantern-worker` beside this program, then on the PATH.
    #[arg(long, value_name = "PATH", requires = "provider", conflicts_with = "worker_socket")]
    pub worker_binary: Option<PathBuf>,

    /// Connect to the worker that listens on this socket instead of starting one.
    #[arg(long, value_name = "PATH", requires = "provider")]
    pub worker_socket: Option<PathBuf>,

    /// A model to serve: a folder in Hugging Face's layout, or a GGUF file. May be given several times.
    #[arg(long, value_name = "PATH", requires = "provider", conflicts_with = "worker_socket")]
    pub worker_model: Vec<PathBuf>,

    /// Threads that compute. Without it: one for each physical core, as the worker counts them.
    #[arg(long, value_name = "N", requires = "provider", conflicts_with = "worker_socket")]
    pub worker_threads: Option<u32>,

    /// An argument for the worker, as its --help tells, for example --worker-arg=--cache-memory=8192. May be given several
    /// times.
    #[arg(
        long,
        value_name = "ARG",
        allow_hyphen_values = true,
        requires = "provider",
        conflicts_with = "worker_socket"
    )]
    pub worker_arg: Vec<String>,

    /// Secret of the worker key, for development, such as //Provider//worker. It is kept in memory only. Without it the
    /// keystore's worker key is used, and made at the first start.
    #[arg(long, value_name = "SURI", requires = "provider")]
    pub worker_key_suri: Option<String>,

    /// Most jobs in hand at a time, from the claim to the finished result.
    #[arg(long, value_name = "N", default_value_t = 8, requires = "provider")]
    pub provider_capacity: u32,
}
