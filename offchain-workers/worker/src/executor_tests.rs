use std::sync::{
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

use lantern_worker_protocol::{Bytes, Hash, Usage};

use super::*;
use crate::backend::{Batch, Event, Finished, Refusal};

/// A model whose runs need no memory; all others need as many units as their input has bytes.
const SMALL_MODEL: Hash = Hash([1; 32]);

/// Produces the bytes of the input as tokens, one for every permit; panics and fails on demand.
struct Scripted {
    permits: Arc<AtomicUsize>,
    runs: Arc<AtomicUsize>,
    slots: usize,
    memory: usize,
    used: AtomicUsize,
}

impl Scripted {
    /// Takes one permit, if there is one; what is cancelled takes none.
    fn take_permit(&self, interrupt: &AtomicBool) -> bool {
        let taken = self
            .permits
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok();
        let wanted = !interrupt.load(Ordering::SeqCst);
        self.permits.fetch_add(usize::from(taken && !wanted), Ordering::SeqCst);
        taken && wanted
    }
}

impl Backend for Scripted {
    fn batch(&self, model: &Hash) -> Result<Box<dyn Batch + '_>, Refusal> {
        Ok(Box::new(ScriptedBatch {
            backend: self,
            model: *model,
            runs: Vec::new(),
        }))
    }
}

struct ScriptedBatch<'a> {
    backend: &'a Scripted,
    model: Hash,
    /// With the tokens produced.
    runs: Vec<(RunId, Vec<u8>, usize)>,
}

impl ScriptedBatch<'_> {
    fn forget(&mut self, index: usize) {
        let (_, input, _) = self.runs.remove(index);
        if self.needs_memory() {
            self.backend.used.fetch_sub(input.len(), Ordering::SeqCst);
        }
    }
}

impl Drop for ScriptedBatch<'_> {
    fn drop(&mut self) {
        while !self.runs.is_empty() {
            self.forget(0);
        }
    }
}

impl Batch for ScriptedBatch<'_> {
    fn admit(&mut self, run: RunId, job: &Execute) -> Result<(), Refusal> {
        let input = job.input.0.clone();
        assert_ne!(input, b"panic at once", "asked to");
        if input == b"bad" {
            return Err(Refusal::Failed(Failure::new(FailureKind::BadInput, "asked to")));
        }
        if self.runs.len() >= self.backend.slots {
            return Err(Refusal::Slots);
        }
        if self.needs_memory() {
            if self.backend.used.load(Ordering::SeqCst) + input.len() > self.backend.memory {
                return Err(Refusal::Memory);
            }
            self.backend.used.fetch_add(input.len(), Ordering::SeqCst);
        }
        self.backend.runs.fetch_add(1, Ordering::SeqCst);
        self.runs.push((run, input, 0));
        Ok(())
    }

    fn cancel(&mut self, run: RunId) {
        if let Some(index) = self.runs.iter().position(|(known, ..)| *known == run) {
            self.forget(index);
        }
    }

    fn step(&mut self, interrupt: &AtomicBool, report: &mut dyn FnMut(RunId, Event)) {
        assert!(self.runs.iter().all(|(_, input, _)| input != b"panic"), "asked to");
        for (run, input, produced) in &mut self.runs {
            if !self.backend.take_permit(interrupt) {
                // The oldest advance first, as in the engine.
                std::thread::sleep(std::time::Duration::from_millis(1));
                break;
            }
            report(*run, Event::Token(input[*produced].into()));
            *produced += 1;
        }
        while let Some(index) = self
            .runs
            .iter()
            .position(|(_, input, produced)| *produced == input.len())
        {
            let (run, input, _) = self.runs[index].clone();
            self.forget(index);
            let usage = Usage {
                prompt_tokens: 1,
                output_tokens: input.len() as u32,
            };
            let finished = Finished {
                output: Bytes(input),
                usage,
                trace_root: Hash([7; 32]),
            };
            report(run, Event::Ended(Ok(finished)));
        }
    }

    fn needs_memory(&self) -> bool {
        self.model != SMALL_MODEL
    }
}

struct Fixture {
    executor: Executor,
    permits: Arc<AtomicUsize>,
    runs: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Fixture {
    /// One run at a time.
    fn new(limits: Limits) -> Self {
        Self::batching(limits, 1, usize::MAX)
    }

    /// `slots` runs together in each batch, with `memory` bytes of input in all.
    fn batching(limits: Limits, slots: usize, memory: usize) -> Self {
        let (permits, runs) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let backend = Scripted {
            permits: Arc::clone(&permits),
            runs: Arc::clone(&runs),
            slots,
            memory,
            used: AtomicUsize::new(0),
        };
        let (executor, thread) = Executor::start(backend, Catalog::default(), limits).expect("starts");
        Self {
            executor,
            permits,
            runs,
            thread: Some(thread),
        }
    }

    fn wait_until_running(&self, keys: &[u64]) {
        let begun = Instant::now();
        while self.executor.status().running != keys {
            assert!(begun.elapsed().as_secs() < 10, "{:?}", self.executor.status());
            std::thread::yield_now();
        }
    }

    fn ask(&self, key: u64, input: &[u8]) -> mpsc::Receiver<Reply> {
        self.submit(job(key, input))
    }

    fn submit(&self, job: Execute) -> mpsc::Receiver<Reply> {
        let (sender, receiver) = mpsc::channel();
        self.executor
            .submit(job, Box::new(move |reply| sender.send(reply).is_ok()));
        receiver
    }

    fn permit(&self, tokens: usize) {
        self.permits.fetch_add(tokens, Ordering::SeqCst);
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.executor.stop();
        self.thread.take().expect("once").join().expect("the thread ends");
    }
}

fn job(key: u64, input: &[u8]) -> Execute {
    Execute {
        key,
        model: Hash::default(),
        input: Bytes(input.to_vec()),
        params: Bytes::default(),
    }
}

fn next(replies: &mpsc::Receiver<Reply>) -> Reply {
    replies
        .recv_timeout(std::time::Duration::from_secs(10))
        .expect("a reply comes")
}

fn tokens_and_end(replies: &mpsc::Receiver<Reply>) -> (Vec<u32>, Reply) {
    let mut all = Vec::new();
    loop {
        match next(replies) {
            Reply::Tokens { index, tokens, .. } => {
                assert_eq!(index as usize, all.len(), "tokens come in order and without gaps");
                all.extend(tokens);
            },
            end => return (all, end),
        }
    }
}

fn failure(reply: Reply) -> FailureKind {
    match reply {
        Reply::Failed { kind, .. } => kind,
        other => panic!("expected a failure, got {other:?}"),
    }
}

#[test]
fn executions_run_in_the_order_of_their_arrival() {
    let fixture = Fixture::new(Limits::default());
    let first = fixture.ask(1, b"ab");
    let second = fixture.ask(2, b"c");
    fixture.permit(2);
    let (tokens, end) = tokens_and_end(&first);
    assert_eq!(tokens, [97, 98]);
    assert!(matches!(end, Reply::Done(outcome) if outcome.key == 1 && outcome.output.0 == b"ab"));
    assert!(second.try_recv().is_err(), "the second needs a permit of its own");
    fixture.permit(1);
    assert_eq!(tokens_and_end(&second).0, [99]);
    assert_eq!(fixture.executor.status().completed, 2);
}

#[test]
fn asking_again_attaches_and_later_returns_the_kept_result() {
    let fixture = Fixture::new(Limits::default());
    let first = fixture.ask(1, b"abc");
    fixture.permit(2);
    assert!(matches!(next(&first), Reply::Tokens { index: 0, .. }));
    assert!(matches!(next(&first), Reply::Tokens { index: 1, .. }));
    let attached = fixture.ask(1, b"abc");
    drop(first);
    fixture.permit(1);
    let (tokens, end) = tokens_and_end(&attached);
    assert_eq!(tokens, [97, 98, 99]);
    let (again, kept) = tokens_and_end(&fixture.ask(1, b"abc"));
    assert_eq!((again, kept), (tokens, end));
    assert_eq!(fixture.runs(), 1);
}

#[test]
fn same_key_with_other_contents_replaces_waiting_running_and_kept() {
    let fixture = Fixture::new(Limits::default());
    let running = fixture.ask(1, b"aa");
    fixture.permit(1);
    assert!(matches!(next(&running), Reply::Tokens { .. }));
    let waiting = fixture.ask(2, b"bb");
    let other_running = fixture.ask(1, b"cc");
    let other_waiting = fixture.ask(2, b"dd");
    assert_eq!(failure(next(&running)), FailureKind::Cancelled);
    assert_eq!(failure(next(&waiting)), FailureKind::Cancelled);
    fixture.permit(4);
    assert_eq!(tokens_and_end(&other_running).0, [99, 99]);
    assert_eq!(tokens_and_end(&other_waiting).0, [100, 100]);
    let other_kept = fixture.ask(1, b"ee");
    fixture.permit(2);
    assert_eq!(tokens_and_end(&other_kept).0, [101, 101]);
}

#[test]
fn full_queue_refuses_and_cancelling_makes_room() {
    let fixture = Fixture::new(Limits {
        queue: 1,
        ..Limits::default()
    });
    let running = fixture.ask(1, b"a");
    fixture.wait_until_running(&[1]);
    let waiting = fixture.ask(2, b"b");
    assert_eq!(failure(next(&fixture.ask(3, b"c"))), FailureKind::Overloaded);
    assert!(fixture.executor.cancel(2));
    assert!(!fixture.executor.cancel(2));
    assert_eq!(failure(next(&waiting)), FailureKind::Cancelled);
    let accepted = fixture.ask(3, b"c");
    assert!(fixture.executor.cancel(1));
    assert_eq!(failure(next(&running)), FailureKind::Cancelled);
    fixture.permit(1);
    assert_eq!(tokens_and_end(&accepted).0, [99]);
    assert!(!fixture.executor.cancel(3), "what is finished cannot be cancelled");
}

#[test]
fn failures_and_panics_end_one_execution_only() {
    let fixture = Fixture::new(Limits::default());
    assert_eq!(failure(next(&fixture.ask(1, b"bad"))), FailureKind::BadInput);
    assert_eq!(failure(next(&fixture.ask(2, b"panic"))), FailureKind::Internal);
    assert_eq!(failure(next(&fixture.ask(3, b"panic at once"))), FailureKind::Internal);
    fixture.permit(1);
    assert_eq!(tokens_and_end(&fixture.ask(2, b"x")).0, [120]);
    assert_eq!(fixture.executor.status().failed, 3);
}

#[test]
fn oldest_results_are_forgotten_when_there_are_too_many() {
    let fixture = Fixture::new(Limits {
        kept_results: 2,
        kept_bytes: 3,
        ..Limits::default()
    });
    for (key, input) in [(1, b"a".as_slice()), (2, b"b"), (3, b"c")] {
        fixture.permit(1);
        tokens_and_end(&fixture.ask(key, input));
    }
    tokens_and_end(&fixture.ask(3, b"c"));
    assert_eq!(fixture.runs(), 3, "the newest is kept");
    fixture.permit(1);
    tokens_and_end(&fixture.ask(1, b"a"));
    assert_eq!(fixture.runs(), 4, "the oldest was forgotten and is done again");
    fixture.permit(4);
    tokens_and_end(&fixture.ask(4, b"dddd"));
    assert_eq!(fixture.executor.status().completed, 5);
    fixture.permit(4);
    tokens_and_end(&fixture.ask(4, b"dddd"));
    assert_eq!(fixture.runs(), 6, "a result over the limit is not kept");
}

#[test]
fn executions_of_one_model_advance_together_and_others_wait_for_a_slot() {
    let fixture = Fixture::batching(Limits::default(), 2, usize::MAX);
    let first = fixture.ask(1, b"ab");
    let second = fixture.ask(2, b"c");
    let third = fixture.ask(3, b"d");
    fixture.wait_until_running(&[1, 2]);
    assert_eq!(fixture.executor.status().queued, 1);
    fixture.permit(2);
    assert!(matches!(next(&first), Reply::Tokens { index: 0, .. }));
    assert_eq!(tokens_and_end(&second).0, [99]);
    fixture.wait_until_running(&[1, 3]);
    let attached = fixture.ask(1, b"ab");
    fixture.permit(2);
    assert_eq!(tokens_and_end(&attached).0, [97, 98]);
    assert!(matches!(next(&first), Reply::Tokens { index: 1, .. }));
    assert_eq!(tokens_and_end(&third).0, [100]);
    assert_eq!(fixture.runs(), 3);
}

#[test]
fn cancelling_and_replacing_one_leaves_the_others_running() {
    let fixture = Fixture::batching(Limits::default(), 3, usize::MAX);
    let first = fixture.ask(1, b"aa");
    let second = fixture.ask(2, b"bb");
    let third = fixture.ask(3, b"cc");
    fixture.wait_until_running(&[1, 2, 3]);
    assert!(fixture.executor.cancel(2));
    assert_eq!(failure(next(&second)), FailureKind::Cancelled);
    let replacing = fixture.ask(3, b"dd");
    assert_eq!(failure(next(&third)), FailureKind::Cancelled);
    fixture.wait_until_running(&[1, 3]);
    fixture.permit(4);
    assert_eq!(tokens_and_end(&first).0, [97, 97]);
    assert_eq!(tokens_and_end(&replacing).0, [100, 100]);
    assert_eq!(fixture.executor.status().failed, 2);
}

#[test]
fn a_panic_ends_those_of_its_batch_and_nobody_else() {
    let fixture = Fixture::batching(Limits::default(), 2, usize::MAX);
    let other_model = fixture.submit(Execute {
        model: SMALL_MODEL,
        ..job(1, b"e")
    });
    let peer = fixture.ask(2, b"ab");
    fixture.wait_until_running(&[1, 2]);
    let guilty = fixture.ask(3, b"panic");
    let waiting = fixture.ask(4, b"c");
    assert_eq!(failure(next(&guilty)), FailureKind::Internal);
    assert_eq!(failure(next(&peer)), FailureKind::Internal);
    fixture.wait_until_running(&[1, 4]);
    fixture.permit(2);
    assert_eq!(tokens_and_end(&other_model).0, [101]);
    assert_eq!(tokens_and_end(&waiting).0, [99]);
}

#[test]
fn who_waits_for_memory_is_not_overtaken_by_who_needs_memory_too() {
    let fixture = Fixture::batching(Limits::default(), 4, 4);
    let first = fixture.ask(1, b"aaa");
    fixture.wait_until_running(&[1]);
    let large = fixture.ask(2, b"bb");
    let small = fixture.ask(3, b"c");
    let of_other_model = fixture.submit(Execute {
        model: Hash([2; 32]),
        ..job(4, b"d")
    });
    let needs_none = fixture.submit(Execute {
        model: SMALL_MODEL,
        ..job(5, b"ee")
    });
    fixture.wait_until_running(&[1, 5]);
    fixture.permit(3 + 2);
    assert_eq!(tokens_and_end(&first).0, [97; 3]);
    assert_eq!(tokens_and_end(&needs_none).0, [101; 2]);
    fixture.wait_until_running(&[2, 3, 4]);
    fixture.permit(4);
    assert_eq!(tokens_and_end(&large).0, [98; 2]);
    assert_eq!(tokens_and_end(&small).0, [99]);
    assert_eq!(tokens_and_end(&of_other_model).0, [100]);
}
