//! Records of emission.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};

use lantern_primitives::Balance;
use scale_info::TypeInfo;
use sp_runtime::{
    helpers_128bit::multiply_by_rational_with_rounding, traits::Saturating, FixedPointNumber, FixedU128, PerThing,
    Permill, Rounding,
};

/// Number of a round of providers' emission, counted from zero.
pub type RoundIndex = u32;

/// How what the curve releases is divided. The treasury has the rest, so that the three parts sum to the whole by
/// construction.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Budgets {
    /// Part for validators.
    pub validators: Permill,
    /// Part for providers; where both parts exceed the whole, it is what the validators leave.
    pub providers: Permill,
}

impl Budgets {
    /// Part for the treasury.
    pub fn treasury(&self) -> Permill {
        self.validators.saturating_add(self.providers).left_from_one()
    }

    /// Divides `amount`: the parts of validators and providers rounded down, the rest, with the dust, to the treasury.
    pub fn split(&self, amount: Balance) -> Parts {
        let validators = self.validators.mul_floor(amount);
        let providers = self.providers.mul_floor(amount).min(amount.saturating_sub(validators));
        Parts {
            validators,
            providers,
            treasury: amount.saturating_sub(validators).saturating_sub(providers),
        }
    }
}

/// An amount divided by [`Budgets`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Parts {
    /// For validators.
    pub validators: Balance,
    /// For providers.
    pub providers: Balance,
    /// For the treasury.
    pub treasury: Balance,
}

/// Where emission stands on its curve, and what is released for the two pots but not yet minted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct EmissionState {
    /// Milliseconds of emission so far: the argument of the curve.
    pub elapsed_ms: u64,
    /// Time of the last drip; zero before the first.
    pub last_ms: u64,
    /// Value of the curve at `elapsed_ms`: everything released so far, to whomever.
    pub released: Balance,
    /// Released for validators and not yet minted.
    pub validators_due: Balance,
    /// Released for the treasury and not yet minted.
    pub treasury_due: Balance,
}

/// The running round. What governs it is read when it opens and holds until it closes.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Round<BlockNumber> {
    /// Its number.
    pub index: RoundIndex,
    /// First block of the next round.
    pub ends: BlockNumber,
    /// A provider's emission of this round is at most this multiple of what its jobs burned in it.
    pub multiple: FixedU128,
    /// Released for providers so far.
    pub budget: Balance,
    /// Verified micro compute units so far.
    pub units: u128,
    /// Providers with verified work so far.
    pub providers: u32,
}

/// A closed round, kept until its last provider is settled.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct ClosedRound {
    /// Multiple of burned fees that limits each provider's part.
    pub multiple: FixedU128,
    /// What was to be shared.
    pub budget: Balance,
    /// Verified micro compute units; the reward per unit is `budget / units`, kept as a fraction so that only a provider's
    /// whole part is rounded.
    pub units: u128,
    /// Providers whose part is not yet granted.
    pub unsettled: u32,
    /// Granted so far, at most `budget`.
    pub granted: Balance,
}

impl ClosedRound {
    /// Part of a provider for `work` in this round: its share by compute units, rounded down, and at most the multiple of
    /// what its jobs burned, rounded down.
    pub fn grant_for(&self, work: &Work) -> Balance {
        let share = multiply_by_rational_with_rounding(self.budget, work.units, self.units.max(1), Rounding::Down)
            .unwrap_or(self.budget)
            .min(self.budget);
        share.min(self.multiple.saturating_mul_int(work.burned))
    }
}

/// Verified work of one provider in one round.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Work {
    /// The round.
    pub round: RoundIndex,
    /// Micro compute units.
    pub units: u128,
    /// What the protocol fees of its jobs burned.
    pub burned: Balance,
}

/// Emission account of a provider.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct RewardAccount {
    /// Work whose part is not yet granted.
    pub pending: Option<Work>,
    /// Granted and not yet claimed: a claim on a future mint.
    pub accrued: Balance,
    /// Minted to the provider so far.
    pub claimed: Balance,
}
