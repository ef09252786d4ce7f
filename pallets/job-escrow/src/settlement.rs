//! Where the money goes. Nothing here can fail half-way: what an account cannot receive goes to the treasury, and what not
//! even the treasury can receive is burned, so that no job stays stuck behind a balance.

use frame_support::{
    defensive,
    traits::{
        fungible::{Balanced, BalancedHold, Credit, MutateHold},
        tokens::Precision,
        Get, Imbalance,
    },
};
use lantern_primitives::{
    job::{FeeSplit, FrozenTerms, JobState},
    traits::{ModelCatalog, ProviderLedger, RewardSink, Verification},
    Balance, JobId,
};
use sp_runtime::{
    traits::{Saturating, Zero},
    PerThing,
};

use crate::{book::Book, pallet::*, types::*, LOG_TARGET};

/// Funds in this runtime's currency that are in nobody's account at the moment.
type CreditOf<T> = Credit<<T as frame_system::Config>::AccountId, <T as Config>::Currency>;

/// Divides a fee. Every part is rounded down and the treasury receives the dust; the parts sum to `fee`.
///
/// Royalty and protocol fee together never exceed the fee: the protocol fee yields.
pub(crate) fn split_fee<BlockNumber>(fee: Balance, terms: &FrozenTerms<BlockNumber>) -> FeeSplit<Balance> {
    let protocol_rate = terms.protocol_fee.min(terms.royalty.left_from_one());
    let provider_rate = terms.royalty.saturating_add(protocol_rate).left_from_one();
    let royalty = terms.royalty.mul_floor(fee);
    let provider = provider_rate.mul_floor(fee);
    let protocol = protocol_rate.mul_floor(fee);
    let burned = terms.burn_share.mul_floor(protocol);
    let audit_pool = terms
        .audit_share
        .min(terms.burn_share.left_from_one())
        .mul_floor(protocol);
    let treasury = fee
        .saturating_sub(provider)
        .saturating_sub(royalty)
        .saturating_sub(burned)
        .saturating_sub(audit_pool);
    FeeSplit {
        fee,
        provider,
        royalty,
        audit_pool,
        burned,
        treasury,
    }
}

impl<T: Config> Pallet<T> {
    /// Pays a committed job whose window has closed.
    pub(crate) fn settle(id: JobId, job: JobOf<T>) {
        let JobState::Committed {
            provider,
            fee,
            bond,
            claimed_at,
            committed_at,
            commitment,
            units,
            ..
        } = job.state.clone()
        else {
            defensive!("only a committed job settles");
            return;
        };
        let credit = Self::take_escrow(&job.requester, fee);
        let plan = split_fee(credit.peek(), &job.terms);
        let owner = T::Models::model(&job.model).map(|model| model.owner);
        let split = Self::distribute(credit, plan, &provider, owner.as_ref());
        let refund = Self::refund(&job.requester, job.max_fee.saturating_sub(fee));
        Self::unlock(&provider, bond);
        // What the protocol burned by plan, not what was burned because nobody could receive it.
        T::Rewards::note_verified(&provider, units, plan.burned);
        T::Verification::on_settled(id);

        let state = JobState::Settled {
            provider: provider.clone(),
            claimed_at,
            committed_at,
            settled_at: frame_system::Pallet::<T>::block_number(),
            commitment,
            units,
            split,
            refund,
        };
        Book::<T>::advance(id, job, state);
        Self::deposit_event(Event::JobSettled {
            job: id,
            provider,
            split,
            refund,
        });
    }

    /// Ends a job that nobody claimed.
    pub(crate) fn expire_open(id: JobId, job: JobOf<T>) {
        let refund = Self::refund(&job.requester, job.max_fee);
        Self::expire(id, job, None, refund, Zero::zero());
    }

    /// Ends a job whose provider missed its deadline, at the provider's cost.
    pub(crate) fn expire_claimed(id: JobId, job: JobOf<T>) {
        let JobState::Claimed { provider, bond, .. } = job.state.clone() else {
            defensive!("only a claimed job expires with a provider");
            return;
        };
        let refund = Self::refund(&job.requester, job.max_fee);
        let penalty = job.terms.miss_penalty.mul_floor(bond);
        let (compensation, rest) = match T::Providers::slash_locked(&provider, penalty) {
            Ok(credit) => (
                Self::pay_or_treasury(&job.requester, credit),
                bond.saturating_sub(penalty),
            ),
            Err(error) => {
                log::error!(target: LOG_TARGET, "job {id}: the bond could not be slashed: {error:?}");
                (Zero::zero(), bond)
            },
        };
        Self::unlock(&provider, rest);
        Self::expire(id, job, Some(provider), refund, compensation);
    }

    fn expire(id: JobId, job: JobOf<T>, provider: Option<T::AccountId>, refund: Balance, compensation: Balance) {
        let state = JobState::Expired {
            at: frame_system::Pallet::<T>::block_number(),
            provider: provider.clone(),
            compensation,
        };
        Book::<T>::advance(id, job, state);
        Self::deposit_event(Event::JobExpired {
            job: id,
            provider,
            refund,
            compensation,
        });
    }

    /// Takes `amount` out of the escrow of `requester`.
    fn take_escrow(requester: &T::AccountId, amount: Balance) -> CreditOf<T> {
        let (credit, missing) = T::Currency::slash(&HoldReason::Escrow.into(), requester, amount);
        if !missing.is_zero() {
            defensive!("the escrow of a live job is on hold");
        }
        credit
    }

    /// Returns `amount` of escrow to `requester` and returns what it received.
    pub(crate) fn refund(requester: &T::AccountId, amount: Balance) -> Balance {
        if amount.is_zero() {
            return Zero::zero();
        }
        match T::Currency::release(&HoldReason::Escrow.into(), requester, amount, Precision::Exact) {
            Ok(released) => released,
            // Only an account that others drained below the existential deposit by force cannot take a release.
            Err(error) => {
                log::warn!(target: LOG_TARGET, "escrow of {amount} could not be released: {error:?}");
                Self::pay_or_treasury(requester, Self::take_escrow(requester, amount))
            },
        }
    }

    /// Returns `amount` of locked stake to its provider.
    fn unlock(provider: &T::AccountId, amount: Balance) {
        if let Err(error) = T::Providers::unlock(provider, amount) {
            log::error!(target: LOG_TARGET, "a bond of {amount} could not be unlocked: {error:?}");
            defensive!("the bond of a live job is locked");
        }
    }

    /// Pays out a fee by `plan` and returns what really happened.
    fn distribute(
        credit: CreditOf<T>,
        plan: FeeSplit<Balance>,
        provider: &T::AccountId,
        owner: Option<&T::AccountId>,
    ) -> FeeSplit<Balance> {
        let mut split = plan;
        let (burn, mut rest) = credit.split(plan.burned);
        drop(burn);
        let audit_pool = T::AuditPoolAccount::get();
        let parts = [
            (Some(provider), &mut split.provider),
            (owner, &mut split.royalty),
            (Some(&audit_pool), &mut split.audit_pool),
        ];
        for (account, amount) in parts {
            let (part, remaining) = rest.split(*amount);
            rest = remaining;
            let unpaid = match account {
                Some(account) => T::Currency::resolve(account, part).err(),
                None => Some(part),
            };
            if let Some(unpaid) = unpaid {
                *amount = Zero::zero();
                rest.subsume(unpaid);
            }
        }
        split.treasury = rest.peek();
        if let Err(unpaid) = T::Currency::resolve(&T::TreasuryAccount::get(), rest) {
            split.burned = split.burned.saturating_add(unpaid.peek());
            split.treasury = Zero::zero();
        }
        split
    }

    /// Pays `credit` to `account`, or to the treasury when the account cannot receive it, and returns what it received.
    fn pay_or_treasury(account: &T::AccountId, credit: CreditOf<T>) -> Balance {
        let amount = credit.peek();
        match T::Currency::resolve(account, credit) {
            Ok(()) => amount,
            Err(unpaid) => {
                // An unpaid credit that not even the treasury can take is burned when it drops.
                let _burned_on_drop = T::Currency::resolve(&T::TreasuryAccount::get(), unpaid);
                Zero::zero()
            },
        }
    }
}
