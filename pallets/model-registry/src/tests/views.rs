use frame_support::assert_ok;

use crate::mock::*;

#[test]
fn pages_visit_every_model_once_in_order() {
    build_and_execute(|| {
        let mut expected: Vec<_> = (0..7).map(|seed| register(ALICE, seed)).collect();
        expected.sort_unstable();
        assert_eq!(Registry::model_count(), 7);

        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = Registry::models_after(after, 3);
            assert!(page.len() <= 3);
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            seen.extend(page.into_iter().map(|(id, _)| id));
        }
        assert_eq!(seen, expected);
    });
}

#[test]
fn prices_are_listed_by_provider() {
    build_and_execute(|| {
        activate(BOB, true);
        let mut expected: Vec<_> = (0..3u8)
            .map(|seed| (register(ALICE, seed), MIN_PRICE + u128::from(seed)))
            .collect();
        for (model, price) in &expected {
            assert_ok!(Registry::post_price(signed(PETER), *model, *price));
        }
        assert_ok!(Registry::post_price(signed(BOB), id(0), 99));
        expected.sort_unstable();
        assert_eq!(Registry::prices_of(&PETER), expected);
        assert_eq!(Registry::prices_of(&BOB), [(id(0), 99)]);
        assert!(Registry::prices_of(&ALICE).is_empty());
    });
}
