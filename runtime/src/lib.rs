//! The Lantern runtime: a chain on which AI inference is sold, verified and paid.
//!
//! Pallets are configured by theme in [`configs`]; runtime APIs are in [`apis`]; genesis presets in [`genesis`].

#![cfg_attr(not(feature = "std"), no_std)]
#![recursion_limit = "512"]
// FRAME's macros make public items without documentation here; our own items are documented all the same.
#![allow(missing_docs)]

#[cfg(feature = "std")]
include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));

extern crate alloc;

pub mod apis;
#[cfg(feature = "runtime-benchmarks")]
mod benches;
pub mod configs;
pub mod genesis;
#[cfg(test)]
mod hostile;
mod hot;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod upgrade;
pub mod views;
pub mod weights;

use alloc::vec::Vec;
use sp_runtime::{
    generic, impl_opaque_keys,
    traits::{BlakeTwo256, IdentifyAccount, Verify},
    MultiAddress, MultiSignature,
};
use sp_version::RuntimeVersion;

pub use frame_system::Call as SystemCall;
pub use lantern_primitives::{AccountId, Balance, BlockNumber};

/// Signature of a transaction.
pub type Signature = MultiSignature;
/// Transactions sent by an account.
pub type Nonce = u32;
/// Block hash.
pub type Hash = sp_core::H256;
/// Address in a transaction.
pub type Address = MultiAddress<AccountId, ()>;
/// Block header.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// Block.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
/// Transaction extensions, in the order in which they run.
pub type TxExtension = (
    frame_system::AuthorizeCall<Runtime>,
    frame_system::CheckNonZeroSender<Runtime>,
    frame_system::CheckSpecVersion<Runtime>,
    frame_system::CheckTxVersion<Runtime>,
    frame_system::CheckGenesis<Runtime>,
    frame_system::CheckEra<Runtime>,
    frame_system::CheckNonce<Runtime>,
    frame_system::CheckWeight<Runtime>,
    pallet_transaction_payment::ChargeTransactionPayment<Runtime>,
    frame_metadata_hash_extension::CheckMetadataHash<Runtime>,
    frame_system::WeightReclaim<Runtime>,
);
/// Transaction as it travels.
pub type UncheckedExtrinsic = generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;
/// What a signer signs.
pub type SignedPayload = generic::SignedPayload<RuntimeCall, TxExtension>;
/// Dispatches blocks to the pallets.
pub type Executive =
    frame_executive::Executive<Runtime, Block, frame_system::ChainContext<Runtime>, Runtime, AllPalletsWithSystem>;

/// Extensions of an authorised, feeless transaction: nobody signs it as an account, its call carries the proof.
pub fn authorized_extension() -> TxExtension {
    (
        frame_system::AuthorizeCall::new(),
        frame_system::CheckNonZeroSender::new(),
        frame_system::CheckSpecVersion::new(),
        frame_system::CheckTxVersion::new(),
        frame_system::CheckGenesis::new(),
        frame_system::CheckEra::from(generic::Era::Immortal),
        frame_system::CheckNonce::from(0),
        frame_system::CheckWeight::new(),
        pallet_transaction_payment::ChargeTransactionPayment::from(0),
        frame_metadata_hash_extension::CheckMetadataHash::new(false),
        frame_system::WeightReclaim::new(),
    )
}

/// Opaque types for the node, which need no knowledge of the runtime's calls.
pub mod opaque {
    use super::*;
    pub use sp_runtime::OpaqueExtrinsic as UncheckedExtrinsic;
    /// Block with opaque transactions.
    pub type Block = generic::Block<Header, UncheckedExtrinsic>;

    impl_opaque_keys! {
        /// Keys with which a validator takes part in consensus.
        pub struct SessionKeys {
            pub babe: crate::Babe,
            pub grandpa: crate::Grandpa,
            pub im_online: crate::ImOnline,
            pub authority_discovery: crate::AuthorityDiscovery,
        }
    }
}
pub use opaque::SessionKeys;

/// Version of this runtime.
#[sp_version::runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
    spec_name: alloc::borrow::Cow::Borrowed("lantern"),
    impl_name: alloc::borrow::Cow::Borrowed("lantern"),
    authoring_version: 1,
    spec_version: 2,
    impl_version: 1,
    apis: apis::RUNTIME_API_VERSIONS,
    transaction_version: 1,
    system_version: 1,
};

/// Units of LUX.
pub mod currency {
    use super::Balance;
    /// One LUX.
    pub const LUX: Balance = 1_000_000_000_000;
    /// A thousandth of a LUX.
    pub const MILLI: Balance = LUX / 1_000;
    /// A millionth of a LUX.
    pub const MICRO: Balance = LUX / 1_000_000;
}

/// Lengths of time.
pub mod time {
    use super::BlockNumber;
    /// Length of a slot in milliseconds.
    pub const SLOT_MILLIS: u64 = 2_000;
    /// Blocks in a minute.
    pub const MINUTES: BlockNumber = 60_000 / (SLOT_MILLIS as BlockNumber);
    /// Blocks in an hour.
    pub const HOURS: BlockNumber = 60 * MINUTES;
    /// Blocks in a day.
    pub const DAYS: BlockNumber = 24 * HOURS;
    /// `normal`, or `fast` in a build for tests.
    pub const fn or_fast(normal: BlockNumber, fast: BlockNumber) -> BlockNumber {
        if cfg!(feature = "fast-runtime") {
            fast
        } else {
            normal
        }
    }
    /// Slots in a BABE epoch, which is a session.
    pub const EPOCH_SLOTS: u64 = if cfg!(feature = "fast-runtime") {
        20
    } else {
        10 * MINUTES as u64
    };
    /// Probability that a slot has a primary author: one in four.
    pub const PRIMARY_PROBABILITY: (u64, u64) = (1, 4);
}

/// Account of a multi-signature's signer.
pub type AccountPublic = <Signature as Verify>::Signer;
/// Account id as the signature scheme derives it; the same type as [`AccountId`].
pub type DerivedAccountId = <AccountPublic as IdentifyAccount>::AccountId;

#[frame_support::runtime]
mod runtime {
    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeFreezeReason,
        RuntimeHoldReason,
        RuntimeSlashReason,
        RuntimeLockId,
        RuntimeTask,
        RuntimeViewFunction
    )]
    /// The runtime.
    pub struct Runtime;

    // Pallets run, and take up their genesis, in the order of their indices.
    #[runtime::pallet_index(0)]
    pub type System = frame_system;
    #[runtime::pallet_index(1)]
    pub type Timestamp = pallet_timestamp;
    // Babe before Session: a session rotation reads the epoch that Babe has just closed.
    #[runtime::pallet_index(2)]
    pub type Babe = pallet_babe;
    // Authorship before Session: the author is noted in the session, and era, in which the block was made.
    #[runtime::pallet_index(3)]
    pub type Authorship = pallet_authorship;
    #[runtime::pallet_index(4)]
    pub type Balances = pallet_balances;
    #[runtime::pallet_index(5)]
    pub type TransactionPayment = pallet_transaction_payment;
    // Staking before Session, which asks it for the validators of genesis.
    #[runtime::pallet_index(6)]
    pub type Staking = pallet_staking;
    #[runtime::pallet_index(7)]
    pub type VoterList = pallet_bags_list<Instance1>;
    #[runtime::pallet_index(8)]
    pub type Offences = pallet_offences;
    #[runtime::pallet_index(9)]
    pub type Historical = pallet_session::historical;
    #[runtime::pallet_index(10)]
    pub type Session = pallet_session;
    #[runtime::pallet_index(11)]
    pub type Grandpa = pallet_grandpa;
    #[runtime::pallet_index(12)]
    pub type ImOnline = pallet_im_online;
    #[runtime::pallet_index(13)]
    pub type AuthorityDiscovery = pallet_authority_discovery;

    #[runtime::pallet_index(20)]
    pub type Utility = pallet_utility;
    #[runtime::pallet_index(21)]
    pub type Proxy = pallet_proxy;
    #[runtime::pallet_index(22)]
    pub type Multisig = pallet_multisig;
    #[runtime::pallet_index(23)]
    pub type Parameters = pallet_parameters;
    #[runtime::pallet_index(24)]
    pub type MultiBlockMigrations = pallet_migrations;
    #[runtime::pallet_index(25)]
    pub type Statement = pallet_statement;
    #[runtime::pallet_index(29)]
    pub type Sudo = pallet_sudo;

    #[runtime::pallet_index(40)]
    pub type ProviderStaking = pallet_provider_staking;
    #[runtime::pallet_index(41)]
    pub type ModelRegistry = pallet_model_registry;
    #[runtime::pallet_index(42)]
    pub type JobEscrow = pallet_job_escrow;
    #[runtime::pallet_index(43)]
    pub type ResultVerification = pallet_result_verification;
    #[runtime::pallet_index(44)]
    pub type RewardEmission = pallet_reward_emission;

    #[runtime::pallet_index(60)]
    pub type Preimage = pallet_preimage;
    #[runtime::pallet_index(61)]
    pub type Scheduler = pallet_scheduler;
    #[runtime::pallet_index(62)]
    pub type Origins = configs::governance::origins::pallet_origins;
    #[runtime::pallet_index(63)]
    pub type ConvictionVoting = pallet_conviction_voting;
    #[runtime::pallet_index(64)]
    pub type Referenda = pallet_referenda;
    #[runtime::pallet_index(65)]
    pub type Committee = pallet_collective<Instance1>;
    #[runtime::pallet_index(66)]
    pub type Whitelist = pallet_whitelist;
    #[runtime::pallet_index(67)]
    pub type Treasury = pallet_treasury;
    #[runtime::pallet_index(68)]
    pub type Bounties = pallet_bounties;
    #[runtime::pallet_index(69)]
    pub type ChildBounties = pallet_child_bounties;
    #[runtime::pallet_index(70)]
    pub type Identity = pallet_identity;
    #[runtime::pallet_index(71)]
    pub type SafeMode = pallet_safe_mode;
    #[runtime::pallet_index(72)]
    pub type TxPause = pallet_tx_pause;
}
