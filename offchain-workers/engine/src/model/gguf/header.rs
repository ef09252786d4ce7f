//! The bytes of a header: every length is checked against what is left of the file before anything is made of it, and strings and
//! arrays stay where they are, in the file.

use super::metadata::{List, Metadata, Value};
use crate::model::{
    blocks::Block,
    error::{self, LoadError},
};
use std::collections::{hash_map, HashMap};

/// Most metadata entries; files of llama.cpp's converter have about forty.
const MAX_ENTRIES: u64 = 1 << 16;
/// Most tensors: 256 layers have fewer than 5,000.
const MAX_TENSORS: u64 = 1 << 16;
/// Longest name of a tensor, as the format says.
const MAX_NAME: usize = 64;
/// Most dimensions of a tensor, as the format says.
const MAX_DIMENSIONS: u32 = 4;
/// Alignment of tensors in a file that states none.
const ALIGNMENT: u64 = 32;
/// Field that errors about the first bytes name.
const HEADER: &str = "(header)";

/// What a file says of itself.
pub(super) struct Header<'a> {
    pub metadata: Metadata<'a>,
    pub tensors: Tensors,
}

/// The tensors of a file by name.
pub(super) type Tensors = HashMap<String, Entry>;

/// One tensor: its bytes are in the file.
#[derive(Debug)]
pub(super) struct Entry {
    /// Dimensions, the outermost first, as other formats have them. The file has the innermost first.
    pub shape: Vec<usize>,
    pub block: Block,
    /// First byte in the file.
    pub start: usize,
    /// Length in bytes.
    pub bytes: usize,
}

impl<'a> Header<'a> {
    /// Reads the header of `bytes`, the whole file called `file`.
    pub fn read(file: &'a str, bytes: &'a [u8]) -> Result<Self, LoadError> {
        let mut cursor = Cursor { file, rest: bytes };
        if cursor.take(4, HEADER)? != b"GGUF" {
            return Err(cursor.refuse(HEADER, "is not a GGUF file"));
        }
        let version = cursor.u32(HEADER)?;
        // Version 1 has shorter lengths; a file for big-endian machines shows as a huge version.
        if !matches!(version, 2 | 3) {
            return Err(LoadError::Unsupported {
                file: file.into(),
                field: "version".into(),
                value: version.to_string(),
            });
        }
        let tensors = cursor.count("tensor count", MAX_TENSORS)?;
        let entries = cursor.count("metadata count", MAX_ENTRIES)?;
        let mut metadata = Metadata::new(file);
        for index in 0..entries {
            let key = cursor.text(&format!("metadata entry {index}"))?;
            let kind = cursor.u32(key)?;
            let value = cursor.value(kind, key)?;
            if !metadata.insert(key, value) {
                return Err(cursor.refuse(key, "is there twice"));
            }
        }
        let alignment = metadata.u32("general.alignment")?.map_or(ALIGNMENT, u64::from);
        if !alignment.is_power_of_two() {
            return Err(metadata.refuse("general.alignment", "is not a power of two"));
        }
        let mut table = Vec::new();
        for index in 0..tensors {
            table.push(cursor.tensor(index, alignment)?);
        }
        let position = (bytes.len() - cursor.rest.len()) as u64;
        let data = position.next_multiple_of(alignment);
        let tensors = place(file, table, data, bytes.len() as u64)?;
        Ok(Self { metadata, tensors })
    }
}

/// A tensor as the header states it, with its offset from the start of the data.
struct Stated {
    name: String,
    shape: Vec<usize>,
    block: Block,
    offset: u64,
    bytes: u64,
}

/// Finds each tensor in the file of `length` bytes whose data begin at `data`.
fn place(file: &str, table: Vec<Stated>, data: u64, length: u64) -> Result<Tensors, LoadError> {
    let refuse = |field: &str, reason: &str| LoadError::Config {
        file: file.into(),
        field: error::field(field),
        reason: reason.into(),
    };
    // Tensors that share bytes could make a small file fill a large memory.
    let sum = table.iter().fold(0u64, |sum, tensor| sum.saturating_add(tensor.bytes));
    let mut tensors = Tensors::new();
    for tensor in table {
        let start = data.checked_add(tensor.offset);
        let end = start.and_then(|start| start.checked_add(tensor.bytes));
        let (Some(start), true) = (start, end.is_some_and(|end| end <= length)) else {
            return Err(refuse(&tensor.name, "reaches past the end of the file"));
        };
        // Within the file, which is in the address space.
        let entry = Entry {
            shape: tensor.shape,
            block: tensor.block,
            start: start as usize,
            bytes: tensor.bytes as usize,
        };
        match tensors.entry(tensor.name) {
            hash_map::Entry::Occupied(twice) => return Err(refuse(twice.key(), "is there twice")),
            hash_map::Entry::Vacant(vacant) => drop(vacant.insert(entry)),
        }
    }
    if sum > length.saturating_sub(data) {
        return Err(refuse("(tensors)", "are larger together than the file: some overlap"));
    }
    Ok(tensors)
}

/// What is left to read.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub file: &'a str,
    pub rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn refuse(&self, field: &str, reason: &str) -> LoadError {
        LoadError::Config {
            file: self.file.into(),
            field: error::field(field),
            reason: reason.into(),
        }
    }

    /// The next `count` bytes.
    fn take(&mut self, count: u64, field: &str) -> Result<&'a [u8], LoadError> {
        let split = usize::try_from(count)
            .ok()
            .and_then(|count| self.rest.split_at_checked(count));
        let (taken, rest) = split.ok_or_else(|| self.refuse(field, "is cut off by the end of the file"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &str) -> Result<[u8; N], LoadError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N as u64, field)?);
        Ok(out)
    }

    fn u32(&mut self, field: &str) -> Result<u32, LoadError> {
        self.array(field).map(u32::from_le_bytes)
    }

    fn u64(&mut self, field: &str) -> Result<u64, LoadError> {
        self.array(field).map(u64::from_le_bytes)
    }

    fn count(&mut self, field: &str, limit: u64) -> Result<u64, LoadError> {
        let count = self.u64(field)?;
        if count > limit {
            return Err(self.refuse(field, &format!("{count} exceeds {limit}")));
        }
        Ok(count)
    }

    /// A string with its length before it.
    pub fn text(&mut self, field: &str) -> Result<&'a str, LoadError> {
        let length = self.u64(field)?;
        let bytes = self.take(length, field)?;
        std::str::from_utf8(bytes).map_err(|_| self.refuse(field, "is not UTF-8"))
    }

    /// A metadata value of type number `kind`.
    fn value(&mut self, kind: u32, key: &str) -> Result<Value<'a>, LoadError> {
        match kind {
            8 => self.text(key).map(Value::Text),
            9 => self.list(key).map(Value::List),
            _ => {
                let width = width(kind).ok_or_else(|| self.refuse(key, &format!("has unknown type {kind}")))?;
                let bytes = self.take(width, key)?;
                Value::scalar(kind, bytes).ok_or_else(|| self.refuse(key, "is neither true nor false"))
            },
        }
    }

    /// An array, left where it is. Strings in it are checked here, so that reading them later cannot fail.
    fn list(&mut self, key: &str) -> Result<List<'a>, LoadError> {
        let kind = self.u32(key)?;
        let count = self.u64(key)?;
        let all = self.rest;
        match (kind, width(kind)) {
            (8, _) => {
                for index in 0..count {
                    // The first string past the end of the file ends this, however large the count.
                    self.text(key)
                        .map_err(|_| self.refuse(key, &format!("string {index} is cut off or not UTF-8")))?;
                }
            },
            (_, Some(width)) => drop(self.take(count.saturating_mul(width), key)?),
            _ => return Err(self.refuse(key, &format!("is an array of unknown or nested type {kind}"))),
        }
        Ok(List {
            kind,
            count: count as usize,
            bytes: &all[..all.len() - self.rest.len()],
        })
    }

    /// Name, shape, type and place of tensor `index`.
    fn tensor(&mut self, index: u64, alignment: u64) -> Result<Stated, LoadError> {
        let place = format!("tensor {index}");
        let name = self.text(&place)?;
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(self.refuse(&place, "has an empty or too long name"));
        }
        let dimensions = self.u32(name)?;
        if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
            return Err(self.refuse(name, &format!("has {dimensions} dimensions")));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            let size = usize::try_from(self.u64(name)?).ok().filter(|&size| size > 0);
            shape.push(size.ok_or_else(|| self.refuse(name, "has an empty or too large dimension"))?);
        }
        let inner = shape[0];
        shape.reverse();
        let number = self.u32(name)?;
        let block = Block::numbered(number).map_err(|dtype| LoadError::WrongType {
            file: self.file.into(),
            tensor: name.into(),
            dtype,
            expected: "F32, F16, BF16 or Q8_0",
        })?;
        let rows = shape[..shape.len() - 1]
            .iter()
            .try_fold(1usize, |rows, &size| rows.checked_mul(size));
        let bytes = block
            .row_bytes(inner)
            .zip(rows)
            .and_then(|(row, rows)| row.checked_mul(rows))
            .ok_or_else(|| self.refuse(name, "has a row that is no whole number of blocks, or is too large"))?;
        let offset = self.u64(name)?;
        if !offset.is_multiple_of(alignment) {
            return Err(self.refuse(name, &format!("offset {offset} is no multiple of {alignment}")));
        }
        Ok(Stated {
            name: name.into(),
            shape,
            block,
            offset,
            bytes: bytes as u64,
        })
    }
}

/// Bytes of a metadata value of type number `kind`; `None` for strings, arrays and unknown types.
pub(super) fn width(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}
