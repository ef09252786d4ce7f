//! Float tensors of a model's files, through candle.

use super::{
    blocks::Block,
    error::{self, LoadError},
    parameters::Floats,
    source::{weight_files, Files, WEIGHTS},
};
use candle_core::safetensors::{MmapedSafetensors, SliceSafetensors};
use safetensors::{tensor::TensorView, Dtype};

/// Most dimensions of a tensor that an error lists; no tensor of a model has more than two.
const MAX_DIMENSIONS: usize = 8;

/// The tensors of a model, by name. Nothing is read before it is asked for.
pub(super) enum Tensors<'a> {
    Mapped(MmapedSafetensors),
    Slice(SliceSafetensors<'a>),
}

/// What a file's header says of a tensor.
struct Header {
    shape: Vec<usize>,
    dtype: Dtype,
}

impl<'a> Tensors<'a> {
    /// Opens the weight files among `files` and checks their headers against their sizes.
    pub(super) fn open(files: Files<'a>) -> Result<Self, LoadError> {
        match files {
            Files::Folder(folder) => {
                let files = weight_files(folder)?;
                for file in &files {
                    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    let length = std::fs::metadata(file)
                        .map_err(|error| LoadError::Read {
                            file: name.clone(),
                            reason: error.to_string(),
                        })?
                        .len();
                    if length == 0 {
                        return Err(LoadError::Weights {
                            file: name,
                            reason: "is empty".into(),
                        });
                    }
                }
                // SAFETY: the map is only read. Whoever writes to a model's files while it loads harms this process
                // alone: the weights are copied while loading and the map is dropped.
                read(|| unsafe { MmapedSafetensors::multi(&files) }).map(Self::Mapped)
            },
            Files::Memory(files) => read(|| SliceSafetensors::new(files.weights)).map(Self::Slice),
        }
    }

    /// Whether there is a tensor `name`.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.header(name).is_ok()
    }

    /// First dimension of tensor `name`; 0 for a scalar.
    pub(super) fn rows(&self, name: &str) -> Result<usize, LoadError> {
        self.header(name)
            .map(|header| header.shape.first().copied().unwrap_or(0))
    }

    /// Checks that tensor `name` is there, has `shape` and a float type, without reading it.
    pub(super) fn check(&self, name: &str, shape: &[usize]) -> Result<(), LoadError> {
        let header = self.header(name)?;
        if header.shape.len() > MAX_DIMENSIONS {
            return Err(LoadError::Config {
                file: WEIGHTS.into(),
                field: name.into(),
                reason: format!("has {} dimensions", header.shape.len()),
            });
        }
        if header.shape != shape {
            return Err(LoadError::WrongShape {
                file: WEIGHTS.into(),
                tensor: name.into(),
                expected: shape.to_vec(),
                found: header.shape,
            });
        }
        match header.dtype {
            Dtype::F32 | Dtype::F16 | Dtype::BF16 => Ok(()),
            dtype => Err(LoadError::WrongType {
                file: WEIGHTS.into(),
                tensor: name.into(),
                dtype: format!("{dtype:?}"),
                expected: "F32, F16 or BF16",
            }),
        }
    }

    fn header(&self, name: &str) -> Result<Header, LoadError> {
        let view = self.view(name)?;
        Ok(Header {
            shape: view.shape().to_vec(),
            dtype: view.dtype(),
        })
    }

    fn view(&self, name: &str) -> Result<TensorView<'_>, LoadError> {
        match self {
            Self::Mapped(tensors) => tensors.get(name),
            Self::Slice(tensors) => tensors.get(name),
        }
        .map_err(|_| LoadError::MissingTensor {
            file: WEIGHTS.into(),
            tensor: name.into(),
        })
    }

    /// The values of tensor `name` of `shape`, whose rows are those of its last dimension.
    pub(super) fn floats(&self, name: &str, shape: &[usize]) -> Result<Floats<'_>, LoadError> {
        self.check(name, shape)?;
        let view = self.view(name)?;
        Ok(Floats {
            block: match view.dtype() {
                Dtype::F16 => Block::F16,
                Dtype::BF16 => Block::Bf16,
                _ => Block::F32,
            },
            // The length is that of the shape: the header's reader checks it.
            bytes: view.data(),
            cols: shape.last().copied().unwrap_or(1),
            interleaved: None,
            mapped: matches!(self, Self::Mapped(_)),
        })
    }
}

/// Runs `read`, a step of candle's reader.
fn read<T>(read: impl FnOnce() -> candle_core::Result<T>) -> Result<T, LoadError> {
    let malformed = |reason: String| LoadError::Weights {
        file: WEIGHTS.into(),
        reason,
    };
    error::caught(read)
        .map_err(|reason| malformed(reason.into()))?
        .map_err(|error| malformed(error::reason(&error)))
}
