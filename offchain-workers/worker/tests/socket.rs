//! The server on a real socket, with an engine that echoes.

use std::{
    path::PathBuf,
    sync::{atomic::AtomicBool, Arc},
    time::Duration,
};

use lantern_worker::{
    backend::{Backend, Batch, Catalog, Event, Failure, Finished, Refusal, RunId, Vocabulary},
    executor::{Executor, Limits},
    server::{ListenError, Listener},
};
use lantern_worker_protocol::{
    Bytes, Call, ChatMessage, Client, ClientError, ErrorKind, Execute, ExecutionEvent, FailureKind, Hash, ModelInfo,
    ModelKind, Reply, Request, Response, Usage, MAX_FRAME, PROTOCOL_VERSION,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};
use tokio_util::sync::CancellationToken;

const MODEL: Hash = Hash([9; 32]);

/// Produces the bytes of its input as tokens; an empty input runs until it is cancelled.
struct Echo;

impl Backend for Echo {
    fn batch(&self, model: &Hash) -> Result<Box<dyn Batch + '_>, Refusal> {
        match *model {
            MODEL => Ok(Box::new(EchoBatch::default())),
            _ => Err(Refusal::Failed(Failure::new(
                FailureKind::UnknownModel,
                "no such model",
            ))),
        }
    }
}

#[derive(Default)]
struct EchoBatch(Vec<(RunId, Bytes)>);

impl Batch for EchoBatch {
    fn admit(&mut self, run: RunId, job: &Execute) -> Result<(), Refusal> {
        self.0.push((run, job.input.clone()));
        Ok(())
    }

    fn cancel(&mut self, run: RunId) {
        self.0.retain(|(known, _)| *known != run);
    }

    fn step(&mut self, _: &AtomicBool, report: &mut dyn FnMut(RunId, Event)) {
        self.0.retain(|(run, input)| {
            for byte in &input.0 {
                report(*run, Event::Token((*byte).into()));
            }
            if !input.0.is_empty() {
                let finished = Finished {
                    output: input.clone(),
                    usage: Usage::default(),
                    trace_root: Hash([1; 32]),
                };
                report(*run, Event::Ended(Ok(finished)));
            }
            input.0.is_empty()
        });
        std::thread::sleep(Duration::from_millis(1));
    }
}

struct Ascii;

impl Vocabulary for Ascii {
    fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        Ok(text.bytes().map(u32::from).collect())
    }
    fn encode_chat(&self, messages: Vec<ChatMessage>) -> Result<Vec<u32>, String> {
        if messages.is_empty() {
            return Err("nobody says anything".into());
        }
        let lines = messages
            .iter()
            .map(|message| format!("{}:{}\n", message.role, message.content));
        self.encode(&lines.collect::<String>())
    }
    fn decode(&self, tokens: &[u32]) -> Result<String, String> {
        let bytes = tokens
            .iter()
            .map(|token| u8::try_from(*token))
            .collect::<Result<Vec<_>, _>>();
        bytes
            .map_err(|_| "no such token".into())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

struct Worker {
    socket: PathBuf,
    stop: CancellationToken,
    executor: Executor,
    _folder: tempfile::TempDir,
}

impl Worker {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("private/worker.sock");
        let model = ModelInfo {
            id: MODEL,
            name: "echo".into(),
            kind: ModelKind::Generation,
            spec: Bytes(vec![1, 2]),
            weights_root: Hash([2; 32]),
            vocab: 256,
            max_context: 64,
            max_positions: 64,
            stop_tokens: vec![0],
        };
        let catalog = Catalog {
            models: vec![model],
            vocabularies: [(MODEL, Arc::new(Ascii) as Arc<dyn Vocabulary>)].into(),
        };
        let (executor, _thread) = Executor::start(Echo, catalog.clone(), Limits::default()).expect("starts");
        let listener = Listener::open(&socket).await.expect("opens");
        let stop = CancellationToken::new();
        tokio::spawn(listener.serve(executor.clone(), catalog, stop.clone()));
        Self {
            socket,
            stop,
            executor,
            _folder: folder,
        }
    }

    async fn client(&self) -> Client {
        Client::connect(&self.socket).await.expect("connects")
    }

    /// A connection on which the test writes what it likes.
    async fn raw(&self) -> UnixStream {
        UnixStream::connect(&self.socket).await.expect("connects")
    }

    async fn assert_alive(&self) {
        let client = self.client().await;
        let outcome = client
            .execute(job(77, b"ok"))
            .await
            .expect("is sent")
            .outcome()
            .await
            .expect("is answered");
        assert_eq!(outcome.expect("succeeds").output.0, b"ok");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.cancel();
        self.executor.stop();
    }
}

fn job(key: u64, input: &[u8]) -> Execute {
    Execute {
        key,
        model: MODEL,
        input: Bytes(input.to_vec()),
        params: Bytes::default(),
    }
}

/// Everything the worker says until it closes the connection.
async fn farewell(mut stream: UnixStream) -> Option<ErrorKind> {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await;
    // A reset is one way to learn that the other side has closed.
    let _ = read.expect("the worker closes the connection");
    let body = bytes.get(4..)?;
    match serde_json::from_slice::<Response>(body).ok()?.reply {
        Reply::Error { kind, .. } => Some(kind),
        _ => None,
    }
}

fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_conversation() {
    let worker = Worker::start().await;
    let client = worker.client().await;
    assert_eq!(client.models().len(), 1);
    assert_eq!(client.models()[0].id, MODEL);
    let mut execution = client.execute(job(1, b"hi")).await.expect("is sent");
    let mut text = String::new();
    let outcome = loop {
        match execution.next().await.expect("goes on") {
            ExecutionEvent::Tokens { text: piece, .. } => text.push_str(&piece),
            ExecutionEvent::Done(outcome) => break outcome,
            ExecutionEvent::Failed { message, .. } => panic!("{message}"),
        }
    };
    assert_eq!((text.as_str(), outcome.output.0.as_slice()), ("hi", b"hi".as_slice()));
    assert_eq!(client.tokenize(MODEL, "ab".into()).await.expect("converts"), [97, 98]);
    assert_eq!(client.detokenize(MODEL, vec![97, 98]).await.expect("converts"), "ab");
    let message = ChatMessage {
        role: "u".into(),
        content: "ab".into(),
    };
    let tokens = client.tokenize_chat(MODEL, vec![message]).await.expect("converts");
    assert_eq!(tokens, b"u:ab\n".map(u32::from));
    let refused_chat = client.tokenize_chat(MODEL, vec![]).await;
    let reason = "nobody says anything";
    assert!(
        matches!(&refused_chat, Err(ClientError::Refused { kind: ErrorKind::BadRequest, message }) if message == reason)
    );
    let refused = |result: Result<String, ClientError>| match result {
        Err(ClientError::Refused { kind, .. }) => kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(client.detokenize(MODEL, vec![300]).await),
        ErrorKind::BadRequest
    );
    assert_eq!(
        refused(client.detokenize(Hash::default(), vec![]).await),
        ErrorKind::UnknownModel
    );
    let unknown = Execute {
        model: Hash::default(),
        ..job(2, b"x")
    };
    let outcome = client
        .execute(unknown)
        .await
        .expect("is sent")
        .outcome()
        .await
        .expect("is answered");
    assert_eq!(outcome.expect_err("fails").0, FailureKind::UnknownModel);
    assert_eq!(client.status().await.expect("answers").completed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn execution_survives_its_connection_and_is_cancelled_from_another() {
    let worker = Worker::start().await;
    let first = worker.client().await;
    let endless = first.execute(job(5, b"")).await.expect("is sent");
    while first.status().await.expect("answers").running != [5] {}
    drop((endless, first));
    let second = worker.client().await;
    let attached = second.execute(job(5, b"")).await.expect("is sent");
    assert_eq!(second.status().await.expect("answers").running, [5]);
    assert!(second.cancel(5).await.expect("answers"));
    assert!(!second.cancel(5).await.expect("answers"));
    let outcome = attached.outcome().await.expect("is answered");
    assert_eq!(outcome.expect_err("was cancelled").0, FailureKind::Cancelled);
    worker.assert_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_gets_a_typed_error_and_harms_nobody() {
    let worker = Worker::start().await;
    let witness = worker.client().await;
    let hello = serde_json::to_vec(&Request {
        id: 1,
        call: Call::Hello {
            protocol: PROTOCOL_VERSION,
        },
    })
    .expect("json");
    let newer = serde_json::to_vec(&Request {
        id: 1,
        call: Call::Hello { protocol: 99 },
    })
    .expect("json");
    let cases: Vec<(Vec<u8>, ErrorKind)> = vec![
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), ErrorKind::Oversized),
        (vec![0xff; 4096], ErrorKind::Oversized),
        ((MAX_FRAME as u32 + 1).to_be_bytes().to_vec(), ErrorKind::Oversized),
        (frame(b"\xff\xfe\x00garbage"), ErrorKind::Malformed),
        (frame(b""), ErrorKind::Malformed),
        (frame(b"{\"id\":1}"), ErrorKind::Malformed),
        (frame(&b"[".repeat(100_000)), ErrorKind::Malformed),
        (frame(b"{\"id\":1,\"call\":{\"type\":\"status\"}}"), ErrorKind::NoHello),
        (frame(&newer), ErrorKind::ProtocolMismatch),
    ];
    for (bytes, expected) in cases {
        let mut stream = worker.raw().await;
        stream.write_all(&bytes).await.expect("writes");
        assert_eq!(
            farewell(stream).await,
            Some(expected),
            "{:?}",
            &bytes[..bytes.len().min(40)]
        );
    }
    // After a good handshake: an unknown call, and a known one with a field that is wrong.
    for (call, expected) in [
        (r#"{"id":2,"call":{"type":"shutdown"}}"#, ErrorKind::UnknownCall),
        (
            r#"{"id":2,"call":{"type":"execute","key":1,"model":"zz","input":"","params":""}}"#,
            ErrorKind::Malformed,
        ),
        (
            r#"{"id":2,"call":{"type":"execute","key":-1,"model":"","input":"","params":""}}"#,
            ErrorKind::Malformed,
        ),
    ] {
        let mut stream = worker.raw().await;
        stream
            .write_all(&[frame(&hello), frame(call.as_bytes())].concat())
            .await
            .expect("writes");
        let mut length = [0; 4];
        stream.read_exact(&mut length).await.expect("reads");
        let mut reply = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut reply).await.expect("reads");
        assert_eq!(farewell(stream).await, Some(expected), "{call}");
    }
    // Frames cut short, at every length.
    let whole = frame(&hello);
    for cut in 0..whole.len() {
        let mut stream = worker.raw().await;
        stream.write_all(&whole[..cut]).await.expect("writes");
        drop(stream);
    }
    assert_eq!(witness.status().await.expect("another connection goes on").failed, 0);
    worker.assert_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_never_stop_the_worker() {
    let worker = Worker::start().await;
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..200 {
        let mut bytes = Vec::new();
        for _ in 0..round * 3 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bytes.push(seed as u8);
        }
        // Every other round inside a well-formed frame.
        let bytes = if round % 2 == 0 { bytes } else { frame(&bytes) };
        let mut stream = worker.raw().await;
        // The worker may close before it has read all.
        let _ = stream.write_all(&bytes).await;
    }
    worker.assert_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn socket_is_private_and_held_by_one_worker() {
    use std::os::unix::fs::PermissionsExt;
    let worker = Worker::start().await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("exists").permissions().mode() & 0o777;
    assert_eq!(mode(&worker.socket), 0o600);
    assert_eq!(mode(worker.socket.parent().expect("has one")), 0o700);
    assert!(matches!(
        Listener::open(&worker.socket).await,
        Err(ListenError::Taken(_))
    ));
    worker.assert_alive().await;
    // What a dead worker left behind is no obstacle; a file that is no socket is not touched.
    let stale = worker.socket.with_file_name("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).expect("binds"));
    assert!(stale.exists());
    Listener::open(&stale).await.expect("replaces the stale socket");
    let file = worker.socket.with_file_name("notes.txt");
    std::fs::write(&file, "keep").expect("writes");
    assert!(matches!(Listener::open(&file).await, Err(ListenError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(&file).expect("reads"), "keep");
}
