//! Stretching of rotary frequencies: stated, or hidden in a tensor of factors.

use super::{header::Tensors, metadata::Metadata};
use crate::model::{config, error::LoadError};
use lantern_exact::{spec::Q16_ONE, RopeScaling};

/// Tensor into which llama.cpp's converter turns Llama 3's scaling.
pub(super) const FACTORS: &str = "rope_freqs.weight";

/// What every Llama 3.x model says beside its factor, and what the converter computes with.
const LOW_FREQUENCY_FACTOR: u32 = 1;
const HIGH_FREQUENCY_FACTOR: u32 = 4;
const ORIGINAL_CONTEXT: u32 = 8192;

/// Relative deviation up to which factors are those of Llama 3: the converter computes in 32-bit floats, and another low or high factor
/// or context is further away.
const TOLERANCE: f64 = 1e-3;

/// The scaling of a model of `architecture` with heads of `head_dim` values.
pub(super) fn scaling(
    metadata: &Metadata<'_>,
    tensors: &Tensors,
    bytes: &[u8],
    architecture: &str,
    (base, head_dim): (u32, u32),
) -> Result<RopeScaling, LoadError> {
    let kind_key = format!("{architecture}.rope.scaling.type");
    let mut factor_key = format!("{architecture}.rope.scaling.factor");
    let old_key = format!("{architecture}.rope.scale_linear");
    if !metadata.has(&factor_key) && metadata.has(&old_key) {
        factor_key = old_key;
    }
    let factor = metadata.f64(&factor_key)?;
    let stated = match (metadata.text(&kind_key)?, factor) {
        (None, None) | (Some("none"), _) => RopeScaling::None,
        (None | Some("linear"), _) => {
            let factor = metadata.required(&factor_key, factor)?;
            RopeScaling::Linear {
                factor: config::q16(factor).ok_or_else(|| metadata.refuse(&factor_key, "is out of range"))?,
            }
        },
        _ => return Err(metadata.unsupported(&kind_key)),
    };
    let Some(entry) = tensors.get(FACTORS) else {
        return Ok(stated);
    };
    let count = head_dim as usize / 2;
    if entry.shape != [count] {
        return Err(LoadError::WrongShape {
            file: metadata.file().into(),
            tensor: FACTORS.into(),
            expected: vec![count],
            found: entry.shape.clone(),
        });
    }
    let mut factors = vec![0f32; count];
    entry
        .block
        .decode(&bytes[entry.start..entry.start + entry.bytes], &mut factors);
    match llama3(&factors, base) {
        Some(scaling) if stated == RopeScaling::None => Ok(scaling),
        _ => Err(metadata.refuse(
            FACTORS,
            "does not hold the factors of Llama 3, or a scaling is stated beside it",
        )),
    }
}

/// The scaling of which `factors` are the divisors, one for each pair of values; `None` when they are of another kind.
fn llama3(factors: &[f32], base: u32) -> Option<RopeScaling> {
    // The longest wave is divided by the whole factor.
    let factor = f64::from(*factors.last()?);
    let (low, high) = (f64::from(LOW_FREQUENCY_FACTOR), f64::from(HIGH_FREQUENCY_FACTOR));
    let expected = |index: usize| {
        let exponent = index as f64 / factors.len() as f64;
        let wavelength = std::f64::consts::TAU * f64::from(base).powf(exponent);
        let turns = f64::from(ORIGINAL_CONTEXT) / wavelength;
        let blend = ((turns - low) / (high - low)).clamp(0.0, 1.0);
        1.0 / ((1.0 - blend) / factor + blend)
    };
    let fits = factors
        .iter()
        .enumerate()
        .all(|(index, &found)| (f64::from(found) / expected(index) - 1.0).abs() <= TOLERANCE);
    let factor = config::q16(factor).filter(|_| fits)?;
    Some(RopeScaling::Llama3 {
        factor,
        low_freq_factor: LOW_FREQUENCY_FACTOR * Q16_ONE,
        high_freq_factor: HIGH_FREQUENCY_FACTOR * Q16_ONE,
        original_context: ORIGINAL_CONTEXT,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The factors as llama.cpp's converter computes them, in 32-bit floats.
    fn converted(base: f32, factor: f32, original: f32, count: usize) -> Vec<f32> {
        let of = |index: usize| {
            let frequency = 1.0 / base.powf((2 * index) as f32 / (2 * count) as f32);
            let wavelength = std::f32::consts::TAU / frequency;
            if wavelength < original / 4.0 {
                1.0
            } else if wavelength > original {
                factor
            } else {
                let smooth = (original / wavelength - 1.0) / 3.0;
                1.0 / ((1.0 - smooth) / factor + smooth)
            }
        };
        (0..count).map(of).collect()
    }

    #[test]
    fn factors_of_llama_3_are_told_from_others() {
        for (base, factor, count) in [(500_000, 8.0, 64), (500_000, 32.0, 32), (500_000, 32.0, 64)] {
            let factors = converted(base as f32, factor, 8192.0, count);
            let scaling = RopeScaling::Llama3 {
                factor: (factor as u32) << 16,
                low_freq_factor: 1 << 16,
                high_freq_factor: 4 << 16,
                original_context: 8192,
            };
            assert_eq!(llama3(&factors, base), Some(scaling), "{base} {factor} {count}");
            assert_eq!(llama3(&converted(base as f32, factor, 4096.0, count), base), None);
        }
        assert_eq!(llama3(&[1.0, f32::NAN], 10_000), None);
        assert_eq!(llama3(&[0.0, 0.0], 10_000), None);
        assert_eq!(llama3(&[], 10_000), None);
    }
}
