use std::sync::{atomic::AtomicUsize, mpsc};

use lantern_worker_protocol::{Bytes, Hash, Usage};

use super::*;

/// Produces the bytes of the input as tokens, one for every permit; panics and fails on demand.
struct Scripted {
    permits: Arc<AtomicUsize>,
    runs: Arc<AtomicUsize>,
}

impl Scripted {
    /// Takes one permit; what is cancelled takes none.
    fn take_permit(&self, cancelled: &AtomicBool) -> Result<(), Failure> {
        loop {
            let taken = self
                .permits
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if cancelled.load(Ordering::SeqCst) {
                self.permits.fetch_add(usize::from(taken.is_ok()), Ordering::SeqCst);
                return Err(Failure::cancelled());
            }
            if taken.is_ok() {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

impl Backend for Scripted {
    fn execute(
        &mut self,
        job: &Execute,
        cancelled: &AtomicBool,
        on_token: &mut dyn FnMut(u32),
    ) -> Result<Finished, Failure> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        assert_ne!(job.input.0, b"panic", "asked to");
        if job.input.0 == b"bad" {
            return Err(Failure::new(FailureKind::BadInput, "asked to"));
        }
        for byte in &job.input.0 {
            self.take_permit(cancelled)?;
            on_token((*byte).into());
        }
        let usage = Usage {
            prompt_tokens: 1,
            output_tokens: job.input.0.len() as u32,
        };
        Ok(Finished {
            output: job.input.clone(),
            usage,
            trace_root: Hash([7; 32]),
        })
    }
}

struct Fixture {
    executor: Executor,
    permits: Arc<AtomicUsize>,
    runs: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Fixture {
    fn new(limits: Limits) -> Self {
        let (permits, runs) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let backend = Scripted {
            permits: Arc::clone(&permits),
            runs: Arc::clone(&runs),
        };
        let (executor, thread) = Executor::start(backend, Catalog::default(), limits).expect("starts");
        Self {
            executor,
            permits,
            runs,
            thread: Some(thread),
        }
    }

    fn ask(&self, key: u64, input: &[u8]) -> mpsc::Receiver<Reply> {
        let (sender, receiver) = mpsc::channel();
        self.executor
            .submit(job(key, input), Box::new(move |reply| sender.send(reply).is_ok()));
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
    while fixture.executor.status().running.is_none() {
        std::thread::yield_now();
    }
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
    fixture.permit(1);
    assert_eq!(tokens_and_end(&fixture.ask(2, b"x")).0, [120]);
    assert_eq!(fixture.executor.status().failed, 2);
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
