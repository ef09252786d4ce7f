//! Tokens of running jobs, for whoever watches.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::{stream, StreamExt};
use lantern_primitives::JobId;
use tokio::sync::broadcast;

/// Chunks that may wait for a slow watcher; one that falls further behind is let go.
const BACKLOG: usize = 1024;
/// Finished streams that are kept for watchers that come late.
const KEPT: usize = 64;

/// Tokens of a job, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Index of the first of `tokens` in the output.
    pub position: u32,
    /// Token ids.
    pub tokens: Vec<u32>,
    /// Text that became complete with them.
    pub text: String,
}

struct Stream {
    tokens: Vec<u32>,
    text: String,
    /// `None` once the last token was seen.
    live: Option<broadcast::Sender<Chunk>>,
}

#[derive(Default)]
struct State {
    streams: BTreeMap<JobId, Stream>,
    finished: VecDeque<JobId>,
}

/// The streams of all jobs in hand.
#[derive(Default)]
pub struct Streams {
    state: Mutex<State>,
}

impl Streams {
    fn state(&self) -> MutexGuard<'_, State> {
        // Changed in steps that do not panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the stream of a job that is about to run. One that runs again goes on: an exact job repeats its tokens.
    pub fn open(&self, job: JobId) {
        let mut state = self.state();
        state.finished.retain(|other| *other != job);
        let stream = state.streams.entry(job).or_insert_with(|| Stream {
            tokens: Vec::new(),
            text: String::new(),
            live: None,
        });
        if stream.live.is_none() {
            stream.live = Some(broadcast::channel(BACKLOG).0);
        }
    }

    /// Adds tokens. Those that are known already are left out; their text is known with them.
    pub fn push(&self, job: JobId, position: u32, tokens: &[u32], text: &str) {
        let mut state = self.state();
        let Some(stream) = state.streams.get_mut(&job) else {
            return;
        };
        let known = stream.tokens.len();
        let Some(new) = known.checked_sub(position as usize).and_then(|skip| tokens.get(skip..)) else {
            return;
        };
        if new.is_empty() {
            return;
        }
        // A chunk that repeats known tokens and brings new ones is the one that an attached run starts with: all of it.
        let text = if new.len() == tokens.len() {
            text
        } else {
            text.strip_prefix(stream.text.as_str()).unwrap_or("")
        };
        let chunk = Chunk {
            position: u32::try_from(known).unwrap_or(u32::MAX),
            tokens: new.to_vec(),
            text: text.to_owned(),
        };
        stream.tokens.extend_from_slice(new);
        stream.text.push_str(text);
        // An error only says that nobody watches.
        let _ = stream.live.as_ref().map(|live| live.send(chunk));
    }

    /// Ends the stream of a job that has its result.
    pub fn finish(&self, job: JobId) {
        let mut state = self.state();
        let Some(stream) = state.streams.get_mut(&job) else {
            return;
        };
        if stream.live.take().is_some() {
            state.finished.push_back(job);
        }
        while state.finished.len() > KEPT {
            if let Some(oldest) = state.finished.pop_front() {
                state.streams.remove(&oldest);
            }
        }
    }

    /// Drops the stream of a job that is not ours after all.
    pub fn drop_job(&self, job: JobId) {
        let mut state = self.state();
        state.streams.remove(&job);
        state.finished.retain(|other| *other != job);
    }

    /// Tokens of `job` from the first on; ends with the job. `None` when this node does not run it.
    pub fn watch(&self, job: JobId) -> Option<stream::BoxStream<'static, Chunk>> {
        let state = self.state();
        let stream = state.streams.get(&job)?;
        let known = (!stream.tokens.is_empty()).then(|| Chunk {
            position: 0,
            tokens: stream.tokens.clone(),
            text: stream.text.clone(),
        });
        let live = stream.live.as_ref().map(broadcast::Sender::subscribe);
        let later = stream::unfold(live, |live| async move {
            let mut live = live?;
            // Closed: the job has ended. Lagged: this watcher is too slow, and a gap would be worse than an end.
            let chunk = live.recv().await.ok()?;
            Some((chunk, Some(live)))
        });
        Some(stream::iter(known).chain(later).boxed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(position: u32, tokens: &[u32], text: &str) -> Chunk {
        Chunk {
            position,
            tokens: tokens.to_vec(),
            text: text.into(),
        }
    }

    #[tokio::test]
    async fn watcher_sees_every_token_once_whenever_it_comes() {
        let streams = Streams::default();
        assert!(streams.watch(1).is_none());
        streams.open(1);
        let early = streams.watch(1).expect("runs");
        streams.push(1, 0, &[10], "a");
        let late = streams.watch(1).expect("runs");
        // The worker crashed and the job runs again.
        streams.open(1);
        streams.push(1, 0, &[10], "a");
        streams.push(1, 1, &[11], "b");
        // It attached to a run that is further.
        streams.push(1, 0, &[10, 11, 12], "abc");
        streams.finish(1);
        let expected = [chunk(0, &[10], "a"), chunk(1, &[11], "b"), chunk(2, &[12], "c")];
        assert_eq!(early.collect::<Vec<_>>().await, expected);
        assert_eq!(late.collect::<Vec<_>>().await, expected);
        let after = streams.watch(1).expect("is kept").collect::<Vec<_>>().await;
        assert_eq!(after, [chunk(0, &[10, 11, 12], "abc")]);
    }

    #[tokio::test]
    async fn gap_is_never_shown() {
        let streams = Streams::default();
        streams.open(1);
        streams.push(1, 3, &[13], "d");
        streams.finish(1);
        assert_eq!(streams.watch(1).expect("is kept").collect::<Vec<_>>().await, []);
    }

    #[test]
    fn old_streams_are_dropped() {
        let streams = Streams::default();
        for job in 0..(KEPT as u64 + 3) {
            streams.open(job);
            streams.finish(job);
        }
        assert!(streams.watch(2).is_none());
        assert!(streams.watch(3).is_some());
        streams.drop_job(3);
        assert!(streams.watch(3).is_none());
    }
}
