//! An account of the market kept from events alone, and every invariant of every pallet.

use std::collections::{BTreeMap, BTreeSet};

use lantern_primitives::{AccountId, Balance, JobId};
use sp_runtime::{FixedPointNumber, FixedU128};

use crate::runtime::*;

/// What events say.
#[derive(Default)]
pub struct Books {
    genesis: Balance,
    minted: Balance,
    burned: Balance,
    /// Burned by jobs of each provider.
    burned_by: BTreeMap<AccountId, Balance>,
    /// Emission paid to each provider.
    rewarded: BTreeMap<AccountId, Balance>,
    /// The largest multiple that was ever in force.
    multiple: FixedU128,
    /// Jobs that ended.
    ended: BTreeSet<JobId>,
    /// How jobs ended: settled, cancelled, expired open, expired claimed.
    pub endings: [u32; 4],
}

impl Books {
    /// Books that begin with the current issuance.
    pub fn open() -> Self {
        Self {
            genesis: Balances::total_issuance(),
            multiple: Emission::multiple(),
            ..Default::default()
        }
    }

    /// Enters the events since the last call.
    pub fn enter_events(&mut self) {
        self.multiple = self.multiple.max(Emission::multiple());
        let events = System::events();
        System::reset_events();
        for record in events {
            match record.event {
                RuntimeEvent::Jobs(event) => self.enter_job(event),
                RuntimeEvent::Emission(event) => self.enter_emission(event),
                RuntimeEvent::Balances(pallet_balances::Event::DustLost { amount, .. }) => self.burned += amount,
                _ => {},
            }
        }
    }

    fn enter_job(&mut self, event: pallet_job_escrow::Event<Market>) {
        use pallet_job_escrow::Event::*;
        let (job, ending) = match event {
            JobSettled {
                job, provider, split, ..
            } => {
                self.burned += split.burned;
                *self.burned_by.entry(provider).or_default() += split.burned;
                (job, 0)
            },
            JobCancelled { job, .. } => (job, 1),
            JobExpired {
                job, provider: None, ..
            } => (job, 2),
            JobExpired {
                job, provider: Some(_), ..
            } => (job, 3),
            _ => return,
        };
        assert!(self.ended.insert(job), "job {job} ended twice");
        self.endings[ending] += 1;
    }

    fn enter_emission(&mut self, event: pallet_reward_emission::Event<Market>) {
        use pallet_reward_emission::Event::*;
        match event {
            PotsFunded { validators, treasury } => self.minted += validators + treasury,
            RewardClaimed { provider, amount } => {
                self.minted += amount;
                *self.rewarded.entry(provider).or_default() += amount;
            },
            RoundClosed { .. } => {},
        }
    }

    /// Checks the state against the books, and every pallet against itself.
    pub fn check(&self) {
        Providers::do_try_state().expect("provider-staking");
        Models::do_try_state().expect("model-registry");
        Jobs::do_try_state().expect("job-escrow");
        Verification::do_try_state().expect("result-verification");
        Emission::do_try_state().expect("reward-emission");

        let issuance = Balances::total_issuance();
        assert_eq!(
            issuance,
            self.genesis + self.minted - self.burned,
            "issuance is not what events say"
        );
        let sum: Balance = frame_system::Account::<Market>::iter_values()
            .map(|info| info.data.free + info.data.reserved)
            .sum();
        assert_eq!(issuance, sum, "accounts do not sum to issuance");
        assert_eq!(Emission::issued(), self.minted, "emission is not what events say");
        assert!(Emission::issued() <= Emission::released() && Emission::released() <= Emission::cap());
        for (provider, rewarded) in &self.rewarded {
            let burned = self.burned_by.get(provider).copied().unwrap_or_default();
            assert!(
                *rewarded <= self.multiple.saturating_mul_int(burned),
                "a provider earned over its limit"
            );
        }
    }

    /// Checks that every job ever submitted ended exactly once.
    pub fn check_all_ended(&self) {
        let submitted = pallet_job_escrow::NextJobId::<Market>::get();
        assert!(
            self.ended.iter().copied().eq(0..submitted),
            "a job neither paid nor refunded"
        );
    }

    /// Emission paid to providers.
    pub fn rewards(&self) -> Balance {
        self.rewarded.values().sum()
    }
}
