//! Metadata by key, read as what each key must be.

use super::header::Cursor;
use crate::model::error::{self, LoadError};
use std::collections::HashMap;

/// One value, still in the file where it is text or an array.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Unsigned(u64),
    Signed(i64),
    F32(f32),
    F64(f64),
    Bool(bool),
    Text(&'a str),
    List(List<'a>),
}

impl Value<'_> {
    /// A scalar of type number `kind` from its bytes; `None` for a truth value that is neither 0 nor 1.
    pub fn scalar(kind: u32, bytes: &[u8]) -> Option<Self> {
        let mut wide = [0u8; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        let unsigned = u64::from_le_bytes(wide);
        // Shifted to the top and back, the sign fills the upper bytes.
        let unused = 64 - 8 * bytes.len() as u32;
        let signed = ((unsigned << unused) as i64) >> unused;
        Some(match kind {
            1 | 3 | 5 | 11 => Self::Signed(signed),
            6 => Self::F32(f32::from_bits(unsigned as u32)),
            12 => Self::F64(f64::from_bits(unsigned)),
            7 => Self::Bool(match unsigned {
                0 => false,
                1 => true,
                _ => return None,
            }),
            _ => Self::Unsigned(unsigned),
        })
    }
}

/// An array that lies in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct List<'a> {
    pub kind: u32,
    pub count: usize,
    pub bytes: &'a [u8],
}

impl<'a> List<'a> {
    /// The strings; `None` when it holds something else.
    pub fn texts(self) -> Option<impl Iterator<Item = &'a str>> {
        let mut cursor = Cursor {
            file: "",
            rest: self.bytes,
        };
        // Every string was checked when the header was read, so this ends with the last of them.
        (self.kind == 8).then(|| (0..self.count).map_while(move |_| cursor.text("").ok()))
    }

    /// The 32-bit whole numbers; `None` when it holds something else.
    pub fn i32s(self) -> Option<impl Iterator<Item = i32> + 'a> {
        let words = self.bytes.as_chunks::<4>().0;
        (self.kind == 5).then(|| words.iter().map(|word| i32::from_le_bytes(*word)))
    }

    /// The 32-bit floats; `None` when it holds something else.
    pub fn f32s(self) -> Option<impl Iterator<Item = f32> + 'a> {
        let words = self.bytes.as_chunks::<4>().0;
        (self.kind == 6).then(|| words.iter().map(|word| f32::from_le_bytes(*word)))
    }
}

/// A file's metadata. Errors name the file and the key.
pub(super) struct Metadata<'a> {
    file: &'a str,
    entries: HashMap<&'a str, Value<'a>>,
}

impl<'a> Metadata<'a> {
    pub fn new(file: &'a str) -> Self {
        Self {
            file,
            entries: HashMap::new(),
        }
    }

    /// Adds an entry; false when the key is there already.
    pub fn insert(&mut self, key: &'a str, value: Value<'a>) -> bool {
        self.entries.insert(key, value).is_none()
    }

    pub fn file(&self) -> &'a str {
        self.file
    }

    pub fn keys(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.entries.keys().copied()
    }

    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    pub fn refuse(&self, key: &str, reason: &str) -> LoadError {
        LoadError::Config {
            file: self.file.into(),
            field: error::field(key),
            reason: reason.into(),
        }
    }

    /// The refusal of what `key` says.
    pub fn unsupported(&self, key: &str) -> LoadError {
        let value = match self.entries.get(key) {
            None => "(missing)".into(),
            Some(Value::Unsigned(value)) => value.to_string(),
            Some(Value::Signed(value)) => value.to_string(),
            Some(Value::F32(value)) => value.to_string(),
            Some(Value::F64(value)) => value.to_string(),
            Some(Value::Bool(value)) => value.to_string(),
            Some(Value::Text(value)) => format!("{:?}", value.chars().take(80).collect::<String>()),
            Some(Value::List(list)) => format!("(array of {})", list.count),
        };
        LoadError::Unsupported {
            file: self.file.into(),
            field: error::field(key),
            value,
        }
    }

    fn read<T>(
        &self,
        key: &str,
        expected: &str,
        convert: impl Fn(Value<'a>) -> Option<T>,
    ) -> Result<Option<T>, LoadError> {
        self.entries
            .get(key)
            .map(|&value| convert(value).ok_or_else(|| self.refuse(key, expected)))
            .transpose()
    }

    /// `value`, which `key` must have.
    pub fn required<T>(&self, key: &str, value: Option<T>) -> Result<T, LoadError> {
        value.ok_or_else(|| self.refuse(key, "is missing"))
    }

    pub fn u32(&self, key: &str) -> Result<Option<u32>, LoadError> {
        self.read(key, "is not a whole number below 2^32", |value| match value {
            Value::Unsigned(value) => u32::try_from(value).ok(),
            Value::Signed(value) => u32::try_from(value).ok(),
            _ => None,
        })
    }

    /// A finite number. A 32-bit float is taken for the shortest decimal number that rounds to it, because that is what it was in the
    /// model's own configuration: 0.00001 and not 0.0000099999997.
    pub fn f64(&self, key: &str) -> Result<Option<f64>, LoadError> {
        self.read(key, "is not a number", |value| {
            let number = match value {
                Value::F32(value) => value.to_string().parse().ok()?,
                Value::F64(value) => value,
                Value::Unsigned(value) => u32::try_from(value).ok()?.into(),
                Value::Signed(value) => i32::try_from(value).ok()?.into(),
                _ => return None,
            };
            f64::is_finite(number).then_some(number)
        })
    }

    pub fn bool(&self, key: &str) -> Result<Option<bool>, LoadError> {
        self.read(key, "is neither true nor false", |value| match value {
            Value::Bool(value) => Some(value),
            _ => None,
        })
    }

    pub fn text(&self, key: &str) -> Result<Option<&'a str>, LoadError> {
        self.read(key, "is not text", |value| match value {
            Value::Text(value) => Some(value),
            _ => None,
        })
    }

    /// The array under `key`, whose elements `read` takes out.
    pub fn list<T>(&self, key: &str, read: impl Fn(List<'a>) -> Option<T>) -> Result<Option<T>, LoadError> {
        self.read(key, "is not an array of what belongs here", |value| match value {
            Value::List(list) => read(list),
            _ => None,
        })
    }
}
