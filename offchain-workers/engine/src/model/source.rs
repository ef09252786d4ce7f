//! Where a model's files come from.

use super::error::{self, LoadError};
use std::{
    borrow::Cow,
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// Largest configuration or index file.
const MAX_CONFIG_BYTES: u64 = 16 << 20;
/// Largest tokenizer file.
pub(super) const MAX_TOKENIZER_BYTES: u64 = 256 << 20;
/// Most weight files of one model.
const MAX_SHARDS: usize = 1024;

pub(super) const CONFIG: &str = "config.json";
pub(super) const TOKENIZER: &str = "tokenizer.json";
pub(super) const WEIGHTS: &str = "model.safetensors";
const WEIGHTS_INDEX: &str = "model.safetensors.index.json";
pub(super) const GENERATION: &str = "generation_config.json";
pub(super) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
pub(super) const CHAT_TEMPLATE: &str = "chat_template.jinja";
pub(super) const MODULES: &str = "modules.json";
pub(super) const POOLING: &str = "1_Pooling/config.json";

/// Every file beside the weights that is read when it is there.
pub(super) const SIDE_FILES: [&str; 9] = [
    CONFIG,
    TOKENIZER,
    WEIGHTS_INDEX,
    GENERATION,
    TOKENIZER_CONFIG,
    CHAT_TEMPLATE,
    MODULES,
    POOLING,
    WEIGHTS,
];

/// A model in memory, such as one built into a program by `include_bytes!`.
#[derive(Clone, Copy, Debug)]
pub struct ModelFiles<'a> {
    /// Name shown to people.
    pub name: &'a str,
    /// `config.json`.
    pub config: &'a [u8],
    /// `tokenizer.json`.
    pub tokenizer: &'a [u8],
    /// `model.safetensors`.
    pub weights: &'a [u8],
}

/// Where a model's files come from.
#[derive(Clone, Debug)]
pub enum ModelSource<'a> {
    /// A Hugging Face folder: `config.json`, `tokenizer.json`, and `model.safetensors` or a sharded index.
    Folder(PathBuf),
    /// A GGUF file. A `tokenizer.json` beside it is used instead of the tokenizer in it.
    Gguf(PathBuf),
    /// Files in memory.
    Memory(ModelFiles<'a>),
}

impl ModelSource<'static> {
    /// The model at `path`: a GGUF file, a folder with one GGUF file and no `config.json`, or a folder in Hugging Face's layout.
    pub fn at(path: &Path) -> Result<Self, LoadError> {
        if is_gguf(path) && !path.is_dir() {
            return Ok(Self::Gguf(path.to_owned()));
        }
        if path.join(CONFIG).exists() || !path.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let failed = |error: std::io::Error| LoadError::Read {
            file: path.display().to_string(),
            reason: error.to_string(),
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            files.push(entry.map_err(failed)?.path());
        }
        files.retain(|file| is_gguf(file));
        match (files.pop(), files.len()) {
            (None, _) => Ok(Self::Folder(path.to_owned())),
            (Some(file), 0) => Ok(Self::Gguf(file)),
            (Some(_), others) => Err(LoadError::Read {
                file: path.display().to_string(),
                reason: format!("holds {} GGUF files: name one of them", others + 1),
            }),
        }
    }
}

impl ModelSource<'_> {
    /// Name shown to people: the last part of the folder, or of the file without its extension.
    pub fn name(&self) -> String {
        match self {
            Self::Folder(folder) => last_part(folder, folder.file_name()),
            Self::Gguf(file) => last_part(file, file.file_stem()),
            Self::Memory(files) => files.name.to_owned(),
        }
    }
}

/// The files of a model in Hugging Face's layout, or those that lie beside a GGUF file.
#[derive(Clone, Copy)]
pub(super) enum Files<'a> {
    Folder(&'a Path),
    Memory(ModelFiles<'a>),
}

impl<'a> Files<'a> {
    /// The bytes of `config.json`.
    pub fn config(self) -> Result<Cow<'a, [u8]>, LoadError> {
        match self {
            Self::Folder(folder) => read(folder, CONFIG, MAX_CONFIG_BYTES).map(Cow::Owned),
            Self::Memory(files) => Ok(Cow::Borrowed(files.config)),
        }
    }

    /// The bytes of `tokenizer.json`.
    pub fn tokenizer(self) -> Result<Cow<'a, [u8]>, LoadError> {
        match self {
            Self::Folder(folder) => read(folder, TOKENIZER, MAX_TOKENIZER_BYTES).map(Cow::Owned),
            Self::Memory(files) => Ok(Cow::Borrowed(files.tokenizer)),
        }
    }

    /// Whether `file` is among them.
    pub fn has(self, file: &str) -> bool {
        matches!(self, Self::Folder(folder) if folder.join(file).exists())
    }

    /// The bytes of a small optional file, `None` when it is not there.
    pub fn optional(self, file: &str) -> Result<Option<Vec<u8>>, LoadError> {
        match self {
            Self::Folder(folder) if self.has(file) => read(folder, file, MAX_CONFIG_BYTES).map(Some),
            _ => Ok(None),
        }
    }
}

/// Paths of the weight files of a folder: the single file, or all files that the index names.
pub(super) fn weight_files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let single = folder.join(WEIGHTS);
    if single.exists() || !folder.join(WEIGHTS_INDEX).exists() {
        return Ok(vec![single]);
    }
    let refuse = |field: &str, reason: &str| LoadError::Config {
        file: WEIGHTS_INDEX.into(),
        field: error::field(field),
        reason: reason.into(),
    };
    let bytes = read(folder, WEIGHTS_INDEX, MAX_CONFIG_BYTES)?;
    let index: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| refuse("(document)", &error::reason(&error)))?;
    let map = index
        .get("weight_map")
        .and_then(|map| map.as_object())
        .ok_or_else(|| refuse("weight_map", "is not an object"))?;
    let mut names = BTreeSet::new();
    for (tensor, file) in map {
        let name = file.as_str().ok_or_else(|| refuse(tensor, "is not a file name"))?;
        // A name and nothing else: an index must not reach outside its folder.
        if Path::new(name).file_name() != Some(name.as_ref()) {
            return Err(refuse(tensor, "names a file outside the folder"));
        }
        names.insert(name);
    }
    if names.is_empty() || names.len() > MAX_SHARDS {
        return Err(refuse("weight_map", "names no file, or too many"));
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

fn is_gguf(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
}

fn last_part(path: &Path, part: Option<&OsStr>) -> String {
    part.map_or_else(
        || path.display().to_string(),
        |part| part.to_string_lossy().into_owned(),
    )
}

/// Reads `folder/file` of at most `limit` bytes.
fn read(folder: &Path, file: &str, limit: u64) -> Result<Vec<u8>, LoadError> {
    let path = folder.join(file);
    let failed = |error: std::io::Error| LoadError::Read {
        file: file.into(),
        reason: error.to_string(),
    };
    let bytes = fs::metadata(&path).map_err(failed)?.len();
    if bytes > limit {
        return Err(LoadError::FileTooLarge {
            file: file.into(),
            bytes,
            limit,
        });
    }
    fs::read(&path).map_err(failed)
}
