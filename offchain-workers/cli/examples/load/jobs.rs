//! Whole job life cycles, as many as the node takes: an order, a claim, a result, and the settlement that the sweep makes when the
//! challenge window has passed.

use std::{collections::HashMap, sync::Arc, time::Instant};

use lantern_primitives::H256;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    chain::Chain,
    failure::Failure,
    market::Market,
    node::{self, Facts, Metrics, Process},
    report::{middle, share, Table},
    sender::Sender,
};

/// How hard to drive the node.
#[derive(clap::Args)]
pub struct Load {
    /// Blocks that count.
    #[arg(long, default_value_t = 60)]
    blocks: u64,
    /// Blocks before them that do not.
    #[arg(long, default_value_t = 20)]
    warmup: u64,
    /// Orders that wait in the pool.
    #[arg(long, default_value_t = 500)]
    ahead: usize,
    /// Jobs that are not settled yet, at most.
    #[arg(long, default_value_t = 2_000)]
    live: usize,
    /// Accounts that order.
    #[arg(long, default_value_t = 64)]
    requesters: usize,
    /// Providers.
    #[arg(long, default_value_t = 16)]
    providers: usize,
    /// Blocks after the last order until which every job must have ended.
    #[arg(long, default_value_t = 150)]
    patience: u64,
}

/// What a job waits for from its provider.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Claim,
    Result,
    Nothing,
}

struct Live {
    work: H256,
    submitted_at: u64,
    step: Step,
}

type Sent = JoinHandle<Result<bool, Failure>>;

struct Run {
    market: Arc<Market>,
    sender: Sender,
    live: HashMap<u64, Live>,
    orders: Vec<Sent>,
    steps: Vec<(u64, Step, Sent)>,
    sent_again: usize,
    ordered: usize,
    submitted: usize,
    settled: usize,
    ended_otherwise: usize,
    failed: usize,
    /// Blocks from submission to settlement.
    lengths: Vec<f64>,
}

impl Run {
    /// Does what the events of a block ask for.
    async fn follow(&mut self, facts: &Facts) -> Result<(), Failure> {
        for (job, input) in &facts.submitted {
            let live = Live {
                work: self.market.work(*input),
                submitted_at: facts.number,
                step: Step::Claim,
            };
            self.live.insert(*job, live);
            self.step(*job);
        }
        for job in &facts.claimed {
            self.advance(*job, Step::Result);
            self.step(*job);
        }
        for job in &facts.committed {
            self.advance(*job, Step::Nothing);
        }
        for job in &facts.settled {
            if let Some(live) = self.live.remove(job) {
                self.lengths.push((facts.number - live.submitted_at) as f64);
            }
        }
        self.submitted += facts.submitted.len();
        self.settled += facts.settled.len();
        self.ended_otherwise += facts.ended_otherwise;
        self.failed += facts.failed;
        self.send_again().await
    }

    fn advance(&mut self, job: u64, step: Step) {
        if let Some(live) = self.live.get_mut(&job) {
            live.step = step;
        }
    }

    /// Sends what a job waits for.
    fn step(&mut self, job: u64) {
        let Some(live) = self.live.get(&job) else { return };
        let (work, step, market) = (live.work, live.step, self.market.clone());
        let sent = match step {
            Step::Claim => self.sender.send(move || market.claim(job, work)),
            Step::Result => self.sender.send(move || market.result(job, work)),
            Step::Nothing => return,
        };
        self.steps.push((job, step, sent));
    }

    /// The pool learns of a block a little later than those who follow heads: what it refused for that is sent again, signed anew.
    async fn send_again(&mut self) -> Result<(), Failure> {
        let (answered, unanswered) = std::mem::take(&mut self.steps)
            .into_iter()
            .partition(|(_, _, sent)| sent.is_finished());
        self.steps = unanswered;
        let answered: Vec<(u64, Step, Sent)> = answered;
        for (job, step, sent) in answered {
            let taken = Sender::taken(vec![sent]).await?;
            if taken == 0 && self.live.get(&job).is_some_and(|live| live.step == step) {
                self.sent_again += 1;
                self.step(job);
            }
        }
        Ok(())
    }

    /// Orders until `ahead` wait and `most` live.
    fn order(&mut self, ahead: usize, most: usize) {
        let waiting = self.ordered - self.submitted;
        let room = ahead
            .saturating_sub(waiting)
            .min(most.saturating_sub(self.live.len() + waiting));
        for _ in 0..room {
            let market = self.market.clone();
            self.orders.push(self.sender.send(move || market.order()));
        }
        self.ordered += room;
    }

    fn unfinished(&self) -> usize {
        self.ordered - self.settled - self.ended_otherwise
    }
}

/// Drives the node and prints what it managed.
pub async fn run(chain: &Chain, process: &Process, metrics: &str, load: &Load) -> Result<(), Failure> {
    let limits = node::limits(chain).await?;
    let mut heads = chain.heads().await?;
    let market = Arc::new(Market::open(chain, load.requesters, load.providers).await?);
    let mut run = Run {
        market,
        sender: Sender::new(chain.clone()),
        live: HashMap::new(),
        orders: Vec::new(),
        steps: Vec::new(),
        sent_again: 0,
        ordered: 0,
        submitted: 0,
        settled: 0,
        ended_otherwise: 0,
        failed: 0,
        lengths: Vec::new(),
    };
    let own = Process::new(std::process::id());
    let mut read_to = chain.best().await?.block_number();
    let quiet = node::facts(chain, read_to).await?.weight.mandatory;
    let first = read_to + load.warmup;
    let last = first + load.blocks;
    let mut window: Vec<Facts> = Vec::new();
    let mut start = None;
    let mut end = None;
    run.order(load.ahead, load.live);
    while run.unfinished() > 0 || read_to < last {
        let head = heads
            .next()
            .await
            .ok_or_else(|| Failure::Connection("the node sends no more heads".into()))?;
        let head = head.map_err(Failure::incompatible)?.number;
        while read_to < head {
            read_to += 1;
            let facts = node::facts(chain, read_to).await?;
            run.follow(&facts).await?;
            if read_to < last {
                run.order(load.ahead, load.live);
            }
            eprintln!(
                "block {read_to}: {} submitted, {} claimed, {} committed, {} settled; {} waiting, {} live",
                facts.submitted.len(),
                facts.claimed.len(),
                facts.committed.len(),
                facts.settled.len(),
                run.ordered - run.submitted,
                run.live.len()
            );
            if read_to == first {
                start = Some(Mark::set(process, &own, metrics).await?);
            }
            if read_to >= first && read_to <= last {
                window.push(facts);
            }
            if read_to == last {
                end = Some(Mark::set(process, &own, metrics).await?);
            }
            if read_to > last + load.patience {
                return Err(Failure::Outcome(format!("{} jobs did not end", run.unfinished())));
            }
        }
    }
    if Sender::taken(std::mem::take(&mut run.orders)).await? < run.ordered {
        return Err(Failure::Outcome(format!(
            "orders were refused: {:?}",
            run.sender.refused()
        )));
    }
    let (Some(start), Some(end)) = (start, end) else {
        return Err(Failure::Usage("no blocks to measure: give --blocks".into()));
    };
    print(&run, &window, (&start, &end), limits, quiet);
    println!("{}", json!({ "first": first + 1, "last": last }));
    match run.settled == run.ordered {
        true => Ok(()),
        false => Err(Failure::Outcome(format!(
            "{} of {} jobs did not settle",
            run.ordered - run.settled,
            run.ordered
        ))),
    }
}

/// Clocks and metrics at one moment.
struct Mark {
    at: Instant,
    node: f64,
    own: f64,
    memory: f64,
    metrics: Metrics,
}

impl Mark {
    async fn set(node: &Process, own: &Process, metrics: &str) -> Result<Self, Failure> {
        Ok(Self {
            at: Instant::now(),
            node: node.processor_seconds()?,
            own: own.processor_seconds()?,
            memory: node.memory()?,
            metrics: Metrics::read(metrics).await?,
        })
    }
}

/// `window` begins with the block before the first that counts.
fn print(run: &Run, window: &[Facts], (start, end): (&Mark, &Mark), limits: node::Limits, quiet: u64) {
    let blocks = &window[1..];
    let each = |value: fn(&Facts) -> f64| blocks.iter().map(value).collect::<Vec<_>>();
    let sum = |value: fn(&Facts) -> f64| blocks.iter().map(value).sum::<f64>();
    let chain_seconds = blocks[blocks.len() - 1].time - window[0].time;
    let wall = (end.at - start.at).as_secs_f64();
    let settled = sum(|block| block.settled.len() as f64);
    // What a life cycle weighs: its three transactions, and the sweep that settles it.
    let normal = sum(|block| block.weight.normal as f64);
    let sweeping = sum(|block| block.weight.mandatory as f64) - quiet as f64 * blocks.len() as f64;
    let cycle = (normal + sweeping) / settled.max(1.0);
    let by_transactions = limits.normal as f64 / (normal / settled.max(1.0));
    let by_weight = by_transactions.min((limits.block - quiet) as f64 / cycle) / limits.slot;
    let full = |weight: f64, limit: u64| share(weight / limit as f64 / blocks.len() as f64);
    let mean = |histogram: &str| format!("{:.0} ms", end.metrics.mean_since(&start.metrics, histogram) * 1e3);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = |seconds: f64| format!("{} of {cores} cores", share(seconds / wall / cores as f64));

    let mut table = Table::new(["chain", "value"]);
    table.row(
        "life cycles settled a second of chain time",
        format!("{:.1}", settled / chain_seconds),
    );
    table.row(
        "life cycles settled a second of wall time",
        format!("{:.1}", settled / wall),
    );
    table.row("the same by weight alone", format!("{by_weight:.1}"));
    table.row("weight of a life cycle", format!("{:.2} ms", cycle / 1e9));
    table.row(
        "jobs settled in the measured blocks",
        format!("{settled:.0} in {} blocks", blocks.len()),
    );
    table.row(
        "time between blocks, mean",
        format!("{:.2} s", chain_seconds / blocks.len() as f64),
    );
    table.row("transactions a block, middle (most)", {
        let transactions = each(|block| f64::from(block.transactions));
        format!(
            "{:.0} ({:.0})",
            middle(&transactions),
            transactions.iter().copied().fold(0.0, f64::max)
        )
    });
    table.row("fullness by weight: normal transactions, whole block", {
        let whole = sum(|block| (block.weight.normal + block.weight.operational + block.weight.mandatory) as f64);
        format!("{}, {}", full(normal, limits.normal), full(whole, limits.block))
    });
    table.row("building a block, mean", mean("substrate_proposer_block_constructed"));
    table.row(
        "submission to settlement, middle",
        format!("{:.0} blocks", middle(&run.lengths)),
    );
    table.row("the node's processor time", processor(end.node - start.node));
    table.row("this generator's, on the same cores", processor(end.own - start.own));
    table.row(
        "the node's memory, before and after",
        format!("{:.0} MB, {:.0} MB", start.memory, end.memory),
    );
    let (ordered, settled, otherwise) = (run.ordered, run.settled, run.ended_otherwise);
    table.row(
        "all jobs of the run: ordered, settled, ended otherwise",
        format!("{ordered}, {settled}, {otherwise}"),
    );
    table.row(
        "failed in a block; claims and results that the pool took at the second try",
        format!("{}; {}", run.failed, run.sent_again),
    );
    table.print();
}
