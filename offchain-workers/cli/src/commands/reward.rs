//! `lantern reward`.

use serde_json::Value;
use subxt::rpcs::client::rpc_params;

use super::network::number;
use crate::{
    args::Reward,
    call::call,
    context::Context,
    failure::Failure,
    units::{compute_units, Lux},
};

/// Runs the command.
pub async fn run(context: &Context, command: Reward) -> Result<(), Failure> {
    match command {
        Reward::Claim { provider } => {
            let claim = match provider {
                Some(provider) => {
                    let provider = super::parse_address(&provider)?;
                    call("RewardEmission", "claim_for").arg("provider", provider).build()
                },
                None => call("RewardEmission", "claim").build(),
            };
            context.submit_and_tell(&claim, "claimed").await
        },
        Reward::Show { address } => show(context, address.as_deref()).await,
    }
}

async fn show(context: &Context, address: Option<&str>) -> Result<(), Failure> {
    let address = context.address_or_own(address)?;
    let chain = context.chain().await?;
    let reward: Value = chain.request("depin_getReward", rpc_params![&address]).await?;
    context.print(
        || {
            format!(
                "claimable  {}\ncounting   {} compute units in this round\nclaimed    {}",
                Lux(number(&reward["claimable"])),
                compute_units(number(&reward["pendingMicroUnits"])),
                Lux(number(&reward["claimed"])),
            )
        },
        || Ok(reward.clone()),
    )
}
