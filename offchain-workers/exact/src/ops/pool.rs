//! From token rows to one embedding row.

use crate::fixed::{bits, rsr, shift_to_i32, Scale};

/// Adds a Q16 row to the running sums: below `2^31 * 2^20`.
pub fn accumulate(sums: &mut [i64], row: &[i32]) {
    for (to, x) in sums.iter_mut().zip(row) {
        *to += *x as i64;
    }
}

/// Mean of `count` rows in Q16, rounded half up.
pub fn mean_row(sums: &[i64], count: u32, out: &mut [i32]) {
    let n = count.max(1) as i64;
    for (to, sum) in out.iter_mut().zip(sums) {
        *to = (2 * sum + n).div_euclid(2 * n) as i32;
    }
}

/// Divides a row by its Euclidean norm: Q30. The row's unit is immaterial, so sums may be passed for a mean. A row of zeros
/// stays zero.
pub fn l2_normalise(sums: &[i64], out: &mut [i32]) {
    let amax = sums.iter().map(|x| x.unsigned_abs()).max().unwrap_or(0);
    if amax == 0 {
        out.fill(0);
        return;
    }
    let shift = bits(amax) as i32 - 30;
    let top_30_bits = |x: i64| if shift >= 0 { rsr(x, shift as u32) } else { x << -shift };
    // At most 2^60 * 2^17.
    let squares: u128 = sums.iter().map(|x| top_30_bits(*x)).map(|x| (x * x) as u128).sum();
    let inv = Scale::inv_sqrt(squares, 0);
    for (to, x) in out.iter_mut().zip(sums) {
        // |x| <= 2^30, mant < 2^24
        *to = shift_to_i32(
            top_30_bits(*x) * inv.mant as i64,
            0i32.saturating_sub(inv.exp.saturating_add(30)),
        );
    }
}
