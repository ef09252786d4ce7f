//! Nominated proof of stake: who validates, what they earn, and what they lose.

use frame_election_provider_support::{
    bounds::{ElectionBounds, ElectionBoundsBuilder},
    onchain, SequentialPhragmen, VoteWeight,
};
use frame_support::{
    parameter_types,
    traits::{
        fungible::{Balanced, Credit, Debt, Inspect, Mutate},
        tokens::{Fortitude, Preservation},
        ConstBool, ConstU32, EitherOf, OnUnbalanced,
    },
    PalletId,
};
use frame_system::EnsureRoot;
use sp_runtime::{traits::AccountIdConversion, Perbill};
use sp_staking::{EraIndex, SessionIndex};

use super::{governance::origins::StakingAdmin, market::TreasuryAccount};
use crate::{
    AccountId, Balance, Balances, Runtime, RuntimeEvent, RuntimeHoldReason, Session, Staking, Timestamp, VoterList,
};

/// Sessions in an era: a day, with epochs of ten minutes.
pub const SESSIONS_PER_ERA: SessionIndex = if cfg!(feature = "fast-runtime") { 2 } else { 144 };
/// Eras for which stake stays bonded after it was unbonded.
pub const BONDING_ERAS: EraIndex = if cfg!(feature = "fast-runtime") { 4 } else { 14 };
/// Eras between an offence and its slash, in which governance may cancel it.
const SLASH_DEFER_ERAS: EraIndex = if cfg!(feature = "fast-runtime") { 1 } else { 7 };
/// Nominators of one validator that are exposed together.
pub const MAX_NOMINATORS_EXPOSED: u32 = 256;
/// Most validators of an era.
const MAX_VALIDATORS: u32 = 300;
/// Most nominators that an election considers: those with the most stake. The election runs inside a block, so this is what a block has room for.
const MAX_ELECTING_VOTERS: u32 = 2_000;
/// Most candidates that an election considers.
const MAX_ELECTABLE_TARGETS: u32 = 500;
/// Most candidates that a nominator names.
const MAX_VOTES: u32 = 16;
/// Bags in which nominators are sorted by stake.
const BAGS: usize = 200;

/// Upper limits of the bags: each a tenth above the one before, from a ten-millionth of all votes.
const BAG_THRESHOLDS: [VoteWeight; BAGS] = {
    let mut thresholds = [0; BAGS];
    // From the top down, so that the last is the largest vote there is.
    let mut threshold = VoteWeight::MAX;
    let mut bag = BAGS;
    while bag > 0 {
        bag -= 1;
        thresholds[bag] = threshold;
        threshold = threshold / 10 * 9;
    }
    thresholds
};

parameter_types! {
    pub const BagThresholds: &'static [VoteWeight] = &BAG_THRESHOLDS;
    pub const SessionsPerEra: SessionIndex = SESSIONS_PER_ERA;
    pub const BondingDuration: EraIndex = BONDING_ERAS;
    pub const SlashDeferDuration: EraIndex = SLASH_DEFER_ERAS;
    pub ElectionLimits: ElectionBounds = ElectionBoundsBuilder::default()
        .voters_count(MAX_ELECTING_VOTERS.into())
        .targets_count(MAX_ELECTABLE_TARGETS.into())
        .build();
    /// Seed of the account that holds what eras have earned and not yet paid out.
    pub const EraPotId: PalletId = PalletId(*b"lnt/eras");
    /// That account.
    pub EraPot: AccountId = EraPotId::get().into_account_truncating();
}

/// Elects validators by sequential Phragmén inside the block that ends an era.
pub struct ElectOnChain;
impl onchain::Config for ElectOnChain {
    type Sort = ConstBool<true>;
    type System = Runtime;
    type Solver = SequentialPhragmen<AccountId, Perbill>;
    type MaxBackersPerWinner = ConstU32<MAX_ELECTING_VOTERS>;
    type MaxWinnersPerPage = ConstU32<MAX_VALIDATORS>;
    type DataProvider = Staking;
    type WeightInfo = crate::weights::pallet_election_provider_support_benchmarking::WeightInfo<Runtime>;
    type Bounds = ElectionLimits;
}

/// Weight of the largest election that there can be.
#[cfg(test)]
pub fn largest_election() -> frame_support::weights::Weight {
    use frame_election_provider_support::WeightInfo as _;
    <ElectOnChain as onchain::Config>::WeightInfo::phragmen(MAX_ELECTING_VOTERS, MAX_ELECTABLE_TARGETS, MAX_VOTES)
}

impl pallet_bags_list::Config<pallet_bags_list::Instance1> for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = crate::weights::pallet_bags_list::WeightInfo<Runtime>;
    // Staking knows the stake; the list is told of changes by whoever cares.
    type ScoreProvider = Staking;
    type BagThresholds = BagThresholds;
    type MaxAutoRebagPerBlock = ConstU32<0>;
    type Score = VoteWeight;
}

/// An era pays what emission released for validators since the last: staking has no inflation of its own.
pub struct ValidatorBudget;
impl sp_staking::EraPayout<Balance> for ValidatorBudget {
    fn era_payout(_staked: Balance, _issuance: Balance, _millis: u64) -> (Balance, Balance) {
        let pot = pallet_reward_emission::Pallet::<Runtime>::validators_pot();
        let budget =
            <Balances as Inspect<AccountId>>::reducible_balance(&pot, Preservation::Preserve, Fortitude::Polite);
        let moved = <Balances as Mutate<AccountId>>::transfer(&pot, &EraPot::get(), budget, Preservation::Preserve);
        // What cannot be moved, such as less than the existential deposit, is there in the next era.
        (moved.unwrap_or(0), 0)
    }
}

/// Staking mints what it pays out; this takes as much from the era pot, so that issuance stays as it was.
pub struct PaidFromEraPot;
impl OnUnbalanced<Debt<AccountId, Balances>> for PaidFromEraPot {
    fn on_nonzero_unbalanced(minted: Debt<AccountId, Balances>) {
        // Benchmarks pay eras for which emission has released nothing.
        #[cfg(feature = "runtime-benchmarks")]
        {
            use frame_support::traits::Imbalance;
            let _ = <Balances as Mutate<AccountId>>::mint_into(&EraPot::get(), minted.peek() + crate::currency::LUX);
        }
        if <Balances as Balanced<AccountId>>::settle(&EraPot::get(), minted, Preservation::Expendable).is_err() {
            frame_support::defensive!("an era pays no more than its pot received");
        }
    }
}

impl pallet_staking::Config for Runtime {
    type OldCurrency = Balances;
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type CurrencyBalance = Balance;
    type UnixTime = Timestamp;
    type CurrencyToVote = sp_staking::currency_to_vote::U128CurrencyToVote;
    type ElectionProvider = onchain::OnChainExecution<ElectOnChain>;
    type GenesisElectionProvider = onchain::OnChainExecution<ElectOnChain>;
    type NominationsQuota = pallet_staking::FixedNominationsQuota<MAX_VOTES>;
    type HistoryDepth = ConstU32<84>;
    type RewardRemainder = ();
    type RuntimeEvent = RuntimeEvent;
    type Slash = Slashed;
    type Reward = PaidFromEraPot;
    type SessionsPerEra = SessionsPerEra;
    type BondingDuration = BondingDuration;
    type SlashDeferDuration = SlashDeferDuration;
    type AdminOrigin = EitherOf<EnsureRoot<AccountId>, StakingAdmin>;
    type SessionInterface = Self;
    type EraPayout = ValidatorBudget;
    type NextNewSession = Session;
    type MaxExposurePageSize = ConstU32<MAX_NOMINATORS_EXPOSED>;
    type MaxValidatorSet = ConstU32<MAX_VALIDATORS>;
    type VoterList = VoterList;
    type TargetList = pallet_staking::UseValidatorsMap<Self>;
    type MaxUnlockingChunks = ConstU32<32>;
    type MaxControllersInDeprecationBatch = ConstU32<100>;
    type EventListeners = ();
    type Filter = frame_support::traits::Nothing;
    type BenchmarkingConfig = StakingBenchmarks;
    type WeightInfo = crate::weights::pallet_staking::WeightInfo<Runtime>;
}

/// Slashed stake goes to the treasury.
pub struct Slashed;
impl OnUnbalanced<Credit<AccountId, Balances>> for Slashed {
    fn on_nonzero_unbalanced(slashed: Credit<AccountId, Balances>) {
        // The treasury exists, so that any amount can be added; what cannot is burned.
        let _ = <Balances as Balanced<AccountId>>::resolve(&TreasuryAccount::get(), slashed);
    }
}

/// Sizes that staking's benchmarks go up to.
pub struct StakingBenchmarks;
impl pallet_staking::BenchmarkingConfig for StakingBenchmarks {
    type MaxValidators = ConstU32<MAX_VALIDATORS>;
    type MaxNominators = ConstU32<MAX_ELECTING_VOTERS>;
}
