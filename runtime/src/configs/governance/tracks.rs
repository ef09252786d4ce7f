//! Tracks of referenda: how long each is decided, what it costs to ask, and how much support it needs.

use alloc::borrow::Cow;
use pallet_referenda::{Curve, Track, TrackInfo, TracksInfo};
use sp_runtime::{str_array, FixedI64};

use super::origins::Origin;
use crate::{
    currency::LUX,
    time::{or_fast, DAYS, HOURS, MINUTES},
    Balance, BlockNumber, OriginCaller,
};

const fn percent(x: i32) -> FixedI64 {
    FixedI64::from_rational(x as u128, 100)
}

/// Approval falls in a straight line from all votes to half of them.
const APPROVAL_LINEAR: Curve = Curve::make_linear(28, 28, percent(50), percent(100));
/// Approval falls at first steeply: four of five after an eighth of the time.
const APPROVAL_RECIPROCAL: Curve = Curve::make_reciprocal(4, 28, percent(80), percent(50), percent(100));
/// Support falls in a straight line from half of the stake to none, for decisions that bind everybody.
const SUPPORT_LINEAR: Curve = Curve::make_linear(28, 28, percent(0), percent(50));
/// Support falls steeply to a tenth within a day and on to none.
const SUPPORT_QUICK: Curve = Curve::make_reciprocal(1, 28, percent(10), percent(0), percent(50));
/// Support that falls to nearly nothing within a week, for spends and parameters.
const SUPPORT_LIGHT: Curve = Curve::make_reciprocal(7, 28, percent(1), percent(0), percent(25));

struct Terms {
    max_deciding: u32,
    deposit: Balance,
    prepare: BlockNumber,
    decision: BlockNumber,
    confirm: BlockNumber,
    enactment: BlockNumber,
    approval: Curve,
    support: Curve,
}

const fn track(id: u16, name: &str, terms: Terms) -> Track<u16, Balance, BlockNumber> {
    Track {
        id,
        info: TrackInfo {
            name: str_array(name),
            max_deciding: terms.max_deciding,
            decision_deposit: terms.deposit,
            prepare_period: or_fast(terms.prepare, 2),
            decision_period: or_fast(terms.decision, 20),
            confirm_period: or_fast(terms.confirm, 3),
            min_enactment_period: or_fast(terms.enactment, 1),
            min_approval: terms.approval,
            min_support: terms.support,
        },
    }
}

/// Terms of a track whose decisions bind everybody.
const fn weighty(max_deciding: u32, deposit: Balance, approval: Curve, support: Curve) -> Terms {
    Terms {
        max_deciding,
        deposit,
        prepare: 2 * HOURS,
        decision: 28 * DAYS,
        confirm: 3 * HOURS,
        enactment: 10 * MINUTES,
        approval,
        support,
    }
}

/// Terms of a spend: the larger, the longer a majority must hold.
const fn spend(deposit: Balance, confirm: BlockNumber) -> Terms {
    Terms {
        max_deciding: 50,
        deposit,
        prepare: 4 * HOURS,
        decision: 14 * DAYS,
        confirm,
        enactment: DAYS,
        approval: APPROVAL_LINEAR,
        support: SUPPORT_LIGHT,
    }
}

/// The tracks, by id.
static TRACKS: [Track<u16, Balance, BlockNumber>; 13] = [
    track(
        0,
        "root",
        Terms {
            confirm: DAYS,
            enactment: DAYS,
            ..weighty(1, 10_000 * LUX, APPROVAL_RECIPROCAL, SUPPORT_LINEAR)
        },
    ),
    track(
        1,
        "whitelisted_caller",
        Terms {
            prepare: 30 * MINUTES,
            confirm: 10 * MINUTES,
            ..weighty(100, 1_000 * LUX, APPROVAL_RECIPROCAL, SUPPORT_QUICK)
        },
    ),
    track(
        10,
        "staking_admin",
        weighty(10, 500 * LUX, APPROVAL_LINEAR, SUPPORT_QUICK),
    ),
    track(
        11,
        "compute_parameters",
        weighty(10, 500 * LUX, APPROVAL_LINEAR, SUPPORT_LIGHT),
    ),
    track(
        12,
        "registry_moderator",
        weighty(25, 200 * LUX, APPROVAL_LINEAR, SUPPORT_LIGHT),
    ),
    // A slash is applied within days: whoever would cancel it cannot wait for a month.
    track(
        13,
        "slash_canceller",
        Terms {
            prepare: 30 * MINUTES,
            decision: 5 * DAYS,
            confirm: HOURS,
            ..weighty(25, 500 * LUX, APPROVAL_RECIPROCAL, SUPPORT_QUICK)
        },
    ),
    track(
        14,
        "general_admin",
        weighty(10, 500 * LUX, APPROVAL_RECIPROCAL, SUPPORT_QUICK),
    ),
    track(20, "treasurer", spend(1_000 * LUX, 7 * DAYS)),
    track(21, "small_spender", spend(10 * LUX, 12 * HOURS)),
    track(22, "medium_spender", spend(50 * LUX, DAYS)),
    track(23, "big_spender", spend(200 * LUX, 4 * DAYS)),
    track(
        30,
        "referendum_canceller",
        Terms {
            decision: 7 * DAYS,
            ..weighty(100, 500 * LUX, APPROVAL_LINEAR, SUPPORT_QUICK)
        },
    ),
    track(
        31,
        "referendum_killer",
        weighty(100, 1_000 * LUX, APPROVAL_LINEAR, SUPPORT_QUICK),
    ),
];

/// The tracks, and the origin that each gives.
pub struct Tracks;

impl TracksInfo<Balance, BlockNumber> for Tracks {
    type Id = u16;
    type RuntimeOrigin = OriginCaller;

    fn tracks() -> impl Iterator<Item = Cow<'static, Track<u16, Balance, BlockNumber>>> {
        TRACKS.iter().map(Cow::Borrowed)
    }

    fn track_for(origin: &OriginCaller) -> Result<u16, ()> {
        Ok(match origin {
            OriginCaller::system(frame_system::RawOrigin::Root) => 0,
            OriginCaller::Origins(Origin::WhitelistedCaller) => 1,
            OriginCaller::Origins(Origin::StakingAdmin) => 10,
            OriginCaller::Origins(Origin::ComputeParameters) => 11,
            OriginCaller::Origins(Origin::RegistryModerator) => 12,
            OriginCaller::Origins(Origin::SlashCanceller) => 13,
            OriginCaller::Origins(Origin::GeneralAdmin) => 14,
            OriginCaller::Origins(Origin::Treasurer) => 20,
            OriginCaller::Origins(Origin::SmallSpender) => 21,
            OriginCaller::Origins(Origin::MediumSpender) => 22,
            OriginCaller::Origins(Origin::BigSpender) => 23,
            OriginCaller::Origins(Origin::ReferendumCanceller) => 30,
            OriginCaller::Origins(Origin::ReferendumKiller) => 31,
            _ => return Err(()),
        })
    }
}
