//! Weights of `pallet_staking`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 3, repeat 1, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_staking::WeightInfo for WeightInfo<T> {
    fn bond() -> Weight {
        // Shortest run: 117_855_000 ps.
        Weight::from_parts(117_855_000, 4_556)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn bond_extra() -> Weight {
        // Shortest run: 170_022_000 ps.
        Weight::from_parts(170_022_000, 8_877)
            .saturating_add(T::DbWeight::get().reads(10))
            .saturating_add(T::DbWeight::get().writes(7))
    }
    fn unbond() -> Weight {
        // Shortest run: 153_367_000 ps.
        Weight::from_parts(153_367_000, 8_877)
            .saturating_add(T::DbWeight::get().reads(13))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    // `s` from 0 to 100.
    fn withdraw_unbonded_update(s: u32) -> Weight {
        // Shortest run: 94_340_000 ps.
        Weight::from_parts(107_382_833, 4_556)
            .saturating_add(Weight::from_parts(181_870, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `s` from 0 to 100.
    fn withdraw_unbonded_kill(s: u32) -> Weight {
        // Shortest run: 151_144_000 ps.
        Weight::from_parts(151_144_000, 6_248)
            .saturating_add(Weight::from_parts(68_162_808, 0).saturating_mul(s.into()))
            .saturating_add(Weight::from_parts(0, 5).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(14))
            .saturating_add(T::DbWeight::get().writes(11))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(s.into()))
    }
    fn validate() -> Weight {
        // Shortest run: 81_250_000 ps.
        Weight::from_parts(81_250_000, 4_556)
            .saturating_add(T::DbWeight::get().reads(12))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    // `k` from 1 to 128.
    fn kick(k: u32) -> Weight {
        // Shortest run: 84_546_000 ps.
        Weight::from_parts(62_445_266, 4_556)
            .saturating_add(Weight::from_parts(9_673_576, 0).saturating_mul(k.into()))
            .saturating_add(Weight::from_parts(0, 3_033).saturating_mul(k.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(k.into()))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(k.into()))
    }
    // `n` from 1 to 16.
    fn nominate(n: u32) -> Weight {
        // Shortest run: 94_890_000 ps.
        Weight::from_parts(84_957_485, 6_248)
            .saturating_add(Weight::from_parts(6_008_301, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 2_520).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(13))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn chill() -> Weight {
        // Shortest run: 4_190_272_000 ps.
        Weight::from_parts(4_190_272_000, 6_248)
            .saturating_add(T::DbWeight::get().reads(10))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn set_payee() -> Weight {
        // Shortest run: 30_855_000 ps.
        Weight::from_parts(30_855_000, 4_556)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn update_payee() -> Weight {
        // Shortest run: 40_119_000 ps.
        Weight::from_parts(40_119_000, 4_556)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn set_controller() -> Weight {
        // Shortest run: 34_741_000 ps.
        Weight::from_parts(34_741_000, 8_122)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn set_validator_count() -> Weight {
        // Shortest run: 17_576_000 ps.
        Weight::from_parts(17_576_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_no_eras() -> Weight {
        // Shortest run: 37_536_000 ps.
        Weight::from_parts(37_536_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_new_era() -> Weight {
        // Shortest run: 36_564_000 ps.
        Weight::from_parts(36_564_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn force_new_era_always() -> Weight {
        // Shortest run: 61_842_000 ps.
        Weight::from_parts(61_842_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    // `v` from 0 to 300.
    fn set_invulnerables(v: u32) -> Weight {
        // Shortest run: 19_338_000 ps.
        Weight::from_parts(19_650_333, 0)
            .saturating_add(Weight::from_parts(48_506, 0).saturating_mul(v.into()))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `u` from 0 to 100.
    fn deprecate_controller_batch(u: u32) -> Weight {
        // Shortest run: 23_525_000 ps.
        Weight::from_parts(23_525_000, 990)
            .saturating_add(Weight::from_parts(80_572_440, 0).saturating_mul(u.into()))
            .saturating_add(Weight::from_parts(0, 7_132).saturating_mul(u.into()))
            .saturating_add(T::DbWeight::get().reads(4).saturating_mul(u.into()))
            .saturating_add(T::DbWeight::get().writes(3).saturating_mul(u.into()))
    }
    // `s` from 0 to 100.
    fn force_unstake(s: u32) -> Weight {
        // Shortest run: 152_917_000 ps.
        Weight::from_parts(156_996_500, 6_248)
            .saturating_add(Weight::from_parts(2_368_710, 0).saturating_mul(s.into()))
            .saturating_add(Weight::from_parts(0, 5).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(14))
            .saturating_add(T::DbWeight::get().writes(12))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(s.into()))
    }
    // `s` from 1 to 1000.
    fn cancel_deferred_slash(s: u32) -> Weight {
        // Shortest run: 245_494_000 ps.
        Weight::from_parts(4_738_291_947, 70_023)
            .saturating_add(Weight::from_parts(26_845_435, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `n` from 0 to 256.
    fn payout_stakers_alive_staked(n: u32) -> Weight {
        // Shortest run: 4_558_387_000 ps.
        Weight::from_parts(3_854_306_833, 14_735)
            .saturating_add(Weight::from_parts(248_126_566, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 3_566).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(15))
            .saturating_add(T::DbWeight::get().reads(6).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().writes(4))
            .saturating_add(T::DbWeight::get().writes(3).saturating_mul(n.into()))
    }
    // `l` from 1 to 32.
    fn rebond(_l: u32) -> Weight {
        // Shortest run: 110_824_000 ps.
        Weight::from_parts(129_382_529, 8_877)
            .saturating_add(T::DbWeight::get().reads(10))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    // `s` from 1 to 100.
    fn reap_stash(s: u32) -> Weight {
        // Shortest run: 168_119_000 ps.
        Weight::from_parts(167_439_221, 6_248)
            .saturating_add(Weight::from_parts(2_131_353, 0).saturating_mul(s.into()))
            .saturating_add(Weight::from_parts(0, 4).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(13))
            .saturating_add(T::DbWeight::get().writes(12))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(s.into()))
    }
    // `v` from 1 to 10.
    // `n` from 0 to 100.
    fn new_era(v: u32, n: u32) -> Weight {
        // Shortest run: 1_002_586_000 ps.
        Weight::from_parts(1_002_586_000, 512_390)
            .saturating_add(Weight::from_parts(435_140_713, 0).saturating_mul(v.into()))
            .saturating_add(Weight::from_parts(55_147_559, 0).saturating_mul(n.into()))
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
        // Shortest run: 117_425_398_000 ps.
        Weight::from_parts(117_425_398_000, 512_390)
            .saturating_add(Weight::from_parts(29_587_992, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 3_566).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 3_566).saturating_mul(v.into()))
            .saturating_add(T::DbWeight::get().reads(201))
            .saturating_add(T::DbWeight::get().reads(5).saturating_mul(v.into()))
            .saturating_add(T::DbWeight::get().reads(4).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `v` from 150 to 300.
    fn get_npos_targets(v: u32) -> Weight {
        // Shortest run: 1_226_949_000 ps.
        Weight::from_parts(1_226_949_000, 3_510)
            .saturating_add(Weight::from_parts(29_173_445, 0).saturating_mul(v.into()))
            .saturating_add(Weight::from_parts(0, 2_520).saturating_mul(v.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(v.into()))
    }
    fn set_staking_configs_all_set() -> Weight {
        // Shortest run: 23_415_000 ps.
        Weight::from_parts(23_415_000, 0).saturating_add(T::DbWeight::get().writes(7))
    }
    fn set_staking_configs_all_remove() -> Weight {
        // Shortest run: 21_632_000 ps.
        Weight::from_parts(21_632_000, 0).saturating_add(T::DbWeight::get().writes(7))
    }
    fn chill_other() -> Weight {
        // Shortest run: 99_798_000 ps.
        Weight::from_parts(99_798_000, 6_248)
            .saturating_add(T::DbWeight::get().reads(13))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    fn force_apply_min_commission() -> Weight {
        // Shortest run: 18_277_000 ps.
        Weight::from_parts(18_277_000, 3_510)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn set_min_commission() -> Weight {
        // Shortest run: 17_807_000 ps.
        Weight::from_parts(17_807_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn restore_ledger() -> Weight {
        // Shortest run: 62_824_000 ps.
        Weight::from_parts(62_824_000, 4_556)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn migrate_currency() -> Weight {
        // Shortest run: 127_579_000 ps.
        Weight::from_parts(127_579_000, 4_764)
            .saturating_add(T::DbWeight::get().reads(6))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn manual_slash() -> Weight {
        // Shortest run: 21_478_850_000 ps.
        Weight::from_parts(21_478_850_000, 656_597)
            .saturating_add(T::DbWeight::get().reads(781))
            .saturating_add(T::DbWeight::get().writes(772))
    }
}
