//! BABE, GRANDPA, sessions, authorship, and what reports validators that misbehave.

use frame_support::{
    parameter_types,
    traits::{ConstU128, ConstU32, ConstU64},
};
use sp_consensus_babe::{AllowedSlots, BabeEpochConfiguration};
use sp_runtime::{
    traits::{ConvertInto, OpaqueKeys},
    transaction_validity::TransactionPriority,
};

use super::staking::MAX_NOMINATORS_EXPOSED;
use crate::{
    time, AccountId, Babe, Balances, Historical, ImOnline, Offences, Runtime, RuntimeEvent, SessionKeys, Staking,
};

/// Most validators that the runtime plans for.
type MaxAuthorities = ConstU32<1_000>;
/// Most nominators of one validator that a report of its offence weighs.
type MaxNominators = ConstU32<MAX_NOMINATORS_EXPOSED>;

/// BABE's configuration from genesis on. Secondary slots use a VRF, so that every block carries randomness.
pub const BABE_GENESIS_CONFIG: BabeEpochConfiguration = BabeEpochConfiguration {
    c: time::PRIMARY_PROBABILITY,
    allowed_slots: AllowedSlots::PrimaryAndSecondaryVRFSlots,
};

parameter_types! {
    /// How long an equivocation can be reported: as long as the stake behind it can still be slashed.
    pub const ReportLongevity: u64 =
        super::staking::BONDING_ERAS as u64 * super::staking::SESSIONS_PER_ERA as u64 * time::EPOCH_SLOTS;
    /// Heartbeats go before ordinary transactions.
    pub const HeartbeatPriority: TransactionPriority = TransactionPriority::MAX / 2;
}

impl pallet_babe::Config for Runtime {
    type EpochDuration = ConstU64<{ time::EPOCH_SLOTS }>;
    type ExpectedBlockTime = ConstU64<{ time::SLOT_MILLIS }>;
    type EpochChangeTrigger = pallet_babe::ExternalTrigger;
    type DisabledValidators = crate::Session;
    // Not measured: see runtime/src/benches.rs.
    type WeightInfo = ();
    type MaxAuthorities = MaxAuthorities;
    type MaxNominators = MaxNominators;
    type KeyOwnerProof = sp_session::MembershipProof;
    type EquivocationReportSystem = pallet_babe::EquivocationReportSystem<Self, Offences, Historical, ReportLongevity>;
}

impl pallet_grandpa::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    // Not measured: see runtime/src/benches.rs.
    type WeightInfo = ();
    type MaxAuthorities = MaxAuthorities;
    type MaxNominators = MaxNominators;
    // As many sets as an equivocation can be reported for.
    type MaxSetIdSessionEntries =
        ConstU64<{ super::staking::BONDING_ERAS as u64 * super::staking::SESSIONS_PER_ERA as u64 }>;
    type KeyOwnerProof = sp_session::MembershipProof;
    type EquivocationReportSystem =
        pallet_grandpa::EquivocationReportSystem<Self, Offences, Historical, ReportLongevity>;
}

impl pallet_authorship::Config for Runtime {
    type FindAuthor = pallet_session::FindAccountFromAuthorIndex<Self, Babe>;
    type EventHandler = (Staking, ImOnline);
}

impl pallet_session::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type ValidatorId = AccountId;
    type ValidatorIdOf = ConvertInto;
    type ShouldEndSession = Babe;
    type NextSessionRotation = Babe;
    type SessionManager = pallet_session::historical::NoteHistoricalRoot<Self, Staking>;
    type SessionHandler = <SessionKeys as OpaqueKeys>::KeyTypeIdProviders;
    type Keys = SessionKeys;
    type DisablingStrategy = pallet_session::disabling::UpToLimitWithReEnablingDisablingStrategy;
    type WeightInfo = crate::weights::pallet_session::WeightInfo<Runtime>;
    type Currency = Balances;
    type KeyDeposit = ConstU128<0>;
}

impl pallet_session::historical::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type FullIdentification = ();
    type FullIdentificationOf = pallet_staking::UnitIdentificationOf<Self>;
}

impl pallet_offences::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type IdentificationTuple = pallet_session::historical::IdentificationTuple<Self>;
    type OnOffenceHandler = Staking;
}

impl pallet_im_online::Config for Runtime {
    type AuthorityId = pallet_im_online::sr25519::AuthorityId;
    type MaxKeys = MaxAuthorities;
    type MaxPeerInHeartbeats = ConstU32<10_000>;
    type RuntimeEvent = RuntimeEvent;
    type ValidatorSet = Historical;
    type NextSessionRotation = Babe;
    type ReportUnresponsiveness = Offences;
    type UnsignedPriority = HeartbeatPriority;
    type WeightInfo = crate::weights::pallet_im_online::WeightInfo<Runtime>;
}

impl pallet_authority_discovery::Config for Runtime {
    type MaxAuthorities = MaxAuthorities;
}
