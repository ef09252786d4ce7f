//! Whether this machine's clock is right: by the kernel's word, and by the times of blocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Finding, Found};
use crate::faults::Fault;

/// Less than this is within what slots and slow links explain.
const TOLERANCE: Duration = Duration::from_secs(30);
/// So many different slots must have been seen before anything is said: a single announcement proves nothing.
pub const ENOUGH: usize = 3;

/// How this machine's clock differs from the network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    /// It shows an earlier time.
    Behind(Duration),
    /// It shows a later time.
    Ahead(Duration),
}

/// Milliseconds by the local clock since a slot began; negative where it has not begun.
pub fn age(slot: u64, slot_millis: u64) -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_millis());
    let began = u128::from(slot).saturating_mul(u128::from(slot_millis));
    let after = i64::try_from(now.saturating_sub(began)).unwrap_or(i64::MAX);
    let before = i64::try_from(began.saturating_sub(now)).unwrap_or(i64::MAX);
    after.saturating_sub(before)
}

/// Milliseconds of the local clock after the time of a block that was just made; negative where the block lies in the future.
///
/// Half of the samples and more must agree, so that one peer with a wrong clock, or with old blocks, changes nothing.
pub fn judge(samples: &[i64]) -> Option<Skew> {
    if samples.len() < ENOUGH {
        return None;
    }
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    one(*sorted.get(sorted.len() / 2)?)
}

/// Judges one sample from a source that is known to be right.
pub fn one(sample: i64) -> Option<Skew> {
    let size = Duration::from_millis(sample.unsigned_abs());
    match sample {
        _ if size <= TOLERANCE => None,
        ..0 => Some(Skew::Behind(size)),
        _ => Some(Skew::Ahead(size)),
    }
}

/// The clock is wrong by `skew`, compared with `reference`.
pub fn wrong(skew: Skew, reference: &str) -> Fault {
    let (size, direction) = match skew {
        Skew::Behind(size) => (size, "behind"),
        Skew::Ahead(size) => (size, "ahead of"),
    };
    let size = match size.as_secs() {
        seconds @ ..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", (seconds + 30) / 60),
    };
    Fault::new(
        format!("this machine's clock is {size} {direction} {reference}"),
        "enable NTP (`timedatectl set-ntp true`, or start chronyd), see `timedatectl` for the result, and restart the node: with a wrong \
         clock it refuses good blocks, and others refuse its own",
    )
}

/// What the kernel says about its clock. A service that keeps it right tells the kernel so.
pub fn synchronised() -> Vec<Finding> {
    const SUBJECT: &str = "clock";
    vec![match kernel_synchronised() {
        Some(true) => Finding::ok(SUBJECT, "kept right by a time service"),
        Some(false) => Finding::warn(
            SUBJECT,
            "no time service keeps this machine's clock right",
            "enable NTP (`timedatectl set-ntp true`, or start chronyd), and compare with a node by --against",
        ),
        None => Finding::new(
            SUBJECT,
            Found::Ok("whether a time service keeps it right is not known on this system".into()),
        ),
    }]
}

#[cfg(target_os = "linux")]
fn kernel_synchronised() -> Option<bool> {
    // SAFETY: all zeroes is a valid value, and asks for nothing to be changed.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes to a value of the type that it expects.
    let result = unsafe { libc::adjtimex(&mut state) };
    (result >= 0).then_some(result != libc::TIME_ERROR && state.status & libc::STA_UNSYNC == 0)
}

#[cfg(not(target_os = "linux"))]
fn kernel_synchronised() -> Option<bool> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn clock_off_by_an_hour_is_told_with_its_direction() {
        assert_eq!(
            judge(&[-HOUR, 1_000 - HOUR, -HOUR]),
            Some(Skew::Behind(Duration::from_secs(3600)))
        );
        assert_eq!(judge(&[HOUR; 5]), Some(Skew::Ahead(Duration::from_secs(3600))));
    }

    #[test]
    fn right_clock_one_voice_and_odd_voices_say_nothing() {
        assert_eq!(judge(&[200, 900, 29_000, -1_500]), None);
        assert_eq!(judge(&[HOUR, HOUR]), None, "too few");
        assert_eq!(judge(&[500, HOUR, 700, -HOUR, 300]), None);
        assert_eq!(judge(&[i64::MIN, i64::MAX, 0]), None);
    }

    #[test]
    fn words_name_size_direction_and_ntp() {
        let fault = wrong(Skew::Behind(Duration::from_millis(HOUR as u64)), "the network's");
        assert_eq!(fault.cause, "this machine's clock is 60 minutes behind the network's");
        assert!(fault.remedy.contains("timedatectl set-ntp true"));
        let fault = wrong(Skew::Ahead(Duration::from_secs(45)), "the network's");
        assert_eq!(fault.cause, "this machine's clock is 45 seconds ahead of the network's");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn kernel_answers() {
        assert!(kernel_synchronised().is_some());
    }
}
