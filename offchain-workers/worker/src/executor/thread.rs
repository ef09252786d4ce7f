//! The thread that owns the backend: it lets waiting executions into the batch of their model, and brings all batches
//! forward in turns.

use std::{
    panic::{catch_unwind, AssertUnwindSafe},
    sync::{atomic::Ordering, Arc, PoisonError},
    time::Instant,
};

use lantern_worker_protocol::{Execute, FailureKind, Hash, Outcome, Reply};

use super::{Shared, State};
use crate::{
    backend::{Backend, Batch, Catalog, Event, Failure, Finished, Refusal, RunId, Vocabulary},
    text::TextStream,
};

/// Runs executions until the executor stops.
pub(super) fn run_all(shared: &Shared, backend: &impl Backend, catalog: &Catalog) {
    let mut batches: Vec<Running<'_>> = Vec::new();
    while wait(shared, batches.is_empty()) {
        admit(shared, backend, catalog, &mut batches);
        for batch in &mut batches {
            batch.drop_cancelled(shared);
            batch.step(shared);
        }
        // What is empty goes with its buffers; another batch may need the memory more.
        batches.retain(|batch| !batch.runs.is_empty());
    }
}

/// Waits until there is something to do; `false` when the executor stops.
fn wait(shared: &Shared, idle: bool) -> bool {
    let mut state = shared.state();
    while idle && !state.stopping && state.waiting.is_empty() {
        state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    !state.stopping
}

/// Begins the executions for which there is room, in the order of their arrival.
///
/// Nobody overtakes: an execution that finds no slot is waited for by those of its model, and one that finds no memory by all
/// that need memory, so that a large one does not wait for ever while small ones come and go.
fn admit<'a>(shared: &Shared, backend: &'a impl Backend, catalog: &'a Catalog, batches: &mut Vec<Running<'a>>) {
    let mut full: Vec<Hash> = Vec::new();
    let mut memory_is_short = false;
    let waiting = waiting(&shared.state());
    for (id, job) in waiting {
        if full.contains(&job.model) {
            continue;
        }
        let known = batches.iter().position(|batch| batch.model == job.model);
        let index = known.unwrap_or(batches.len());
        if known.is_none() {
            match Running::open(backend, catalog, job.model) {
                Ok(batch) => batches.push(batch),
                Err(Refusal::Failed(failure)) => {
                    shared.fail(id, &job, None, failure);
                    continue;
                },
                // It waits for other models' jobs to end, and so they must not go on coming before it.
                Err(Refusal::Memory | Refusal::Slots) => {
                    full.push(job.model);
                    memory_is_short = true;
                    continue;
                },
            }
        }
        let batch = &mut batches[index];
        if memory_is_short && batch.batch.needs_memory() {
            continue;
        }
        match batch.admit(shared, id, &job) {
            Ok(()) => {},
            Err(Refusal::Slots) => full.push(job.model),
            Err(Refusal::Memory) => memory_is_short = true,
            Err(Refusal::Failed(failure)) => shared.fail(id, &job, None, failure),
        }
    }
}

fn waiting(state: &State) -> Vec<(RunId, Arc<Execute>)> {
    let run = |id: &RunId| Some((*id, Arc::clone(&state.runs.get(id)?.job)));
    state.waiting.iter().filter_map(run).collect()
}

/// A batch and the runs in it.
struct Running<'a> {
    model: Hash,
    batch: Box<dyn Batch + 'a>,
    vocabulary: Option<&'a dyn Vocabulary>,
    runs: Vec<Active>,
    /// It panicked: nobody knows what state it is in.
    broken: bool,
}

/// A run in a batch.
struct Active {
    id: RunId,
    job: Arc<Execute>,
    begun: Instant,
    text: TextStream,
}

impl<'a> Running<'a> {
    fn open(backend: &'a impl Backend, catalog: &'a Catalog, model: Hash) -> Result<Self, Refusal> {
        Ok(Self {
            model,
            batch: backend.batch(&model)?,
            vocabulary: catalog.vocabularies.get(&model).map(|vocabulary| &**vocabulary),
            runs: Vec::new(),
            broken: false,
        })
    }

    fn admit(&mut self, shared: &Shared, id: RunId, job: &Arc<Execute>) -> Result<(), Refusal> {
        if self.broken {
            return Err(Refusal::Slots);
        }
        let admitted = catch_unwind(AssertUnwindSafe(|| self.batch.admit(id, job)));
        admitted.unwrap_or_else(|_| {
            self.abandon(shared);
            Err(Refusal::Failed(panicked()))
        })?;
        let mut state = shared.state();
        state.waiting.retain(|other| *other != id);
        // Otherwise it was cancelled meanwhile, and leaves again before the next step.
        if let Some(run) = state.runs.get_mut(&id) {
            run.begun = Some(Instant::now());
            state.running.push(id);
        }
        tracing::info!(job = job.key, model = %job.model, input_bytes = job.input.0.len(), "running");
        self.runs.push(Active {
            id,
            job: Arc::clone(job),
            begun: Instant::now(),
            text: TextStream::default(),
        });
        Ok(())
    }

    /// Lets go of the runs that somebody cancelled or replaced.
    fn drop_cancelled(&mut self, shared: &Shared) {
        let state = shared.state();
        shared.interrupt.store(false, Ordering::SeqCst);
        let batch = &mut self.batch;
        self.runs.retain(|run| {
            let wanted = state.runs.contains_key(&run.id);
            if !wanted {
                tracing::info!(job = run.job.key, "cancelled");
                batch.cancel(run.id);
            }
            wanted
        });
    }

    fn step(&mut self, shared: &Shared) {
        let (batch, runs, vocabulary) = (&mut self.batch, &mut self.runs, self.vocabulary);
        let mut report = |id: RunId, event: Event| {
            let Some(index) = runs.iter().position(|run| run.id == id) else {
                return;
            };
            match event {
                Event::Token(token) => {
                    let text = vocabulary
                        .map(|vocabulary| runs[index].text.push(token, vocabulary))
                        .unwrap_or_default();
                    shared.token(id, token, text);
                },
                Event::Ended(result) => {
                    let run = runs.remove(index);
                    match result {
                        Ok(finished) => shared.keep(&run, finished),
                        Err(failure) => shared.fail(id, &run.job, Some(run.begun), failure),
                    }
                },
            }
        };
        if catch_unwind(AssertUnwindSafe(|| batch.step(&shared.interrupt, &mut report))).is_err() {
            self.abandon(shared);
        }
    }

    /// Fails all runs after a panic, for nobody knows whose fault it is. Other batches and those who wait go on.
    fn abandon(&mut self, shared: &Shared) {
        self.broken = true;
        for run in self.runs.drain(..) {
            shared.fail(run.id, &run.job, Some(run.begun), panicked());
        }
    }
}

impl Shared {
    /// Passes a token on.
    fn token(&self, id: RunId, token: u32, text: String) {
        if let Some(run) = self.state().runs.get_mut(&id) {
            let index = u32::try_from(run.tokens.len()).unwrap_or(u32::MAX);
            run.first_token.get_or_insert_with(Instant::now);
            run.tokens.push(token);
            run.text.push_str(&text);
            run.tell(&Reply::Tokens {
                key: run.job.key,
                index,
                tokens: vec![token],
                text,
            });
        }
    }

    /// Ends a run with its result.
    fn keep(&self, run: &Active, finished: Finished) {
        let millis = millis_since(run.begun);
        tracing::info!(
            job = run.job.key,
            millis,
            output_bytes = finished.output.0.len(),
            "done"
        );
        let outcome = Outcome {
            key: run.job.key,
            output: finished.output,
            usage: finished.usage,
            trace_root: finished.trace_root,
            millis,
        };
        self.state().keep(run.id, outcome, &self.limits);
    }

    /// Ends a run, or one that did not even begin, without a result.
    fn fail(&self, id: RunId, job: &Execute, begun: Option<Instant>, failure: Failure) {
        let (key, millis) = (job.key, begun.map(millis_since));
        tracing::warn!(
            job = key,
            millis,
            kind = failure.kind.name(),
            "failed: {}",
            failure.message
        );
        self.state().fail(id, failure);
    }
}

fn millis_since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn panicked() -> Failure {
    Failure::new(FailureKind::Internal, "the engine panicked; see the worker's log")
}
