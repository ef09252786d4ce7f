//! Dripping, rounds and claims.

use frame_support::{
    defensive, ensure,
    pallet_prelude::DispatchResult,
    traits::{fungible::Mutate, Get},
};
use frame_system::pallet_prelude::BlockNumberFor;
use lantern_primitives::{info::RewardInfo, traits::RewardSink, Balance, ComputeUnits};
use sp_runtime::{
    helpers_128bit::multiply_by_rational_with_rounding,
    traits::{AccountIdConversion, One, Saturating, Zero},
    FixedPointNumber, FixedU128, PerThing, Permill, Rounding,
};

use crate::{curve::IssuanceCurve, pallet::*, types::*, LOG_TARGET};

/// Pots.
impl<T: Config> Pallet<T> {
    /// Account that the validators' part is minted to.
    pub fn validators_pot() -> T::AccountId {
        T::PalletId::get().into_sub_account_truncating(*b"validators")
    }

    /// Mints what is due to the pots. What cannot be minted, such as a sum under the existential deposit of an account that
    /// does not exist yet, stays due.
    fn fund_pots() {
        let (validators, treasury) = Emission::<T>::mutate(|state| {
            (
                Self::fund(&Self::validators_pot(), &mut state.validators_due),
                Self::fund(&T::Treasury::get(), &mut state.treasury_due),
            )
        });
        if !validators.is_zero() || !treasury.is_zero() {
            Self::deposit_event(Event::PotsFunded { validators, treasury });
        }
    }

    /// Mints `due` to `pot`, and returns what was minted.
    fn fund(pot: &T::AccountId, due: &mut Balance) -> Balance {
        if due.is_zero() {
            return 0;
        }
        match Self::mint(pot, *due) {
            Ok(()) => core::mem::take(due),
            Err(error) => {
                log::debug!(target: LOG_TARGET, "{due} stay due to a pot: {error:?}");
                0
            },
        }
    }

    /// The only place where LUX is minted.
    fn mint(who: &T::AccountId, amount: Balance) -> DispatchResult {
        T::Currency::mint_into(who, amount)?;
        Issued::<T>::mutate(|issued| issued.saturating_accrue(amount));
        Ok(())
    }
}

/// Time and rounds.
impl<T: Config> Pallet<T> {
    /// Releases what the curve allows at `now_ms` to the budgets, and says whether the round is over.
    ///
    /// The first drip only notes the time, so that emission starts with the chain and not with the Unix epoch.
    pub(crate) fn drip(now: BlockNumberFor<T>, now_ms: u64) -> bool {
        let mut round = Self::running_round(now);
        if !now_ms.is_zero() {
            Emission::<T>::mutate(|state| {
                if !state.last_ms.is_zero() {
                    let passed = now_ms.saturating_sub(state.last_ms).min(T::MaxElapsed::get());
                    round.budget.saturating_accrue(Self::release(state, passed));
                }
                state.last_ms = now_ms.max(state.last_ms);
            });
        }
        let over = now >= round.ends;
        CurrentRound::<T>::put(round);
        over
    }

    /// Moves `passed_ms` along the curve, books the parts of the pots and returns the part of the providers.
    fn release(state: &mut EmissionState, passed_ms: u64) -> Balance {
        state.elapsed_ms.saturating_accrue(passed_ms);
        let target = T::Curve::released_by(state.elapsed_ms).min(T::Curve::cap());
        let parts = T::Budgets::get().split(target.saturating_sub(state.released));
        state.released = target.max(state.released);
        state.validators_due.saturating_accrue(parts.validators);
        state.treasury_due.saturating_accrue(parts.treasury);
        parts.providers
    }

    /// The running round; the very first one opens here.
    pub(crate) fn running_round(now: BlockNumberFor<T>) -> Round<BlockNumberFor<T>> {
        CurrentRound::<T>::get().unwrap_or_else(|| Self::open_round(0, now, 0))
    }

    /// A fresh round from block `now` on, under the parameters of now.
    fn open_round(index: RoundIndex, now: BlockNumberFor<T>, budget: Balance) -> Round<BlockNumberFor<T>> {
        Round {
            index,
            ends: now.saturating_add(T::RoundLength::get().max(One::one())),
            multiple: Self::multiple(),
            budget,
            units: 0,
            providers: 0,
        }
    }

    /// Closes the running round, opens the next and mints what is due to the pots.
    pub(crate) fn close_round(now: BlockNumberFor<T>) {
        let round = Self::running_round(now);
        let unshared = if round.providers.is_zero() {
            round.budget
        } else {
            let closed = ClosedRound {
                multiple: round.multiple,
                budget: round.budget,
                units: round.units,
                unsettled: round.providers,
                granted: 0,
            };
            ClosedRounds::<T>::insert(round.index, closed);
            0
        };
        CurrentRound::<T>::put(Self::open_round(round.index.saturating_add(1), now, unshared));
        Self::deposit_event(Event::RoundClosed {
            round: round.index,
            budget: round.budget,
            units: round.units,
            providers: round.providers,
        });
        Self::fund_pots();
    }

    /// The governed multiple, lowered where needed so that `multiple * burn share + audit share <= 1`.
    ///
    /// Whoever buys its own service gets back at most what it paid less the burned and the treasury's part of the protocol
    /// fee. With the inequality, emission never exceeds these two, whatever governance sets: wash trading has no profit.
    pub fn multiple() -> FixedU128 {
        let lost = u128::from(T::AuditShare::get().left_from_one().deconstruct());
        let burned = u128::from(T::BurnShare::get().deconstruct());
        // Not by division of `FixedU128`, which rounds to the nearest. `None` only when nothing is burned, and then a multiple
        // of it is nothing too.
        match multiply_by_rational_with_rounding(lost, FixedU128::DIV, burned, Rounding::Down) {
            Some(highest) => T::WashMultiple::get().min(FixedU128::from_inner(highest)),
            None => T::WashMultiple::get(),
        }
    }
}

/// Rewards.
impl<T: Config> Pallet<T> {
    /// Grants `account` its part of a closed round that it waits for.
    fn settle(account: &mut RewardAccount, running: RoundIndex) {
        let Some(work) = account.pending.take_if(|work| work.round != running) else {
            return;
        };
        ClosedRounds::<T>::mutate_exists(work.round, |entry| {
            let Some(round) = entry.as_mut() else {
                defensive!("a round is kept until its last provider is settled");
                return;
            };
            let granted = round.grant_for(&work);
            account.accrued.saturating_accrue(granted);
            round.granted.saturating_accrue(granted);
            round.unsettled.saturating_dec();
            if round.unsettled.is_zero() {
                let unissued = round.budget.saturating_sub(round.granted);
                Forfeited::<T>::mutate(|forfeited| forfeited.saturating_accrue(unissued));
                *entry = None;
            }
        });
    }

    /// Mints what `provider` has been granted.
    pub(crate) fn do_claim(provider: &T::AccountId) -> DispatchResult {
        let amount = Accounts::<T>::try_mutate_exists(provider, |entry| {
            let account = entry.as_mut().ok_or(Error::<T>::NothingToClaim)?;
            Self::settle(account, Self::running_index());
            let amount = core::mem::take(&mut account.accrued);
            ensure!(!amount.is_zero(), Error::<T>::NothingToClaim);
            account.claimed.saturating_accrue(amount);
            Ok::<_, Error<T>>(amount)
        })?;
        Self::mint(provider, amount)?;
        Self::deposit_event(Event::RewardClaimed {
            provider: provider.clone(),
            amount,
        });
        Ok(())
    }

    /// Number of the running round.
    fn running_index() -> RoundIndex {
        CurrentRound::<T>::get().map_or(0, |round| round.index)
    }

    /// Emission account of a provider; changes nothing.
    pub fn reward_info(provider: &T::AccountId) -> RewardInfo {
        let account = Accounts::<T>::get(provider);
        let running = Self::running_index();
        let (granted, pending_units) = match &account.pending {
            Some(work) if work.round == running => (0, work.units),
            Some(work) => (
                ClosedRounds::<T>::get(work.round).map_or(0, |round| round.grant_for(work)),
                0,
            ),
            None => (0, 0),
        };
        RewardInfo {
            claimable: account.accrued.saturating_add(granted),
            pending_units: u64::try_from(pending_units).unwrap_or(u64::MAX),
            claimed: account.claimed,
        }
    }
}

impl<T: Config> RewardSink<T::AccountId, Balance> for Pallet<T> {
    /// Costs a constant number of reads and writes; work without units earns nothing and is not noted.
    fn note_verified(provider: &T::AccountId, units: ComputeUnits, burned: Balance) {
        if units.is_zero() {
            return;
        }
        let mut round = Self::running_round(frame_system::Pallet::<T>::block_number());
        Accounts::<T>::mutate(provider, |account| {
            Self::settle(account, round.index);
            let work = account.pending.get_or_insert_with(|| {
                round.providers.saturating_inc();
                Work {
                    round: round.index,
                    units: 0,
                    burned: 0,
                }
            });
            work.units.saturating_accrue(u128::from(units));
            work.burned.saturating_accrue(burned);
        });
        round.units.saturating_accrue(u128::from(units));
        CurrentRound::<T>::put(round);
    }
}

/// Relations between the parameters.
impl<T: Config> Pallet<T> {
    /// Panics where the defaults contradict each other; called by the runtime's integrity test only.
    pub(crate) fn check_config() {
        assert!(T::MaxElapsed::get() > 0, "no time would ever pass");
        assert_eq!(T::Curve::released_by(0), 0, "the curve starts at zero");
        assert!(
            T::Curve::released_by(u64::MAX) <= T::Curve::cap(),
            "the curve stays under its cap"
        );
        let budgets = T::Budgets::get();
        assert!(
            budgets
                .validators
                .deconstruct()
                .saturating_add(budgets.providers.deconstruct())
                <= Permill::ACCURACY,
            "budgets sum to at most the whole",
        );
        assert!(!T::RoundLength::get().is_zero(), "a round has blocks");
        let burned = T::WashMultiple::get().saturating_mul(FixedU128::from(T::BurnShare::get()));
        assert!(
            burned.saturating_add(FixedU128::from(T::AuditShare::get())) < FixedU128::one(),
            "wash multiple * burn share + audit share < 1, so that buying one's own service costs more than it earns",
        );
    }
}
