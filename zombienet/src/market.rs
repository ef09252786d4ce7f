//! The compute market, used through the command line `lantern` as people use it.

use std::{
    fs,
    process::{Command as Blocking, Stdio},
};

use anyhow::{bail, ensure, Context, Result};
use serde_json::{json, Value};
use tokio::process::Command;
use zombienet_sdk::subxt::{ext::subxt_rpcs::methods::legacy::Bytes, utils::AccountId32};

use crate::{network::program, until, Node, PATIENCE};

/// The model that comes with the node.
pub const MODEL: &str = "lantern-tiny";

/// Runs the command line against a node, and returns what it prints.
///
/// # Errors
/// With what it said, when it fails.
pub async fn lantern(node: &Node, suri: &str, args: &[&str]) -> Result<Value> {
    let done = Command::new(program("lantern")?)
        .args(["--json", "--url", node.url(), "--suri", suri])
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let done = tokio::time::timeout(PATIENCE, done).await;
    let done = done.with_context(|| format!("lantern {} does not end", args.join(" ")))??;
    let (said, why) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    ensure!(done.status.success(), "lantern {}: {said}{why}", args.join(" "));
    if said.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&said).with_context(|| format!("lantern {} said {said}", args.join(" ")))
}

/// Registers the model, whose owner is Charlie.
pub async fn register_model(node: &Node) -> Result<()> {
    let listed = Command::new(program("lantern-worker")?).arg("models").output().await?;
    ensure!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let models: Value = serde_json::from_slice(&listed.stdout)?;
    let field = |name: &str| {
        let text = models.pointer(&format!("/0/{name}")).and_then(Value::as_str);
        text.map(|text| format!("0x{text}"))
            .with_context(|| format!("a model without {name}"))
    };
    let (spec, root) = (field("spec")?, field("weights_root")?);
    let args = [
        "model",
        "register",
        "--name",
        MODEL,
        "--royalty",
        "5",
        "--spec",
        &spec,
        "--weights-root",
        &root,
    ];
    lantern(node, "//Charlie", &args).await?;
    Ok(())
}

/// Makes an account the provider of this node, with a stake of 1,000 LUX, at this price in LUX for a compute unit.
pub async fn register_provider(node: &Node, suri: &str, price: &str) -> Result<()> {
    lantern(node, suri, &["provider", "register", "--bond", "1000"]).await?;
    lantern(node, suri, &["provider", "price", "--model", MODEL, "--price", price]).await?;
    Ok(())
}

/// Orders a generation of 24 tokens from whoever serves it, or from this provider only, and returns the job's id.
pub async fn order(node: &Node, suri: &str, tokens: &str, provider: Option<&AccountId32>) -> Result<u64> {
    let provider = provider.map(ToString::to_string);
    let mut args = vec![
        "job",
        "submit",
        "--model",
        MODEL,
        "--max-tokens",
        "24",
        "--max-fee",
        "0.1",
    ];
    args.extend(["--tokens", tokens]);
    args.extend(provider.iter().flat_map(|provider| ["--provider", provider.as_str()]));
    let sent = lantern(node, suri, &args).await?;
    Ok(number(&sent, "/job")?.try_into()?)
}

/// Waits until a node sees that a job is paid, and returns its receipt: whoever makes one adds up the block of the settlement and
/// fails where a unit is missing.
pub async fn receipt(node: &Node, job: u64) -> Result<Value> {
    job_is(node, job, "settled").await?;
    lantern(node, "//Alice", &["job", "receipt", &job.to_string()]).await
}

/// Id of the registered model.
pub async fn model_id(node: &Node) -> Result<Vec<u8>> {
    let models = node.rpc("depin_listModels", json!([])).await?;
    let id = models.pointer("/items/0/id").context("no model is registered")?;
    Ok(serde_json::from_value::<Bytes>(id.clone())?.0)
}

/// A job as a node sees it.
pub async fn job(node: &Node, id: u64) -> Result<Value> {
    node.rpc("depin_getJob", json!([id])).await
}

/// Waits until a node sees a job in this state, and returns the job.
pub async fn job_is(node: &Node, id: u64, status: &str) -> Result<Value> {
    until(format!("job {id} is {status}"), PATIENCE, async || {
        let job = job(node, id).await?;
        let found = job.pointer("/state/status").and_then(Value::as_str).unwrap_or_default();
        ensure!(found == status, "it is {found}");
        Ok(job)
    })
    .await
}

/// Text of a JSON document.
pub fn text<'a>(document: &'a Value, pointer: &str) -> Result<&'a str> {
    let text = document.pointer(pointer).and_then(Value::as_str);
    text.with_context(|| format!("no text at {pointer} of {document}"))
}

/// A number of a JSON document, which has large ones as text.
pub fn number(document: &Value, pointer: &str) -> Result<u128> {
    let found = document.pointer(pointer);
    let number = match found {
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Number(number)) => number.as_u64().map(u128::from),
        _ => None,
    };
    number.with_context(|| format!("no number at {pointer} of {document}"))
}

/// The worker process of a provider's node.
pub struct Worker(u32);

impl Worker {
    /// Finds it, as the node's child.
    pub async fn of(node: &Node) -> Result<Self> {
        let parent = node.pid()?;
        until(format!("the worker of {}", node.name()), PATIENCE, async || {
            for entry in fs::read_dir("/proc")?.flatten() {
                let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                    continue;
                };
                // "1234 (lantern-worker) S 1200 ...": the name is cut to 15 letters, and the second word after it is the parent.
                let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
                let Some((name, rest)) = stat.rsplit_once(')') else {
                    continue;
                };
                let its_parent = rest.split_whitespace().nth(1).and_then(|parent| parent.parse().ok());
                if name.contains("(lantern-worker") && its_parent == Some(parent) {
                    return Ok(Self(pid));
                }
            }
            bail!("no such process")
        })
        .await
    }

    /// Stops it where it is.
    pub fn pause(&self) -> Result<()> {
        self.signal("-STOP")
    }

    /// Lets it go on, unless its node has replaced it because it was silent for too long.
    pub fn resume(&self) {
        let _ = self.signal("-CONT");
    }

    /// Ends it as a crash would.
    pub fn kill(&self) -> Result<()> {
        self.signal("-KILL")
    }

    fn signal(&self, signal: &str) -> Result<()> {
        let done = Blocking::new("kill").args([signal, &self.0.to_string()]).output()?;
        ensure!(done.status.success(), "kill {signal} {} failed", self.0);
        Ok(())
    }
}

/// The account of a well-known seed such as `//Alice//stash`.
pub fn account(suri: &str) -> Result<AccountId32> {
    Ok(signer(suri)?.public_key().to_account_id())
}

/// The keys of a well-known seed such as `//Alice//stash`.
pub fn signer(suri: &str) -> Result<zombienet_sdk::subxt_signer::sr25519::Keypair> {
    let uri = suri.parse().with_context(|| format!("'{suri}' is no seed"))?;
    Ok(zombienet_sdk::subxt_signer::sr25519::Keypair::from_uri(&uri)?)
}
