//! The smallest network: two validators and a provider.

use anyhow::Result;
use lantern_zombienet::{phase, Network};

#[tokio::test(flavor = "multi_thread")]
async fn smoke() -> Result<()> {
    let network = phase("two validators and a provider start", Network::smoke()).await?;
    phase("all three finalise the same blocks", network.finalises(5)).await?;
    network.close().await
}
