//! A validator whose keys run on two nodes authors two blocks in one slot: it is reported, disabled and slashed, its nominators with
//! it, and whoever reported it is rewarded; everything to the unit.

use anyhow::{ensure, Context, Result};
use lantern_zombienet::{
    events::{Exposure, ExposurePage, Offence, PotsFunded, SlashReported, Slashed, UnappliedSlash},
    follow::{Block, Follow},
    phase, subxt_signer, Network, PATIENCE,
};
use zombienet_sdk::subxt::{dynamic::Value, utils::AccountId32};

const BILLION: u128 = 1_000_000_000;
/// Part of the stake that one of four loses: the square of 3/4.
const FRACTION: u128 = 562_500_000;
/// What reporters receive: half of a tenth, by the preset and by pallet-staking's rule for a first slash.
const REPORTERS_PART: u128 = 100_000_000;
const FIRST_SLASH: u128 = 500_000_000;
/// Eras until a slash is applied: those of its deferral, and the one that it happened in.
const DEFERRED: u32 = 2;
/// By the preset.
const TREASURY: &[u8; 12] = b"modllnt/trsy";

/// A part in billionths of an amount as the runtime takes it: the nearest unit, halves down.
fn part(parts: u128, amount: u128) -> u128 {
    (parts * amount + BILLION / 2 - 1) / BILLION
}

fn reward(slash: u128) -> u128 {
    part(FIRST_SLASH, part(REPORTERS_PART, slash))
}

fn treasury() -> AccountId32 {
    let mut account = [0; 32];
    account[..TREASURY.len()].copy_from_slice(TREASURY);
    AccountId32(account)
}

async fn validators(block: &Block) -> Result<Vec<AccountId32>> {
    let validators = block.storage("Session", "Validators", vec![]).await?;
    validators.context("no validators")
}

/// The validator who made a block: the second field of what BABE says before it.
async fn author(block: &Block) -> Result<AccountId32> {
    // A digest of kind 6 ("before the block"), four letters, a length of two bytes, the kind of slot.
    const BEFORE: usize = 1 + 4 + 2 + 1;
    let said = block.digests.iter().find(|digest| digest.starts_with(b"\x06BABE"));
    let said = said.context("a block without a slot")?;
    let index = said.get(BEFORE..BEFORE + 4).context("a slot without an author")?;
    let index = u32::from_le_bytes(index.try_into()?);
    let author = validators(block).await?.get(index as usize).cloned();
    author.with_context(|| format!("there is no validator {index}"))
}

/// Who loses how much for what happened in `era`.
async fn losses(block: &Block, era: u32, offender: &AccountId32) -> Result<Vec<(AccountId32, u128)>> {
    let keys = || vec![Value::from(era), Value::from_bytes(offender.0)];
    let exposure: Option<Exposure> = block.storage("Staking", "ErasStakersOverview", keys()).await?;
    let exposure = exposure.context("the validator is not exposed")?;
    let page = [keys(), vec![Value::from(0u32)]].concat();
    let page: Option<ExposurePage> = block.storage("Staking", "ErasStakersPaged", page).await?;
    let nominators = page.map(|page| page.others).unwrap_or_default();
    let nominated: u128 = nominators.iter().map(|nominator| nominator.value).sum();
    ensure!(
        exposure.own + nominated == exposure.total,
        "one page has all nominators"
    );
    ensure!(nominated > 0, "nobody nominates the validator");
    let losses = [(offender.clone(), exposure.own)].into_iter();
    let losses = losses.chain(nominators.into_iter().map(|nominator| (nominator.who, nominator.value)));
    Ok(losses.map(|(who, value)| (who, part(FRACTION, value))).collect())
}

/// The era that is slashed, who loses how much, and who is rewarded.
struct Verdict {
    era: u32,
    losses: Vec<(AccountId32, u128)>,
    reporter: AccountId32,
    reward: u128,
}

/// The report is on the chain, and what follows from it at once.
async fn reported(follow: &mut Follow, offender: &AccountId32) -> Result<Verdict> {
    let (block, _) = follow
        .event::<Offence>(PATIENCE, |offence| &offence.kind == b"babe:equivocatio")
        .await?;
    let reports = block.all::<SlashReported>().await?;
    let report = reports.first().context("the offence has no slash")?;
    ensure!(
        report.validator == *offender,
        "another validator is accused: {report:?}"
    );
    ensure!(u128::from(report.fraction) == FRACTION, "another fraction: {report:?}");
    let era = report.slash_era;

    let disabled: Option<Vec<(u32, u32)>> = block.storage("Session", "DisabledValidators", vec![]).await?;
    let validators = validators(&block).await?;
    let index = validators.iter().position(|validator| validator == offender);
    let index = index.context("it is no validator")?;
    ensure!(
        disabled == Some(vec![(index as u32, FRACTION as u32)]),
        "it is not disabled: {disabled:?}"
    );

    let waiting: Option<Vec<UnappliedSlash>> = block
        .storage("Staking", "UnappliedSlashes", vec![Value::from(era + DEFERRED)])
        .await?;
    let mut waiting = waiting.unwrap_or_default();
    let slash = waiting.pop().context("no slash waits")?;
    ensure!(waiting.is_empty(), "more than one slash waits");
    let losses = losses(&block, era, offender).await?;
    let said = [(slash.validator.clone(), slash.own)]
        .into_iter()
        .chain(slash.others.clone());
    ensure!(said.eq(losses.iter().cloned()), "{slash:?} is not {losses:?}");
    let reward = losses.iter().map(|(_, loss)| reward(*loss)).sum();
    ensure!(slash.payout == reward, "the reward is {}, not {reward}", slash.payout);
    let reporter = author(&block).await?;
    ensure!(
        slash.reporters == [reporter.clone()],
        "{:?} is not {reporter}",
        slash.reporters
    );
    println!("   block {}: equivocation reported by {reporter}", block.height);
    Ok(Verdict {
        era,
        losses,
        reporter,
        reward,
    })
}

/// The slash is applied when its deferral is over: to the stakes, the reporter and the treasury.
async fn slashed(follow: &mut Follow, verdict: &Verdict) -> Result<()> {
    let (block, _) = follow.event::<Slashed>(PATIENCE * 2, |_| true).await?;
    let era: Option<u32> = block.storage("Staking", "CurrentEra", vec![]).await?;
    println!("   block {}: slash applied, era {era:?}", block.height);
    let slashed = block.all::<Slashed>().await?;
    ensure!(slashed.len() == verdict.losses.len(), "others are slashed: {slashed:?}");
    let mut total = 0;
    for (staker, loss) in &verdict.losses {
        let said = slashed.iter().find(|slashed| slashed.staker == *staker);
        ensure!(
            said.is_some_and(|said| said.amount == *loss),
            "{staker} loses {loss}: {slashed:?}"
        );
        let [before, after] = block.stake(staker).await?;
        ensure!(
            before.active - after.active == *loss,
            "stake of {staker}: {before:?}, {after:?}, not {loss}"
        );
        ensure!(
            before.total - after.total == *loss,
            "stake of {staker}: {before:?}, {after:?}, not {loss}"
        );
        let [before, after] = block.funds(staker).await?;
        ensure!(
            before.reserved - after.reserved == *loss,
            "{staker} holds {before:?}, {after:?}, not {loss} less"
        );
        total += loss;
    }
    let active: Option<ActiveEra> = block.storage("Staking", "ActiveEra", vec![]).await?;
    let active = active.context("no era")?.index;
    ensure!(
        active == verdict.era + DEFERRED,
        "applied in era {active}, not {DEFERRED} after {}",
        verdict.era
    );

    let [before, after] = block.funds(&verdict.reporter).await?;
    ensure!(
        after.free - before.free == verdict.reward,
        "the reporter has {before:?}, {after:?}, not {} more",
        verdict.reward
    );
    let minted: u128 = block
        .all::<PotsFunded>()
        .await?
        .iter()
        .map(|minted| minted.treasury)
        .sum();
    let [before, after] = block.funds(&treasury()).await?;
    ensure!(
        after.free - before.free == total - verdict.reward + minted,
        "the treasury has {before:?}, {after:?}, not {total} - {} + {minted} more",
        verdict.reward
    );
    Ok(())
}

#[derive(Debug, zombienet_sdk::subxt::ext::scale_decode::DecodeAsType)]
#[decode_as_type(crate_path = "zombienet_sdk::subxt::ext::scale_decode")]
struct ActiveEra {
    index: u32,
}

#[tokio::test(flavor = "multi_thread")]
async fn equivocation() -> Result<()> {
    let mut network = phase("four validators start", Network::validators()).await?;
    phase("they finalise the same blocks", network.finalises(3)).await?;
    let mut follow = Follow::from_now(network.node("dave")?).await?;
    // It only authors: two nodes that vote with one key would be another offence.
    let twin = network.add("twin", vec!["--alice".into(), "--no-grandpa".into()]);
    phase("a second node with Alice's keys starts", twin).await?;

    let alice = subxt_signer::sr25519::dev::alice().public_key().to_account_id();
    let verdict = phase("its blocks are reported", reported(&mut follow, &alice)).await?;
    // One offence is enough.
    network.node("twin")?.stop().await?;
    phase("the slash is applied", slashed(&mut follow, &verdict)).await?;
    network.close().await
}
