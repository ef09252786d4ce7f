//! Models with pseudo-random weights, the same on every machine: for tests, golden vectors and benchmarks.

use alloc::vec::Vec;

use crate::{
    commit::{self, TensorKind, TensorSpec},
    fixed::Scale,
    model::{Matrix, Tensor, Vector},
    ModelSpec,
};

/// SplitMix64: small, and defined by its three constants.
#[derive(Clone, Debug)]
pub struct SplitMix64(
    /// State; any value is a seed.
    pub u64,
);

impl SplitMix64 {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `[low, high]`, near enough to uniform.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        let width = (high - low) as u128 + 1;
        low + ((self.next_u64() as u128 * width) >> 64) as i64
    }
}

/// Tensors of a model of the shape of `spec`, in commitment order.
///
/// Weights are uniform with a scale that keeps the variance of a product near one; norm gains are near one; biases are
/// small.
pub fn tensors(spec: &ModelSpec, seed: u64) -> Vec<Tensor> {
    let mut rng = SplitMix64(seed);
    commit::tensors(spec)
        .iter()
        .map(|tensor| random_tensor(tensor, &mut rng))
        .collect()
}

fn random_tensor(tensor: &TensorSpec, rng: &mut SplitMix64) -> Tensor {
    match tensor.kind {
        TensorKind::Matrix => {
            let mut data = Vec::with_capacity(tensor.rows as usize * tensor.cols as usize);
            while data.len() < data.capacity() {
                for byte in rng
                    .next_u64()
                    .to_le_bytes()
                    .into_iter()
                    .take(data.capacity() - data.len())
                {
                    data.push((byte as i8).max(-127));
                }
            }
            // A uniform int8 has standard deviation 73, so rows are scaled by about 1 / (73 sqrt(cols)).
            let base = Scale::inv_sqrt(tensor.cols as u128, 0).mul(Scale::ratio(1, 73, 0));
            let scales = (0..tensor.rows)
                .map(|_| base.mul(Scale::normalise(rng.range(0xc000, 0x14000) as u128, -16)))
                .collect();
            Tensor::Matrix(Matrix {
                cols: tensor.cols as usize,
                data,
                scales,
            })
        },
        TensorKind::Vector => {
            let is_bias = tensor.name.ends_with("_bias");
            let (frac, low, high) = if is_bias {
                (16, -6000, 6000)
            } else {
                (20, 600_000, 1_500_000)
            };
            let values = (0..tensor.cols).map(|_| rng.range(low, high) as i32).collect();
            Tensor::Vector(Vector { frac, values })
        },
    }
}
