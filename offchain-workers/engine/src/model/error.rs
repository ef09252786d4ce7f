//! Why a model cannot be loaded.

use lantern_exact::SpecError;

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
    #[error("{file}: {error}")]
    Spec {
        /// File name.
        file: String,
        /// Bound that is broken.
        #[source]
        error: SpecError,
    },
    /// A dimension exceeds what the kernels take.
    #[error("{file}: inner dimension {found} exceeds {limit}")]
    InnerTooLarge {
        /// File name.
        file: String,
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
