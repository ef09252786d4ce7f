//! The offchain worker between mailbox and pool.

use std::sync::Arc;

use codec::{Decode, Encode};
use frame_support::{assert_ok, traits::Hooks};
use lantern_primitives::{
    crypto::WORKER_KEY_TYPE,
    job::JobState,
    mailbox::{entry_key, Entry, INDEX_KEY},
    JobId, H256,
};
use parking_lot::RwLock;
use sp_core::offchain::{
    testing::{PoolState, TestOffchainExt, TestTransactionPoolExt},
    OffchainDbExt, OffchainWorkerExt, StorageKind, TransactionPoolExt,
};
use sp_keystore::{testing::MemoryKeystore, KeystoreExt};
use sp_runtime::traits::{Applyable, Checkable};

use crate::{
    mock::*,
    offchain::{Skip, MAX_SUBMISSIONS, RESEND_BLOCKS, SENT_KEY},
    Jobs,
};

/// Runs `test` with an offchain database and a pool.
fn with_courier(test: impl FnOnce(Arc<RwLock<PoolState>>)) {
    let mut ext = new_test_ext();
    let (offchain, _) = TestOffchainExt::with_offchain_db(ext.offchain_db());
    let (pool, state) = TestTransactionPoolExt::new();
    ext.register_extension(OffchainDbExt::new(offchain.clone()));
    ext.register_extension(OffchainWorkerExt::new(offchain));
    ext.register_extension(TransactionPoolExt::new(pool));
    ext.execute_with(|| {
        test(state);
        check_invariants();
    });
}

fn write(key: &[u8], value: &[u8]) {
    sp_io::offchain::local_storage_set(StorageKind::PERSISTENT, key, value);
}

fn entry(job: JobId) -> Entry {
    Entry {
        job,
        work: work(job),
        worker: worker("one"),
        commitment: commitment(&output(), 8),
        output: output().try_into().unwrap(),
    }
}

/// Does what the native task does: entries first, index second.
fn post(entries: &[Entry]) {
    for entry in entries {
        write(&entry_key(entry.job), &entry.encode());
    }
    let index: Vec<JobId> = entries.iter().map(|entry| entry.job).collect();
    write(INDEX_KEY, &index.encode());
}

fn claimed() -> JobId {
    let id = submitted();
    assert_ok!(claim(id, &worker("one")));
    id
}

fn run() {
    JobEscrow::offchain_worker(System::block_number());
}

#[test]
fn a_finished_result_goes_from_the_mailbox_to_the_chain() {
    with_courier(|pool| {
        let id = claimed();
        post(&[entry(id)]);
        run();
        let sent = pool.write().transactions.pop().unwrap();
        let transaction = Extrinsic::decode(&mut &sent[..]).unwrap();

        use frame_support::dispatch::GetDispatchInfo;
        let info = transaction.get_dispatch_info();
        let checked = transaction
            .check(&frame_system::ChainContext::<Test>::default())
            .unwrap();
        assert_ok!(checked.apply::<Test>(&info, sent.len()).unwrap());
        assert!(matches!(
            Jobs::<Test>::get(id).unwrap().state,
            JobState::Committed { .. }
        ));

        // Once it is on the chain there is nothing to send, even if the native task has not emptied the mailbox.
        System::set_block_number(2 + RESEND_BLOCKS);
        run();
        assert!(pool.read().transactions.is_empty());
    });
}

#[test]
fn a_result_is_not_sent_in_every_block_but_again_when_it_got_lost() {
    with_courier(|pool| {
        let id = claimed();
        post(&[entry(id)]);
        for block in 1..=RESEND_BLOCKS {
            System::set_block_number(block);
            run();
            assert_eq!(pool.read().transactions.len(), 1);
        }
        System::set_block_number(1 + RESEND_BLOCKS);
        run();
        assert_eq!(pool.read().transactions.len(), 2);
    });
}

#[test]
fn each_obstacle_is_skipped_without_a_transaction() {
    with_courier(|pool| {
        let id = claimed();
        let now = System::block_number();
        let deliver = |id| JobEscrow::deliver(id, now);
        assert_eq!(deliver(id), Err(Skip::NoEntry));

        let open = submitted();
        let others = submitted();
        assert_ok!(claim(others, &worker("two")));
        post(&[entry(open), entry(others), entry(77)]);
        for job in [open, others, 77] {
            assert_eq!(deliver(job), Err(Skip::NotAssigned));
        }

        write(&entry_key(id), b"garbage");
        assert_eq!(deliver(id), Err(Skip::Garbage));
        write(&entry_key(id), &entry(open).encode());
        assert_eq!(deliver(id), Err(Skip::Garbage));
        write(&entry_key(id), &[entry(id).encode(), vec![0]].concat());
        assert_eq!(deliver(id), Err(Skip::Garbage));

        let elsewhere = Entry {
            work: H256::repeat_byte(9),
            ..entry(id)
        };
        post(&[elsewhere]);
        assert_eq!(deliver(id), Err(Skip::OtherWork));

        let mut wrong = entry(id);
        wrong.output[0] ^= 1;
        post(&[wrong]);
        assert_eq!(deliver(id), Err(Skip::OutputMismatch));

        post(&[entry(id)]);
        assert_eq!(JobEscrow::deliver(id, 11), Err(Skip::Late));
        MockProviders::revoke(&worker("one"));
        assert_eq!(deliver(id), Err(Skip::NotAssigned));
        assert!(pool.read().transactions.is_empty());
    });
}

#[test]
fn without_the_key_in_the_keystore_nothing_is_sent() {
    let mut ext = new_test_ext();
    let (id, result) = ext.execute_with(|| {
        let id = claimed();
        (id, entry(id))
    });
    ext.register_extension(KeystoreExt(Arc::new(MemoryKeystore::new())));
    let (offchain, _) = TestOffchainExt::with_offchain_db(ext.offchain_db());
    let (pool, state) = TestTransactionPoolExt::new();
    ext.register_extension(OffchainDbExt::new(offchain.clone()));
    ext.register_extension(OffchainWorkerExt::new(offchain));
    ext.register_extension(TransactionPoolExt::new(pool));
    ext.execute_with(|| {
        assert!(sp_io::crypto::sr25519_public_keys(WORKER_KEY_TYPE).is_empty());
        post(&[result]);
        assert_eq!(JobEscrow::deliver(id, 1), Err(Skip::NoKey));
        run();
    });
    assert!(state.read().transactions.is_empty());
}

#[test]
fn garbage_in_the_database_stops_nothing() {
    with_courier(|pool| {
        let id = claimed();
        run();
        for garbage in [&b""[..], b"\xff\xff\xff\xff", &[0xfe; 64]] {
            write(INDEX_KEY, garbage);
            run();
        }
        assert!(pool.read().transactions.is_empty());

        // A garbled entry, a missing one and a garbled memory do not keep the good one back.
        post(&[entry(id)]);
        write(&entry_key(500), &[0xff; 40]);
        write(INDEX_KEY, &vec![500u64, 501, id, id].encode());
        write(SENT_KEY, &[0xff; 7]);
        run();
        assert_eq!(pool.read().transactions.len(), 1);
    });
}

#[test]
fn a_memory_from_the_future_does_not_hold_a_result_back() {
    with_courier(|pool| {
        let id = claimed();
        post(&[entry(id)]);
        write(SENT_KEY, &vec![(id, u32::MAX)].encode());
        run();
        assert_eq!(pool.read().transactions.len(), 1);
    });
}

#[test]
fn one_run_sends_a_bounded_number_and_the_next_goes_on() {
    with_courier(|pool| {
        let price = PRICE / 2;
        MockModels::post(&PROVIDER(), GENERATOR, price);
        let jobs: Vec<JobId> = (0..MAX_SUBMISSIONS as u64 + 5).map(|_| claimed()).collect();
        post(&jobs.iter().map(|id| entry(*id)).collect::<Vec<_>>());
        run();
        assert_eq!(pool.read().transactions.len(), MAX_SUBMISSIONS);
        System::set_block_number(2);
        run();
        assert_eq!(pool.read().transactions.len(), jobs.len());
    });
}

#[test]
fn the_memory_forgets_what_left_the_mailbox() {
    with_courier(|_| {
        let id = claimed();
        post(&[entry(id)]);
        run();
        let sent = || {
            let bytes = sp_io::offchain::local_storage_get(StorageKind::PERSISTENT, SENT_KEY).unwrap();
            Vec::<(JobId, u32)>::decode(&mut &bytes[..]).unwrap()
        };
        assert_eq!(sent(), vec![(id, 1)]);
        post(&[]);
        run();
        assert!(sent().is_empty());
    });
}
