use frame_support::assert_ok;
use lantern_primitives::traits::ProviderLedger;

use crate::{mock::*, ProviderView};

#[test]
fn a_view_shows_every_part() {
    build_and_execute(|| {
        register(ALICE, &[3]);
        assert_ok!(Staking::unbond(signed(ALICE), 100));
        assert_ok!(Staking::lock(&ALICE, 7));
        assert_eq!(
            Staking::provider(&ALICE),
            Some(ProviderView {
                metadata: b"m".to_vec(),
                bonded: 10 * MIN_BOND,
                locked: 7,
                unbonding: 100,
                active: true,
                workers: vec![key(3)],
            })
        );
        assert_eq!(Staking::provider(&BOB), None);
        assert_eq!(Staking::min_bond(), MIN_BOND);
    });
}

#[test]
fn pages_visit_every_provider_once() {
    build_and_execute(|| {
        for who in [ALICE, BOB, CAROL] {
            register(who, &[]);
        }
        assert_eq!(Staking::provider_count(), 3);
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = Staking::providers_after(after, 2);
            assert!(page.len() <= 2);
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            seen.extend(page.into_iter().map(|(who, _)| who));
        }
        seen.sort_unstable();
        assert_eq!(seen, [ALICE, BOB, CAROL]);
        assert!(Staking::providers_after(None, 0).is_empty());
    });
}
