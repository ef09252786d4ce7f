//! Random and mutated calls against the whole runtime: none panics, no LUX comes or goes that the books do not have,
//! and the invariants of every pallet hold after every block.
//!
//! `LANTERN_HOSTILE_CALLS` says how many; the default is for every day.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

use crate::{
    currency::LUX, genesis::tests::state, AccountId, AllPalletsWithSystem, Balances, BlockNumber, JobEscrow, Runtime,
    RuntimeCall, RuntimeOrigin, System,
};
use codec::{Compact, DecodeLimit, Encode, MemTrackingInput};
use frame_support::traits::{Hooks, OnFinalize, TryState, TryStateSelect};
use sp_keyring::Sr25519Keyring;
use sp_runtime::{traits::Dispatchable, TryRuntimeError};

const DEFAULT_CALLS: usize = 20_000;
/// Calls in a block; then hooks run.
const CALLS_PER_BLOCK: usize = 50;
/// Most memory that a byte of input may make the decoder ask for: every second byte a call of a batch.
const MEMORY_PER_BYTE: usize = core::mem::size_of::<RuntimeCall>();
/// What the codec reserves for sequences before it has seen their elements: this much for each depth.
const MEMORY_IN_ADVANCE: usize = 16 * 1024 * DEPTH as usize;
/// As deep as the runtime decodes calls.
const DEPTH: u32 = frame_support::MAX_EXTRINSIC_DEPTH;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        // Small numbers are likelier to be a variant, a length or an amount that means something.
        (0..len)
            .map(|_| match self.below(3) {
                0 => self.below(4) as u8,
                1 => self.below(80) as u8,
                _ => self.next() as u8,
            })
            .collect()
    }

    fn account(&mut self) -> AccountId {
        use Sr25519Keyring::{Alice, Bob, Charlie, Dave, Eve, Ferdie};
        [Alice, Bob, Charlie, Dave, Eve, Ferdie][self.below(6)].to_account_id()
    }

    /// Anybody but root, whom governance alone can speak for.
    fn origin(&mut self) -> RuntimeOrigin {
        match self.below(20) {
            0 => RuntimeOrigin::none(),
            _ => RuntimeOrigin::signed(self.account()),
        }
    }
}

/// Calls that do something, to begin from.
fn seeds(random: &mut Random) -> Vec<Vec<u8>> {
    let to = || Sr25519Keyring::Bob.to_account_id().into();
    let input = vec![1u8, 0, 0, 0, 2, 0, 0, 0];
    let input_hash = sp_core::H256(sp_io::hashing::blake2_256(&input));
    let mut calls: Vec<RuntimeCall> = vec![
        pallet_balances::Call::transfer_keep_alive { dest: to(), value: LUX }.into(),
        pallet_balances::Call::transfer_all {
            dest: to(),
            keep_alive: true,
        }
        .into(),
        pallet_staking::Call::bond {
            value: 2_000 * LUX,
            payee: pallet_staking::RewardDestination::Staked,
        }
        .into(),
        pallet_staking::Call::nominate { targets: vec![to()] }.into(),
        pallet_staking::Call::unbond { value: 100 * LUX }.into(),
        pallet_staking::Call::chill {}.into(),
        pallet_preimage::Call::note_preimage {
            bytes: random.bytes(40),
        }
        .into(),
        pallet_provider_staking::Call::register {
            metadata: Default::default(),
            bond: 50 * LUX,
            workers: Default::default(),
        }
        .into(),
        pallet_provider_staking::Call::bond_more { amount: LUX }.into(),
        pallet_provider_staking::Call::unbond { amount: LUX }.into(),
        pallet_job_escrow::Call::cancel_job { job: 0 }.into(),
        pallet_job_escrow::Call::poke { job: 0 }.into(),
        pallet_job_escrow::Call::submit_job {
            model: Default::default(),
            input,
            input_hash,
            params: lantern_primitives::JobParams::Embed,
            max_fee: LUX,
            provider: None,
        }
        .into(),
    ];
    let batch = calls.clone();
    calls.push(pallet_utility::Call::batch { calls: batch }.into());
    calls.push(
        pallet_utility::Call::as_derivative {
            index: 1,
            call: Box::new(calls[0].clone()),
        }
        .into(),
    );
    calls.into_iter().map(|call| call.encode()).collect()
}

/// Random bytes behind a pallet's index, or a seed with some bytes changed, cut, doubled, or replaced by a great length.
fn hostile_bytes(random: &mut Random, seeds: &[Vec<u8>], pallets: &[u8]) -> Vec<u8> {
    if random.below(3) == 0 {
        let len = random.below(200);
        let mut bytes = random.bytes(len + 2);
        bytes[0] = pallets[random.below(pallets.len())];
        bytes[1] = random.below(40) as u8;
        return bytes;
    }
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes.truncate(at.max(2)),
            3 => {
                let length = Compact(u32::MAX >> random.below(24)).encode();
                bytes.splice(at..at + 1, length);
            },
            _ => bytes.extend_from_within(at..),
        }
    }
    bytes
}

/// What the runtime makes of these bytes, and the bytes of memory that it asked for meanwhile.
fn decode(bytes: &[u8]) -> (Option<RuntimeCall>, usize) {
    let mut input = bytes;
    let mut input = MemTrackingInput::new(&mut input, usize::MAX);
    let call = RuntimeCall::decode_with_depth_limit(DEPTH, &mut input).ok();
    (call, input.used_mem())
}

/// A call, if these bytes are one. Decoding them takes no more memory than their number allows.
fn call(bytes: &[u8]) -> Option<RuntimeCall> {
    let (call, memory) = decode(bytes);
    let allowed = bytes.len() * MEMORY_PER_BYTE + MEMORY_IN_ADVANCE;
    assert!(
        memory <= allowed,
        "{memory} bytes for {} of input: {bytes:?}",
        bytes.len()
    );
    call
}

/// All LUX there is, by the accounts themselves.
fn all_balances() -> u128 {
    frame_system::Account::<Runtime>::iter()
        .map(|(_, account)| account.data.free + account.data.reserved)
        .sum()
}

/// Whether the storage of every pallet agrees with itself, and that of ours with what the currency holds.
fn invariants() -> Result<(), TryRuntimeError> {
    AllPalletsWithSystem::try_state(System::block_number(), TryStateSelect::All)
}

/// Ends the block and begins the next, with the hooks that need no block author.
fn next_block() {
    let number: BlockNumber = System::block_number();
    JobEscrow::on_idle(number, crate::configs::block_weights().max_block);
    <crate::RewardEmission as OnFinalize<BlockNumber>>::on_finalize(number);
    let number = number + 1;
    System::reset_events();
    System::set_block_number(number);
    pallet_timestamp::Now::<Runtime>::put(u64::from(number) * crate::time::SLOT_MILLIS);
    <crate::RewardEmission as Hooks<BlockNumber>>::on_initialize(number);
    <crate::Scheduler as Hooks<BlockNumber>>::on_initialize(number);
    <crate::Treasury as Hooks<BlockNumber>>::on_initialize(number);
}

#[test]
fn no_call_panics_and_no_lux_comes_or_goes_beside_the_books() {
    let wanted = std::env::var("LANTERN_HOSTILE_CALLS").map_or(DEFAULT_CALLS, |calls| calls.parse().unwrap());
    let mut random = Random(0x1a27_e2f0);
    state(sp_genesis_builder::DEV_RUNTIME_PRESET).execute_with(|| {
        System::set_block_number(1);
        pallet_timestamp::Now::<Runtime>::put(crate::time::SLOT_MILLIS);
        let (seeds, pallets) = (seeds(&mut random), (0..=80).collect::<Vec<u8>>());
        let (mut dispatched, mut succeeded) = (0, 0);
        while dispatched < wanted {
            let Some(call) = call(&hostile_bytes(&mut random, &seeds, &pallets)) else {
                continue;
            };
            // The clock is the test's.
            if matches!(call, RuntimeCall::Timestamp(..)) {
                continue;
            }
            let origin = random.origin();
            succeeded += usize::from(frame_support::storage::with_storage_layer(|| call.dispatch(origin)).is_ok());
            dispatched += 1;
            if dispatched % CALLS_PER_BLOCK == 0 {
                next_block();
                assert_eq!(all_balances(), Balances::total_issuance(), "after {dispatched} calls");
                assert_eq!(invariants(), Ok(()), "after {dispatched} calls");
            }
        }
        assert!(
            succeeded * 50 > dispatched,
            "{succeeded} of {dispatched} calls did something"
        );
    });
}

/// Batches in batches, each of them a call deeper.
fn nested(depth: u32) -> Vec<u8> {
    let mut call: RuntimeCall = pallet_staking::Call::chill {}.into();
    for _ in 0..depth {
        call = pallet_utility::Call::batch { calls: vec![call] }.into();
    }
    call.encode()
}

#[test]
fn depth_and_length_of_a_call_bound_what_decoding_it_takes() {
    assert!(call(&nested(DEPTH / 2 - 1)).is_some());
    assert!(call(&nested(DEPTH + 1)).is_none());
    assert!(call(&nested(10_000)).is_none());
    // A batch of as many calls as there are numbers, and one of a megabyte of the shortest calls.
    let head = nested(0);
    let batch = |count: u32, calls: &[u8]| {
        let empty: RuntimeCall = pallet_utility::Call::batch { calls: Vec::new() }.into();
        let mut bytes = empty.encode();
        bytes.pop();
        bytes.extend(Compact(count).encode());
        bytes.extend(calls);
        bytes
    };
    assert!(call(&batch(u32::MAX, &head)).is_none());
    let many = 500_000;
    assert!(call(&batch(many, &head.repeat(many as usize))).is_some());
}
