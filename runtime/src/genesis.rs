//! Genesis presets: `development` (one validator, sudo), `local` (four validators, two nominators, no special key) and
//! `local-two` (two validators).

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

/// What every account of a preset starts with.
const ENDOWMENT: Balance = 1_000_000 * LUX;
/// What every validator and nominator of a preset bonds.
const STAKE: Balance = 100_000 * LUX;
/// Least bonds; nobody else's dust takes part in elections.
const MIN_VALIDATOR_BOND: Balance = 1_000 * LUX;
const MIN_NOMINATOR_BOND: Balance = 10 * LUX;
/// What a reporter of an offence receives of the slash.
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

fn genesis(authorities: &[Sr25519Keyring], nominators: &[Sr25519Keyring], sudo: Option<AccountId>) -> Value {
    let validators: Vec<AccountId> = authorities.iter().map(|key| key.to_account_id()).collect();
    let staker = |account: &AccountId, status| (account.clone(), account.clone(), STAKE, status);
    let validate = validators
        .iter()
        .map(|account| staker(account, StakerStatus::Validator));
    let nominate = nominators
        .iter()
        .map(|key| staker(&key.to_account_id(), StakerStatus::Nominator(validators.clone())));
    let stakers = validate.chain(nominate).collect::<Vec<_>>();
    let count = authorities.len() as u32;
    let keys = authorities
        .iter()
        .map(|key| authority(*key))
        .map(|(account, keys)| (account.clone(), account, keys))
        .collect::<Vec<_>>();
    build_struct_json_patch!(RuntimeGenesisConfig {
        balances: BalancesConfig {
            balances: well_known()
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
            members: [Sr25519Keyring::Alice, Sr25519Keyring::Bob, Sr25519Keyring::Charlie]
                .map(|key| key.to_account_id())
                .to_vec(),
        },
        babe: BabeConfig {
            epoch_config: BABE_GENESIS_CONFIG
        },
        sudo: SudoConfig { key: sudo },
    })
}

/// The JSON patch of a preset.
pub fn get_preset(id: &PresetId) -> Option<Vec<u8>> {
    use Sr25519Keyring::{Alice, Bob, Charlie, Dave, Eve, Ferdie};
    let patch = match id.as_ref() {
        sp_genesis_builder::DEV_RUNTIME_PRESET => genesis(&[Alice], &[], Some(Alice.to_account_id())),
        sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET => genesis(&[Alice, Bob, Charlie, Dave], &[Eve, Ferdie], None),
        LOCAL_TWO => genesis(&[Alice, Bob], &[], None),
        _ => return None,
    };
    Some(alloc::string::ToString::to_string(&patch).into_bytes())
}

/// Names of the presets.
pub fn preset_names() -> Vec<PresetId> {
    vec![
        PresetId::from(sp_genesis_builder::DEV_RUNTIME_PRESET),
        PresetId::from(sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET),
        PresetId::from(LOCAL_TWO),
    ]
}
