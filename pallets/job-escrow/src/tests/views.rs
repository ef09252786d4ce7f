use frame_support::assert_ok;
use lantern_primitives::{
    fee_for,
    info::{JobFilter, QuoteError},
    JobId, JobParams,
};

use crate::{mock::*, Filter, Jobs, NextJobId, OldestJob, OpenJobs, MAX_LISTED, MAX_SCANNED};

fn ids(filter: JobFilter, from: JobId, limit: u32) -> Vec<JobId> {
    JobEscrow::jobs(filter.into(), from, limit)
        .into_iter()
        .map(|(id, _)| id)
        .collect()
}

#[test]
fn jobs_are_listed_by_filter_in_ascending_order() {
    build_and_execute(|| {
        for n in 0..12u32 {
            let requester = if n % 3 == 0 { BOB() } else { ALICE() };
            assert_ok!(submit(
                requester,
                GENERATOR,
                input(),
                JobParams::Generate(params()),
                MAX_FEE,
                None
            ));
        }
        for id in [2, 9, 5] {
            assert_ok!(claim(id, &worker("one")));
        }
        assert_ok!(claim(4, &worker("two")));
        assert_ok!(commit(5, &worker("one"), commitment(&output(), 8), output()));

        assert_eq!(ids(JobFilter::All, 0, 256), (0..12).collect::<Vec<_>>());
        assert_eq!(ids(JobFilter::Open, 0, 256), vec![0, 1, 3, 6, 7, 8, 10, 11]);
        assert_eq!(ids(JobFilter::Open, 7, 2), vec![7, 8]);
        assert_eq!(ids(JobFilter::AssignedTo(PROVIDER()), 0, 256), vec![2, 5, 9]);
        assert_eq!(ids(JobFilter::AssignedTo(RIVAL()), 0, 256), vec![4]);
        assert_eq!(ids(JobFilter::AssignedTo(ALICE()), 0, 256), Vec::<JobId>::new());
        assert_eq!(ids(JobFilter::RequestedBy(BOB()), 1, 2), vec![3, 6]);
        assert_eq!(ids(JobFilter::All, 5, 0), Vec::<JobId>::new());
        assert_eq!(ids(JobFilter::All, JobId::MAX, 256), Vec::<JobId>::new());
        assert_eq!(JobEscrow::job(4), Jobs::<Test>::get(4));
        assert_eq!(JobEscrow::job(12), None);
        assert_eq!(JobEscrow::next_job_id(), 12);
    });
}

#[test]
fn a_listing_looks_at_a_bounded_number_of_jobs() {
    new_test_ext().execute_with(|| {
        let template = {
            submitted();
            Jobs::<Test>::get(0).unwrap()
        };
        let count = JobId::from(MAX_SCANNED) + 10;
        for id in 0..count {
            Jobs::<Test>::insert(id, &template);
            OpenJobs::<Test>::insert(id, ());
        }
        NextJobId::<Test>::put(count);
        assert_eq!(ids(JobFilter::All, 0, u32::MAX).len(), MAX_LISTED as usize);
        assert_eq!(
            ids(JobFilter::Open, 3, 2),
            vec![3, 4],
            "a crowded index is still listed by id"
        );
        assert_eq!(ids(JobFilter::All, count - 1, 2), vec![count - 1]);
        OldestJob::<Test>::put(10);
        assert_eq!(ids(JobFilter::All, 0, 1), vec![10]);
    });
}

#[test]
fn a_requester_finds_its_jobs_among_any_number_of_others() {
    build_and_execute(|| {
        let order = |requester| {
            let params = JobParams::Generate(params());
            submit(requester, GENERATOR, input(), params, 10_000, None).unwrap();
        };
        // Ids whose bytes would be in another order from the low end.
        for n in 0..600u32 {
            order(if n % 200 == 55 { BOB() } else { ALICE() });
        }
        assert_eq!(ids(JobFilter::RequestedBy(BOB()), 0, 256), vec![55, 255, 455]);
        assert_eq!(ids(JobFilter::RequestedBy(BOB()), 55, 1), vec![55]);
        assert_eq!(ids(JobFilter::RequestedBy(BOB()), 56, 2), vec![255, 455]);
        assert!(ids(JobFilter::RequestedBy(BOB()), 456, 2).is_empty());
        let alice = ids(JobFilter::RequestedBy(ALICE()), 300, u32::MAX);
        assert_eq!(alice.len(), MAX_LISTED as usize);
        assert_eq!(alice, (300..557).filter(|id| *id != 455).collect::<Vec<_>>());
    });
}

#[test]
fn a_quote_is_what_a_submission_asks() {
    build_and_execute(|| {
        let generate = JobParams::Generate(params());
        let quote = JobEscrow::quote(GENERATOR, 4, generate, None).unwrap();
        assert_eq!((quote.price, quote.max_units), (PRICE / 2, units(8)));
        assert_eq!(quote.max_fee, fee_for(units(8), PRICE / 2));
        assert_eq!(quote.bond, 2 * quote.max_fee);
        assert!(submit(ALICE(), GENERATOR, input(), generate, quote.max_fee - 1, None).is_err());
        assert_ok!(submit(ALICE(), GENERATOR, input(), generate, quote.max_fee, None));

        let named = JobEscrow::quote(GENERATOR, 4, generate, Some(PROVIDER())).unwrap();
        assert_eq!(named.price, PRICE);
        assert_ok!(submit(
            ALICE(),
            GENERATOR,
            input(),
            generate,
            named.max_fee,
            Some(PROVIDER())
        ));
        assert_ok!(claim(1, &worker("one")));
        assert_eq!(MockProviders::locked(&PROVIDER()), named.bond);
    });
}

#[test]
fn there_is_no_quote_for_what_cannot_be_submitted() {
    build_and_execute(|| {
        let generate = JobParams::Generate(params());
        let quote = |model, tokens, params, provider| JobEscrow::quote(model, tokens, params, provider).unwrap_err();
        assert_eq!(
            quote(sp_core::H256::zero(), 4, generate, None),
            QuoteError::UnknownModel
        );
        assert_eq!(quote(RETIRED, 4, generate, None), QuoteError::InactiveModel);
        assert_eq!(quote(GENERATOR, 0, generate, None), QuoteError::InvalidParams);
        assert_eq!(quote(GENERATOR, u32::MAX, generate, None), QuoteError::InvalidParams);
        assert_eq!(quote(GENERATOR, 4, JobParams::Embed, None), QuoteError::InvalidParams);
        assert_eq!(quote(GENERATOR, 4, generate, Some(BOB())), QuoteError::NoPrice);
    });
}

#[test]
fn stats_follow_the_life_of_jobs() {
    build_and_execute(|| {
        assert_eq!(JobEscrow::stats(), Default::default());
        committed();
        submitted();
        let stats = JobEscrow::stats();
        assert_eq!((stats.submitted, stats.totals.open, stats.totals.in_flight), (2, 1, 1));
        assert_eq!(stats.totals.escrowed, 2 * MAX_FEE);
        run_to(8);
        let stats = JobEscrow::stats();
        assert_eq!((stats.totals.in_flight, stats.totals.settled), (0, 1));
        assert_eq!(stats.totals.units_settled, u128::from(units(8)));
        assert_eq!(stats.totals.escrowed, MAX_FEE);
    });
}

#[test]
fn filters_are_those_of_the_runtime_api() {
    assert_eq!(
        Filter::from(JobFilter::AssignedTo(ALICE())),
        Filter::AssignedTo(ALICE())
    );
}
