#!/usr/bin/env python3
"""Tests of weights.py: python3 scripts/lib/test_weights.py"""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import weights

COMMITTED = """
impl<T: frame_system::Config> pallet_x::WeightInfo for WeightInfo<T> {
    // `n` from 4 to 1000.
    // `m` from 0 to 10.
    fn submit(n: u32, m: u32) -> Weight {
        // Shortest run: 30_000_000 ps.
        Weight::from_parts(31_000_000, 3_593)
            .saturating_add(Weight::from_parts(2_000, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 2_543).saturating_mul(m.into()))
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(m.into()))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn poke() -> Weight {
        // Shortest run: 10_000_000 ps.
        Weight::from_parts(11_000_000, 0).saturating_add(T::DbWeight::get().writes(1))
    }
}
"""

BLOCK = """
//! THIS FILE WAS AUTO-GENERATED USING THE SUBSTRATE BENCHMARK CLI VERSION 64.0.0
//! DATE: 2026-11-21 (Y/M/D)
//! HOSTNAME: `secret`, CPU: `Some CPU @ 2.00GHz`
//! WARMUPS: `10`, REPEAT: `100`
//! WEIGHT-METRIC: `Median`, WEIGHT-MUL: `1.0`, WEIGHT-ADD: `0`
parameter_types! {
	pub const BlockExecutionWeight: Weight =
		Weight::from_parts(WEIGHT_REF_TIME_PER_NANOS.saturating_mul(412_345), 0);
}
"""
EXTRINSIC = """
parameter_types! {
	pub const ExtrinsicBaseWeight: Weight =
		Weight::from_parts(WEIGHT_REF_TIME_PER_NANOS.saturating_mul(98_765), 0);
}
"""
EXTENSIONS = """
    fn check_nonce() -> Weight {
        // Shortest run: 9_000_000 ps.
        Weight::from_parts(10_000_000, 3_593)
            .saturating_add(T::DbWeight::get().reads(1))
    }
    fn check_mortality_mortal_transaction() -> Weight {
        // Shortest run: 4_000_000 ps.
        Weight::from_parts(5_000_000, 0)
    }
"""
PAYMENT = """
    fn charge_transaction_payment() -> Weight {
        // Shortest run: 20_000_000 ps.
        Weight::from_parts(20_000_000, 0)
    }
"""


class Weights(unittest.TestCase):
    def drift(self, before, after):
        with tempfile.TemporaryDirectory() as folder:
            old, new = Path(folder, "old"), Path(folder, "new")
            for path, text in ((old, before), (new, after)):
                path.mkdir()
                if text is not None:
                    (path / "pallet_x.rs").write_text(text)
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                count = weights.drift(old, new, ["pallet_x.rs"])
            return count, said.getvalue()

    def test_a_cost_is_that_of_the_upper_end_of_every_range(self):
        self.assertEqual(
            weights.costs(COMMITTED),
            {
                "submit": weights.Cost(time=31_000_000 + 2_000 * 1_000, reads=5 + 10, writes=2),
                "poke": weights.Cost(time=11_000_000, writes=1),
            },
        )

    def test_the_same_weights_have_not_drifted(self):
        count, said = self.drift(COMMITTED, COMMITTED)
        self.assertEqual(count, 0)
        self.assertIn("nothing drifted", said)

    def test_noise_is_no_drift_and_a_change_is(self):
        self.assertEqual(self.drift(COMMITTED, COMMITTED.replace("(11_000_000", "(16_000_000"))[0], 0)
        for slower in ("(17_000_000", "(7_000_000"):
            count, said = self.drift(COMMITTED, COMMITTED.replace("(11_000_000", slower))
            self.assertEqual(count, 1)
            self.assertRegex(said, r"pallet_x::poke .* DRIFT: time")

    def test_a_steeper_slope_is_drift(self):
        count, said = self.drift(COMMITTED, COMMITTED.replace("(2_000, 0)", "(40_000, 0)"))
        self.assertEqual(count, 1)
        self.assertRegex(said, r"pallet_x::submit .* DRIFT: time")

    def test_another_access_to_the_database_is_drift(self):
        _, said = self.drift(COMMITTED, COMMITTED.replace("reads(5)", "reads(6)").replace("writes(1)", "writes(3)"))
        self.assertRegex(said, r"pallet_x::submit .* DRIFT: reads 15 -> 16\n")
        self.assertRegex(said, r"pallet_x::poke .* DRIFT: writes 1 -> 3\n")

    def test_calls_that_appear_or_vanish_count(self):
        count, said = self.drift(COMMITTED, COMMITTED.replace("fn poke", "fn prod"))
        self.assertEqual(count, 2)
        self.assertRegex(said, r"pallet_x::poke +only committed")
        self.assertRegex(said, r"pallet_x::prod +only measured")
        self.assertEqual(self.drift(None, COMMITTED)[0], 2)

    def test_the_fixed_costs_keep_nothing_of_the_machine_but_its_processor(self):
        with tempfile.TemporaryDirectory() as folder:
            block, extrinsic = Path(folder, "block"), Path(folder, "extrinsic")
            committed, measured = Path(folder, "committed"), Path(folder, "measured")
            committed.mkdir()
            measured.mkdir()
            block.write_text(BLOCK)
            extrinsic.write_text(EXTRINSIC)
            (committed / "frame_system_extensions.rs").write_text(EXTENSIONS)
            (committed / "pallet_transaction_payment.rs").write_text(PAYMENT.replace("20_", "90_"))
            (measured / "pallet_transaction_payment.rs").write_text(PAYMENT)
            text = weights.base(block, extrinsic, [measured, committed])
            with self.assertRaises(SystemExit):
                weights.base(block, block, [committed])
        self.assertEqual(
            weights.costs(text),
            {
                "BlockExecutionWeight": weights.Cost(time=412_345_000),
                "ExtrinsicBaseWeight": weights.Cost(time=98_765_000),
            },
        )
        self.assertIn("(98_765_000 - 30_000_000, 0)", text)
        self.assertIn("repeat 100, metric median, CPU Some CPU @ 2.00GHz.", text)
        self.assertNotIn("secret", text)


if __name__ == "__main__":
    unittest.main()
