//! `lantern provider`.

use codec::Encode;
use serde_json::{json, Value};
use subxt::rpcs::client::rpc_params;

use super::{network::number, parse_bytes};
use crate::{
    args::{Provider, WorkerKey},
    call::{call, Builder},
    context::Context,
    failure::Failure,
    units::{parse_amount, Lux},
};

/// A worker key and its proof, as provider-staking takes them.
#[derive(Encode)]
struct WorkerProof {
    key: [u8; 32],
    signature: [u8; 64],
}

/// A call of provider-staking.
fn staking(name: &'static str) -> Builder {
    call("ProviderStaking", name)
}

/// Runs the command.
pub async fn run(context: &Context, command: Provider) -> Result<(), Failure> {
    match command {
        Provider::Register { bond, metadata, worker } => register(context, bond, &metadata, &worker).await,
        Provider::Bond { amount } => {
            let bond = staking("bond_more").integer("amount", amount).build();
            context.submit_and_tell(&bond, &format!("bonded {}", Lux(amount))).await
        },
        Provider::Unbond { amount } => {
            let unbond = staking("unbond").integer("amount", amount).build();
            context
                .submit_and_tell(&unbond, &format!("unbonding {}", Lux(amount)))
                .await
        },
        Provider::Withdraw => {
            let withdraw = staking("withdraw_unbonded").build();
            context.submit_and_tell(&withdraw, "withdrawn").await
        },
        Provider::Price { model, price } => post_price(context, &model, &price).await,
        Provider::Worker { remove, worker } => change_worker(context, remove.as_deref(), &worker).await,
        Provider::Status { address } => status(context, address.as_deref()).await,
        Provider::Pause => context.submit_and_tell(&staking("pause").build(), "paused").await,
        Provider::Resume => context.submit_and_tell(&staking("resume").build(), "resumed").await,
        Provider::Deregister => {
            context
                .submit_and_tell(&staking("deregister").build(), "deregistered")
                .await
        },
        Provider::List => list(context).await,
    }
}

async fn register(context: &Context, bond: u128, metadata: &str, worker: &WorkerKey) -> Result<(), Failure> {
    let workers: Vec<WorkerProof> = worker_proof(context, worker).await?.into_iter().collect();
    let register = staking("register")
        .arg("metadata", metadata.as_bytes().to_vec())
        .integer("bond", bond)
        .arg("workers", workers)
        .build();
    context
        .submit_and_tell(&register, &format!("registered with a bond of {}", Lux(bond)))
        .await
}

/// The worker key given, or the node's own.
async fn worker_proof(context: &Context, worker: &WorkerKey) -> Result<Option<WorkerProof>, Failure> {
    if worker.no_worker {
        return Ok(None);
    }
    let (key, proof) = match (&worker.worker, &worker.proof) {
        (Some(key), Some(proof)) => (key.clone(), proof.clone()),
        _ => {
            let account = context.account()?;
            let own = context.chain().await?.worker_key(&account.address()).await?;
            (own.key, own.proof)
        },
    };
    Ok(Some(WorkerProof {
        key: parse_bytes("the worker key", &key)?,
        signature: parse_bytes("the proof", &proof)?,
    }))
}

async fn change_worker(context: &Context, remove: Option<&str>, worker: &WorkerKey) -> Result<(), Failure> {
    if let Some(key) = remove {
        let key: [u8; 32] = parse_bytes("the worker key", key)?;
        let remove = staking("remove_worker").arg("worker", key).build();
        return context.submit_and_tell(&remove, "worker key removed").await;
    }
    let proof = worker_proof(context, worker).await?;
    let proof = proof.ok_or_else(|| Failure::Usage("there is no worker key to add".into()))?;
    let key = hex::encode(proof.key);
    let add = staking("add_worker").arg("worker", proof).build();
    context
        .submit_and_tell(&add, &format!("worker key 0x{key} added"))
        .await
}

async fn post_price(context: &Context, model: &str, price: &str) -> Result<(), Failure> {
    let amount = if price == "none" {
        None
    } else {
        Some(parse_amount(price).map_err(Failure::Usage)?)
    };
    let model = context.chain().await?.model(model).await?;
    let registry = |name| call("ModelRegistry", name).arg("model", model.id.0);
    match amount {
        Some(price) => {
            let post = registry("post_price").integer("price", price).build();
            let done = format!("{} costs {} per compute unit", model.name, Lux(price));
            context.submit_and_tell(&post, &done).await
        },
        None => {
            let withdraw = registry("withdraw_price").build();
            context
                .submit_and_tell(&withdraw, &format!("price of {} withdrawn", model.name))
                .await
        },
    }
}

async fn status(context: &Context, address: Option<&str>) -> Result<(), Failure> {
    let address = context.address_or_own(address)?;
    let chain = context.chain().await?;
    let provider: Value = chain.request("depin_getProvider", rpc_params![&address]).await?;
    context.print(|| describe(&provider), || Ok(provider.clone()))
}

async fn list(context: &Context) -> Result<(), Failure> {
    let providers = context.chain().await?.list_all("depin_listProviders", None).await?;
    context.print(
        || {
            let blocks: Vec<String> = providers.iter().map(describe).collect();
            match blocks.is_empty() {
                true => "no providers".to_owned(),
                false => blocks.join("\n\n"),
            }
        },
        || Ok(json!(providers)),
    )
}

/// A provider for people.
fn describe(provider: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let bonded = number(&provider["bonded"]);
    let bound = number(&provider["locked"]).saturating_add(number(&provider["unbonding"]));
    let mut lines = vec![
        format!("provider   {}", text(&provider["account"])),
        format!("metadata   {}", text(&provider["metadata"])),
        format!("takes work {}", if provider["active"] == true { "yes" } else { "no" }),
        format!(
            "stake      {} bonded, {} locked, {} unbonding, {} free",
            Lux(bonded),
            Lux(number(&provider["locked"])),
            Lux(number(&provider["unbonding"])),
            Lux(bonded.saturating_sub(bound)),
        ),
        format!("reward     {} claimable", Lux(number(&provider["claimableReward"]))),
    ];
    for worker in provider["workers"].as_array().into_iter().flatten() {
        lines.push(format!("worker     {}", text(worker)));
    }
    for price in provider["prices"].as_array().into_iter().flatten() {
        let amount = Lux(number(&price["price"]));
        lines.push(format!(
            "price      {amount} per compute unit of {}",
            text(&price["model"])
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_described_with_its_free_stake() {
        let text = describe(&json!({
            "account": "5F", "metadata": "gpu", "active": true, "bonded": "10000000000000", "locked": "1000000000000",
            "unbonding": "2000000000000", "workers": ["0x01"], "prices": [{"model": "0x02", "price": "5"}],
            "claimableReward": "0",
        }));
        assert!(
            text.contains("10 LUX bonded, 1 LUX locked, 2 LUX unbonding, 7 LUX free"),
            "{text}"
        );
        assert!(text.contains("0.000000000005 LUX per compute unit of 0x02"), "{text}");
    }
}
