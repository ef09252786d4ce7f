//! Weights of `pallet_staking`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 5, repeat 3, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_staking::WeightInfo for WeightInfo<T> {
    fn bond() -> Weight {
        // Shortest run: 95_812_000 ps.
        Weight::from_parts(98_516_000, 4_556)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn bond_extra() -> Weight {
        // Shortest run: 171_544_000 ps.
        Weight::from_parts(261_006_000, 8_877)
            .saturating_add(T::DbWeight::get().reads(10))
            .saturating_add(T::DbWeight::get().writes(7))
    }
    fn unbond() -> Weight {
        // Shortest run: 133_057_000 ps.
        Weight::from_parts(140_848_000, 8_877)
            .saturating_add(T::DbWeight::get().reads(13))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    // `s` from 0 to 100.
    fn withdraw_unbonded_update(s: u32) -> Weight {
        // Shortest run: 87_830_000 ps.
        Weight::from_parts(82_714_466, 4_556)
            .saturating_add(Weight::from_parts(626_130, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `s` from 0 to 100.
    fn withdraw_unbonded_kill(s: u32) -> Weight {
        // Shortest run: 154_149_000 ps.
        Weight::from_parts(1_565_180_066, 6_248)
            .saturating_add(Weight::from_parts(0, 5).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(14))
            .saturating_add(T::DbWeight::get().writes(11))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(s.into()))
    }
    fn validate() -> Weight {
        // Shortest run: 76_934_000 ps.
        Weight::from_parts(85_326_000, 4_556)
            .saturating_add(T::DbWeight::get().reads(12))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    // `k` from 1 to 128.
    fn kick(k: u32) -> Weight {
        // Shortest run: 66_629_000 ps.
        Weight::from_parts(735_900_822, 4_556)
            .saturating_add(Weight::from_parts(35_072_707, 0).saturating_mul(k.into()))
            .saturating_add(Weight::from_parts(0, 3_033).saturating_mul(k.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(k.into()))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(k.into()))
    }
    // `n` from 1 to 16.
    fn nominate(n: u32) -> Weight {
        // Shortest run: 93_508_000 ps.
        Weight::from_parts(230_365_791, 6_248)
            .saturating_add(Weight::from_parts(6_190_602, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 2_520).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(13))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn chill() -> Weight {
        // Shortest run: 82_112_000 ps.
        Weight::from_parts(96_804_000, 6_248)
            .saturating_add(T::DbWeight::get().reads(10))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn set_payee() -> Weight {
        // Shortest run: 26_910_000 ps.
        Weight::from_parts(28_652_000, 4_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn update_payee() -> Weight {
        // Shortest run: 31_467_000 ps.
        Weight::from_parts(32_168_000, 4_556)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn set_controller() -> Weight {
        // Shortest run: 32_008_000 ps.
        Weight::from_parts(33_790_000, 8_122)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn set_validator_count() -> Weight {
        // Shortest run: 3_715_000 ps.
        Weight::from_parts(4_176_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_no_eras() -> Weight {
        // Shortest run: 15_423_000 ps.
        Weight::from_parts(20_841_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_new_era() -> Weight {
        // Shortest run: 14_311_000 ps.
        Weight::from_parts(17_366_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_new_era_always() -> Weight {
        // Shortest run: 12_408_000 ps.
        Weight::from_parts(17_646_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    // `v` from 0 to 300.
    fn set_invulnerables(v: u32) -> Weight {
        // Shortest run: 3_906_000 ps.
        Weight::from_parts(10_737_200, 0)
            .saturating_add(Weight::from_parts(1_830_768, 0).saturating_mul(v.into()))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `u` from 0 to 100.
    fn deprecate_controller_batch(u: u32) -> Weight {
        // Shortest run: 7_080_000 ps.
        Weight::from_parts(7_080_000, 990)
            .saturating_add(Weight::from_parts(89_166_921, 0).saturating_mul(u.into()))
            .saturating_add(Weight::from_parts(0, 7_132).saturating_mul(u.into()))
            .saturating_add(T::DbWeight::get().reads(4).saturating_mul(u.into()))
            .saturating_add(T::DbWeight::get().writes(3).saturating_mul(u.into()))
    }
    // `s` from 0 to 100.
    fn force_unstake(s: u32) -> Weight {
        // Shortest run: 141_159_000 ps.
        Weight::from_parts(141_159_000, 6_248)
            .saturating_add(Weight::from_parts(53_466_285, 0).saturating_mul(s.into()))
            .saturating_add(Weight::from_parts(0, 5).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(14))
            .saturating_add(T::DbWeight::get().writes(12))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(s.into()))
    }
    // `s` from 1 to 1000.
    fn cancel_deferred_slash(s: u32) -> Weight {
        // Shortest run: 153_568_000 ps.
        Weight::from_parts(4_936_036_318, 70_023)
            .saturating_add(Weight::from_parts(17_772_357, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `n` from 0 to 256.
    fn payout_stakers_alive_staked(n: u32) -> Weight {
        // Shortest run: 405_151_000 ps.
        Weight::from_parts(405_151_000, 21_303)
            .saturating_add(Weight::from_parts(689_955_136, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 3_566).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(15))
            .saturating_add(T::DbWeight::get().reads(6).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().writes(5))
            .saturating_add(T::DbWeight::get().writes(3).saturating_mul(n.into()))
    }
    // `l` from 1 to 32.
    fn rebond(l: u32) -> Weight {
        // Shortest run: 105_437_000 ps.
        Weight::from_parts(116_008_259, 8_877)
            .saturating_add(Weight::from_parts(902_313, 0).saturating_mul(l.into()))
            .saturating_add(T::DbWeight::get().reads(10))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    // `s` from 1 to 100.
    fn reap_stash(s: u32) -> Weight {
        // Shortest run: 164_434_000 ps.
        Weight::from_parts(173_206_916, 6_248)
            .saturating_add(Weight::from_parts(3_046_983, 0).saturating_mul(s.into()))
            .saturating_add(Weight::from_parts(0, 4).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(13))
            .saturating_add(T::DbWeight::get().writes(12))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(s.into()))
    }
    // `v` from 1 to 10.
    // `n` from 0 to 100.
    fn new_era(v: u32, n: u32) -> Weight {
        // Shortest run: 937_259_000 ps.
        Weight::from_parts(4_044_960_088, 512_390)
            .saturating_add(Weight::from_parts(176_649_549, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 3_566).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 3_566).saturating_mul(v.into()))
            .saturating_add(T::DbWeight::get().reads(206))
            .saturating_add(T::DbWeight::get().reads(5).saturating_mul(v.into()))
            .saturating_add(T::DbWeight::get().reads(4).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().writes(7))
            .saturating_add(T::DbWeight::get().writes(2).saturating_mul(v.into()))
    }
    // `v` from 150 to 300.
    // `n` from 1000 to 2000.
    fn get_npos_voters(v: u32, n: u32) -> Weight {
        // Shortest run: 110_192_557_000 ps.
        Weight::from_parts(110_192_557_000, 512_390)
            .saturating_add(Weight::from_parts(712_931_521, 0).saturating_mul(v.into()))
            .saturating_add(Weight::from_parts(106_672_048, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 3_566).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 3_566).saturating_mul(v.into()))
            .saturating_add(T::DbWeight::get().reads(201))
            .saturating_add(T::DbWeight::get().reads(5).saturating_mul(v.into()))
            .saturating_add(T::DbWeight::get().reads(4).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `v` from 150 to 300.
    fn get_npos_targets(v: u32) -> Weight {
        // Shortest run: 1_326_135_000 ps.
        Weight::from_parts(1_326_135_000, 3_510)
            .saturating_add(Weight::from_parts(32_366_340, 0).saturating_mul(v.into()))
            .saturating_add(Weight::from_parts(0, 2_520).saturating_mul(v.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(v.into()))
    }
    fn set_staking_configs_all_set() -> Weight {
        // Shortest run: 6_640_000 ps.
        Weight::from_parts(7_952_000, 0).saturating_add(T::DbWeight::get().writes(7))
    }
    fn set_staking_configs_all_remove() -> Weight {
        // Shortest run: 6_780_000 ps.
        Weight::from_parts(18_237_000, 0).saturating_add(T::DbWeight::get().writes(7))
    }
    fn chill_other() -> Weight {
        // Shortest run: 97_785_000 ps.
        Weight::from_parts(99_007_000, 6_248)
            .saturating_add(T::DbWeight::get().reads(13))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn force_apply_min_commission() -> Weight {
        // Shortest run: 16_895_000 ps.
        Weight::from_parts(18_718_000, 3_510)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn set_min_commission() -> Weight {
        // Shortest run: 3_985_000 ps.
        Weight::from_parts(4_336_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn restore_ledger() -> Weight {
        // Shortest run: 57_285_000 ps.
        Weight::from_parts(65_958_000, 4_556)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn migrate_currency() -> Weight {
        // Shortest run: 121_611_000 ps.
        Weight::from_parts(127_809_000, 4_764)
            .saturating_add(T::DbWeight::get().reads(6))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn manual_slash() -> Weight {
        // Shortest run: 13_687_961_000 ps.
        Weight::from_parts(25_515_323_000, 656_597)
            .saturating_add(T::DbWeight::get().reads(781))
            .saturating_add(T::DbWeight::get().writes(772))
    }
}
