//! A market on a [`Chain`], whose transactions are real ones: signed, encoded, included.

use super::chain::Chain;
use crate::{
    authorized_extension,
    currency::{LUX, MILLI},
    AccountId, Runtime, RuntimeCall, UncheckedExtrinsic,
};
use lantern_exact::spec::{
    encode_tokens, Family, GenerateParams, LlamaSpec, ModelSpec, RopeScaling, Sampling, StopTokens, Width,
};
use lantern_primitives::{
    content::ContentRef,
    crypto::{claim_payload, result_payload, worker_payload, WorkerPair},
    info::{JobFilter, JobInfo},
    job::{JobState, ResultCommitment},
    JobId, JobParams, ModelId, Usage, H256,
};
use sp_core::Pair;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave};
use sp_runtime::ExtrinsicInclusionMode;

/// Who buys.
pub const REQUESTERS: [Sr25519Keyring; 2] = [Alice, Dave];

fn spec(max_context: u32) -> ModelSpec {
    ModelSpec {
        family: Family::Llama(LlamaSpec {
            tied_embeddings: true,
            qkv_bias: false,
            qk_norm: false,
            rope_base: 10_000,
            rope_scaling: RopeScaling::None,
        }),
        arithmetic: 1,
        activation: Width::Wide,
        keys: Width::Wide,
        hidden: 64,
        intermediate: 128,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_dim: 16,
        vocab: 256,
        max_context,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [0; 32],
    }
}

/// The market: Charlie owns the model, Bob serves it.
pub struct Market {
    pub chain: Chain,
    worker: WorkerPair,
    model: ModelId,
    /// Tokens of every job's input and output.
    tokens: (u32, u32),
    nonces: [u32; 2],
}

impl Market {
    /// Adds a provider and a model to a chain, for jobs with so many tokens of input and output.
    pub fn open(mut chain: Chain, tokens: (u32, u32)) -> Self {
        let worker = WorkerPair::from_string("//Bob//worker", None).unwrap();
        let proof = pallet_provider_staking::WorkerProof {
            key: worker.public(),
            signature: worker.sign(&worker_payload(chain.genesis(), &Bob.to_account_id())),
        };
        let register = pallet_provider_staking::Call::register {
            metadata: Default::default(),
            bond: 1_000 * LUX,
            workers: vec![proof].try_into().unwrap(),
        };
        let model = pallet_model_registry::Call::register {
            name: b"tested".to_vec().try_into().unwrap(),
            spec: spec(tokens.0 + tokens.1),
            weights_root: [1; 32],
            royalty: Default::default(),
            parents: Default::default(),
        };
        let calls = vec![chain.signed(Bob, 0, register), chain.signed(Charlie, 0, model)];
        chain.block(calls);
        let mut models = chain
            .state
            .execute_with(|| pallet_model_registry::Models::<Runtime>::iter_keys().collect::<Vec<_>>());
        let model = models.pop().unwrap();
        let price = pallet_model_registry::Call::post_price {
            model,
            price: 10 * MILLI,
        };
        let calls = vec![chain.signed(Bob, 1, price)];
        chain.block(calls);
        Self {
            chain,
            worker,
            model,
            tokens,
            nonces: [0; 2],
        }
    }

    fn input(&self) -> Vec<u8> {
        encode_tokens(&vec![1; self.tokens.0 as usize])
    }

    pub fn signed(&mut self, who: usize, call: impl Into<RuntimeCall>) -> UncheckedExtrinsic {
        let call = self.chain.signed(REQUESTERS[who], self.nonces[who], call);
        self.nonces[who] += 1;
        call
    }

    /// Submits `count` jobs, by turns.
    pub fn submit(&mut self, count: usize) {
        let calls = self.orders(count);
        self.block(calls);
    }

    /// `count` jobs, by turns.
    pub fn orders(&mut self, count: usize) -> Vec<UncheckedExtrinsic> {
        let input = self.input();
        let calls = (0..count).map(|n| {
            let call = pallet_job_escrow::Call::submit_job {
                model: self.model,
                input_hash: ContentRef::of(&input).hash,
                input: input.clone(),
                params: JobParams::Generate(GenerateParams {
                    max_new_tokens: self.tokens.1,
                    sampling: Sampling::Greedy,
                    stop: StopTokens::default(),
                }),
                max_fee: LUX + n as u128,
                provider: None,
            };
            self.signed(n % 2, call)
        });
        calls.collect()
    }

    fn work(&mut self, job: JobId) -> H256 {
        let info: Option<JobInfo> = self.chain.ask("DepinApi_job", &job);
        info.unwrap().job.work()
    }

    pub fn claims(&mut self, jobs: impl IntoIterator<Item = JobId>) -> Vec<UncheckedExtrinsic> {
        let claim = |job| {
            let payload = claim_payload(self.chain.genesis(), job, self.work(job));
            let call = pallet_job_escrow::Call::claim_job {
                job,
                worker: self.worker.public(),
                signature: self.worker.sign(&payload),
            };
            UncheckedExtrinsic::new_transaction(call.into(), authorized_extension())
        };
        jobs.into_iter().map(claim).collect()
    }

    pub fn results(&mut self, jobs: impl IntoIterator<Item = JobId>) -> Vec<UncheckedExtrinsic> {
        let output = encode_tokens(&vec![9; self.tokens.1 as usize]);
        let commitment = ResultCommitment {
            output: ContentRef::of(&output),
            usage: Usage {
                prompt_tokens: self.tokens.0,
                output_tokens: self.tokens.1,
            },
            trace_root: H256::repeat_byte(5),
        };
        let result = |job| {
            let payload = result_payload(self.chain.genesis(), job, self.work(job), &commitment);
            let call = pallet_job_escrow::Call::submit_result {
                job,
                worker: self.worker.public(),
                commitment,
                output: output.clone(),
                signature: self.worker.sign(&payload),
            };
            UncheckedExtrinsic::new_transaction(call.into(), authorized_extension())
        };
        jobs.into_iter().map(result).collect()
    }

    pub fn block(&mut self, calls: Vec<UncheckedExtrinsic>) {
        let mode = self.chain.block(calls);
        assert_eq!(mode, ExtrinsicInclusionMode::AllExtrinsics);
    }

    /// Ids of jobs in the state that `is` says.
    pub fn all(&mut self, is: impl Fn(&JobState<AccountId, u128, u32>) -> bool) -> Vec<JobId> {
        let jobs = self.chain.jobs(JobFilter::All);
        jobs.iter()
            .filter(|info| is(&info.job.state))
            .map(|info| info.id)
            .collect()
    }

    pub fn issuance(&mut self) -> u128 {
        self.chain.state.execute_with(crate::Balances::total_issuance)
    }
}
