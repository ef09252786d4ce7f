//! System, timestamp, statements, migrations and the creation of transactions by the runtime itself.

use frame_support::{
    derive_impl,
    dispatch::DispatchClass,
    migrations::FreezeChainOnFailedMigration,
    parameter_types,
    traits::{ConstU32, ConstU64},
    weights::{constants::WEIGHT_REF_TIME_PER_SECOND, Weight},
};
use frame_system::limits::{BlockLength, BlockWeights};
use sp_runtime::{traits::AccountIdLookup, Perbill};
use sp_version::RuntimeVersion;

use crate::{
    authorized_extension, currency::MICRO, hot, time, weights, AccountId, Balance, Balances, Block, Hash,
    MultiBlockMigrations, Nonce, PalletInfo, Runtime, RuntimeCall, RuntimeEvent, RuntimeOrigin, RuntimeTask,
    TxExtension, UncheckedExtrinsic, VERSION,
};

/// Part of a block that normal transactions may fill; the rest is for operational ones and hooks.
const NORMAL_RATIO: Perbill = Perbill::from_percent(75);
/// Half of a two-second slot may go into execution; the rest is for propagation and import.
const MAX_BLOCK_WEIGHT: Weight = Weight::from_parts(WEIGHT_REF_TIME_PER_SECOND, u64::MAX);
/// Part of a block that is left for hooks when the largest single transaction is admitted.
const HOOKS_RATIO: Perbill = Perbill::from_percent(10);
/// Room for a hundred inline inputs of full size.
const MAX_BLOCK_BYTES: u32 = 5 * 1024 * 1024;

parameter_types! {
    /// The runtime's version.
    pub const Version: RuntimeVersion = VERSION;
    /// What a block costs before its first transaction: measured empty, and what every block with jobs touches once.
    pub BaseBlock: Weight = weights::BlockExecutionWeight::get()
        .saturating_add(weights::DbWeight::get().reads_writes(hot::READ, hot::WRITTEN));
    /// Weights that a block may have.
    pub RuntimeBlockWeights: BlockWeights = BlockWeights::builder()
        .base_block(BaseBlock::get())
        .for_class(DispatchClass::all(), |class| class.base_extrinsic = weights::ExtrinsicBaseWeight::get())
        .for_class(DispatchClass::Normal, |class| class.max_total = Some(NORMAL_RATIO * MAX_BLOCK_WEIGHT))
        // What normal transactions may not fill is there for operational ones, however full the block.
        .for_class(DispatchClass::Operational, |class| {
            class.max_total = Some(MAX_BLOCK_WEIGHT);
            class.reserved = Some(MAX_BLOCK_WEIGHT - NORMAL_RATIO * MAX_BLOCK_WEIGHT);
        })
        .avg_block_initialization(HOOKS_RATIO)
        .build_or_panic();
    /// Bytes that a block may have.
    pub RuntimeBlockLength: BlockLength = BlockLength::builder()
        .max_length(MAX_BLOCK_BYTES)
        .modify_max_length_for_class(DispatchClass::Normal, |m| *m = NORMAL_RATIO * MAX_BLOCK_BYTES)
        .build();
    /// Part of a block that multi-block migrations may use.
    pub MigrationWeight: Weight = Perbill::from_percent(80) * RuntimeBlockWeights::get().max_block;
    /// Fixed cost by which the statement store ranks statements.
    pub const StatementCost: Balance = 10 * MICRO;
    /// Cost per byte by which the statement store ranks statements.
    pub const StatementByteCost: Balance = MICRO;
}

/// Weights that a block may have.
pub fn block_weights() -> BlockWeights {
    RuntimeBlockWeights::get()
}

/// Bytes that a block may have.
#[cfg(test)]
pub fn block_length() -> BlockLength {
    RuntimeBlockLength::get()
}

#[derive_impl(frame_system::config_preludes::SolochainDefaultConfig)]
impl frame_system::Config for Runtime {
    type Block = Block;
    type BlockWeights = RuntimeBlockWeights;
    type BlockLength = RuntimeBlockLength;
    type AccountId = AccountId;
    type Lookup = AccountIdLookup<AccountId, ()>;
    type Nonce = Nonce;
    type Hash = Hash;
    type BlockHashCount = ConstU32<{ 2 * time::HOURS }>;
    type DbWeight = weights::DbWeight;
    type SystemWeightInfo = weights::frame_system::WeightInfo<Runtime>;
    type ExtensionsWeightInfo = weights::frame_system_extensions::WeightInfo<Runtime>;
    type Version = Version;
    type AccountData = pallet_balances::AccountData<Balance>;
    type SS58Prefix = frame_support::traits::ConstU16<42>;
    type MaxConsumers = ConstU32<64>;
    type SingleBlockMigrations = super::migrations::SingleBlock;
    type MultiBlockMigrator = MultiBlockMigrations;
    type BaseCallFilter = super::emergency::CallFilter;
}

impl pallet_timestamp::Config for Runtime {
    type Moment = u64;
    type OnTimestampSet = crate::Babe;
    type MinimumPeriod = ConstU64<{ time::SLOT_MILLIS / 2 }>;
    type WeightInfo = crate::weights::pallet_timestamp::WeightInfo<Runtime>;
}

impl pallet_statement::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type Currency = Balances;
    type StatementCost = StatementCost;
    type ByteCost = StatementByteCost;
    type MinAllowedStatements = ConstU32<4>;
    type MaxAllowedStatements = ConstU32<64>;
    type MinAllowedBytes = ConstU32<{ 1024 * 1024 }>;
    type MaxAllowedBytes = ConstU32<{ 16 * 1024 * 1024 }>;
}

impl pallet_migrations::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    #[cfg(not(feature = "runtime-benchmarks"))]
    type Migrations = super::migrations::MultiBlock;
    #[cfg(feature = "runtime-benchmarks")]
    type Migrations = pallet_migrations::mock_helpers::MockedMigrations;
    type CursorMaxLen = ConstU32<65_536>;
    type IdentifierMaxLen = ConstU32<256>;
    // Providers cannot meet a deadline while a migration lets no transaction in.
    type MigrationStatusHandler = crate::JobEscrow;
    type FailedMigrationHandler = FreezeChainOnFailedMigration;
    type MaxServiceWeight = MigrationWeight;
    type WeightInfo = crate::weights::pallet_migrations::WeightInfo<Runtime>;
}

impl<LocalCall> frame_system::offchain::CreateTransactionBase<LocalCall> for Runtime
where
    RuntimeCall: From<LocalCall>,
{
    type Extrinsic = UncheckedExtrinsic;
    type RuntimeCall = RuntimeCall;
}

impl<LocalCall> frame_system::offchain::CreateBare<LocalCall> for Runtime
where
    RuntimeCall: From<LocalCall>,
{
    fn create_bare(call: RuntimeCall) -> UncheckedExtrinsic {
        UncheckedExtrinsic::new_bare(call)
    }
}

impl<LocalCall> frame_system::offchain::CreateTransaction<LocalCall> for Runtime
where
    RuntimeCall: From<LocalCall>,
{
    type Extension = TxExtension;

    fn create_transaction(call: RuntimeCall, extension: TxExtension) -> UncheckedExtrinsic {
        UncheckedExtrinsic::new_transaction(call, extension)
    }
}

impl<LocalCall> frame_system::offchain::CreateAuthorizedTransaction<LocalCall> for Runtime
where
    RuntimeCall: From<LocalCall>,
{
    fn create_extension() -> TxExtension {
        authorized_extension()
    }
}
