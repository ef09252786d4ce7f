//! The pallets that have benchmarks, for `frame-omni-bencher`: `scripts/weights` measures them.
//!
//! BABE and GRANDPA are not among them: the weight of an equivocation report depends on the validators' number in a way that
//! their benchmarks do not measure, and their own weights stand.

use codec::Encode;
use frame_support::traits::fungible::{Inspect, Mutate};

use crate::{AccountId, Balances, Runtime, SessionKeys};

/// Pallets of benchmarks that are not pallets of the runtime.
pub mod pallets {
    pub use frame_benchmarking::baseline::Pallet as BaselineBench;
    pub use frame_system_benchmarking::{extensions::Pallet as SystemExtensionsBench, Pallet as SystemBench};
    pub use pallet_election_provider_support_benchmarking::Pallet as ElectionBench;
    pub use pallet_session_benchmarking::Pallet as SessionBench;
}

impl frame_benchmarking::baseline::Config for Runtime {}
impl frame_system_benchmarking::Config for Runtime {}
impl pallet_election_provider_support_benchmarking::Config for Runtime {}
impl pallet_transaction_payment::BenchmarkConfig for Runtime {}

impl pallet_session_benchmarking::Config for Runtime {
    fn generate_session_keys_and_proof(owner: AccountId) -> (SessionKeys, alloc::vec::Vec<u8>) {
        let generated = SessionKeys::generate(&owner.encode(), None);
        (generated.keys, generated.proof.encode())
    }
}

/// Beneficiaries in the treasury's benchmarks, which spend less than the existential deposit: only an account that exists can receive that.
pub struct Beneficiaries;
impl pallet_treasury::ArgumentsFactory<(), AccountId> for Beneficiaries {
    fn create_asset_kind(_seed: u32) {}

    fn create_beneficiary(seed: [u8; 32]) -> AccountId {
        let beneficiary = AccountId::from(seed);
        <Balances as Mutate<AccountId>>::mint_into(&beneficiary, <Balances as Inspect<AccountId>>::minimum_balance())
            .expect("the benchmark's issuance does not overflow; qed");
        beneficiary
    }
}

frame_benchmarking::define_benchmarks!(
    [frame_benchmarking, BaselineBench::<Runtime>]
    [frame_system, SystemBench::<Runtime>]
    [frame_system_extensions, SystemExtensionsBench::<Runtime>]
    [pallet_bags_list, VoterList]
    [pallet_balances, Balances]
    [pallet_bounties, Bounties]
    [pallet_child_bounties, ChildBounties]
    [pallet_collective, Committee]
    [pallet_conviction_voting, ConvictionVoting]
    [pallet_election_provider_support_benchmarking, ElectionBench::<Runtime>]
    [pallet_identity, Identity]
    [pallet_im_online, ImOnline]
    [pallet_migrations, MultiBlockMigrations]
    [pallet_multisig, Multisig]
    [pallet_parameters, Parameters]
    [pallet_preimage, Preimage]
    [pallet_proxy, Proxy]
    [pallet_referenda, Referenda]
    [pallet_safe_mode, SafeMode]
    [pallet_scheduler, Scheduler]
    [pallet_session, SessionBench::<Runtime>]
    [pallet_staking, Staking]
    [pallet_sudo, Sudo]
    [pallet_timestamp, Timestamp]
    [pallet_transaction_payment, TransactionPayment]
    [pallet_treasury, Treasury]
    [pallet_tx_pause, TxPause]
    [pallet_utility, Utility]
    [pallet_whitelist, Whitelist]
    [pallet_provider_staking, ProviderStaking]
    [pallet_model_registry, ModelRegistry]
    [pallet_job_escrow, JobEscrow]
    [pallet_reward_emission, RewardEmission]
);
