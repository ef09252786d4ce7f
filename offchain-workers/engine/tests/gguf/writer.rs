//! A small writer of GGUF and safetensors files.

use half::{bf16, f16};
use serde_json::{json, Map, Value};

/// A metadata value.
#[derive(Clone)]
pub enum Meta {
    U32(u32),
    F32(f32),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    I32s(Vec<i32>),
    F32s(Vec<f32>),
}

impl From<&str> for Meta {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<u32> for Meta {
    fn from(number: u32) -> Self {
        Self::U32(number)
    }
}

impl From<f32> for Meta {
    fn from(number: f32) -> Self {
        Self::F32(number)
    }
}

/// How values are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    F32,
    F16,
    Bf16,
    Q8_0,
}

impl Type {
    pub fn number(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q8_0 => 8,
            Self::Bf16 => 30,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Q8_0 => panic!("safetensors has no Q8_0"),
        }
    }

    /// The bytes of `values`, which are rounded to what the type holds.
    pub fn bytes(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::F16 => values
                .iter()
                .flat_map(|value| f16::from_f32(*value).to_le_bytes())
                .collect(),
            Self::Bf16 => values
                .iter()
                .flat_map(|value| bf16::from_f32(*value).to_le_bytes())
                .collect(),
            Self::Q8_0 => values.chunks(32).flat_map(q8_0).collect(),
        }
    }
}

fn q8_0(values: &[f32]) -> Vec<u8> {
    let largest = values.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    let scale = f16::from_f32(largest / 127.0);
    let quantised = values.iter().map(|value| (value / scale.to_f32()).round() as i8 as u8);
    scale.to_le_bytes().into_iter().chain(quantised).collect()
}

/// What `values` are once they went through Q8_0.
pub fn through_q8_0(values: &[f32]) -> Vec<f32> {
    let decode = |block: &[u8]| {
        let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
        block[2..]
            .iter()
            .map(|byte| scale * f32::from(*byte as i8))
            .collect::<Vec<_>>()
    };
    Type::Q8_0.bytes(values).chunks(34).flat_map(decode).collect()
}

/// A tensor of a GGUF file.
#[derive(Clone)]
pub struct Stored {
    pub name: String,
    /// The outermost dimension first.
    pub shape: Vec<u64>,
    pub number: u32,
    pub bytes: Vec<u8>,
}

/// A GGUF file to be.
#[derive(Clone, Default)]
pub struct File {
    pub metadata: Vec<(String, Meta)>,
    pub tensors: Vec<Stored>,
}

impl File {
    pub fn set(&mut self, key: &str, value: impl Into<Meta>) {
        self.metadata.retain(|(known, _)| known != key);
        self.metadata.push((key.into(), value.into()));
    }

    pub fn unset(&mut self, key: &str) {
        self.metadata.retain(|(known, _)| known != key);
    }

    pub fn add(&mut self, name: &str, shape: &[usize], kind: Type, values: &[f32]) {
        self.tensors.push(Stored {
            name: name.into(),
            shape: shape.iter().map(|&size| size as u64).collect(),
            number: kind.number(),
            bytes: kind.bytes(values),
        });
    }

    pub fn tensor(&mut self, name: &str) -> &mut Stored {
        self.tensors.iter_mut().find(|tensor| tensor.name == name).unwrap()
    }

    /// Length of the header without the padding behind it, and the file. Nothing follows the last tensor.
    pub fn bytes(&self) -> (usize, Vec<u8>) {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            text(&mut out, key);
            meta(&mut out, value);
        }
        let mut offset = 0;
        for tensor in &self.tensors {
            text(&mut out, &tensor.name);
            out.extend((tensor.shape.len() as u32).to_le_bytes());
            tensor
                .shape
                .iter()
                .rev()
                .for_each(|size| out.extend(size.to_le_bytes()));
            out.extend(tensor.number.to_le_bytes());
            out.extend((offset as u64).to_le_bytes());
            offset = (offset + tensor.bytes.len()).next_multiple_of(32);
        }
        let header = out.len();
        for tensor in &self.tensors {
            out.resize(out.len().next_multiple_of(32), 0);
            out.extend(&tensor.bytes);
        }
        (header, out)
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn meta(out: &mut Vec<u8>, value: &Meta) {
    let mut list = |kind: u32, count: usize| {
        out.extend(9u32.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend((count as u64).to_le_bytes());
    };
    match value {
        Meta::Texts(all) => list(8, all.len()),
        Meta::I32s(all) => list(5, all.len()),
        Meta::F32s(all) => list(6, all.len()),
        Meta::U32(_) => out.extend(4u32.to_le_bytes()),
        Meta::F32(_) => out.extend(6u32.to_le_bytes()),
        Meta::Bool(_) => out.extend(7u32.to_le_bytes()),
        Meta::Text(_) => out.extend(8u32.to_le_bytes()),
    }
    match value {
        Meta::Texts(all) => all.iter().for_each(|one| text(out, one)),
        Meta::I32s(all) => all.iter().for_each(|one| out.extend(one.to_le_bytes())),
        Meta::F32s(all) => all.iter().for_each(|one| out.extend(one.to_le_bytes())),
        Meta::U32(one) => out.extend(one.to_le_bytes()),
        Meta::F32(one) => out.extend(one.to_le_bytes()),
        Meta::Bool(one) => out.push(u8::from(*one)),
        Meta::Text(one) => text(out, one),
    }
}

/// A safetensors file of `(name, shape, values)`.
pub fn safetensors(tensors: &[(String, Vec<usize>, Vec<f32>)], kind: Type) -> Vec<u8> {
    let (mut header, mut data) = (Map::new(), Vec::new());
    for (name, shape, values) in tensors {
        let start = data.len();
        data.extend(kind.bytes(values));
        let entry: Value = json!({"dtype": kind.name(), "shape": shape, "data_offsets": [start, data.len()]});
        header.insert(name.clone(), entry);
    }
    let header = Value::Object(header).to_string();
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), &data].concat()
}
