//! The smallest network: two validators and a provider. They finalise, and a job settles across nodes.

use anyhow::Result;
use lantern_zombienet::{market, phase, Network};

#[tokio::test(flavor = "multi_thread")]
async fn smoke() -> Result<()> {
    let network = phase("two validators and a provider start", Network::smoke()).await?;
    phase("all three finalise the same blocks", network.finalises(5)).await?;
    phase("a job settles", job(&network)).await?;
    network.close().await
}

/// Submitted through a validator, executed by the provider.
async fn job(network: &Network) -> Result<()> {
    let alice = network.node("alice")?;
    market::register_model(alice).await?;
    market::register_provider(network.node("provider")?, "//Alice//stash", "0.01").await?;
    let job = market::order(alice, "//Eve//stash", "2,3,5", None).await?;
    market::receipt(alice, job).await?;
    Ok(())
}
