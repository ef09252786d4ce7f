//! The link against a worker of this test's own.

use std::{path::PathBuf, time::Duration};

use lantern_worker_protocol::{
    Bytes, Call, Frames, Hash, ModelKind, Reply, Request, Response, Usage, PROTOCOL_VERSION,
};
use tokio::{
    net::{UnixListener, UnixStream},
    time::timeout,
};

use super::*;

/// Serves one connection: echoes inputs, runs nothing that has no input, and hangs up when it is asked to cancel job 99.
async fn serve(stream: UnixStream) {
    let mut frames = Frames::<_, Request, Response>::new(stream);
    while let Ok(Some(Request { id, call })) = frames.next().await {
        let reply = match call {
            Call::Hello { .. } => Reply::Hello {
                protocol: PROTOCOL_VERSION,
                version: "test".into(),
                models: vec![model()],
            },
            Call::Execute(job) if job.input.0.is_empty() => continue,
            Call::Execute(job) => {
                let tokens = Reply::Tokens {
                    key: job.key,
                    index: 0,
                    tokens: vec![7],
                    text: "seven".into(),
                };
                frames.send(&Response { id, reply: tokens }).await.expect("is read");
                Reply::Done(outcome(job.key, job.input))
            },
            Call::Cancel { key: 99 } => return,
            Call::Cancel { key } => Reply::Cancelled { key, found: false },
            _ => return,
        };
        frames.send(&Response { id, reply }).await.expect("is read");
    }
}

fn model() -> ModelInfo {
    ModelInfo {
        id: Hash([1; 32]),
        name: "test".into(),
        kind: ModelKind::Generation,
        spec: Bytes::default(),
        weights_root: Hash([2; 32]),
        vocab: 9,
        max_context: 9,
        max_positions: 9,
        stop_tokens: vec![],
    }
}

fn outcome(key: u64, output: Bytes) -> Outcome {
    Outcome {
        key,
        output,
        usage: Usage::default(),
        trace_root: Hash([3; 32]),
        millis: 1,
    }
}

fn job(key: u64, input: &[u8]) -> Execute {
    Execute {
        key,
        model: Hash([1; 32]),
        input: Bytes(input.to_vec()),
        params: Bytes::default(),
    }
}

struct Fixture {
    link: Link,
    events: mpsc::UnboundedReceiver<WorkerEvent>,
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("worker.sock");
        let (sender, events) = mpsc::unbounded_channel();
        let metrics = Metrics::new(None).expect("unregistered metrics always work");
        let (link, task) = new(Source::External(socket.clone()), sender, metrics);
        tokio::spawn(task);
        Self {
            link,
            events,
            socket,
            _folder: folder,
        }
    }

    fn listen(&self) {
        let listener = UnixListener::bind(&self.socket).expect("binds");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
    }

    async fn event(&mut self) -> WorkerEvent {
        timeout(Duration::from_secs(60), self.events.recv())
            .await
            .expect("comes in time")
            .expect("the link lives")
    }
}

#[tokio::test]
async fn worker_that_comes_late_is_found_and_runs_jobs() {
    let mut fixture = Fixture::new();
    assert!(fixture.link.client().is_none());
    tokio::time::sleep(Duration::from_millis(300)).await;
    fixture.listen();
    assert_eq!(fixture.event().await, WorkerEvent::Up(vec![model()]));
    assert!(fixture.link.client().is_some());
    fixture.link.execute(5, job(1, b"in"));
    let tokens = WorkerEvent::Tokens {
        run: 5,
        job: 1,
        position: 0,
        tokens: vec![7],
        text: "seven".into(),
    };
    assert_eq!(fixture.event().await, tokens);
    assert_eq!(
        fixture.event().await,
        WorkerEvent::Done {
            run: 5,
            outcome: outcome(1, Bytes(b"in".to_vec()))
        }
    );
}

#[tokio::test]
async fn connection_that_ends_is_told_once_and_made_again() {
    let mut fixture = Fixture::new();
    fixture.listen();
    assert_eq!(fixture.event().await, WorkerEvent::Up(vec![model()]));
    // Two runs that never end, and then the worker hangs up.
    fixture.link.execute(0, job(1, b""));
    fixture.link.execute(1, job(2, b""));
    fixture.link.cancel(99);
    assert_eq!(fixture.event().await, WorkerEvent::Down);
    assert_eq!(fixture.event().await, WorkerEvent::Up(vec![model()]));
    // Commands keep their order: what is cancelled and asked for again runs.
    fixture.link.cancel(1);
    fixture.link.execute(2, job(1, b"in"));
    assert!(matches!(fixture.event().await, WorkerEvent::Tokens { run: 2, .. }));
    assert!(matches!(fixture.event().await, WorkerEvent::Done { run: 2, .. }));
}
