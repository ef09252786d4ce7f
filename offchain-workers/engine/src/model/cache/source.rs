//! What tells that a source's files are those of last time, without reading them.

use crate::model::{
    source::{weight_files, ModelSource, SIDE_FILES},
    LoadOptions,
};
use lantern_exact::blake2_256;
use std::{
    fs::{self, Metadata},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Files that changed less than this ago may change again within the same tick of the file system's clock.
const TICK: Duration = Duration::from_millis(20);

/// How files become integers: another number whenever the same files come to give another model. 2: narrow weights are smoothed.
const SCHEME: &[u8] = b"lantern/source/2";

/// A source as its files are now.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SourceState {
    path: String,
    key: String,
    digest: String,
    /// When one of the files changed last.
    changed: SystemTime,
}

impl SourceState {
    /// The state of `source` for `options`; `None` when it has no files, or they cannot be found.
    pub fn of(source: &ModelSource<'_>, options: &LoadOptions) -> Option<Self> {
        let (path, folder, mut files) = match source {
            ModelSource::Folder(folder) => (folder, folder.as_path(), weight_files(folder).ok()?),
            ModelSource::Gguf(file) => (file, file.parent().unwrap_or(Path::new("")), vec![file.clone()]),
            ModelSource::Memory(_) => return None,
        };
        files.extend(SIDE_FILES.iter().map(|name| folder.join(name)));
        let path = fs::canonicalize(path).ok()?;
        // A path that is not Unicode is as good a key in its raw bytes.
        let raw = path.as_os_str().as_encoded_bytes();
        let choices = format!("{options:?}");
        let (mut content, mut changed) = (Vec::new(), SystemTime::UNIX_EPOCH);
        for file in files {
            let name = file.file_name().unwrap_or_default().as_encoded_bytes();
            content.extend((name.len() as u64).to_le_bytes());
            content.extend(name);
            content.extend(describe(&file, &mut changed));
        }
        let key = blake2_256(&[&(raw.len() as u64).to_le_bytes(), raw, choices.as_bytes()]);
        Some(Self {
            digest: hex::encode(blake2_256(&[SCHEME, &key, &content])),
            key: hex::encode(&key[..16]),
            path: path.display().to_string(),
            changed,
        })
    }

    /// The source, for people.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Names the source and the options, whatever its files are.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Digest of the files' names, sizes and times.
    pub fn digest(&self) -> String {
        self.digest.clone()
    }

    /// Whether a file changed so short a time ago that it could change once more unnoticed.
    pub fn is_fresh(&self) -> bool {
        self.changed + TICK > SystemTime::now()
    }
}

/// Size, times and number of a file, or that there is none.
fn describe(file: &PathBuf, changed: &mut SystemTime) -> Vec<u8> {
    let Ok(metadata) = fs::metadata(file) else {
        return vec![0];
    };
    let mut out = vec![1];
    out.extend(metadata.len().to_le_bytes());
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    out.extend(since.as_nanos().to_le_bytes());
    *changed = (*changed).max(status_changed(&metadata, &mut out).unwrap_or(modified));
    out
}

/// When content, name or rights of a file changed, which unlike its time of modification no program can choose. Appends it and
/// the file's number.
#[cfg(unix)]
fn status_changed(metadata: &Metadata, out: &mut Vec<u8>) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let (seconds, nanos) = (metadata.ctime(), metadata.ctime_nsec());
    for number in [seconds, nanos, metadata.ino() as i64] {
        out.extend(number.to_le_bytes());
    }
    let since = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

#[cfg(not(unix))]
fn status_changed(_: &Metadata, _: &mut Vec<u8>) -> Option<SystemTime> {
    None
}
