//! A chain of blocks that are made by a runtime of the past, in WebAssembly, or by this one.

use crate::{authorized_extension, Hash, Header, RuntimeCall, TxExtension, UncheckedExtrinsic};
use codec::{DecodeAll, Encode};
use frame_support::weights::Weight;
use lantern_primitives::{
    info::{JobFilter, JobInfo},
    JobId,
};
use sc_executor::WasmExecutor;
use sp_consensus_babe::digests::{CompatibleDigestItem, PreDigest, SecondaryPlainPreDigest};
use sp_core::traits::{CallContext, CodeExecutor, RuntimeCode, WrappedRuntimeCode};
use sp_genesis_builder::PresetId;
use sp_io::TestExternalities;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
    generic::{Digest, DigestItem},
    traits::Header as _,
    ApplyExtrinsicResult, ExtrinsicInclusionMode,
};
use sp_version::RuntimeVersion;

/// As the node executes runtimes.
type Executor = WasmExecutor<(
    sp_io::SubstrateHostFunctions,
    sp_statement_store::runtime_api::HostFunctions,
)>;

const ZERO: Hash = Hash::zero();

/// What makes blocks.
enum Runtime {
    /// The runtime of a file.
    Past(Box<Executor>, Vec<u8>),
    /// The one that is being tested.
    This,
}

/// A chain with its state.
pub struct Chain {
    runtime: Runtime,
    version: RuntimeVersion,
    pub state: TestExternalities,
    head: Header,
    slot: u64,
}

impl Chain {
    fn new(runtime: Runtime, state: TestExternalities) -> Self {
        Self {
            runtime,
            version: crate::VERSION,
            state,
            head: Header::new(0, ZERO, ZERO, ZERO, Digest::default()),
            slot: 1_000_000,
        }
    }

    /// The development chain of this runtime, without a block.
    pub fn of_this() -> Self {
        Self::new(
            Runtime::This,
            crate::genesis::tests::state(sp_genesis_builder::DEV_RUNTIME_PRESET),
        )
    }

    /// The development chain of the runtime `code`, without a block.
    pub fn of_past(code: &[u8]) -> Self {
        let runtime = Runtime::Past(Box::new(Executor::builder().build()), code.to_vec());
        let mut chain = Self::new(runtime, TestExternalities::default());
        chain.version = chain.ask("Core_version", &());
        let preset = |chain: &mut Self, id: Option<PresetId>| -> serde_json::Value {
            let json: Option<Vec<u8>> = chain.ask("GenesisBuilder_get_preset", &id);
            serde_json::from_slice(&json.unwrap()).unwrap()
        };
        let mut config = preset(&mut chain, None);
        let patch = preset(&mut chain, Some(sp_genesis_builder::DEV_RUNTIME_PRESET.into()));
        crate::genesis::tests::merge(&mut config, patch);
        let built: Result<(), String> = chain.ask("GenesisBuilder_build_state", &serde_json::to_vec(&config).unwrap());
        built.unwrap();
        chain
    }

    /// Lets this runtime make the blocks from now on.
    pub fn upgrade(&mut self) {
        self.runtime = Runtime::This;
        self.version = crate::VERSION;
    }

    /// Calls a runtime API.
    pub fn ask<R: DecodeAll>(&mut self, method: &str, argument: &impl Encode) -> R {
        let argument = argument.encode();
        let answer = match &self.runtime {
            Runtime::This => self
                .state
                .execute_with(|| crate::apis::api::dispatch(method, &argument))
                .unwrap(),
            Runtime::Past(executor, code) => {
                let fetcher = WrappedRuntimeCode(code.as_slice().into());
                let code = RuntimeCode {
                    code_fetcher: &fetcher,
                    heap_pages: None,
                    hash: b"past".to_vec(),
                };
                let mut state = self.state.ext();
                let (answer, _) = executor.call(&mut state, &code, method, &argument, CallContext::Offchain);
                answer.unwrap()
            },
        };
        R::decode_all(&mut &answer[..]).unwrap()
    }

    /// The number of the last block.
    pub fn number(&self) -> u32 {
        self.head.number
    }

    /// Makes a block of `calls` and returns what could go into it. Every call succeeds.
    pub fn block(&mut self, calls: Vec<UncheckedExtrinsic>) -> ExtrinsicInclusionMode {
        self.weigh(calls).0
    }

    /// The same, with what each call added to the block's weight.
    pub fn weigh(&mut self, calls: Vec<UncheckedExtrinsic>) -> (ExtrinsicInclusionMode, Vec<Weight>) {
        self.slot += 1;
        let slot = PreDigest::SecondaryPlain(SecondaryPlainPreDigest {
            authority_index: 0,
            slot: self.slot.into(),
        });
        let digest = Digest {
            logs: vec![<DigestItem as CompatibleDigestItem>::babe_pre_digest(slot)],
        };
        let header = Header::new(self.head.number + 1, ZERO, ZERO, self.head.hash(), digest);
        let mode = self.ask("Core_initialize_block", &header);
        let now = self.slot * crate::time::SLOT_MILLIS;
        let clock = UncheckedExtrinsic::new_bare(pallet_timestamp::Call::set { now }.into());
        let mut weights = Vec::new();
        for call in std::iter::once(clock).chain(calls) {
            let before = self.weight();
            let applied: ApplyExtrinsicResult = self.ask("BlockBuilder_apply_extrinsic", &call);
            assert_eq!(applied, Ok(Ok(())), "{:?}", call.function);
            weights.push(self.weight().saturating_sub(before));
        }
        // The clock's is no call's.
        weights.remove(0);
        self.head = self.ask("BlockBuilder_finalize_block", &());
        (mode, weights)
    }

    /// What the block so far weighs.
    fn weight(&mut self) -> Weight {
        self.state
            .execute_with(|| frame_system::Pallet::<crate::Runtime>::block_weight().total())
    }

    /// Makes empty blocks up to block `number`.
    pub fn run_to(&mut self, number: u32) {
        while self.number() < number {
            self.block(vec![]);
        }
    }

    /// The hash that signatures are bound to.
    pub fn genesis(&self) -> Hash {
        Header::new(0, ZERO, ZERO, ZERO, Digest::default()).hash()
    }

    /// A signed transaction for the runtime that makes the next block.
    pub fn signed(&self, who: Sr25519Keyring, nonce: u32, call: impl Into<RuntimeCall>) -> UncheckedExtrinsic {
        let call = call.into();
        let mut extension: TxExtension = authorized_extension();
        extension.6 = frame_system::CheckNonce::from(nonce);
        let (spec, transaction) = (self.version.spec_version, self.version.transaction_version);
        let genesis = self.genesis();
        let implicit = ((), (), spec, transaction, genesis, genesis, (), (), (), None, ());
        let payload = crate::SignedPayload::from_raw(call.clone(), extension.clone(), implicit);
        let signature = payload.using_encoded(|bytes| who.sign(bytes));
        let address = who.to_account_id().into();
        UncheckedExtrinsic::new_signed(call, address, signature.into(), extension)
    }

    /// Jobs that pass the filter.
    pub fn jobs(&mut self, filter: JobFilter) -> Vec<JobInfo> {
        self.ask("DepinApi_jobs", &(filter, JobId::MIN, 256u32))
    }
}
