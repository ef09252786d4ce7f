//! Waiting for a job: a progress bar, and a timeline as it happens.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::{
    chain::Chain,
    failure::Failure,
    node::{Job, Notification, State},
};

/// How a job ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// Everyone was paid.
    Settled,
    /// The requester withdrew it.
    Cancelled,
    /// A deadline passed.
    Expired,
}

impl End {
    /// An error unless the job was paid.
    pub fn require_settled(&self, id: u64) -> Result<(), Failure> {
        match self {
            Self::Settled => Ok(()),
            Self::Cancelled => Err(Failure::Outcome(format!(
                "job {id} was cancelled and its escrow refunded"
            ))),
            Self::Expired => Err(Failure::Outcome(format!(
                "job {id} expired and its escrow was refunded"
            ))),
        }
    }
}

/// What to show while waiting.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// A progress bar and a timeline.
    Progress,
    /// One line of JSON per event.
    JsonLines,
    /// Nothing.
    Nothing,
}

/// Follows job `id` until it ends, for at most `timeout`.
pub async fn follow(chain: &Chain, id: u64, show: Show, timeout: Duration) -> Result<End, Failure> {
    let mut screen = Screen::new(id, show);
    let waited = tokio::time::timeout(timeout, follow_forever(chain, id, &mut screen)).await;
    screen.finish();
    waited.unwrap_or_else(|_| {
        let seconds = timeout.as_secs();
        Err(Failure::Timeout(format!(
            "job {id} did not end within {seconds} s; it goes on"
        )))
    })
}

async fn follow_forever(chain: &Chain, id: u64, screen: &mut Screen) -> Result<End, Failure> {
    let mut events = chain.job_events(id).await?;
    let mut heads = chain.heads().await?;
    let broken = || Failure::Connection("the node ended the subscription".into());
    loop {
        tokio::select! {
            event = events.next() => {
                let event: Value = event.ok_or_else(broken)??;
                screen.event(&event)?;
                match event["event"].as_str() {
                    Some("settled") => return Ok(End::Settled),
                    Some("cancelled") => return Ok(End::Cancelled),
                    Some("expired") => return Ok(End::Expired),
                    Some("removed") => return Err(Failure::Outcome(format!("the chain no longer holds job {id}"))),
                    // The bar's deadlines follow the state.
                    Some("submitted" | "claimed" | "committed" | "reverted") if screen.is_visible() => {
                        screen.phase(&chain.job(id).await?);
                    },
                    _ => {},
                }
            },
            head = heads.next() => {
                let head = head.ok_or_else(broken)??;
                screen.block(u32::try_from(head.number).unwrap_or(u32::MAX));
            },
        }
    }
}

/// What is seen of a wait.
struct Screen {
    show: Show,
    bar: ProgressBar,
    id: u64,
    /// First and last block of the phase that the job is in.
    phase: (u32, u32),
    text: String,
}

impl Screen {
    fn new(id: u64, show: Show) -> Self {
        let bar = if show == Show::Progress {
            ProgressBar::new(1)
        } else {
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template("{spinner} {prefix:<10} [{bar:24}] {msg}");
        bar.set_style(
            style
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> "),
        );
        bar.set_prefix("waiting");
        if show == Show::Progress {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self {
            show,
            bar,
            id,
            phase: (0, 1),
            text: String::new(),
        }
    }

    fn is_visible(&self) -> bool {
        self.show == Show::Progress
    }

    /// Shows an event.
    fn event(&mut self, event: &Value) -> Result<(), Failure> {
        match self.show {
            Show::JsonLines => println!("{event}"),
            Show::Nothing => {},
            Show::Progress => {
                let notification: Notification = serde_json::from_value(event.clone())?;
                match (notification.event.as_str(), notification.at) {
                    ("tokens", _) => self.tokens(&notification.text.unwrap_or_default()),
                    ("reverted", _) => self.line(format!(
                        "job {}  undone by a reorganisation; what holds follows",
                        self.id
                    )),
                    (name, Some(at)) => self.line(format!("job {}  {name:<10} block {at}", self.id)),
                    _ => {},
                }
            },
        }
        Ok(())
    }

    /// Prints a line above the bar, or alone where no bar can be drawn.
    fn line(&self, line: String) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Shows the text that the provider has generated so far.
    fn tokens(&mut self, text: &str) {
        self.text.push_str(text);
        let tail: Vec<char> = self.text.chars().rev().take(48).collect();
        let tail: String = tail
            .into_iter()
            .rev()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        self.bar.set_message(tail);
    }

    /// Shows which phase the job is in and until when.
    fn phase(&mut self, job: &Job) {
        let (name, from, until) = match &job.state {
            State::Open { deadline } => ("open", job.submitted_at, *deadline),
            State::Claimed {
                claimed_at, deadline, ..
            } => ("running", *claimed_at, *deadline),
            State::Committed {
                committed_at,
                window_ends,
                ..
            } => ("window", *committed_at, window_ends.saturating_add(1)),
            _ => return,
        };
        self.phase = (from, until.max(from.saturating_add(1)));
        self.bar.set_prefix(name);
        self.bar.set_length(u64::from(self.phase.1 - self.phase.0));
    }

    /// Moves the bar to block `number`.
    fn block(&mut self, number: u32) {
        let (from, until) = self.phase;
        self.bar.set_position(u64::from(number.clamp(from, until) - from));
        if self.text.is_empty() {
            self.bar.set_message(format!("block {number}, due by {until}"));
        }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_settled_job_is_a_success() {
        assert!(End::Settled.require_settled(1).is_ok());
        for end in [End::Cancelled, End::Expired] {
            assert_eq!(end.require_settled(1).unwrap_err().exit_code(), 1);
        }
    }

    #[test]
    fn the_bar_stays_within_its_phase() {
        let mut screen = Screen::new(1, Show::Nothing);
        let job: Job = serde_json::from_value(json!({
            "id": 1, "requester": "5G", "maxFee": "1", "submittedAt": 10,
            "model": format!("0x{}", "00".repeat(32)),
            "state": {"status": "open", "deadline": 20},
        }))
        .unwrap();
        screen.phase(&job);
        for (block, position) in [(5, 0), (10, 0), (15, 5), (99, 10)] {
            screen.block(block);
            assert_eq!(screen.bar.position(), position, "{block}");
        }
    }

    #[test]
    fn events_are_read_leniently() {
        let mut screen = Screen::new(1, Show::Progress);
        for event in [
            json!({"event": "claimed", "at": 4, "job": 1, "block": {"number": 5}}),
            json!({"event": "tokens", "position": 0, "tokens": [1], "text": "a\nb"}),
            json!({"event": "something new"}),
        ] {
            screen.event(&event).unwrap();
        }
        assert_eq!(screen.text, "a\nb");
        assert!(screen.event(&json!({"at": 3})).is_err());
        screen.finish();
    }
}
