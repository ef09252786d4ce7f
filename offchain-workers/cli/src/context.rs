//! What every command needs: the connection, the signer, and how to print.

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::{
    args::Global,
    call::Call,
    chain::{Account, Chain, Included},
    failure::Failure,
};

/// Surroundings of a command.
pub struct Context {
    global: Global,
    chain: OnceCell<Chain>,
}

impl Context {
    /// For the options given.
    pub fn new(global: Global) -> Self {
        Self {
            global,
            chain: OnceCell::new(),
        }
    }

    /// Whether to print JSON.
    pub fn json(&self) -> bool {
        self.global.json
    }

    /// The connection, made on first use.
    pub async fn chain(&self) -> Result<&Chain, Failure> {
        self.chain.get_or_try_init(|| Chain::connect(&self.global.url)).await
    }

    /// The signing account.
    pub fn account(&self) -> Result<Account, Failure> {
        if let Some(file) = &self.global.key_file {
            let secret = std::fs::read_to_string(file)
                .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
            return Account::new(&secret);
        }
        match &self.global.suri {
            Some(suri) => Account::new(suri),
            None => Err(Failure::Usage(
                "this needs a signing account: give --key-file, --suri (//Alice on a development chain) or LANTERN_SURI".into(),
            )),
        }
    }

    /// `address`, or the signing account's.
    pub fn address_or_own(&self, address: Option<&str>) -> Result<String, Failure> {
        match address {
            Some(address) => Ok(address.to_owned()),
            None => Ok(self.account()?.address()),
        }
    }

    /// Signs and submits `call`, and reports where it was included.
    pub async fn submit(&self, call: &Call) -> Result<Included, Failure> {
        let account = self.account()?;
        self.chain().await?.submit(&account, call).await
    }

    /// Signs and submits `call` and prints `done` with its block.
    pub async fn submit_and_tell(&self, call: &Call, done: &str) -> Result<(), Failure> {
        let included = self.submit(call).await?;
        self.print(
            || format!("{done} (block {})", included.number),
            || {
                Ok(serde_json::json!({
                    "block": included.number,
                    "blockHash": included.block,
                    "transaction": included.hash,
                }))
            },
        )
    }

    /// Prints `text` for people or `json` for programs.
    pub fn print(
        &self,
        text: impl FnOnce() -> String,
        json: impl FnOnce() -> Result<Value, Failure>,
    ) -> Result<(), Failure> {
        if self.json() {
            println!("{:#}", json()?);
        } else {
            println!("{}", text().trim_end());
        }
        Ok(())
    }
}
