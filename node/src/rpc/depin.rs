//! The `depin` namespace: the compute market as typed JSON. Documented in `docs/rpc.md`.
//!
//! A thin layer over the runtime API, so that a runtime upgrade carries its own reads. What the chain cannot answer, such
//! as tokenisation, goes to the provider side of this node through [`ModelServices`].

mod error;
pub mod services;
mod subscription;
#[cfg(test)]
mod tests;
mod text;

use std::{marker::PhantomData, sync::Arc};

use futures::{stream::BoxStream, FutureExt, StreamExt};
use jsonrpsee::{
    core::{async_trait, RpcResult, SubscriptionResult},
    proc_macros::rpc,
    Extensions, PendingSubscriptionSink, RpcModule,
};
use lantern_primitives::{
    api::DepinApi,
    content::{content_key, ContentRef, MAX_INLINE_BYTES},
    info::{JobFilter, JobInfo, ProviderInfo, QuoteError},
    job::{JobState, ResultCommitment},
    AccountId, Balance, BlockNumber, JobId, JobParams, ModelId, H256,
};
use lantern_rpc_types::{
    hex_of, status_of, BlockRef, JobFilterJson, JobJson, ModelJson, OutputJson, Page, ProviderJson, QuoteJson,
    QuoteRequest, RewardJson, StatsJson, WorkerKeyJson,
};
use sc_client_api::BlockchainEvents;
use sc_rpc::SubscriptionTaskExecutor;
use sc_rpc_api::{DenyUnsafe, UnsafeRpcError};
use sp_api::{ApiError, ProvideRuntimeApi};
use sp_blockchain::HeaderBackend;
use sp_core::{
    crypto::Ss58Codec,
    offchain::{OffchainStorage, STORAGE_PREFIX},
};
use sp_runtime::traits::{Block as BlockT, Header, UniqueSaturatedInto};

use error::Error;
use services::{ModelServices, NoServices};
use text::TextOrMessages;

/// Most entries of a page.
pub const MAX_PAGE: u32 = 100;
/// Entries of a page when the caller names no limit.
pub const DEFAULT_PAGE: u32 = 20;
/// Most bytes of text that are tokenised.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;
/// Most tokens that are turned into text: as many as fit inline content.
pub const MAX_TOKENS: usize = MAX_INLINE_BYTES as usize / 4;
/// Most providers that are looked at for the lowest price.
const MAX_QUOTED_PROVIDERS: usize = 1_000;

/// Methods of the `depin` namespace.
#[rpc(server, namespace = "depin")]
pub trait DepinRpc {
    /// A job that the state still holds.
    #[method(name = "getJob", blocking)]
    fn get_job(&self, id: JobId, at: Option<H256>) -> RpcResult<JobJson>;

    /// Jobs by state, provider or requester, in ascending order of id.
    #[method(name = "listJobs", blocking)]
    fn list_jobs(
        &self,
        filter: Option<JobFilterJson>,
        from: Option<JobId>,
        limit: Option<u32>,
    ) -> RpcResult<Page<JobJson, JobId>>;

    /// The most that a job would cost.
    #[method(name = "quote", blocking)]
    fn quote(&self, request: QuoteRequest) -> RpcResult<QuoteJson>;

    /// Output of a committed job, checked against its hash.
    #[method(name = "getOutput")]
    async fn get_output(&self, job: JobId) -> RpcResult<OutputJson>;

    /// Token ids of a text in the vocabulary of a model, or of the messages of a conversation by its chat template.
    #[method(name = "tokenize")]
    async fn tokenize(&self, model: String, text: TextOrMessages) -> RpcResult<Vec<u32>>;

    /// Text of token ids.
    #[method(name = "detokenize")]
    async fn detokenize(&self, model: String, tokens: Vec<u32>) -> RpcResult<String>;

    /// A registered provider.
    #[method(name = "getProvider", blocking)]
    fn get_provider(&self, account: String, at: Option<H256>) -> RpcResult<ProviderJson>;

    /// Registered providers.
    #[method(name = "listProviders", blocking)]
    fn list_providers(&self, after: Option<String>, limit: Option<u32>) -> RpcResult<Page<ProviderJson, AccountId>>;

    /// A registered model.
    #[method(name = "getModel", blocking)]
    fn get_model(&self, id: String, at: Option<H256>) -> RpcResult<ModelJson>;

    /// Registered models.
    #[method(name = "listModels", blocking)]
    fn list_models(&self, after: Option<String>, limit: Option<u32>) -> RpcResult<Page<ModelJson, ModelId>>;

    /// Emission account of a provider.
    #[method(name = "getReward", blocking)]
    fn get_reward(&self, account: String, at: Option<H256>) -> RpcResult<RewardJson>;

    /// Totals of the network.
    #[method(name = "networkStats", blocking)]
    fn network_stats(&self, at: Option<H256>) -> RpcResult<StatsJson>;

    /// The worker key with which this node will serve `account`, and its proof of possession. Unsafe: it may create a key.
    #[method(name = "workerKey", with_extensions)]
    async fn worker_key(&self, account: String) -> RpcResult<WorkerKeyJson>;

    /// Events of a job, from its submission to its terminal state.
    #[subscription(name = "subscribeJob" => "jobEvent", unsubscribe = "unsubscribeJob", item = subscription::JobNotification)]
    async fn subscribe_job(&self, id: JobId) -> SubscriptionResult;
}

/// The `depin` namespace over `client` and what offchain indexing keeps in `backend`. Without a provider task, what needs
/// one answers with an error.
///
/// # Errors
/// When the backend keeps no offchain storage.
pub fn module<Client, Backend, Block, Provider>(
    client: Arc<Client>,
    backend: Arc<Backend>,
    provider: Option<Provider>,
    executor: SubscriptionTaskExecutor,
) -> Result<RpcModule<impl Send + Sync + 'static>, NoOffchainStorage>
where
    Block: BlockT<Hash = H256>,
    Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + BlockchainEvents<Block> + Send + Sync + 'static,
    Client::Api: DepinApi<Block>,
    Backend: sc_client_api::Backend<Block>,
    Backend::OffchainStorage: 'static,
    Provider: ModelServices,
{
    let content = backend.offchain_storage().ok_or(NoOffchainStorage)?;
    let services: Arc<dyn ModelServices> = match provider {
        Some(provider) => Arc::new(provider),
        None => Arc::new(NoServices),
    };
    let imports = client.clone();
    let best: BestBlocks = Arc::new(move || best_blocks::<Client, Block>(&imports));
    Ok(Depin::<_, _, Block>::new(client, content, services, executor, best).into_rpc())
}

/// Best blocks from now on.
fn best_blocks<Client, Block>(client: &Client) -> BoxStream<'static, BlockRef>
where
    Block: BlockT<Hash = H256>,
    Client: BlockchainEvents<Block>,
{
    let best = client
        .import_notification_stream()
        .filter_map(|notification| async move {
            notification.is_new_best.then(|| BlockRef {
                number: UniqueSaturatedInto::<BlockNumber>::unique_saturated_into(*notification.header.number()),
                hash: notification.hash,
            })
        });
    best.boxed()
}

/// Makes a stream of best blocks from the moment of the call.
pub type BestBlocks = Arc<dyn Fn() -> BoxStream<'static, BlockRef> + Send + Sync>;

/// The backend keeps no offchain storage, so that outputs could not be served.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the backend keeps no offchain storage")]
pub struct NoOffchainStorage;

/// Server of the `depin` namespace.
pub struct Depin<Client, Content, Block> {
    client: Arc<Client>,
    content: Content,
    services: Arc<dyn ModelServices>,
    executor: SubscriptionTaskExecutor,
    best_blocks: BestBlocks,
    _block: PhantomData<fn() -> Block>,
}

impl<Client, Content, Block> Depin<Client, Content, Block> {
    /// Serves the state of `client`, the content that offchain indexing kept in `content` (the client's offchain
    /// storage) and the provider side behind `services` ([`NoServices`] on a node that is no provider). Subscriptions run
    /// on `executor` and follow `best_blocks`.
    pub fn new(
        client: Arc<Client>,
        content: Content,
        services: Arc<dyn ModelServices>,
        executor: SubscriptionTaskExecutor,
        best_blocks: BestBlocks,
    ) -> Self {
        Self {
            client,
            content,
            services,
            executor,
            best_blocks,
            _block: PhantomData,
        }
    }
}

impl<Client, Content, Block> Depin<Client, Content, Block>
where
    Block: BlockT<Hash = H256>,
    Client: ProvideRuntimeApi<Block> + HeaderBackend<Block>,
    Client::Api: DepinApi<Block>,
    Content: OffchainStorage,
{
    fn best(&self) -> BlockRef {
        let info = self.client.info();
        BlockRef {
            number: info.best_number.unique_saturated_into(),
            hash: info.best_hash,
        }
    }

    /// One read of the runtime at `at`, or at the best block.
    fn read<T>(
        &self,
        at: Option<H256>,
        call: impl FnOnce(&Client::Api, H256) -> Result<T, ApiError>,
    ) -> Result<T, Error> {
        let at = at.unwrap_or_else(|| self.best().hash);
        call(&self.client.runtime_api(), at).map_err(|error| Error::StateUnavailable {
            at,
            cause: error.to_string(),
        })
    }

    fn job(&self, id: JobId, at: Option<H256>) -> Result<JobInfo, Error> {
        self.read(at, |api, at| api.job(at, id))?.ok_or(Error::UnknownJob(id))
    }

    /// The active provider with the lowest price for `model`.
    fn cheapest(&self, model: ModelId, at: H256) -> Result<AccountId, Error> {
        let mut best: Option<(Balance, AccountId)> = None;
        let mut after = None;
        let mut seen = 0;
        while seen < MAX_QUOTED_PROVIDERS {
            let page: Vec<ProviderInfo> = self.read(Some(at), |api, at| api.providers(at, after, MAX_PAGE))?;
            let Some(last) = page.last() else { break };
            after = Some(last.account.clone());
            seen += page.len();
            for provider in page.into_iter().filter(|provider| provider.active) {
                let price = provider.prices.iter().find(|(id, _)| *id == model);
                if let Some((_, price)) = price {
                    if best.as_ref().is_none_or(|(lowest, _)| price < lowest) {
                        best = Some((*price, provider.account));
                    }
                }
            }
        }
        best.map(|(_, provider)| provider)
            .ok_or(Error::NoQuote(QuoteError::NoPrice))
    }

    /// Bytes of `content` that offchain indexing kept on this node.
    fn content(&self, content: ContentRef) -> Result<Vec<u8>, Error> {
        let bytes = self
            .content
            .get(STORAGE_PREFIX, &content_key(&content.hash))
            .ok_or(Error::ContentUnavailable(content.hash))?;
        if content.matches(&bytes) {
            Ok(bytes)
        } else {
            Err(Error::ContentCorrupt(content.hash))
        }
    }
}

#[async_trait]
impl<Client, Content, Block> DepinRpcServer for Depin<Client, Content, Block>
where
    Block: BlockT<Hash = H256>,
    Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + Send + Sync + 'static,
    Client::Api: DepinApi<Block>,
    Content: OffchainStorage + 'static,
{
    fn get_job(&self, id: JobId, at: Option<H256>) -> RpcResult<JobJson> {
        Ok(JobJson::from(&self.job(id, at)?))
    }

    fn list_jobs(
        &self,
        filter: Option<JobFilterJson>,
        from: Option<JobId>,
        limit: Option<u32>,
    ) -> RpcResult<Page<JobJson, JobId>> {
        let filter = job_filter(filter.unwrap_or_default())?;
        let limit = page_limit(limit)?;
        let jobs = self.read(None, |api, at| api.jobs(at, filter, from.unwrap_or_default(), limit))?;
        Ok(page(&jobs, limit, |last| last.id.saturating_add(1)))
    }

    fn quote(&self, request: QuoteRequest) -> RpcResult<QuoteJson> {
        let model = parse_hash("model", &request.model)?;
        let params = JobParams::try_from(&request.params).map_err(Error::from)?;
        let at = self.best().hash;
        let provider = match &request.provider {
            Some(provider) => parse_account("provider", provider)?,
            None => {
                let known = self.read(Some(at), |api, at| api.model(at, model))?;
                known.ok_or(Error::UnknownModel(model))?;
                self.cheapest(model, at)?
            },
        };
        let quote = self
            .read(Some(at), |api, at| {
                api.quote(at, model, request.prompt_tokens, params, Some(provider.clone()))
            })?
            .map_err(|error| match error {
                QuoteError::UnknownModel => Error::UnknownModel(model),
                error => Error::NoQuote(error),
            })?;
        Ok(QuoteJson::new(provider, &quote))
    }

    async fn get_output(&self, job: JobId) -> RpcResult<OutputJson> {
        let at = self.best().hash;
        let info = self.job(job, Some(at))?;
        let commitment = commitment_of(&info)?;
        let bytes = self.content(commitment.output)?;
        let model = info.job.model;
        let words = bytes.chunks_exact(4).map(|word| [word[0], word[1], word[2], word[3]]);
        let mut output = OutputJson {
            job,
            hash: commitment.output.hash,
            len: commitment.output.len,
            output: hex_of(&bytes),
            tokens: None,
            text: None,
            embedding: None,
            fraction_bits: None,
        };
        match info.job.params {
            JobParams::Generate(_) => {
                let tokens: Vec<u32> = words.map(u32::from_le_bytes).collect();
                // Text is a convenience: without a tokenizer here the tokens still are the answer.
                output.text = self.services.detokenize(model, tokens.clone()).await.ok();
                output.tokens = Some(tokens);
            },
            JobParams::Embed => {
                let spec = self.read(Some(at), |api, at| api.model(at, model))?;
                output.fraction_bits = spec.map(|model| model.spec.embedding_frac());
                output.embedding = Some(words.map(i32::from_le_bytes).collect());
            },
        }
        Ok(output)
    }

    async fn tokenize(&self, model: String, text: TextOrMessages) -> RpcResult<Vec<u32>> {
        let model = parse_hash("model", &model)?;
        if text.bytes() > MAX_TEXT_BYTES {
            let cause = format!("{} bytes of text; at most {MAX_TEXT_BYTES} are tokenised", text.bytes());
            return Err(Error::invalid("text", cause).into());
        }
        let tokens = match text {
            TextOrMessages::Text(text) => self.services.tokenize(model, text).await,
            TextOrMessages::Messages(messages) => self.services.tokenize_chat(model, messages).await,
        };
        Ok(tokens.map_err(Error::Service)?)
    }

    async fn detokenize(&self, model: String, tokens: Vec<u32>) -> RpcResult<String> {
        let model = parse_hash("model", &model)?;
        if tokens.len() > MAX_TOKENS {
            let cause = format!("{} tokens; at most {MAX_TOKENS} are turned into text", tokens.len());
            return Err(Error::invalid("tokens", cause).into());
        }
        let text = self.services.detokenize(model, tokens).await;
        Ok(text.map_err(Error::Service)?)
    }

    fn get_provider(&self, account: String, at: Option<H256>) -> RpcResult<ProviderJson> {
        let id = parse_account("account", &account)?;
        let provider = self.read(at, |api, at| api.provider(at, id))?;
        let provider = provider.ok_or(Error::UnknownProvider(account))?;
        Ok(ProviderJson::from(&provider))
    }

    fn list_providers(&self, after: Option<String>, limit: Option<u32>) -> RpcResult<Page<ProviderJson, AccountId>> {
        let after = after.map(|after| parse_account("after", &after)).transpose()?;
        let limit = page_limit(limit)?;
        let providers = self.read(None, |api, at| api.providers(at, after, limit))?;
        Ok(page(&providers, limit, |last| last.account.clone()))
    }

    fn get_model(&self, id: String, at: Option<H256>) -> RpcResult<ModelJson> {
        let id = parse_hash("id", &id)?;
        let model = self.read(at, |api, at| api.model(at, id))?;
        Ok(ModelJson::from(&model.ok_or(Error::UnknownModel(id))?))
    }

    fn list_models(&self, after: Option<String>, limit: Option<u32>) -> RpcResult<Page<ModelJson, ModelId>> {
        let after = after.map(|after| parse_hash("after", &after)).transpose()?;
        let limit = page_limit(limit)?;
        let models = self.read(None, |api, at| api.models(at, after, limit))?;
        Ok(page(&models, limit, |last| last.id))
    }

    fn get_reward(&self, account: String, at: Option<H256>) -> RpcResult<RewardJson> {
        let id = parse_account("account", &account)?;
        let reward = self.read(at, |api, at| api.reward(at, id))?;
        Ok(RewardJson::from(&reward))
    }

    fn network_stats(&self, at: Option<H256>) -> RpcResult<StatsJson> {
        let hash = at.unwrap_or_else(|| self.best().hash);
        let unavailable = |cause: String| Error::StateUnavailable { at: hash, cause };
        let number = self
            .client
            .number(hash)
            .map_err(|error| unavailable(error.to_string()))?
            .ok_or_else(|| unavailable("no such block".into()))?;
        let stats = self.read(Some(hash), |api, at| api.network_stats(at))?;
        let block = BlockRef {
            number: number.unique_saturated_into(),
            hash,
        };
        Ok(StatsJson::new(block, &stats))
    }

    async fn worker_key(&self, ext: &Extensions, account: String) -> RpcResult<WorkerKeyJson> {
        // A server that sets no policy is taken to be open to the world.
        match ext.get::<DenyUnsafe>() {
            Some(policy) => policy.check_if_safe()?,
            None => return Err(UnsafeRpcError.into()),
        }
        let account = parse_account("account", &account)?;
        let worker = self.services.worker_key(account).await.map_err(Error::Service)?;
        Ok(WorkerKeyJson {
            key: hex_of(worker.key.as_ref()),
            proof: hex_of(worker.proof.as_ref()),
        })
    }

    async fn subscribe_job(&self, pending: PendingSubscriptionSink, id: JobId) -> SubscriptionResult {
        // Notifications first: a block imported while the first read runs must not be missed.
        let best = (self.best_blocks)();
        let block = self.best();
        if let Err(error) = self.job(id, Some(block.hash)) {
            pending.reject(error).await;
            return Ok(());
        }
        let sink = pending.accept().await?;
        let client = self.client.clone();
        let chain = subscription::Chain {
            best,
            read: move |block: BlockRef| client.runtime_api().job(block.hash, id),
        };
        let events = subscription::run(sink, id, block, chain, self.services.clone());
        self.executor.spawn("depin-job-events", Some("rpc"), events.boxed());
        Ok(())
    }
}

/// The commitment of a job that has one.
fn commitment_of(info: &JobInfo) -> Result<ResultCommitment, Error> {
    match &info.job.state {
        JobState::Committed { commitment, .. } | JobState::Settled { commitment, .. } => Ok(*commitment),
        state => Err(Error::NoOutput {
            id: info.id,
            status: status_of(state),
        }),
    }
}

/// `items` as a page of at most `limit`, with a cursor when there may be more.
fn page<T, J, C>(items: &[T], limit: u32, cursor: impl Fn(&T) -> C) -> Page<J, C>
where
    J: for<'a> From<&'a T>,
{
    let full = items.len() >= limit as usize;
    Page {
        items: items.iter().map(J::from).collect(),
        next: items.last().filter(|_| full).map(cursor),
    }
}

fn page_limit(limit: Option<u32>) -> Result<u32, Error> {
    match limit.unwrap_or(DEFAULT_PAGE) {
        limit @ 1..=MAX_PAGE => Ok(limit),
        limit => Err(Error::invalid(
            "limit",
            format!("{limit} is not between 1 and {MAX_PAGE}"),
        )),
    }
}

fn job_filter(filter: JobFilterJson) -> Result<JobFilter, Error> {
    match (filter.state.as_deref(), &filter.provider, &filter.requester) {
        (None | Some("all"), None, None) => Ok(JobFilter::All),
        (Some("open"), None, None) => Ok(JobFilter::Open),
        (None, Some(provider), None) => Ok(JobFilter::AssignedTo(parse_account("filter.provider", provider)?)),
        (None, None, Some(requester)) => Ok(JobFilter::RequestedBy(parse_account("filter.requester", requester)?)),
        (Some(_), None, None) => Err(Error::invalid("filter.state", "neither `open` nor `all`")),
        _ => Err(Error::invalid("filter", "at most one of state, provider and requester")),
    }
}

/// 32 bytes written as 0x-hex.
fn parse_hash(name: &'static str, text: &str) -> Result<H256, Error> {
    let digits = text
        .strip_prefix("0x")
        .ok_or_else(|| Error::invalid(name, "0x and 64 hex digits are expected"))?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes)
        .map_err(|error| Error::invalid(name, format!("0x and 64 hex digits are expected: {error}")))?;
    Ok(H256(bytes))
}

/// An account written as SS58 or as 0x-hex of its 32 bytes.
fn parse_account(name: &'static str, text: &str) -> Result<AccountId, Error> {
    if text.starts_with("0x") {
        return parse_hash(name, text).map(|bytes| AccountId::new(bytes.0));
    }
    AccountId::from_ss58check(text)
        .map_err(|error| Error::invalid(name, format!("an SS58 address or 0x-hex is expected: {error}")))
}
