//! The queue and the thread on which the engine runs.
//!
//! Executions begin in the order of their arrival, as soon as the batch of their model has room, and run together with the
//! others in it. One is named by its key; asking again attaches to it, and results are kept for a while, so that a node
//! that lost its connection, or its memory, asks again without having the work done twice. The same key with other
//! contents is another job (the chain reorganised): it replaces the earlier one.

mod thread;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
    },
    thread::JoinHandle,
    time::Instant,
};

use lantern_worker_protocol::{Execute, FailureKind, Outcome, Reply, Totals, WorkerStatus};

use crate::backend::{Backend, Catalog, Failure, Gauge, RunId};

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

struct Run {
    job: Arc<Execute>,
    listeners: Vec<Listener>,
    tokens: Vec<u32>,
    text: String,
    result: Option<Outcome>,
    /// When it came, when it began, and when it produced its first token.
    came: Instant,
    begun: Option<Instant>,
    first_token: Option<Instant>,
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
    /// In the order in which they began.
    running: Vec<RunId>,
    finished: VecDeque<RunId>,
    finished_bytes: usize,
    next_run: RunId,
    completed: u64,
    failed: u64,
    totals: Totals,
    stopping: bool,
}

impl State {
    fn fail(&mut self, id: RunId, failure: Failure) {
        let Some(mut run) = self.runs.remove(&id) else { return };
        self.waiting.retain(|other| *other != id);
        self.running.retain(|other| *other != id);
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

    /// See [`Shared::end`], which also lets go of the step.
    fn end(&mut self, id: RunId) -> bool {
        let Some(run) = self.runs.get(&id) else { return false };
        if let Some(outcome) = &run.result {
            self.finished_bytes -= outcome.output.0.len();
            self.finished.retain(|other| *other != id);
            self.keys.remove(&outcome.key);
            self.runs.remove(&id);
            return false;
        }
        self.fail(id, Failure::cancelled());
        true
    }

    fn keep(&mut self, id: RunId, outcome: Outcome, limits: &Limits) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        run.tell(&Reply::Done(outcome.clone()));
        run.listeners.clear();
        self.running.retain(|other| *other != id);
        self.completed += 1;
        count(&mut self.totals, run, &outcome);
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
    /// Breaks a step off. Set when nobody is left for whom it works.
    interrupt: AtomicBool,
    limits: Limits,
    started: Instant,
    gauge: Gauge,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is changed in steps that cannot panic, so a poisoned lock still guards a sound one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a run that waits, runs, or has finished. Returns whether it was waiting or running.
    fn end(&self, state: &mut State, id: RunId) -> bool {
        let ran = state.running.contains(&id);
        let ended = state.end(id);
        if ran && state.running.is_empty() {
            self.interrupt.store(true, Ordering::SeqCst);
        }
        ended
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
            interrupt: AtomicBool::new(false),
            limits,
            started: Instant::now(),
            gauge: backend.gauge(),
        });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("executor".into())
            .spawn(move || thread::run_all(&of_thread, &backend, &catalog))?;
        Ok((Self { shared }, thread))
    }

    /// Queues `job`, or attaches `listener` to the run or the result that its key has.
    pub fn submit(&self, job: Execute, listener: Listener) {
        let mut guard = self.shared.state();
        let state = &mut *guard;
        if let Some(&id) = state.keys.get(&job.key) {
            match state.runs.get_mut(&id).filter(|run| *run.job == job) {
                Some(run) => return attach(run, listener),
                None => {
                    tracing::info!(job = job.key, "replaced: the same key came with other contents");
                    self.shared.end(state, id);
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
            job: Arc::new(job),
            listeners: vec![listener],
            tokens: Vec::new(),
            text: String::new(),
            result: None,
            came: Instant::now(),
            begun: None,
            first_token: None,
        };
        state.runs.insert(id, run);
        state.waiting.push_back(id);
        self.shared.wake.notify_one();
    }

    /// Cancels the execution with this key; `false` when none is waiting or running.
    pub fn cancel(&self, key: u64) -> bool {
        let mut guard = self.shared.state();
        let state = &mut *guard;
        match state.keys.get(&key).copied() {
            Some(id) if state.runs.get(&id).is_some_and(|run| run.result.is_none()) => self.shared.end(state, id),
            _ => false,
        }
    }

    /// How the worker is.
    pub fn status(&self) -> WorkerStatus {
        let state = self.shared.state();
        let running = state.running.iter().filter_map(|id| state.runs.get(id));
        WorkerStatus {
            running: running.map(|run| run.job.key).collect(),
            queued: u32::try_from(state.waiting.len()).unwrap_or(u32::MAX),
            queue_limit: u32::try_from(self.shared.limits.queue).unwrap_or(u32::MAX),
            completed: state.completed,
            failed: state.failed,
            uptime_secs: self.shared.started.elapsed().as_secs(),
            threads: self.shared.limits.threads,
            totals: state.totals,
            memory: (self.shared.gauge)(),
        }
    }

    /// Cancels everything and lets the thread end.
    pub fn stop(&self) {
        let mut guard = self.shared.state();
        let state = &mut *guard;
        state.stopping = true;
        let live: Vec<RunId> = state.runs.keys().copied().collect();
        for id in live {
            self.shared.end(state, id);
        }
        self.shared.wake.notify_one();
    }
}

/// Adds a run that has ended with `outcome`.
fn count(totals: &mut Totals, run: &Run, outcome: &Outcome) {
    let begun = run.begun.unwrap_or(run.came);
    let millis = |from: Instant, to: Instant| u64::try_from(to.duration_since(from).as_millis()).unwrap_or(u64::MAX);
    totals.prompt_tokens += u64::from(outcome.usage.prompt_tokens);
    totals.output_tokens += u64::from(outcome.usage.output_tokens);
    totals.waited_millis += millis(run.came, begun);
    totals.executed_millis += outcome.millis;
    totals.first_token_millis += run.first_token.map_or(0, |at| millis(begun, at));
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

#[cfg(test)]
#[path = "executor_tests.rs"]
mod tests;
