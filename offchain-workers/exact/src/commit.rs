//! The commitment to a model's weights.
//!
//! A tensor is a matrix (int8 rows, one [`Scale`] each) or a vector (one row of i32 with common fractional bits). Each row is a leaf
//! of the tensor's tree; each tensor, with its name and shape, is a leaf of the weights tree, in the order of [`tensors`].
//!
//! Tables of the arithmetic (exp, sigmoid, normal distribution, rotary angles) are functions of the specification's
//! `arithmetic` and rotary fields, so the model id commits to them through the specification.

use alloc::{format, string::String, vec::Vec};

use crate::{
    blake2_256,
    fixed::Scale,
    merkle::{self, LeafHasher},
    Family, Hash, ModelSpec,
};

/// Form of a tensor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TensorKind {
    /// `rows` int8 rows of `cols` values, each in `[-127, 127]`, one scale per row.
    Matrix,
    /// One row of `cols` i32 values with a common number of fractional bits.
    Vector,
}

/// Name, form and shape of one tensor of a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TensorSpec {
    /// Name, such as `layers.3.q`.
    pub name: String,
    /// Form.
    pub kind: TensorKind,
    /// Rows: output dimension of a matrix, 1 for a vector.
    pub rows: u32,
    /// Columns: input dimension of a matrix, length of a vector.
    pub cols: u32,
}

/// Leaf of one matrix row: `mant` u32 LE, `exp` i32 LE, then the int8 values.
pub fn matrix_row_leaf(scale: Scale, row: &[i8]) -> Hash {
    let mut hasher = LeafHasher::new();
    hasher.update(&scale.mant.to_le_bytes());
    hasher.update(&scale.exp.to_le_bytes());
    let mut buffer = [0u8; 512];
    for chunk in row.chunks(buffer.len()) {
        for (to, from) in buffer.iter_mut().zip(chunk) {
            *to = *from as u8;
        }
        hasher.update(&buffer[..chunk.len()]);
    }
    hasher.finish()
}

/// Leaf of a vector: fractional bits u32 LE, then the values i32 LE.
pub fn vector_leaf(frac: u32, values: &[i32]) -> Hash {
    let mut hasher = LeafHasher::new();
    hasher.update(&frac.to_le_bytes());
    for value in values {
        hasher.update(&value.to_le_bytes());
    }
    hasher.finish()
}

/// Leaf of a tensor in the weights tree: name length u32 LE, name, kind u8 (0 matrix, 1 vector), rows u32 LE, cols u32
/// LE, root over its rows.
pub fn tensor_leaf(tensor: &TensorSpec, rows_root: &Hash) -> Hash {
    let kind = match tensor.kind {
        TensorKind::Matrix => 0u8,
        TensorKind::Vector => 1,
    };
    merkle::leaf_parts(&[
        &(tensor.name.len() as u32).to_le_bytes(),
        tensor.name.as_bytes(),
        &[kind],
        &tensor.rows.to_le_bytes(),
        &tensor.cols.to_le_bytes(),
        rows_root,
    ])
}

/// The weights root: `H("lantern/weights/1" || number of tensors u32 LE || root over tensor leaves)`.
pub fn weights_root(tensor_leaves: &[Hash]) -> Hash {
    blake2_256(&[
        b"lantern/weights/1",
        &(tensor_leaves.len() as u32).to_le_bytes(),
        &merkle::root(tensor_leaves),
    ])
}

/// The tensors of a model in commitment order.
pub fn tensors(spec: &ModelSpec) -> Vec<TensorSpec> {
    let mut list = TensorList(Vec::new());
    let (hidden, inner) = (spec.hidden, spec.intermediate);
    let (query, kv) = (spec.query_width(), spec.kv_width());
    list.matrix("embed", spec.vocab, hidden);
    match spec.family {
        Family::Llama(llama) => {
            for l in 0..spec.layers {
                list.vector(format!("layers.{l}.attention_norm"), hidden);
                for (name, rows) in [("q", query), ("k", kv), ("v", kv)] {
                    list.matrix(format!("layers.{l}.{name}"), rows, hidden);
                    if llama.qkv_bias {
                        list.vector(format!("layers.{l}.{name}_bias"), rows);
                    }
                }
                if llama.qk_norm {
                    list.vector(format!("layers.{l}.q_norm"), spec.head_dim);
                    list.vector(format!("layers.{l}.k_norm"), spec.head_dim);
                }
                list.matrix(format!("layers.{l}.o"), hidden, query);
                list.vector(format!("layers.{l}.mlp_norm"), hidden);
                list.matrix(format!("layers.{l}.gate"), inner, hidden);
                list.matrix(format!("layers.{l}.up"), inner, hidden);
                list.matrix(format!("layers.{l}.down"), hidden, inner);
            }
            list.vector("final_norm", hidden);
            if !llama.tied_embeddings {
                list.matrix("head", spec.vocab, hidden);
            }
        },
        Family::Bert(_) => {
            list.matrix("positions", spec.max_context, hidden);
            list.matrix("token_type", 1, hidden);
            list.norm("embed_norm", hidden);
            for l in 0..spec.layers {
                for (name, rows) in [("q", query), ("k", kv), ("v", kv)] {
                    list.matrix(format!("layers.{l}.{name}"), rows, hidden);
                    list.vector(format!("layers.{l}.{name}_bias"), rows);
                }
                list.matrix(format!("layers.{l}.o"), hidden, query);
                list.vector(format!("layers.{l}.o_bias"), hidden);
                list.norm(&format!("layers.{l}.attention_norm"), hidden);
                list.matrix(format!("layers.{l}.up"), inner, hidden);
                list.vector(format!("layers.{l}.up_bias"), inner);
                list.matrix(format!("layers.{l}.down"), hidden, inner);
                list.vector(format!("layers.{l}.down_bias"), hidden);
                list.norm(&format!("layers.{l}.output_norm"), hidden);
            }
        },
    }
    list.0
}

struct TensorList(Vec<TensorSpec>);

impl TensorList {
    fn matrix(&mut self, name: impl Into<String>, rows: u32, cols: u32) {
        self.0.push(TensorSpec {
            name: name.into(),
            kind: TensorKind::Matrix,
            rows,
            cols,
        });
    }
    fn vector(&mut self, name: impl Into<String>, cols: u32) {
        self.0.push(TensorSpec {
            name: name.into(),
            kind: TensorKind::Vector,
            rows: 1,
            cols,
        });
    }
    /// A LayerNorm: its gain, then its bias.
    fn norm(&mut self, name: &str, cols: u32) {
        self.vector(name, cols);
        self.vector(format!("{name}_bias"), cols);
    }
}
