//! What the node says of itself: its blocks' events and weights, its metrics, and what the system says of its process.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use codec::Decode;
use lantern_primitives::{content::ContentRef, H256};
use subxt::{dynamic, events::Phase};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    chain::{At, Chain},
    failure::Failure,
};

/// Nobody waits longer than this for a metric.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);

/// Weight by class, in picoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByClass {
    pub normal: u64,
    pub operational: u64,
    pub mandatory: u64,
}

/// What happened to jobs in a block, and how full it was.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub number: u64,
    /// Its time by the chain's clock, in seconds.
    pub time: f64,
    pub weight: ByClass,
    pub transactions: u32,
    pub failed: usize,
    pub submitted: Vec<(u64, ContentRef)>,
    pub claimed: Vec<u64>,
    pub committed: Vec<u64>,
    pub settled: Vec<u64>,
    pub ended_otherwise: usize,
}

/// Most weight that a block may have, and that its normal transactions may, and the seconds from one block to the next.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub slot: f64,
    pub block: u64,
    pub normal: u64,
}

/// SCALE form of a weight.
#[derive(Decode)]
struct Weight {
    #[codec(compact)]
    time: u64,
    #[codec(compact)]
    _proof: u64,
}

fn decoded<T: Decode>(what: &str, bytes: &[u8]) -> Result<T, Failure> {
    T::decode(&mut &bytes[..]).map_err(|error| Failure::incompatible(format!("{what}: {error}")))
}

/// Limits of blocks, from the chain's constants.
pub async fn limits(chain: &Chain) -> Result<Limits, Failure> {
    type Class = (Weight, Option<Weight>, Option<Weight>, Option<Weight>);
    let at = chain.best().await?;
    let constant = |pallet: &str, name: &str| {
        let address = dynamic::constant::<()>(pallet, name);
        at.constants().entry_bytes(address).map_err(Failure::incompatible)
    };
    let weights = constant("System", "BlockWeights")?;
    let (_base, block, normal) = decoded::<(Weight, Weight, Class)>("the limits of a block", &weights)?;
    let millis: u64 = decoded("the time between blocks", &constant("Babe", "ExpectedBlockTime")?)?;
    Ok(Limits {
        slot: millis as f64 / 1e3,
        block: block.time,
        normal: normal.2.map_or(block.time, |most| most.time),
    })
}

/// SCALE bytes of a single value.
async fn value(at: &At, pallet: &str, entry: &str) -> Result<Vec<u8>, Failure> {
    let address = dynamic::storage::<(), ()>(pallet, entry);
    let value = at.storage().fetch(address, ()).await.map_err(Failure::incompatible)?;
    Ok(value.into_bytes())
}

/// Reads a block.
pub async fn facts(chain: &Chain, number: u64) -> Result<Facts, Failure> {
    let height = u32::try_from(number).map_err(Failure::incompatible)?;
    let at = chain.at_number(height).await?;
    let weight = value(&at, "System", "BlockWeight").await?;
    let time = value(&at, "Timestamp", "Now").await?;
    let (normal, operational, mandatory) = decoded::<(Weight, Weight, Weight)>("a block's weight", &weight)?;
    let mut facts = Facts {
        number,
        time: decoded::<u64>("a block's time", &time)? as f64 / 1e3,
        weight: ByClass {
            normal: normal.time,
            operational: operational.time,
            mandatory: mandatory.time,
        },
        ..Default::default()
    };
    let events = at.events().fetch().await.map_err(Failure::incompatible)?;
    for event in events.iter() {
        let event = event.map_err(Failure::incompatible)?;
        if let Phase::ApplyExtrinsic(index) = event.phase() {
            facts.transactions = facts.transactions.max(index + 1);
        }
        let fields = event.field_bytes();
        match (event.pallet_name(), event.event_name()) {
            ("System", "ExtrinsicFailed") => facts.failed += 1,
            ("JobEscrow", "JobSubmitted") => {
                let (job, _requester, _model, input) =
                    decoded::<(u64, [u8; 32], H256, ContentRef)>("a submission", fields)?;
                facts.submitted.push((job, input));
            },
            ("JobEscrow", "JobClaimed") => facts.claimed.push(decoded("a claim", fields)?),
            ("JobEscrow", "ResultCommitted") => facts.committed.push(decoded("a result", fields)?),
            ("JobEscrow", "JobSettled") => facts.settled.push(decoded("a settlement", fields)?),
            ("JobEscrow", "JobExpired" | "JobCancelled") => facts.ended_otherwise += 1,
            _ => {},
        }
    }
    Ok(facts)
}

/// Pending transactions of the pool.
pub async fn pending(chain: &Chain) -> Result<usize, Failure> {
    let pending: Vec<String> = chain.request("author_pendingExtrinsics", Default::default()).await?;
    Ok(pending.len())
}

/// The node's Prometheus series by name with labels.
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Reads them from `address`, a host with its port.
    pub async fn read(address: &str) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::Connection(format!("no metrics from {address}: {error}"));
        let read = async {
            let mut stream = TcpStream::connect(address).await?;
            let request = format!("GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut text = String::new();
            stream.read_to_string(&mut text).await?;
            Ok::<_, std::io::Error>(text)
        };
        let text = tokio::time::timeout(SCRAPE_TIMEOUT, read)
            .await
            .map_err(|error| failed(&error))?
            .map_err(|error| failed(&error))?;
        let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.trim().parse().ok()?))
        });
        Ok(Self(series.collect()))
    }

    /// Sum over the series of a metric, whatever their labels.
    pub fn sum(&self, metric: &str) -> f64 {
        let of_metric = |name: &str| name.split('{').next() == Some(metric);
        self.0
            .iter()
            .filter(|(name, _)| of_metric(name))
            .map(|(_, value)| value)
            .sum()
    }

    /// Mean of a histogram since `before`; not a number where it has nothing new.
    pub fn mean_since(&self, before: &Self, histogram: &str) -> f64 {
        let grown = |part: &str| {
            let name = format!("{histogram}_{part}");
            self.sum(&name) - before.sum(&name)
        };
        grown("sum") / grown("count")
    }
}

/// A process on this machine.
#[derive(Clone)]
pub struct Process(PathBuf);

impl Process {
    /// The process with this id.
    pub fn new(id: u32) -> Self {
        Self(PathBuf::from(format!("/proc/{id}")))
    }

    fn read(&self, file: &str) -> Result<String, Failure> {
        std::fs::read_to_string(self.0.join(file))
            .map_err(|error| Failure::Outcome(format!("the node's process: {error}")))
    }

    /// Processor time that it has used, in seconds.
    pub fn processor_seconds(&self) -> Result<f64, Failure> {
        // Fields after the name in brackets, which may have spaces: user and system time are the 12th and 13th of them.
        let stat = self.read("stat")?;
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 = fields
            .skip(11)
            .take(2)
            .filter_map(|ticks| ticks.parse::<u64>().ok())
            .sum();
        // Linux shows all times in hundredths of a second.
        Ok(ticks as f64 / 100.0)
    }

    /// Resident memory in MB.
    pub fn memory(&self) -> Result<f64, Failure> {
        let status = self.read("status")?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap_or_default();
        let kib: f64 = line
            .trim_end_matches("kB")
            .trim()
            .parse()
            .map_err(Failure::incompatible)?;
        Ok(kib * 1024.0 / 1e6)
    }
}
