//! What an upgrade does to the state. Entries stay until no network runs a runtime from before them; which of them a chain has
//! done already, it knows itself.
//!
//! Spec version 2: the index of jobs by requester.

use pallet_job_escrow::migrations as job_escrow;

use crate::Runtime;

/// Done at once, in the block of the upgrade.
pub type SingleBlock = (job_escrow::v2::Begin<Runtime>,);

#[cfg(not(feature = "runtime-benchmarks"))]
/// Done over several blocks, in which no transaction is let in.
pub type MultiBlock = (job_escrow::v2::IndexByRequester<Runtime>,);
