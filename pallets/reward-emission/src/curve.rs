//! How much LUX may have been issued after how much time: integers only, a hard cap, nothing stored.

use core::marker::PhantomData;

use frame_support::traits::Get;
use lantern_primitives::Balance;
use sp_runtime::{helpers_128bit::multiply_by_rational_with_rounding, PerThing, Perquintill, Rounding};

/// Cumulative issuance over time.
///
/// The pallet stores the time that has passed and releases the difference of two values of the curve, so that how that time
/// was cut into blocks cannot change the total by a single unit.
pub trait IssuanceCurve {
    /// The most that is ever released.
    fn cap() -> Balance;
    /// What is released after `elapsed_ms` milliseconds. Starts at zero, never falls, never exceeds [`Self::cap`].
    fn released_by(elapsed_ms: u64) -> Balance;
}

/// Releases `1 - Keep` of what remains to `Cap` in every `Period` milliseconds, evenly within the period.
///
/// Half-life in periods: `ln 2 / -ln Keep`.
pub struct GeometricDecay<Cap, Period, Keep>(PhantomData<(Cap, Period, Keep)>);

impl<Cap, Period, Keep> GeometricDecay<Cap, Period, Keep>
where
    Cap: Get<Balance>,
    Keep: Get<Perquintill>,
{
    /// What remains to the cap when `periods` whole periods have passed, rounded down.
    pub fn remaining_after(periods: u64) -> Balance {
        scale(Cap::get(), power(Keep::get(), periods))
    }
}

impl<Cap, Period, Keep> IssuanceCurve for GeometricDecay<Cap, Period, Keep>
where
    Cap: Get<Balance>,
    Period: Get<u64>,
    Keep: Get<Perquintill>,
{
    fn cap() -> Balance {
        Cap::get()
    }

    fn released_by(elapsed_ms: u64) -> Balance {
        let period = Period::get().max(1);
        let (periods, into) = (elapsed_ms / period, elapsed_ms % period);
        let from = Self::remaining_after(periods);
        let to = Self::remaining_after(periods.saturating_add(1));
        // `from >= to` since `power` never rises in its exponent, and `into < period`, so neither `None` nor a wrap occurs.
        let within = multiply_by_rational_with_rounding(
            from.saturating_sub(to),
            u128::from(into),
            u128::from(period),
            Rounding::Down,
        )
        .unwrap_or_default();
        Cap::get().saturating_sub(from.saturating_sub(within))
    }
}

/// `floor(amount * part)`.
fn scale(amount: Balance, part: Perquintill) -> Balance {
    multiply_by_rational_with_rounding(
        amount,
        u128::from(part.deconstruct()),
        u128::from(Perquintill::ACCURACY),
        Rounding::Down,
    )
    // The quotient is at most `amount`, since a `Perquintill` is at most one.
    .unwrap_or(amount)
}

/// `base ^ exponent` by squaring, every product rounded down. At most 64 squarings.
///
/// It never rises in the exponent, rounding included. Write `s_i` for the rounded `base^(2^i)` and `L_i` for the result of
/// the exponent `2^i - 1`, multiplied up from the lowest bit. `L_i >= s_i`: true for `i = 0`, as `1 >= base`; and
/// `L_(i+1) = floor(L_i * s_i) >= floor(s_i * s_i) = s_(i+1)`. Going from an exponent `k` whose lowest zero bit is `i` to
/// `k + 1` replaces `L_i` by `s_i` and then multiplies both by the same higher powers in the same order; rounding down keeps
/// their order at each step.
fn power(base: Perquintill, exponent: u64) -> Perquintill {
    let multiply = |x: Perquintill, y: Perquintill| {
        // Below 10^36, so within u128; the quotient is at most 10^18.
        let product = u128::from(x.deconstruct()) * u128::from(y.deconstruct());
        Perquintill::from_parts((product / u128::from(Perquintill::ACCURACY)) as u64)
    };
    let (mut result, mut square, mut rest) = (Perquintill::one(), base, exponent);
    while rest > 0 {
        if rest & 1 == 1 {
            result = multiply(result, square);
        }
        square = multiply(square, square);
        rest >>= 1;
    }
    result
}
