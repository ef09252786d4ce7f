//! Frames on a byte stream.

use std::{io, marker::PhantomData};

use futures::{SinkExt, StreamExt};
use serde::{de::DeserializeOwned, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Framed, LengthDelimitedCodec, LengthDelimitedCodecError};

use crate::{Call, ErrorKind, Request, MAX_FRAME};

/// Why no message could be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream failed or ended inside a frame.
    #[error("connection: {0}")]
    Io(#[source] io::Error),
    /// A frame over [`MAX_FRAME`].
    #[error("a frame is over {MAX_FRAME} bytes")]
    Oversized,
    /// A frame that is not the JSON expected.
    #[error("malformed message: {0}")]
    Malformed(#[source] serde_json::Error),
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        match error.get_ref().map(|inner| inner.is::<LengthDelimitedCodecError>()) {
            Some(true) => Self::Oversized,
            _ => Self::Io(error),
        }
    }
}

/// A byte stream as a stream of messages: sends `Out`, receives raw frames or `In`.
pub struct Frames<T, In, Out> {
    framed: Framed<T, LengthDelimitedCodec>,
    messages: PhantomData<fn(Out) -> In>,
}

impl<T: AsyncRead + AsyncWrite + Unpin, In: DeserializeOwned, Out: Serialize> Frames<T, In, Out> {
    /// Frames on `stream`.
    pub fn new(stream: T) -> Self {
        let codec = LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME).new_codec();
        Self {
            framed: Framed::new(stream, codec),
            messages: PhantomData,
        }
    }

    /// The next frame's bytes; `None` at the end of the stream.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`FrameError::Io`] and [`FrameError::Oversized`]; the stream is unusable after either.
    pub async fn next_frame(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        Ok(self.framed.next().await.transpose()?.map(|frame| frame.to_vec()))
    }

    /// The next message; `None` at the end of the stream.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// Those of [`Self::next_frame`], and [`FrameError::Malformed`].
    pub async fn next(&mut self) -> Result<Option<In>, FrameError> {
        match self.next_frame().await? {
            Some(frame) => serde_json::from_slice(&frame).map(Some).map_err(FrameError::Malformed),
            None => Ok(None),
        }
    }

    /// Sends `message`.
    ///
    /// # Errors
    /// Every [`FrameError`]; after [`FrameError::Oversized`] the stream may still be used.
    pub async fn send(&mut self, message: &Out) -> Result<(), FrameError> {
        let bytes = serde_json::to_vec(message).map_err(FrameError::Malformed)?;
        Ok(self.framed.send(tokio_util::bytes::Bytes::from(bytes)).await?)
    }
}

/// Why a frame is no request, ready to be sent back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The request's id, or 0 when not even that could be read.
    pub id: u64,
    /// [`ErrorKind::Malformed`] or [`ErrorKind::UnknownCall`].
    pub kind: ErrorKind,
    /// What is wrong.
    pub message: String,
}

/// Reads a request in steps, so that the refusal of a bad one can name its id.
///
/// # Errors
/// When `frame` is no request.
pub fn decode_request(frame: &[u8]) -> Result<Request, DecodeError> {
    let refuse = |id, kind, message: String| DecodeError { id, kind, message };
    let mut value: serde_json::Value =
        serde_json::from_slice(frame).map_err(|error| refuse(0, ErrorKind::Malformed, error.to_string()))?;
    let id = value.get("id").and_then(serde_json::Value::as_u64).unwrap_or(0);
    let call = value
        .get_mut("call")
        .map(serde_json::Value::take)
        .filter(|_| id != 0)
        .ok_or_else(|| {
            refuse(
                id,
                ErrorKind::Malformed,
                "a request has `id`, not zero, and `call`".into(),
            )
        })?;
    const KNOWN: [&str; 7] = [
        "hello",
        "execute",
        "cancel",
        "tokenize",
        "tokenize_chat",
        "detokenize",
        "status",
    ];
    let kind = match call.get("type").and_then(serde_json::Value::as_str) {
        Some(name) if !KNOWN.contains(&name) => ErrorKind::UnknownCall,
        _ => ErrorKind::Malformed,
    };
    serde_json::from_value::<Call>(call)
        .map(|call| Request { id, call })
        .map_err(|error| refuse(id, kind, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bytes, Execute, Hash, Reply, Response};

    #[tokio::test]
    async fn messages_pass_a_stream_unchanged() {
        let (near, far) = tokio::io::duplex(64);
        let mut near = Frames::<_, Response, Request>::new(near);
        let mut far = Frames::<_, Request, Response>::new(far);
        let request = Request {
            id: 7,
            call: Call::Execute(Execute {
                key: u64::MAX,
                model: Hash([3; 32]),
                input: Bytes(vec![1; 5000]),
                params: Bytes(vec![1]),
            }),
        };
        let (sent, received) = tokio::join!(near.send(&request), far.next());
        sent.expect("sends");
        assert_eq!(received.expect("reads"), Some(request));
        let response = Response {
            id: 7,
            reply: Reply::Cancelled { key: 1, found: true },
        };
        let (sent, received) = tokio::join!(far.send(&response), near.next());
        sent.expect("sends");
        assert_eq!(received.expect("reads"), Some(response));
        drop(far);
        assert!(matches!(near.next().await, Ok(None)));
    }

    #[tokio::test]
    async fn oversized_frame_is_refused_when_read_and_when_written() {
        use tokio::io::AsyncWriteExt;
        let (mut raw, far) = tokio::io::duplex(64);
        let mut far = Frames::<_, Request, Request>::new(far);
        raw.write_all(&(MAX_FRAME as u32 + 1).to_be_bytes())
            .await
            .expect("writes");
        assert!(matches!(far.next().await, Err(FrameError::Oversized)));
        let text = "x".repeat(MAX_FRAME);
        let huge = Request {
            id: 1,
            call: Call::Tokenize {
                model: Hash::default(),
                text,
            },
        };
        assert!(matches!(far.send(&huge).await, Err(FrameError::Oversized)));
    }

    #[tokio::test]
    async fn stream_that_ends_inside_a_frame_is_an_error() {
        use tokio::io::AsyncWriteExt;
        let (mut raw, far) = tokio::io::duplex(64);
        let mut far = Frames::<_, Request, Response>::new(far);
        raw.write_all(&[0, 0, 0, 9, b'{']).await.expect("writes");
        drop(raw);
        assert!(matches!(far.next().await, Err(FrameError::Io(_))));
    }

    #[test]
    fn bad_requests_are_told_apart_and_keep_their_id() {
        let refusal = |text: &str| {
            let error = decode_request(text.as_bytes()).expect_err("is refused");
            (error.id, error.kind)
        };
        assert_eq!(refusal("garbage"), (0, ErrorKind::Malformed));
        assert_eq!(refusal("[]"), (0, ErrorKind::Malformed));
        assert_eq!(refusal("{}"), (0, ErrorKind::Malformed));
        assert_eq!(
            refusal(r#"{"id":-1,"call":{"type":"status"}}"#),
            (0, ErrorKind::Malformed)
        );
        assert_eq!(refusal(r#"{"id":4}"#), (4, ErrorKind::Malformed));
        assert_eq!(
            refusal(r#"{"id":4,"call":{"type":"dance"}}"#),
            (4, ErrorKind::UnknownCall)
        );
        assert_eq!(
            refusal(r#"{"id":4,"call":{"type":"tokenize_chat","messages":["hi"]}}"#),
            (4, ErrorKind::Malformed)
        );
        assert_eq!(
            refusal(r#"{"id":4,"call":{"type":"cancel"}}"#),
            (4, ErrorKind::Malformed)
        );
        assert_eq!(
            refusal(r#"{"id":4,"call":{"type":"cancel","key":1.5}}"#),
            (4, ErrorKind::Malformed)
        );
        let deep = format!(r#"{{"id":4,"call":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(refusal(&deep), (0, ErrorKind::Malformed));
        let good = decode_request(br#"{"id":4,"call":{"type":"status"},"new":1}"#).expect("parses");
        assert_eq!(
            good,
            Request {
                id: 4,
                call: Call::Status
            }
        );
    }
}
