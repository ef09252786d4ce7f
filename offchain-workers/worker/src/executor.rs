//! The queue and the thread on which the engine runs.
//!
//! Executions run one after another in the order of their arrival. One is named by its key; asking again attaches to
//! it, and results are kept for a while, so that a node that lost its connection, or its memory, asks again without
//! having the work done twice. The same key with other contents is another job (the chain reorganised): it replaces the
//! earlier one.

use std::{
    collections::{HashMap, VecDeque},
    panic::{catch_unwind, AssertUnwindSafe},
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
    },
    thread::JoinHandle,
    time::Instant,
};

use lantern_worker_protocol::{Execute, FailureKind, Outcome, Reply, WorkerStatus};

use crate::{
    backend::{Backend, Catalog, Failure, Finished},
    text::TextStream,
};

/// Bounds of the executor.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most executions that wait; one more is refused as [`FailureKind::Overloaded`].
    pub queue: usize,
    /// Most results that are kept.
    pub kept_results: usize,
    /// Most bytes of output in the results that are kept.
    pub kept_bytes: usize,
    /// Threads that compute; only shown.
    pub threads: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue: 64,
            kept_results: 1024,
            kept_bytes: 64 << 20,
            threads: 1,
        }
    }
}

/// Receives the replies to one request. Must not block; returns `false` when nobody listens any more.
pub type Listener = Box<dyn Fn(Reply) -> bool + Send>;

/// Names one run of one key: a replaced or cancelled run must not be taken for its successor.
type RunId = u64;

struct Run {
    job: Execute,
    listeners: Vec<Listener>,
    tokens: Vec<u32>,
    text: String,
    cancelled: Arc<AtomicBool>,
    result: Option<Outcome>,
}

impl Run {
    /// Tells all listeners, and forgets those that are gone.
    fn tell(&mut self, reply: &Reply) {
        self.listeners.retain(|listener| listener(reply.clone()));
    }
}

#[derive(Default)]
struct State {
    keys: HashMap<u64, RunId>,
    runs: HashMap<RunId, Run>,
    waiting: VecDeque<RunId>,
    running: Option<RunId>,
    finished: VecDeque<RunId>,
    finished_bytes: usize,
    next_run: RunId,
    completed: u64,
    failed: u64,
    stopping: bool,
}

impl State {
    fn fail(&mut self, id: RunId, failure: Failure) {
        let Some(mut run) = self.runs.remove(&id) else { return };
        self.failed += 1;
        let key = run.job.key;
        if self.keys.get(&key) == Some(&id) {
            self.keys.remove(&key);
        }
        run.tell(&Reply::Failed {
            key,
            kind: failure.kind,
            message: failure.message,
        });
    }

    /// Ends a run that waits, runs, or has finished. Returns whether it was waiting or running.
    fn end(&mut self, id: RunId) -> bool {
        let Some(run) = self.runs.get(&id) else { return false };
        run.cancelled.store(true, Ordering::Relaxed);
        if let Some(outcome) = &run.result {
            self.finished_bytes -= outcome.output.0.len();
            self.finished.retain(|other| *other != id);
            self.keys.remove(&outcome.key);
            self.runs.remove(&id);
            return false;
        }
        self.waiting.retain(|other| *other != id);
        self.fail(id, Failure::cancelled());
        true
    }

    fn keep(&mut self, id: RunId, outcome: Outcome, limits: &Limits) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        run.tell(&Reply::Done(outcome.clone()));
        run.listeners.clear();
        self.completed += 1;
        self.finished_bytes += outcome.output.0.len();
        run.result = Some(outcome);
        self.finished.push_back(id);
        while self.finished.len() > limits.kept_results || self.finished_bytes > limits.kept_bytes {
            let Some(oldest) = self.finished.front().copied() else {
                break;
            };
            self.end(oldest);
        }
    }
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    limits: Limits,
    started: Instant,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is changed in steps that cannot panic, so a poisoned lock still guards a sound one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queue. Clones share it.
#[derive(Clone)]
pub struct Executor {
    shared: Arc<Shared>,
}

impl Executor {
    /// Starts the thread that owns `backend`.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(
        backend: impl Backend,
        catalog: Catalog,
        limits: Limits,
    ) -> Result<(Self, JoinHandle<()>), std::io::Error> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            limits,
            started: Instant::now(),
        });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("executor".into())
            .spawn(move || run_all(&of_thread, backend, &catalog))?;
        Ok((Self { shared }, thread))
    }

    /// Queues `job`, or attaches `listener` to the run or the result that its key has.
    pub fn submit(&self, job: Execute, listener: Listener) {
        let mut guard = self.shared.state();
        let state = &mut *guard;
        if let Some(&id) = state.keys.get(&job.key) {
            match state.runs.get_mut(&id).filter(|run| run.job == job) {
                Some(run) => return attach(run, listener),
                None => {
                    tracing::info!(job = job.key, "replaced: the same key came with other contents");
                    state.end(id);
                },
            }
        }
        if state.waiting.len() >= self.shared.limits.queue {
            let message = format!("{} executions are waiting", state.waiting.len());
            listener(Reply::Failed {
                key: job.key,
                kind: FailureKind::Overloaded,
                message,
            });
            return;
        }
        let id = state.next_run;
        state.next_run += 1;
        state.keys.insert(job.key, id);
        let run = Run {
            job,
            listeners: vec![listener],
            tokens: Vec::new(),
            text: String::new(),
            cancelled: Arc::default(),
            result: None,
        };
        state.runs.insert(id, run);
        state.waiting.push_back(id);
        self.shared.wake.notify_one();
    }

    /// Cancels the execution with this key; `false` when none is waiting or running.
    pub fn cancel(&self, key: u64) -> bool {
        let mut state = self.shared.state();
        match state.keys.get(&key).copied() {
            Some(id) if state.runs.get(&id).is_some_and(|run| run.result.is_none()) => state.end(id),
            _ => false,
        }
    }

    /// How the worker is.
    pub fn status(&self) -> WorkerStatus {
        let state = self.shared.state();
        let running = state.running.and_then(|id| state.runs.get(&id));
        WorkerStatus {
            running: running.map(|run| run.job.key),
            queued: u32::try_from(state.waiting.len()).unwrap_or(u32::MAX),
            queue_limit: u32::try_from(self.shared.limits.queue).unwrap_or(u32::MAX),
            completed: state.completed,
            failed: state.failed,
            uptime_secs: self.shared.started.elapsed().as_secs(),
            threads: self.shared.limits.threads,
        }
    }

    /// Cancels everything and lets the thread end.
    pub fn stop(&self) {
        let mut state = self.shared.state();
        state.stopping = true;
        let live: Vec<RunId> = state.runs.keys().copied().collect();
        for id in live {
            state.end(id);
        }
        self.shared.wake.notify_one();
    }
}

/// Brings a new listener up to date with `run`.
fn attach(run: &mut Run, listener: Listener) {
    let key = run.job.key;
    if !run.tokens.is_empty() {
        listener(Reply::Tokens {
            key,
            index: 0,
            tokens: run.tokens.clone(),
            text: run.text.clone(),
        });
    }
    match &run.result {
        Some(outcome) => {
            listener(Reply::Done(outcome.clone()));
        },
        None => run.listeners.push(listener),
    }
}

/// The executor's thread.
fn run_all(shared: &Shared, mut backend: impl Backend, catalog: &Catalog) {
    loop {
        let (id, job, cancelled) = {
            let mut state = shared.state();
            let id = loop {
                if state.stopping {
                    return;
                }
                if let Some(id) = state.waiting.pop_front() {
                    break id;
                }
                state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            };
            let Some(run) = state.runs.get(&id) else { continue };
            let next = (id, run.job.clone(), Arc::clone(&run.cancelled));
            state.running = Some(id);
            next
        };
        let begun = Instant::now();
        tracing::info!(job = job.key, model = %job.model, input_bytes = job.input.0.len(), "running");
        // A panic of the engine is this job's failure, not everybody's.
        let result = catch_unwind(AssertUnwindSafe(|| {
            run_one(shared, &mut backend, catalog, id, &job, &cancelled)
        }))
        .unwrap_or_else(|_| {
            Err(Failure::new(
                FailureKind::Internal,
                "the engine panicked; see the worker's log",
            ))
        });
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut state = shared.state();
        state.running = None;
        match result {
            Ok(Finished {
                output,
                usage,
                trace_root,
            }) => {
                tracing::info!(job = job.key, millis, output_bytes = output.0.len(), "done");
                state.keep(
                    id,
                    Outcome {
                        key: job.key,
                        output,
                        usage,
                        trace_root,
                        millis,
                    },
                    &shared.limits,
                );
            },
            Err(failure) => {
                tracing::warn!(
                    job = job.key,
                    millis,
                    kind = failure.kind.name(),
                    "failed: {}",
                    failure.message
                );
                state.fail(id, failure);
            },
        }
    }
}

fn run_one(
    shared: &Shared,
    backend: &mut impl Backend,
    catalog: &Catalog,
    id: RunId,
    job: &Execute,
    cancelled: &AtomicBool,
) -> Result<Finished, Failure> {
    let vocabulary = catalog.vocabularies.get(&job.model);
    let mut stream = TextStream::default();
    let mut on_token = |token: u32| {
        let text = vocabulary
            .map(|vocabulary| stream.push(token, &**vocabulary))
            .unwrap_or_default();
        if let Some(run) = shared.state().runs.get_mut(&id) {
            let index = u32::try_from(run.tokens.len()).unwrap_or(u32::MAX);
            run.tokens.push(token);
            run.text.push_str(&text);
            run.tell(&Reply::Tokens {
                key: job.key,
                index,
                tokens: vec![token],
                text,
            });
        }
    };
    backend.execute(job, cancelled, &mut on_token)
}

#[cfg(test)]
#[path = "executor_tests.rs"]
mod tests;
