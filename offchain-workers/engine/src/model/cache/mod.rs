//! Quantised models on disk, so that a model is quantised and hashed once and loaded in a moment ever after.
//!
//! Two kinds of file. `<model id>-<layout>.lantern` holds the weights as the kernels want them. `sources/<source>.json` says which
//! model a folder or GGUF file gives, for as long as its files stay as they were. A provider loses stake for wrong bytes, so nothing
//! here is believed: see [`file`] for what is checked. What does not pass is built again from its source and written anew.
//!
//! The checks find damage, not malice: whoever may write to the folder may do so under the owner's name, which is why files of
//! another owner, or that others may write to, are left alone.

mod file;
mod source;

pub(super) use file::Stored;

use super::{chat::ChatTemplate, loaded::loading_pool, LoadError, LoadOptions, LoadedModel, ModelSource};
use lantern_exact::{blake2_256, ModelId};
use serde::{Deserialize, Serialize};
use source::SourceState;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Extension of the files with weights.
const EXTENSION: &str = "lantern";
/// Folder of the files that say what a source gives.
const SOURCES: &str = "sources";
/// Beginning of the names of files that are being written.
const TEMPORARY: &str = ".writing-";
/// Age from which such a file belongs to a process that has ended.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);
/// Largest file that says what a source gives.
const MAX_ENTRY_BYTES: u64 = 16 << 20;

/// A folder of quantised models. Several processes may use one at the same time.
#[derive(Clone, Debug)]
pub struct ModelCache {
    folder: PathBuf,
    limit: u64,
}

/// What a cache did for one load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheUse {
    /// The model came from the cache.
    Hit,
    /// The model came from its source and was written to the cache.
    Stored,
    /// The model came from its source and could not be written to the cache, for this reason.
    NotStored(String),
}

/// What a cache did for one load, and what it found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheReport {
    /// Where the model came from.
    pub used: CacheUse,
    /// Why what the cache held for the source was refused: the file and its fault.
    pub refused: Option<String>,
}

/// What is known of a source.
#[derive(Serialize, Deserialize)]
struct Entry {
    /// The source, for people.
    path: String,
    /// Digest of its files' names, sizes and times.
    state: String,
    /// Id of the model it gives.
    model: String,
    end_tokens: Vec<u32>,
    chat: Option<ChatTemplate>,
}

impl ModelCache {
    /// A cache in `folder`, which is made when something is written to it. Models that were not used for the longest time are
    /// removed when they all are more than `limit` bytes.
    pub fn new(folder: impl Into<PathBuf>, limit: u64) -> Self {
        Self {
            folder: folder.into(),
            limit,
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Loads the model in `source` from here, or from its files if it is not here or its files have changed, in which case it is
    /// stored. Has the same result as [`LoadedModel::load`]; the cache's own failures are in the report alone.
    pub fn load(
        &self,
        source: &ModelSource<'_>,
        options: &LoadOptions,
    ) -> Result<(LoadedModel, CacheReport), LoadError> {
        let state = SourceState::of(source, options);
        let refused = match state.as_ref().map(|state| self.find(source, state)) {
            Some(Ok(Some(model))) => {
                let report = CacheReport {
                    used: CacheUse::Hit,
                    refused: None,
                };
                return Ok((model, report));
            },
            Some(Err(reason)) => Some(reason),
            Some(Ok(None)) | None => None,
        };
        let (model, tokenizer) = LoadedModel::load_whole(source, options)?;
        let stored = match state {
            None => Err("a model in memory has no files to know it by".into()),
            // Times are coarse: a file that changed just now may change again without another time.
            Some(state) if state.is_fresh() || SourceState::of(source, options) != Some(state.clone()) => {
                Err("its files changed a moment ago".into())
            },
            Some(state) => self
                .store(&model, tokenizer, &state)
                .map_err(|error| format!("{}: {error}", self.folder.display())),
        };
        let used = stored.map_or_else(CacheUse::NotStored, |()| CacheUse::Stored);
        Ok((model, CacheReport { used, refused }))
    }

    /// Removes every model and all that is known of sources; leaves files that are not the cache's own.
    pub fn clear(&self) -> io::Result<()> {
        for path in list(&self.folder)?.into_iter().chain(list(&self.folder.join(SOURCES))?) {
            if is_ours(&path) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    fn model_path(&self, id: &ModelId) -> PathBuf {
        let layout = file::layout();
        let (id, layout) = (hex::encode(id), hex::encode(&layout[..4]));
        self.folder.join(format!("{id}-{layout}.{EXTENSION}"))
    }

    fn entry_path(&self, state: &SourceState) -> PathBuf {
        self.folder.join(SOURCES).join(format!("{}.json", state.key()))
    }

    /// The model that `state` gave before; `None` when it is not known, or gave another, `Err` when what is here is no good.
    fn find(&self, source: &ModelSource<'_>, state: &SourceState) -> Result<Option<LoadedModel>, String> {
        let path = self.entry_path(state);
        let entry = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            _ => read_entry(&path).map_err(|reason| format!("{}: {reason}", path.display()))?,
        };
        if entry.state != state.digest() {
            return Ok(None);
        }
        let mut id = ModelId::default();
        hex::decode_to_slice(&entry.model, &mut id).map_err(|error| format!("{}: {error}", path.display()))?;
        let path = self.model_path(&id);
        let opened = match open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| format!("{}: {error}", path.display()))?,
        };
        let read = file::read(&opened, &id, &loading_pool());
        let stored = read.map_err(|reason| format!("{}: {reason}", path.display()))?;
        // The time tells which model was not used for the longest time; a wish.
        let _ = opened.set_modified(SystemTime::now());
        Ok(Some(LoadedModel::stored(
            source.name(),
            id,
            stored,
            entry.end_tokens,
            entry.chat,
        )))
    }

    fn store(&self, model: &LoadedModel, tokenizer: Vec<u8>, state: &SourceState) -> io::Result<()> {
        let path = self.model_path(&model.id());
        let pool = loading_pool();
        let head = file::Head::of(model, tokenizer, &pool);
        let needed = head.file_bytes(model);
        if needed > self.limit {
            let (needed, limit) = (needed >> 20, self.limit >> 20);
            return Err(io::Error::other(format!(
                "the model's {needed} MiB are more than the cache's limit of {limit} MiB"
            )));
        }
        make_private(&self.folder)?;
        make_private(&self.folder.join(SOURCES))?;
        self.make_room(needed, &path)?;
        write_whole(&path, |out| head.write(model, out))?;
        let entry = Entry {
            path: state.path().into(),
            state: state.digest(),
            model: hex::encode(model.id()),
            end_tokens: model.end_tokens().to_vec(),
            chat: model.chat_template().cloned(),
        };
        write_whole(&self.entry_path(state), |out| {
            let text = serde_json::to_string(&entry)?;
            writeln!(out, "{}\n{text}", hex::encode(blake2_256(&[text.as_bytes()])))
        })
    }

    /// Removes what was not used for the longest time until `needed` bytes more are within the limit, and what nobody needs.
    fn make_room(&self, needed: u64, keep: &Path) -> io::Result<()> {
        let mut models = Vec::new();
        for path in list(&self.folder)? {
            // Another process may remove it meanwhile.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if is_temporary(&path) && used.elapsed().is_ok_and(|age| age > ABANDONED) {
                remove(&path)?;
            }
            if path != keep && path.extension().is_some_and(|extension| extension == EXTENSION) {
                models.push((used, metadata.len(), path));
            }
        }
        models.sort();
        let mut total = models
            .iter()
            .fold(needed, |sum, (_, bytes, _)| sum.saturating_add(*bytes));
        for (_, bytes, path) in models {
            if total <= self.limit {
                break;
            }
            remove(&path)?;
            total -= bytes;
        }
        Ok(())
    }
}

/// The files in `folder`; none when it is not there.
fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with(TEMPORARY)
}

/// Whether a cache writes files of this name.
fn is_ours(path: &Path) -> bool {
    let in_sources = path
        .parent()
        .and_then(Path::file_name)
        .is_some_and(|name| name == SOURCES);
    let extension = if in_sources { "json" } else { EXTENSION };
    is_temporary(path) || path.extension().is_some_and(|found| found == extension)
}

/// Makes `folder`, which others may not read, where it is missing.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes the file at `path` by `write`, in one step for whoever reads it.
fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    // Removed when it is dropped unless it got its name.
    let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    write(file.as_file_mut())?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Opens a file of the cache, unless somebody else could have made it.
fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let metadata = file.metadata()?;
        // SAFETY: the call reads a number.
        let own = unsafe { libc::geteuid() };
        if !metadata.is_file() || (metadata.uid() != own && metadata.uid() != 0) || metadata.mode() & 0o022 != 0 {
            return Err(io::Error::other("belongs to another user, or others may write to it"));
        }
    }
    Ok(file)
}

/// Reads what is known of a source.
fn read_entry(path: &Path) -> Result<Entry, String> {
    let mut file = open(path).map_err(|error| error.to_string())?;
    if file.metadata().map_err(|error| error.to_string())?.len() > MAX_ENTRY_BYTES {
        return Err("is too large".into());
    }
    let text = io::read_to_string(&mut file).map_err(|error| error.to_string())?;
    let (digest, document) = text.split_once('\n').unwrap_or_default();
    let document = document.strip_suffix('\n').unwrap_or_default();
    if hex::encode(blake2_256(&[document.as_bytes()])) != digest {
        return Err("is damaged".into());
    }
    serde_json::from_str(document).map_err(|error| error.to_string())
}
