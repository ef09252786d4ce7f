//! Feeless transactions as the pool and the block builder see them: through the extrinsic, not the call.

use codec::Encode;
use frame_support::{
    dispatch::GetDispatchInfo,
    pallet_prelude::{InvalidTransaction, TransactionSource, TransactionValidityError, ValidTransaction},
};
use frame_system::offchain::CreateAuthorizedTransaction;
use lantern_primitives::{job::JobState, JobId};
use sp_runtime::traits::{Applyable, Checkable};

use crate::{mock::*, Call, Error, Jobs, Refusal, AUTHORIZED_LONGEVITY, CLAIM_PRIORITY, RESULT_PRIORITY};

fn claim_call(job: JobId, key: &str) -> Call<Test> {
    Call::claim_job {
        job,
        worker: worker(key),
        signature: claim_signature(job, &worker(key)),
    }
}

fn result_call(job: JobId, key: &str) -> Call<Test> {
    let commitment = commitment(&output(), 8);
    Call::submit_result {
        job,
        worker: worker(key),
        commitment,
        output: output(),
        signature: result_signature(job, &worker(key), &commitment),
    }
}

fn transaction(call: Call<Test>) -> Extrinsic {
    <Test as CreateAuthorizedTransaction<Call<Test>>>::create_authorized_transaction(call.into())
}

fn validate(call: Call<Test>) -> Result<ValidTransaction, TransactionValidityError> {
    let transaction = transaction(call);
    let (info, len) = (transaction.get_dispatch_info(), transaction.encoded_size());
    let checked = transaction.check(&frame_system::ChainContext::<Test>::default())?;
    checked.validate::<Test>(TransactionSource::External, &info, len)
}

/// Includes the transaction in a block; the outer error keeps it out of the block.
fn include(call: Call<Test>) -> Result<Result<(), sp_runtime::DispatchError>, TransactionValidityError> {
    let transaction = transaction(call);
    let (info, len) = (transaction.get_dispatch_info(), transaction.encoded_size());
    let checked = transaction.check(&frame_system::ChainContext::<Test>::default())?;
    let outcome = checked.apply::<Test>(&info, len)?;
    Ok(outcome.map(|_| ()).map_err(|error| error.error))
}

fn refused(refusal: Refusal) -> TransactionValidityError {
    InvalidTransaction::Custom(refusal.code()).into()
}

#[test]
fn claim_and_result_travel_feeless_from_pool_to_chain() {
    build_and_execute(|| {
        let id = submitted();
        let valid = validate(claim_call(id, "one")).unwrap();
        assert_eq!(
            valid,
            ValidTransaction {
                priority: CLAIM_PRIORITY,
                requires: vec![],
                provides: vec![(b"claim", id, PROVIDER()).encode()],
                longevity: 64,
                propagate: true,
            }
        );
        assert_eq!(AUTHORIZED_LONGEVITY, 64);
        assert_eq!(include(claim_call(id, "one")), Ok(Ok(())));
        assert!(matches!(Jobs::<Test>::get(id).unwrap().state, JobState::Claimed { .. }));

        let valid = validate(result_call(id, "one")).unwrap();
        assert_eq!(valid.provides, vec![(b"result", id, PROVIDER()).encode()]);
        assert_eq!(
            (valid.priority, valid.longevity, valid.propagate),
            (RESULT_PRIORITY, 64, true)
        );
        assert_eq!(include(result_call(id, "one")), Ok(Ok(())));
        assert!(matches!(
            Jobs::<Test>::get(id).unwrap().state,
            JobState::Committed { .. }
        ));
        assert_eq!(free(&PROVIDER()), FUNDS);
    });
}

#[test]
fn tags_differ_by_job_and_provider_but_not_by_signature() {
    build_and_execute(|| {
        let (first, second) = (submitted(), submitted());
        let tag = |call| validate(call).unwrap().provides;
        // sr25519 signatures differ each time, the tag must not.
        assert_ne!(claim_call(first, "one").encode(), claim_call(first, "one").encode());
        assert_eq!(tag(claim_call(first, "one")), tag(claim_call(first, "one")));
        assert_ne!(tag(claim_call(first, "one")), tag(claim_call(second, "one")));
        assert_ne!(tag(claim_call(first, "one")), tag(claim_call(first, "two")));
    });
}

#[test]
fn the_loser_of_a_race_never_enters_a_block() {
    build_and_execute(|| {
        let id = submitted();
        assert!(validate(claim_call(id, "two")).is_ok());
        assert_eq!(include(claim_call(id, "one")), Ok(Ok(())));
        assert_eq!(include(claim_call(id, "two")), Err(refused(Refusal::JobNotOpen)));
        assert_eq!(include(result_call(id, "one")), Ok(Ok(())));
        assert_eq!(include(result_call(id, "one")), Err(refused(Refusal::AlreadyCommitted)));
    });
}

#[test]
fn a_refused_transaction_changes_nothing() {
    build_and_execute(|| {
        let id = submitted();
        let before = sp_io::storage::root(sp_runtime::StateVersion::V1);
        assert_eq!(
            include(claim_call(id, "stranger")),
            Err(refused(Refusal::UnknownWorkerKey))
        );
        assert_eq!(include(claim_call(9, "one")), Err(refused(Refusal::UnknownJob)));
        assert_eq!(include(result_call(id, "one")), Err(refused(Refusal::JobNotClaimed)));
        assert_eq!(sp_io::storage::root(sp_runtime::StateVersion::V1), before);
    });
}

#[test]
fn each_refusal_has_its_code_its_error_and_its_words() {
    let mut codes = std::collections::BTreeSet::new();
    let mut words = std::collections::BTreeSet::new();
    for refusal in Refusal::ALL {
        assert!(codes.insert(refusal.code()));
        assert!(words.insert(refusal.to_string()));
        assert_eq!(Refusal::from_code(refusal.code()), Some(refusal));
        let name: &'static str = Error::<Test>::from(refusal).into();
        assert_eq!(name, format!("{refusal:?}"), "pool and call must use the same name");
    }
    assert_eq!(Refusal::from_code(0), None);
    assert_eq!(Refusal::from_code(255), None);
}

#[test]
fn a_garbled_signature_is_refused() {
    build_and_execute(|| {
        let id = submitted();
        let signature = codec::Decode::decode(&mut &[0xffu8; 64][..]).unwrap();
        let call = Call::claim_job {
            job: id,
            worker: worker("one"),
            signature,
        };
        assert_eq!(validate(call), Err(refused(Refusal::BadSignature)));
    });
}

#[test]
fn the_weight_grows_with_the_output_and_contains_the_authorisation() {
    use frame_support::traits::Authorize;
    build_and_execute(|| {
        let id = submitted();
        let weight = |output: Vec<u8>| {
            let commitment = commitment(&output, 0);
            let call: RuntimeCall = Call::<Test>::submit_result {
                job: id,
                worker: worker("one"),
                commitment,
                signature: result_signature(id, &worker("one"), &commitment),
                output,
            }
            .into();
            assert_eq!(call.weight_of_authorize(), Default::default());
            call.get_dispatch_info().call_weight.ref_time()
        };
        assert!(weight(vec![0; 32 * 1024]) > weight(vec![]));
    });
}
