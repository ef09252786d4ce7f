//! Tensors in memory and their checked intake.

use alloc::vec::{IntoIter, Vec};

use super::ModelError;
use crate::{
    commit::{self, TensorKind, TensorSpec},
    fixed::{Scale, FRAC},
    merkle::MerkleBuilder,
    ops, Hash, ModelSpec,
};

/// Most fractional bits of a norm gain.
const MAX_GAIN_FRAC: u32 = 30;

/// An int8 matrix with a scale per row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Matrix {
    /// Number of columns.
    pub cols: usize,
    /// Row-major values in `[-127, 127]`.
    pub data: Vec<i8>,
    /// One scale per row.
    pub scales: Vec<Scale>,
}

/// A vector of i32 with common fractional bits: a bias (always Q16) or a norm gain (Q0 to Q30).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vector {
    /// Fractional bits.
    pub frac: u32,
    /// Values.
    pub values: Vec<i32>,
}

/// A tensor of a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tensor {
    /// See [`Matrix`].
    Matrix(Matrix),
    /// See [`Vector`].
    Vector(Vector),
}

/// A norm's gain and, for LayerNorm, bias.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Norm {
    /// Gain.
    pub gain: Vector,
    /// Bias in Q16; empty for RMSNorm.
    pub bias: Vec<i32>,
}

impl Matrix {
    /// Row `row`.
    pub fn row(&self, row: usize) -> &[i8] {
        &self.data[row * self.cols..(row + 1) * self.cols]
    }

    /// One row of activations times this matrix, plus `bias` (empty for none), in Q16.
    pub fn apply(&self, q: &[i16], scale: Scale, bias: &[i32]) -> Vec<i32> {
        let mut out = alloc::vec![0; self.scales.len()];
        ops::linear(q, scale, &self.data, &self.scales, bias, &mut out);
        out
    }
}

impl Tensor {
    /// Root over the tensor's rows, for the commitment.
    pub fn rows_root(&self) -> Hash {
        let mut builder = MerkleBuilder::new();
        match self {
            Self::Matrix(matrix) => {
                for (row, scale) in matrix.data.chunks(matrix.cols.max(1)).zip(&matrix.scales) {
                    builder.push(commit::matrix_row_leaf(*scale, row));
                }
            },
            Self::Vector(vector) => builder.push(commit::vector_leaf(vector.frac, &vector.values)),
        }
        builder.root()
    }
}

/// Hands out tensors in commitment order, checking each against its place in the list.
pub(super) struct Source {
    specs: Vec<TensorSpec>,
    tensors: IntoIter<Tensor>,
    at: usize,
}

impl Source {
    pub(super) fn new(spec: &ModelSpec, tensors: Vec<Tensor>) -> Self {
        Self {
            specs: commit::tensors(spec),
            tensors: tensors.into_iter(),
            at: 0,
        }
    }

    fn next(&mut self) -> Result<(TensorSpec, Tensor), ModelError> {
        let at = self.at;
        self.at += 1;
        match (self.specs.get(at), self.tensors.next()) {
            (Some(spec), Some(tensor)) => Ok((spec.clone(), tensor)),
            _ => Err(ModelError::Tensor(at)),
        }
    }

    pub(super) fn matrix(&mut self) -> Result<Matrix, ModelError> {
        let bad = ModelError::Tensor(self.at);
        let (spec, Tensor::Matrix(matrix)) = self.next()? else {
            return Err(bad);
        };
        let fits = spec.kind == TensorKind::Matrix
            && matrix.cols == spec.cols as usize
            && matrix.scales.len() == spec.rows as usize
            && matrix.data.len() == matrix.cols * matrix.scales.len()
            && matrix.scales.iter().all(Scale::is_valid)
            && matrix.data.iter().all(|w| *w >= -ops::WEIGHT_MAX);
        if fits {
            Ok(matrix)
        } else {
            Err(bad)
        }
    }

    fn vector(&mut self, frac: core::ops::RangeInclusive<u32>) -> Result<Vector, ModelError> {
        let bad = ModelError::Tensor(self.at);
        let (spec, Tensor::Vector(vector)) = self.next()? else {
            return Err(bad);
        };
        let fits =
            spec.kind == TensorKind::Vector && vector.values.len() == spec.cols as usize && frac.contains(&vector.frac);
        if fits {
            Ok(vector)
        } else {
            Err(bad)
        }
    }

    pub(super) fn bias(&mut self) -> Result<Vec<i32>, ModelError> {
        self.vector(FRAC as u32..=FRAC as u32).map(|vector| vector.values)
    }

    pub(super) fn gain(&mut self) -> Result<Vector, ModelError> {
        self.vector(0..=MAX_GAIN_FRAC)
    }

    pub(super) fn layer_norm(&mut self) -> Result<Norm, ModelError> {
        Ok(Norm {
            gain: self.gain()?,
            bias: self.bias()?,
        })
    }

    pub(super) fn finish(mut self) -> Result<(), ModelError> {
        match self.tensors.next() {
            None => Ok(()),
            Some(_) => Err(ModelError::ExtraTensors),
        }
    }
}
