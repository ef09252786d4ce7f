//! Errors of the `depin` namespace. Codes are listed in `docs/rpc.md` and never change meaning.

use jsonrpsee::types::ErrorObjectOwned;
use lantern_primitives::{info::QuoteError, JobId, ModelId, H256};
use lantern_rpc_types::TooManyStopTokens;
use serde::Serialize;

use super::services::ServiceError;

/// First code of this namespace. The SDK's namespaces end below 9000.
pub const BASE: i32 = 11_000;

/// An error of the `depin` namespace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A parameter cannot be read or is out of range.
    #[error("invalid parameter `{name}`: {cause}")]
    InvalidParam {
        /// Name of the parameter.
        name: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// The state holds no such job.
    #[error("no job {0}")]
    UnknownJob(JobId),
    /// The model is not registered.
    #[error("no model {0:?}")]
    UnknownModel(ModelId),
    /// The account is not a registered provider.
    #[error("no provider {0}")]
    UnknownProvider(String),
    /// The job has no committed result.
    #[error("job {id} is {status}: it has no output")]
    NoOutput {
        /// The job.
        id: JobId,
        /// Its state.
        status: &'static str,
    },
    /// This node did not keep the output's bytes.
    #[error("this node holds no content {0:?}")]
    ContentUnavailable(H256),
    /// The bytes kept under the output's hash are not that content.
    #[error("the bytes this node holds for content {0:?} have another hash or length")]
    ContentCorrupt(H256),
    /// The chain gives no quote.
    #[error("no quote: {}", quote_cause(*.0))]
    NoQuote(QuoteError),
    /// The block to read at is unknown or its state was pruned, or the runtime failed.
    #[error("cannot read the state of block {at:?}: {cause}")]
    StateUnavailable {
        /// The block.
        at: H256,
        /// What the client said.
        cause: String,
    },
    /// The provider side of this node could not answer.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl From<TooManyStopTokens> for Error {
    fn from(cause: TooManyStopTokens) -> Self {
        Self::invalid("params.stop", cause.to_string())
    }
}

/// `data` of every error object.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorData {
    /// Name of the error, stable.
    name: &'static str,
    /// What happened.
    cause: String,
    /// What the caller can do.
    remedy: &'static str,
}

impl Error {
    /// A parameter that cannot be used.
    pub fn invalid(name: &'static str, cause: impl Into<String>) -> Self {
        Self::InvalidParam {
            name,
            cause: cause.into(),
        }
    }

    /// Code of this error.
    pub fn code(&self) -> i32 {
        self.description().0
    }

    /// Code, stable name and remedy.
    fn description(&self) -> (i32, &'static str, &'static str) {
        let (offset, name, remedy) = match self {
            Self::InvalidParam { .. } => (
                1,
                "InvalidParam",
                "correct the parameter; docs/rpc.md lists formats and limits",
            ),
            Self::UnknownJob(_) => (
                2,
                "UnknownJob",
                "check the id; final jobs leave the state after a while, ask an archive node with `at`",
            ),
            Self::UnknownModel(_) => (3, "UnknownModel", "list the registered models with depin_listModels"),
            Self::UnknownProvider(_) => (
                4,
                "UnknownProvider",
                "list the registered providers with depin_listProviders",
            ),
            Self::NoOutput { .. } => (5, "NoOutput", "wait for the commitment with depin_subscribeJob"),
            Self::ContentUnavailable(_) => (
                6,
                "ContentUnavailable",
                "ask a node that imported the block of the commitment with offchain indexing on",
            ),
            Self::ContentCorrupt(_) => (
                7,
                "ContentCorrupt",
                "ask another node; this node's offchain database is damaged",
            ),
            Self::NoQuote(_) => (
                8,
                "NoQuote",
                "name an active model, a provider that posts a price for it and parameters that fit the model",
            ),
            Self::StateUnavailable { .. } => (9, "StateUnavailable", "leave out `at`, or ask an archive node"),
            Self::Service(ServiceError::NoWorker) => (10, "NoWorker", "ask a node that runs with --provider"),
            Self::Service(ServiceError::ModelNotHeld(_)) => (
                11,
                "ModelNotHeld",
                "ask a node whose worker serves this model, or send token ids",
            ),
            Self::Service(ServiceError::Refused(_)) => (12, "ServiceRefused", "correct the request"),
            Self::Service(ServiceError::Failed(_)) => {
                (13, "ServiceFailed", "try again; the node's log has the details")
            },
        };
        (BASE + offset, name, remedy)
    }
}

fn quote_cause(error: QuoteError) -> &'static str {
    match error {
        QuoteError::UnknownModel => "the model is not registered",
        QuoteError::InactiveModel => "the model takes no new jobs",
        QuoteError::NoPrice => "no price is posted for the model",
        QuoteError::InvalidParams => "the job's parameters do not fit the model",
    }
}

impl From<Error> for ErrorObjectOwned {
    fn from(error: Error) -> Self {
        let (code, name, remedy) = error.description();
        let cause = error.to_string();
        ErrorObjectOwned::owned(code, cause.clone(), Some(ErrorData { name, cause, remedy }))
    }
}
