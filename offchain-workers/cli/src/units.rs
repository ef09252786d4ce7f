//! Amounts, shares and fixed-point numbers as people write them.

use std::fmt;

/// Smallest units in one LUX.
pub const LUX: u128 = 1_000_000_000_000;
const DECIMALS: usize = 12;
/// One in Q16.
const Q16_ONE: u128 = 1 << 16;

/// Reads an amount: LUX with up to twelve decimals (`1.5`), or smallest units with a `u` behind (`1500u`).
pub fn parse_amount(text: &str) -> Result<u128, String> {
    let text = text.trim().replace('_', "");
    if let Some(units) = text.strip_suffix('u') {
        return units
            .parse()
            .map_err(|_| format!("`{text}` is not a whole number of smallest units"));
    }
    let lux = text.strip_suffix("LUX").unwrap_or(&text).trim_end();
    parse_decimal(lux, DECIMALS)
        .ok_or_else(|| format!("`{text}` is not an amount: write LUX as 1.5, smallest units as 1500u"))
}

/// `text` times ten to the power of `decimals`, exactly; `None` when it is no number or has more decimals.
fn parse_decimal(text: &str, decimals: usize) -> Option<u128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) || fraction.len() > decimals {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let padded = format!("{fraction:0<decimals$}");
    let fraction: u128 = if padded.is_empty() { 0 } else { padded.parse().ok()? };
    let scale = 10u128.checked_pow(u32::try_from(decimals).ok()?)?;
    whole.checked_mul(scale)?.checked_add(fraction)
}

/// Reads a decimal number as Q16, rounded to nearest.
pub fn parse_q16(text: &str) -> Result<u32, String> {
    let billionths = parse_decimal(text.trim(), 9).ok_or_else(|| format!("`{text}` is not a decimal number"))?;
    let scaled = billionths
        .checked_mul(Q16_ONE)
        .map(|value| (value + 500_000_000) / 1_000_000_000);
    scaled
        .and_then(|value| u32::try_from(value).ok())
        .ok_or_else(|| format!("`{text}` is too large"))
}

/// Reads a percentage as parts per million.
pub fn parse_percent(text: &str) -> Result<u32, String> {
    let text = text.trim().trim_end_matches('%');
    parse_decimal(text, 4)
        .and_then(|ppm| u32::try_from(ppm).ok())
        .filter(|ppm| *ppm <= 1_000_000)
        .ok_or_else(|| format!("`{text}` is not a percentage from 0 to 100 with at most four decimals"))
}

/// An amount in smallest units, shown exactly in LUX.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Lux(pub u128);

impl fmt::Display for Lux {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / LUX, self.0 % LUX);
        let text = if fraction == 0 {
            format!("{whole} LUX")
        } else {
            let digits = format!("{fraction:012}");
            format!("{whole}.{} LUX", digits.trim_end_matches('0'))
        };
        f.pad(&text)
    }
}

/// A signed amount, shown exactly in LUX with its sign.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SignedLux(pub i128);

impl fmt::Display for SignedLux {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.0 {
            0 => "",
            value if value < 0 => "-",
            _ => "+",
        };
        f.pad(&format!("{sign}{}", Lux(self.0.unsigned_abs())))
    }
}

/// Compute units from millionths, with their decimals.
pub fn compute_units(micro: u128) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        assert_eq!(parse_amount("1.5"), Ok(1_500_000_000_000));
        assert_eq!(parse_amount("0.000000000001"), Ok(1));
        assert_eq!(parse_amount("7u"), Ok(7));
        assert_eq!(parse_amount("2 LUX"), Ok(2 * LUX));
        assert_eq!(parse_amount("1_000"), Ok(1_000 * LUX));
        for bad in [
            "",
            ".",
            "-1",
            "1.0000000000001",
            "1,5",
            "1e3",
            "u",
            "1.5u",
            "340282366920938463463374608",
        ] {
            assert!(parse_amount(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_read_back_as_they_are_shown() {
        for value in [0, 1, LUX, 1_500_000_000_000, u128::MAX] {
            let shown = Lux(value).to_string();
            assert_eq!(parse_amount(&shown), Ok(value), "{shown}");
        }
        assert_eq!(SignedLux(-1).to_string(), "-0.000000000001 LUX");
        assert_eq!(SignedLux(0).to_string(), "0 LUX");
    }

    #[test]
    fn temperatures_and_shares_round_to_what_the_chain_takes() {
        assert_eq!(parse_q16("1"), Ok(65_536));
        assert_eq!(parse_q16("0.7"), Ok(45_875));
        assert_eq!(parse_percent("5"), Ok(50_000));
        assert_eq!(parse_percent("12.5%"), Ok(125_000));
        assert!(parse_percent("100.0001").is_err());
        assert!(parse_q16("70000").is_err());
    }

    #[test]
    fn compute_units_show_every_millionth() {
        assert_eq!(compute_units(1_500_001), "1.500001");
    }
}
