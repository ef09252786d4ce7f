//! A runtime of frame-system, balances and this pallet.

use frame_support::{
    derive_impl, parameter_types,
    traits::fungible::{Inspect, InspectHold},
};
use lantern_primitives::{
    crypto::{worker_payload, WorkerId, WorkerPair},
    H256,
};
use sp_core::Pair as _;
use sp_runtime::BuildStorage;

use crate::{pallet::HoldReason, Metadata, WorkerProof, WorkerProofs};

pub type AccountId = u64;
pub type Balance = u128;

pub const ALICE: AccountId = 1;
pub const BOB: AccountId = 2;
pub const CAROL: AccountId = 3;
/// An account without funds.
pub const PAUPER: AccountId = 9;

/// Balance of each of the three accounts at the start.
pub const FUNDS: Balance = 1_000_000;
pub const MIN_BOND: Balance = 1_000;
pub const DELAY: u64 = 10;
const GENESIS: H256 = H256::repeat_byte(7);

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
    pub struct Test;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;
    #[runtime::pallet_index(1)]
    pub type Balances = pallet_balances;
    #[runtime::pallet_index(2)]
    pub type Staking = crate;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = frame_system::mocking::MockBlock<Test>;
    type AccountId = AccountId;
    type Lookup = sp_runtime::traits::IdentityLookup<AccountId>;
    type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type Balance = Balance;
    type ExistentialDeposit = frame_support::traits::ConstU128<10>;
    type AccountStore = System;
}

parameter_types! {
    /// Changed by tests that govern it.
    pub storage MinBond: Balance = MIN_BOND;
    /// Changed by tests that govern it.
    pub storage UnbondingDelay: u64 = DELAY;
}

impl crate::Config for Test {
    type RuntimeHoldReason = RuntimeHoldReason;
    type Currency = Balances;
    type MinBond = MinBond;
    type UnbondingDelay = UnbondingDelay;
    type WeightInfo = ();
}

/// The state at block 1 with three funded accounts.
pub fn new_test_ext() -> sp_io::TestExternalities {
    ext_with(Default::default())
}

/// The same with providers in the genesis.
pub fn ext_with(staking: crate::GenesisConfig<Test>) -> sp_io::TestExternalities {
    let storage = RuntimeGenesisConfig {
        balances: pallet_balances::GenesisConfig {
            balances: [ALICE, BOB, CAROL].map(|who| (who, FUNDS)).to_vec(),
            ..Default::default()
        },
        staking,
        ..Default::default()
    }
    .build_storage()
    .expect("the genesis is valid; qed");
    let mut ext = sp_io::TestExternalities::new(storage);
    ext.register_extension(sp_keystore::KeystoreExt::new(
        sp_keystore::testing::MemoryKeystore::new(),
    ));
    ext.execute_with(|| {
        System::set_block_number(1);
        frame_system::BlockHash::<Test>::insert(0, GENESIS);
    });
    ext
}

/// Runs a test and checks the pallet's invariants after it.
pub fn build_and_execute(test: impl FnOnce()) {
    new_test_ext().execute_with(|| {
        test();
        Staking::do_try_state().expect("the invariants hold after the test; qed");
    });
}

/// The test's worker key number `seed`.
pub fn pair(seed: u8) -> WorkerPair {
    WorkerPair::from_seed(&[seed; 32])
}

/// Its public half.
pub fn key(seed: u8) -> WorkerId {
    pair(seed).public()
}

/// It with its proof for `provider`.
pub fn worker(provider: AccountId, seed: u8) -> WorkerProof {
    let pair = pair(seed);
    WorkerProof {
        key: pair.public(),
        signature: pair.sign(&worker_payload(GENESIS, &provider)),
    }
}

pub fn workers(provider: AccountId, seeds: &[u8]) -> WorkerProofs {
    let proofs: Vec<_> = seeds.iter().map(|seed| worker(provider, *seed)).collect();
    proofs.try_into().expect("tests name at most the bound; qed")
}

pub fn metadata(text: &str) -> Metadata {
    text.as_bytes()
        .to_vec()
        .try_into()
        .expect("tests write short texts; qed")
}

pub fn signed(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

/// Registers `provider` with ten minimum bonds and the worker keys of `seeds`.
pub fn register(provider: AccountId, seeds: &[u8]) {
    Staking::register(signed(provider), metadata("m"), 10 * MIN_BOND, workers(provider, seeds))
        .expect("the account is funded and new; qed");
}

pub fn held(who: AccountId) -> Balance {
    Balances::balance_on_hold(&HoldReason::Bond.into(), &who)
}

pub fn spendable(who: AccountId) -> Balance {
    Balances::balance(&who)
}

/// Events of this pallet since the last call.
pub fn events() -> Vec<crate::Event<Test>> {
    let events = System::events()
        .into_iter()
        .filter_map(|record| match record.event {
            RuntimeEvent::Staking(event) => Some(event),
            _ => None,
        })
        .collect();
    System::reset_events();
    events
}
