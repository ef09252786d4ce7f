//! A market as the pallets leave it after a week: providers with stake, worker keys and prices, models, and jobs that were paid
//! and stay until their retention ends. Every entry is a record of the pallets under the pallets' own key.

use std::ops::Range;

use codec::{Decode, Encode};
use frame_support::traits::tokens::IdAmount;
use lantern_exact::{
    spec::{model_id, Family, GenerateParams, LlamaSpec, RopeScaling, Sampling, Width},
    ARITHMETIC,
};
use lantern_primitives::{
    content::ContentRef,
    crypto::WorkerId,
    job::{FeeSplit, FrozenTerms, Job, JobState, ResultCommitment},
    AccountId, Balance, BlockNumber, JobId, JobParams, ModelId, ModelSpec, Usage, H256,
};
use lantern_runtime::{
    currency::{LUX, MICRO, MILLI},
    Runtime, RuntimeHoldReason,
};
use sp_core::{crypto::UncheckedFrom, storage::Storage};
use sp_io::hashing::blake2_256;
use sp_runtime::Permill;

/// Key and value.
pub type Entry = (Vec<u8>, Vec<u8>);

const BOND: Balance = 10 * LUX;
const MODEL_DEPOSIT: Balance = LUX;
const PRICE_DEPOSIT: Balance = 10 * MILLI;
/// Compute units of every job, in millionths.
const UNITS: u64 = 250_000;

/// How large the market is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub providers: u32,
    /// At most as many as providers, who own them.
    pub models: u32,
    pub jobs: u64,
}

/// The account of the provider with this number.
pub fn provider(number: u32) -> AccountId {
    AccountId::from(blake2_256(&(b"provider", number).encode()))
}

/// The model with this number: one specification, weights of its own.
pub fn model(number: u32) -> ModelId {
    H256(model_id(&spec(), &weights_root(number)))
}

fn requester(job: JobId) -> AccountId {
    AccountId::from(blake2_256(&(b"requester", job % 10_000).encode()))
}

fn worker(number: u32) -> WorkerId {
    WorkerId::unchecked_from(blake2_256(&(b"worker", number).encode()))
}

fn weights_root(number: u32) -> [u8; 32] {
    blake2_256(&(b"weights", number).encode())
}

fn spec() -> ModelSpec {
    ModelSpec {
        family: Family::Llama(LlamaSpec {
            tied_embeddings: false,
            qkv_bias: false,
            qk_norm: false,
            rope_base: 10_000,
            rope_scaling: RopeScaling::None,
        }),
        arithmetic: ARITHMETIC,
        activation: Width::Wide,
        keys: Width::Wide,
        hidden: 2_048,
        intermediate: 5_632,
        layers: 22,
        heads: 32,
        kv_heads: 4,
        head_dim: 64,
        vocab: 32_000,
        max_context: 2_048,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [7; 32],
    }
}

/// Adds the market to the storage of a first block, all but the jobs themselves.
pub fn enter(storage: &mut Storage, size: Size) {
    let mut held = 0;
    for number in 0..size.providers {
        held += enter_provider(storage, number, size.models);
    }
    for number in 0..size.models {
        enter_model(storage, number);
    }
    // The totals that the pallets keep beside the records.
    put(
        storage,
        pallet_provider_staking::Providers::<Runtime>::counter_storage_final_key(),
        size.providers,
    );
    put(
        storage,
        pallet_model_registry::Models::<Runtime>::counter_storage_final_key(),
        size.models,
    );
    put(
        storage,
        pallet_provider_staking::TotalBonded::<Runtime>::hashed_key(),
        BOND * Balance::from(size.providers),
    );
    put(
        storage,
        pallet_job_escrow::NextJobId::<Runtime>::hashed_key(),
        size.jobs,
    );
    let totals = pallet_job_escrow::Totals {
        settled: size.jobs,
        units_settled: u128::from(size.jobs) * u128::from(UNITS),
        ..Default::default()
    };
    put(storage, pallet_job_escrow::JobTotals::<Runtime>::hashed_key(), totals);
    let issuance = pallet_balances::TotalIssuance::<Runtime>::hashed_key();
    let before = storage.top.get(issuance.as_slice());
    let before = before.and_then(|bytes| Balance::decode(&mut bytes.as_slice()).ok());
    put(storage, issuance, before.unwrap_or_default() + held);
}

fn put(storage: &mut Storage, key: impl Into<Vec<u8>>, value: impl Encode) {
    storage.top.insert(key.into(), value.encode());
}

/// Enters a provider with its account, and returns what the account has.
fn enter_provider(storage: &mut Storage, number: u32, models: u32) -> Balance {
    use pallet_provider_staking::{Ledger, Profile, Profiles, Provider, Providers, Status, WorkerOwners};
    let account = provider(number);
    let mut holds: Vec<IdAmount<RuntimeHoldReason, Balance>> = vec![IdAmount {
        id: pallet_provider_staking::HoldReason::Bond.into(),
        amount: BOND,
    }];
    if number < models {
        let reasons = [
            (pallet_model_registry::HoldReason::Deposit, MODEL_DEPOSIT),
            (pallet_model_registry::HoldReason::Price, PRICE_DEPOSIT),
        ];
        holds.extend(reasons.map(|(id, amount)| IdAmount { id: id.into(), amount }));
    }
    let reserved = holds.iter().map(|hold| hold.amount).sum();
    let data = pallet_balances::AccountData {
        free: LUX,
        reserved,
        ..Default::default()
    };
    let info = frame_system::AccountInfo {
        nonce: 3u32,
        consumers: 1,
        providers: 1,
        sufficients: 0,
        data,
    };
    put(
        storage,
        frame_system::Account::<Runtime>::hashed_key_for(&account),
        info,
    );
    put(
        storage,
        pallet_balances::Holds::<Runtime>::hashed_key_for(&account),
        holds,
    );
    let record: Provider<Balance, BlockNumber> = Provider {
        status: Status::Serving,
        ledger: Ledger::new(BOND),
    };
    put(storage, Providers::<Runtime>::hashed_key_for(&account), record);
    let profile = Profile {
        metadata: format!("provider {number}").into_bytes().try_into().unwrap_or_default(),
        workers: vec![worker(number)].try_into().unwrap_or_default(),
    };
    put(storage, Profiles::<Runtime>::hashed_key_for(&account), profile);
    put(
        storage,
        WorkerOwners::<Runtime>::hashed_key_for(worker(number)),
        &account,
    );
    let reward = pallet_reward_emission::RewardAccount {
        pending: None,
        accrued: LUX,
        claimed: 0,
    };
    put(
        storage,
        pallet_reward_emission::Accounts::<Runtime>::hashed_key_for(&account),
        reward,
    );
    LUX + reserved
}

/// Enters a model of the provider with its number, and the price that it posted for it.
fn enter_model(storage: &mut Storage, number: u32) {
    use pallet_model_registry::{Model, Models, PostedPrice, PriceCounts, Prices};
    let owner = provider(number);
    let record = Model {
        name: format!("model {number}").into_bytes().try_into().unwrap_or_default(),
        spec: spec(),
        weights_root: weights_root(number),
        owner: owner.clone(),
        royalty: Permill::from_percent(5),
        parents: Default::default(),
        active: true,
        deposit: MODEL_DEPOSIT,
    };
    put(storage, Models::<Runtime>::hashed_key_for(model(number)), record);
    let price = PostedPrice {
        price: MILLI,
        deposit: PRICE_DEPOSIT,
    };
    put(storage, Prices::<Runtime>::hashed_key_for(&owner, model(number)), price);
    put(storage, PriceCounts::<Runtime>::hashed_key_for(&owner), 1u32);
}

/// Storage entries of jobs.
pub fn jobs(size: Size, ids: Range<JobId>) -> Vec<Entry> {
    ids.flat_map(|id| job(id, size)).collect()
}

/// A paid job and its entry in the index by requester.
fn job(id: JobId, size: Size) -> [Entry; 2] {
    let number = |modulus: u32| u32::try_from(id % u64::from(modulus.max(1))).unwrap_or_default();
    let content = |what: &[u8], len| ContentRef {
        hash: H256(blake2_256(&(what, id).encode())),
        len,
    };
    let record: Job<AccountId, Balance, BlockNumber> = Job {
        requester: requester(id),
        model: model(number(size.models)),
        input: content(b"input", 128),
        prompt_tokens: 32,
        params: JobParams::Generate(GenerateParams {
            max_new_tokens: 64,
            sampling: Sampling::Greedy,
            stop: Default::default(),
        }),
        max_fee: 300 * MICRO,
        only: None,
        submitted_at: 1,
        terms: FrozenTerms {
            execution_blocks: 150,
            challenge_window: 300,
            bond_percent: 200,
            miss_penalty: Permill::from_percent(10),
            royalty: Permill::from_percent(5),
            protocol_fee: Permill::from_percent(10),
            burn_share: Permill::from_percent(50),
            audit_share: Permill::from_percent(30),
        },
        state: JobState::Settled {
            provider: provider(number(size.providers)),
            claimed_at: 2,
            committed_at: 3,
            settled_at: 304,
            commitment: ResultCommitment {
                output: content(b"output", 256),
                usage: Usage {
                    prompt_tokens: 32,
                    output_tokens: 64,
                },
                trace_root: H256(blake2_256(&(b"trace", id).encode())),
            },
            units: UNITS,
            split: FeeSplit {
                fee: 250 * MICRO,
                provider: 212_500_000,
                royalty: 12_500_000,
                audit_pool: 7_500_000,
                burned: 12_500_000,
                treasury: 5 * MICRO,
            },
            refund: 50 * MICRO,
        },
    };
    [
        (pallet_job_escrow::Jobs::<Runtime>::hashed_key_for(id), record.encode()),
        (
            pallet_job_escrow::Requested::<Runtime>::hashed_key_for(requester(id), id.to_be_bytes()),
            ().encode(),
        ),
    ]
}
