//! The life of a job as a stream of events.

use futures::{future, stream::BoxStream, StreamExt};
use jsonrpsee::{SubscriptionMessage, SubscriptionSink};
use lantern_primitives::{info::JobInfo, job::JobState, AccountId, BlockNumber, JobId, ModelId};
use lantern_rpc_types::{Amount, BlockRef, CommitmentJson, Decimal, SplitJson};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

use super::services::{ModelServices, TokenChunk};

/// How often to ask whether the local worker has started on a claimed job.
const WORKER_POLL: Duration = Duration::from_millis(200);

/// Something that happened to a job, told apart by `event`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum JobEvent {
    /// It was submitted and its fee escrowed.
    Submitted {
        /// Block.
        at: BlockNumber,
        /// Who pays.
        requester: AccountId,
        /// The model.
        model: ModelId,
        /// Escrow.
        max_fee: Amount,
    },
    /// A provider claimed it.
    Claimed {
        /// Block.
        at: BlockNumber,
        /// The provider.
        provider: AccountId,
    },
    /// The local worker produced tokens of it. They are a preview until the commitment names their hash.
    Tokens(TokenChunk),
    /// A result was committed.
    Committed {
        /// Block.
        at: BlockNumber,
        /// The provider.
        provider: AccountId,
        /// The result.
        commitment: CommitmentJson,
        /// Compute units in millionths.
        micro_units: Decimal<u64>,
    },
    /// Everyone was paid. Terminal.
    Settled {
        /// Block.
        at: BlockNumber,
        /// Who received how much.
        split: SplitJson,
        /// Back to the requester.
        refund: Amount,
    },
    /// The requester withdrew it. Terminal.
    Cancelled {
        /// Block.
        at: BlockNumber,
    },
    /// A deadline passed. Terminal.
    Expired {
        /// Block.
        at: BlockNumber,
        /// The provider that missed its deadline.
        provider: Option<AccountId>,
        /// What the requester received from its bond.
        compensation: Amount,
    },
    /// A reorganisation undid events sent before; those that hold now follow.
    Reverted,
    /// The state of the best block no longer holds the job. Terminal.
    Removed,
}

impl JobEvent {
    /// Whether nothing follows.
    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::Settled { .. } | Self::Cancelled { .. } | Self::Expired { .. } | Self::Removed
        )
    }
}

/// One notification of `depin_subscribeJob`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobNotification {
    /// The job.
    pub job: JobId,
    /// Best block when it was sent.
    pub block: BlockRef,
    /// What happened.
    #[serde(flatten)]
    pub event: JobEvent,
}

/// Events that the record of a job proves, oldest first.
pub fn timeline(info: &JobInfo) -> Vec<JobEvent> {
    let job = &info.job;
    let mut events = vec![JobEvent::Submitted {
        at: job.submitted_at,
        requester: job.requester.clone(),
        model: job.model,
        max_fee: Decimal(job.max_fee),
    }];
    let claimed = |provider: &AccountId, at: BlockNumber| JobEvent::Claimed {
        at,
        provider: provider.clone(),
    };
    match &job.state {
        JobState::Open { .. } => {},
        JobState::Claimed {
            provider, claimed_at, ..
        } => events.push(claimed(provider, *claimed_at)),
        JobState::Committed {
            provider,
            claimed_at,
            committed_at,
            commitment,
            units,
            ..
        } => events.extend([
            claimed(provider, *claimed_at),
            JobEvent::Committed {
                at: *committed_at,
                provider: provider.clone(),
                commitment: commitment.into(),
                micro_units: Decimal(*units),
            },
        ]),
        JobState::Settled {
            provider,
            claimed_at,
            committed_at,
            settled_at,
            commitment,
            units,
            split,
            refund,
        } => events.extend([
            claimed(provider, *claimed_at),
            JobEvent::Committed {
                at: *committed_at,
                provider: provider.clone(),
                commitment: commitment.into(),
                micro_units: Decimal(*units),
            },
            JobEvent::Settled {
                at: *settled_at,
                split: split.into(),
                refund: Decimal(*refund),
            },
        ]),
        JobState::Cancelled { at } => events.push(JobEvent::Cancelled { at: *at }),
        JobState::Expired {
            at,
            provider,
            compensation,
        } => events.push(JobEvent::Expired {
            at: *at,
            provider: provider.clone(),
            compensation: Decimal(*compensation),
        }),
    }
    events
}

/// What a subscriber has been told, and so what it must be told next.
#[derive(Default)]
pub struct Progress {
    sent: Vec<JobEvent>,
}

impl Progress {
    /// Events to send now that the job's record proves `now`, or that the record is gone (`None`).
    pub fn advance(&mut self, now: Option<Vec<JobEvent>>) -> Vec<JobEvent> {
        let Some(now) = now else {
            return vec![JobEvent::Removed];
        };
        let mut events = Vec::new();
        // The record of an expired job no longer says when it was claimed; that undoes nothing.
        let forgotten = |event: &JobEvent| {
            matches!(event, JobEvent::Claimed { .. })
                && matches!(now.last(), Some(JobEvent::Expired { provider: Some(_), .. }))
        };
        if self.sent.iter().any(|event| !now.contains(event) && !forgotten(event)) {
            self.sent.retain(|event| now.contains(event));
            events.push(JobEvent::Reverted);
        }
        for event in now {
            if !self.sent.contains(&event) {
                self.sent.push(event.clone());
                events.push(event);
            }
        }
        events
    }

    /// Whether the job is claimed and not yet committed.
    pub fn is_running(&self) -> bool {
        matches!(self.sent.last(), Some(JobEvent::Claimed { .. }))
    }
}

/// Best blocks as they come, and how to read a job at one.
pub struct Chain<R> {
    /// Best blocks.
    pub best: BoxStream<'static, BlockRef>,
    /// The job at a block; `None` when the state no longer holds it, `Err` when the state cannot be read.
    pub read: R,
}

/// Sends the events of `job` to `sink` until a terminal one, or until the subscriber leaves.
pub async fn run<R, E>(
    sink: SubscriptionSink,
    job: JobId,
    mut block: BlockRef,
    mut chain: Chain<R>,
    services: Arc<dyn ModelServices>,
) where
    R: Fn(BlockRef) -> Result<Option<JobInfo>, E> + Send,
    E: std::fmt::Display,
{
    let mut progress = Progress::default();
    let mut tokens: Option<BoxStream<'static, TokenChunk>> = None;
    // Set once a stream of this job was followed to its end, so that it is not replayed.
    let mut streamed = false;
    let mut changed = true;
    loop {
        if changed {
            match (chain.read)(block) {
                Ok(info) => {
                    for event in progress.advance(info.as_ref().map(timeline)) {
                        let terminal = event.is_terminal();
                        if !send(&sink, job, block, event).await || terminal {
                            return;
                        }
                    }
                },
                // The block may have left the best chain already; the next one settles it.
                Err(error) => log::debug!(target: "rpc", "job {job}: no state at {:?}: {error}", block.hash),
            }
            changed = false;
        }
        let wants_tokens = tokens.is_none() && !streamed && progress.is_running();
        if wants_tokens {
            tokens = services.token_stream(job);
        }
        let next_tokens = async {
            match tokens.as_mut() {
                Some(stream) => stream.next().await,
                None => future::pending().await,
            }
        };
        let retry = async {
            if wants_tokens {
                tokio::time::sleep(WORKER_POLL).await
            } else {
                future::pending().await
            }
        };
        tokio::select! {
            () = sink.closed() => return,
            next = chain.best.next() => match next {
                Some(next) => {
                    block = next;
                    changed = true;
                }
                None => return,
            },
            chunk = next_tokens => match chunk {
                Some(chunk) => {
                    if !send(&sink, job, block, JobEvent::Tokens(chunk)).await {
                        return;
                    }
                }
                None => {
                    tokens = None;
                    streamed = true;
                }
            },
            () = retry => {}
        }
    }
}

/// Sends one notification; `false` when the subscriber is gone.
async fn send(sink: &SubscriptionSink, job: JobId, block: BlockRef, event: JobEvent) -> bool {
    match SubscriptionMessage::from_json(&JobNotification { job, block, event }) {
        Ok(message) => sink.send(message).await.is_ok(),
        Err(error) => {
            log::error!(target: "rpc", "job {job}: notification cannot be encoded: {error}");
            false
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submitted(at: BlockNumber) -> JobEvent {
        JobEvent::Submitted {
            at,
            requester: AccountId::new([1; 32]),
            model: ModelId::zero(),
            max_fee: Decimal(5),
        }
    }

    fn claimed(at: BlockNumber) -> JobEvent {
        JobEvent::Claimed {
            at,
            provider: AccountId::new([2; 32]),
        }
    }

    fn expired(provider: Option<AccountId>) -> JobEvent {
        JobEvent::Expired {
            at: 9,
            provider,
            compensation: Decimal(0),
        }
    }

    #[test]
    fn every_event_is_sent_once() {
        let mut progress = Progress::default();
        assert_eq!(progress.advance(Some(vec![submitted(1)])), [submitted(1)]);
        assert_eq!(progress.advance(Some(vec![submitted(1)])), []);
        assert_eq!(progress.advance(Some(vec![submitted(1), claimed(2)])), [claimed(2)]);
        assert!(progress.is_running());
    }

    #[test]
    fn a_late_subscriber_gets_the_whole_past() {
        let mut progress = Progress::default();
        let past = vec![submitted(1), claimed(2), expired(Some(AccountId::new([2; 32])))];
        assert_eq!(progress.advance(Some(past.clone())), past);
        assert!(past[2].is_terminal());
    }

    #[test]
    fn a_reorganisation_is_told_before_what_holds_now() {
        let mut progress = Progress::default();
        progress.advance(Some(vec![submitted(1), claimed(2)]));
        assert_eq!(
            progress.advance(Some(vec![submitted(1), claimed(3)])),
            [JobEvent::Reverted, claimed(3)]
        );
        assert_eq!(progress.advance(Some(vec![submitted(1)])), [JobEvent::Reverted]);
        assert!(!progress.is_running());
    }

    #[test]
    fn expiry_after_a_claim_reverts_nothing() {
        let mut progress = Progress::default();
        progress.advance(Some(vec![submitted(1), claimed(2)]));
        let gone = expired(Some(AccountId::new([2; 32])));
        assert_eq!(progress.advance(Some(vec![submitted(1), gone.clone()])), [gone]);
        // Without a provider the claim cannot have happened on this branch.
        let mut other = Progress::default();
        other.advance(Some(vec![submitted(1), claimed(2)]));
        assert_eq!(
            other.advance(Some(vec![submitted(1), expired(None)])),
            [JobEvent::Reverted, expired(None)]
        );
    }

    #[test]
    fn a_vanished_record_ends_the_stream() {
        let mut progress = Progress::default();
        progress.advance(Some(vec![submitted(1)]));
        let events = progress.advance(None);
        assert_eq!(events, [JobEvent::Removed]);
        assert!(events[0].is_terminal());
    }

    #[test]
    fn notifications_are_flat_and_tagged() {
        let notification = JobNotification {
            job: 4,
            block: BlockRef {
                number: 3,
                hash: Default::default(),
            },
            event: JobEvent::Tokens(TokenChunk {
                position: 2,
                tokens: vec![7],
                text: "a".into(),
            }),
        };
        let json = serde_json::to_value(&notification).unwrap();
        assert_eq!(json["event"], "tokens");
        assert_eq!(json["position"], 2);
        assert_eq!(json["block"]["number"], 3);
        assert_eq!(serde_json::from_value::<JobNotification>(json).unwrap(), notification);
    }
}
