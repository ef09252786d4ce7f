//! What one entry of the state costs to read and to write: the prices that weights take for the database (`runtime/src/weights/db.rs`).
//!
//! Entries are picked at random from the whole state. A read asks for one that nobody asked for before. A write is part of a block that
//! changes many, from the state's root to the database's commit, as an import does it once the runtime has run, and the entries were
//! not read before, so that the way to each through the trie is in the price as well.

use std::error::Error;

use codec::{Decode, Encode};
use sp_io::hashing::blake2_256;

use crate::{
    chain::{Chain, Timed},
    Spread,
};

/// Entries that a block changes, and blocks of that kind.
const WRITES: [(u64, u64); 3] = [(100, 100), (1_000, 50), (10_000, 20)];
/// Entries that are read.
const READS: u64 = 100_000;

/// Reads and writes entries of `chain` and prints a table.
pub fn print(chain: &Chain) -> Result<(), Box<dyn Error>> {
    let keys = chain.keys()?;
    println!(
        "\n| {} entries | an entry, middle µs (10 % to 90 %) | processor time of all threads, µs |",
        keys.len()
    );
    println!("|---|---|---|");
    // Writes first: nothing was read when they begin.
    for (entries, blocks) in WRITES {
        let mut walls = Vec::new();
        let mut processor = 0.0;
        for block in 0..blocks {
            let picked = (0..entries).map(|number| pick(&keys, (entries, block, number)));
            let Timed { wall, all_threads } = chain.change(picked.collect())?;
            walls.push(wall / entries as f64 * 1e6);
            processor += all_threads;
        }
        let wall = Spread::of(walls.into_iter());
        println!(
            "| written, {entries} in a block | {:.1} ({:.1} to {:.1}) | {:.1} |",
            wall.middle,
            wall.low,
            wall.high,
            processor / (entries as f64 * blocks as f64) * 1e6,
        );
    }
    let picked = (0..READS).map(|number| pick(&keys, ("read", number)));
    let (walls, processor) = chain.read(picked)?;
    let wall = Spread::of(walls.into_iter().map(|seconds| seconds * 1e6));
    println!(
        "| read | {:.1} ({:.1} to {:.1}) | {:.1} |",
        wall.middle,
        wall.low,
        wall.high,
        processor / READS as f64 * 1e6
    );
    Ok(())
}

/// A key that the seed chooses.
fn pick(keys: &[Vec<u8>], seed: impl Encode) -> &[u8] {
    let hash = seed.using_encoded(blake2_256);
    let number = u64::decode(&mut &hash[..]).unwrap_or_default();
    usize::try_from(number % keys.len().max(1) as u64)
        .ok()
        .and_then(|place| keys.get(place))
        .map_or(&[], Vec::as_slice)
}
