//! The quantised parameters of a GGUF file, read row by row where the file lies.

use super::{
    header::{Entry, Tensors},
    rope,
};
use crate::model::{
    error::LoadError,
    parameters::{layer_of, FloatSource, Floats, Located},
};
use lantern_exact::{
    commit::{self, TensorKind, TensorSpec},
    Family, ModelSpec,
};
use memmap2::Mmap;

/// A mapped file and where its tensors are.
pub(super) struct Gguf {
    file: String,
    map: Mmap,
    tensors: Tensors,
    spec: ModelSpec,
    /// Queries and keys are in llama.cpp's order.
    interleaved: bool,
}

impl Gguf {
    /// Checks that the file has every tensor of `spec` in its shape, and no other; reads none.
    pub fn new(
        file: String,
        map: Mmap,
        tensors: Tensors,
        spec: ModelSpec,
        interleaved: bool,
    ) -> Result<Self, LoadError> {
        let model = Self {
            file,
            map,
            tensors,
            spec,
            interleaved,
        };
        let mut left: std::collections::BTreeSet<&str> = model.tensors.keys().map(String::as_str).collect();
        left.remove(rope::FACTORS);
        for tensor in commit::tensors(&spec) {
            let (name, _) = model.find(&tensor)?;
            left.remove(name.as_str());
        }
        // A bias or norm that the specification does not have would be left out of the sums.
        match left.first() {
            Some(name) => Err(LoadError::Config {
                file: model.file.clone(),
                field: (*name).into(),
                reason: "is a tensor that the architecture does not have".into(),
            }),
            None => Ok(model),
        }
    }

    /// Name in the file and entry of `tensor`, in its shape.
    fn find(&self, tensor: &TensorSpec) -> Result<(String, &Entry), LoadError> {
        let name = match self.spec.family {
            Family::Llama(_) => llama_name(&tensor.name),
            Family::Bert(_) => bert_name(&tensor.name),
        };
        let Some(entry) = self.tensors.get(&name) else {
            return Err(LoadError::MissingTensor {
                file: self.file.clone(),
                tensor: name,
            });
        };
        let (rows, cols) = (tensor.rows as usize, tensor.cols as usize);
        let expected = match tensor.kind {
            TensorKind::Vector => vec![cols],
            // Only the first token type is used; files hold a row for each.
            TensorKind::Matrix if tensor.name == "token_type" => vec![entry.shape[0], cols],
            TensorKind::Matrix => vec![rows, cols],
        };
        if entry.shape == expected {
            return Ok((name, entry));
        }
        Err(LoadError::WrongShape {
            file: self.file.clone(),
            tensor: name,
            expected,
            found: entry.shape.clone(),
        })
    }

    /// Whether rows of `tensor` stand elsewhere in the file.
    fn is_moved(&self, tensor: &TensorSpec) -> bool {
        self.interleaved && layer_of(&tensor.name).is_some_and(|(_, part)| matches!(part, "q" | "k"))
    }
}

impl FloatSource for Gguf {
    fn locate(&self, tensor: &TensorSpec) -> Result<Located<'_>, LoadError> {
        let (name, entry) = self.find(tensor)?;
        let floats = Floats {
            // The header's reader found the rows to be whole and within the file.
            bytes: &self.map[entry.start..entry.start + entry.bytes],
            block: entry.block,
            cols: entry.shape.last().copied().unwrap_or(1),
            interleaved: self.is_moved(tensor).then_some(self.spec.head_dim as usize),
            mapped: true,
        };
        Ok(Located {
            file: &self.file,
            name,
            floats,
        })
    }
}

/// Name of a tensor in the file of a Llama, Mistral or Qwen model.
fn llama_name(name: &str) -> String {
    let Some((layer, part)) = layer_of(name) else {
        return match name {
            "embed" => "token_embd.weight".into(),
            "final_norm" => "output_norm.weight".into(),
            _ => "output.weight".into(),
        };
    };
    let (part, suffix) = split_bias(part);
    let part = match part {
        "attention_norm" => "attn_norm",
        "mlp_norm" => "ffn_norm",
        "q" => "attn_q",
        "k" => "attn_k",
        "v" => "attn_v",
        "o" => "attn_output",
        "q_norm" => "attn_q_norm",
        "k_norm" => "attn_k_norm",
        "gate" => "ffn_gate",
        "up" => "ffn_up",
        _ => "ffn_down",
    };
    format!("blk.{layer}.{part}.{suffix}")
}

/// Name of a tensor in the file of a BERT model.
fn bert_name(name: &str) -> String {
    let (name, suffix) = split_bias(name);
    let Some((layer, part)) = layer_of(name) else {
        let part = match name {
            "embed" => "token_embd",
            "positions" => "position_embd",
            "token_type" => "token_types",
            _ => "token_embd_norm",
        };
        return format!("{part}.{suffix}");
    };
    let part = match part {
        "q" => "attn_q",
        "k" => "attn_k",
        "v" => "attn_v",
        "o" => "attn_output",
        "attention_norm" => "attn_output_norm",
        "up" => "ffn_up",
        "down" => "ffn_down",
        _ => "layer_output_norm",
    };
    format!("blk.{layer}.{part}.{suffix}")
}

/// A name and the suffix that it has in the file.
fn split_bias(name: &str) -> (&str, &'static str) {
    name.strip_suffix("_bias")
        .map_or((name, "weight"), |name| (name, "bias"))
}
