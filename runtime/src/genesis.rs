//! Genesis presets: `development` (one authority, sudo) and `local` (two authorities, no special key).

use alloc::{vec, vec::Vec};
use frame_support::build_struct_json_patch;
use serde_json::Value;
use sp_consensus_babe::AuthorityId as BabeId;
use sp_consensus_grandpa::AuthorityId as GrandpaId;
use sp_genesis_builder::PresetId;
use sp_keyring::Sr25519Keyring;

use crate::{
    configs::{AuditPoolAccount, TreasuryAccount, BABE_GENESIS_CONFIG},
    currency::LUX,
    AccountId, BabeConfig, Balance, BalancesConfig, RuntimeGenesisConfig, SessionConfig, SessionKeys, SudoConfig,
};

/// Preset with three authorities.
pub const LOCAL_THREE: &str = "local-three";
/// Preset with four authorities.
pub const LOCAL_FOUR: &str = "local-four";

/// What every account of a preset starts with.
const ENDOWMENT: Balance = 1_000_000 * LUX;

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
    };
    (key.to_account_id(), keys)
}

fn genesis(authorities: &[Sr25519Keyring], sudo: Option<AccountId>) -> Value {
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
                .chain([TreasuryAccount::get(), AuditPoolAccount::get()].map(|pot| (pot, LUX)))
                .collect::<Vec<_>>(),
        },
        session: SessionConfig { keys },
        babe: BabeConfig {
            epoch_config: BABE_GENESIS_CONFIG
        },
        sudo: SudoConfig { key: sudo },
    })
}

/// The JSON patch of a preset.
pub fn get_preset(id: &PresetId) -> Option<Vec<u8>> {
    use Sr25519Keyring::{Alice, Bob, Charlie, Dave};
    let patch = match id.as_ref() {
        sp_genesis_builder::DEV_RUNTIME_PRESET => genesis(&[Alice], Some(Alice.to_account_id())),
        sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET => genesis(&[Alice, Bob], None),
        LOCAL_THREE => genesis(&[Alice, Bob, Charlie], None),
        LOCAL_FOUR => genesis(&[Alice, Bob, Charlie, Dave], None),
        _ => return None,
    };
    Some(alloc::string::ToString::to_string(&patch).into_bytes())
}

/// Names of the presets.
pub fn preset_names() -> Vec<PresetId> {
    vec![
        PresetId::from(sp_genesis_builder::DEV_RUNTIME_PRESET),
        PresetId::from(sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET),
        PresetId::from(LOCAL_THREE),
        PresetId::from(LOCAL_FOUR),
    ]
}
