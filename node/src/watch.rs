//! Faults that come while the node runs: a disk that fills up, a database that stops writing, a clock that is wrong.

use std::{
    collections::VecDeque,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use lantern_runtime::{opaque::Block, Header};
use sc_client_api::backend::AuxStore;
use sp_blockchain::HeaderBackend;
use sp_consensus::block_validation::{BlockAnnounceValidator, DefaultBlockAnnounceValidator, Validation};
use sp_consensus_babe::digests::CompatibleDigestItem;
use sp_runtime::{traits::Header as _, Digest};

use crate::{
    check::{
        clock::{self, Skew},
        disk::{self, Room},
        SpaceParams,
    },
    faults::{self, Fault},
    service::{FullBackend, FullClient},
};

/// Target of this module's log lines.
const LOG_TARGET: &str = "lantern::watch";
/// Between two looks at the disk. Even a program that writes at full speed should not fill the last of it in between.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Between two words about the same trouble.
const SAY_EVERY: Duration = Duration::from_secs(60);
/// Every so many looks, the database is asked to write.
const WRITE_EVERY: u32 = 5;
/// Where the proof that the database still writes is kept.
const ALIVE_KEY: &[u8] = b"lantern:alive";
/// As many of the newest slots are compared with the clock.
const SAMPLES: usize = 8;

/// Watches the disk and the database, and returns when one of them is at its end. Spawned as an essential task, it ends the node
/// while there is room left to close the database in good order.
pub async fn storage(backend: Arc<FullBackend>, path: PathBuf, space: SpaceParams) {
    let mut warned: Option<Instant> = None;
    let mut ticks: u32 = 0;
    let fault = loop {
        match free_room(&path, &space) {
            Ok(None) => {},
            Ok(Some(little)) => {
                if warned.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
                    warned = Some(Instant::now());
                    log::warn!(target: LOG_TARGET, "{little}");
                }
            },
            Err(fault) => break fault,
        }
        // ParityDB writes in the background. After an error there it refuses further writes, of which nobody but the caller
        // learns: the node would go on in memory alone. So ask it.
        if ticks.is_multiple_of(WRITE_EVERY) {
            if let Err(error) = backend.insert_aux(&[(ALIVE_KEY, &ticks.to_le_bytes()[..])], &[]) {
                break database_fault(&error);
            }
        }
        ticks = ticks.wrapping_add(1);
        tokio::time::sleep(LOOK_EVERY).await;
    };
    log::error!(target: LOG_TARGET, "{fault}");
    faults::set_last_words(fault);
}

/// A warning when little is free, a fault when too little is.
fn free_room(path: &Path, space: &SpaceParams) -> Result<Option<Fault>, Fault> {
    // What cannot be seen is not held against the node.
    let Ok(free) = disk::free(path) else {
        return Ok(None);
    };
    match space.judge(free) {
        Room::Enough => Ok(None),
        Room::Little => Ok(Some(disk::little_room(path, free, space.min_free_space))),
        Room::None => Err(disk::no_room(path, free, space.min_free_space)),
    }
}

fn database_fault(error: &sp_blockchain::Error) -> Fault {
    if faults::says_disk_full(&format!("{error:?}")) {
        return faults::disk_full("the database could not write");
    }
    faults::corrupt_database(&format!("it stopped writing: {error}"))
}

/// Says so when the newest block of the database lies in the future: the clock was set back, or was ahead when it was made.
pub fn newest_block(client: &FullClient, slot_millis: u64) {
    let Ok(Some(header)) = client.header(client.info().best_hash) else {
        return;
    };
    if let Some(skew @ Skew::Behind(_)) = sample(&header, slot_millis).and_then(clock::one) {
        log::error!(target: LOG_TARGET, "{}", clock::wrong(skew, "the newest block of the database"));
    }
}

/// The slot that a block's digest names.
pub fn slot(digest: &Digest) -> Option<u64> {
    digest
        .logs
        .iter()
        .find_map(CompatibleDigestItem::as_babe_pre_digest)
        .map(|digest| *digest.slot())
}

/// Milliseconds by the local clock since the slot of a block began.
fn sample(header: &Header, slot_millis: u64) -> Option<i64> {
    Some(clock::age(slot(header.digest())?, slot_millis))
}

/// Compares the clock with the blocks that peers announce. They come as soon as they are made, and before they are verified:
/// a node whose clock is behind refuses to import them, so that this is the only place where it can learn why.
pub struct AnnouncedClock {
    slot_millis: u64,
    samples: VecDeque<(u64, i64)>,
    said: Option<Instant>,
}

impl AnnouncedClock {
    /// Watches announcements of a chain with slots of this length.
    pub fn new(slot_millis: u64) -> Self {
        Self {
            slot_millis,
            samples: VecDeque::new(),
            said: None,
        }
    }

    /// Takes a header in, and tells what is wrong when it is time to.
    fn observe(&mut self, header: &Header) -> Option<Fault> {
        let slot = slot(header.digest())?;
        // Several peers announce the same block, the slow ones late.
        if self.samples.iter().any(|(known, _)| *known == slot) {
            return None;
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((slot, sample(header, self.slot_millis)?));
        let samples: Vec<_> = self.samples.iter().map(|(_, sample)| *sample).collect();
        let skew = clock::judge(&samples)?;
        if self.said.is_some_and(|at| at.elapsed() < SAY_EVERY) {
            return None;
        }
        self.said = Some(Instant::now());
        Some(clock::wrong(skew, "the network's"))
    }
}

impl BlockAnnounceValidator<Block> for AnnouncedClock {
    fn validate(
        &mut self,
        header: &Header,
        data: &[u8],
    ) -> Pin<Box<dyn Future<Output = Result<Validation, Box<dyn std::error::Error + Send>>> + Send>> {
        if let Some(fault) = self.observe(header) {
            log::error!(target: LOG_TARGET, "{fault}");
        }
        BlockAnnounceValidator::<Block>::validate(&mut DefaultBlockAnnounceValidator, header, data)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use sp_consensus_babe::digests::{PreDigest, SecondaryPlainPreDigest};
    use sp_runtime::DigestItem;

    use super::*;

    const SLOT_MILLIS: u64 = 6_000;
    const HOUR: i64 = 3_600 * 1_000 / SLOT_MILLIS as i64;

    fn now() -> i64 {
        let millis = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("is after 1970")
            .as_millis() as u64;
        (millis / SLOT_MILLIS) as i64
    }

    /// A block of a network whose clock is `slots` ahead of ours; `number` slots after the first.
    fn announced(slots: i64, number: u32) -> Header {
        let item = DigestItem::babe_pre_digest(PreDigest::SecondaryPlain(SecondaryPlainPreDigest {
            authority_index: 0,
            slot: ((now() + slots + i64::from(number)) as u64).into(),
        }));
        Header::new(
            number,
            Default::default(),
            Default::default(),
            Default::default(),
            Digest { logs: vec![item] },
        )
    }

    #[test]
    fn blocks_of_the_future_say_that_the_clock_is_behind_once() {
        let mut watch = AnnouncedClock::new(SLOT_MILLIS);
        assert_eq!(watch.observe(&announced(HOUR, 1)), None);
        assert_eq!(watch.observe(&announced(HOUR, 1)), None, "the same block again");
        assert_eq!(watch.observe(&announced(HOUR, 2)), None);
        let fault = watch.observe(&announced(HOUR, 3)).expect("three slots agree");
        assert!(fault.cause.contains("60 minutes behind the network's"), "{fault}");
        assert!(fault.remedy.contains("timedatectl set-ntp true"), "{fault}");
        assert_eq!(watch.observe(&announced(HOUR, 4)), None, "was just said");
    }

    #[test]
    fn blocks_of_the_past_say_that_the_clock_is_ahead() {
        let mut watch = AnnouncedClock::new(SLOT_MILLIS);
        let said: Vec<_> = (1..=3)
            .filter_map(|number| watch.observe(&announced(-HOUR, number)))
            .collect();
        assert!(
            matches!(said.as_slice(), [fault] if fault.cause.contains("60 minutes ahead")),
            "{said:?}"
        );
    }

    #[test]
    fn right_clock_is_silent() {
        let mut watch = AnnouncedClock::new(SLOT_MILLIS);
        assert!((0..4).all(|number| watch.observe(&announced(-3, number)).is_none()));
    }

    #[test]
    fn room_is_watched_on_the_disk_of_the_path() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(free_room(folder.path(), &SpaceParams { min_free_space: 0 }), Ok(None));
        let fault = free_room(
            folder.path(),
            &SpaceParams {
                min_free_space: u64::MAX,
            },
        )
        .expect_err("is too little");
        assert!(
            fault.cause.contains("is full") && fault.remedy.contains("free space"),
            "{fault}"
        );
    }

    #[test]
    fn full_disk_is_told_from_other_failures_of_the_database() {
        let failure = |text: &str| database_fault(&sp_blockchain::Error::Backend(text.into()));
        assert!(failure("Io(Os { code: 28, kind: StorageFull })").cause.contains("full"));
        assert!(failure("Io(Os { code: 5, kind: Other })")
            .cause
            .contains("stopped writing"));
    }
}
