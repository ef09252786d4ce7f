//! Chain specifications, from the runtime's genesis presets.

use sc_service::{ChainType, Properties};

use crate::faults::Fault;

/// The names that [`load`] knows.
const KNOWN: [&str; 4] = ["dev", "local", "local-two", "staging"];

/// A chain specification without extensions.
pub type ChainSpec = sc_service::GenericChainSpec;

fn properties() -> Properties {
    let mut properties = Properties::new();
    properties.insert("tokenSymbol".into(), "LUX".into());
    properties.insert("tokenDecimals".into(), 12.into());
    properties.insert("ss58Format".into(), 42.into());
    properties
}

/// Specification from the runtime preset of this name.
///
/// # Errors
/// When the node was built without the wasm runtime.
pub fn preset(id: &str, preset: &str, name: &str, chain_type: ChainType) -> Result<ChainSpec, Fault> {
    let wasm = lantern_runtime::WASM_BINARY.ok_or_else(|| {
        Fault::new(
            "this node was built without the wasm runtime",
            "build it again without SKIP_WASM_BUILD, or name a chain specification file with --chain",
        )
    })?;
    Ok(ChainSpec::builder(wasm, None)
        .with_name(name)
        .with_id(id)
        .with_chain_type(chain_type)
        .with_protocol_id("lantern")
        .with_properties(properties())
        .with_genesis_config_preset_name(preset)
        .build())
}

/// The specification with this id, or the one in the file of this name.
///
/// # Errors
/// When there is neither, or the file is malformed.
pub fn load(id: &str) -> Result<Box<dyn sc_service::ChainSpec>, Fault> {
    Ok(Box::new(match id {
        "dev" | "development" => preset(
            "dev",
            sp_genesis_builder::DEV_RUNTIME_PRESET,
            "Lantern Development",
            ChainType::Development,
        )?,
        "" | "local" => preset(
            "local",
            sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET,
            "Lantern Local",
            ChainType::Local,
        )?,
        "local-two" => preset(
            id,
            lantern_runtime::genesis::LOCAL_TWO,
            "Lantern Local (two)",
            ChainType::Local,
        )?,
        "staging" => preset(
            id,
            lantern_runtime::genesis::STAGING,
            "Lantern Staging",
            ChainType::Live,
        )?,
        path => from_file(path)?,
    }))
}

fn from_file(path: &str) -> Result<ChainSpec, Fault> {
    ChainSpec::from_json_file(path.into()).map_err(|error| match std::fs::metadata(path) {
        Err(missing) => Fault::new(
            format!(
                "'{path}' is neither a chain specification file ({missing}) nor one of {}",
                KNOWN.join(", ")
            ),
            "name the file of your network's specification with --chain, or one of those",
        ),
        Ok(metadata) if metadata.is_dir() => Fault::new(
            format!("the chain specification '{path}' is a folder"),
            "name the file in it with --chain",
        ),
        Ok(_) => Fault::new(
            format!("the chain specification '{path}' cannot be read: {error}"),
            "fetch the specification of your network again, and compare its SHA-256 with the one that was published",
        ),
    })
}
