//! The socket.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc,
    },
    time::Duration,
};

use lantern_worker_protocol::{
    decode_request, Call, DecodeError, ErrorKind, FrameError, Frames, Hash, Reply, Request, Response, PROTOCOL_VERSION,
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::mpsc,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{backend::Catalog, executor::Executor};

/// Most connections at a time. The node needs one.
const MAX_CONNECTIONS: usize = 32;
/// Replies that may wait for a reader. A reader that falls further behind is disconnected; what it missed is repeated
/// when it attaches again.
const OUTBOX: usize = 4096;
/// Longest wait for the handshake.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for an earlier worker to let go of the socket: after a crash of the node its worker needs a moment.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Why the socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another worker listens there.
    #[error("socket {}: another worker is using it", .0.display())]
    Taken(PathBuf),
    /// Something that is no socket is there.
    #[error("socket {}: there is a file that is no socket", .0.display())]
    NotASocket(PathBuf),
    /// The system refused.
    #[error("socket {}: {error}", path.display())]
    Io {
        /// The socket, its lock file, or their folder.
        path: PathBuf,
        /// The reason.
        #[source]
        error: io::Error,
    },
}

/// An open socket; nobody else can take its path while this lives.
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
    _lock: File,
}

impl Drop for Listener {
    fn drop(&mut self) {
        // What cannot be removed is replaced by the next worker.
        let _ = fs::remove_file(&self.path);
    }
}

impl Listener {
    /// Opens the socket at `path`, in a folder that only the owner may enter, and removes what a dead worker left there.
    ///
    /// # Errors
    /// When another worker holds it, or the system refuses.
    pub async fn open(path: &Path) -> Result<Self, ListenError> {
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |error| ListenError::Io { path, error }
        };
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(failed(folder))?;
        }
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let lock_path = PathBuf::from(lock_path);
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(failed(&lock_path))?;
        take_lock(&lock, path).await?;
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.file_type().is_socket() => fs::remove_file(path).map_err(failed(path))?,
            Ok(_) => return Err(ListenError::NotASocket(path.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {},
            Err(error) => return Err(failed(path)(error)),
        }
        let listener = UnixListener::bind(path).map_err(failed(path))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed(path))?;
        let owner = fs::metadata(path).map_err(failed(path))?.uid();
        Ok(Self {
            listener,
            path: path.into(),
            owner,
            _lock: lock,
        })
    }

    /// Serves connections until `stop` is cancelled.
    pub async fn serve(self, executor: Executor, catalog: Catalog, stop: CancellationToken) {
        let catalog = Arc::new(catalog);
        let connections = Arc::new(AtomicUsize::new(0));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, mostly; connections that end give them back.
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                },
            };
            let uid = stream.peer_cred().map(|peer| peer.uid());
            if !uid.as_ref().is_ok_and(|uid| *uid == self.owner || *uid == 0) {
                tracing::warn!("refused a connection of another user: {uid:?}");
                continue;
            }
            let serving = Serving {
                executor: executor.clone(),
                catalog: Arc::clone(&catalog),
                has_room: connections.fetch_add(1, Ordering::Relaxed) < MAX_CONNECTIONS,
            };
            let connections = Arc::clone(&connections);
            let stop = stop.child_token();
            tokio::spawn(async move {
                serving.connection(stream, stop).await;
                connections.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
}

async fn take_lock(lock: &File, path: &Path) -> Result<(), ListenError> {
    let begun = tokio::time::Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_PATIENCE => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            },
            Err(TryLockError::WouldBlock) => return Err(ListenError::Taken(path.into())),
            Err(TryLockError::Error(error)) => {
                return Err(ListenError::Io {
                    path: path.into(),
                    error,
                })
            },
        }
    }
}

/// Where the replies of one connection wait.
#[derive(Clone)]
struct Outbox {
    replies: mpsc::Sender<Response>,
    end: CancellationToken,
}

impl Outbox {
    /// Queues a reply without waiting; `false` when the connection has ended, which a full queue brings about.
    fn send(&self, id: u64, reply: Reply) -> bool {
        let sent = self.replies.try_send(Response { id, reply });
        if let Err(mpsc::error::TrySendError::Full(_)) = sent {
            tracing::warn!("disconnected a reader that is {OUTBOX} replies behind");
            self.end.cancel();
        }
        sent.is_ok()
    }

    fn refuse(&self, id: u64, kind: ErrorKind, message: impl Into<String>) {
        self.send(
            id,
            Reply::Error {
                kind,
                message: message.into(),
            },
        );
    }
}

/// What a connection is served from.
struct Serving {
    executor: Executor,
    catalog: Arc<Catalog>,
    has_room: bool,
}

type Reader = Frames<tokio::io::Join<tokio::net::unix::OwnedReadHalf, tokio::io::Sink>, Request, ()>;

impl Serving {
    /// Serves one connection to its end.
    ///
    /// Reading never waits for writing, so that two sides with full buffers cannot wait for each other.
    async fn connection(self, stream: UnixStream, end: CancellationToken) {
        let (read, write) = stream.into_split();
        let mut reader = Reader::new(tokio::io::join(read, tokio::io::sink()));
        let mut writer = Frames::<_, (), Response>::new(tokio::io::join(tokio::io::empty(), write));
        let (replies, mut waiting) = mpsc::channel::<Response>(OUTBOX);
        let outbox = Outbox {
            replies,
            end: end.clone(),
        };
        let writing = tokio::spawn({
            let end = end.clone();
            async move {
                while let Some(response) = waiting.recv().await {
                    let sent = tokio::select! {
                        sent = writer.send(&response) => sent,
                        () = end.cancelled() => return,
                    };
                    if let Err(error) = sent {
                        tracing::debug!("connection ended while writing: {error}");
                        return end.cancel();
                    }
                }
            }
        });
        let reason = tokio::select! {
            reason = self.read_all(&mut reader, &outbox) => reason,
            () = end.cancelled() => None,
        };
        if let Some(DecodeError { id, kind, message }) = reason {
            tracing::warn!(?kind, "closing a connection: {message}");
            outbox.refuse(id, kind, message);
        }
        // The writer ends when no execution refers to the outbox any more, or now, once what is queued has gone out.
        drop(outbox);
        let flushed = timeout(Duration::from_millis(500), writing).await;
        end.cancel();
        drop(flushed);
    }

    /// Answers requests until the stream ends (`None`) or the connection must be closed for a reason.
    async fn read_all(&self, reader: &mut Reader, outbox: &Outbox) -> Option<DecodeError> {
        let fatal = |id, kind, message: String| Some(DecodeError { id, kind, message });
        if !self.has_room {
            return fatal(
                0,
                ErrorKind::TooManyConnections,
                format!("{MAX_CONNECTIONS} connections are open"),
            );
        }
        let hello = match timeout(HELLO_TIMEOUT, next_request(reader)).await {
            Err(_) => return fatal(0, ErrorKind::NoHello, "no handshake came in time".into()),
            Ok(Ok(None)) => return None,
            Ok(Err(error)) => return Some(error),
            Ok(Ok(Some(request))) => request,
        };
        match hello.call {
            Call::Hello {
                protocol: PROTOCOL_VERSION,
            } => self.hello(hello.id, outbox),
            Call::Hello { protocol } => {
                let message = format!("this worker speaks version {PROTOCOL_VERSION}, not {protocol}");
                return fatal(hello.id, ErrorKind::ProtocolMismatch, message);
            },
            _ => {
                return fatal(
                    hello.id,
                    ErrorKind::NoHello,
                    "the first request must be the handshake".into(),
                )
            },
        }
        loop {
            match next_request(reader).await {
                Ok(Some(request)) => self.answer(request, outbox),
                Ok(None) => return None,
                Err(error) => return Some(error),
            }
        }
    }

    fn hello(&self, id: u64, outbox: &Outbox) {
        let reply = Reply::Hello {
            protocol: PROTOCOL_VERSION,
            version: env!("CARGO_PKG_VERSION").into(),
            models: self.catalog.models.clone(),
        };
        outbox.send(id, reply);
    }

    fn answer(&self, Request { id, call }: Request, outbox: &Outbox) {
        match call {
            Call::Hello { .. } => self.hello(id, outbox),
            Call::Execute(job) => {
                let outbox = outbox.clone();
                self.executor.submit(job, Box::new(move |reply| outbox.send(id, reply)));
            },
            Call::Cancel { key } => {
                let found = self.executor.cancel(key);
                outbox.send(id, Reply::Cancelled { key, found });
            },
            Call::Status => {
                outbox.send(id, Reply::Status(self.executor.status()));
            },
            Call::Tokenize { model, text } => self.convert(id, model, outbox, move |vocabulary| {
                vocabulary.encode(&text).map(|tokens| Reply::TokenIds { tokens })
            }),
            Call::TokenizeChat { model, messages } => self.convert(id, model, outbox, move |vocabulary| {
                vocabulary
                    .encode_chat(messages)
                    .map(|tokens| Reply::TokenIds { tokens })
            }),
            Call::Detokenize { model, tokens } => self.convert(id, model, outbox, move |vocabulary| {
                vocabulary.decode(&tokens).map(|text| Reply::Text { text })
            }),
        }
    }

    /// Runs a conversion where it holds up nobody: a text of megabytes takes its time.
    fn convert(
        &self,
        id: u64,
        model: Hash,
        outbox: &Outbox,
        conversion: impl FnOnce(&dyn crate::backend::Vocabulary) -> Result<Reply, String> + Send + 'static,
    ) {
        let Some(vocabulary) = self.catalog.vocabularies.get(&model).cloned() else {
            return outbox.refuse(
                id,
                ErrorKind::UnknownModel,
                format!("this worker has not loaded model {model}"),
            );
        };
        let outbox = outbox.clone();
        tokio::task::spawn_blocking(move || match conversion(&*vocabulary) {
            Ok(reply) => {
                outbox.send(id, reply);
            },
            Err(message) => outbox.refuse(id, ErrorKind::BadRequest, message),
        });
    }
}

async fn next_request(reader: &mut Reader) -> Result<Option<Request>, DecodeError> {
    match reader.next_frame().await {
        Ok(Some(frame)) => decode_request(&frame).map(Some),
        Ok(None) => Ok(None),
        Err(error @ FrameError::Oversized) => Err(DecodeError {
            id: 0,
            kind: ErrorKind::Oversized,
            message: error.to_string(),
        }),
        Err(error) => {
            tracing::debug!("connection ended while reading: {error}");
            Ok(None)
        },
    }
}
