//! A runtime of frame-system, balances and this pallet, with a list for providers.

use frame_support::{
    derive_impl, parameter_types,
    traits::fungible::{Inspect, InspectHold},
};
use lantern_exact::{Family, LlamaSpec, RopeScaling, Width, ARITHMETIC};
use lantern_primitives::{crypto::WorkerId, traits::ProviderLedger, ModelId, ModelSpec};
use sp_runtime::{BuildStorage, DispatchError, DispatchResult, Permill};

use crate::{pallet::HoldReason, Name, Parents};

pub type AccountId = u64;
pub type Balance = u128;

pub const ALICE: AccountId = 1;
pub const BOB: AccountId = 2;
/// An active provider.
pub const PETER: AccountId = 3;
/// An account that does not exist.
pub const NOBODY: AccountId = 9;

/// Balance of each of the three accounts at the start.
pub const FUNDS: Balance = 1_000_000;
pub const MODEL_DEPOSIT: Balance = 1_000;
pub const PRICE_DEPOSIT: Balance = 30;
pub const MIN_PRICE: Balance = 5;
pub const MAX_ROYALTY: Permill = Permill::from_percent(20);

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
    pub type Registry = crate;
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
    /// The active providers.
    pub storage Active: Vec<AccountId> = vec![PETER];
    /// Changed by tests that govern it.
    pub storage MaxRoyalty: Permill = MAX_ROYALTY;
    /// Changed by tests that govern it.
    pub storage ModelDeposit: Balance = MODEL_DEPOSIT;
    /// Changed by tests that govern it.
    pub storage PriceDeposit: Balance = PRICE_DEPOSIT;
    /// Changed by tests that govern it.
    pub storage MinPrice: Balance = MIN_PRICE;
}

/// Providers without stake: only whether they are active matters here.
pub struct Providers;

impl ProviderLedger<AccountId, Balance> for Providers {
    type Credit = ();

    fn provider_of(_: &WorkerId) -> Option<AccountId> {
        None
    }
    fn is_active(provider: &AccountId) -> bool {
        Active::get().contains(provider)
    }
    fn bonded(_: &AccountId) -> Balance {
        0
    }
    fn free_stake(_: &AccountId) -> Balance {
        0
    }
    fn lock(_: &AccountId, _: Balance) -> DispatchResult {
        Err(DispatchError::Unavailable)
    }
    fn unlock(_: &AccountId, _: Balance) -> DispatchResult {
        Err(DispatchError::Unavailable)
    }
    fn slash_locked(_: &AccountId, _: Balance) -> Result<(), DispatchError> {
        Err(DispatchError::Unavailable)
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_provider(provider: &AccountId, _: &WorkerId, _: Balance) {
        activate(*provider, true);
    }
}

impl crate::Config for Test {
    type RuntimeHoldReason = RuntimeHoldReason;
    type Currency = Balances;
    type Providers = Providers;
    type MaxRoyalty = MaxRoyalty;
    type ModelDeposit = ModelDeposit;
    type PriceDeposit = PriceDeposit;
    type MinPrice = MinPrice;
    type WeightInfo = ();
}

/// The state at block 1 with three funded accounts.
pub fn new_test_ext() -> sp_io::TestExternalities {
    ext_with(Default::default())
}

/// The same with models in the genesis.
pub fn ext_with(registry: crate::GenesisConfig<Test>) -> sp_io::TestExternalities {
    let storage = RuntimeGenesisConfig {
        balances: pallet_balances::GenesisConfig {
            balances: [ALICE, BOB, PETER].map(|who| (who, FUNDS)).to_vec(),
            ..Default::default()
        },
        registry,
        ..Default::default()
    }
    .build_storage()
    .expect("the genesis is valid; qed");
    let mut ext = sp_io::TestExternalities::new(storage);
    ext.execute_with(|| System::set_block_number(1));
    ext
}

/// Runs a test and checks the pallet's invariants after it.
pub fn build_and_execute(test: impl FnOnce()) {
    new_test_ext().execute_with(|| {
        test();
        Registry::do_try_state().expect("the invariants hold after the test; qed");
    });
}

/// A small valid specification.
pub fn spec() -> ModelSpec {
    ModelSpec {
        family: Family::Llama(llama()),
        arithmetic: ARITHMETIC,
        activation: Width::Wide,
        keys: Width::Wide,
        hidden: 64,
        intermediate: 128,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_dim: 16,
        vocab: 256,
        max_context: 128,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [3; 32],
    }
}

/// Its family's part.
pub fn llama() -> LlamaSpec {
    LlamaSpec {
        tied_embeddings: true,
        qkv_bias: false,
        qk_norm: false,
        rope_base: 10_000,
        rope_scaling: RopeScaling::None,
    }
}

/// The id of [`spec`] with a weights root of repeated `seed`.
pub fn id(seed: u8) -> ModelId {
    lantern_exact::model_id(&spec(), &[seed; 32]).into()
}

pub fn name(text: &str) -> Name {
    text.as_bytes()
        .to_vec()
        .try_into()
        .expect("tests write short names; qed")
}

pub fn parents(ids: &[ModelId]) -> Parents {
    ids.to_vec().try_into().expect("tests name at most the bound; qed")
}

pub fn signed(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

/// Registers [`spec`] with a weights root of repeated `seed` for `owner`.
pub fn register(owner: AccountId, seed: u8) -> ModelId {
    let royalty = Permill::from_percent(5);
    Registry::register(signed(owner), name("m"), spec(), [seed; 32], royalty, parents(&[]))
        .expect("the model is valid and new, the owner funded; qed");
    id(seed)
}

/// Makes `provider` an active provider, or not.
pub fn activate(provider: AccountId, active: bool) {
    let mut list = Active::get();
    list.retain(|known| *known != provider);
    if active {
        list.push(provider);
    }
    Active::set(&list);
}

pub fn held(reason: HoldReason, who: AccountId) -> Balance {
    Balances::balance_on_hold(&reason.into(), &who)
}

pub fn spendable(who: AccountId) -> Balance {
    Balances::balance(&who)
}

/// Events of this pallet since the last call.
pub fn events() -> Vec<crate::Event<Test>> {
    let events = System::events()
        .into_iter()
        .filter_map(|record| match record.event {
            RuntimeEvent::Registry(event) => Some(event),
            _ => None,
        })
        .collect();
    System::reset_events();
    events
}
