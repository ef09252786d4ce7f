//! The `depin` JSON-RPC namespace as this command line uses it. Formats are in `docs/rpc.md`.

use lantern_rpc_types::{CommitmentJson, WorkerKeyJson};
use serde::{de::Error as _, Deserialize, Deserializer, Serialize};
use serde_json::{json, Value};
use subxt::{config::substrate::H256, rpcs::client::rpc_params, rpcs::client::RpcSubscription};

use crate::{chain::Chain, failure::Failure};

/// Entries asked for at a time.
const PAGE: u32 = 100;

/// Reads an integer from a decimal string.
fn decimal<'de, D: Deserializer<'de>, T: std::str::FromStr>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| D::Error::custom("a decimal string is expected"))
}

/// A job, as far as this command line looks into it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its id.
    pub id: u64,
    /// Who pays.
    pub requester: String,
    /// The model.
    pub model: H256,
    /// Escrow.
    #[serde(deserialize_with = "decimal")]
    pub max_fee: u128,
    /// Block of the submission.
    pub submitted_at: u32,
    /// Where it stands.
    pub state: State,
}

/// State of a job.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "status", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum State {
    /// Waiting for a claim.
    Open {
        /// Last block at which it may be claimed.
        deadline: u32,
    },
    /// A provider works on it.
    Claimed {
        /// Block of the claim.
        claimed_at: u32,
        /// Last block for the result.
        deadline: u32,
    },
    /// A result is committed.
    Committed {
        /// Block of the commitment.
        committed_at: u32,
        /// Last block of the challenge window.
        window_ends: u32,
    },
    /// Paid.
    Settled(Box<Settled>),
    /// Withdrawn by the requester.
    Cancelled {},
    /// A deadline passed.
    Expired {},
}

/// A paid job.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// The provider.
    pub provider: String,
    /// Block of the claim.
    pub claimed_at: u32,
    /// Block of the commitment.
    pub committed_at: u32,
    /// Block of the settlement.
    pub settled_at: u32,
    /// The result.
    pub commitment: CommitmentJson,
    /// Compute units in millionths.
    #[serde(deserialize_with = "decimal")]
    pub micro_units: u64,
    /// Who received how much.
    pub split: Split,
    /// Back to the requester.
    #[serde(deserialize_with = "decimal")]
    pub refund: u128,
}

/// Division of a fee.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Split {
    /// The whole fee.
    #[serde(deserialize_with = "decimal")]
    pub fee: u128,
    /// To the provider.
    #[serde(deserialize_with = "decimal")]
    pub provider: u128,
    /// To the model's owner.
    #[serde(deserialize_with = "decimal")]
    pub royalty: u128,
    /// To the audit pool.
    #[serde(deserialize_with = "decimal")]
    pub audit_pool: u128,
    /// Burned.
    #[serde(deserialize_with = "decimal")]
    pub burned: u128,
    /// To the treasury.
    #[serde(deserialize_with = "decimal")]
    pub treasury: u128,
}

/// A quote.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    /// The provider whose price was used.
    pub provider: String,
    /// Price per compute unit.
    #[serde(deserialize_with = "decimal")]
    pub price: u128,
    /// Fee in the worst case.
    #[serde(deserialize_with = "decimal")]
    pub max_fee: u128,
    /// Compute units in the worst case, in millionths.
    #[serde(deserialize_with = "decimal")]
    pub max_micro_units: u64,
}

/// Output of a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// BLAKE2b-256 of the output.
    pub hash: H256,
    /// Length in bytes.
    pub len: u32,
    /// The output, 0x-hex.
    pub output: String,
    /// Token ids.
    pub tokens: Option<Vec<u32>>,
    /// Text of the tokens.
    pub text: Option<String>,
    /// Fixed-point components.
    pub embedding: Option<Vec<i32>>,
    /// Fractional bits of the components.
    pub fraction_bits: Option<u32>,
}

impl Output {
    /// What a person wants to see of it.
    pub fn shown(&self) -> String {
        if let Some(text) = &self.text {
            return text.clone();
        }
        if let (Some(row), Some(bits)) = (&self.embedding, self.fraction_bits) {
            let scale = (1u64 << bits.min(62)) as f64;
            let head: Vec<String> = row
                .iter()
                .take(6)
                .map(|x| format!("{:+.5}", f64::from(*x) / scale))
                .collect();
            return format!("[{}, ... {} components]", head.join(", "), row.len());
        }
        match &self.tokens {
            Some(tokens) => format!("{tokens:?}"),
            None => self.output.clone(),
        }
    }
}

/// A registered model.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// Its id.
    pub id: H256,
    /// Its name.
    pub name: String,
    /// Shape and arithmetic.
    pub spec: Value,
    /// Owner.
    pub owner: String,
}

impl Model {
    /// Whether it embeds rather than generates.
    pub fn is_embedding(&self) -> bool {
        self.spec["family"]["kind"] == "bert"
    }
}

/// One event of a job.
#[derive(Clone, Debug, Deserialize)]
pub struct Notification {
    /// What happened.
    pub event: String,
    /// Block at which it happened; best block for tokens.
    pub at: Option<u32>,
    /// Text of new tokens.
    pub text: Option<String>,
}

impl Chain {
    /// A job.
    pub async fn job(&self, id: u64) -> Result<Job, Failure> {
        Ok(serde_json::from_value(self.job_json(id).await?)?)
    }

    /// A job as the node gives it.
    pub async fn job_json(&self, id: u64) -> Result<Value, Failure> {
        self.request("depin_getJob", rpc_params![id]).await
    }

    /// Output of a job.
    pub async fn output(&self, id: u64) -> Result<Output, Failure> {
        self.request("depin_getOutput", rpc_params![id]).await
    }

    /// Events of a job.
    pub async fn job_events(&self, id: u64) -> Result<RpcSubscription<Value>, Failure> {
        self.subscribe("depin_subscribeJob", rpc_params![id], "depin_unsubscribeJob")
            .await
    }

    /// A quote.
    pub async fn quote(
        &self,
        model: H256,
        prompt_tokens: usize,
        params: &Value,
        provider: Option<&str>,
    ) -> Result<Quote, Failure> {
        let request = json!({
            "model": model,
            "promptTokens": prompt_tokens,
            "params": params,
            "provider": provider,
        });
        self.request("depin_quote", rpc_params![request]).await
    }

    /// Token ids of a text.
    pub async fn tokenize(&self, model: H256, text: &str) -> Result<Vec<u32>, Failure> {
        self.request("depin_tokenize", rpc_params![model, text]).await
    }

    /// Token ids of a conversation, written by the model's chat template.
    pub async fn tokenize_chat(&self, model: H256, messages: &Value) -> Result<Vec<u32>, Failure> {
        self.request("depin_tokenize", rpc_params![model, messages]).await
    }

    /// Text of token ids.
    pub async fn detokenize(&self, model: H256, tokens: &[u32]) -> Result<String, Failure> {
        self.request("depin_detokenize", rpc_params![model, tokens]).await
    }

    /// The worker key with which the node will serve `account`.
    pub async fn worker_key(&self, account: &str) -> Result<WorkerKeyJson, Failure> {
        self.request("depin_workerKey", rpc_params![account]).await
    }

    /// Every entry of a paged listing; `method` takes a cursor and a limit as its last two parameters.
    pub async fn list_all(&self, method: &str, filter: Option<Value>) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let mut params = rpc_params![];
            if let Some(filter) = &filter {
                params.push(filter)?;
            }
            params.push(&cursor)?;
            params.push(PAGE)?;
            let mut page: Value = self.request(method, params).await?;
            if let Some(entries) = page["items"].as_array_mut() {
                items.append(entries);
            }
            cursor = page["next"].take();
            if cursor.is_null() {
                return Ok(items);
            }
        }
    }

    /// The model with this id or name.
    ///
    /// # Errors
    /// When none has it, or several have the name.
    pub async fn model(&self, id_or_name: &str) -> Result<Model, Failure> {
        if id_or_name.starts_with("0x") {
            return self.request("depin_getModel", rpc_params![id_or_name]).await;
        }
        let models = self.list_all("depin_listModels", None).await?;
        let models: Vec<Model> = models
            .into_iter()
            .map(serde_json::from_value)
            .collect::<Result<_, _>>()?;
        let mut named = models.into_iter().filter(|model| model.name == id_or_name);
        match (named.next(), named.next()) {
            (Some(model), None) => Ok(model),
            (Some(_), Some(_)) => Err(Failure::Usage(format!(
                "several models are named `{id_or_name}`: use the id"
            ))),
            (None, _) => Err(Failure::Usage(format!(
                "no model is named `{id_or_name}`: see `lantern model list`"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settled_job_is_read_from_the_nodes_json() {
        let job: Job = serde_json::from_value(json!({
            "id": 3, "requester": "5Grw", "model": H256::zero(), "maxFee": u128::MAX.to_string(), "submittedAt": 1,
            "input": {"hash": H256::zero(), "len": 8},
            "state": {
                "status": "settled", "provider": "5F", "claimedAt": 2, "committedAt": 3, "settledAt": 8,
                "commitment": {
                    "output": {"hash": H256::zero(), "len": 8}, "promptTokens": 2, "outputTokens": 2,
                    "traceRoot": H256::zero(),
                },
                "microUnits": "7", "refund": "1",
                "split": {"fee": "10", "provider": "8", "royalty": "1", "auditPool": "0", "burned": "0", "treasury": "1"},
            },
        }))
        .unwrap();
        assert_eq!(job.max_fee, u128::MAX);
        let State::Settled(settled) = job.state else {
            panic!("settled")
        };
        assert_eq!((settled.settled_at, settled.split.provider, settled.refund), (8, 8, 1));
    }

    #[test]
    fn embeddings_are_shown_as_numbers() {
        let output = Output {
            hash: H256::zero(),
            len: 8,
            output: "0x".into(),
            tokens: None,
            text: None,
            embedding: Some(vec![1 << 29, -(1 << 30)]),
            fraction_bits: Some(30),
        };
        assert_eq!(output.shown(), "[+0.50000, -1.00000, ... 2 components]");
    }
}
