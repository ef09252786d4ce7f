//! The transaction pool when it is full: orders beyond what blocks hold, more than its limits allow, and claims that are not valid.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lantern_primitives::H256;
use serde_json::Value;
use subxt::rpcs::client::rpc_params;
use tokio::task::JoinHandle;

use crate::{
    chain::Chain,
    failure::Failure,
    market::Market,
    node::{self, Process},
    report::{at, middle, share, Table},
    sender::Sender,
};

/// Blocks in a row without a transaction after which nothing is expected to come out of the pool any more.
const PATIENCE: usize = 5;

/// How full the pool shall be.
#[derive(clap::Args)]
pub struct Fill {
    /// Transactions that wait.
    #[arg(long, default_value_t = 5_000)]
    pending: usize,
    /// Blocks during which so many are kept waiting.
    #[arg(long, default_value_t = 10)]
    hold: u64,
    /// Accounts that sign in turns; where they are fewer than wait, the pool has several transactions of each.
    #[arg(long, default_value_t = 5_000)]
    requesters: usize,
}

/// Orders that are sent and counted as blocks include them.
struct Orders {
    market: Arc<Market>,
    sender: Sender,
    sent: Vec<JoinHandle<Result<bool, Failure>>>,
    ordered: usize,
    included: usize,
}

impl Orders {
    async fn new(chain: &Chain, requesters: usize) -> Result<Self, Failure> {
        Ok(Self {
            market: Arc::new(Market::open(chain, requesters, 1).await?),
            sender: Sender::new(chain.clone()),
            sent: Vec::new(),
            ordered: 0,
            included: 0,
        })
    }

    fn order(&mut self, count: usize) {
        for _ in 0..count {
            let market = self.market.clone();
            self.sent.push(self.sender.send(move || market.order()));
        }
        self.ordered += count;
    }

    /// How many of those sent so far the pool took.
    async fn taken(&mut self) -> Result<usize, Failure> {
        Sender::taken(std::mem::take(&mut self.sent)).await
    }
}

/// What the node does while the pool is so full.
struct Watch {
    latest: u64,
    times: Vec<f64>,
    filled: Vec<f64>,
    health: Vec<f64>,
    listing: Vec<f64>,
    waiting: Vec<f64>,
    memory: Vec<f64>,
    /// Blocks in a row that included no order.
    barren: usize,
}

impl Watch {
    async fn new(chain: &Chain) -> Result<Self, Failure> {
        let latest = chain.best().await?.block_number();
        Ok(Self::from(latest, node::facts(chain, latest).await?.time))
    }

    /// A watch that begins with this block.
    fn from(latest: u64, time: f64) -> Self {
        Self {
            latest,
            times: vec![time],
            filled: Vec::new(),
            health: Vec::new(),
            listing: Vec::new(),
            waiting: Vec::new(),
            memory: Vec::new(),
            barren: 0,
        }
    }

    /// A watch that goes on where this one ends.
    fn next(&self) -> Self {
        Self::from(self.latest, self.times[self.times.len() - 1])
    }

    /// Asks the node once as its users do, and reads blocks that have come; returns how many orders they include.
    async fn look(&mut self, chain: &Chain, process: &Process, limits: node::Limits) -> Result<usize, Failure> {
        let asked = Instant::now();
        chain.request::<Value>("system_health", rpc_params![]).await?;
        self.health.push(asked.elapsed().as_secs_f64() * 1e3);
        let asked = Instant::now();
        self.waiting.push(node::pending(chain).await? as f64);
        self.listing.push(asked.elapsed().as_secs_f64() * 1e3);
        self.memory.push(process.memory()?);
        let best = chain.best().await?.block_number();
        let mut included = 0;
        while self.latest < best {
            self.latest += 1;
            let facts = node::facts(chain, self.latest).await?;
            self.times.push(facts.time);
            self.filled.push(facts.weight.normal as f64 / limits.normal as f64);
            included += facts.submitted.len();
            self.barren = if facts.submitted.is_empty() { self.barren + 1 } else { 0 };
        }
        Ok(included)
    }

    fn blocks(&self) -> u64 {
        self.filled.len() as u64
    }

    /// Looks twice a second until `done` says so, which learns how many orders were included since it was last asked.
    async fn until(
        &mut self,
        chain: &Chain,
        process: &Process,
        limits: node::Limits,
        mut done: impl FnMut(&Self, usize) -> bool,
    ) -> Result<(), Failure> {
        loop {
            let included = self.look(chain, process, limits).await?;
            if done(self, included) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    fn cells(&self, name: &str) -> [String; 7] {
        let spread = |values: &[f64]| format!("{:.1} ms ({:.0} ms)", middle(values), at(values, 99));
        let gaps: Vec<f64> = self.times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        [
            name.to_owned(),
            format!("{:.0}", middle(&self.waiting)),
            spread(&self.health),
            spread(&self.listing),
            format!(
                "{:.2} s ({:.0} s)",
                gaps.iter().sum::<f64>() / gaps.len() as f64,
                at(&gaps, 100)
            ),
            share(self.filled.iter().sum::<f64>() / self.filled.len().max(1) as f64),
            format!("{:.0} MB", at(&self.memory, 100)),
        ]
    }
}

/// Keeps the pool full for a while, then lets it become empty.
pub async fn fill(chain: &Chain, asking: &Chain, process: &Process, fill: &Fill) -> Result<(), Failure> {
    let limits = node::limits(chain).await?;
    let mut orders = Orders::new(chain, fill.requesters).await?;
    let mut empty = Watch::new(asking).await?;
    empty
        .until(asking, process, limits, |watch, _| watch.blocks() >= 5)
        .await?;

    let began = Instant::now();
    let mut filling = empty.next();
    orders.order(fill.pending);
    filling
        .until(asking, process, limits, |_, included| {
            orders.included += included;
            orders.sent.iter().all(JoinHandle::is_finished)
        })
        .await?;
    let rate = fill.pending as f64 / began.elapsed().as_secs_f64();

    let mut full = filling.next();
    full.until(asking, process, limits, |watch, included| {
        orders.included += included;
        orders.order((fill.pending + orders.included).saturating_sub(orders.ordered));
        watch.blocks() >= fill.hold
    })
    .await?;
    let taken = orders.taken().await?;

    let mut emptying = full.next();
    emptying
        .until(asking, process, limits, |watch, included| {
            orders.included += included;
            orders.included >= taken || watch.barren >= PATIENCE
        })
        .await?;

    let left = emptying.blocks();
    let mut table = Table::new([
        "pool",
        "waiting",
        "`system_health`, middle (99 %)",
        "`author_pendingExtrinsics`",
        "between blocks, mean (most)",
        "blocks full to",
        "memory",
    ]);
    for (name, watch) in [
        ("empty", empty),
        ("filling", filling),
        ("kept full", full),
        ("emptying", emptying),
    ] {
        table.cells(watch.cells(name));
    }
    table.print();
    println!(
        "\n{rate:.0} taken a second while filling; {} sent in all, {taken} taken, {} included, the last of them {left} blocks after \
         the last was sent",
        orders.ordered, orders.included,
    );
    for (words, times) in orders.sender.refused() {
        println!("refused {times} times: {words}");
    }
    match orders.included == taken {
        true => Ok(()),
        false => Err(Failure::Outcome(format!(
            "{} orders were taken and not included",
            taken - orders.included
        ))),
    }
}

/// How far to go beyond the pool's limits.
#[derive(clap::Args)]
pub struct Beyond {
    /// Transactions sent at once.
    #[arg(long, default_value_t = 400)]
    transactions: usize,
}

/// Sends more than the pool holds. One transaction an account, so that a refused one holds none of the others back.
pub async fn beyond(chain: &Chain, process: &Process, beyond: &Beyond) -> Result<(), Failure> {
    let limits = node::limits(chain).await?;
    let mut watch = Watch::new(chain).await?;
    let mut orders = Orders::new(chain, beyond.transactions).await?;
    orders.order(beyond.transactions);
    let taken = orders.taken().await?;
    watch
        .until(chain, process, limits, |watch, included| {
            orders.included += included;
            orders.included >= taken || watch.barren >= PATIENCE
        })
        .await?;
    println!(
        "of {} sent at once, {taken} were taken and {} of them included; {} were dropped again, which `author_submitAndWatchExtrinsic` \
         tells their senders",
        beyond.transactions,
        orders.included,
        taken - orders.included,
    );
    for (words, times) in orders.sender.refused() {
        println!("refused {times} times: {words}");
    }
    Ok(())
}

/// How many claims that are not valid.
#[derive(clap::Args)]
pub struct Refusals {
    /// Claims of jobs that do not exist.
    #[arg(long, default_value_t = 5_000)]
    claims: u64,
}

/// Sends claims of jobs that do not exist, and times their refusal.
pub async fn refusals(chain: &Chain, process: &Process, refusals: &Refusals) -> Result<(), Failure> {
    let market = Arc::new(Market::open(chain, 1, 1).await?);
    // Signed before the clock starts.
    let claims: Vec<Vec<u8>> = (0..refusals.claims)
        .map(|number| market.claim((1 << 40) | number, H256::zero()))
        .collect::<Result<_, _>>()?;
    let sender = Sender::new(chain.clone());
    let (began, used) = (Instant::now(), process.processor_seconds()?);
    let handles = claims.into_iter().map(|claim| sender.send(move || Ok(claim))).collect();
    let taken = Sender::taken(handles).await?;
    let count = refusals.claims as f64;
    println!(
        "{} claims of jobs that do not exist: {taken} taken; {:.0} a second, {:.2} ms of the node's processor time each",
        refusals.claims,
        count / began.elapsed().as_secs_f64(),
        (process.processor_seconds()? - used) * 1e3 / count,
    );
    for (words, times) in sender.refused() {
        println!("refused {times} times: {words}");
    }
    match (taken, node::pending(chain).await?) {
        (0, 0) => Ok(()),
        (taken, pending) => Err(Failure::Outcome(format!("{taken} claims were taken, {pending} wait"))),
    }
}
