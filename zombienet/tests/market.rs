//! The market and its government on four validators, two providers and the node of a dApp: a job is submitted, executed, settled and
//! read on nodes of different people; a lost provider costs the requester nothing; nominators change the protocol fee; and an era
//! pays validator and nominator.

use anyhow::{ensure, Context, Result};
use lantern_zombienet::{
    events::{EraPaid, Exposure, ExposurePage, FeePaid, JobClaimed, JobExpired, PotsFunded, Rewarded},
    follow::Follow,
    governance, market, phase, Network, PATIENCE,
};
use serde_json::json;
use zombienet_sdk::subxt::dynamic::{tx, Value as Scale};

const REQUESTER: &str = "//Eve//stash";
/// Accounts of the providers: `provider-1` and `provider-2`.
const PROVIDERS: [&str; 2] = ["//Alice//stash", "//Bob//stash"];
/// Of a bond, what a missed deadline costs.
const MISS_PENALTY: u128 = 10;

async fn open(network: &Network) -> Result<()> {
    market::register_model(network.node("dapp")?).await?;
    for (node, account) in ["provider-1", "provider-2"].into_iter().zip(PROVIDERS) {
        market::register_provider(network.node(node)?, account, "0.01").await?;
    }
    Ok(())
}

/// Submitted on one node, executed on another, read and checked on a third.
async fn across(network: &Network) -> Result<()> {
    let dapp = network.node("dapp")?;
    let [one, other] = PROVIDERS.map(market::account);
    let (one, other) = (one?, other?);
    let first = market::order(dapp, REQUESTER, "2,3,5", Some(&one)).await?;
    let second = market::order(dapp, REQUESTER, "2,3,5", Some(&other)).await?;
    let mut outputs = Vec::new();
    for (job, provider, reader) in [(first, one, "charlie"), (second, other, "dave")] {
        let reader = network.node(reader)?;
        let receipt = market::receipt(reader, job).await?;
        let paid = market::text(&receipt, "/split/provider/account")?;
        ensure!(paid == provider.to_string(), "{paid} is paid, not {provider}");
        for node in [reader, dapp] {
            let output = node.rpc("depin_getOutput", json!([job])).await?;
            outputs.push(market::text(&output, "/output")?.to_owned());
        }
        println!("   job {job}: by {provider}, read on {}", reader.name());
    }
    // One order has one right answer, whoever serves it and whoever reads it.
    ensure!(outputs.windows(2).all(|pair| pair[0] == pair[1]), "{outputs:?}");
    Ok(())
}

/// A provider that claims and is never seen again: the requester has its escrow back and part of the provider's bond.
async fn lost(network: &Network) -> Result<()> {
    let (dapp, node) = (network.node("dapp")?, network.node("provider-1")?);
    let (provider, requester) = (market::account(PROVIDERS[0])?, market::account(REQUESTER)?);
    let mut follow = Follow::from_now(network.node("dave")?).await?;
    let worker = market::Worker::of(node).await?;
    worker.pause()?;
    let id = market::order(dapp, REQUESTER, "7,11", Some(&provider)).await?;
    let (_, claim) = follow.event::<JobClaimed>(PATIENCE, |claim| claim.job == id).await?;
    ensure!(claim.provider == provider, "another claimed: {claim:?}");
    node.stop().await?;
    worker.kill()?;

    let (block, end) = follow.event::<JobExpired>(PATIENCE, |end| end.job == id).await?;
    ensure!(
        block.height > claim.deadline,
        "it expired before its deadline, {}",
        claim.deadline
    );
    ensure!(end.provider.as_ref() == Some(&provider), "{end:?}");
    ensure!(
        end.compensation == claim.bond / MISS_PENALTY,
        "of a bond of {}: {end:?}",
        claim.bond
    );
    let [before, after] = block.funds(&requester).await?;
    ensure!(
        before.reserved - after.reserved == end.refund,
        "escrow {before:?}, {after:?}, not {} less",
        end.refund
    );
    ensure!(
        after.free - before.free == end.refund + end.compensation,
        "{before:?}, {after:?}: not {} + {} more",
        end.refund,
        end.compensation
    );
    let [before, after] = block.funds(&provider).await?;
    ensure!(
        before.reserved - after.reserved == end.compensation,
        "stake {before:?}, {after:?}"
    );
    ensure!(
        before.free == after.free,
        "the provider's other funds changed: {before:?}, {after:?}"
    );
    println!(
        "   job {id}: expired in block {}, {} compensated",
        block.height, end.compensation
    );

    // The other provider serves on.
    let job = market::order(dapp, REQUESTER, "7,11", None).await?;
    market::receipt(dapp, job).await?;
    Ok(())
}

/// The two nominators have enough votes to set the protocol's part of fees. Jobs from then on pay it.
async fn fee(network: &Network) -> Result<()> {
    const PART: u128 = 120_000;
    let node = network.node("charlie")?;
    let part = Scale::unnamed_variant("Some", [Scale::u128(PART)]);
    // The parameter's name, a type of its own, and its value.
    let fee = Scale::unnamed_variant("ProtocolFee", [Scale::unnamed_composite([]), part]);
    let fee = tx(
        "Parameters",
        "set_parameter",
        vec![Scale::unnamed_variant("Escrow", [fee])],
    );
    let [eve, ferdie] = ["//Eve", "//Ferdie"].map(market::signer);
    let track = governance::origin("ComputeParameters");
    let block = governance::decide(node, track, &fee, &[eve?, ferdie?], 800_000).await?;
    println!("   enacted in block {}", block.height);

    let id = market::order(network.node("dapp")?, REQUESTER, "13", None).await?;
    let job = market::job(network.node("dapp")?, id).await?;
    let found = market::number(&job, "/terms/protocolFeePpm")?;
    ensure!(found == PART, "jobs pay {found}, not {PART}");
    market::receipt(network.node("dapp")?, id).await?;
    Ok(())
}

const BILLION: u128 = 1_000_000_000;

/// A ratio in billionths as the runtime takes it.
fn ratio(of: u128, whole: u128) -> u128 {
    of * BILLION / whole
}

/// A part in billionths of an amount as the runtime takes it: the nearest unit, halves down.
fn part(parts: u128, amount: u128) -> u128 {
    (parts * amount + BILLION / 2 - 1) / BILLION
}

#[derive(Debug, zombienet_sdk::subxt::ext::scale_decode::DecodeAsType)]
#[decode_as_type(crate_path = "zombienet_sdk::subxt::ext::scale_decode")]
struct Points {
    total: u32,
    individual: Vec<(zombienet_sdk::subxt::utils::AccountId32, u32)>,
}

/// A past era pays out of what emission released, without minting anything.
async fn payout(network: &Network) -> Result<()> {
    let node = network.node("dave")?;
    let mut follow = Follow::from(node, 1).await?;
    let (block, era) = follow
        .event::<EraPaid>(PATIENCE, |era| era.validator_payout > 0)
        .await?;
    let whole = era.validator_payout;
    let era = era.era_index;
    let points: Option<Points> = block
        .storage("Staking", "ErasRewardPoints", vec![Scale::from(era)])
        .await?;
    let points = points.context("nobody made a block in the era")?;
    let (validator, its_points) = points.individual.first().context("nobody has points")?.clone();
    let keys = || vec![Scale::from(era), Scale::from_bytes(validator.0)];
    let exposure: Option<Exposure> = block.storage("Staking", "ErasStakersOverview", keys()).await?;
    let exposure = exposure.context("the validator is not exposed")?;
    let page = [keys(), vec![Scale::from(0u32)]].concat();
    let page: Option<ExposurePage> = block.storage("Staking", "ErasStakersPaged", page).await?;
    let nominators = page.context("nobody nominates it")?.others;

    let mut follow = Follow::from_now(node).await?;
    let call = tx(
        "Staking",
        "payout_stakers_by_page",
        vec![Scale::from_bytes(validator.0), Scale::from(era), Scale::from(0u32)],
    );
    node.submit(&call, &market::signer("//Ferdie//stash")?).await?;
    let (block, _) = follow.event::<Rewarded>(PATIENCE, |_| true).await?;
    let rewarded = block.all::<Rewarded>().await?;
    ensure!(rewarded.len() == 1 + nominators.len(), "others are paid: {rewarded:?}");
    let due = part(ratio(its_points.into(), points.total.into()), whole);
    let stakes = nominators.iter().map(|nominator| (&nominator.who, nominator.value));
    for (staker, stake) in stakes.chain([(&validator, exposure.own)]) {
        let expected = part(ratio(stake, exposure.total), due);
        let found = rewarded.iter().find(|rewarded| rewarded.stash == *staker);
        ensure!(
            found.is_some_and(|found| found.amount == expected),
            "{staker} is due {expected}: {rewarded:?}"
        );
        let [before, after] = block.funds(staker).await?;
        let more = (after.free + after.reserved) - (before.free + before.reserved);
        ensure!(more == expected, "{staker} has {more} more, not {expected}");
    }
    // The transaction's fee is burned, emission may mint; nothing else changes issuance.
    let burned: u128 = block
        .all::<FeePaid>()
        .await?
        .iter()
        .map(|fee| fee.actual_fee + fee.tip)
        .sum();
    let minted: u128 = block
        .all::<PotsFunded>()
        .await?
        .iter()
        .map(|minted| minted.validators + minted.treasury)
        .sum();
    let [before, after] = block.issuance().await?;
    ensure!(
        after + burned == before + minted,
        "issuance {before}, {after}; burned {burned}, minted {minted}"
    );
    println!(
        "   era {era}: {validator} and {} nominators paid in block {}",
        nominators.len(),
        block.height
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn market() -> Result<()> {
    let network = phase(
        "four validators, two providers and a dApp's node start",
        Network::full(),
    )
    .await?;
    phase("they finalise the same blocks", network.finalises(3)).await?;
    phase("a model and two providers are registered", open(&network)).await?;
    phase("jobs settle across nodes", across(&network)).await?;
    phase("a lost provider: expiry, refund, compensation", lost(&network)).await?;
    phase("nominators change the protocol fee", fee(&network)).await?;
    phase("an era pays validator and nominators", payout(&network)).await?;
    network.close().await
}
