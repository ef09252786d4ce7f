//! How a tensor's values lie in the file.

use half::f16;

/// Values of one Q8_0 block, which share a scale.
const Q8_0_VALUES: usize = 32;
/// Bytes of one Q8_0 block: an f16 scale and one byte per value.
const Q8_0_BYTES: usize = 2 + Q8_0_VALUES;

/// A type of tensor that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    F32,
    F16,
    Bf16,
    Q8_0,
}

impl Block {
    /// The type with ggml's number `number`, or the name of one that is not read.
    pub fn numbered(number: u32) -> Result<Self, String> {
        Err(match number {
            0 => return Ok(Self::F32),
            1 => return Ok(Self::F16),
            8 => return Ok(Self::Q8_0),
            30 => return Ok(Self::Bf16),
            2 => "Q4_0".into(),
            3 => "Q4_1".into(),
            6 => "Q5_0".into(),
            7 => "Q5_1".into(),
            9 => "Q8_1".into(),
            10..=14 => format!("Q{}_K", number - 8),
            15 => "Q8_K".into(),
            16..=23 | 29 => format!("IQ ({number})"),
            24 => "I8".into(),
            25 => "I16".into(),
            26 => "I32".into(),
            27 => "I64".into(),
            28 => "F64".into(),
            39 => "MXFP4".into(),
            _ => number.to_string(),
        })
    }

    /// Bytes of a row of `cols` values; `None` when it is no whole number of blocks, or too large.
    pub fn row_bytes(self, cols: usize) -> Option<usize> {
        match self {
            Self::F32 => cols.checked_mul(4),
            Self::F16 | Self::Bf16 => cols.checked_mul(2),
            Self::Q8_0 if cols.is_multiple_of(Q8_0_VALUES) => (cols / Q8_0_VALUES).checked_mul(Q8_0_BYTES),
            Self::Q8_0 => None,
        }
    }

    /// The values of `bytes`, one row, in `out`. Each is exact: a Q8_0 value is a product of 11 and 8 significant bits.
    pub fn decode(self, bytes: &[u8], out: &mut [f32]) {
        match self {
            Self::F32 => {
                for (out, four) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *out = f32::from_le_bytes(*four);
                }
            },
            Self::F16 => {
                for (out, two) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *out = f16::from_le_bytes(*two).to_f32();
                }
            },
            Self::Bf16 => {
                for (out, two) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *out = f32::from_bits(u32::from(u16::from_le_bytes(*two)) << 16);
                }
            },
            Self::Q8_0 => {
                let blocks = bytes.as_chunks::<Q8_0_BYTES>().0;
                for (out, block) in out.chunks_mut(Q8_0_VALUES).zip(blocks) {
                    let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
                    for (out, &value) in out.iter_mut().zip(&block[2..]) {
                        *out = scale * f32::from(value as i8);
                    }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q8_0_values_are_scale_times_byte() {
        let mut bytes = Vec::new();
        for (scale, first) in [(0.5f32, -128i8), (-0.125, 96)] {
            bytes.extend(f16::from_f32(scale).to_le_bytes());
            bytes.extend((0..32).map(|index| first.wrapping_add(index) as u8));
        }
        let mut out = [0f32; 64];
        assert_eq!(Block::Q8_0.row_bytes(64), Some(bytes.len()));
        Block::Q8_0.decode(&bytes, &mut out);
        for (index, &value) in out.iter().enumerate() {
            let step = (index % 32) as f32;
            let expected = if index < 32 {
                0.5 * (step - 128.0)
            } else {
                -0.125 * (step + 96.0)
            };
            assert_eq!(value, expected, "{index}");
        }
        assert_eq!(Block::Q8_0.row_bytes(48), None);
    }

    #[test]
    fn halves_and_floats_are_exact() {
        let mut out = [0f32; 2];
        Block::F16.decode(&[0x00, 0x3c, 0x01, 0x00], &mut out);
        assert_eq!(out, [1.0, 2f32.powi(-24)]);
        Block::Bf16.decode(&[0x80, 0x3f, 0x01, 0x80], &mut out);
        assert_eq!(out, [1.0, f32::from_bits(0x8001_0000)]);
        Block::F32.decode(&[0, 0, 0x80, 0x3f, 1, 0, 0, 0], &mut out);
        assert_eq!(out, [1.0, f32::from_bits(1)]);
    }
}
