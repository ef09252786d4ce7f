//! Weights of `pallet_identity`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 6, repeat 3, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_identity::WeightInfo for WeightInfo<T> {
    // `r` from 1 to 19.
    fn add_registrar(_r: u32) -> Weight {
        // Shortest run: 12_859_000 ps.
        Weight::from_parts(25_298_022, 2_626)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `r` from 1 to 20.
    fn remove_registrar(r: u32) -> Weight {
        // Shortest run: 11_327_000 ps.
        Weight::from_parts(11_327_000, 2_626)
            .saturating_add(Weight::from_parts(11_715_410, 0).saturating_mul(r.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `r` from 1 to 20.
    fn set_identity(r: u32) -> Weight {
        // Shortest run: 56_234_000 ps.
        Weight::from_parts(56_234_000, 5_290)
            .saturating_add(Weight::from_parts(25_780_215, 0).saturating_mul(r.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 0 to 100.
    fn set_subs_new(s: u32) -> Weight {
        // Shortest run: 17_176_000 ps.
        Weight::from_parts(1_509_675_746, 6_723)
            .saturating_add(Weight::from_parts(45_791_379, 0).saturating_mul(s.into()))
            .saturating_add(Weight::from_parts(0, 2_589).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().writes(1))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(s.into()))
    }
    // `p` from 0 to 100.
    fn set_subs_old(p: u32) -> Weight {
        // Shortest run: 16_194_000 ps.
        Weight::from_parts(35_326_285, 6_723)
            .saturating_add(Weight::from_parts(2_652_330, 0).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(p.into()))
    }
    // `r` from 1 to 20.
    // `s` from 0 to 100.
    fn clear_identity(_r: u32, s: u32) -> Weight {
        // Shortest run: 62_943_000 ps.
        Weight::from_parts(255_463_052, 6_723)
            .saturating_add(Weight::from_parts(7_435_623, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(s.into()))
    }
    // `r` from 1 to 20.
    fn request_judgement(_r: u32) -> Weight {
        // Shortest run: 56_795_000 ps.
        Weight::from_parts(68_902_827, 5_290)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `r` from 1 to 20.
    fn cancel_request(r: u32) -> Weight {
        // Shortest run: 54_370_000 ps.
        Weight::from_parts(54_370_000, 5_290)
            .saturating_add(Weight::from_parts(136_219_205, 0).saturating_mul(r.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `r` from 1 to 19.
    fn set_fee(r: u32) -> Weight {
        // Shortest run: 8_112_000 ps.
        Weight::from_parts(8_345_112, 2_626)
            .saturating_add(Weight::from_parts(448_017, 0).saturating_mul(r.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `r` from 1 to 19.
    fn set_account_id(r: u32) -> Weight {
        // Shortest run: 7_832_000 ps.
        Weight::from_parts(12_214_364, 2_626)
            .saturating_add(Weight::from_parts(691_743, 0).saturating_mul(r.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `r` from 1 to 19.
    fn set_fields(r: u32) -> Weight {
        // Shortest run: 8_213_000 ps.
        Weight::from_parts(10_289_415, 2_626)
            .saturating_add(Weight::from_parts(485_979, 0).saturating_mul(r.into()))
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `r` from 1 to 19.
    fn provide_judgement(r: u32) -> Weight {
        // Shortest run: 50_695_000 ps.
        Weight::from_parts(54_125_410, 5_290)
            .saturating_add(Weight::from_parts(567_652, 0).saturating_mul(r.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `r` from 1 to 20.
    // `s` from 0 to 100.
    fn kill_identity(r: u32, s: u32) -> Weight {
        // Shortest run: 93_819_000 ps.
        Weight::from_parts(70_867_790, 6_723)
            .saturating_add(Weight::from_parts(1_398_029, 0).saturating_mul(r.into()))
            .saturating_add(Weight::from_parts(2_592_748, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
            .saturating_add(T::DbWeight::get().writes(1).saturating_mul(s.into()))
    }
    // `s` from 0 to 99.
    fn add_sub(s: u32) -> Weight {
        // Shortest run: 42_113_000 ps.
        Weight::from_parts(58_383_240, 6_723)
            .saturating_add(Weight::from_parts(90_686, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `s` from 1 to 100.
    fn rename_sub(s: u32) -> Weight {
        // Shortest run: 21_592_000 ps.
        Weight::from_parts(21_592_000, 5_290)
            .saturating_add(Weight::from_parts(4_910_141, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `s` from 1 to 100.
    fn remove_sub(_s: u32) -> Weight {
        // Shortest run: 41_912_000 ps.
        Weight::from_parts(844_199_989, 6_723)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `s` from 0 to 99.
    fn quit_sub(s: u32) -> Weight {
        // Shortest run: 32_408_000 ps.
        Weight::from_parts(57_823_182, 6_723)
            .saturating_add(Weight::from_parts(12_632, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn add_username_authority() -> Weight {
        // Shortest run: 9_675_000 ps.
        Weight::from_parts(11_156_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
    fn remove_username_authority() -> Weight {
        // Shortest run: 11_867_000 ps.
        Weight::from_parts(12_018_000, 3_517)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `p` from 0 to 1.
    fn set_username_for(_p: u32) -> Weight {
        // Shortest run: 121_821_000 ps.
        Weight::from_parts(168_533_333, 3_593)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn accept_username() -> Weight {
        // Shortest run: 25_898_000 ps.
        Weight::from_parts(28_893_000, 3_567)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `p` from 0 to 1.
    fn remove_expired_approval(_p: u32) -> Weight {
        // Shortest run: 52_227_000 ps.
        Weight::from_parts(91_037_111, 3_593)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn set_primary_username() -> Weight {
        // Shortest run: 15_863_000 ps.
        Weight::from_parts(17_836_000, 3_563)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn unbind_username() -> Weight {
        // Shortest run: 22_203_000 ps.
        Weight::from_parts(23_955_000, 3_563)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn remove_username() -> Weight {
        // Shortest run: 31_446_000 ps.
        Weight::from_parts(40_000_000, 3_563)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    // `p` from 0 to 1.
    fn kill_username(_p: u32) -> Weight {
        // Shortest run: 23_915_000 ps.
        Weight::from_parts(66_478_666, 3_593)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn migration_v2_authority_step() -> Weight {
        // Shortest run: 11_106_000 ps.
        Weight::from_parts(11_988_000, 6_087)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn migration_v2_username_step() -> Weight {
        // Shortest run: 10_336_000 ps.
        Weight::from_parts(11_257_000, 6_099)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn migration_v2_identity_step() -> Weight {
        // Shortest run: 37_646_000 ps.
        Weight::from_parts(59_798_000, 9_590)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn migration_v2_pending_username_step() -> Weight {
        // Shortest run: 17_977_000 ps.
        Weight::from_parts(18_698_000, 6_144)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn migration_v2_cleanup_authority_step() -> Weight {
        // Shortest run: 25_808_000 ps.
        Weight::from_parts(28_902_000, 6_044)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn migration_v2_cleanup_username_step() -> Weight {
        // Shortest run: 15_994_000 ps.
        Weight::from_parts(28_072_000, 6_136)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(1))
    }
}
