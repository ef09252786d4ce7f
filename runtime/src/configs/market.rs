//! The compute market: the five pallets of Lantern and how they are connected.

use frame_support::{
    parameter_types,
    traits::{ConstU128, ConstU64, Get},
    PalletId,
};
use pallet_reward_emission::{Budgets, GeometricDecay};
use sp_runtime::{traits::AccountIdConversion, Perquintill};

use super::parameters::bounded::{emission, escrow, registry, staking, verification};
use crate::{
    currency::{LUX, MILLI},
    AccountId, Balance, Balances, ModelRegistry, ProviderStaking, ResultVerification, RewardEmission, Runtime,
    RuntimeHoldReason, Timestamp,
};

parameter_types! {
    /// Seed of the treasury's account.
    pub const TreasuryId: PalletId = PalletId(*b"lnt/trsy");
    /// Seed of the account that pays auditors.
    pub const AuditPoolId: PalletId = PalletId(*b"lnt/audt");
    /// Seed of the emission pots.
    pub const EmissionId: PalletId = PalletId(*b"lnt/emis");
    /// Receives the treasury's parts of fees and emission.
    pub TreasuryAccount: AccountId = TreasuryId::get().into_account_truncating();
    /// Receives the auditors' part of fees.
    pub AuditPoolAccount: AccountId = AuditPoolId::get().into_account_truncating();
    /// Most LUX that emission ever issues.
    pub const EmissionCap: Balance = 1_000_000_000 * LUX;
    /// A day, over which the rate of emission is constant.
    pub const EmissionPeriod: u64 = 24 * 60 * 60 * 1_000;
    /// What remains of the unissued LUX after a day: half of it after 1,460 days, four years.
    pub const EmissionKeep: Perquintill = Perquintill::from_parts(999_525_350_000_000_000);
    /// Governed division of emission.
    pub EmissionBudgets: Budgets =
        Budgets { validators: emission::ValidatorShare::get(), providers: emission::ProviderShare::get() };
}

impl pallet_provider_staking::Config for Runtime {
    type RuntimeHoldReason = RuntimeHoldReason;
    type Currency = Balances;
    type MinBond = staking::MinBond;
    type UnbondingDelay = staking::UnbondingBlocks;
    type WeightInfo = crate::weights::pallet_provider_staking::WeightInfo<Runtime>;
}

impl pallet_model_registry::Config for Runtime {
    type RuntimeHoldReason = RuntimeHoldReason;
    type Currency = Balances;
    type Providers = ProviderStaking;
    type MaxRoyalty = registry::MaxRoyalty;
    type ModelDeposit = registry::ModelDeposit;
    type PriceDeposit = ConstU128<{ 10 * MILLI }>;
    type MinPrice = registry::MinPrice;
    type WeightInfo = crate::weights::pallet_model_registry::WeightInfo<Runtime>;
}

impl pallet_job_escrow::Config for Runtime {
    type RuntimeHoldReason = RuntimeHoldReason;
    type Currency = Balances;
    type Providers = ProviderStaking;
    type Models = ModelRegistry;
    type Verification = ResultVerification;
    type Rewards = RewardEmission;
    type OpenBlocks = escrow::OpenBlocks;
    type ExecutionBlocks = escrow::ExecutionBlocks;
    type BondPercent = escrow::BondPercent;
    type MissPenalty = escrow::MissPenalty;
    type ProtocolFee = escrow::ProtocolFee;
    type BurnShare = escrow::BurnShare;
    type AuditShare = escrow::AuditShare;
    type MinPrice = registry::MinPrice;
    type Retention = escrow::Retention;
    type TreasuryAccount = TreasuryAccount;
    type AuditPoolAccount = AuditPoolAccount;
    type WeightInfo = crate::weights::pallet_job_escrow::WeightInfo<Runtime>;
}

impl pallet_result_verification::Config for Runtime {
    type Window = verification::ChallengeWindow;
}

impl pallet_reward_emission::Config for Runtime {
    type Currency = Balances;
    type Time = Timestamp;
    type Curve = GeometricDecay<EmissionCap, EmissionPeriod, EmissionKeep>;
    // Ten slots: a longer halt of the chain is not paid for.
    type MaxElapsed = ConstU64<{ 10 * crate::time::SLOT_MILLIS }>;
    type Budgets = EmissionBudgets;
    type Treasury = TreasuryAccount;
    type PalletId = EmissionId;
    type RoundLength = emission::RoundLength;
    type WashMultiple = emission::WashMultiple;
    type BurnShare = escrow::BurnShare;
    type AuditShare = escrow::AuditShare;
    type WeightInfo = crate::weights::pallet_reward_emission::WeightInfo<Runtime>;
}
