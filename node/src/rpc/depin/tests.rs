//! The namespace over a mock runtime: what goes in and out as JSON, and every error by its code.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::{
    error::BASE,
    services::{ServiceError, TokenChunk, WorkerKey},
    *,
};
use futures::{channel::mpsc, future::BoxFuture, stream};
use jsonrpsee::{core::EmptyServerParams, MethodsError, RpcModule};
use lantern_exact::{BertSpec, Family, GenerateParams, Pooling, Sampling, StopTokens, Width};
use lantern_primitives::{
    crypto::{WorkerPair, WorkerSignature},
    info::{ModelInfo, NetworkStats, Quote, RewardInfo},
    job::{FeeSplit, FrozenTerms, Job},
    ModelSpec, Usage,
};
use lantern_worker_protocol::ChatMessage;
use serde_json::{json, Value};
use sp_api::ApiRef;
use sp_core::{offchain::storage::InMemOffchainStorage, Pair};
use sp_runtime::{
    generic,
    traits::{BlakeTwo256, NumberFor},
    OpaqueExtrinsic, Permill,
};

type Block = generic::Block<generic::Header<u32, BlakeTwo256>, OpaqueExtrinsic>;

const BEST: H256 = H256::repeat_byte(0xbe);
const MODEL: H256 = H256::repeat_byte(0x11);
const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

#[derive(Clone, Default)]
struct State {
    jobs: Arc<Mutex<BTreeMap<JobId, JobInfo>>>,
    providers: Vec<ProviderInfo>,
}

sp_api::mock_impl_runtime_apis! {
    impl DepinApi<Block> for State {
        fn job(&self, id: JobId) -> Option<JobInfo> {
            self.jobs.lock().unwrap().get(&id).cloned()
        }
        fn jobs(&self, filter: JobFilter, from: JobId, limit: u32) -> Vec<JobInfo> {
            let jobs = self.jobs.lock().unwrap();
            let wanted = jobs.range(from..).map(|(_, info)| info.clone());
            wanted.filter(|info| match &filter {
                JobFilter::All => true,
                JobFilter::Open => matches!(info.job.state, JobState::Open { .. }),
                JobFilter::AssignedTo(_) => false,
                JobFilter::RequestedBy(who) => info.job.requester == *who,
            }).take(limit as usize).collect()
        }
        fn next_job_id() -> JobId {
            0
        }
        fn quote(&self, model: ModelId, _: u32, _: JobParams, provider: Option<AccountId>) -> Result<Quote, QuoteError> {
            if model != MODEL {
                return Err(QuoteError::UnknownModel);
            }
            let provider = self.providers.iter().find(|info| Some(&info.account) == provider.as_ref());
            let price = provider.and_then(|info| info.prices.first()).ok_or(QuoteError::NoPrice)?.1;
            Ok(Quote { max_units: u64::MAX, price, max_fee: u128::MAX, bond: 3 })
        }
        fn provider(&self, account: AccountId) -> Option<ProviderInfo> {
            self.providers.iter().find(|info| info.account == account).cloned()
        }
        fn providers(&self, after: Option<AccountId>, limit: u32) -> Vec<ProviderInfo> {
            let start = after.map_or(0, |after| self.providers.iter().position(|info| info.account == after).unwrap() + 1);
            self.providers.iter().skip(start).take(limit as usize).cloned().collect()
        }
        fn provider_of(_: lantern_primitives::crypto::WorkerId) -> Option<AccountId> {
            None
        }
        fn model(id: ModelId) -> Option<ModelInfo> {
            (id == MODEL).then(model_info)
        }
        fn models(after: Option<ModelId>, _: u32) -> Vec<ModelInfo> {
            if after.is_none() { vec![model_info()] } else { Vec::new() }
        }
        fn price(_: AccountId, _: ModelId) -> Option<Balance> {
            None
        }
        fn reward(_: AccountId) -> RewardInfo {
            RewardInfo { claimable: 1, pending_units: 2, claimed: 3 }
        }
        fn network_stats() -> NetworkStats {
            NetworkStats { total_issuance: u128::MAX, ..Default::default() }
        }
    }
}

struct Client(State);

impl ProvideRuntimeApi<Block> for Client {
    type Api = State;

    fn runtime_api(&self) -> ApiRef<'_, State> {
        self.0.clone().into()
    }
}

impl HeaderBackend<Block> for Client {
    fn header(&self, _: H256) -> sp_blockchain::Result<Option<<Block as BlockT>::Header>> {
        Ok(None)
    }
    fn info(&self) -> sp_blockchain::Info<Block> {
        sp_blockchain::Info {
            best_hash: BEST,
            best_number: 9,
            genesis_hash: H256::zero(),
            finalized_hash: H256::zero(),
            finalized_number: 0,
            finalized_state: None,
            number_leaves: 1,
            block_gap: None,
        }
    }
    fn status(&self, _: H256) -> sp_blockchain::Result<sp_blockchain::BlockStatus> {
        Ok(sp_blockchain::BlockStatus::Unknown)
    }
    fn number(&self, hash: H256) -> sp_blockchain::Result<Option<NumberFor<Block>>> {
        Ok((hash == BEST).then_some(9))
    }
    fn hash(&self, _: NumberFor<Block>) -> sp_blockchain::Result<Option<H256>> {
        Ok(None)
    }
}

/// A tokenizer of one token per byte, and a key.
struct Services;

#[async_trait]
impl ModelServices for Services {
    async fn tokenize(&self, model: ModelId, text: String) -> Result<Vec<u32>, ServiceError> {
        if model != MODEL {
            return Err(ServiceError::ModelNotHeld(model));
        }
        Ok(text.bytes().map(u32::from).collect())
    }
    async fn tokenize_chat(&self, model: ModelId, messages: Vec<ChatMessage>) -> Result<Vec<u32>, ServiceError> {
        if messages.is_empty() {
            return Err(ServiceError::Refused("nobody says anything".into()));
        }
        let text = messages
            .iter()
            .map(|message| format!("{}:{}\n", message.role, message.content))
            .collect();
        self.tokenize(model, text).await
    }
    async fn detokenize(&self, _: ModelId, tokens: Vec<u32>) -> Result<String, ServiceError> {
        let bytes: Result<Vec<u8>, _> = tokens.into_iter().map(u8::try_from).collect();
        let bytes = bytes.map_err(|_| ServiceError::Refused("token outside the vocabulary".into()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
    async fn worker_key(&self, account: AccountId) -> Result<WorkerKey, ServiceError> {
        let pair = WorkerPair::from_seed(&[5; 32]);
        let proof: WorkerSignature = pair.sign(account.as_ref());
        Ok(WorkerKey {
            key: pair.public(),
            proof,
        })
    }
    fn token_stream(&self, _: JobId) -> Option<stream::BoxStream<'static, TokenChunk>> {
        let chunk = TokenChunk {
            position: 0,
            tokens: vec![104, 105],
            text: "hi".into(),
        };
        Some(stream::iter([chunk]).boxed())
    }
}

#[derive(Clone)]
struct Executor;

impl sp_core::traits::SpawnNamed for Executor {
    fn spawn_blocking(&self, name: &'static str, group: Option<&'static str>, future: BoxFuture<'static, ()>) {
        self.spawn(name, group, future);
    }
    fn spawn(&self, _: &'static str, _: Option<&'static str>, future: BoxFuture<'static, ()>) {
        tokio::spawn(future);
    }
}

fn model_info() -> ModelInfo {
    ModelInfo {
        id: MODEL,
        name: b"mini".to_vec(),
        spec: ModelSpec {
            family: Family::Bert(BertSpec {
                pooling: Pooling::Mean,
                normalize: true,
            }),
            arithmetic: 1,
            activation: Width::Wide,
            keys: Width::Wide,
            hidden: 4,
            intermediate: 8,
            layers: 1,
            heads: 1,
            kv_heads: 1,
            head_dim: 4,
            vocab: 300,
            max_context: 64,
            norm_eps: u64::MAX,
            tokenizer_hash: [2; 32],
        },
        weights_root: [3; 32],
        owner: AccountId::new([4; 32]),
        royalty: Permill::from_percent(5),
        parents: Vec::new(),
        active: true,
    }
}

fn provider(tag: u8, price: Balance, active: bool) -> ProviderInfo {
    ProviderInfo {
        account: AccountId::new([tag; 32]),
        metadata: b"p".to_vec(),
        bonded: 10,
        locked: 1,
        unbonding: 2,
        active,
        workers: vec![WorkerPair::from_seed(&[tag; 32]).public()],
        prices: vec![(MODEL, price)],
        claimable_reward: 0,
    }
}

fn job(id: JobId, params: JobParams, state: JobState<AccountId, Balance, BlockNumber>) -> JobInfo {
    let terms = FrozenTerms {
        execution_blocks: 10,
        challenge_window: 5,
        bond_percent: 200,
        miss_penalty: Permill::from_percent(10),
        royalty: Permill::from_percent(5),
        protocol_fee: Permill::from_percent(10),
        burn_share: Permill::from_percent(50),
        audit_share: Permill::from_percent(25),
    };
    let job = Job {
        requester: AccountId::from_ss58check(ALICE).unwrap(),
        model: MODEL,
        input: ContentRef::of(b"in"),
        prompt_tokens: 2,
        params,
        max_fee: u128::MAX,
        only: None,
        submitted_at: 1,
        terms,
        state,
    };
    JobInfo { id, job }
}

fn generate() -> JobParams {
    JobParams::Generate(GenerateParams {
        max_new_tokens: 2,
        sampling: Sampling::Greedy,
        stop: StopTokens::default(),
    })
}

fn settled(output: &[u8]) -> JobState<AccountId, Balance, BlockNumber> {
    JobState::Settled {
        provider: AccountId::new([1; 32]),
        claimed_at: 2,
        committed_at: 3,
        settled_at: 8,
        commitment: ResultCommitment {
            output: ContentRef::of(output),
            usage: Usage {
                prompt_tokens: 2,
                output_tokens: 2,
            },
            trace_root: H256::repeat_byte(7),
        },
        units: 1_000_000,
        split: FeeSplit {
            fee: 10,
            provider: 8,
            royalty: 1,
            audit_pool: 0,
            burned: 0,
            treasury: 1,
        },
        refund: u128::MAX - 10,
    }
}

struct Fixture {
    rpc: RpcModule<Depin<Client, InMemOffchainStorage, Block>>,
    jobs: Arc<Mutex<BTreeMap<JobId, JobInfo>>>,
    blocks: mpsc::UnboundedSender<BlockRef>,
}

fn fixture(services: Arc<dyn ModelServices>) -> Fixture {
    let text: Vec<u8> = [104u32, 105].iter().flat_map(|id| id.to_le_bytes()).collect();
    let row: Vec<u8> = [-1i32, 1 << 30].iter().flat_map(|x| x.to_le_bytes()).collect();
    let lost = b"lost".to_vec();
    let damaged = b"damaged!".to_vec();
    let open = JobState::Open { deadline: 20 };
    let jobs = [
        job(0, generate(), open.clone()),
        job(1, generate(), settled(&text)),
        job(2, JobParams::Embed, settled(&row)),
        job(3, generate(), settled(&lost)),
        job(4, generate(), settled(&damaged)),
    ];
    let mut content = InMemOffchainStorage::default();
    for bytes in [&text, &row] {
        content.set(STORAGE_PREFIX, &content_key(&ContentRef::of(bytes).hash), bytes);
    }
    content.set(STORAGE_PREFIX, &content_key(&ContentRef::of(&damaged).hash), b"other");
    let state = State {
        jobs: Arc::new(Mutex::new(jobs.into_iter().map(|info| (info.id, info)).collect())),
        providers: vec![provider(1, 50, true), provider(2, 5, false), provider(3, 40, true)],
    };
    let jobs = state.jobs.clone();
    let (blocks, imported) = mpsc::unbounded();
    let imported = Mutex::new(Some(imported));
    let best: BestBlocks = Arc::new(move || imported.lock().unwrap().take().unwrap().boxed());
    let depin = Depin::new(Arc::new(Client(state)), content, services, Arc::new(Executor), best);
    Fixture {
        rpc: depin.into_rpc(),
        jobs,
        blocks,
    }
}

fn rpc() -> RpcModule<Depin<Client, InMemOffchainStorage, Block>> {
    fixture(Arc::new(Services)).rpc
}

async fn call(rpc: &RpcModule<Depin<Client, InMemOffchainStorage, Block>>, method: &str, params: Value) -> Value {
    let params: Vec<Value> = serde_json::from_value(params).unwrap();
    rpc.call(method, params).await.unwrap()
}

/// Code and name of the error that a call must give.
async fn failure(
    rpc: &RpcModule<Depin<Client, InMemOffchainStorage, Block>>,
    method: &str,
    params: Value,
) -> (i32, String) {
    let params: Vec<Value> = serde_json::from_value(params).unwrap();
    match rpc.call::<_, Value>(method, params).await {
        Err(MethodsError::JsonRpc(error)) => {
            let data: Value = error
                .data()
                .map_or(Value::Null, |data| serde_json::from_str(data.get()).unwrap());
            if error.code() > BASE {
                assert!(
                    data["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()),
                    "{data}"
                );
                assert_eq!(data["cause"], error.message());
            }
            (error.code(), data["name"].as_str().unwrap_or_default().to_owned())
        },
        other => panic!("{method} must fail: {other:?}"),
    }
}

#[tokio::test]
async fn a_job_is_typed_json() {
    let job = call(&rpc(), "depin_getJob", json!([1])).await;
    assert_eq!(job["requester"], ALICE);
    assert_eq!(job["maxFee"], u128::MAX.to_string());
    assert_eq!(
        job["params"],
        json!({"kind": "generate", "maxNewTokens": 2, "sampling": {"method": "greedy"}, "stop": []})
    );
    assert_eq!(job["terms"]["royaltyPpm"], 50_000);
    assert_eq!(job["state"]["status"], "settled");
    assert_eq!(job["state"]["split"]["provider"], "8");
    assert_eq!(
        job["state"]["commitment"]["traceRoot"],
        format!("{:?}", H256::repeat_byte(7))
    );
}

#[tokio::test]
async fn jobs_are_paged_by_id() {
    let rpc = rpc();
    let first = call(&rpc, "depin_listJobs", json!([null, 0, 2])).await;
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    assert_eq!(first["next"], 2);
    let rest = call(&rpc, "depin_listJobs", json!([{"state": "all"}, 2, 100])).await;
    assert_eq!(rest["items"].as_array().unwrap().len(), 3);
    assert_eq!(rest["next"], Value::Null);
    let open = call(&rpc, "depin_listJobs", json!([{"state": "open"}])).await;
    assert_eq!(open["items"][0]["id"], 0);
    let mine = call(&rpc, "depin_listJobs", json!([{"requester": ALICE}])).await;
    assert_eq!(mine["items"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn bad_parameters_have_a_name_and_a_remedy() {
    let rpc = rpc();
    let invalid = (BASE + 1, "InvalidParam".to_owned());
    for (method, params) in [
        ("depin_listJobs", json!([null, 0, 101])),
        ("depin_listJobs", json!([null, 0, 0])),
        ("depin_listJobs", json!([null, 0, u32::MAX])),
        ("depin_listJobs", json!([{"state": "done"}])),
        ("depin_listJobs", json!([{"state": "open", "requester": ALICE}])),
        ("depin_listJobs", json!([{"requester": "5Grwva"}])),
        ("depin_getModel", json!(["11"])),
        ("depin_getModel", json!(["0x11"])),
        ("depin_getModel", json!([format!("0x{}", "zz".repeat(32))])),
        ("depin_getModel", json!([format!("0x{}", "11".repeat(33))])),
        ("depin_getProvider", json!(["0x"])),
        (
            "depin_tokenize",
            json!([format!("{MODEL:?}"), "a".repeat(MAX_TEXT_BYTES + 1)]),
        ),
        (
            "depin_tokenize",
            json!([format!("{MODEL:?}"), [{"role": "user", "content": "a".repeat(MAX_TEXT_BYTES)}]]),
        ),
        (
            "depin_detokenize",
            json!([format!("{MODEL:?}"), vec![0; MAX_TOKENS + 1]]),
        ),
    ] {
        assert_eq!(
            failure(&rpc, method, params.clone()).await,
            invalid,
            "{method} {params}"
        );
    }
    // What is not even JSON of the right shape keeps the standard code.
    for (method, params) in [
        ("depin_getJob", json!([-1])),
        ("depin_getJob", json!(["1"])),
        ("depin_tokenize", json!([format!("{MODEL:?}"), ["hi"]])),
        ("depin_listJobs", json!([{"status": "open"}])),
        ("depin_quote", json!([{"model": format!("{MODEL:?}")}])),
    ] {
        assert_eq!(failure(&rpc, method, params).await.0, -32602, "{method}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_named() {
    let rpc = rpc();
    let unknown = H256::repeat_byte(9);
    let cases = [
        ("depin_getJob", json!([77]), 2, "UnknownJob"),
        ("depin_getModel", json!([unknown]), 3, "UnknownModel"),
        ("depin_getProvider", json!([ALICE]), 4, "UnknownProvider"),
        ("depin_getOutput", json!([0]), 5, "NoOutput"),
        ("depin_getOutput", json!([3]), 6, "ContentUnavailable"),
        ("depin_getOutput", json!([4]), 7, "ContentCorrupt"),
        ("depin_networkStats", json!([unknown]), 9, "StateUnavailable"),
        ("depin_tokenize", json!([unknown, "a"]), 11, "ModelNotHeld"),
        ("depin_detokenize", json!([MODEL, [70_000]]), 12, "ServiceRefused"),
        ("depin_tokenize", json!([MODEL, []]), 12, "ServiceRefused"),
    ];
    for (method, params, code, name) in cases {
        assert_eq!(
            failure(&rpc, method, params).await,
            (BASE + code, name.to_owned()),
            "{method}"
        );
    }
}

#[tokio::test]
async fn quotes_use_the_named_or_the_lowest_active_price() {
    let rpc = rpc();
    let params = json!({"kind": "generate", "maxNewTokens": 2});
    let request = json!({"model": MODEL, "promptTokens": 3, "params": params});
    let quote = call(&rpc, "depin_quote", json!([request])).await;
    assert_eq!(quote["price"], "40", "the lowest price belongs to a paused provider");
    assert_eq!(quote["maxMicroUnits"], u64::MAX.to_string());
    let mut named = request.clone();
    named["provider"] = json!(format!("0x{}", "01".repeat(32)));
    assert_eq!(call(&rpc, "depin_quote", json!([named])).await["price"], "50");
    named["provider"] = json!(ALICE);
    assert_eq!(
        failure(&rpc, "depin_quote", json!([named])).await,
        (BASE + 8, "NoQuote".into())
    );
    let mut unknown = request;
    unknown["model"] = json!(H256::repeat_byte(9));
    assert_eq!(
        failure(&rpc, "depin_quote", json!([unknown])).await,
        (BASE + 3, "UnknownModel".into())
    );
}

#[tokio::test]
async fn outputs_are_checked_and_explained() {
    let rpc = rpc();
    let text = call(&rpc, "depin_getOutput", json!([1])).await;
    assert_eq!(text["tokens"], json!([104, 105]));
    assert_eq!(text["text"], "hi");
    assert_eq!(text["output"], "0x6800000069000000");
    assert_eq!(text["len"], 8);
    assert_eq!(text["embedding"], Value::Null);
    let row = call(&rpc, "depin_getOutput", json!([2])).await;
    assert_eq!(row["embedding"], json!([-1, 1 << 30]));
    assert_eq!(row["fractionBits"], 30);
    assert_eq!(row["tokens"], Value::Null);
}

#[tokio::test]
async fn a_node_without_a_worker_says_so_and_still_serves_outputs() {
    let rpc = fixture(Arc::new(NoServices)).rpc;
    let no_worker = (BASE + 10, "NoWorker".to_owned());
    assert_eq!(failure(&rpc, "depin_tokenize", json!([MODEL, "a"])).await, no_worker);
    assert_eq!(failure(&rpc, "depin_detokenize", json!([MODEL, [1]])).await, no_worker);
    let output = call(&rpc, "depin_getOutput", json!([1])).await;
    assert_eq!(output["text"], Value::Null);
    assert_eq!(output["tokens"], json!([104, 105]));
}

#[tokio::test]
async fn listings_and_totals_keep_every_digit() {
    let rpc = rpc();
    let providers = call(&rpc, "depin_listProviders", json!([null, 2])).await;
    let next = providers["next"].as_str().unwrap();
    let rest = call(&rpc, "depin_listProviders", json!([next, 2])).await;
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    assert_eq!(rest["next"], Value::Null);
    let models = call(&rpc, "depin_listModels", json!([])).await;
    assert_eq!(models["items"][0]["spec"]["family"]["kind"], "bert");
    assert_eq!(models["items"][0]["spec"]["normEpsQ64"], u64::MAX.to_string());
    let stats: Value = rpc.call("depin_networkStats", EmptyServerParams::new()).await.unwrap();
    assert_eq!(stats["totalIssuance"], u128::MAX.to_string());
    assert_eq!(stats["block"]["number"], 9);
    assert_eq!(call(&rpc, "depin_getReward", json!([ALICE])).await["claimable"], "1");
}

#[tokio::test]
async fn worker_keys_are_for_safe_callers_only() {
    let mut rpc = rpc();
    assert_eq!(failure(&rpc, "depin_workerKey", json!([ALICE])).await.0, -32601);
    rpc.extensions_mut().insert(DenyUnsafe::Yes);
    assert_eq!(failure(&rpc, "depin_workerKey", json!([ALICE])).await.0, -32601);
    rpc.extensions_mut().insert(DenyUnsafe::No);
    let key = call(&rpc, "depin_workerKey", json!([ALICE])).await;
    let pair = WorkerPair::from_seed(&[5; 32]);
    assert_eq!(key["key"], lantern_rpc_types::hex_of(pair.public().as_ref()));
    assert_eq!(failure(&rpc, "depin_workerKey", json!(["nobody"])).await.0, BASE + 1);
}

#[tokio::test]
async fn a_subscription_tells_the_job_from_submission_to_settlement() {
    let Fixture { rpc, jobs, blocks } = fixture(Arc::new(Services));
    let mut subscription = rpc.subscribe("depin_subscribeJob", [0], 16).await.unwrap();
    let mut next = async || subscription.next::<Value>().await.unwrap().unwrap().0;
    assert_eq!(next().await["event"], "submitted");

    let import = |number: u32, state| {
        jobs.lock().unwrap().get_mut(&0).unwrap().job.state = state;
        blocks
            .unbounded_send(BlockRef {
                number,
                hash: H256::from_low_u64_be(number.into()),
            })
            .unwrap();
    };
    let provider = AccountId::new([1; 32]);
    import(
        10,
        JobState::Claimed {
            provider,
            price: 1,
            bond: 2,
            claimed_at: 2,
            deadline: 12,
        },
    );
    let claimed = next().await;
    assert_eq!(
        (&claimed["event"], &claimed["at"], &claimed["block"]["number"]),
        (&json!("claimed"), &json!(2), &json!(10))
    );
    let tokens = next().await;
    assert_eq!((&tokens["event"], &tokens["text"]), (&json!("tokens"), &json!("hi")));

    import(11, settled(b"out"));
    let committed = next().await;
    assert_eq!(
        (&committed["event"], &committed["microUnits"]),
        (&json!("committed"), &json!("1000000"))
    );
    let paid = next().await;
    assert_eq!(
        (&paid["event"], &paid["split"]["fee"]),
        (&json!("settled"), &json!("10"))
    );
    assert!(
        subscription.next::<Value>().await.is_none(),
        "closed after the terminal event"
    );
}

#[tokio::test]
async fn a_subscription_to_nothing_is_refused() {
    let error = rpc().subscribe("depin_subscribeJob", [77], 4).await.unwrap_err();
    let MethodsError::JsonRpc(error) = error else {
        panic!("{error:?}")
    };
    assert_eq!(error.code(), BASE + 2);
}
