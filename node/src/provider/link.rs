//! The connection to the worker: starting it, finding out that it is gone, starting it again.

use std::{future::Future, sync::Arc, time::Duration};

use lantern_primitives::JobId;
use lantern_worker_protocol::{Client, ClientError, Execute, ExecutionEvent, FailureKind, ModelInfo, Outcome};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout, Instant},
};

use super::{
    metrics::Metrics,
    process::{Running, Source},
    LOG_TARGET,
};

/// Shortest and longest wait before a worker that ended is started again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// A worker that was connected for this long was healthy: the next wait is the shortest again.
const HEALTHY: Duration = Duration::from_secs(60);
/// Between two attempts to connect.
const CONNECT_EVERY: Duration = Duration::from_millis(100);
/// Longest wait for a worker to load its models.
const LOAD_TIMEOUT: Duration = Duration::from_secs(900);
/// Between two questions after the worker's health, and the longest wait for the answer.
const HEALTH: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(30));

/// Names one run of one job: a late word about an earlier run must not be taken for one about the present.
pub type RunId = u64;

/// What the worker reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerEvent {
    /// It is connected and has these models.
    Up(Vec<ModelInfo>),
    /// It is gone; what ran may run on unseen, or not at all.
    Down,
    /// A run produced tokens.
    Tokens {
        /// The run.
        run: RunId,
        /// The job.
        job: JobId,
        /// Index of the first of `tokens` in the output.
        position: u32,
        /// Token ids.
        tokens: Vec<u32>,
        /// Text that became complete with them.
        text: String,
    },
    /// A run ended with a result.
    Done {
        /// The run.
        run: RunId,
        /// The result; its key is the job.
        outcome: Outcome,
    },
    /// A run ended without a result.
    Failed {
        /// The run.
        run: RunId,
        /// The job.
        job: JobId,
        /// Why, for programs.
        kind: FailureKind,
        /// Why, for people.
        message: String,
    },
}

/// What the provider's decisions need of a worker. Both return at once.
pub trait WorkerClient: Send + Sync + 'static {
    /// Runs `job`; its key is the job's id. Events of it carry `run`.
    fn execute(&self, run: RunId, job: Execute);
    /// Stops the run of `job`.
    fn cancel(&self, job: JobId);
}

enum Command {
    Execute(RunId, Execute),
    Cancel(JobId),
}

/// The connection. Clones share it.
#[derive(Clone)]
pub struct Link {
    commands: mpsc::UnboundedSender<Command>,
    client: watch::Receiver<Option<Client>>,
}

impl Link {
    /// The worker, if it is connected.
    pub fn client(&self) -> Option<Client> {
        self.client.borrow().clone()
    }
}

impl WorkerClient for Link {
    fn execute(&self, run: RunId, job: Execute) {
        // Fails only when the node is stopping.
        let _ = self.commands.send(Command::Execute(run, job));
    }

    fn cancel(&self, job: JobId) {
        let _ = self.commands.send(Command::Cancel(job));
    }
}

/// A link to the worker of `source`, and the task that keeps it up.
pub fn new(
    source: Source,
    events: mpsc::UnboundedSender<WorkerEvent>,
    metrics: Metrics,
) -> (Link, impl Future<Output = ()> + Send) {
    let (commands, receiver) = mpsc::unbounded_channel();
    let (publish, client) = watch::channel(None);
    let link = Link {
        commands,
        client: client.clone(),
    };
    let supervisor = Supervisor {
        source: Arc::new(source),
        publish,
        events: events.clone(),
        metrics,
    };
    let task = async move {
        tokio::select! {
            () = supervisor.run() => {},
            () = dispatch(receiver, client, events) => {},
        }
    };
    (link, task)
}

/// Passes commands on in their order: a job that is cancelled and asked for again must end up running.
async fn dispatch(
    mut commands: mpsc::UnboundedReceiver<Command>,
    client: watch::Receiver<Option<Client>>,
    events: mpsc::UnboundedSender<WorkerEvent>,
) {
    while let Some(command) = commands.recv().await {
        let client = client.borrow().clone();
        match command {
            Command::Execute(run, job) => {
                let key = job.key;
                let started = match client {
                    Some(client) => client.execute(job).await,
                    None => Err(ClientError::Closed),
                };
                match started {
                    Ok(execution) => {
                        tokio::spawn(forward(run, key, execution, events.clone()));
                    },
                    Err(error) => lost(run, key, &error, &events),
                }
            },
            Command::Cancel(job) => {
                if let Some(client) = client {
                    if let Err(error) = client.cancel(job).await {
                        log::debug!(target: LOG_TARGET, "job {job}: not cancelled: {error}");
                    }
                }
            },
        }
    }
}

fn lost(run: RunId, job: JobId, error: &ClientError, events: &mpsc::UnboundedSender<WorkerEvent>) {
    // The connection's end is told once, as `Down`; the provider starts the run again when the worker is back.
    if !matches!(error, ClientError::Closed) {
        let message = error.to_string();
        let _ = events.send(WorkerEvent::Failed {
            run,
            job,
            kind: FailureKind::Internal,
            message,
        });
    }
}

async fn forward(
    run: RunId,
    job: JobId,
    mut execution: lantern_worker_protocol::Execution,
    events: mpsc::UnboundedSender<WorkerEvent>,
) {
    loop {
        let event = match execution.next().await {
            Ok(ExecutionEvent::Tokens { index, tokens, text }) => WorkerEvent::Tokens {
                run,
                job,
                position: index,
                tokens,
                text,
            },
            Ok(ExecutionEvent::Done(outcome)) => WorkerEvent::Done { run, outcome },
            Ok(ExecutionEvent::Failed { kind, message }) => WorkerEvent::Failed {
                run,
                job,
                kind,
                message,
            },
            Err(error) => return lost(run, job, &error, &events),
        };
        let is_last = !matches!(event, WorkerEvent::Tokens { .. });
        if events.send(event).is_err() || is_last {
            return;
        }
    }
}

struct Supervisor {
    source: Arc<Source>,
    publish: watch::Sender<Option<Client>>,
    events: mpsc::UnboundedSender<WorkerEvent>,
    metrics: Metrics,
}

impl Supervisor {
    /// Keeps a worker running and connected. Ends only with the node.
    async fn run(self) {
        let mut wait = BACKOFF.0;
        loop {
            let mut child = match &*self.source {
                Source::External(_) => None,
                Source::Own(worker) => match worker.start() {
                    Ok(child) => Some(child),
                    Err(error) => {
                        log::error!(target: LOG_TARGET, "cannot start the worker: {error}");
                        wait = self.back_off(wait).await;
                        continue;
                    },
                },
            };
            let begun = Instant::now();
            if let Some(client) = self.connect(&mut child).await {
                wait = if self.serve(&client, &mut child).await > HEALTHY {
                    BACKOFF.0
                } else {
                    wait
                };
            }
            if self.events.is_closed() {
                return;
            }
            if let Some(mut child) = child {
                // It may have ended already.
                let _ = child.child.kill().await;
                self.metrics.worker_restarts.inc();
                log::warn!(target: LOG_TARGET, "the worker ended after {} s", begun.elapsed().as_secs());
            }
            wait = self.back_off(wait).await;
        }
    }

    async fn back_off(&self, wait: Duration) -> Duration {
        sleep(wait).await;
        (wait * 2).min(BACKOFF.1)
    }

    /// Connects once the worker listens. `None` when it ended before, or never did.
    async fn connect(&self, child: &mut Option<Running>) -> Option<Client> {
        let begun = Instant::now();
        let mut warned = false;
        loop {
            match Client::connect(self.source.socket()).await {
                Ok(client) => return Some(client),
                Err(ClientError::Connect(_)) if begun.elapsed() < LOAD_TIMEOUT => {},
                Err(error) => {
                    log::error!(target: LOG_TARGET, "worker at {}: {error}", self.source.socket().display());
                    return None;
                },
            }
            if child.is_none() && !warned && begun.elapsed() > Duration::from_secs(5) {
                log::warn!(target: LOG_TARGET, "no worker listens at {} yet", self.source.socket().display());
                warned = true;
            }
            tokio::select! {
                status = ended(child) => {
                    log::error!(target: LOG_TARGET, "the worker ended while it was starting: {status}; see its messages");
                    return None;
                },
                () = sleep(CONNECT_EVERY) => {},
            }
        }
    }

    /// Shows the connection to everybody until it ends; how long that took.
    async fn serve(&self, client: &Client, child: &mut Option<Running>) -> Duration {
        let begun = Instant::now();
        for model in client.models() {
            log::info!(target: LOG_TARGET, "worker {} serves model {} ({})", client.version(), model.id, model.name);
        }
        self.metrics.worker_up.set(1);
        self.publish.send_replace(Some(client.clone()));
        // An error means that the node is stopping.
        let _ = self.events.send(WorkerEvent::Up(client.models().to_vec()));
        tokio::select! {
            () = client.closed() => log::warn!(target: LOG_TARGET, "the connection to the worker has ended"),
            status = ended(child) => log::warn!(target: LOG_TARGET, "the worker ended: {status}"),
            () = unhealthy(client, &self.metrics) => log::error!(target: LOG_TARGET, "the worker does not answer"),
            () = self.events.closed() => {},
        }
        self.publish.send_replace(None);
        self.metrics.worker_up.set(0);
        let _ = self.events.send(WorkerEvent::Down);
        begun.elapsed()
    }
}

/// Waits until the worker has ended; for ever when it is somebody else's.
async fn ended(child: &mut Option<Running>) -> String {
    match child {
        Some(running) => running
            .child
            .wait()
            .await
            .map_or_else(|error| error.to_string(), |status| status.to_string()),
        None => std::future::pending().await,
    }
}

/// Shows how the worker is, until it does not answer in time.
async fn unhealthy(client: &Client, metrics: &Metrics) {
    loop {
        sleep(HEALTH.0).await;
        match timeout(HEALTH.1, client.status()).await {
            Ok(Ok(status)) => metrics.show_worker(&status),
            // The connection has ended, which others notice.
            Ok(Err(_)) => std::future::pending().await,
            Err(_) => return,
        }
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
