//! Everything that can go wrong, with its cause, a remedy and an exit code.

use serde_json::{json, Value};
use subxt::{
    error::{BackendError, DispatchError, ExtrinsicError, RpcError, TransactionEventsError, TransactionProgressError},
    rpcs::Error as ClientError,
};

/// Why a command did not do what it was asked. Exit codes are documented in `docs/cli.md`.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The chain refused the transaction or dispatched it with an error.
    #[error("{name}: {cause}")]
    OnChain {
        /// `Pallet::Error`, or the kind of refusal.
        name: String,
        /// What it means, from the chain's metadata.
        cause: String,
        /// What to do.
        remedy: String,
    },
    /// The job ended without a result, or a check of the chain's books failed.
    #[error("{0}")]
    Outcome(String),
    /// The command cannot be understood.
    #[error("{0}")]
    Usage(String),
    /// The node cannot be reached, or the connection broke.
    #[error("{0}")]
    Connection(String),
    /// It did not happen in time.
    #[error("{0}")]
    Timeout(String),
    /// The node answered with an error.
    #[error("{message}")]
    Node {
        /// JSON-RPC error code.
        code: i32,
        /// Stable name of the error.
        name: String,
        /// What happened.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// The node's answer is not what this version expects.
    #[error("{0}")]
    Incompatible(String),
}

impl Failure {
    /// Exit code of the process.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::OnChain { .. } | Self::Outcome(_) => 1,
            Self::Usage(_) => 2,
            Self::Connection(_) => 3,
            Self::Timeout(_) => 4,
            Self::Node { .. } => 5,
            Self::Incompatible(_) => 6,
        }
    }

    /// Stable name of the kind of failure.
    fn kind(&self) -> &'static str {
        match self {
            Self::OnChain { .. } => "onChain",
            Self::Outcome(_) => "outcome",
            Self::Usage(_) => "usage",
            Self::Connection(_) => "connection",
            Self::Timeout(_) => "timeout",
            Self::Node { .. } => "node",
            Self::Incompatible(_) => "incompatible",
        }
    }

    /// What to do about it, if that is known.
    pub fn remedy(&self) -> Option<&str> {
        match self {
            Self::OnChain { remedy, .. } | Self::Node { remedy, .. } => {
                Some(remedy).filter(|text| !text.is_empty()).map(String::as_str)
            },
            Self::Connection(_) => Some("check that the node runs and that --url names its WebSocket address"),
            Self::Timeout(_) => Some("look again with `lantern job watch`, or give more time with --timeout"),
            Self::Incompatible(_) => Some("use the lantern of the same release as the node"),
            Self::Outcome(_) | Self::Usage(_) => None,
        }
    }

    /// The failure as JSON, for `--json`.
    pub fn json(&self) -> Value {
        let name = match self {
            Self::OnChain { name, .. } | Self::Node { name, .. } => Some(name),
            _ => None,
        };
        json!({ "error": {
            "kind": self.kind(),
            "exitCode": self.exit_code(),
            "name": name,
            "message": self.to_string(),
            "remedy": self.remedy(),
        }})
    }

    /// An answer of the node that cannot be used.
    pub fn incompatible(what: impl std::fmt::Display) -> Self {
        Self::Incompatible(format!("the node's answer is not understood: {what}"))
    }

    /// A dispatch error, named and explained through the metadata.
    pub fn dispatch(error: &DispatchError) -> Self {
        if let DispatchError::Module(module) = error {
            if let Ok(details) = module.details() {
                let name = format!("{}::{}", details.pallet.name(), details.variant.name);
                let cause = details.variant.docs.join(" ").trim().to_owned();
                let remedy = remedy_for(&details.variant.name).to_owned();
                return Self::OnChain { name, cause, remedy };
            }
        }
        let remedy = match error {
            DispatchError::Token(_) => "check the signer's balance with `lantern keys inspect`",
            DispatchError::BadOrigin | DispatchError::RootNotAllowed => "sign with an account that may do this",
            _ => "",
        };
        Self::OnChain {
            name: "Dispatch".into(),
            cause: error.to_string(),
            remedy: remedy.into(),
        }
    }
}

/// What to do about an error of one of Lantern's pallets.
fn remedy_for(error: &str) -> &'static str {
    match error {
        "FeeBelowQuote" | "FeeAboveMax" => "raise --max-fee to at least the quote, or name a cheaper --provider",
        "UnknownModel" => "list the registered models with `lantern model list`",
        "InactiveModel" => "choose another model with `lantern model list`",
        "NoPrice" => "name a provider that posts a price for this model, or post one with `lantern provider price`",
        "ProviderNotActive" | "NotActive" => "choose another provider, or `lantern provider resume`",
        "InputTooLarge" => "shorten the text: at most 8,192 tokens travel inline",
        "ContextExceeded" => "shorten the text or lower --max-tokens",
        "OutputTooLarge" => "lower --max-tokens",
        "BadTemperature" | "BadTopK" | "BadTopP" | "ZeroTokens" => "correct the sampling options",
        "WrongJobKind" => "embedding models take no sampling options; generation models need --max-tokens",
        "NotRequester" => "sign with the account that submitted the job",
        "JobNotOpen" | "JobFinished" => "look at the job with `lantern job receipt` or `lantern job watch`",
        "UnknownJob" => "check the id with `lantern job list`",
        "BondTooSmall" => "raise --bond to the minimum bond, or deregister to withdraw everything",
        "InsufficientFreeStake" => "wait for work in flight to settle, or bond more",
        "StakeLocked" => "pause, wait for work in flight to settle, then try again",
        "AlreadyRegistered" => "use `lantern provider bond` and `lantern provider worker` to change a registration",
        "NotRegistered" => "register first with `lantern provider register`",
        "NothingToWithdraw" => "wait until the unbonding period is over",
        "NothingToClaim" => "rewards become claimable when the round after the work closes",
        "WorkerKeyTaken" => "use another node's worker key, or remove this one from its provider",
        "InvalidWorkerProof" => "ask the node that holds the key for a proof for exactly this account",
        _ => "",
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let ClientError::User(user) = error else {
            return match error {
                ClientError::Serialization(_) | ClientError::Deserialization(_) | ClientError::Decode(_) => {
                    Self::incompatible(error)
                },
                error => Self::Connection(error.to_string()),
            };
        };
        let data: Value = user
            .data
            .as_ref()
            .and_then(|data| serde_json::from_str(data.get()).ok())
            .unwrap_or(Value::Null);
        let field = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        // These are what every Substrate node says when the pool refuses a transaction.
        if matches!(user.code, 1010 | 1012 | 1013 | 1014 | 1016) {
            let cause = data.as_str().map_or_else(|| user.message.clone(), str::to_owned);
            let remedy = match user.code {
                1013 | 1014 => "a transaction of this account is on its way already; wait for the next block",
                1016 => "the node's pool is full; submit it again in a while, or to another node",
                _ => "check the signer's balance with `lantern keys inspect`",
            };
            return Self::OnChain {
                name: user.message,
                cause,
                remedy: remedy.into(),
            };
        }
        let remedy = match user.code {
            -32601 => {
                "the node lacks this method or denies it to callers from outside; ask it from its own machine".into()
            },
            _ => field("remedy"),
        };
        Self::Node {
            code: user.code,
            name: field("name"),
            message: user.message,
            remedy,
        }
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::Rpc(RpcError::ClientError(error)) => error.into(),
            error => Self::Connection(error.to_string()),
        }
    }
}

impl From<ExtrinsicError> for Failure {
    fn from(error: ExtrinsicError) -> Self {
        match error {
            ExtrinsicError::ErrorSubmittingTransaction(error)
            | ExtrinsicError::TransactionStatusStreamError(error)
            | ExtrinsicError::CannotGetBlockBody(error)
            | ExtrinsicError::CannotGetFeeInfo(error)
            | ExtrinsicError::CannotGetValidationInfo(error) => error.into(),
            error => Self::Incompatible(error.to_string()),
        }
    }
}

impl From<TransactionProgressError> for Failure {
    fn from(error: TransactionProgressError) -> Self {
        match error {
            TransactionProgressError::CannotGetNextProgressUpdate(error) => error.into(),
            error => Self::Connection(error.to_string()),
        }
    }
}

impl From<TransactionEventsError> for Failure {
    fn from(error: TransactionEventsError) -> Self {
        match error {
            TransactionEventsError::ExtrinsicFailed(error) => Self::dispatch(&error),
            TransactionEventsError::CannotFetchBlockBody { error, .. } => error.into(),
            error => Self::Incompatible(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::incompatible(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use subxt::rpcs::UserError;

    fn user(code: i32, data: Option<&str>) -> Failure {
        let data = data.map(|data| serde_json::value::RawValue::from_string(data.into()).unwrap());
        Failure::from(ClientError::User(UserError {
            code,
            message: "m".into(),
            data,
        }))
    }

    #[test]
    fn errors_of_the_node_keep_name_and_remedy() {
        let failure = user(
            11_010,
            Some(r#"{"name":"NoWorker","cause":"c","remedy":"ask another"}"#),
        );
        assert_eq!(failure.exit_code(), 5);
        assert_eq!(failure.json()["error"]["name"], "NoWorker");
        assert_eq!(failure.remedy(), Some("ask another"));
    }

    #[test]
    fn a_refusal_of_the_pool_is_a_failure_on_chain() {
        let failure = user(1010, Some(r#""Inability to pay some fees""#));
        assert_eq!(failure.exit_code(), 1);
        assert_eq!(failure.to_string(), "m: Inability to pay some fees");
        let full = user(
            1016,
            Some(r#""The transaction couldn't enter the pool because of the limit""#),
        );
        assert_eq!(full.exit_code(), 1);
        assert!(full
            .remedy()
            .is_some_and(|remedy| remedy.contains("the node's pool is full")));
    }

    #[test]
    fn every_kind_has_its_exit_code() {
        let codes: Vec<u8> = [
            Failure::Outcome(String::new()),
            Failure::Usage(String::new()),
            Failure::Connection(String::new()),
            Failure::Timeout(String::new()),
            user(-32601, None),
            Failure::incompatible(""),
        ]
        .iter()
        .map(Failure::exit_code)
        .collect();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6]);
    }
}
