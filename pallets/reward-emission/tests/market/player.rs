//! Everybody in the market at once: draws a call, valid or not, and dispatches it.

use std::collections::BTreeMap;

use frame_support::{
    dispatch::GetDispatchInfo,
    pallet_prelude::{InvalidTransaction, TransactionSource, TransactionValidityError},
    traits::{Authorize, UnfilteredDispatchable},
};
use frame_system::RawOrigin;
use lantern_exact::spec::{
    encode_tokens, BertSpec, Family, GenerateParams, LlamaSpec, ModelKind, RopeScaling, Sampling, StopTokens, Width,
};
use lantern_primitives::{
    content::{ContentRef, MAX_INLINE_BYTES},
    crypto::{claim_payload, result_payload, worker_payload, WorkerId, WorkerPair},
    fee_for,
    job::{Job, JobState, ResultCommitment},
    traits::{ModelCatalog, ProviderLedger},
    AccountId, Balance, BlockNumber, JobId, JobParams, ModelId, ModelSpec, Usage, H256,
};
use pallet_job_escrow::{Error, Refusal};
use pallet_provider_staking::WorkerProof;
use sp_core::Pair as _;
use sp_runtime::{FixedU128, Permill, StateVersion};

use crate::{dice::Dice, runtime::*};

const PROVIDERS: u8 = 4;
const REQUESTERS: u8 = 4;
const OWNERS: u8 = 2;
const KEYS_EACH: u8 = 3;
const VOCAB: u32 = 300;

/// How often each call had which outcome: "ok", or the error's name.
pub type Tally = BTreeMap<&'static str, BTreeMap<&'static str, u32>>;

/// Draws and dispatches calls.
pub struct Player {
    pub dice: Dice,
    pub tally: Tally,
}

/// Account of provider `n`.
pub fn provider(n: u8) -> AccountId {
    account(1 + n)
}

/// Every account that calls anything.
pub fn accounts() -> impl Iterator<Item = AccountId> {
    let requesters = (0..REQUESTERS).map(|n| account(50 + n));
    let owners = (0..OWNERS).map(|n| account(100 + n));
    (0..PROVIDERS).map(provider).chain(requesters).chain(owners)
}

fn pair(n: u8) -> WorkerPair {
    WorkerPair::from_seed(&[n; 32])
}

/// The key pair of a worker key, if it is one of the players'.
fn pair_of(worker: &WorkerId) -> Option<WorkerPair> {
    (0..PROVIDERS * KEYS_EACH)
        .map(pair)
        .find(|pair| pair.public() == *worker)
}

fn genesis_hash() -> H256 {
    System::block_hash(0)
}

fn spec(layers: u32, embedding: bool) -> ModelSpec {
    let llama = LlamaSpec {
        tied_embeddings: true,
        qkv_bias: false,
        qk_norm: false,
        rope_base: 10_000,
        rope_scaling: RopeScaling::None,
    };
    let family = match embedding {
        true => Family::Bert(BertSpec {
            pooling: Default::default(),
            normalize: true,
        }),
        false => Family::Llama(llama),
    };
    ModelSpec {
        family,
        arithmetic: lantern_exact::ARITHMETIC,
        activation: Width::Wide,
        keys: Width::Wide,
        hidden: 1_024,
        intermediate: 4_096,
        layers,
        heads: 16,
        kv_heads: 16,
        head_dim: 64,
        vocab: VOCAB,
        max_context: 128,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [0; 32],
    }
}

type MarketJob = Job<AccountId, Balance, BlockNumber>;

impl Player {
    /// A player whose choices follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            tally: Tally::new(),
        }
    }

    /// A market with something on offer, so that histories begin where it becomes interesting: two models, and every
    /// provider with two worker keys and a price.
    pub fn set_up(&mut self) {
        for (n, embedding) in [(0, false), (1, true)] {
            let call = pallet_model_registry::Call::register {
                name: b"first".to_vec().try_into().expect("short"),
                spec: spec(3, embedding),
                weights_root: [9; 32],
                royalty: Permill::from_percent(5),
                parents: Default::default(),
            };
            assert!(self.sign("register model", &account(100 + n), call));
        }
        for n in 0..PROVIDERS {
            let who = provider(n);
            let prove = |key: u8| {
                let pair = pair(n * KEYS_EACH + key);
                WorkerProof {
                    key: pair.public(),
                    signature: pair.sign(&worker_payload(genesis_hash(), &who)),
                }
            };
            let call = pallet_provider_staking::Call::register {
                metadata: b"first".to_vec().try_into().expect("short"),
                bond: 40 * LUX,
                workers: vec![prove(0), prove(1)].try_into().expect("few"),
            };
            assert!(self.sign("register provider", &who, call));
            for model in Self::models() {
                let price = LUX + Balance::from(n) * LUX / 4;
                assert!(self.sign(
                    "post price",
                    &who,
                    pallet_model_registry::Call::post_price { model, price }
                ));
            }
        }
    }

    /// One call, and how many blocks to make after it.
    pub fn act(&mut self) -> u64 {
        match self.dice.below(100) {
            0..=5 => self.register_provider(),
            6..=14 => self.manage_stake(),
            15..=20 => self.manage_workers(),
            21..=26 => self.manage_model(),
            27..=34 => self.price(),
            35..=54 => self.submit_job(),
            55..=57 => self.cancel_job(),
            58..=74 => self.claim_job(),
            75..=88 => self.submit_result(),
            89..=91 => self.poke(),
            92..=95 => self.claim_reward(),
            96..=97 => self.transfer(),
            _ => self.govern(),
        }
        match self.dice.below(40) {
            0..=7 => 1,
            8 => self.dice.between(2, 5),
            9 if self.dice.chance(30) => self.dice.between(6, 20),
            _ => 0,
        }
    }

    /// Dispatches a call and checks that a failure leaves the state as it was.
    fn dispatch(&mut self, name: &'static str, call: impl Into<RuntimeCall>, origin: RuntimeOrigin) -> bool {
        let call: RuntimeCall = call.into();
        assert!(
            call.get_dispatch_info().call_weight.all_gt(Default::default()),
            "{name} has no weight"
        );
        let before = sp_io::storage::root(StateVersion::V1);
        let result = call.dispatch_bypass_filter(origin);
        if result.is_err() {
            assert_eq!(
                sp_io::storage::root(StateVersion::V1),
                before,
                "{name} failed and left traces"
            );
        }
        let outcome = result.as_ref().map_or_else(|error| <&str>::from(error.error), |_| "ok");
        *self.tally.entry(name).or_default().entry(outcome).or_default() += 1;
        result.is_ok()
    }

    fn sign(&mut self, name: &'static str, who: &AccountId, call: impl Into<RuntimeCall>) -> bool {
        self.dispatch(name, call, RawOrigin::Signed(who.clone()).into())
    }

    /// Dispatches a feeless call as a block would: authorised first. What the pool accepts must not fail in the block. What state
    /// alone makes it refuse must fail in the call as well; a wrong signature or hash is authorisation's alone to refuse.
    fn authorize(&mut self, name: &'static str, call: impl Into<RuntimeCall>) {
        let call: RuntimeCall = call.into();
        let authorised = call.authorize(TransactionSource::External).expect("a feeless call");
        let accepted = authorised.is_ok();
        if let Err(TransactionValidityError::Invalid(InvalidTransaction::Custom(code))) = authorised {
            let refusal = Refusal::from_code(code).expect("a refusal of job-escrow");
            if matches!(refusal, Refusal::BadSignature | Refusal::OutputMismatch) {
                let refused = self.tally.entry(name).or_default();
                *refused.entry(Error::<Market>::from(refusal).into()).or_default() += 1;
                return;
            }
        }
        if self.dice.chance(3) {
            let origin = if self.dice.chance(50) {
                RawOrigin::None
            } else {
                RawOrigin::Signed(self.anyone())
            };
            assert!(
                !self.dispatch(name, call, origin.into()),
                "{name} needs no authorisation"
            );
        } else {
            assert_eq!(
                self.dispatch(name, call, RawOrigin::Authorized.into()),
                accepted,
                "{name}: pool and block differ"
            );
        }
    }

    fn anyone(&mut self) -> AccountId {
        let all: Vec<_> = accounts().collect();
        self.dice.pick(&all).cloned().expect("there are accounts")
    }

    /// A provider's account, or now and then anybody's.
    fn some_provider(&mut self) -> AccountId {
        if self.dice.chance(4) {
            return self.anyone();
        }
        provider(self.dice.below(PROVIDERS.into()) as u8)
    }

    fn amount(&mut self) -> Balance {
        match self.dice.below(12) {
            0 => 0,
            1 => 1,
            2 => 2 * FUNDS,
            3 => Balance::from(self.dice.below(10)) * LUX,
            _ => Balance::from(self.dice.between(10, 60)) * LUX,
        }
    }

    /// A worker key with its proof for `who`, which now and then is another's.
    fn proof(&mut self, who: &AccountId) -> WorkerProof {
        let first = (0..PROVIDERS).find(|n| provider(*n) == *who).unwrap_or_default() * KEYS_EACH;
        let pair = match self.dice.chance(90) {
            true => pair(first + self.dice.below(KEYS_EACH.into()) as u8),
            false => pair(self.dice.below((PROVIDERS * KEYS_EACH).into()) as u8),
        };
        let owner = if self.dice.chance(95) {
            who.clone()
        } else {
            self.anyone()
        };
        WorkerProof {
            key: pair.public(),
            signature: pair.sign(&worker_payload(genesis_hash(), &owner)),
        }
    }

    fn register_provider(&mut self) {
        let who = self.some_provider();
        let workers: Vec<_> = (0..self.dice.between(1, 2)).map(|_| self.proof(&who)).collect();
        let call = pallet_provider_staking::Call::register {
            metadata: b"market".to_vec().try_into().expect("short"),
            bond: self.amount(),
            workers: workers.try_into().expect("few"),
        };
        self.sign("register provider", &who, call);
    }

    fn manage_stake(&mut self) {
        use pallet_provider_staking::Call;
        let who = self.some_provider();
        let amount = self.amount();
        match self.dice.below(16) {
            0..=3 => self.sign("bond more", &who, Call::bond_more { amount }),
            4..=6 => self.sign("unbond", &who, Call::unbond { amount: amount / 2 }),
            7..=9 => self.sign("withdraw", &who, Call::withdraw_unbonded {}),
            10 => self.sign("pause", &who, Call::pause {}),
            11..=13 => self.sign("resume", &who, Call::resume {}),
            14 if self.dice.chance(70) => self.sign("deregister", &who, Call::deregister {}),
            _ => {
                let metadata = b"changed".to_vec().try_into().expect("short");
                self.sign("update metadata", &who, Call::update_metadata { metadata })
            },
        };
    }

    fn manage_workers(&mut self) {
        use pallet_provider_staking::Call;
        let who = self.some_provider();
        let worker = self.proof(&who);
        match self.dice.chance(70) {
            true => self.sign("add worker", &who, Call::add_worker { worker }),
            false => self.sign("remove worker", &who, Call::remove_worker { worker: worker.key }),
        };
    }

    fn models() -> Vec<ModelId> {
        pallet_model_registry::Models::<Market>::iter_keys().collect()
    }

    /// A registered model, or now and then none.
    fn some_model(&mut self) -> ModelId {
        match self.dice.pick(&Self::models()) {
            Some(model) if !self.dice.chance(4) => *model,
            _ => H256::repeat_byte(0xee),
        }
    }

    fn manage_model(&mut self) {
        use pallet_model_registry::Call;
        let model = self.some_model();
        let owner = match Models::model(&model) {
            Some(terms) if self.dice.chance(85) => terms.owner,
            _ => account(100 + self.dice.below(OWNERS.into()) as u8),
        };
        let royalty = Permill::from_percent(self.dice.below(24) as u32);
        match self.dice.below(10) {
            0..=4 => {
                let layers = self.dice.below(5) as u32;
                let parents = if self.dice.chance(40) { vec![model] } else { vec![] };
                let call = Call::register {
                    name: b"model".to_vec().try_into().expect("short"),
                    spec: spec(layers, self.dice.chance(30)),
                    weights_root: [self.dice.below(3) as u8; 32],
                    royalty,
                    parents: parents.try_into().expect("few"),
                };
                self.sign("register model", &owner, call)
            },
            5 => self.sign("set royalty", &owner, Call::set_royalty { model, royalty }),
            6 => {
                let to = self.anyone();
                self.sign("transfer ownership", &owner, Call::transfer_ownership { model, to })
            },
            _ => {
                let active = self.dice.chance(75);
                self.sign("set active", &owner, Call::set_active { model, active })
            },
        };
    }

    fn price(&mut self) {
        use pallet_model_registry::Call;
        let (who, model) = (self.some_provider(), self.some_model());
        if self.dice.chance(85) {
            let price = Balance::from(self.dice.between(9, 60)) * LUX / 10;
            self.sign("post price", &who, Call::post_price { model, price });
        } else {
            self.sign("withdraw price", &who, Call::withdraw_price { model });
        }
    }

    fn params(&mut self, kind: ModelKind) -> JobParams {
        let kind = match (kind, self.dice.chance(3)) {
            (ModelKind::Generation, false) | (ModelKind::Embedding, true) => ModelKind::Generation,
            _ => ModelKind::Embedding,
        };
        match kind {
            ModelKind::Embedding => JobParams::Embed,
            ModelKind::Generation => JobParams::Generate(GenerateParams {
                max_new_tokens: if self.dice.chance(3) {
                    0
                } else {
                    self.dice.between(1, 24) as u32
                },
                sampling: Sampling::Greedy,
                stop: StopTokens::new(if self.dice.chance(50) { &[7] } else { &[] }).expect("one fits"),
            }),
        }
    }

    fn input(&mut self) -> Vec<u8> {
        match self.dice.below(40) {
            0 => vec![],
            1 => vec![1, 2, 3],
            2 => encode_tokens(&[VOCAB]),
            3 => vec![0; MAX_INLINE_BYTES as usize + 4],
            4 => encode_tokens(&[1; 200]),
            _ => encode_tokens(
                &(0..self.dice.between(1, 40))
                    .map(|_| self.dice.below(200) as u32)
                    .collect::<Vec<_>>(),
            ),
        }
    }

    fn submit_job(&mut self) {
        let requester = account(50 + self.dice.below(REQUESTERS.into()) as u8);
        let model = self.some_model();
        let spec = Models::model(&model).map_or_else(|| spec(1, false), |terms| terms.spec);
        let (params, input) = (self.params(spec.kind()), self.input());
        let only = if self.dice.chance(30) {
            Some(self.some_provider())
        } else {
            None
        };
        let quoted = only
            .as_ref()
            .and_then(|who| Models::price(who, &model))
            .unwrap_or_else(MinPrice::get);
        let units = spec.compute_units(input.len() as u32 / 4, params.max_output_tokens());
        let quote = fee_for(units, quoted);
        let max_fee = match self.dice.below(12) {
            0 => quote.saturating_sub(1),
            1 => quote,
            2 => 3 * FUNDS,
            _ => quote * Balance::from(self.dice.between(100, 600)) / 100,
        };
        let mut input_hash = H256(sp_io::hashing::blake2_256(&input));
        if self.dice.chance(3) {
            input_hash = H256::repeat_byte(1);
        }
        let call = pallet_job_escrow::Call::submit_job {
            model,
            input,
            input_hash,
            params,
            max_fee,
            provider: only,
        };
        self.sign("submit job", &requester, call);
    }

    fn jobs(filter: impl Fn(&MarketJob) -> bool) -> Vec<(JobId, MarketJob)> {
        let mut jobs: Vec<_> = pallet_job_escrow::Jobs::<Market>::iter()
            .filter(|(_, job)| filter(job))
            .collect();
        jobs.sort_by_key(|(id, _)| *id);
        jobs
    }

    fn some_job_id(&mut self) -> JobId {
        self.dice.below(pallet_job_escrow::NextJobId::<Market>::get() + 1)
    }

    fn cancel_job(&mut self) {
        let open = Self::jobs(|job| matches!(job.state, JobState::Open { .. }));
        let (job, requester) = match self.dice.pick(&open).cloned() {
            Some((id, job)) if self.dice.chance(80) => (id, job.requester),
            _ => (self.some_job_id(), self.anyone()),
        };
        self.sign("cancel job", &requester, pallet_job_escrow::Call::cancel_job { job });
    }

    /// One of the worker keys that `who` has, or now and then any.
    fn worker(&mut self, who: &AccountId) -> WorkerPair {
        let own = pallet_provider_staking::Profiles::<Market>::get(who).map(|profile| profile.workers);
        let own = own.and_then(|workers| self.dice.pick(&workers).cloned());
        match own.and_then(|worker| pair_of(&worker)) {
            Some(pair) if self.dice.chance(93) => pair,
            _ => pair(self.dice.below((PROVIDERS * KEYS_EACH).into()) as u8),
        }
    }

    fn claim_job(&mut self) {
        let open = Self::jobs(|job| matches!(job.state, JobState::Open { .. }));
        let picked = self.dice.pick(&open).cloned();
        let job = match &picked {
            Some((id, _)) if self.dice.chance(93) => *id,
            _ => self.some_job_id(),
        };
        // A provider that may, if there is one.
        let eligible: Vec<_> = (0..PROVIDERS)
            .map(provider)
            .filter(|who| {
                let (Some((_, job)), true) = (&picked, Providers::is_active(who)) else {
                    return false;
                };
                Models::price(who, &job.model).is_some() && job.only.as_ref().is_none_or(|only| only == who)
            })
            .collect();
        let who = match self.dice.pick(&eligible).cloned() {
            Some(who) if self.dice.chance(90) => who,
            _ => self.some_provider(),
        };
        let pair = self.worker(&who);
        let signed = if self.dice.chance(96) { job } else { job + 1 };
        let work = match &picked {
            Some((_, job)) if self.dice.chance(98) => job.work(),
            _ => H256::zero(),
        };
        let signature = pair.sign(&claim_payload(genesis_hash(), signed, work));
        let call = pallet_job_escrow::Call::claim_job {
            job,
            worker: pair.public(),
            signature,
        };
        self.authorize("claim job", call);
    }

    /// An output that could come from `job`.
    fn output(&mut self, job: &MarketJob, spec: &ModelSpec) -> (Vec<u8>, u32) {
        let JobParams::Generate(params) = job.params else {
            return (vec![self.dice.below(256) as u8; 4 * spec.hidden as usize], 0);
        };
        let mut tokens: Vec<u32> = (0..params.max_new_tokens)
            .map(|_| 8 + self.dice.below(200) as u32)
            .collect();
        if params.stop.contains(7) && self.dice.chance(60) {
            tokens.truncate(self.dice.below(tokens.len() as u64) as usize);
            tokens.push(7);
        }
        let count = tokens.len() as u32;
        (encode_tokens(&tokens), count)
    }

    fn submit_result(&mut self) {
        let claimed = Self::jobs(|job| matches!(job.state, JobState::Claimed { .. }));
        let anything = Self::jobs(|_| true);
        let pool = if self.dice.chance(95) { claimed } else { anything };
        let Some((id, job)) = self.dice.pick(&pool).cloned() else {
            return;
        };
        let Some(spec) = Models::model(&job.model).map(|terms| terms.spec) else {
            return;
        };
        let who = match &job.state {
            JobState::Claimed { provider, .. } if self.dice.chance(95) => provider.clone(),
            _ => self.some_provider(),
        };
        let (mut output, output_tokens) = self.output(&job, &spec);
        let mut usage = Usage {
            prompt_tokens: job.prompt_tokens,
            output_tokens,
        };
        let mut commitment = ResultCommitment {
            output: ContentRef::of(&output),
            usage,
            trace_root: H256::repeat_byte(self.dice.below(256) as u8),
        };
        match self.dice.below(40) {
            0 => output.extend([0; 4]),
            1 => usage.output_tokens += 1,
            2 => usage.prompt_tokens += 1,
            3 => commitment.output.hash = H256::zero(),
            4 => output = vec![0; MAX_INLINE_BYTES as usize + 4],
            5 => output = output.iter().map(|_| 0xff).collect(),
            _ => {},
        }
        commitment.usage = usage;
        let pair = self.worker(&who);
        let signed = if self.dice.chance(96) { id } else { id + 1 };
        let work = if self.dice.chance(98) { job.work() } else { H256::zero() };
        let signature = pair.sign(&result_payload(genesis_hash(), signed, work, &commitment));
        let worker = pair.public();
        let call = pallet_job_escrow::Call::submit_result {
            job: id,
            worker,
            commitment,
            output,
            signature,
        };
        self.authorize("submit result", call);
    }

    fn poke(&mut self) {
        let now = System::block_number();
        let overdue = Self::jobs(|job| match job.state {
            JobState::Open { deadline } | JobState::Claimed { deadline, .. } => deadline < now,
            JobState::Committed { window_ends, .. } => window_ends < now,
            _ => false,
        });
        let job = match self.dice.pick(&overdue) {
            Some((id, _)) if self.dice.chance(85) => *id,
            _ => self.some_job_id(),
        };
        let who = self.anyone();
        self.sign("poke", &who, pallet_job_escrow::Call::poke { job });
    }

    fn claim_reward(&mut self) {
        let who = self.some_provider();
        if self.dice.chance(60) {
            self.sign("claim reward", &who, pallet_reward_emission::Call::claim {});
        } else {
            let payer = self.anyone();
            self.sign(
                "claim reward for",
                &payer,
                pallet_reward_emission::Call::claim_for { provider: who },
            );
        }
    }

    fn transfer(&mut self) {
        let (from, dest) = (self.anyone(), self.anyone());
        match self.dice.chance(80) {
            true => {
                let value = self.amount() / 4;
                self.sign(
                    "transfer",
                    &from,
                    pallet_balances::Call::transfer_allow_death { dest, value },
                )
            },
            false => self.sign(
                "transfer all",
                &from,
                pallet_balances::Call::transfer_all {
                    dest,
                    keep_alive: false,
                },
            ),
        };
    }

    /// Governance changes a parameter, now and then to a foolish value.
    fn govern(&mut self) {
        let percent = Permill::from_percent(self.dice.below(101) as u32);
        match self.dice.below(10) {
            0 => BurnShare::set(&percent),
            1 => AuditShare::set(&percent),
            2 => ProtocolFee::set(&percent),
            3 => MissPenalty::set(&percent),
            4 => WashMultiple::set(&FixedU128::from_rational(self.dice.below(300).into(), 100)),
            5 => RoundLength::set(&(self.dice.below(30) as BlockNumber)),
            6 => Window::set(&(self.dice.below(12) as BlockNumber)),
            7 => BondPercent::set(&(self.dice.below(400) as u32)),
            8 => MinBond::set(&(Balance::from(self.dice.below(15)) * LUX)),
            _ => Shares::set(&pallet_reward_emission::Budgets {
                validators: percent,
                providers: Permill::from_percent(self.dice.below(101) as u32),
            }),
        }
    }
}
