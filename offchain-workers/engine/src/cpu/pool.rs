//! A fixed pool of threads for short parallel regions.
//!
//! A decode step is about a hundred regions of some tens of microseconds, so a region must start and end without a system
//! call and without an allocation. Helpers therefore spin for a moment before they park, and a region never waits for a
//! helper that has not begun: tasks are claimed one at a time from a counter that carries the region's number, so a late
//! helper finds nothing to claim instead of touching a region that is over.

use std::{
    panic::{catch_unwind, resume_unwind, AssertUnwindSafe},
    sync::{
        atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering},
        Arc, Mutex, PoisonError,
    },
    thread::{self, JoinHandle},
};

/// Rounds of spinning before a helper parks; some tens of microseconds.
const SPIN_ROUNDS: u32 = 20_000;

/// The half of the claim word that counts unclaimed tasks.
const LEFT_MASK: u64 = 0xffff_ffff;

/// What one region shares with its helpers. Lives on the stack of [`Pool::run`], which outlives every claimed task.
struct Region<'a> {
    task: &'a (dyn Fn(usize) + Sync),
    tasks: u32,
    finished: AtomicUsize,
    panicked: AtomicBool,
}

struct Shared {
    /// Region number in the high half, count of unclaimed tasks in the low half.
    claim: AtomicU64,
    region: AtomicPtr<Region<'static>>,
    sleepers: AtomicUsize,
    stop: AtomicBool,
}

/// Threads that run the tasks of one region at a time.
pub struct Pool {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    /// Regions of several callers take turns.
    turn: Mutex<()>,
}

impl Pool {
    /// A pool of `threads` threads, the caller's own included; 0 counts as 1.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            claim: AtomicU64::new(0),
            region: AtomicPtr::new(std::ptr::null_mut()),
            sleepers: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let helpers = (1..threads.max(1))
            .filter_map(|index| {
                let shared = Arc::clone(&shared);
                // A machine that refuses another thread still computes, only slower.
                thread::Builder::new()
                    .name(format!("lantern-{index}"))
                    .spawn(move || help(&shared))
                    .ok()
            })
            .collect();
        Self {
            shared,
            helpers,
            turn: Mutex::new(()),
        }
    }

    /// Threads that take part in a region, the caller's included.
    pub fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Runs `task(0)` to `task(tasks - 1)`, each once, in no particular order, and returns when all are done. A task must not
    /// call this itself.
    ///
    /// # Panics
    /// When a task panics, after every other claimed task is done.
    pub fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        if self.helpers.is_empty() || tasks < 2 || tasks >= u32::MAX as usize {
            (0..tasks).for_each(task);
            return;
        }
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let region = Region {
            task,
            tasks: tasks as u32,
            finished: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
        };
        let number = (self.shared.claim.load(Ordering::Relaxed) >> 32).wrapping_add(1) & LEFT_MASK;
        let pointer = std::ptr::from_ref(&region).cast_mut().cast::<Region<'static>>();
        self.shared.region.store(pointer, Ordering::Release);
        self.shared.claim.store((number << 32) | tasks as u64, Ordering::SeqCst);
        if self.shared.sleepers.load(Ordering::SeqCst) > 0 {
            self.helpers.iter().for_each(|helper| helper.thread().unpark());
        }
        work(&self.shared, number);
        let mut rounds = 0u32;
        while region.finished.load(Ordering::Acquire) < tasks {
            rounds += 1;
            if rounds < SPIN_ROUNDS {
                std::hint::spin_loop();
            } else {
                // The helper lost its core: give it ours.
                thread::yield_now();
            }
        }
        drop(turn);
        if region.panicked.load(Ordering::Acquire) {
            resume_unwind(Box::new("a task of a parallel region panicked"));
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for helper in self.helpers.drain(..) {
            helper.thread().unpark();
            let _ = helper.join();
        }
    }
}

/// Claims and runs tasks of region `number` until none is left or the region is over.
fn work(shared: &Shared, number: u64) {
    let mut seen = shared.claim.load(Ordering::Acquire);
    while seen >> 32 == number && seen & LEFT_MASK != 0 {
        let pointer = shared.region.load(Ordering::Acquire);
        match shared
            .claim
            .compare_exchange_weak(seen, seen - 1, Ordering::AcqRel, Ordering::Acquire)
        {
            Err(now) => seen = now,
            Ok(_) => {
                // SAFETY: the claim succeeded, so the word was `seen` throughout and this region has a claimed task that is
                // not finished: `run` has not returned, and the pointer read above was this region's, because the next
                // region is stored only after all tasks of this one are finished.
                let region = unsafe { &*pointer };
                let index = region.tasks as u64 - (seen & LEFT_MASK);
                if catch_unwind(AssertUnwindSafe(|| (region.task)(index as usize))).is_err() {
                    region.panicked.store(true, Ordering::Release);
                }
                region.finished.fetch_add(1, Ordering::Release);
                seen = shared.claim.load(Ordering::Acquire);
            },
        }
    }
}

/// A helper's life: wait for a region with unclaimed tasks, work on it, repeat.
fn help(shared: &Shared) {
    let open = |shared: &Shared| {
        let seen = shared.claim.load(Ordering::SeqCst);
        (seen & LEFT_MASK != 0).then_some(seen >> 32)
    };
    let mut rounds = 0u32;
    while !shared.stop.load(Ordering::Acquire) {
        if let Some(number) = open(shared) {
            work(shared, number);
            rounds = 0;
        } else if rounds < SPIN_ROUNDS {
            rounds += 1;
            std::hint::spin_loop();
        } else {
            // Announce the sleep, then look again: `run` publishes the region before it looks for sleepers, so one of the
            // two sees the other.
            shared.sleepers.fetch_add(1, Ordering::SeqCst);
            if open(shared).is_none() && !shared.stop.load(Ordering::SeqCst) {
                thread::park();
            }
            shared.sleepers.fetch_sub(1, Ordering::SeqCst);
            rounds = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once_in_each_of_many_regions() {
        for threads in [1, 2, 3] {
            let pool = Pool::new(threads);
            for round in 0..2_000usize {
                let tasks = round % 37;
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(tasks, &|index| {
                    counts[index].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn helpers_wake_up_after_they_parked() {
        let pool = Pool::new(2);
        for _ in 0..5 {
            thread::sleep(std::time::Duration::from_millis(20));
            let sum = AtomicUsize::new(0);
            pool.run(100, &|index| {
                sum.fetch_add(index, Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 4950);
        }
    }

    #[test]
    fn a_panic_in_a_task_reaches_the_caller_and_leaves_the_pool_usable() {
        let pool = Pool::new(2);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool.run(8, &|index| assert_ne!(index, 5, "planned"));
        }));
        assert!(outcome.is_err());
        let sum = AtomicUsize::new(0);
        pool.run(4, &|index| {
            sum.fetch_add(index, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 6);
    }

    #[test]
    fn several_callers_share_one_pool() {
        let pool = Pool::new(2);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let sum = AtomicUsize::new(0);
                        pool.run(10, &|index| {
                            sum.fetch_add(index, Ordering::Relaxed);
                        });
                        assert_eq!(sum.into_inner(), 45);
                    }
                });
            }
        });
    }
}
