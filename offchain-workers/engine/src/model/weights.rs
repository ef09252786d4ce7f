//! Weights in the kernels' order, built from tensors in commitment order and turned back into them.

use super::{error::LoadError, parameters::Parameters};
use crate::cpu::{matrix::Matrix, memory::SharedMut, pool::Pool};
use lantern_exact::{
    commit::{self, matrix_row_leaf, tensor_leaf, vector_leaf, TensorKind, TensorSpec},
    merkle,
    model::{Matrix as RowMajor, Norm, Tensor, Vector},
    ops, Family, Hash, LlamaSpec, ModelSpec,
};

/// Weights of one Llama layer. Products that share their input are one matrix.
pub(crate) struct LlamaLayer {
    pub attention_norm: Vector,
    /// Queries, keys and values, in this order.
    pub qkv: Matrix,
    pub q_norm: Option<Vector>,
    pub k_norm: Option<Vector>,
    pub o: Matrix,
    pub mlp_norm: Vector,
    /// Gate, then up.
    pub gate_up: Matrix,
    pub down: Matrix,
}

/// Weights of a Llama model.
pub(crate) struct Llama {
    pub embed: Matrix,
    pub layers: Vec<LlamaLayer>,
    pub final_norm: Vector,
    /// `None` when it is the embedding table.
    pub head: Option<Matrix>,
    /// Rotary frequencies in turns per position, Q64.
    pub frequencies: Vec<u64>,
}

/// Weights of one BERT layer.
pub(crate) struct BertLayer {
    /// Queries, keys and values, in this order.
    pub qkv: Matrix,
    pub o: Matrix,
    pub attention_norm: Norm,
    pub up: Matrix,
    pub down: Matrix,
    pub output_norm: Norm,
}

/// Weights of a BERT model.
pub(crate) struct Bert {
    pub embed: Matrix,
    pub positions: Matrix,
    pub token_type: Matrix,
    pub embed_norm: Norm,
    pub layers: Vec<BertLayer>,
}

/// Weights of a model of either family.
pub(crate) enum Weights {
    Llama(Llama),
    Bert(Bert),
}

/// Takes tensors in commitment order and hashes each on its way.
struct Intake<'a> {
    specs: std::vec::IntoIter<TensorSpec>,
    source: &'a mut dyn Parameters,
    pool: &'a Pool,
    leaves: Vec<Hash>,
}

impl Intake<'_> {
    fn next(&mut self, kind: TensorKind) -> Result<TensorSpec, LoadError> {
        // The walk below follows the list, so a mismatch is a mistake of this file; it is refused all the same.
        self.specs
            .next()
            .filter(|spec| spec.kind == kind)
            .ok_or_else(|| LoadError::Weights {
                file: "(tensors)".into(),
                reason: "do not fit the specification".into(),
            })
    }
}

impl Walk for Intake<'_> {
    fn vector(&mut self) -> Result<Vector, LoadError> {
        let spec = self.next(TensorKind::Vector)?;
        let vector = self.source.vector(&spec, self.pool)?;
        self.leaves.push(tensor_leaf(
            &spec,
            &merkle::root(&[vector_leaf(vector.frac, &vector.values)]),
        ));
        Ok(vector)
    }

    /// Each row is hashed and put where the kernels want it as soon as it is quantised: nothing is held twice.
    fn fused(&mut self, parts: usize, biased: bool) -> Result<Matrix, LoadError> {
        let (outs, ins) = fused_shape(self.specs.as_slice(), parts, biased);
        let mut fused = Matrix::new(outs, ins);
        let mut first = 0;
        for _ in 0..parts {
            let spec = self.next(TensorKind::Matrix)?;
            let mut leaves = vec![[0u8; 32]; spec.rows as usize];
            let shared = SharedMut::new(&mut leaves[..]);
            let (source, pool) = (&mut *self.source, self.pool);
            fused.fill(|writer| {
                source.matrix(&spec, pool, &|row, weights, scale| {
                    // SAFETY: each row is handed over once.
                    unsafe {
                        shared.range(row, 1)[0] = matrix_row_leaf(scale, weights);
                        writer.set_row(first + row, weights, scale);
                    }
                })
            })?;
            self.leaves.push(tensor_leaf(&spec, &merkle::root(&leaves)));
            if biased {
                fused.set_bias(first, &self.vector()?.values);
            }
            first += spec.rows as usize;
        }
        Ok(fused)
    }
}

/// Makes weights of what comes in commitment order: vectors, and matrices that are one for the kernels.
pub(super) trait Walk {
    /// The next vector.
    fn vector(&mut self) -> Result<Vector, LoadError>;

    /// The next `parts` matrices, which have the same inputs, as one; each is followed by its bias when `biased`.
    fn fused(&mut self, parts: usize, biased: bool) -> Result<Matrix, LoadError>;

    fn matrix(&mut self, biased: bool) -> Result<Matrix, LoadError> {
        self.fused(1, biased)
    }

    fn layer_norm(&mut self) -> Result<Norm, LoadError> {
        Ok(Norm {
            gain: self.vector()?,
            bias: self.vector()?.values,
        })
    }

    fn llama(&mut self, spec: &ModelSpec, llama: &LlamaSpec) -> Result<Llama, LoadError> {
        let embed = self.matrix(false)?;
        let mut layers = Vec::with_capacity(spec.layers as usize);
        for _ in 0..spec.layers {
            layers.push(LlamaLayer {
                attention_norm: self.vector()?,
                qkv: self.fused(3, llama.qkv_bias)?,
                q_norm: llama.qk_norm.then(|| self.vector()).transpose()?,
                k_norm: llama.qk_norm.then(|| self.vector()).transpose()?,
                o: self.matrix(false)?,
                mlp_norm: self.vector()?,
                gate_up: self.fused(2, false)?,
                down: self.matrix(false)?,
            });
        }
        let final_norm = self.vector()?;
        let head = (!llama.tied_embeddings).then(|| self.matrix(false)).transpose()?;
        let mut frequencies = vec![0; spec.head_dim as usize / 2];
        ops::rope_frequencies(llama.rope_base, llama.rope_scaling, &mut frequencies);
        Ok(Llama {
            embed,
            layers,
            final_norm,
            head,
            frequencies,
        })
    }

    fn bert(&mut self, spec: &ModelSpec) -> Result<Bert, LoadError> {
        let embed = self.matrix(false)?;
        let positions = self.matrix(false)?;
        let token_type = self.matrix(false)?;
        let embed_norm = self.layer_norm()?;
        let mut layers = Vec::with_capacity(spec.layers as usize);
        for _ in 0..spec.layers {
            layers.push(BertLayer {
                qkv: self.fused(3, true)?,
                o: self.matrix(true)?,
                attention_norm: self.layer_norm()?,
                up: self.matrix(true)?,
                down: self.matrix(true)?,
                output_norm: self.layer_norm()?,
            });
        }
        Ok(Bert {
            embed,
            positions,
            token_type,
            embed_norm,
            layers,
        })
    }

    /// The weights of a model of `spec`.
    fn weights(&mut self, spec: &ModelSpec) -> Result<Weights, LoadError> {
        Ok(match &spec.family {
            Family::Llama(llama) => Weights::Llama(self.llama(spec, llama)?),
            Family::Bert(_) => Weights::Bert(self.bert(spec)?),
        })
    }
}

/// Outputs and inputs of the matrix that the next `parts` of `specs` make up, see [`Walk::fused`].
pub(super) fn fused_shape(specs: &[TensorSpec], parts: usize, biased: bool) -> (usize, usize) {
    let matrices = specs.iter().step_by(1 + usize::from(biased)).take(parts);
    let outs = matrices.map(|spec| spec.rows as usize).sum();
    (outs, specs.first().map_or(0, |spec| spec.cols as usize))
}

impl Weights {
    /// Takes the tensors of `spec` from `source`; returns the weights and their root.
    pub(crate) fn take(spec: &ModelSpec, source: &mut dyn Parameters, pool: &Pool) -> Result<(Self, Hash), LoadError> {
        let mut intake = Intake {
            specs: commit::tensors(spec).into_iter(),
            source,
            pool,
            leaves: Vec::new(),
        };
        let weights = intake.weights(spec)?;
        Ok((weights, commit::weights_root(&intake.leaves)))
    }

    /// Bytes of memory that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.matrices().into_iter().map(Matrix::bytes).sum()
    }

    /// Every matrix, in the order of [`Walk`].
    pub(super) fn matrices(&self) -> Vec<&Matrix> {
        let mut list = Vec::new();
        match self {
            Self::Llama(model) => {
                list.push(&model.embed);
                for layer in &model.layers {
                    list.extend([&layer.qkv, &layer.o, &layer.gate_up, &layer.down]);
                }
                list.extend(&model.head);
            },
            Self::Bert(model) => {
                list.extend([&model.embed, &model.positions, &model.token_type]);
                for layer in &model.layers {
                    list.extend([&layer.qkv, &layer.o, &layer.up, &layer.down]);
                }
            },
        }
        list
    }

    /// Every vector that is not a bias within a matrix, in the order of [`Walk`].
    pub(super) fn vectors(&self) -> Vec<Vector> {
        let mut list = Vec::new();
        match self {
            Self::Llama(model) => {
                for layer in &model.layers {
                    list.push(layer.attention_norm.clone());
                    list.extend(layer.q_norm.iter().chain(&layer.k_norm).cloned());
                    list.push(layer.mlp_norm.clone());
                }
                list.push(model.final_norm.clone());
            },
            Self::Bert(model) => {
                let norms = model
                    .layers
                    .iter()
                    .flat_map(|layer| [&layer.attention_norm, &layer.output_norm]);
                for norm in std::iter::once(&model.embed_norm).chain(norms) {
                    list.extend([norm.gain.clone(), bias_vector(norm.bias.clone())]);
                }
            },
        }
        list
    }

    /// The tensors in commitment order, as the reference model takes them. Copies everything.
    pub(crate) fn tensors(&self, spec: &ModelSpec) -> Vec<Tensor> {
        let mut out = Vec::new();
        match self {
            Self::Llama(model) => {
                let biased = matches!(&spec.family, Family::Llama(llama) if llama.qkv_bias);
                let (query, kv) = (spec.query_width() as usize, spec.kv_width() as usize);
                let inner = spec.intermediate as usize;
                unpack(&mut out, &model.embed, &[spec.vocab as usize], false);
                for layer in &model.layers {
                    out.push(Tensor::Vector(layer.attention_norm.clone()));
                    unpack(&mut out, &layer.qkv, &[query, kv, kv], biased);
                    out.extend(layer.q_norm.iter().chain(&layer.k_norm).cloned().map(Tensor::Vector));
                    unpack(&mut out, &layer.o, &[layer.o.outs()], false);
                    out.push(Tensor::Vector(layer.mlp_norm.clone()));
                    unpack(&mut out, &layer.gate_up, &[inner, inner], false);
                    unpack(&mut out, &layer.down, &[layer.down.outs()], false);
                }
                out.push(Tensor::Vector(model.final_norm.clone()));
                if let Some(head) = &model.head {
                    unpack(&mut out, head, &[head.outs()], false);
                }
            },
            Self::Bert(model) => {
                let width = spec.hidden as usize;
                for matrix in [&model.embed, &model.positions, &model.token_type] {
                    unpack(&mut out, matrix, &[matrix.outs()], false);
                }
                unpack_norm(&mut out, &model.embed_norm);
                for layer in &model.layers {
                    unpack(&mut out, &layer.qkv, &[width; 3], true);
                    unpack(&mut out, &layer.o, &[width], true);
                    unpack_norm(&mut out, &layer.attention_norm);
                    unpack(&mut out, &layer.up, &[layer.up.outs()], true);
                    unpack(&mut out, &layer.down, &[width], true);
                    unpack_norm(&mut out, &layer.output_norm);
                }
            },
        }
        out
    }
}

/// Appends the matrices of `parts` rows that `fused` is made of, each with its bias when `biased`.
fn unpack(out: &mut Vec<Tensor>, fused: &Matrix, parts: &[usize], biased: bool) {
    let cols = fused.ins();
    let mut first = 0;
    for &rows in parts {
        let mut data = vec![0i8; rows * cols];
        let scales = data
            .chunks_mut(cols)
            .enumerate()
            .map(|(row, to)| fused.row(first + row, to))
            .collect();
        out.push(Tensor::Matrix(RowMajor { cols, data, scales }));
        if biased {
            let values = fused.bias[first..first + rows].to_vec();
            out.push(Tensor::Vector(bias_vector(values)));
        }
        first += rows;
    }
}

fn unpack_norm(out: &mut Vec<Tensor>, norm: &Norm) {
    out.push(Tensor::Vector(norm.gain.clone()));
    out.push(Tensor::Vector(bias_vector(norm.bias.clone())));
}

/// A bias, which is in Q16.
fn bias_vector(values: Vec<i32>) -> Vector {
    Vector {
        frac: lantern_exact::fixed::FRAC as u32,
        values,
    }
}
