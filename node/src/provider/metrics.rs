//! Metrics of the provider.

use lantern_worker_protocol::{FailureKind, WorkerStatus};
use substrate_prometheus_endpoint::{
    exponential_buckets, register, Counter, CounterVec, Gauge, Histogram, HistogramOpts, Opts, PrometheusError,
    Registry, U64,
};

/// What the worker says of itself: name, help, value.
type WorkerSeries = (&'static str, &'static str, fn(&WorkerStatus) -> u64);

/// Series of the worker. It counts from its own start, so that sums fall when it is started again.
const WORKER: [WorkerSeries; 15] = [
    ("running", "Executions that run", |status| status.running.len() as u64),
    ("queued", "Executions that wait", |status| status.queued.into()),
    ("queue_limit", "Executions that may wait", |status| {
        status.queue_limit.into()
    }),
    ("completed_total", "Executions with a result", |status| status.completed),
    ("failed_total", "Executions without a result", |status| status.failed),
    ("prompt_tokens_total", "Tokens of inputs", |status| {
        status.totals.prompt_tokens
    }),
    ("output_tokens_total", "Tokens of outputs", |status| {
        status.totals.output_tokens
    }),
    ("waited_milliseconds_total", "Time before executions began", |status| {
        status.totals.waited_millis
    }),
    ("executed_milliseconds_total", "Time that executions took", |status| {
        status.totals.executed_millis
    }),
    ("first_token_milliseconds_total", "Time until first tokens", |status| {
        status.totals.first_token_millis
    }),
    ("cache_limit_bytes", "Most memory of caches", |status| {
        status.memory.cache_limit
    }),
    ("cache_used_bytes", "Memory of caches, kept pages included", |status| {
        status.memory.cache_used
    }),
    (
        "reused_positions_total",
        "Prompt positions taken over from kept pages",
        |status| status.memory.reused_positions,
    ),
    ("models_loaded", "Models in memory", |status| {
        status.memory.models_loaded.into()
    }),
    ("model_bytes", "Memory of their weights", |status| {
        status.memory.model_bytes
    }),
];

// All label values are shown from the start: a series that begins with one has not increased for Prometheus, and the first claim
// that expires must be seen.

/// Why open jobs are not claimed.
const SKIP_REASONS: [&str; 19] = [
    "syncing",
    "no_provider",
    "inactive",
    "no_worker",
    "model_not_loaded",
    "not_for_us",
    "no_price",
    "fee_too_low",
    "no_stake",
    "no_capacity",
    "too_slow",
    "too_long",
    "input_missing",
    "input_corrupt",
    "bad_input",
    "too_late",
    "not_open",
    "refused",
    "given_up",
];

/// Outcomes of claims.
const CLAIM_OUTCOMES: [&str; 8] = [
    "submitted",
    "refused",
    "not_pooled",
    "won",
    "lost",
    "committed",
    "expired",
    "reverted",
];

/// Outcomes of executions besides the kinds of failure, and these.
const EXECUTION_OUTCOMES: [&str; 4] = ["started", "done", "input_missing", "input_corrupt"];
const FAILURES: [FailureKind; 5] = [
    FailureKind::Overloaded,
    FailureKind::UnknownModel,
    FailureKind::BadInput,
    FailureKind::Cancelled,
    FailureKind::Internal,
];

/// Every queue, skip and failure of the provider. Counts also when nobody looks.
#[derive(Clone)]
pub struct Metrics {
    /// Open jobs that were looked at and not claimed, by reason. A job that waits counts once a block.
    pub skipped: CounterVec<U64>,
    /// Claims, by outcome.
    pub claims: CounterVec<U64>,
    /// Executions, by outcome: started, done, or the kind of failure.
    pub executions: CounterVec<U64>,
    /// Seconds that executions took.
    pub execution_seconds: Histogram,
    /// Jobs claimed, or about to be, without a result.
    pub in_hand: Gauge<U64>,
    /// Results in the mailbox.
    pub mailbox: Gauge<U64>,
    /// Open jobs that may be claimed later.
    pub candidates: Gauge<U64>,
    /// One while a worker is connected.
    pub worker_up: Gauge<U64>,
    /// Workers that ended or did not answer.
    pub worker_restarts: Counter<U64>,
    /// Jobs of this provider that cannot be executed.
    pub given_up: Counter<U64>,
    /// Reads of the chain that failed.
    pub chain_errors: Counter<U64>,
    /// In the order of [`WORKER`].
    worker: Vec<Gauge<U64>>,
}

impl Metrics {
    /// Metrics, shown in `registry` if there is one.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn new(registry: Option<&Registry>) -> Result<Self, PrometheusError> {
        let opts = |name: &str, help: &str| Opts::new(format!("lantern_provider_{name}"), help);
        let seconds = HistogramOpts::new("lantern_provider_execution_seconds", "Seconds that executions took")
            .buckets(exponential_buckets(0.05, 2.0, 14)?);
        let metrics = Self {
            skipped: CounterVec::new(opts("skipped_total", "Open jobs not claimed, by reason"), &["reason"])?,
            claims: CounterVec::new(opts("claims_total", "Claims by outcome"), &["outcome"])?,
            executions: CounterVec::new(opts("executions_total", "Executions by outcome"), &["outcome"])?,
            execution_seconds: Histogram::with_opts(seconds)?,
            in_hand: Gauge::with_opts(opts("jobs_in_hand", "Jobs claimed without a result"))?,
            mailbox: Gauge::with_opts(opts("mailbox_entries", "Results in the mailbox"))?,
            candidates: Gauge::with_opts(opts("candidates", "Open jobs that may be claimed later"))?,
            worker_up: Gauge::with_opts(opts("worker_up", "One while a worker is connected"))?,
            worker_restarts: Counter::with_opts(opts("worker_restarts_total", "Workers that ended or did not answer"))?,
            given_up: Counter::with_opts(opts("given_up_total", "Own jobs that cannot be executed"))?,
            chain_errors: Counter::with_opts(opts("chain_errors_total", "Reads of the chain that failed"))?,
            worker: WORKER
                .iter()
                .map(|(name, help, _)| Gauge::new(format!("lantern_worker_{name}"), *help))
                .collect::<Result<_, _>>()?,
        };
        for reason in SKIP_REASONS {
            metrics.skipped.with_label_values(&[reason]).inc_by(0);
        }
        for outcome in CLAIM_OUTCOMES {
            metrics.claims.with_label_values(&[outcome]).inc_by(0);
        }
        for outcome in EXECUTION_OUTCOMES.into_iter().chain(FAILURES.map(FailureKind::name)) {
            metrics.executions.with_label_values(&[outcome]).inc_by(0);
        }
        if let Some(registry) = registry {
            register(metrics.skipped.clone(), registry)?;
            register(metrics.claims.clone(), registry)?;
            register(metrics.executions.clone(), registry)?;
            register(metrics.execution_seconds.clone(), registry)?;
            register(metrics.in_hand.clone(), registry)?;
            register(metrics.mailbox.clone(), registry)?;
            register(metrics.candidates.clone(), registry)?;
            register(metrics.worker_up.clone(), registry)?;
            register(metrics.worker_restarts.clone(), registry)?;
            register(metrics.given_up.clone(), registry)?;
            register(metrics.chain_errors.clone(), registry)?;
            for gauge in &metrics.worker {
                register(gauge.clone(), registry)?;
            }
        }
        Ok(metrics)
    }

    /// Shows what the worker says of itself.
    pub fn show_worker(&self, status: &WorkerStatus) {
        for (gauge, (_, _, value)) in self.worker.iter().zip(&WORKER) {
            gauge.set(value(status));
        }
    }
}
