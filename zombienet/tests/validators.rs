//! Four validators through what happens to networks: one is lost and comes back, sessions change, the network is cut in two and
//! healed, a fresh node arrives by warp sync. One network for all of it, in this order.

use anyhow::{bail, ensure, Context, Result};
use lantern_zombienet::{phase, until, Network, Node, PATIENCE};
use serde_json::json;

/// The halves of the cut network. Neither has more than two thirds of the votes.
const HALVES: [[&str; 2]; 2] = [["alice", "bob"], ["charlie", "dave"]];

#[tokio::test(flavor = "multi_thread")]
async fn four_validators() -> Result<()> {
    let mut network = phase("four validators start", Network::mesh()).await?;
    let start = Authorities::of(network.node("alice")?).await?;
    phase("finality", network.finalises(5)).await?;
    phase("a validator is lost and comes back", lost_and_back(&network)).await?;
    phase("the session changes", sessions(&network, start)).await?;
    phase("the network is cut in two and healed", cut_and_healed(&network)).await?;
    phase("a fresh node arrives by warp sync", warp(&mut network)).await?;
    network.close().await
}

/// Three of four finalise without the fourth, which catches up when it is back.
async fn lost_and_back(network: &Network) -> Result<()> {
    let dave = network.node("dave")?;
    dave.stop().await?;
    let lost_at = network.node("alice")?.finalised().await?;
    for name in ["alice", "bob", "charlie"] {
        network.node(name)?.finalises(lost_at + 6).await?;
    }
    dave.start().await?;
    let back_at = network.node("alice")?.finalised().await?;
    network.finalises(back_at + 3).await
}

/// Who may author and finalise, and in which session.
struct Authorities {
    session: u32,
    validators: String,
}

impl Authorities {
    async fn of(node: &Node) -> Result<Self> {
        let validators = node.storage("Session", "Validators", vec![]).await?;
        Ok(Self {
            session: node.session().await?,
            validators: validators.context("no validators")?.to_value()?.to_string(),
        })
    }
}

/// Two sessions later the validators are the same.
async fn sessions(network: &Network, start: Authorities) -> Result<()> {
    for node in network.nodes() {
        let now = until(format!("two sessions of {}", node.name()), PATIENCE, async || {
            let now = Authorities::of(node).await?;
            let (from, to) = (start.session, now.session);
            ensure!(to >= from + 2, "session {to} after session {from}");
            Ok(now)
        })
        .await?;
        ensure!(
            now.validators == start.validators,
            "the validators were {} and are {}",
            start.validators,
            now.validators
        );
    }
    Ok(())
}

/// Calls `act` with every pair of nodes on either side of the cut.
async fn across(act: impl AsyncFn(&str, &str) -> Result<()>) -> Result<()> {
    let [left, right] = HALVES;
    for one in left {
        for other in right {
            act(one, other).await?;
        }
    }
    Ok(())
}

/// Each half goes on with blocks of its own and finalises none of them; together again, they agree on one chain and finalise it.
async fn cut_and_healed(network: &Network) -> Result<()> {
    across(async |one, other| network.unlink(one, other).await).await?;
    for node in network.nodes() {
        node.has_peers(1).await?;
    }
    // A round that was under way may still end; two blocks are never finalised (the voting rule stays behind the best block).
    let mut cut_at = 0;
    for node in network.nodes() {
        cut_at = cut_at.max(node.best().await?);
    }
    for node in network.nodes() {
        node.reaches(cut_at + 4).await?;
    }
    let mut finalised = Vec::new();
    for node in network.nodes() {
        finalised.push(node.finalised().await?);
    }
    for node in network.nodes() {
        node.reaches(cut_at + 8).await?;
    }
    for (node, before) in network.nodes().zip(finalised) {
        let now = node.finalised().await?;
        ensure!(
            now == before,
            "{} finalised {now} after {before} in its half",
            node.name()
        );
        ensure!(
            now <= cut_at,
            "{} finalised {now}, the cut was at {cut_at}",
            node.name()
        );
    }
    // The heads of the halves, at a height that both have left behind.
    let mut heads = Vec::new();
    for [one, other] in HALVES {
        heads.push(same_block(network.node(one)?, network.node(other)?, cut_at + 6).await?);
    }
    ensure!(
        heads.first() != heads.last(),
        "the halves are on one chain: the cut is none"
    );

    across(async |one, other| network.link(one, other).await).await?;
    for node in network.nodes() {
        node.has_peers(3).await?;
    }
    let mut healed_at = 0;
    for node in network.nodes() {
        healed_at = healed_at.max(node.best().await?);
    }
    network.finalises(healed_at + 2).await?;
    // One of the halves lost its blocks.
    let height = cut_at + 6;
    let kept = network.node("alice")?.hash(height).await?;
    ensure!(heads.contains(&kept), "block {height} belongs to neither half");
    Ok(())
}

/// Hash of the block that both have at this height.
async fn same_block(one: &Node, other: &Node, height: u32) -> Result<String> {
    let what = format!("one block {height} of {} and {}", one.name(), other.name());
    until(what, PATIENCE, async || {
        let (first, second) = (one.hash(height).await?, other.hash(height).await?);
        ensure!(first == second, "{first} and {second}");
        Ok(first)
    })
    .await
}

/// A fresh node takes the last finalised state instead of executing every block: the state of an early block is not there, though the
/// node keeps all states that it has and has fetched the early blocks.
async fn warp(network: &mut Network) -> Result<()> {
    network.join(vec![("--sync", "warp").into()]).await?;
    let (alice, fresh) = (network.node("alice")?, network.node("fresh")?);
    network.finalises(alice.finalised().await?).await?;
    let log = fresh.log().await?;
    ensure!(log.contains("Warp sync is complete"), "no warp sync in its log");

    let early = alice.hash(1).await?;
    until("the fresh node fetches early blocks", PATIENCE, async || {
        ensure!(fresh.hash(1).await? == early, "another block 1");
        Ok(())
    })
    .await?;
    let version = "state_getRuntimeVersion";
    alice.rpc(version, json!([early])).await?;
    match fresh.rpc(version, json!([early])).await {
        Ok(_) => bail!("the fresh node has the state of block 1: it executed every block"),
        Err(why) => ensure!(format!("{why:#}").contains("State already discarded"), "{why:#}"),
    }
    Ok(())
}
