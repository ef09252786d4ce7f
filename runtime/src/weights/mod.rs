//! Weights, as measured: every file but this one and `db.rs` is written by `scripts/weights`.

#![allow(unused_imports)] // One template writes them all, and not every pallet's calls touch the database.

mod base;
mod db;
pub mod frame_system;
pub mod frame_system_extensions;
pub mod pallet_bags_list;
pub mod pallet_balances;
pub mod pallet_bounties;
pub mod pallet_child_bounties;
pub mod pallet_collective;
pub mod pallet_conviction_voting;
pub mod pallet_election_provider_support_benchmarking;
pub mod pallet_identity;
pub mod pallet_im_online;
pub mod pallet_job_escrow;
pub mod pallet_migrations;
pub mod pallet_model_registry;
pub mod pallet_multisig;
pub mod pallet_parameters;
pub mod pallet_preimage;
pub mod pallet_provider_staking;
pub mod pallet_proxy;
pub mod pallet_referenda;
pub mod pallet_reward_emission;
pub mod pallet_safe_mode;
pub mod pallet_scheduler;
pub mod pallet_session;
pub mod pallet_staking;
pub mod pallet_sudo;
pub mod pallet_timestamp;
pub mod pallet_transaction_payment;
pub mod pallet_treasury;
pub mod pallet_tx_pause;
pub mod pallet_utility;
pub mod pallet_whitelist;

pub use base::{BlockExecutionWeight, ExtrinsicBaseWeight};
pub use db::DbWeight;
