//! Accounts, a registered model, providers with worker keys, and the transactions of a job's life. No inference is done: the worker
//! keys are held here, and sign an output that nobody computed.

use std::sync::atomic::{AtomicU64, Ordering};

use codec::{Compact, Encode, Output};
use lantern_exact::{
    blake2_256,
    spec::{encode_tokens, model_id, Family, GenerateParams, LlamaSpec, RopeScaling, Sampling, Width},
    ARITHMETIC,
};
use lantern_primitives::{
    content::ContentRef,
    crypto::{claim_payload, result_payload, worker_payload},
    job::ResultCommitment,
    AccountId, JobParams, ModelSpec, Usage, H256,
};
use sp_core::{sr25519, Pair};
use subxt::config::substrate::SubstrateExtrinsicParamsBuilder;

use crate::{
    call::{call, Builder, Call},
    chain::{Account, At, Chain, Config},
    failure::Failure,
};

const LUX: u128 = 1_000_000_000_000;
/// What all requesters together start with.
const PURSES: u128 = 400_000 * LUX;
/// Accounts that one transaction endows.
const ENDOWED_AT_A_TIME: usize = 500;
/// What each provider bonds, and keeps besides.
const BOND: u128 = 4_000 * LUX;
/// Per whole compute unit.
const PRICE: u128 = LUX / 1_000;
const MAX_FEE: u128 = LUX / 1_000;
const PROMPT_TOKENS: u32 = 32;
const OUTPUT_TOKENS: u32 = 64;
const VOCAB: u32 = 4_096;

/// Everyone who takes part, and the state that transactions are encoded by.
pub struct Market {
    at: At,
    genesis: H256,
    model: [u8; 32],
    requesters: Vec<Requester>,
    providers: Vec<Provider>,
    orders: AtomicU64,
}

struct Requester {
    account: Account,
    nonce: AtomicU64,
}

struct Provider {
    account: Account,
    worker: sr25519::Pair,
}

/// A transaction as it is sent.
pub type Bytes = Vec<u8>;

/// SCALE bytes as they are.
struct Raw(Vec<u8>);

impl Encode for Raw {
    fn encode_to<T: Output + ?Sized>(&self, out: &mut T) {
        out.write(&self.0);
    }
}

fn spec() -> ModelSpec {
    ModelSpec {
        family: Family::Llama(LlamaSpec {
            tied_embeddings: true,
            qkv_bias: false,
            qk_norm: false,
            rope_base: 10_000,
            rope_scaling: RopeScaling::None,
        }),
        arithmetic: ARITHMETIC,
        activation: Width::Wide,
        keys: Width::Wide,
        hidden: 256,
        intermediate: 1_024,
        layers: 4,
        heads: 4,
        kv_heads: 4,
        head_dim: 64,
        vocab: VOCAB,
        max_context: 1_024,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [0; 32],
    }
}

fn params() -> JobParams {
    JobParams::Generate(GenerateParams {
        max_new_tokens: OUTPUT_TOKENS,
        sampling: Sampling::Greedy,
        stop: Default::default(),
    })
}

impl Market {
    /// Endows the accounts from Alice, registers the model and the providers. Needs a fresh development chain.
    pub async fn open(chain: &Chain, requesters: usize, providers: usize) -> Result<Self, Failure> {
        let weights_root = [1; 32];
        let account = |role: &str, number: usize| Account::new(&format!("//Alice//{role}//{number}"));
        let requesters = (0..requesters)
            .map(|number| {
                Ok(Requester {
                    account: account("requester", number)?,
                    nonce: AtomicU64::new(0),
                })
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let providers = (0..providers)
            .map(|number| {
                let worker = blake2_256(&[b"worker", &number.to_le_bytes()]);
                Ok(Provider {
                    account: account("provider", number)?,
                    worker: sr25519::Pair::from_seed(&worker),
                })
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let market = Self {
            at: chain.best().await?,
            genesis: H256(chain.genesis().0),
            model: model_id(&spec(), &weights_root),
            requesters,
            providers,
            orders: AtomicU64::new(0),
        };
        let endow = |account: &Account, value| {
            call("Balances", "transfer_keep_alive")
                .arg("dest", (0u8, account.id().0))
                .integer("value", value)
                .build()
        };
        let purse = PURSES / market.requesters.len() as u128;
        let mut calls = vec![call("ModelRegistry", "register")
            .arg("name", b"load".to_vec())
            .arg("spec", spec())
            .arg("weights_root", weights_root)
            .arg("royalty", 50_000u32)
            .arg("parents", Vec::<[u8; 32]>::new())
            .build()];
        calls.extend(market.providers.iter().map(|one| endow(&one.account, 2 * BOND)));
        calls.extend(market.requesters.iter().map(|one| endow(&one.account, purse)));
        let alice = Account::new("//Alice")?;
        for calls in calls.chunks(ENDOWED_AT_A_TIME) {
            chain.submit(&alice, &market.batch(calls)?).await?;
        }
        futures::future::try_join_all(market.providers.iter().map(|provider| market.register(chain, provider))).await?;
        Ok(market)
    }

    async fn register(&self, chain: &Chain, provider: &Provider) -> Result<(), Failure> {
        let account = AccountId::new(provider.account.id().0);
        let proof = provider.worker.sign(&worker_payload(self.genesis, &account));
        let calls = [
            call("ProviderStaking", "register")
                .arg("metadata", b"load".to_vec())
                .integer("bond", BOND)
                .arg("workers", vec![(provider.worker.public().0, proof.0)])
                .build(),
            call("ModelRegistry", "post_price")
                .arg("model", self.model)
                .integer("price", PRICE)
                .build(),
        ];
        chain.submit(&provider.account, &self.batch(&calls)?).await.map(|_| ())
    }

    /// One call that makes all of `calls`, or none.
    fn batch(&self, calls: &[Call]) -> Result<Call, Failure> {
        let mut bytes = Compact(u32::try_from(calls.len()).unwrap_or(u32::MAX)).encode();
        for call in calls {
            bytes.extend(self.at.transactions().call_data(call)?);
        }
        Ok(call("Utility", "batch_all").arg("calls", Raw(bytes)).build())
    }

    /// The next requester's next job, signed.
    pub fn order(&self) -> Result<Bytes, Failure> {
        let number = self.orders.fetch_add(1, Ordering::Relaxed);
        let requester = &self.requesters[number as usize % self.requesters.len()];
        let nonce = requester.nonce.fetch_add(1, Ordering::Relaxed);
        let mut tokens = vec![1; PROMPT_TOKENS as usize];
        // Every job asks for something else.
        tokens[0] = (number % u64::from(VOCAB)) as u32;
        tokens[1] = (number / u64::from(VOCAB) % u64::from(VOCAB)) as u32;
        let input = encode_tokens(&tokens);
        let order = call("JobEscrow", "submit_job")
            .arg("model", self.model)
            .arg("input_hash", blake2_256(&[&input]))
            .arg("input", input)
            .arg("params", params())
            .integer("max_fee", MAX_FEE)
            .arg("provider", None::<[u8; 32]>)
            .build();
        let params = SubstrateExtrinsicParamsBuilder::<Config>::new()
            .nonce(nonce)
            .immortal()
            .build();
        let mut signable = self.at.transactions().create_signable_offline(&order, params)?;
        Ok(signable.sign(&requester.account)?.into_encoded())
    }

    /// Digest of what a job with this input asks for, as the chain computes it.
    pub fn work(&self, input: ContentRef) -> H256 {
        H256(blake2_256(&[
            &(b"lantern/work/1", H256(self.model), input, params()).encode()
        ]))
    }

    fn provider(&self, job: u64) -> &Provider {
        &self.providers[job as usize % self.providers.len()]
    }

    /// A claim of `job` by the provider whose turn it is.
    pub fn claim(&self, job: u64, work: H256) -> Result<Bytes, Failure> {
        let worker = &self.provider(job).worker;
        let signature = worker.sign(&claim_payload(self.genesis, job, work));
        self.authorized(escrow("claim_job", job, worker).arg("signature", signature.0))
    }

    /// The same provider's result, with an output of the right form.
    pub fn result(&self, job: u64, work: H256) -> Result<Bytes, Failure> {
        let worker = &self.provider(job).worker;
        let tokens: Vec<u32> = (0..OUTPUT_TOKENS).map(|token| (token + job as u32) % VOCAB).collect();
        let output = encode_tokens(&tokens);
        let commitment = ResultCommitment {
            output: ContentRef::of(&output),
            usage: Usage {
                prompt_tokens: PROMPT_TOKENS,
                output_tokens: OUTPUT_TOKENS,
            },
            trace_root: work,
        };
        let signature = worker.sign(&result_payload(self.genesis, job, work, &commitment));
        self.authorized(
            escrow("submit_result", job, worker)
                .arg("commitment", commitment)
                .arg("output", output)
                .arg("signature", signature.0),
        )
    }

    /// A transaction that its call's own signature authorises: version 5, general, no account.
    fn authorized(&self, call: Builder) -> Result<Bytes, Failure> {
        // Format and version of the extensions; then era, nonce, tip and metadata mode, all zero. The others are empty.
        let mut bytes = vec![0x45, 0, 0, 0, 0, 0];
        bytes.extend(self.at.transactions().call_data(&call.build())?);
        Ok(bytes.encode())
    }
}

fn escrow(name: &'static str, job: u64, worker: &sr25519::Pair) -> Builder {
    call("JobEscrow", name)
        .integer("job", u128::from(job))
        .arg("worker", worker.public().0)
}
