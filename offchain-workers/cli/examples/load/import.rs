//! Import: how long a node that was not there needs for each of another's blocks.

use std::time::{Duration, Instant};

use crate::{
    failure::Failure,
    node::Metrics,
    report::{at, middle, Table},
};

/// How often the metrics are read. Full blocks take much longer, so that hardly two come between two readings.
const EVERY: Duration = Duration::from_millis(20);
/// How long the blocks may take altogether.
const PATIENCE: Duration = Duration::from_secs(300);

/// Which blocks, and where the importing node's metrics are.
#[derive(clap::Args)]
pub struct Blocks {
    /// First block.
    #[arg(long)]
    first: u64,
    /// Last block.
    #[arg(long)]
    last: u64,
    /// Host and port of the importing node's metrics.
    #[arg(long)]
    importer: String,
}

/// Watches a node import. Start this before the node.
pub async fn run(blocks: &Blocks) -> Result<(), Failure> {
    const HISTOGRAM: &str = "substrate_block_verification_and_import_time";
    let began = Instant::now();
    // Number of blocks and seconds at each reading that saw more blocks than the one before.
    let mut seen: Vec<(f64, f64)> = vec![(0.0, 0.0)];
    while seen[seen.len() - 1].0 < blocks.last as f64 {
        if began.elapsed() > PATIENCE {
            return Err(Failure::Timeout(format!(
                "block {} was not imported in time",
                blocks.last
            )));
        }
        // The node may not be up yet.
        if let Ok(metrics) = Metrics::read(&blocks.importer).await {
            let count = metrics.sum(&format!("{HISTOGRAM}_count"));
            if count > seen[seen.len() - 1].0 {
                seen.push((count, metrics.sum(&format!("{HISTOGRAM}_sum"))));
            }
        }
        tokio::time::sleep(EVERY).await;
    }
    // The importing node counts from block 1 on, so that counts are heights.
    let within = |height: f64| height >= blocks.first as f64 && height <= blocks.last as f64;
    let steps = seen
        .windows(2)
        .filter(|pair| within(pair[1].0) && pair[0].0 >= (blocks.first - 1) as f64);
    let (mut each, mut number, mut seconds) = (Vec::new(), 0.0, 0.0);
    for pair in steps {
        let (count, time) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        number += count;
        seconds += time;
        each.push(time / count * 1e3);
    }
    let mut table = Table::new(["import of the same blocks by a second node", "value"]);
    table.row("blocks", format!("{number:.0}"));
    table.row("time a block, mean", format!("{:.0} ms", seconds / number * 1e3));
    table.row(
        "middle, 90 %, most",
        format!(
            "{:.0} ms, {:.0} ms, {:.0} ms",
            middle(&each),
            at(&each, 90),
            at(&each, 100)
        ),
    );
    table.print();
    Ok(())
}
