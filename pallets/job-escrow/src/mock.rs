//! A runtime with this pallet, balances, and stand-ins for the other pallets that keep their state in storage, so that a
//! failed call rolls them back too.

use alloc::vec::Vec;
use std::sync::Arc;

use frame_support::{
    derive_impl, ensure, parameter_types, storage_alias,
    traits::{
        fungible::{Balanced, Credit, Inspect},
        tokens::{Fortitude, Precision, Preservation},
        Authorize, Hooks, UnfilteredDispatchable,
    },
    weights::Weight,
    Blake2_128Concat,
};
use lantern_exact::spec::{
    BertSpec, Family, GenerateParams, LlamaSpec, ModelSpec, RopeScaling, Sampling, StopTokens, Width,
};
use lantern_primitives::{
    content::ContentRef,
    crypto::{claim_payload, result_payload, WorkerId, WorkerSignature},
    job::ResultCommitment,
    traits::{ModelCatalog, ModelTerms, ProviderLedger, RewardSink, Verification},
    Balance, BlockNumber, ComputeUnits, JobId, JobParams, ModelId, Usage, H256,
};
use sp_keystore::{testing::MemoryKeystore, KeystoreExt};
use sp_runtime::{
    generic,
    traits::BlakeTwo256,
    transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidityError},
    AccountId32, BuildStorage, DispatchError, DispatchResult, MultiSignature, Permill, RuntimeAppPublic,
};

use crate::{self as pallet_job_escrow, Refusal};

pub type AccountId = AccountId32;
pub type TxExtension = (frame_system::AuthorizeCall<Test>,);
pub type Extrinsic = generic::UncheckedExtrinsic<AccountId, RuntimeCall, MultiSignature, TxExtension>;
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
pub type Block = generic::Block<Header, Extrinsic>;

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
    pub type JobEscrow = pallet_job_escrow;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = Block;
    type AccountId = AccountId;
    type Lookup = sp_runtime::traits::IdentityLookup<AccountId>;
    type AccountData = pallet_balances::AccountData<Balance>;
}

pub const EXISTENTIAL_DEPOSIT: Balance = 100;

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type Balance = Balance;
    type AccountStore = System;
    type RuntimeHoldReason = RuntimeHoldReason;
    type RuntimeFreezeReason = RuntimeFreezeReason;
    type ExistentialDeposit = frame_support::traits::ConstU128<EXISTENTIAL_DEPOSIT>;
}

parameter_types! {
    pub storage OpenBlocks: BlockNumber = 20;
    pub storage ExecutionBlocks: BlockNumber = 10;
    pub storage BondPercent: u32 = 200;
    pub storage MissPenalty: Permill = Permill::from_percent(10);
    pub storage ProtocolFee: Permill = Permill::from_percent(10);
    pub storage BurnShare: Permill = Permill::from_percent(50);
    pub storage AuditShare: Permill = Permill::from_percent(30);
    pub storage MinPrice: Balance = PRICE / 2;
    pub storage Retention: BlockNumber = 50;
    pub storage Window: BlockNumber = 5;
    pub storage MaySettle: bool = true;
    pub TreasuryAccount: AccountId = account(200);
    pub AuditPoolAccount: AccountId = account(201);
}

impl pallet_job_escrow::Config for Test {
    type RuntimeHoldReason = RuntimeHoldReason;
    type Currency = Balances;
    type Providers = MockProviders;
    type Models = MockModels;
    type Verification = MockVerification;
    type Rewards = MockRewards;
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

impl<LocalCall> frame_system::offchain::CreateTransactionBase<LocalCall> for Test
where
    RuntimeCall: From<LocalCall>,
{
    type Extrinsic = Extrinsic;
    type RuntimeCall = RuntimeCall;
}

impl<LocalCall> frame_system::offchain::CreateTransaction<LocalCall> for Test
where
    RuntimeCall: From<LocalCall>,
{
    type Extension = TxExtension;

    fn create_transaction(call: RuntimeCall, extension: TxExtension) -> Extrinsic {
        Extrinsic::new_transaction(call, extension)
    }
}

impl<LocalCall> frame_system::offchain::CreateAuthorizedTransaction<LocalCall> for Test
where
    RuntimeCall: From<LocalCall>,
{
    fn create_extension() -> TxExtension {
        (frame_system::AuthorizeCall::new(),)
    }
}

/// Stake of a provider: bonded, locked, active. The funds themselves are in the account [`STAKE`].
type StakeRecord = (Balance, Balance, bool);

#[storage_alias]
type Stakes = StorageMap<Mock, Blake2_128Concat, AccountId, StakeRecord>;
#[storage_alias]
type Workers = StorageMap<Mock, Blake2_128Concat, WorkerId, AccountId>;
#[storage_alias]
type Prices = StorageMap<Mock, Blake2_128Concat, (AccountId, ModelId), Balance>;
/// Models of other owners than [`OWNER`].
#[storage_alias]
type ExtraModels = StorageMap<Mock, Blake2_128Concat, ModelId, AccountId>;
#[storage_alias]
type Verified = StorageValue<Mock, Vec<(AccountId, ComputeUnits, Balance)>, frame_support::pallet_prelude::ValueQuery>;
#[storage_alias]
type Windows = StorageMap<Mock, Blake2_128Concat, JobId, BlockNumber>;

/// Holds the stake of every mock provider.
pub fn stake_account() -> AccountId {
    account(202)
}

pub struct MockProviders;

impl MockProviders {
    /// Registers an active provider.
    pub fn register(provider: &AccountId, stake: Balance, workers: &[WorkerId]) {
        Stakes::insert(provider, (stake, 0, true));
        for worker in workers {
            Workers::insert(worker, provider);
        }
    }

    pub fn revoke(worker: &WorkerId) {
        Workers::remove(worker);
    }

    pub fn set_active(provider: &AccountId, active: bool) {
        Stakes::mutate(provider, |record| {
            if let Some(record) = record {
                record.2 = active;
            }
        });
    }

    pub fn locked(provider: &AccountId) -> Balance {
        Stakes::get(provider).map_or(0, |record| record.1)
    }

    pub fn bonded_sum() -> Balance {
        Stakes::iter_values().map(|record| record.0).sum()
    }
}

impl ProviderLedger<AccountId, Balance> for MockProviders {
    type Credit = Credit<AccountId, Balances>;

    fn provider_of(worker: &WorkerId) -> Option<AccountId> {
        Workers::get(worker)
    }

    fn is_active(provider: &AccountId) -> bool {
        Stakes::get(provider).is_some_and(|record| record.2)
    }

    fn bonded(provider: &AccountId) -> Balance {
        Stakes::get(provider).map_or(0, |record| record.0)
    }

    fn free_stake(provider: &AccountId) -> Balance {
        Stakes::get(provider).map_or(0, |record| record.0 - record.1)
    }

    fn lock(provider: &AccountId, amount: Balance) -> DispatchResult {
        ensure!(
            Self::is_active(provider) && Self::free_stake(provider) >= amount,
            DispatchError::Unavailable
        );
        Stakes::mutate(provider, |record| {
            if let Some(record) = record {
                record.1 += amount;
            }
        });
        Ok(())
    }

    fn unlock(provider: &AccountId, amount: Balance) -> DispatchResult {
        Stakes::try_mutate(provider, |record| {
            let record = record.as_mut().ok_or(DispatchError::CannotLookup)?;
            record.1 = record.1.checked_sub(amount).ok_or(DispatchError::Corruption)?;
            Ok(())
        })
    }

    fn slash_locked(provider: &AccountId, amount: Balance) -> Result<Self::Credit, DispatchError> {
        Stakes::try_mutate(provider, |record| {
            let record = record.as_mut().ok_or(DispatchError::CannotLookup)?;
            record.1 = record.1.checked_sub(amount).ok_or(DispatchError::Corruption)?;
            record.0 -= amount;
            <Balances as Balanced<AccountId>>::withdraw(
                &stake_account(),
                amount,
                Precision::Exact,
                Preservation::Expendable,
                Fortitude::Polite,
            )
        })
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_provider(provider: &AccountId, worker: &WorkerId, stake: Balance) {
        use frame_support::traits::fungible::Mutate;
        Balances::mint_into(&stake_account(), stake).expect("the benchmark's issuance does not overflow; qed");
        Self::register(provider, stake, core::slice::from_ref(worker));
    }
}

pub const GENERATOR: ModelId = H256::repeat_byte(1);
pub const EMBEDDER: ModelId = H256::repeat_byte(2);
pub const RETIRED: ModelId = H256::repeat_byte(3);

/// A generation model with a vocabulary of 256 and a context that outgrows inline output.
pub fn generator() -> ModelSpec {
    ModelSpec {
        family: Family::Llama(LlamaSpec {
            tied_embeddings: true,
            qkv_bias: false,
            qk_norm: false,
            rope_base: 10_000,
            rope_scaling: RopeScaling::None,
        }),
        arithmetic: lantern_exact::ARITHMETIC,
        activation: Width::Wide,
        keys: Width::Wide,
        hidden: 64,
        intermediate: 128,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_dim: 16,
        vocab: 256,
        max_context: 16_384,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [0; 32],
    }
}

/// An embedding model.
pub fn embedder() -> ModelSpec {
    ModelSpec {
        family: Family::Bert(BertSpec {
            pooling: Default::default(),
            normalize: true,
        }),
        kv_heads: 4,
        max_context: 512,
        ..generator()
    }
}

pub struct MockModels;

impl MockModels {
    /// Registers a copy of the generator that `owner` owns.
    pub fn register(id: ModelId, owner: &AccountId) {
        ExtraModels::insert(id, owner);
    }

    pub fn post(provider: &AccountId, model: ModelId, price: Balance) {
        Prices::insert((provider, model), price);
    }
}

impl ModelCatalog<AccountId, Balance> for MockModels {
    fn model(id: &ModelId) -> Option<ModelTerms<AccountId>> {
        let terms = |spec, owner| ModelTerms {
            spec,
            owner,
            royalty: Permill::from_percent(5),
            active: *id != RETIRED,
        };
        if [GENERATOR, RETIRED].contains(id) {
            Some(terms(generator(), OWNER()))
        } else if *id == EMBEDDER {
            Some(terms(embedder(), OWNER()))
        } else {
            ExtraModels::get(id).map(|owner| terms(generator(), owner))
        }
    }

    fn price(provider: &AccountId, model: &ModelId) -> Option<Balance> {
        Prices::get((provider, model))
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_model(owner: &AccountId) -> ModelId {
        let id = H256::repeat_byte(9);
        Self::register(id, owner);
        id
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn benchmark_price(provider: &AccountId, model: &ModelId, price: Balance) {
        Self::post(provider, *model, price);
    }
}

pub struct MockVerification;

impl MockVerification {
    pub fn window_of(job: JobId) -> Option<BlockNumber> {
        Windows::get(job)
    }
}

impl Verification<AccountId, BlockNumber> for MockVerification {
    fn window() -> BlockNumber {
        Window::get()
    }
    fn on_committed(job: JobId, _: &AccountId, _: &ResultCommitment, window_ends: BlockNumber) {
        Windows::insert(job, window_ends);
    }
    fn may_settle(_: JobId) -> bool {
        MaySettle::get()
    }
    fn on_settled(job: JobId) {
        Windows::remove(job);
    }
}

pub struct MockRewards;

impl MockRewards {
    pub fn verified() -> Vec<(AccountId, ComputeUnits, Balance)> {
        Verified::get()
    }
}

impl RewardSink<AccountId, Balance> for MockRewards {
    fn note_verified(provider: &AccountId, units: ComputeUnits, burned: Balance) {
        Verified::mutate(|list| list.push((provider.clone(), units, burned)));
    }
}

/// An account that nothing funds.
pub fn account(n: u8) -> AccountId {
    AccountId32::new([n; 32])
}

macro_rules! accounts {
    ($($name:ident = $n:literal),*) => {
        $(#[allow(non_snake_case)] pub fn $name() -> AccountId { account($n) })*
    };
}
accounts!(ALICE = 1, BOB = 2, PROVIDER = 10, RIVAL = 11, OWNER = 20);

/// Posted price of the mock providers per compute unit.
pub const PRICE: Balance = 10_000_000;
/// Balance of each funded account.
pub const FUNDS: Balance = 10_000_000;
/// Stake of each mock provider.
pub const STAKE_EACH: Balance = 1_000_000;
/// Enough for the standard job at [`PRICE`].
pub const MAX_FEE: Balance = 20_000;

/// A worker key of the keystore.
pub fn worker(seed: &str) -> WorkerId {
    WorkerId::generate_pair(Some(std::format!("//{seed}").into_bytes()))
}

/// Externalities at block 1 with two providers, each with a worker key (`one` and `two`) and prices for both models.
pub fn new_test_ext() -> sp_io::TestExternalities {
    let mut storage = frame_system::GenesisConfig::<Test>::default()
        .build_storage()
        .expect("the genesis of the mock is valid; qed");
    let mut balances: Vec<_> = [
        ALICE(),
        BOB(),
        PROVIDER(),
        RIVAL(),
        OWNER(),
        TreasuryAccount::get(),
        AuditPoolAccount::get(),
    ]
    .into_iter()
    .map(|account| (account, FUNDS))
    .collect();
    balances.push((stake_account(), FUNDS));
    pallet_balances::GenesisConfig::<Test> {
        balances,
        ..Default::default()
    }
    .assimilate_storage(&mut storage)
    .expect("the genesis of the mock is valid; qed");
    let mut ext = sp_io::TestExternalities::from(storage);
    ext.register_extension(KeystoreExt(Arc::new(MemoryKeystore::new())));
    ext.execute_with(|| {
        System::set_block_number(1);
        for (provider, seed) in [(PROVIDER(), "one"), (RIVAL(), "two")] {
            MockProviders::register(&provider, STAKE_EACH, &[worker(seed)]);
            MockModels::post(&provider, GENERATOR, PRICE);
            MockModels::post(&provider, EMBEDDER, PRICE);
        }
    });
    ext
}

/// Runs `test` at block 1 and checks the invariants after it.
pub fn build_and_execute(test: impl FnOnce()) {
    new_test_ext().execute_with(|| {
        test();
        check_invariants();
    });
}

/// The invariants of the pallet, and that no unit was made or lost: what is missing from issuance was burned by settlements.
pub fn check_invariants() {
    JobEscrow::do_try_state().expect("the invariants hold");
    let sum: Balance = frame_system::Account::<Test>::iter_values()
        .map(|info| info.data.free + info.data.reserved)
        .sum();
    assert_eq!(sum, Balances::total_issuance(), "an imbalance was dropped by mistake");
}

/// Ends the current block and every other up to, not including, block `to`.
pub fn run_to(to: BlockNumber) {
    while System::block_number() < to {
        let now = System::block_number();
        JobEscrow::on_idle(now, Weight::MAX);
        System::set_block_number(now + 1);
    }
}

/// Parameters of the standard generation job: 8 tokens, stopped by token 7.
pub fn params() -> GenerateParams {
    GenerateParams {
        max_new_tokens: 8,
        sampling: Sampling::Greedy,
        stop: StopTokens::new(&[7]).expect("one stop token fits; qed"),
    }
}

/// Token ids as bytes.
pub fn tokens(ids: &[u32]) -> Vec<u8> {
    lantern_exact::spec::encode_tokens(ids)
}

/// The standard input: four tokens.
pub fn input() -> Vec<u8> {
    tokens(&[10, 20, 30, 40])
}

/// Submits `input` for `requester` with everything else as given.
pub fn submit(
    requester: AccountId,
    model: ModelId,
    input: Vec<u8>,
    params: JobParams,
    max_fee: Balance,
    only: Option<AccountId>,
) -> frame_support::pallet_prelude::DispatchResult {
    let hash = H256(sp_io::hashing::blake2_256(&input));
    JobEscrow::submit_job(
        RuntimeOrigin::signed(requester),
        model,
        input,
        hash,
        params,
        max_fee,
        only,
    )
}

/// Submits the standard generation job of Alice and returns its id.
pub fn submitted() -> JobId {
    let id = JobEscrow::next_job_id();
    submit(
        ALICE(),
        GENERATOR,
        input(),
        JobParams::Generate(params()),
        MAX_FEE,
        None,
    )
    .expect("the standard job is valid");
    id
}

/// What `job` asks for; zero when there is no such job.
pub fn work(job: JobId) -> H256 {
    pallet_job_escrow::Jobs::<Test>::get(job).map_or(H256::zero(), |job| job.work())
}

/// Signs and dispatches a claim.
pub fn claim(job: JobId, worker: &WorkerId) -> frame_support::pallet_prelude::DispatchResult {
    JobEscrow::claim_job(authorized(), job, worker.clone(), claim_signature(job, worker))
}

pub fn claim_signature(job: JobId, worker: &WorkerId) -> WorkerSignature {
    worker
        .sign(&claim_payload(JobEscrow::genesis_hash(), job, work(job)))
        .expect("the key is in the keystore")
}

/// The commitment to `output` for the standard input.
pub fn commitment(output: &[u8], output_tokens: u32) -> ResultCommitment {
    ResultCommitment {
        output: ContentRef::of(output),
        usage: Usage {
            prompt_tokens: 4,
            output_tokens,
        },
        trace_root: H256::repeat_byte(5),
    }
}

/// Eight tokens without a stop token: a full-length output.
pub fn output() -> Vec<u8> {
    tokens(&[1, 2, 3, 4, 5, 6, 8, 9])
}

pub fn result_signature(job: JobId, worker: &WorkerId, commitment: &ResultCommitment) -> WorkerSignature {
    worker
        .sign(&result_payload(JobEscrow::genesis_hash(), job, work(job), commitment))
        .expect("the key is in the keystore")
}

/// Signs and dispatches a result.
pub fn commit(
    job: JobId,
    worker: &WorkerId,
    commitment: ResultCommitment,
    output: Vec<u8>,
) -> frame_support::pallet_prelude::DispatchResult {
    let signature = result_signature(job, worker, &commitment);
    JobEscrow::submit_result(authorized(), job, worker.clone(), commitment, output, signature)
}

/// Commits the full-length output for a job claimed by the provider of key `one`.
pub fn committed() -> JobId {
    let job = submitted();
    claim(job, &worker("one")).expect("the standard job may be claimed");
    commit(job, &worker("one"), commitment(&output(), 8), output()).expect("the standard result is valid");
    job
}

/// Authorises a call and dispatches it, as a block does. A refusal comes back as the error of the same name.
pub fn authorise_and_dispatch(call: pallet_job_escrow::Call<Test>) -> DispatchResult {
    match call
        .authorize(TransactionSource::InBlock)
        .expect("the call has an authorisation")
    {
        Ok(_) => call
            .dispatch_bypass_filter(authorized())
            .map(|_| ())
            .map_err(|failed| failed.error),
        Err(TransactionValidityError::Invalid(InvalidTransaction::Custom(code))) => {
            let refusal = Refusal::from_code(code).expect("the code is a refusal's");
            Err(pallet_job_escrow::Error::<Test>::from(refusal).into())
        },
        Err(other) => panic!("no refusal of this pallet: {other:?}"),
    }
}

/// The origin that `AuthorizeCall` gives a feeless transaction.
pub fn authorized() -> RuntimeOrigin {
    frame_system::RawOrigin::Authorized.into()
}

/// Micro compute units of the standard job with `output_tokens`.
pub fn units(output_tokens: u32) -> ComputeUnits {
    generator().compute_units(4, output_tokens)
}

/// Free balance.
pub fn free(account: &AccountId) -> Balance {
    Balances::balance(account)
}

/// Escrow on hold.
pub fn held(account: &AccountId) -> Balance {
    use frame_support::traits::fungible::InspectHold;
    Balances::balance_on_hold(&pallet_job_escrow::HoldReason::Escrow.into(), account)
}
