//! What must hold after every block. Compiled always, because tests of other crates check it too; as nothing in a runtime calls
//! it, it costs a runtime nothing.

use alloc::collections::BTreeMap;

use frame_support::ensure;
use lantern_primitives::Balance;
use sp_runtime::TryRuntimeError;

use crate::{curve::IssuanceCurve, pallet::*, types::*};

/// Unsettled work by round: providers and compute units.
type Unsettled = BTreeMap<RoundIndex, (u32, u128)>;

impl<T: Config> Pallet<T> {
    /// Checks every invariant of the pallet:
    /// - what was released is the curve's value and under its cap, what was issued is under what was released;
    /// - every released unit is in exactly one place: minted, due to a pot, in a round's budget, granted, or forfeited;
    /// - rounds and accounts agree on who waits for which round and with how many units.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        let (accrued, claimed, unsettled) = Self::sum_accounts();
        let ungranted = Self::check_rounds(&unsettled)?;
        Self::check_curve(accrued, claimed, ungranted)
    }

    fn sum_accounts() -> (Balance, Balance, Unsettled) {
        let (mut accrued, mut claimed, mut unsettled) = (0u128, 0u128, Unsettled::new());
        for (_, account) in Accounts::<T>::iter() {
            accrued = accrued.saturating_add(account.accrued);
            claimed = claimed.saturating_add(account.claimed);
            if let Some(work) = account.pending {
                let (providers, units) = unsettled.entry(work.round).or_default();
                *providers = providers.saturating_add(1);
                *units = units.saturating_add(work.units);
            }
        }
        (accrued, claimed, unsettled)
    }

    /// Checks rounds against the work that waits for them and returns what is budgeted and not yet granted.
    fn check_rounds(unsettled: &Unsettled) -> Result<Balance, TryRuntimeError> {
        let Some(running) = CurrentRound::<T>::get() else {
            ensure!(unsettled.is_empty(), "work waits for a round before the first");
            return Ok(0);
        };
        let work_of = |index: &RoundIndex| unsettled.get(index).copied().unwrap_or_default();
        ensure!(
            work_of(&running.index) == (running.providers, running.units),
            "the running round's work is not the sum over its providers"
        );
        let (mut ungranted, mut rounds) = (running.budget, usize::from(running.providers > 0));
        for (index, round) in ClosedRounds::<T>::iter() {
            let (providers, units) = work_of(&index);
            ensure!(index < running.index, "a closed round is not before the running one");
            ensure!(round.unsettled > 0, "a closed round is kept without need");
            ensure!(
                providers == round.unsettled,
                "a closed round's count of unsettled providers is wrong"
            );
            ensure!(units <= round.units, "a closed round has less work than waits for it");
            ensure!(round.granted <= round.budget, "a round granted more than its budget");
            ungranted = ungranted.saturating_add(round.budget.saturating_sub(round.granted));
            rounds = rounds.saturating_add(1);
        }
        ensure!(rounds == unsettled.len(), "work waits for a round that is not kept");
        Ok(ungranted)
    }

    fn check_curve(accrued: Balance, claimed: Balance, ungranted: Balance) -> Result<(), TryRuntimeError> {
        let state = Emission::<T>::get();
        let issued = Issued::<T>::get();
        ensure!(state.released <= T::Curve::cap(), "more than the cap was released");
        ensure!(
            state.released == T::Curve::released_by(state.elapsed_ms),
            "released and curve differ"
        );
        ensure!(claimed <= issued, "providers were paid more than was issued");
        let places = [
            issued,
            state.validators_due,
            state.treasury_due,
            ungranted,
            accrued,
            Forfeited::<T>::get(),
        ];
        let placed = places.iter().fold(0u128, |sum, part| sum.saturating_add(*part));
        ensure!(placed == state.released, "released LUX is lost or counted twice");
        Ok(())
    }
}
