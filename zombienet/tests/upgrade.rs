//! An upgrade of the runtime that token holders decide and anyone applies, while twenty jobs are open, claimed and committed: the chain
//! begins with the runtime of a past release (`runtimes/`) and goes on with the node's own. Every job settles or is refunded.

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::{bail, ensure, Context, Result};
use lantern_zombienet::{
    events::{
        FeePaid, Funds, JobClaimed, JobExpired, JobSettled, JobSubmitted, ResultCommitted, Totals, UpgradeAuthorized,
    },
    follow::{Block, Follow},
    governance::{self, blake2_256},
    market, node_runtime, phase, Network, Node, PATIENCE,
};
use zombienet_sdk::subxt::{
    dynamic::{tx, Value},
    tx::{DefaultPayload, DynamicPayload},
    utils::AccountId32,
};

/// What the chain begins with.
const PAST: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/runtimes/lantern-1-fast.compact.compressed.wasm"
);
/// Blocks between a commitment and its settlement, so that there are commitments when the upgrade comes.
const WINDOW: u128 = 20;
/// Jobs by what becomes of them before the upgrade.
const COMMITTED: usize = 7;
const CLAIMED: usize = 7;
const OPEN: usize = 6;
/// Covers a job at the providers' price, and at the lowest price that there may be only.
const ENOUGH: u128 = 100_000_000_000;
const TOO_LITTLE: u128 = 100_000_000;
/// Accounts of the providers, and of those who order.
const PROVIDERS: [&str; 2] = ["//Alice//stash", "//Bob//stash"];
const REQUESTERS: [&str; 2] = ["//Eve//stash", "//Ferdie//stash"];
/// Windows, deadlines and grace of all jobs, on a busy machine.
const ALL_JOBS: Duration = Duration::from_secs(600);

/// A job as the events tell.
#[derive(Clone, Debug, PartialEq)]
enum State {
    Open,
    Claimed,
    Committed,
    Settled,
    Expired,
}

/// What events say about jobs and their money.
#[derive(Default)]
struct Books {
    jobs: BTreeMap<u64, (AccountId32, u128, State)>,
    /// What each requester has less, by the events of its jobs and transactions.
    spent: BTreeMap<[u8; 32], i128>,
}

impl Books {
    async fn enter(&mut self, block: &Block) -> Result<()> {
        for job in block.all::<JobSubmitted>().await? {
            *self.spent.entry(job.requester.0).or_default() += i128::try_from(job.max_fee)?;
            let new = self
                .jobs
                .insert(job.job, (job.requester, job.max_fee, State::Open))
                .is_none();
            ensure!(new, "job {} was submitted twice", job.job);
        }
        for job in block.all::<JobClaimed>().await? {
            self.moves(job.job, &[State::Open], State::Claimed)?;
        }
        for job in block.all::<ResultCommitted>().await? {
            self.moves(job.job, &[State::Claimed], State::Committed)?;
        }
        for job in block.all::<JobSettled>().await? {
            let (requester, max_fee) = self.moves(job.job, &[State::Committed], State::Settled)?;
            ensure!(job.refund <= max_fee, "job {} gives back more than its escrow", job.job);
            self.gives_back(&requester, job.refund)?;
        }
        for job in block.all::<JobExpired>().await? {
            let (requester, max_fee) = self.moves(job.job, &[State::Open, State::Claimed], State::Expired)?;
            ensure!(job.refund == max_fee, "job {} keeps of its escrow: {job:?}", job.job);
            self.gives_back(&requester, job.refund + job.compensation)?;
        }
        for fee in block.all::<FeePaid>().await? {
            *self.spent.entry(fee.who.0).or_default() += i128::try_from(fee.actual_fee + fee.tip)?;
        }
        Ok(())
    }

    fn moves(&mut self, id: u64, from: &[State], to: State) -> Result<(AccountId32, u128)> {
        let (requester, max_fee, state) = self.jobs.get_mut(&id).with_context(|| format!("no job {id}"))?;
        ensure!(from.contains(state), "job {id} is {state:?} and becomes {to:?}");
        *state = to;
        Ok((requester.clone(), *max_fee))
    }

    fn gives_back(&mut self, requester: &AccountId32, amount: u128) -> Result<()> {
        *self.spent.entry(requester.0).or_default() -= i128::try_from(amount)?;
        Ok(())
    }

    fn count(&self, state: State) -> usize {
        self.jobs.values().filter(|(_, _, its)| *its == state).count()
    }
}

/// One order of so many jobs. Each has another input.
fn order(model: &[u8], jobs: usize, first_token: u32, provider: Option<&AccountId32>, max_fee: u128) -> DynamicPayload {
    let calls = (0..jobs).map(|number| {
        let token = first_token + number as u32;
        let input = [token.to_le_bytes(), (token + 1).to_le_bytes()].concat();
        let params = [
            ("max_new_tokens", Value::u128(24)),
            ("sampling", Value::unnamed_variant("Greedy", [])),
            ("stop", Value::unnamed_composite([])),
        ];
        let provider = match provider {
            Some(provider) => Value::unnamed_variant("Some", [Value::from_bytes(provider.0)]),
            None => Value::unnamed_variant("None", []),
        };
        let args = vec![
            Value::from_bytes(model),
            Value::from_bytes(&input),
            Value::from_bytes(blake2_256(&input)),
            Value::unnamed_variant("Generate", [Value::named_composite(params)]),
            Value::u128(max_fee),
            provider,
        ];
        tx("JobEscrow", "submit_job", args).into_value()
    });
    tx("Utility", "batch_all", vec![Value::unnamed_composite(calls)])
}

/// Token holders authorise the runtime with this hash, and give results a longer window.
async fn authorised(node: &Node, code: &[u8]) -> Result<()> {
    let hash = blake2_256(code);
    let window = Value::unnamed_variant("Some", [Value::u128(WINDOW)]);
    let window = Value::unnamed_variant("ChallengeWindow", [Value::unnamed_composite([]), window]);
    let window = vec![Value::unnamed_variant("Verification", [window])];
    let calls = [
        tx("Parameters", "set_parameter", window),
        tx("System", "authorize_upgrade", vec![Value::from_bytes(hash)]),
    ];
    let calls = Value::unnamed_composite(calls.map(DynamicPayload::into_value));
    let call = tx("Utility", "batch_all", vec![calls]);
    let holders = ["//Charlie", "//Dave", "//Eve", "//Ferdie"].map(market::signer);
    let holders = holders.into_iter().collect::<Result<Vec<_>>>()?;
    let block = governance::decide(node, governance::root(), &call, &holders, 900_000).await?;
    let authorised = block.all::<UpgradeAuthorized>().await?;
    ensure!(
        authorised.iter().any(|authorised| authorised.code_hash == hash.0),
        "{authorised:?}"
    );
    println!("   block {}: {hash} authorised", block.height);
    Ok(())
}

/// Waits until so many jobs are in this state in the books.
async fn until_jobs(books: &mut Books, follow: &mut Follow, count: usize, state: State) -> Result<()> {
    let what = format!("{count} jobs {state:?}");
    follow
        .find(&what, PATIENCE, async |block| {
            books.enter(block).await?;
            Ok((books.count(state.clone()) >= count).then_some(()))
        })
        .await?;
    Ok(())
}

/// The code changes in one block; from the next on it is another runtime, whose migrations run through.
async fn upgraded(books: &mut Books, follow: &mut Follow) -> Result<()> {
    let (block, _) = follow
        .find("the new code", PATIENCE, async |block| {
            books.enter(block).await?;
            Ok(block.has("System", "CodeUpdated").await?.then_some(()))
        })
        .await?;
    let states = [State::Open, State::Claimed, State::Committed].map(|state| books.count(state));
    println!(
        "   block {}: new code; open, claimed, committed jobs: {states:?}",
        block.height
    );
    ensure!(
        states.iter().all(|count| *count > 0),
        "not all kinds of jobs are in flight: {states:?}"
    );
    ensure!(
        states.iter().sum::<usize>() == OPEN + CLAIMED + COMMITTED,
        "not all jobs are in flight: {states:?}"
    );
    let before = block.storage_version("JobEscrow").await?;

    let mut began = false;
    let old = block.spec_version;
    let (block, _) = follow
        .find("the end of the migrations", PATIENCE, async |block| {
            books.enter(block).await?;
            ensure!(
                block.spec_version > old,
                "block {} has version {}",
                block.height,
                block.spec_version
            );
            began |= block.has("MultiBlockMigrations", "UpgradeStarted").await?;
            if block.has("MultiBlockMigrations", "UpgradeFailed").await? {
                bail!("the migrations failed in block {}", block.height);
            }
            Ok(block
                .has("MultiBlockMigrations", "UpgradeCompleted")
                .await?
                .then_some(()))
        })
        .await?;
    ensure!(began, "the migrations end without a beginning");
    let after = block.storage_version("JobEscrow").await?;
    ensure!(
        after > before,
        "storage of JobEscrow has version {after} after version {before}"
    );
    println!(
        "   block {}: migrations done; version {old} to {}, storage {before} to {after}",
        block.height, block.spec_version
    );
    Ok(())
}

/// Every job ends, and every requester has what it had but for what settled jobs cost.
async fn ended(books: &mut Books, follow: &mut Follow, start: &[(AccountId32, Funds)]) -> Result<()> {
    let jobs = OPEN + CLAIMED + COMMITTED;
    let (block, _) = follow
        .find("the end of all jobs", ALL_JOBS, async |block| {
            books.enter(block).await?;
            Ok((books.count(State::Settled) + books.count(State::Expired) == jobs).then_some(()))
        })
        .await?;
    ensure!(books.jobs.len() == jobs, "{} jobs", books.jobs.len());
    let (settled, expired) = (books.count(State::Settled), books.count(State::Expired));
    println!("   block {}: {settled} settled, {expired} refunded", block.height);
    ensure!(
        settled >= COMMITTED && expired >= OPEN,
        "{settled} settled, {expired} refunded"
    );
    let totals: Option<Totals> = block.storage("JobEscrow", "JobTotals", vec![]).await?;
    let totals = totals.context("no totals")?;
    ensure!(
        (totals.open, totals.in_flight, totals.escrowed) == (0, 0, 0),
        "not all is over: {totals:?}"
    );
    for (requester, before) in start {
        let [_, after] = block.funds(requester).await?;
        ensure!(
            after.reserved == before.reserved,
            "{requester} holds {before:?}, {after:?}"
        );
        let less = i128::try_from(before.free)? - i128::try_from(after.free)?;
        let spent = books.spent.get(&requester.0).copied().unwrap_or_default();
        ensure!(less == spent, "{requester} has {less} less, and spent {spent}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn upgrade() -> Result<()> {
    let network = Network::with_runtime(Path::new(PAST));
    let network = phase("two validators and two providers start with a past runtime", network).await?;
    let [node, first, second] = ["alice", "provider-1", "provider-2"].map(|name| network.node(name));
    let (node, first, second) = (node?, first?, second?);
    phase("they finalise the same blocks", network.finalises(3)).await?;
    market::register_model(node).await?;
    for (node, account) in [first, second].into_iter().zip(PROVIDERS) {
        market::register_provider(node, account, "0.01").await?;
    }
    let code = node_runtime()?;
    phase("a referendum authorises the new runtime", authorised(node, &code)).await?;

    let [diligent, slow] = PROVIDERS.map(market::account);
    let (diligent, slow) = (diligent?, slow?);
    let [one, other] = REQUESTERS.map(market::signer);
    let (one, other) = (one?, other?);
    let model = market::model_id(node).await?;
    let mut follow = Follow::from_now(node).await?;
    let mut start = Vec::new();
    for requester in REQUESTERS {
        let requester = market::account(requester)?;
        let [_, funds] = follow.next().await?.funds(&requester).await?;
        start.push((requester, funds));
    }
    let mut books = Books::default();
    node.submit(&order(&model, COMMITTED, 10, Some(&diligent), ENOUGH), &one)
        .await?;
    let committed = until_jobs(&mut books, &mut follow, COMMITTED, State::Committed);
    phase("results are committed", committed).await?;
    let worker = market::Worker::of(second).await?;
    worker.pause()?;
    node.submit(&order(&model, CLAIMED, 40, Some(&slow), ENOUGH), &other)
        .await?;
    node.submit(&order(&model, OPEN, 70, None, TOO_LITTLE), &one).await?;
    let claimed = until_jobs(&mut books, &mut follow, CLAIMED, State::Claimed);
    phase("jobs are claimed", claimed).await?;

    let anyone = market::signer("//Dave//stash")?;
    let apply = DefaultPayload::new("System", "apply_authorized_upgrade", (code,));
    node.submit(&apply, &anyone).await?;
    worker.resume();
    phase("the new runtime and its migrations", upgraded(&mut books, &mut follow)).await?;
    phase(
        "every job settles or is refunded",
        ended(&mut books, &mut follow, &start),
    )
    .await?;

    // The network goes on as before, and so do those who use it.
    let next = async {
        let job = market::order(node, REQUESTERS[0], "2,3", None).await?;
        market::receipt(node, job).await
    };
    phase("the next job", next).await?;
    network.close().await
}
