//! A runtime of the five pallets of the market, connected as the chain connects them.

use frame_support::{
    derive_impl, parameter_types,
    traits::{ConstU128, ConstU64, OnIdle, OnInitialize},
    weights::Weight,
    PalletId,
};
use lantern_primitives::{AccountId, Balance, BlockNumber};
use pallet_reward_emission::{Budgets, GeometricDecay};
use sp_runtime::{
    generic, testing::TestSignature, traits::BlakeTwo256, AccountId32, BuildStorage, FixedU128, Permill, Perquintill,
};

pub type TxExtension = (frame_system::AuthorizeCall<Market>,);
pub type Extrinsic = generic::UncheckedExtrinsic<AccountId, RuntimeCall, TestSignature, TxExtension>;
pub type Block = generic::Block<generic::Header<BlockNumber, BlakeTwo256>, Extrinsic>;

/// 10^12 units are one LUX.
pub const LUX: Balance = 1_000_000_000_000;
/// Existential deposit.
pub const DEPOSIT: Balance = LUX / 1_000;
/// Balance of each funded account at genesis.
pub const FUNDS: Balance = 1_000 * LUX;

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
        RuntimeTask
    )]
    pub struct Market;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;
    #[runtime::pallet_index(1)]
    pub type Timestamp = pallet_timestamp;
    #[runtime::pallet_index(2)]
    pub type Balances = pallet_balances;
    #[runtime::pallet_index(3)]
    pub type Providers = pallet_provider_staking;
    #[runtime::pallet_index(4)]
    pub type Models = pallet_model_registry;
    #[runtime::pallet_index(5)]
    pub type Jobs = pallet_job_escrow;
    #[runtime::pallet_index(6)]
    pub type Verification = pallet_result_verification;
    #[runtime::pallet_index(7)]
    pub type Emission = pallet_reward_emission;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Market {
    type Block = Block;
    type AccountId = AccountId;
    type Lookup = sp_runtime::traits::IdentityLookup<AccountId>;
    type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_timestamp::config_preludes::TestDefaultConfig)]
impl pallet_timestamp::Config for Market {}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Market {
    type Balance = Balance;
    type AccountStore = System;
    type RuntimeHoldReason = RuntimeHoldReason;
    type RuntimeFreezeReason = RuntimeFreezeReason;
    type ExistentialDeposit = ConstU128<DEPOSIT>;
}

// In storage, so that histories can govern them and each starts afresh.
parameter_types! {
    pub storage MinBond: Balance = 10 * LUX;
    pub storage UnbondingDelay: BlockNumber = 10;
    pub storage MaxRoyalty: Permill = Permill::from_percent(20);
    pub storage ModelDeposit: Balance = LUX;
    pub storage PriceDeposit: Balance = LUX / 10;
    pub storage MinPrice: Balance = LUX;
    pub storage OpenBlocks: BlockNumber = 12;
    pub storage ExecutionBlocks: BlockNumber = 8;
    pub storage BondPercent: u32 = 200;
    pub storage MissPenalty: Permill = Permill::from_percent(10);
    pub storage ProtocolFee: Permill = Permill::from_percent(10);
    pub storage BurnShare: Permill = Permill::from_percent(50);
    pub storage AuditShare: Permill = Permill::from_percent(30);
    pub storage Retention: BlockNumber = 20;
    pub storage Window: BlockNumber = 5;
    pub storage RoundLength: BlockNumber = 15;
    pub storage WashMultiple: FixedU128 = FixedU128::from_rational(9, 10);
    pub storage Shares: Budgets =
        Budgets { validators: Permill::from_percent(40), providers: Permill::from_percent(50) };
    pub TreasuryAccount: AccountId = account(200);
    pub AuditPoolAccount: AccountId = account(201);
    pub const EmissionPalletId: PalletId = PalletId(*b"lnt/emis");
    // Small against what jobs burn, so that shares bind as well as multiples.
    pub const Cap: Balance = 50 * LUX;
    pub const Keep: Perquintill = Perquintill::from_percent(99);
}

impl pallet_provider_staking::Config for Market {
    type RuntimeHoldReason = RuntimeHoldReason;
    type Currency = Balances;
    type MinBond = MinBond;
    type UnbondingDelay = UnbondingDelay;
    type WeightInfo = ();
}

impl pallet_model_registry::Config for Market {
    type RuntimeHoldReason = RuntimeHoldReason;
    type Currency = Balances;
    type Providers = Providers;
    type MaxRoyalty = MaxRoyalty;
    type ModelDeposit = ModelDeposit;
    type PriceDeposit = PriceDeposit;
    type MinPrice = MinPrice;
    type WeightInfo = ();
}

impl pallet_job_escrow::Config for Market {
    type RuntimeHoldReason = RuntimeHoldReason;
    type Currency = Balances;
    type Providers = Providers;
    type Models = Models;
    type Verification = Verification;
    type Rewards = Emission;
    type OpenBlocks = OpenBlocks;
    type ExecutionBlocks = ExecutionBlocks;
    type BondPercent = BondPercent;
    type MissPenalty = MissPenalty;
    type ProtocolFee = ProtocolFee;
    type BurnShare = BurnShare;
    type AuditShare = AuditShare;
    type MinPrice = MinPrice;
    type Retention = Retention;
    type TreasuryAccount = TreasuryAccount;
    type AuditPoolAccount = AuditPoolAccount;
    type WeightInfo = ();
}

impl pallet_result_verification::Config for Market {
    type Window = Window;
}

impl pallet_reward_emission::Config for Market {
    type Currency = Balances;
    type Time = Timestamp;
    type Curve = GeometricDecay<Cap, ConstU64<60_000>, Keep>;
    type MaxElapsed = ConstU64<12_000>;
    type Budgets = Shares;
    type Treasury = TreasuryAccount;
    type PalletId = EmissionPalletId;
    type RoundLength = RoundLength;
    type WashMultiple = WashMultiple;
    type BurnShare = BurnShare;
    type AuditShare = AuditShare;
    type WeightInfo = ();
}

impl<LocalCall> frame_system::offchain::CreateTransactionBase<LocalCall> for Market
where
    RuntimeCall: From<LocalCall>,
{
    type Extrinsic = Extrinsic;
    type RuntimeCall = RuntimeCall;
}

impl<LocalCall> frame_system::offchain::CreateTransaction<LocalCall> for Market
where
    RuntimeCall: From<LocalCall>,
{
    type Extension = TxExtension;

    fn create_transaction(call: RuntimeCall, extension: TxExtension) -> Extrinsic {
        Extrinsic::new_transaction(call, extension)
    }
}

impl<LocalCall> frame_system::offchain::CreateAuthorizedTransaction<LocalCall> for Market
where
    RuntimeCall: From<LocalCall>,
{
    fn create_extension() -> TxExtension {
        (frame_system::AuthorizeCall::new(),)
    }
}

/// Account number `n`.
pub fn account(n: u8) -> AccountId {
    AccountId32::new([n; 32])
}

/// Block zero, with `funded` accounts; treasury and audit pool live from the start.
pub fn genesis(funded: impl Iterator<Item = AccountId>) -> sp_io::TestExternalities {
    let mut storage = frame_system::GenesisConfig::<Market>::default()
        .build_storage()
        .expect("valid genesis");
    let balances = funded
        .map(|who| (who, FUNDS))
        .chain([(TreasuryAccount::get(), DEPOSIT), (AuditPoolAccount::get(), DEPOSIT)])
        .collect();
    pallet_balances::GenesisConfig::<Market> {
        balances,
        ..Default::default()
    }
    .assimilate_storage(&mut storage)
    .expect("valid genesis");
    storage.into()
}

/// Opens the next block, `passed_ms` after the one before.
pub fn open_block(passed_ms: u64) {
    let number = System::block_number() + 1;
    System::set_block_number(number);
    AllPalletsWithSystem::on_initialize(number);
    let now = pallet_timestamp::Now::<Market>::get().max(1_700_000_000_000) + passed_ms;
    pallet_timestamp::Now::<Market>::put(now);
}

/// Closes the block with `idle` weight left.
pub fn close_block(idle: Weight) {
    AllPalletsWithSystem::on_idle(System::block_number(), idle);
}
