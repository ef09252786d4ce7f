//! Whether the chain specification can be used: its first block, and the runtime in it.

use codec::Encode;
use lantern_primitives::H256;
use lantern_runtime::{opaque::Block, Header};
use sc_executor::RuntimeVersionOf;
use sc_service::{construct_genesis_block, ChainSpec};
use sp_core::{
    storage::{well_known_keys::CODE, Storage},
    traits::{RuntimeCode, WrappedRuntimeCode},
};
use sp_runtime::traits::{BlakeTwo256, Block as _, Hash};

use super::{Finding, Setup};
use crate::{
    faults::Fault,
    service::{Executor, HostFunctions},
};

/// The first block of a chain.
pub struct Genesis {
    /// Its state.
    pub storage: Storage,
    /// Its hash.
    pub hash: H256,
    /// The version of its runtime.
    pub version: sc_cli::RuntimeVersion,
}

/// The runtime in a chain specification, or on the chain, cannot be used.
pub fn bad_runtime(found: &str) -> Fault {
    Fault::new(
        format!("the runtime in the chain specification is damaged, or not for this program: {found}"),
        "fetch the specification again and compare its SHA-256 with the one that was published. Where it is right, this program is \
         too old for it: install the current release",
    )
}

/// Makes the first block of `spec`. Compiles its runtime, which the executor remembers.
///
/// # Errors
/// When the state cannot be made, or the runtime is damaged.
pub fn genesis(spec: &dyn ChainSpec, executor: &Executor) -> Result<Genesis, Fault> {
    let storage = spec.as_storage_builder().build_storage().map_err(|error| {
        Fault::new(
            format!(
                "the first block of chain '{}' cannot be made from its specification: {error}",
                spec.id()
            ),
            "fetch the specification again, and compare its SHA-256 with the one that was published",
        )
    })?;
    let code = storage
        .top
        .get(CODE)
        .ok_or_else(|| bad_runtime("it holds none (no `:code`)"))?;
    let version = {
        let mut externalities = sp_io::TestExternalities::new_empty();
        let runtime = RuntimeCode {
            code_fetcher: &WrappedRuntimeCode(code.as_slice().into()),
            heap_pages: None,
            hash: BlakeTwo256::hash(code).encode(),
        };
        executor
            .runtime_version(&mut externalities.ext(), &runtime)
            .map_err(|error| bad_runtime(&error.to_string()))?
    };
    let state_version = version.state_version();
    let mut top = storage.top.clone();
    for child in storage.children_default.values() {
        let root = BlakeTwo256::trie_root(child.data.clone().into_iter().collect(), state_version);
        top.insert(child.child_info.prefixed_storage_key().into_inner(), root.encode());
    }
    let root = BlakeTwo256::trie_root(top.into_iter().collect(), state_version);
    let block: Block = construct_genesis_block(root, state_version);
    let header: &Header = block.header();
    Ok(Genesis {
        hash: header.hash(),
        storage,
        version,
    })
}

/// Looks at the chain specification.
pub fn specification(setup: &Setup<'_>) -> (Vec<Finding>, Option<H256>) {
    const SUBJECT: &str = "chain";
    let spec = &setup.spec;
    let executor = sc_executor::WasmExecutor::<HostFunctions>::builder().build();
    match genesis(&**spec, &executor) {
        Err(fault) => (vec![Finding::new(SUBJECT, super::Found::Fail(fault))], None),
        Ok(genesis) => {
            let text = format!(
                "{} ({}), first block {:?}, runtime {} version {}",
                spec.name(),
                spec.id(),
                genesis.hash,
                genesis.version.spec_name,
                genesis.version.spec_version
            );
            (vec![Finding::ok(SUBJECT, text)], Some(genesis.hash))
        },
    }
}
