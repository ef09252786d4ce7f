//! Metrics of the provider.

use substrate_prometheus_endpoint::{
    exponential_buckets, register, Counter, CounterVec, Gauge, Histogram, HistogramOpts, Opts, PrometheusError,
    Registry, U64,
};

/// Every queue, skip and failure of the provider. Counts also when nobody looks.
#[derive(Clone)]
pub struct Metrics {
    /// Open jobs that were looked at and not claimed, by reason. A job that waits counts once a block.
    pub skipped: CounterVec<U64>,
    /// Claims, by outcome: submitted, refused, won, lost.
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
        };
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
        }
        Ok(metrics)
    }
}
