//! Why a model cannot be loaded.

use lantern_exact::SpecError;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// A model that is refused: which file, which field or tensor, and why.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("{file}: {reason}")]
    Read {
        /// File name.
        file: String,
        /// The system's reason.
        reason: String,
    },
    /// A file is larger than any honest file of its kind.
    #[error("{file}: {bytes} bytes exceed the limit of {limit}")]
    FileTooLarge {
        /// File name.
        file: String,
        /// Size found.
        bytes: u64,
        /// Largest size accepted.
        limit: u64,
    },
    /// A configuration file or a header is malformed, or a field of it is missing or out of range.
    #[error("{file}: {field}: {reason}")]
    Config {
        /// File name.
        file: String,
        /// Field, key or tensor, or `(document)` or `(header)`.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The model uses something that exact inference does not define.
    #[error("{file}: {field} = {value} is not supported")]
    Unsupported {
        /// File name.
        file: String,
        /// Field.
        field: String,
        /// Its value.
        value: String,
    },
    /// The shape breaks a bound of the arithmetic.
    #[error("{file}: {field}: {error}")]
    Spec {
        /// File name.
        file: String,
        /// Field that breaks it.
        field: String,
        /// Bound that is broken.
        #[source]
        error: SpecError,
    },
    /// A dimension exceeds what the kernels take.
    #[error("{file}: {field}: inner dimension {found} exceeds {limit}")]
    InnerTooLarge {
        /// File name.
        file: String,
        /// Field that gives it.
        field: String,
        /// Dimension found.
        found: u32,
        /// Largest dimension accepted.
        limit: u32,
    },
    /// A weights file is malformed or truncated.
    #[error("{file}: {reason}")]
    Weights {
        /// File name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor is missing.
    #[error("{file}: tensor {tensor} is missing")]
    MissingTensor {
        /// File name.
        file: String,
        /// Tensor name.
        tensor: String,
    },
    /// A tensor has another shape than the configuration says.
    #[error("{file}: tensor {tensor} has shape {found:?}, expected {expected:?}")]
    WrongShape {
        /// File name.
        file: String,
        /// Tensor name.
        tensor: String,
        /// Shape that the configuration asks for.
        expected: Vec<usize>,
        /// Shape found.
        found: Vec<usize>,
    },
    /// A tensor holds a type that is not read.
    #[error("{file}: tensor {tensor} has type {dtype}, expected {expected}")]
    WrongType {
        /// File name.
        file: String,
        /// Tensor name.
        tensor: String,
        /// Type found.
        dtype: String,
        /// Types that are read from such a file.
        expected: &'static str,
    },
    /// A tensor holds a NaN or an infinity.
    #[error("{file}: tensor {tensor}: value {index} is not finite")]
    NotFinite {
        /// File name.
        file: String,
        /// Tensor name.
        tensor: String,
        /// Index of the value in row-major order.
        index: usize,
    },
    /// A bias or norm parameter does not fit its fixed-point format.
    #[error("{file}: tensor {tensor}: value {index} does not fit the fixed-point range")]
    OutOfRange {
        /// File name.
        file: String,
        /// Tensor name.
        tensor: String,
        /// Index of the value.
        index: usize,
    },
    /// The tokenizer is malformed or does not fit the model.
    #[error("{file}: {reason}")]
    Tokenizer {
        /// File name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Longest name, and longest text of another library, that an error repeats, in characters.
const MAX_NAME: usize = 80;
const MAX_REASON: usize = 200;

/// `name`, which came from a file, as a field of an error: never empty, and not the length of the file.
pub(super) fn field(name: &str) -> String {
    match name {
        "" => "(empty name)".into(),
        name => name.chars().take(MAX_NAME).collect(),
    }
}

/// The first line of what another library says of a file, which may repeat any part of it.
pub(super) fn reason(error: &dyn std::fmt::Display) -> String {
    let said = error.to_string();
    said.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(MAX_REASON)
        .collect()
}

/// Runs foreign code on what a file says: a panic in it is one more way in which the file is malformed.
pub(super) fn caught<T>(read: impl FnOnce() -> T) -> Result<T, &'static str> {
    catch_unwind(AssertUnwindSafe(read)).map_err(|_| "its reader panicked")
}
