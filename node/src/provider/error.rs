//! Why the provider cannot start.

use std::path::PathBuf;

/// Why the provider cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No worker program was found.
    #[error(
        "no lantern-worker program: neither beside this program nor on the PATH; name it with --worker-binary, or connect \
         to a running worker with --worker-socket"
    )]
    NoWorkerBinary,
    /// The named worker program is not there.
    #[error("--worker-binary {}: no such program", .0.display())]
    WorkerBinaryMissing(PathBuf),
    /// The provider's folder cannot be made.
    #[error("{}: {error}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        error: std::io::Error,
    },
    /// The keystore refused.
    #[error("worker key: {0}")]
    Keystore(String),
    /// The node was started without an offchain database.
    #[error("this node keeps no offchain database")]
    NoOffchainStorage,
    /// A metric's name is taken.
    #[error("metrics: {0}")]
    Metrics(#[from] substrate_prometheus_endpoint::PrometheusError),
}
