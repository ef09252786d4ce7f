//! The sweep: works through the agenda in `on_idle` and forgets old jobs, as far as the weight reaches.

use frame_support::{
    defensive,
    traits::Get,
    weights::{Weight, WeightMeter},
};
use frame_system::pallet_prelude::BlockNumberFor;
use lantern_primitives::{job::JobState, traits::Verification, JobId};
use sp_runtime::traits::{One, Saturating};

use crate::{book::Book, pallet::*, types::*, WeightInfo};

/// Blocks by which a window is prolonged while verification has not finished.
pub(crate) const DEFERRAL_BLOCKS: u32 = 10;
/// One part in so many of the sweep's weight is for forgetting. A removal weighs a sixth of a settlement, and there is one for each.
const FORGETTING: u64 = 4;

impl<T: Config> Pallet<T> {
    /// Serves everything that is due up to `now`, oldest first. What the weight does not reach is served in the next block:
    /// [`SweptTo`] never passes a block that still has entries. During a grace nothing is served.
    pub(crate) fn sweep(now: BlockNumberFor<T>, meter: &mut WeightMeter) {
        if meter.try_consume(T::WeightInfo::sweep_base()).is_err() {
            return;
        }
        if now <= GraceUntil::<T>::get() {
            return;
        }
        // First, and from a part of the weight alone: while blocks are full neither keeps the other from going on.
        let mut part = WeightMeter::with_limit(meter.remaining() / FORGETTING);
        Self::forget(now, &mut part);
        meter.consume(part.consumed());

        let start = SweptTo::<T>::get();
        let mut done = start;
        while done < now {
            let block = done.saturating_add(One::one());
            if meter.try_consume(T::WeightInfo::sweep_block()).is_err() || !Self::sweep_block(block, now, meter) {
                break;
            }
            done = block;
        }
        if done != start {
            SweptTo::<T>::put(done);
        }
    }

    /// Removes finished jobs whose retention is over, in the order of ids. A job that is not there yet keeps those after it a little
    /// longer: every life is bounded. That needs no entry in the agenda, which would be two writes more for every job.
    pub(crate) fn forget(now: BlockNumberFor<T>, meter: &mut WeightMeter) {
        let (start, end) = (OldestJob::<T>::get(), NextJobId::<T>::get());
        let retention = T::Retention::get().max(One::one());
        let mut oldest = start;
        while oldest < end && meter.can_consume(T::WeightInfo::sweep_remove()) {
            // There are gaps where version 1 removed jobs in the order in which they ended.
            if let Some(job) = Jobs::<T>::get(oldest) {
                if finished_at::<T>(&job.state).is_none_or(|at| now < at.saturating_add(retention)) {
                    break;
                }
                Book::<T>::remove(oldest, &job.requester);
            }
            meter.consume(T::WeightInfo::sweep_remove());
            oldest = oldest.saturating_add(1);
        }
        if oldest != start {
            OldestJob::<T>::put(oldest);
        }
    }

    /// Serves the agenda of `block` and returns whether it is done.
    fn sweep_block(block: BlockNumberFor<T>, now: BlockNumberFor<T>, meter: &mut WeightMeter) -> bool {
        let largest = Self::largest_step();
        for id in Agenda::<T>::iter_key_prefix(block) {
            if !meter.can_consume(largest) {
                return false;
            }
            meter.consume(Self::serve(block, id, now));
        }
        true
    }

    /// Does what is due about one job and returns the weight of it.
    pub(crate) fn serve(block: BlockNumberFor<T>, id: JobId, now: BlockNumberFor<T>) -> Weight {
        let Some(job) = Jobs::<T>::get(id).filter(|job| finished_at::<T>(&job.state).is_none()) else {
            // Version 1 kept finished jobs in the agenda.
            Agenda::<T>::remove(block, id);
            return T::WeightInfo::sweep_remove();
        };
        match &job.state {
            JobState::Claimed { .. } => {
                Self::expire_claimed(id, job);
                T::WeightInfo::sweep_expire_claimed()
            },
            JobState::Committed { .. } if T::Verification::may_settle(id) => {
                Self::settle(id, job);
                T::WeightInfo::sweep_settle()
            },
            JobState::Committed { .. } => {
                Self::defer(id, job, now);
                T::WeightInfo::sweep_defer()
            },
            _ => {
                Self::expire_open(id, job);
                T::WeightInfo::sweep_expire_open()
            },
        }
    }

    /// Prolongs the window of a commitment whose verification has not finished.
    pub(crate) fn defer(id: JobId, job: JobOf<T>, now: BlockNumberFor<T>) {
        let mut state = job.state.clone();
        let JobState::Committed {
            provider, window_ends, ..
        } = &mut state
        else {
            defensive!("only a committed job is deferred");
            return;
        };
        *window_ends = now.saturating_add(DEFERRAL_BLOCKS.into());
        let event = Event::SettlementDeferred {
            job: id,
            provider: provider.clone(),
            window_ends: *window_ends,
        };
        Book::<T>::advance(id, job, state);
        Self::deposit_event(event);
    }

    /// Weight of the most expensive step.
    pub(crate) fn largest_step() -> Weight {
        [
            T::WeightInfo::sweep_expire_open(),
            T::WeightInfo::sweep_expire_claimed(),
            T::WeightInfo::sweep_settle(),
            T::WeightInfo::sweep_defer(),
            T::WeightInfo::sweep_remove(),
        ]
        .into_iter()
        .fold(Weight::zero(), |largest, step| largest.max(step))
    }
}
