//! Runtime of the unit tests: balances and emission, with every parameter a knob.

use frame_support::{
    derive_impl, parameter_types,
    traits::{ConstU64, Hooks, Time},
    PalletId,
};
use lantern_primitives::{traits::RewardSink, Balance};
use sp_runtime::{BuildStorage, FixedU128, Permill, Perquintill};

use crate::{Budgets, GeometricDecay};

pub type AccountId = u64;
type Block = frame_system::mocking::MockBlock<Test>;

/// 10^12 units are one LUX.
pub const LUX: Balance = 1_000_000_000_000;
/// Existential deposit.
pub const DEPOSIT: Balance = LUX / 1_000;
/// Milliseconds between blocks.
pub const BLOCK_MS: u64 = 2_000;
/// Account of the treasury.
pub const TREASURY: AccountId = 900;
/// Time of the first block that has one.
pub const START_MS: u64 = 1_700_000_000_000;

/// Defaults of the knobs. In the first period every block releases a whole number that the budgets divide evenly.
mod default {
    use super::*;

    pub const CAP: Balance = 1_000_000 * LUX;
    pub const PERIOD_MS: u64 = 50_000;
    pub const KEEP: Perquintill = Perquintill::from_percent(99);
    pub const BUDGETS: Budgets = Budgets {
        validators: Permill::from_percent(30),
        providers: Permill::from_percent(50),
    };
    pub const ROUND_LENGTH: u64 = 10;
    pub const WASH_MULTIPLE: FixedU128 = FixedU128::from_rational(6, 5);
    pub const BURN_SHARE: Permill = Permill::from_percent(50);
    pub const AUDIT_SHARE: Permill = Permill::from_percent(25);
}

frame_support::construct_runtime!(
    pub enum Test {
        System: frame_system,
        Balances: pallet_balances,
        Emission: crate,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = Block;
    type AccountData = pallet_balances::AccountData<Balance>;
}

parameter_types! {
    pub const ExistentialDeposit: Balance = DEPOSIT;
    pub const EmissionPalletId: PalletId = PalletId(*b"lnt/emis");
    pub const Treasury: AccountId = TREASURY;
    pub static Now: u64 = 0;
    pub static Cap: Balance = default::CAP;
    pub static Period: u64 = default::PERIOD_MS;
    pub static Keep: Perquintill = default::KEEP;
    pub static Shares: Budgets = default::BUDGETS;
    pub static RoundLength: u64 = default::ROUND_LENGTH;
    pub static WashMultiple: FixedU128 = default::WASH_MULTIPLE;
    pub static BurnShare: Permill = default::BURN_SHARE;
    pub static AuditShare: Permill = default::AUDIT_SHARE;
}

/// Sets every knob to its default; knobs belong to the thread, which tests may share.
fn reset_knobs() {
    Now::set(0);
    Cap::set(default::CAP);
    Period::set(default::PERIOD_MS);
    Keep::set(default::KEEP);
    Shares::set(default::BUDGETS);
    RoundLength::set(default::ROUND_LENGTH);
    WashMultiple::set(default::WASH_MULTIPLE);
    BurnShare::set(default::BURN_SHARE);
    AuditShare::set(default::AUDIT_SHARE);
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type Balance = Balance;
    type ExistentialDeposit = ExistentialDeposit;
    type AccountStore = System;
}

/// Clock that tests set.
pub struct Clock;
impl Time for Clock {
    type Moment = u64;
    fn now() -> u64 {
        Now::get()
    }
}

pub type Curve = GeometricDecay<Cap, Period, Keep>;

impl crate::Config for Test {
    type Currency = Balances;
    type Time = Clock;
    type Curve = Curve;
    type MaxElapsed = ConstU64<12_000>;
    type Budgets = Shares;
    type Treasury = Treasury;
    type PalletId = EmissionPalletId;
    type RoundLength = RoundLength;
    type WashMultiple = WashMultiple;
    type BurnShare = BurnShare;
    type AuditShare = AuditShare;
    type WeightInfo = ();
}

/// An empty chain at block zero with the default knobs.
pub fn new_test_ext() -> sp_io::TestExternalities {
    reset_knobs();
    let storage = frame_system::GenesisConfig::<Test>::default()
        .build_storage()
        .expect("empty genesis; qed");
    storage.into()
}

/// Runs `test` on an empty chain with the default knobs, and checks every invariant after it.
pub fn build_and_execute(test: impl FnOnce()) {
    new_test_ext().execute_with(|| {
        test();
        Emission::do_try_state().expect("invariants hold");
    });
}

/// One block that comes `passed_ms` after the one before.
pub fn next_block_after(passed_ms: u64) {
    let number = System::block_number() + 1;
    System::set_block_number(number);
    Emission::on_initialize(number);
    // As with the timestamp inherent, hooks see the time of the block before.
    Now::mutate(|now| *now = (*now).max(START_MS) + passed_ms);
}

/// Blocks up to and with `number`.
pub fn run_to(number: u64) {
    while System::block_number() < number {
        next_block_after(BLOCK_MS);
    }
}

/// Runs until the running round is closed.
pub fn finish_round() {
    let ends = crate::CurrentRound::<Test>::get().expect("a block was made").ends;
    run_to(ends);
}

/// Notes verified work.
pub fn work(provider: AccountId, units: u64, burned: Balance) {
    <Emission as RewardSink<AccountId, Balance>>::note_verified(&provider, units, burned);
}

/// Events of the pallet since the last call.
pub fn events() -> Vec<crate::Event<Test>> {
    let events = System::events();
    System::reset_events();
    events
        .into_iter()
        .filter_map(|record| match record.event {
            RuntimeEvent::Emission(event) => Some(event),
            _ => None,
        })
        .collect()
}
