//! The brakes: safe mode stops everything but what keeps the chain and running jobs going, for a limited time; a pause stops
//! single calls.

use frame_support::{
    parameter_types,
    traits::{ConstU32, Contains, EitherOf, EitherOfDiverse, InsideBoth, MapSuccess},
};
use frame_system::{EnsureRoot, EnsureRootWithSuccess};
use pallet_tx_pause::RuntimeCallNameOf;
use sp_runtime::traits::Replace;

use super::{
    governance::{HalfOfCommittee, TwoThirdsOfCommittee},
    parameters::WithinBounds,
};
use crate::{
    time::{DAYS, HOURS},
    AccountId, Balance, Balances, BlockNumber, Runtime, RuntimeCall, RuntimeEvent, RuntimeHoldReason, SafeMode,
    TxPause,
};

parameter_types! {
    /// For how long the committee enters safe mode.
    pub const CommitteeSafeMode: BlockNumber = 6 * HOURS;
    /// For how long a root referendum enters or extends it.
    pub const RootSafeMode: BlockNumber = 3 * DAYS;
    pub const NoDeposit: Option<Balance> = None;
    pub const NoRelease: Option<BlockNumber> = None;
}

/// What every signed transaction must pass.
pub type CallFilter = InsideBoth<InsideBoth<SafeMode, TxPause>, WithinBounds>;

/// Calls that neither brake stops: consensus, governance, and what brings running jobs to their end.
fn is_vital(call: &RuntimeCall) -> bool {
    match call {
        RuntimeCall::System(..)
        | RuntimeCall::Timestamp(..)
        | RuntimeCall::Babe(..)
        | RuntimeCall::Session(..)
        | RuntimeCall::Grandpa(..)
        | RuntimeCall::ImOnline(..)
        | RuntimeCall::Staking(..)
        | RuntimeCall::VoterList(..)
        | RuntimeCall::Referenda(..)
        | RuntimeCall::ConvictionVoting(..)
        | RuntimeCall::Preimage(..)
        | RuntimeCall::Scheduler(..)
        | RuntimeCall::Committee(..)
        | RuntimeCall::Whitelist(..)
        | RuntimeCall::SafeMode(..)
        | RuntimeCall::TxPause(..)
        | RuntimeCall::MultiBlockMigrations(..)
        | RuntimeCall::Sudo(..) => true,
        RuntimeCall::JobEscrow(call) => !matches!(
            call,
            pallet_job_escrow::Call::submit_job { .. } | pallet_job_escrow::Call::claim_job { .. }
        ),
        _ => false,
    }
}

/// Calls that safe mode lets through.
pub struct Vital;
impl Contains<RuntimeCall> for Vital {
    fn contains(call: &RuntimeCall) -> bool {
        is_vital(call)
    }
}

/// Pallets whose calls cannot be paused: a pause must not take away the means to end it, nor a job's end.
pub struct NeverPaused;
impl Contains<RuntimeCallNameOf<Runtime>> for NeverPaused {
    fn contains(name: &RuntimeCallNameOf<Runtime>) -> bool {
        const PALLETS: [&[u8]; 16] = [
            b"System",
            b"Timestamp",
            b"Babe",
            b"Session",
            b"Grandpa",
            b"ImOnline",
            b"Referenda",
            b"ConvictionVoting",
            b"Preimage",
            b"Scheduler",
            b"Committee",
            b"Whitelist",
            b"SafeMode",
            b"TxPause",
            b"MultiBlockMigrations",
            b"Sudo",
        ];
        const CALLS: [&[u8]; 3] = [b"submit_result", b"poke", b"cancel_job"];
        let (pallet, call) = (name.0.as_slice(), name.1.as_slice());
        PALLETS.contains(&pallet) || (pallet == b"JobEscrow" && CALLS.contains(&call))
    }
}

impl pallet_safe_mode::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type WhitelistedCalls = Vital;
    type EnterDuration = CommitteeSafeMode;
    type ExtendDuration = CommitteeSafeMode;
    // Nobody enters for a deposit: that would sell a halt of the market.
    type EnterDepositAmount = NoDeposit;
    type ExtendDepositAmount = NoDeposit;
    type ForceEnterOrigin = EitherOf<
        EnsureRootWithSuccess<AccountId, RootSafeMode>,
        MapSuccess<TwoThirdsOfCommittee, Replace<CommitteeSafeMode>>,
    >;
    // The committee cannot extend, so that after six hours the market runs again unless token holders want otherwise.
    type ForceExtendOrigin = EnsureRootWithSuccess<AccountId, RootSafeMode>;
    type ForceExitOrigin = EitherOfDiverse<EnsureRoot<AccountId>, HalfOfCommittee>;
    type ForceDepositOrigin = EnsureRoot<AccountId>;
    type Notify = ();
    type ReleaseDelay = NoRelease;
    type WeightInfo = crate::weights::pallet_safe_mode::WeightInfo<Runtime>;
}

impl pallet_tx_pause::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeCall = RuntimeCall;
    type PauseOrigin = EitherOfDiverse<EnsureRoot<AccountId>, TwoThirdsOfCommittee>;
    type UnpauseOrigin = EitherOfDiverse<EnsureRoot<AccountId>, HalfOfCommittee>;
    type WhitelistedCalls = NeverPaused;
    type MaxNameLen = ConstU32<256>;
    type WeightInfo = crate::weights::pallet_tx_pause::WeightInfo<Runtime>;
}
