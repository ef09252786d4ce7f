//! `lantern network`.

use serde_json::Value;
use subxt::rpcs::client::rpc_params;

use crate::{
    context::Context,
    failure::Failure,
    units::{compute_units, Lux},
};

/// Runs the command.
pub async fn run(context: &Context) -> Result<(), Failure> {
    let chain = context.chain().await?;
    let stats: Value = chain.request("depin_networkStats", rpc_params![]).await?;
    context.print(
        || {
            let count = |name: &str| stats[name].as_u64().unwrap_or_default();
            let amount = |name: &str| Lux(number(&stats[name]));
            format!(
                "genesis         {:?}\n\
                 block           {}\n\
                 providers       {}\n\
                 models          {}\n\
                 jobs            {} submitted, {} open, {} in flight, {} settled\n\
                 compute units   {}\n\
                 in escrow       {}\n\
                 bonded          {}\n\
                 emission        {}\n\
                 total issuance  {}",
                chain.genesis(),
                stats["block"]["number"],
                count("providers"),
                count("models"),
                count("jobsSubmitted"),
                count("jobsOpen"),
                count("jobsInFlight"),
                count("jobsSettled"),
                compute_units(number(&stats["microUnitsSettled"])),
                amount("escrowed"),
                amount("bonded"),
                amount("issued"),
                amount("totalIssuance"),
            )
        },
        || Ok(stats.clone()),
    )
}

/// A decimal string as a number; zero when it is none.
pub(super) fn number(value: &Value) -> u128 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}
