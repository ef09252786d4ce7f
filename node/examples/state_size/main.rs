//! What a block without transactions costs on a small and on a large state: two chains in databases of their own, one with the
//! preset alone, one with providers, models and finished jobs besides, import their blocks in turns. A second small chain shows how
//! far two equal ones differ. `scripts/bench state` runs it; `docs/performance.md` has the figures.

mod chain;
mod market;
mod prices;

use std::{error::Error, path::PathBuf, time::Instant};

use clap::Parser;
use lantern_runtime::opaque::Block;
use sc_chain_spec::GenericChainSpec;
use sp_core::storage::Storage;
use sp_runtime::BuildStorage;

use chain::{Chain, Cost};

/// Jobs that one block writes; a market at once would need the memory for all of it.
const JOBS_AT_A_TIME: usize = 100_000;

/// Times blocks without transactions on a small and on a large state.
#[derive(Parser)]
struct Args {
    /// Raw chain specification, as `lantern-node export-chain-spec --raw` writes it.
    #[arg(long)]
    chain: PathBuf,
    /// Empty folder for the databases.
    #[arg(long)]
    data: PathBuf,
    /// Providers in the large state.
    #[arg(long, default_value_t = 100_000)]
    providers: u32,
    /// Models in the large state, at most as many as providers.
    #[arg(long, default_value_t = 100_000)]
    models: u32,
    /// Finished jobs in the large state.
    #[arg(long, default_value_t = 1_000_000)]
    jobs: u64,
    /// Blocks that each chain imports.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    blocks: u32,
    /// Also measure what reading and writing an entry of the large state costs, without the node's cache for the state.
    #[arg(long)]
    prices: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let size = market::Size {
        providers: args.providers,
        models: args.models.min(args.providers),
        jobs: args.jobs,
    };
    let spec = GenericChainSpec::<Option<()>>::from_json_file(args.chain.clone())?;
    let mut subjects = Vec::new();
    for (name, size) in [("small", None), ("small again", None), ("large", Some(size))] {
        subjects.push(Subject::new(name, size, spec.build_storage()?, &args)?);
    }
    for number in 0..args.blocks as usize {
        // Each chain comes first, second and third equally often.
        for turn in 0..subjects.len() {
            let place = (turn + number) % subjects.len();
            subjects[place].import(number)?;
        }
    }

    println!("| state | entries | on disk | import, middle (10 % to 90 %) | to small | processor time | to small | hooks' weight, middle (most) |");
    println!("|---|---|---|---|---|---|---|---|");
    let small = subjects[0].costs.clone();
    for subject in &subjects {
        println!("{}", subject.row(&small));
    }
    let large = subjects.iter().flat_map(|subject| &subject.costs).skip(2 * small.len());
    let differing = large
        .zip(&small)
        .filter(|(large, small)| large.weight != small.weight)
        .count();
    println!(
        "\nin {differing} of {} blocks the hooks' weight differs between the small and the large state; most resident memory {} MB",
        args.blocks,
        chain::peak_memory()? / 1_000_000,
    );
    if let (true, Some(large)) = (args.prices, subjects.pop()) {
        large.chain.close();
        let folder = args.data.join(large.name);
        prices::print(&Chain::open_with(&folder, spec.build_storage()?, None)?)?;
    }
    Ok(())
}

/// A chain that is measured.
struct Subject {
    name: &'static str,
    entries: usize,
    bytes: u64,
    chain: Chain,
    blocks: Vec<Block>,
    costs: Vec<Cost>,
}

impl Subject {
    /// Makes the first block once; one copy of it authors the blocks, and the other will import them with cold caches.
    fn new(
        name: &'static str,
        size: Option<market::Size>,
        preset: Storage,
        args: &Args,
    ) -> Result<Self, Box<dyn Error>> {
        let began = Instant::now();
        let jobs = args.jobs;
        let folder = args.data.join(name.replace(' ', "-"));
        let mut genesis = preset.clone();
        if let Some(size) = size {
            market::enter(&mut genesis, size);
        }
        let mut entries = genesis.top.len();
        let chain = Chain::open(&folder, genesis)?;
        // The small chains get as many blocks, so that all three are at the same height.
        for first in (0..jobs).step_by(JOBS_AT_A_TIME) {
            let ids = first..jobs.min(first + JOBS_AT_A_TIME as u64);
            let jobs = size.map_or_else(Vec::new, |size| market::jobs(size, ids));
            entries += jobs.len();
            chain.write(jobs)?;
        }
        chain.close();
        let bytes = chain::folder_size(&folder)?;
        let authoring = folder.with_extension("authoring");
        chain::copy_folder(&folder, &authoring)?;
        let author = Chain::open(&authoring, preset.clone())?;
        if let Some(size) = size {
            author.expect_market(size)?;
        }
        let blocks = author.author(args.blocks)?;
        author.close();
        std::fs::remove_dir_all(&authoring)?;
        let seconds = began.elapsed().as_secs();
        eprintln!(
            "{name}: {entries} entries, {} MB on disk, made in {seconds} s",
            bytes / 1_000_000
        );
        Ok(Self {
            name,
            entries,
            bytes,
            chain: Chain::open(&folder, preset)?,
            blocks,
            costs: Vec::new(),
        })
    }

    fn import(&mut self, number: usize) -> Result<(), Box<dyn Error>> {
        self.costs.push(self.chain.import(self.blocks[number].clone())?);
        Ok(())
    }

    /// Its row of the table, with ratios block by block to `small`.
    fn row(&self, small: &[Cost]) -> String {
        let each = |value: fn(&Cost) -> f64| Spread::of(self.costs.iter().map(value));
        let ratio = |value: fn(&Cost) -> f64| {
            let ratios = self
                .costs
                .iter()
                .zip(small)
                .map(|(cost, small)| value(cost) / value(small));
            Spread::of(ratios).middle
        };
        let wall = each(|cost| cost.wall * 1e3);
        let weight = each(|cost| cost.weight as f64 / 1e9);
        format!(
            "| {} | {} | {} MB | {:.2} ms ({:.2} to {:.2}) | {:.3} | {:.2} ms | {:.3} | {:.3} ms ({:.3}) |",
            self.name,
            self.entries,
            self.bytes / 1_000_000,
            wall.middle,
            wall.low,
            wall.high,
            ratio(|cost| cost.wall),
            each(|cost| cost.processor * 1e3).middle,
            ratio(|cost| cost.processor),
            weight.middle,
            weight.most,
        )
    }
}

/// Where values lie.
struct Spread {
    low: f64,
    middle: f64,
    high: f64,
    most: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_by(f64::total_cmp);
        let at = |part: usize| {
            sorted
                .get((sorted.len() * part / 100).min(sorted.len() - 1))
                .copied()
                .unwrap_or(f64::NAN)
        };
        Self {
            low: at(10),
            middle: at(50),
            high: at(90),
            most: at(100),
        }
    }
}
