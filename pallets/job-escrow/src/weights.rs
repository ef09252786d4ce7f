//! Weights of calls and hooks.
//!
//! Those here are estimates for tests, from the storage that each touches; the runtime has measured ones.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weights of calls and hooks.
pub trait WeightInfo {
    /// Reads model, price and ten parameters; holds; writes job, two indices, agenda and totals. `n` is the input's length
    /// in bytes: hashed, checked against the vocabulary, written to the offchain database.
    fn submit_job(n: u32) -> Weight;
    /// Reads and writes job, balance and holds, index, two agenda entries and totals.
    fn cancel_job() -> Weight;
    /// With its authorisation. Reads job, worker key, provider, price and model; verifies a signature; locks stake and moves the job
    /// between indices.
    fn claim_job() -> Weight;
    /// With its authorisation. Reads job, worker key and model; checks, hashes and verifies; moves the job and notes the result.
    /// `n` is the output's length in bytes.
    fn submit_result(n: u32) -> Weight;
    /// As the most expensive step of the sweep.
    fn poke() -> Weight;
    /// Reads the grace, where the sweep stopped and the oldest job, and writes where it stops.
    fn sweep_base() -> Weight;
    /// Looks for entries of one block.
    fn sweep_block() -> Weight;
    /// As `cancel_job`.
    fn sweep_expire_open() -> Weight;
    /// Refunds, slashes and unlocks: two accounts with their holds, the provider's ledger, the book.
    fn sweep_expire_claimed() -> Weight;
    /// Pays five accounts, refunds, unlocks, counts for emission, closes the window, and the book.
    fn sweep_settle() -> Weight;
    /// Moves an agenda entry.
    fn sweep_defer() -> Weight;
    /// Removes a job and its index entry, and moves the oldest id.
    fn sweep_remove() -> Weight;
    /// Migration: reads a job and enters it into the index by requester.
    fn index_job() -> Weight;
}

/// Estimates for tests.
impl WeightInfo for () {
    fn submit_job(n: u32) -> Weight {
        Weight::from_parts(120_000_000, 8_000)
            .saturating_add(Weight::from_parts(6_000, 0).saturating_mul(n.into()))
            .saturating_add(RocksDbWeight::get().reads(18))
            .saturating_add(RocksDbWeight::get().writes(10))
    }
    fn cancel_job() -> Weight {
        Weight::from_parts(90_000_000, 8_000)
            .saturating_add(RocksDbWeight::get().reads(6))
            .saturating_add(RocksDbWeight::get().writes(8))
    }
    fn claim_job() -> Weight {
        Weight::from_parts(130_000_000, 9_000)
            .saturating_add(RocksDbWeight::get().reads(8))
            .saturating_add(RocksDbWeight::get().writes(8))
    }
    fn submit_result(n: u32) -> Weight {
        Weight::from_parts(150_000_000, 9_000)
            .saturating_add(Weight::from_parts(12_000, 0).saturating_mul(n.into()))
            .saturating_add(RocksDbWeight::get().reads(8))
            .saturating_add(RocksDbWeight::get().writes(8))
    }
    fn poke() -> Weight {
        Weight::from_parts(300_000_000, 20_000)
            .saturating_add(RocksDbWeight::get().reads(20))
            .saturating_add(RocksDbWeight::get().writes(20))
    }
    fn sweep_base() -> Weight {
        Weight::from_parts(3_000_000, 1_500)
            .saturating_add(RocksDbWeight::get().reads(2))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
    fn sweep_block() -> Weight {
        Weight::from_parts(4_000_000, 3_000).saturating_add(RocksDbWeight::get().reads(1))
    }
    fn sweep_expire_open() -> Weight {
        Weight::from_parts(100_000_000, 8_000)
            .saturating_add(RocksDbWeight::get().reads(6))
            .saturating_add(RocksDbWeight::get().writes(8))
    }
    fn sweep_expire_claimed() -> Weight {
        Weight::from_parts(200_000_000, 14_000)
            .saturating_add(RocksDbWeight::get().reads(12))
            .saturating_add(RocksDbWeight::get().writes(14))
    }
    fn sweep_settle() -> Weight {
        Weight::from_parts(300_000_000, 20_000)
            .saturating_add(RocksDbWeight::get().reads(20))
            .saturating_add(RocksDbWeight::get().writes(20))
    }
    fn sweep_defer() -> Weight {
        Weight::from_parts(40_000_000, 5_000)
            .saturating_add(RocksDbWeight::get().reads(3))
            .saturating_add(RocksDbWeight::get().writes(6))
    }
    fn sweep_remove() -> Weight {
        Weight::from_parts(25_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(5))
            .saturating_add(RocksDbWeight::get().writes(4))
    }
    fn index_job() -> Weight {
        Weight::from_parts(8_000_000, 3_000)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
}
