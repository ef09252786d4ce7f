//! The five pallets of the market under random histories: whatever anybody does, every invariant of every pallet holds
//! after every block, no unit of LUX is made or lost, and in the end every escrow has been paid or refunded.

mod books;
mod dice;
mod player;
mod runtime;

use frame_support::{traits::fungible::InspectHold, weights::Weight};
use frame_system::RawOrigin;
use lantern_primitives::{AccountId, Balance};

use books::Books;
use player::{accounts, provider, Player, Tally};
use runtime::*;

/// Histories, and draws of a call in each; a history makes blocks between its calls.
const HISTORIES: u64 = 24;
const DRAWS: u32 = 520;

/// Refusals that the promises rest on, each of which must have occurred.
const REFUSALS: [(&str, &str); 19] = [
    ("register provider", "InvalidWorkerProof"),
    ("register provider", "WorkerKeyTaken"),
    ("unbond", "InsufficientFreeStake"),
    ("deregister", "StakeLocked"),
    ("withdraw", "NothingToWithdraw"),
    ("submit job", "UnknownModel"),
    ("submit job", "FeeBelowQuote"),
    ("submit job", "InputTooLarge"),
    ("submit job", "InputHashMismatch"),
    ("submit job", "Funds are unavailable"),
    ("cancel job", "NotRequester"),
    ("claim job", "InsufficientFreeStake"),
    ("claim job", "UnknownWorkerKey"),
    ("claim job", "BadSignature"),
    ("submit result", "NotAssigned"),
    ("submit result", "AlreadyCommitted"),
    ("submit result", "DeadlinePassed"),
    ("submit result", "ImpossibleUsage"),
    ("claim reward", "NothingToClaim"),
];

/// One block with as much idle weight as the dice give, now and then not enough for the sweep.
fn block(player: &mut Player, books: &mut Books) {
    let idle = match player.dice.below(10) {
        0 => Weight::zero(),
        1..=2 => Weight::from_parts(player.dice.below(4_000_000_000), u64::MAX),
        _ => Weight::MAX,
    };
    let passed = if player.dice.chance(5) {
        player.dice.below(60_000)
    } else {
        2_000
    };
    close_block(idle);
    books.enter_events();
    books.check();
    open_block(passed);
}

fn held(reason: impl Into<RuntimeHoldReason>, who: &AccountId) -> Balance {
    Balances::balance_on_hold(&reason.into(), who)
}

/// Lets time pass until nothing is due, everybody leaves, and nothing is left behind.
fn wind_up(books: &mut Books) {
    let mut wait = |blocks: u32| {
        for _ in 0..blocks {
            close_block(Weight::MAX);
            books.enter_events();
            books.check();
            open_block(2_000);
        }
    };
    // Longest ways through the life of a job: open, executing, in its window, retained.
    wait(12 + 8 + 12 + 20 + 2);
    assert_eq!(
        pallet_job_escrow::Jobs::<Market>::iter().count(),
        0,
        "a job stays in state"
    );
    assert_eq!(
        pallet_job_escrow::Agenda::<Market>::iter().count(),
        0,
        "the agenda is not empty"
    );
    assert_eq!(pallet_job_escrow::JobTotals::<Market>::get().escrowed, 0);
    for who in accounts() {
        assert_eq!(
            held(pallet_job_escrow::HoldReason::Escrow, &who),
            0,
            "escrow is not drained"
        );
        if let Some(record) = pallet_provider_staking::Providers::<Market>::get(&who) {
            assert_eq!(record.ledger.locked(), 0, "a bond is still locked");
            // Unless it left already, or has no room for one more chunk until it withdraws.
            let _ = Providers::withdraw_unbonded(RawOrigin::Signed(who.clone()).into());
            let _ = Providers::deregister(RawOrigin::Signed(who).into());
        }
    }
    wait(UnbondingDelay::get() + 1);
    for who in accounts() {
        let _ = Providers::withdraw_unbonded(RawOrigin::Signed(who.clone()).into());
        assert_eq!(
            held(pallet_provider_staking::HoldReason::Bond, &who),
            0,
            "a bond is not drained"
        );
    }
    assert_eq!(pallet_provider_staking::Providers::<Market>::count(), 0);
    assert_eq!(pallet_provider_staking::TotalBonded::<Market>::get(), 0);
    // Rounds close, and everybody claims what is there.
    wait(RoundLength::get().max(30) + 1);
    for n in 0..4 {
        let claimable = Emission::reward(provider(n)).claimable;
        let claimed = Emission::claim_for(RawOrigin::Signed(account(100)).into(), provider(n));
        assert_eq!(
            claimed.is_ok(),
            claimable > 0 && can_receive(&provider(n), claimable),
            "{claimed:?}"
        );
    }
    wait(1);
    books.check_all_ended();
}

fn can_receive(who: &AccountId, amount: Balance) -> bool {
    amount >= DEPOSIT || frame_system::Account::<Market>::contains_key(who)
}

fn history(seed: u64, tally: &mut Tally, endings: &mut [u32; 4]) -> Balance {
    genesis(accounts()).execute_with(|| {
        let mut player = Player::new(seed);
        open_block(2_000);
        player.set_up();
        let mut books = Books::open();
        for _ in 0..DRAWS {
            for _ in 0..player.act() {
                block(&mut player, &mut books);
            }
        }
        wind_up(&mut books);
        for (name, outcomes) in player.tally {
            for (outcome, count) in outcomes {
                *tally.entry(name).or_default().entry(outcome).or_default() += count;
            }
        }
        for (sum, count) in endings.iter_mut().zip(books.endings) {
            *sum += count;
        }
        books.rewards()
    })
}

#[test]
fn any_history_keeps_every_invariant_and_every_unit() {
    let (mut tally, mut endings, mut rewards) = (Tally::new(), [0; 4], 0);
    for seed in 0..HISTORIES {
        rewards += history(seed, &mut tally, &mut endings);
    }
    let calls: u32 = tally.values().flat_map(|outcomes| outcomes.values()).sum();
    println!("{calls} calls; settled, cancelled, expired open, expired claimed: {endings:?}; rewards {rewards}");
    println!("outcomes by call: {tally:#?}");

    // THEN the histories were worth it: every call succeeded, what must be refused was refused, and jobs ended in every way.
    assert!(calls >= 10_000, "only {calls} calls");
    let times = |name: &str, outcome: &str| {
        tally
            .get(name)
            .and_then(|outcomes| outcomes.get(outcome))
            .copied()
            .unwrap_or_default()
    };
    for name in tally.keys() {
        assert!(
            times(name, "ok") >= 10,
            "{name} succeeded {} times only",
            times(name, "ok")
        );
    }
    for (name, refusal) in REFUSALS {
        assert!(times(name, refusal) > 0, "{name} was never refused with {refusal}");
    }
    assert!(
        endings.iter().all(|count| *count >= 50),
        "jobs ended too seldom in some way: {endings:?}"
    );
    assert!(rewards > 0, "nobody earned emission");
}
