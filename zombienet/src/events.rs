//! Events and records of the chain, as far as tests look at them. Decoded by name from the chain's own metadata.

use zombienet_sdk::subxt::{events::StaticEvent, ext::scale_decode::DecodeAsType, utils::AccountId32};

/// Declares events: `Name = "Pallet" "Event" { fields }`.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $pallet:literal $event:literal { $($field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, DecodeAsType)]
        #[decode_as_type(crate_path = "zombienet_sdk::subxt::ext::scale_decode")]
        #[allow(missing_docs)]
        pub struct $name { $(pub $field: $type),* }

        impl StaticEvent for $name {
            const PALLET: &'static str = $pallet;
            const EVENT: &'static str = $event;
        }
    )*};
}

events! {
    /// A validator was reported.
    Offence = "Offences" "Offence" { kind: [u8; 16] }
    /// A slash was computed from a report.
    SlashReported = "Staking" "SlashReported" { validator: AccountId32, fraction: u32, slash_era: u32 }
    /// Stake was taken.
    Slashed = "Staking" "Slashed" { staker: AccountId32, amount: u128 }
    /// An era is over and can be paid out.
    EraPaid = "Staking" "EraPaid" { era_index: u32, validator_payout: u128 }
    /// A staker was paid.
    Rewarded = "Staking" "Rewarded" { stash: AccountId32, amount: u128 }
    /// Emission was minted.
    PotsFunded = "RewardEmission" "PotsFunded" { validators: u128, treasury: u128 }
    /// A fee was taken, and burned.
    FeePaid = "TransactionPayment" "TransactionFeePaid" { who: AccountId32, actual_fee: u128, tip: u128 }
    /// A job waits for a claim.
    JobSubmitted = "JobEscrow" "JobSubmitted" { job: u64, requester: AccountId32, max_fee: u128 }
    /// A provider works on a job.
    JobClaimed = "JobEscrow" "JobClaimed" { job: u64, provider: AccountId32, bond: u128, deadline: u32 }
    /// A provider committed a result.
    ResultCommitted = "JobEscrow" "ResultCommitted" { job: u64, provider: AccountId32, fee: u128 }
    /// A job was paid.
    JobSettled = "JobEscrow" "JobSettled" { job: u64, provider: AccountId32, refund: u128 }
    /// A deadline passed.
    JobExpired = "JobEscrow" "JobExpired" { job: u64, provider: Option<AccountId32>, refund: u128, compensation: u128 }
    /// A referendum was put.
    ReferendumSubmitted = "Referenda" "Submitted" { index: u32 }
    /// An upgrade may be applied by anyone.
    UpgradeAuthorized = "System" "UpgradeAuthorized" { code_hash: [u8; 32] }
}

/// A balance.
#[derive(Clone, Debug, DecodeAsType)]
#[decode_as_type(crate_path = "zombienet_sdk::subxt::ext::scale_decode")]
pub struct Account {
    /// What the account has.
    pub data: Funds,
}

/// Parts of a balance.
#[derive(Clone, Debug, DecodeAsType)]
#[decode_as_type(crate_path = "zombienet_sdk::subxt::ext::scale_decode")]
pub struct Funds {
    /// At the owner's disposal.
    pub free: u128,
    /// Held: stake, bonds, escrow.
    pub reserved: u128,
}

/// What an account has at stake as a validator or nominator.
#[derive(Clone, Debug, DecodeAsType)]
#[decode_as_type(crate_path = "zombienet_sdk::subxt::ext::scale_decode")]
pub struct Stake {
    /// With what unbonds.
    pub total: u128,
    /// Without.
    pub active: u128,
}

/// What stands behind a validator in an era.
#[derive(Clone, Debug, DecodeAsType)]
#[decode_as_type(crate_path = "zombienet_sdk::subxt::ext::scale_decode")]
pub struct Exposure {
    /// Its own and its nominators' stake.
    pub total: u128,
    /// Its own.
    pub own: u128,
}

/// What nominators put behind a validator in an era.
#[derive(Clone, Debug, DecodeAsType)]
#[decode_as_type(crate_path = "zombienet_sdk::subxt::ext::scale_decode")]
pub struct ExposurePage {
    /// One entry for each nominator.
    pub others: Vec<Nomination>,
}

/// What one nominator put behind a validator in an era.
#[derive(Clone, Debug, DecodeAsType)]
#[decode_as_type(crate_path = "zombienet_sdk::subxt::ext::scale_decode")]
pub struct Nomination {
    /// The nominator.
    pub who: AccountId32,
    /// Its part.
    pub value: u128,
}

/// A slash that waits.
#[derive(Clone, Debug, DecodeAsType)]
#[decode_as_type(crate_path = "zombienet_sdk::subxt::ext::scale_decode")]
pub struct UnappliedSlash {
    /// Whose offence it was.
    pub validator: AccountId32,
    /// What it loses.
    pub own: u128,
    /// What its nominators lose.
    pub others: Vec<(AccountId32, u128)>,
    /// Who reported it.
    pub reporters: Vec<AccountId32>,
    /// What they receive.
    pub payout: u128,
}

/// Totals over all jobs.
#[derive(Clone, Debug, DecodeAsType)]
#[decode_as_type(crate_path = "zombienet_sdk::subxt::ext::scale_decode")]
pub struct Totals {
    /// Waiting for a claim.
    pub open: u32,
    /// Claimed or committed.
    pub in_flight: u32,
    /// What is in escrow.
    pub escrowed: u128,
}
