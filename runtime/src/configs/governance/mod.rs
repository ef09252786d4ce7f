//! Governance: token holders decide by referenda on tracks; a committee can only shorten the way and pull the brake.

pub mod origins;
pub mod tracks;

use frame_support::{
    parameter_types,
    traits::{
        fungible::HoldConsideration,
        tokens::{PayFromAccount, UnityAssetBalanceConversion},
        ConstU128, ConstU32, EitherOf, EitherOfDiverse, EqualPrivilegeOnly, LinearStoragePrice,
    },
    weights::Weight,
};
use frame_system::{EnsureRoot, EnsureRootWithSuccess};
use sp_runtime::{traits::IdentityLookup, Perbill, Permill};

use super::{
    market::{TreasuryAccount, TreasuryId},
    system::RuntimeBlockWeights,
    utility::deposit,
};
use crate::{
    currency::{LUX, MILLI},
    time::{or_fast, DAYS},
    AccountId, Balance, Balances, BlockNumber, Bounties, ChildBounties, OriginCaller, Preimage, Referenda, Runtime,
    RuntimeCall, RuntimeEvent, RuntimeHoldReason, RuntimeOrigin, Scheduler, System, Treasury,
};
use origins::{GeneralAdmin, ReferendumCanceller, ReferendumKiller, Spender, Treasurer, WhitelistedCaller};

parameter_types! {
    /// Part of a block that scheduled calls may fill.
    pub MaximumSchedulerWeight: Weight = Perbill::from_percent(80) * RuntimeBlockWeights::get().max_block;
    pub const PreimageBaseDeposit: Balance = deposit(2, 64);
    pub const PreimageByteDeposit: Balance = deposit(0, 1);
    pub const PreimageHoldReason: RuntimeHoldReason = RuntimeHoldReason::Preimage(pallet_preimage::HoldReason::Preimage);
    /// How long votes of conviction 1 stay locked.
    pub const VoteLockingPeriod: BlockNumber = or_fast(7 * DAYS, 4);
    pub const UndecidingTimeout: BlockNumber = or_fast(14 * DAYS, 200);
    /// Largest call that a committee may vote on.
    pub MaxProposalWeight: Weight = Perbill::from_percent(50) * RuntimeBlockWeights::get().max_block;
    pub const SpendPeriod: BlockNumber = or_fast(7 * DAYS, 10);
    pub const PayoutPeriod: BlockNumber = 30 * DAYS;
    pub const NoBurn: Permill = Permill::zero();
    pub const MaxSpend: Balance = Balance::MAX;
    pub const CuratorDepositMultiplier: Permill = Permill::from_percent(50);
    pub const CuratorDepositMin: Option<Balance> = Some(LUX);
    pub const CuratorDepositMax: Option<Balance> = Some(200 * LUX);
    pub const BountyDepositPayoutDelay: BlockNumber = or_fast(4 * DAYS, 5);
    pub const BountyUpdatePeriod: BlockNumber = 90 * DAYS;
}

impl origins::pallet_origins::Config for Runtime {}

impl pallet_preimage::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = crate::weights::pallet_preimage::WeightInfo<Runtime>;
    type Currency = Balances;
    type ManagerOrigin = EnsureRoot<AccountId>;
    type Consideration = HoldConsideration<
        AccountId,
        Balances,
        PreimageHoldReason,
        LinearStoragePrice<PreimageBaseDeposit, PreimageByteDeposit, Balance>,
    >;
}

impl pallet_scheduler::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeOrigin = RuntimeOrigin;
    type PalletsOrigin = OriginCaller;
    type RuntimeCall = RuntimeCall;
    type MaximumWeight = MaximumSchedulerWeight;
    type ScheduleOrigin = EnsureRoot<AccountId>;
    type OriginPrivilegeCmp = EqualPrivilegeOnly;
    type MaxScheduledPerBlock = ConstU32<50>;
    type WeightInfo = crate::weights::pallet_scheduler::WeightInfo<Runtime>;
    type Preimages = Preimage;
    type BlockNumberProvider = System;
}

impl pallet_conviction_voting::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = crate::weights::pallet_conviction_voting::WeightInfo<Runtime>;
    type Currency = Balances;
    type Polls = Referenda;
    // Support counts against all LUX there is: emission goes on, so this must be read and not fixed.
    type MaxTurnout = frame_support::traits::TotalIssuanceOf<Balances, AccountId>;
    type MaxVotes = ConstU32<512>;
    type VoteLockingPeriod = VoteLockingPeriod;
    type BlockNumberProvider = System;
    type VotingHooks = ();
}

impl pallet_referenda::Config for Runtime {
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = crate::weights::pallet_referenda::WeightInfo<Runtime>;
    type Scheduler = Scheduler;
    type Currency = Balances;
    type SubmitOrigin = frame_system::EnsureSigned<AccountId>;
    type CancelOrigin = EitherOf<EnsureRoot<AccountId>, ReferendumCanceller>;
    type KillOrigin = EitherOf<EnsureRoot<AccountId>, ReferendumKiller>;
    type Slash = Treasury;
    type Votes = Balance;
    type Tally = pallet_conviction_voting::TallyOf<Runtime>;
    type SubmissionDeposit = ConstU128<LUX>;
    type MaxQueued = ConstU32<100>;
    type UndecidingTimeout = UndecidingTimeout;
    type AlarmInterval = ConstU32<1>;
    type Tracks = tracks::Tracks;
    type Preimages = Preimage;
    type BlockNumberProvider = System;
}

/// The technical committee. It can put a call on the whitelist, which then still needs a referendum, and pull the brake for
/// a limited time; it cannot move, mint or set anything.
pub type TechnicalCommittee = pallet_collective::Instance1;
/// Two of three members agree.
pub type TwoThirdsOfCommittee = pallet_collective::EnsureProportionAtLeast<AccountId, TechnicalCommittee, 2, 3>;
/// Half of the members agree.
pub type HalfOfCommittee = pallet_collective::EnsureProportionAtLeast<AccountId, TechnicalCommittee, 1, 2>;

impl pallet_collective::Config<TechnicalCommittee> for Runtime {
    type RuntimeOrigin = RuntimeOrigin;
    type Proposal = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type MotionDuration = ConstU32<{ or_fast(3 * DAYS, 50) }>;
    type MaxProposals = ConstU32<20>;
    type MaxMembers = ConstU32<21>;
    type DefaultVote = pallet_collective::PrimeDefaultVote;
    type WeightInfo = crate::weights::pallet_collective::WeightInfo<Runtime>;
    // Only a root referendum names members.
    type SetMembersOrigin = EnsureRoot<AccountId>;
    type MaxProposalWeight = MaxProposalWeight;
    type DisapproveOrigin = EnsureRoot<AccountId>;
    type KillOrigin = EnsureRoot<AccountId>;
    type Consideration = ();
}

impl pallet_whitelist::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeCall = RuntimeCall;
    type WhitelistOrigin = EitherOfDiverse<EnsureRoot<AccountId>, TwoThirdsOfCommittee>;
    type DispatchWhitelistedOrigin = EitherOf<EnsureRoot<AccountId>, WhitelistedCaller>;
    type Preimages = Preimage;
    type DeferredDispatchExpiration = ConstU32<{ or_fast(7 * DAYS, 100) }>;
    type BlockNumberProvider = System;
    type WeightInfo = crate::weights::pallet_whitelist::WeightInfo<Runtime>;
}

impl pallet_treasury::Config for Runtime {
    type Currency = Balances;
    type RejectOrigin = EitherOfDiverse<EnsureRoot<AccountId>, Treasurer>;
    type RuntimeEvent = RuntimeEvent;
    type SpendPeriod = SpendPeriod;
    type Burn = NoBurn;
    type PalletId = TreasuryId;
    type BurnDestination = ();
    type WeightInfo = crate::weights::pallet_treasury::WeightInfo<Runtime>;
    type SpendFunds = Bounties;
    type MaxApprovals = ConstU32<100>;
    type SpendOrigin = EitherOf<EnsureRootWithSuccess<AccountId, MaxSpend>, Spender>;
    type AssetKind = ();
    type Beneficiary = AccountId;
    type BeneficiaryLookup = IdentityLookup<AccountId>;
    type Paymaster = PayFromAccount<Balances, TreasuryAccount>;
    type BalanceConverter = UnityAssetBalanceConversion;
    type PayoutPeriod = PayoutPeriod;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkHelper = crate::benches::Beneficiaries;
    type BlockNumberProvider = System;
}

impl pallet_bounties::Config for Runtime {
    type BountyDepositBase = ConstU128<LUX>;
    type BountyDepositPayoutDelay = BountyDepositPayoutDelay;
    type BountyUpdatePeriod = BountyUpdatePeriod;
    type CuratorDepositMultiplier = CuratorDepositMultiplier;
    type CuratorDepositMax = CuratorDepositMax;
    type CuratorDepositMin = CuratorDepositMin;
    type BountyValueMinimum = ConstU128<{ 10 * LUX }>;
    type DataDepositPerByte = ConstU128<MILLI>;
    type RuntimeEvent = RuntimeEvent;
    type MaximumReasonLength = ConstU32<16_384>;
    type WeightInfo = crate::weights::pallet_bounties::WeightInfo<Runtime>;
    type ChildBountyManager = ChildBounties;
    type OnSlash = Treasury;
    // A bounty that is closed gives what its account holds back to the treasury.
    type TransferAllAssets = pallet_bounties::TransferFungible<AccountId, Balances>;
}

impl pallet_child_bounties::Config for Runtime {
    type MaxActiveChildBountyCount = ConstU32<100>;
    type ChildBountyValueMinimum = ConstU128<LUX>;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = crate::weights::pallet_child_bounties::WeightInfo<Runtime>;
}

impl pallet_identity::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type Currency = Balances;
    type BasicDeposit = ConstU128<{ deposit(1, 17) }>;
    type ByteDeposit = ConstU128<{ deposit(0, 1) }>;
    type UsernameDeposit = ConstU128<{ deposit(0, 32) }>;
    type SubAccountDeposit = ConstU128<{ deposit(1, 53) }>;
    type MaxSubAccounts = ConstU32<100>;
    type IdentityInformation = pallet_identity::legacy::IdentityInfo<ConstU32<16>>;
    type MaxRegistrars = ConstU32<20>;
    type Slashed = Treasury;
    type ForceOrigin = EitherOf<EnsureRoot<AccountId>, GeneralAdmin>;
    type RegistrarOrigin = EitherOf<EnsureRoot<AccountId>, GeneralAdmin>;
    type OffchainSignature = crate::Signature;
    type SigningPublicKey = crate::AccountPublic;
    type UsernameAuthorityOrigin = EitherOf<EnsureRoot<AccountId>, GeneralAdmin>;
    type PendingUsernameExpiration = ConstU32<{ 7 * DAYS }>;
    type UsernameGracePeriod = ConstU32<{ 30 * DAYS }>;
    type MaxSuffixLength = ConstU32<7>;
    type MaxUsernameLength = ConstU32<32>;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkHelper = ();
    type WeightInfo = crate::weights::pallet_identity::WeightInfo<Runtime>;
}
