//! Entries of the state that every block with jobs touches, whatever the number of jobs.
//!
//! A block reads and writes each of them in the database once, at its first use and at its end, and in between in memory. So they are no part
//! of what a call costs: benchmarks leave them out, and every block pays for them once, as a fixed cost.

#[cfg(any(test, feature = "runtime-benchmarks"))]
use alloc::vec::Vec;

#[cfg(any(test, feature = "runtime-benchmarks"))]
use crate::{
    configs::{parameters, AuditPoolAccount, TreasuryAccount},
    Runtime,
};

/// How many of them are read.
pub const READ: u64 = 26;
/// How many of them are written.
pub const WRITTEN: u64 = 7;

/// Those that are written.
#[cfg(any(test, feature = "runtime-benchmarks"))]
fn written() -> [Vec<u8>; WRITTEN as usize] {
    [
        pallet_job_escrow::NextJobId::<Runtime>::hashed_key().to_vec(),
        pallet_job_escrow::OldestJob::<Runtime>::hashed_key().to_vec(),
        pallet_job_escrow::JobTotals::<Runtime>::hashed_key().to_vec(),
        pallet_result_verification::Pending::<Runtime>::counter_storage_final_key().to_vec(),
        pallet_reward_emission::CurrentRound::<Runtime>::hashed_key().to_vec(),
        frame_system::Account::<Runtime>::hashed_key_for(TreasuryAccount::get()),
        frame_system::Account::<Runtime>::hashed_key_for(AuditPoolAccount::get()),
    ]
}

/// All of them: besides, only read, the governed parameters, and the hash of genesis, which worker keys sign.
#[cfg(any(test, feature = "runtime-benchmarks"))]
pub fn keys() -> Vec<Vec<u8>> {
    let parameters = parameters::keys()
        .into_iter()
        .map(pallet_parameters::Parameters::<Runtime>::hashed_key_for);
    written()
        .into_iter()
        .chain(parameters)
        .chain([frame_system::BlockHash::<Runtime>::hashed_key_for(0)])
        .collect()
}

#[cfg(test)]
#[test]
fn a_block_pays_for_every_one_of_them() {
    assert_eq!(keys().len() as u64, READ);
}
