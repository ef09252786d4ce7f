//! Genesis presets: `development` (one validator, sudo), `local` (four validators, two nominators, no special key), `local-two` (two
//! validators), and `staging` (as `local`, with accounts of its own).

mod staging;

use alloc::{vec, vec::Vec};
use frame_support::build_struct_json_patch;
use pallet_staking::StakerStatus;
use serde_json::Value;
use sp_consensus_babe::AuthorityId as BabeId;
use sp_consensus_grandpa::AuthorityId as GrandpaId;
use sp_core::crypto::UncheckedFrom;
use sp_genesis_builder::PresetId;
use sp_keyring::Sr25519Keyring;
use sp_runtime::Perbill;

use crate::{
    configs::{AuditPoolAccount, EraPot, TreasuryAccount, BABE_GENESIS_CONFIG},
    currency::LUX,
    AccountId, BabeConfig, Balance, BalancesConfig, CommitteeConfig, RuntimeGenesisConfig, SessionConfig, SessionKeys,
    StakingConfig, SudoConfig,
};

/// Preset with two validators.
pub const LOCAL_TWO: &str = "local-two";
/// Preset to rehearse the real network with: four validators, two nominators, no sudo, no development accounts.
pub const STAGING: &str = "staging";

/// What every account of a preset starts with.
const ENDOWMENT: Balance = 1_000_000 * LUX;
/// What every validator and nominator of a preset bonds.
const STAKE: Balance = 100_000 * LUX;
/// Least bonds; nobody else's dust takes part in elections.
const MIN_VALIDATOR_BOND: Balance = 1_000 * LUX;
const MIN_NOMINATOR_BOND: Balance = 10 * LUX;
/// What the reporters of an offence may receive of the slash; a first report is paid half of it.
const REPORTERS_PART: Perbill = Perbill::from_percent(10);

/// The well-known development accounts, whose keys everybody has.
fn well_known() -> Vec<AccountId> {
    Sr25519Keyring::iter()
        .filter(|key| !matches!(key, Sr25519Keyring::One | Sr25519Keyring::Two))
        .map(|key| key.to_account_id())
        .collect()
}

fn authority(key: Sr25519Keyring) -> (AccountId, SessionKeys) {
    let grandpa = match key {
        Sr25519Keyring::Alice => sp_keyring::Ed25519Keyring::Alice,
        Sr25519Keyring::Bob => sp_keyring::Ed25519Keyring::Bob,
        Sr25519Keyring::Charlie => sp_keyring::Ed25519Keyring::Charlie,
        _ => sp_keyring::Ed25519Keyring::Dave,
    };
    let keys = SessionKeys {
        babe: BabeId::from(key.public()),
        grandpa: GrandpaId::from(grandpa.public()),
        im_online: UncheckedFrom::unchecked_from(key.public().0),
        authority_discovery: UncheckedFrom::unchecked_from(key.public().0),
    };
    (key.to_account_id(), keys)
}

/// Who takes part in a network from its first block on.
struct Parties {
    /// Accounts of the validators with their session keys.
    validators: Vec<(AccountId, SessionKeys)>,
    /// Accounts that nominate all validators.
    nominators: Vec<AccountId>,
    /// Accounts that start with [`ENDOWMENT`], stakers among them.
    endowed: Vec<AccountId>,
    /// The technical committee.
    committee: Vec<AccountId>,
    /// Who may do anything, in a network of one developer.
    sudo: Option<AccountId>,
}

impl Parties {
    /// Of the well-known development accounts.
    fn well_known(authorities: &[Sr25519Keyring], nominators: &[Sr25519Keyring], sudo: Option<AccountId>) -> Self {
        use Sr25519Keyring::{Alice, Bob, Charlie};
        Self {
            validators: authorities.iter().map(|key| authority(*key)).collect(),
            nominators: nominators.iter().map(|key| key.to_account_id()).collect(),
            endowed: well_known(),
            committee: [Alice, Bob, Charlie].map(|key| key.to_account_id()).to_vec(),
            sudo,
        }
    }

    /// Of the preset `staging`.
    fn staging() -> Self {
        let validators: Vec<_> = staging::validators().collect();
        let nominators: Vec<_> = staging::nominators().collect();
        let accounts = validators.iter().map(|(account, _)| account);
        Self {
            endowed: accounts.clone().chain(&nominators).cloned().collect(),
            committee: accounts.take(3).cloned().collect(),
            nominators,
            validators,
            sudo: None,
        }
    }
}

fn genesis(parties: Parties) -> Value {
    let validators: Vec<AccountId> = parties.validators.iter().map(|(account, _)| account.clone()).collect();
    let staker = |account: &AccountId, status| (account.clone(), account.clone(), STAKE, status);
    let validate = validators
        .iter()
        .map(|account| staker(account, StakerStatus::Validator));
    let nominate = parties
        .nominators
        .iter()
        .map(|account| staker(account, StakerStatus::Nominator(validators.clone())));
    let stakers = validate.chain(nominate).collect::<Vec<_>>();
    let count = validators.len() as u32;
    let keys = parties
        .validators
        .into_iter()
        .map(|(account, keys)| (account.clone(), account, keys))
        .collect::<Vec<_>>();
    build_struct_json_patch!(RuntimeGenesisConfig {
        balances: BalancesConfig {
            balances: parties
                .endowed
                .into_iter()
                .map(|account| (account, ENDOWMENT))
                // The pots exist from the start: a part of a fee below the existential deposit could not open them.
                .chain([TreasuryAccount::get(), AuditPoolAccount::get(), EraPot::get()].map(|pot| (pot, LUX)))
                .collect::<Vec<_>>(),
        },
        session: SessionConfig { keys },
        staking: StakingConfig {
            stakers,
            validator_count: count,
            minimum_validator_count: count.min(2),
            slash_reward_fraction: REPORTERS_PART,
            min_validator_bond: MIN_VALIDATOR_BOND,
            min_nominator_bond: MIN_NOMINATOR_BOND,
        },
        committee: CommitteeConfig {
            members: parties.committee,
        },
        babe: BabeConfig {
            epoch_config: BABE_GENESIS_CONFIG
        },
        sudo: SudoConfig { key: parties.sudo },
    })
}

/// The JSON patch of a preset.
pub fn get_preset(id: &PresetId) -> Option<Vec<u8>> {
    use Sr25519Keyring::{Alice, Bob, Charlie, Dave, Eve, Ferdie};
    let parties = match id.as_ref() {
        sp_genesis_builder::DEV_RUNTIME_PRESET => Parties::well_known(&[Alice], &[], Some(Alice.to_account_id())),
        sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET => {
            Parties::well_known(&[Alice, Bob, Charlie, Dave], &[Eve, Ferdie], None)
        },
        LOCAL_TWO => Parties::well_known(&[Alice, Bob], &[], None),
        STAGING => Parties::staging(),
        _ => return None,
    };
    Some(alloc::string::ToString::to_string(&genesis(parties)).into_bytes())
}

/// Names of the presets.
pub fn preset_names() -> Vec<PresetId> {
    vec![
        PresetId::from(sp_genesis_builder::DEV_RUNTIME_PRESET),
        PresetId::from(sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET),
        PresetId::from(LOCAL_TWO),
        PresetId::from(STAGING),
    ]
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

    use sp_runtime::BuildStorage;

    use super::*;
    use crate::{Runtime, Session, Staking, System};

    /// Puts a preset into a whole configuration.
    pub(crate) fn merge(into: &mut Value, patch: Value) {
        match (into, patch) {
            (Value::Object(into), Value::Object(patch)) => {
                for (key, value) in patch {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            },
            (into, patch) => *into = patch,
        }
    }

    /// The state that a preset begins with.
    pub(crate) fn state(preset: &str) -> sp_io::TestExternalities {
        let patch = get_preset(&preset.into()).unwrap();
        let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).unwrap();
        merge(&mut config, serde_json::from_slice(&patch).unwrap());
        let config: RuntimeGenesisConfig = serde_json::from_value(config).unwrap();
        config.build_storage().unwrap().into()
    }

    #[test]
    fn every_preset_builds_and_only_the_development_one_has_a_special_key() {
        for name in preset_names() {
            state(&name).execute_with(|| {
                let sudo = pallet_sudo::Key::<Runtime>::get().is_some();
                assert_eq!(sudo, name == sp_genesis_builder::DEV_RUNTIME_PRESET, "{name}");
                let (validators, development) = (Session::validators(), well_known());
                assert_eq!(validators.len() as u32, Staking::validator_count(), "{name}");
                let exist = development
                    .iter()
                    .filter(|account| System::account_exists(account))
                    .count();
                let wanted = if name == STAGING { 0 } else { development.len() };
                assert_eq!(exist, wanted, "{name}");
            });
        }
    }
}
