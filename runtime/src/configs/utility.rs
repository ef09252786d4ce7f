//! Utility, proxy, multisig, parameters and the development key.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
    parameter_types,
    traits::{ConstU32, EitherOf, EnsureOrigin, EnsureOriginWithArg, InstanceFilter},
};
use frame_system::EnsureRoot;
use scale_info::TypeInfo;
use sp_runtime::traits::BlakeTwo256;

use super::{
    governance::origins::ComputeParameters,
    parameters::{RuntimeParameters, RuntimeParametersKey},
};
use crate::{
    currency::MILLI, AccountId, Balance, Balances, OriginCaller, Runtime, RuntimeCall, RuntimeEvent, RuntimeOrigin,
    System,
};

impl pallet_utility::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeCall = RuntimeCall;
    type PalletsOrigin = OriginCaller;
    type WeightInfo = crate::weights::pallet_utility::WeightInfo<Runtime>;
}

/// Deposit for `items` storage entries of `bytes` in all.
pub(super) const fn deposit(items: u32, bytes: u32) -> Balance {
    items as Balance * 20 * MILLI + bytes as Balance * MILLI / 10
}

parameter_types! {
    pub const MultisigDepositBase: Balance = deposit(1, 88);
    pub const MultisigDepositFactor: Balance = deposit(0, 32);
    pub const ProxyDepositBase: Balance = deposit(1, 8);
    pub const ProxyDepositFactor: Balance = deposit(0, 33);
    pub const AnnouncementDepositBase: Balance = deposit(1, 8);
    pub const AnnouncementDepositFactor: Balance = deposit(0, 66);
}

impl pallet_multisig::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeCall = RuntimeCall;
    type Currency = Balances;
    type DepositBase = MultisigDepositBase;
    type DepositFactor = MultisigDepositFactor;
    type MaxSignatories = ConstU32<100>;
    type WeightInfo = crate::weights::pallet_multisig::WeightInfo<Runtime>;
    type BlockNumberProvider = System;
}

/// What a proxy may do for the account that named it.
#[derive(
    Copy,
    Clone,
    Eq,
    PartialEq,
    Ord,
    PartialOrd,
    Encode,
    Decode,
    DecodeWithMemTracking,
    Debug,
    MaxEncodedLen,
    TypeInfo,
    Default,
)]
pub enum ProxyType {
    /// Everything.
    #[default]
    Any,
    /// Everything that cannot move funds to others.
    NonTransfer,
    /// Provider operations: worker keys, prices, pausing and reward claims, but not bonds.
    ProviderOperator,
    /// Requesting and cancelling jobs.
    Requester,
    /// Referenda, votes and committee.
    Governance,
    /// Validating and nominating.
    Staking,
}

impl InstanceFilter<RuntimeCall> for ProxyType {
    fn filter(&self, call: &RuntimeCall) -> bool {
        match self {
            ProxyType::Any => true,
            ProxyType::NonTransfer => !matches!(
                call,
                RuntimeCall::Balances(..)
                    | RuntimeCall::Sudo(..)
                    | RuntimeCall::JobEscrow(..)
                    | RuntimeCall::Treasury(..)
                    | RuntimeCall::Bounties(..)
                    | RuntimeCall::ChildBounties(..)
            ),
            ProxyType::Governance => matches!(
                call,
                RuntimeCall::Referenda(..)
                    | RuntimeCall::ConvictionVoting(..)
                    | RuntimeCall::Preimage(..)
                    | RuntimeCall::Committee(..)
                    | RuntimeCall::Whitelist(..)
                    | RuntimeCall::Utility(..)
            ),
            ProxyType::Staking => matches!(
                call,
                RuntimeCall::Staking(..)
                    | RuntimeCall::VoterList(..)
                    | RuntimeCall::Session(..)
                    | RuntimeCall::Utility(..)
            ),
            ProxyType::ProviderOperator => matches!(
                call,
                RuntimeCall::ProviderStaking(
                    pallet_provider_staking::Call::add_worker { .. }
                        | pallet_provider_staking::Call::remove_worker { .. }
                        | pallet_provider_staking::Call::pause { .. }
                        | pallet_provider_staking::Call::resume { .. }
                        | pallet_provider_staking::Call::update_metadata { .. }
                ) | RuntimeCall::ModelRegistry(
                    pallet_model_registry::Call::post_price { .. } | pallet_model_registry::Call::withdraw_price { .. }
                ) | RuntimeCall::RewardEmission(..)
            ),
            ProxyType::Requester => matches!(
                call,
                RuntimeCall::JobEscrow(
                    pallet_job_escrow::Call::submit_job { .. } | pallet_job_escrow::Call::cancel_job { .. }
                )
            ),
        }
    }

    fn is_superset(&self, other: &Self) -> bool {
        match (self, other) {
            (a, b) if a == b => true,
            (ProxyType::Any, _) => true,
            (_, ProxyType::Any) => false,
            (ProxyType::NonTransfer, ProxyType::ProviderOperator | ProxyType::Governance | ProxyType::Staking) => true,
            _ => false,
        }
    }
}

impl pallet_proxy::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeCall = RuntimeCall;
    type Currency = Balances;
    type ProxyType = ProxyType;
    type ProxyDepositBase = ProxyDepositBase;
    type ProxyDepositFactor = ProxyDepositFactor;
    type MaxProxies = ConstU32<32>;
    type WeightInfo = crate::weights::pallet_proxy::WeightInfo<Runtime>;
    type MaxPending = ConstU32<32>;
    type CallHasher = BlakeTwo256;
    type AnnouncementDepositBase = AnnouncementDepositBase;
    type AnnouncementDepositFactor = AnnouncementDepositFactor;
    type BlockNumberProvider = System;
}

/// Root and the track for it set parameters.
pub struct ParametersAdmin;
impl EnsureOriginWithArg<RuntimeOrigin, RuntimeParametersKey> for ParametersAdmin {
    type Success = ();

    fn try_origin(origin: RuntimeOrigin, _key: &RuntimeParametersKey) -> Result<(), RuntimeOrigin> {
        <EitherOf<EnsureRoot<AccountId>, ComputeParameters> as EnsureOrigin<RuntimeOrigin>>::try_origin(origin)
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn try_successful_origin(_key: &RuntimeParametersKey) -> Result<RuntimeOrigin, ()> {
        Ok(RuntimeOrigin::root())
    }
}

impl pallet_parameters::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeParameters = RuntimeParameters;
    type AdminOrigin = ParametersAdmin;
    type WeightInfo = crate::weights::pallet_parameters::WeightInfo<Runtime>;
}

// The pallet is always there, its key only in the development preset.
impl pallet_sudo::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeCall = RuntimeCall;
    type WeightInfo = crate::weights::pallet_sudo::WeightInfo<Runtime>;
}
