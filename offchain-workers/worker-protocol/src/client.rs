//! The node's end of a connection.

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

use crate::{
    Call, ChatMessage, ErrorKind, Execute, FailureKind, FrameError, Frames, Hash, ModelInfo, Outcome, Reply, Request,
    Response, WorkerStatus, PROTOCOL_VERSION,
};

/// Longest wait for the reply to the handshake.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests that may wait for the socket.
const SEND_QUEUE: usize = 64;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection could be made, or the handshake failed on the way.
    #[error("cannot reach the worker: {0}")]
    Connect(#[from] FrameError),
    /// The worker said nothing in time.
    #[error("the worker did not answer the handshake")]
    Timeout,
    /// The connection has ended.
    #[error("the connection to the worker has ended")]
    Closed,
    /// The worker refused the request.
    #[error("the worker refused: {message}")]
    Refused {
        /// Why, for programs.
        kind: ErrorKind,
        /// Why, for people.
        message: String,
    },
    /// The worker sent a reply of the wrong type.
    #[error("the worker sent an unexpected reply")]
    Unexpected,
}

/// What an execution reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecutionEvent {
    /// More tokens, in order and without gaps.
    Tokens {
        /// Index of the first of `tokens` in the output.
        index: u32,
        /// Token ids.
        tokens: Vec<u32>,
        /// Text that became complete with them.
        text: String,
    },
    /// The end, with a result.
    Done(Outcome),
    /// The end, without a result.
    Failed {
        /// Why, for programs.
        kind: FailureKind,
        /// Why, for people.
        message: String,
    },
}

/// A running execution. Dropping it detaches; it does not cancel.
pub struct Execution {
    replies: mpsc::UnboundedReceiver<Reply>,
}

impl Execution {
    /// The next event; the last is [`ExecutionEvent::Done`] or [`ExecutionEvent::Failed`].
    ///
    /// # Errors
    /// [`ClientError::Closed`] when the connection ends first; the worker goes on with the execution.
    pub async fn next(&mut self) -> Result<ExecutionEvent, ClientError> {
        match self.replies.recv().await.ok_or(ClientError::Closed)? {
            Reply::Tokens {
                index, tokens, text, ..
            } => Ok(ExecutionEvent::Tokens { index, tokens, text }),
            Reply::Done(outcome) => Ok(ExecutionEvent::Done(outcome)),
            Reply::Failed { kind, message, .. } => Ok(ExecutionEvent::Failed { kind, message }),
            Reply::Error { kind, message } => Err(ClientError::Refused { kind, message }),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Waits for the end and returns the result.
    ///
    /// # Errors
    /// Those of [`Self::next`]; the inner error is the worker's reason for having no result.
    pub async fn outcome(mut self) -> Result<Result<Outcome, (FailureKind, String)>, ClientError> {
        loop {
            match self.next().await? {
                ExecutionEvent::Tokens { .. } => {},
                ExecutionEvent::Done(outcome) => return Ok(Ok(outcome)),
                ExecutionEvent::Failed { kind, message } => return Ok(Err((kind, message))),
            }
        }
    }
}

/// A request on its way to the connection's task, and where the receiver of its replies goes.
type Pending = (Call, oneshot::Sender<mpsc::UnboundedReceiver<Reply>>);

/// A connection to a worker after the handshake. Clones share it; it ends with the last of them.
#[derive(Clone)]
pub struct Client {
    requests: mpsc::Sender<Pending>,
    closed: watch::Receiver<bool>,
    models: Arc<[ModelInfo]>,
    version: Arc<str>,
}

impl Client {
    /// Connects to the socket at `path` and shakes hands. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When nobody listens there, or whoever does is no worker of this protocol's version.
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(path).await.map_err(FrameError::Io)?;
        Self::on_stream(stream).await
    }

    /// Shakes hands on a stream that is already connected.
    ///
    /// # Errors
    /// When the other side is no worker of this protocol's version.
    pub async fn on_stream<T>(stream: T) -> Result<Self, ClientError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut frames = Frames::<_, Response, Request>::new(stream);
        frames
            .send(&Request {
                id: 1,
                call: Call::Hello {
                    protocol: PROTOCOL_VERSION,
                },
            })
            .await?;
        let reply = timeout(HELLO_TIMEOUT, frames.next())
            .await
            .map_err(|_| ClientError::Timeout)??;
        let (version, models) = match reply.ok_or(ClientError::Closed)?.reply {
            Reply::Hello {
                protocol: PROTOCOL_VERSION,
                version,
                models,
            } => (version, models),
            Reply::Hello { protocol, .. } => {
                let message = format!("it speaks version {protocol} of the protocol, not {PROTOCOL_VERSION}");
                return Err(ClientError::Refused {
                    kind: ErrorKind::ProtocolMismatch,
                    message,
                });
            },
            Reply::Error { kind, message } => return Err(ClientError::Refused { kind, message }),
            _ => return Err(ClientError::Unexpected),
        };
        let (requests, receiver) = mpsc::channel(SEND_QUEUE);
        let (close, closed) = watch::channel(false);
        tokio::spawn(async move {
            run(frames, receiver).await;
            // Fails only when no client is left to hear it.
            let _ = close.send(true);
        });
        Ok(Self {
            requests,
            closed,
            models: models.into(),
            version: version.into(),
        })
    }

    /// Models that the worker has loaded.
    pub fn models(&self) -> &[ModelInfo] {
        &self.models
    }

    /// Version of the worker's program.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Waits until the connection has ended.
    pub async fn closed(&self) {
        // An error means that the sender is gone, and it goes only after the connection.
        let _ = self.closed.clone().wait_for(|closed| *closed).await;
    }

    async fn start(&self, call: Call) -> Result<mpsc::UnboundedReceiver<Reply>, ClientError> {
        let (reply, replies) = oneshot::channel();
        self.requests
            .send((call, reply))
            .await
            .map_err(|_| ClientError::Closed)?;
        replies.await.map_err(|_| ClientError::Closed)
    }

    async fn call(&self, call: Call) -> Result<Reply, ClientError> {
        match self.start(call).await?.recv().await.ok_or(ClientError::Closed)? {
            Reply::Error { kind, message } => Err(ClientError::Refused { kind, message }),
            reply => Ok(reply),
        }
    }

    /// Runs a job, or attaches to it.
    ///
    /// # Errors
    /// [`ClientError::Closed`].
    pub async fn execute(&self, job: Execute) -> Result<Execution, ClientError> {
        self.start(Call::Execute(job))
            .await
            .map(|replies| Execution { replies })
    }

    /// Cancels an execution; `false` when the worker has none waiting or running with this key.
    ///
    /// # Errors
    /// [`ClientError::Closed`], [`ClientError::Unexpected`].
    pub async fn cancel(&self, key: u64) -> Result<bool, ClientError> {
        match self.call(Call::Cancel { key }).await? {
            Reply::Cancelled { found, .. } => Ok(found),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Token ids of `text`.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the worker has not loaded the model.
    pub async fn tokenize(&self, model: Hash, text: String) -> Result<Vec<u32>, ClientError> {
        match self.call(Call::Tokenize { model, text }).await? {
            Reply::TokenIds { tokens } => Ok(tokens),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Token ids of a conversation in the model's own form, with the beginning of the answer.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the worker has not loaded the model, or its chat template is missing or refuses the
    /// conversation.
    pub async fn tokenize_chat(&self, model: Hash, messages: Vec<ChatMessage>) -> Result<Vec<u32>, ClientError> {
        match self.call(Call::TokenizeChat { model, messages }).await? {
            Reply::TokenIds { tokens } => Ok(tokens),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Text of `tokens`.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the worker has not loaded the model or a token is outside its vocabulary.
    pub async fn detokenize(&self, model: Hash, tokens: Vec<u32>) -> Result<String, ClientError> {
        match self.call(Call::Detokenize { model, tokens }).await? {
            Reply::Text { text } => Ok(text),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// How the worker is.
    ///
    /// # Errors
    /// [`ClientError::Closed`], [`ClientError::Unexpected`].
    pub async fn status(&self) -> Result<WorkerStatus, ClientError> {
        match self.call(Call::Status).await? {
            Reply::Status(status) => Ok(status),
            _ => Err(ClientError::Unexpected),
        }
    }
}

/// Serves one connection until either side ends it.
async fn run<T: AsyncRead + AsyncWrite + Unpin>(
    mut frames: Frames<T, Response, Request>,
    mut requests: mpsc::Receiver<Pending>,
) {
    let mut waiting = HashMap::<u64, mpsc::UnboundedSender<Reply>>::new();
    let mut next_id = 2;
    loop {
        tokio::select! {
            request = requests.recv() => {
                let Some((call, started)) = request else { return };
                let (sender, receiver) = mpsc::unbounded_channel();
                match frames.send(&Request { id: next_id, call }).await {
                    Ok(()) => {
                        waiting.insert(next_id, sender);
                    }
                    // The request alone is at fault; the connection goes on.
                    Err(error @ (FrameError::Oversized | FrameError::Malformed(_))) => {
                        let _ = sender.send(Reply::Error { kind: ErrorKind::Oversized, message: error.to_string() });
                    }
                    Err(FrameError::Io(_)) => return,
                }
                next_id += 1;
                let _ = started.send(receiver);
            }
            response = frames.next() => {
                let Ok(Some(Response { id, reply })) = response else { return };
                if matches!(reply, Reply::Tokens { .. }) {
                    // A caller that no longer listens is no fault of the connection.
                    if let Some(sender) = waiting.get(&id) {
                        let _ = sender.send(reply);
                    }
                } else {
                    if let Some(sender) = waiting.remove(&id) {
                        let _ = sender.send(reply);
                    }
                }
            }
        }
    }
}
