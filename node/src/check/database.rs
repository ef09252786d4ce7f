//! Whether the database is whole, of this chain, and free.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use fs2::FileExt;
use lantern_primitives::H256;

use super::{Finding, Found, Setup};
use crate::faults::{corrupt_database, io_fault, Fault};

/// Versions of ParityDB's files that this program reads. It does not look at the upper bound itself.
const VERSIONS: std::ops::RangeInclusive<u32> = 4..=8;
/// Where the SDK keeps the hash of the first block.
const META_COLUMN: u8 = 0;
const GENESIS_KEY: &[u8] = b"gen";
/// A value table grows by this.
const TABLE_STEP: u64 = 256 * 1024;
/// Bytes of an index file before its entries, and bits of a chunk of 512 bytes.
const INDEX_HEADER: u64 = 16 * 1024;
const INDEX_CHUNK: u64 = 512;

/// Target of this module's log lines.
const LOG_TARGET: &str = "lantern::database";
/// Longest wait for the database to be closed.
const CLOSING: Duration = Duration::from_secs(30);
/// The database that this process has opened.
static OPENED: OnceLock<PathBuf> = OnceLock::new();

/// What lies in the database's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing yet.
    Absent,
    /// A process has it open.
    InUse,
    /// It was closed in good order.
    Closed,
    /// It was not; the log holds what is to be written at the next start.
    Interrupted,
}

/// What the files alone tell; cheap enough for every start.
pub fn files(setup: &Setup<'_>) -> Vec<Finding> {
    let found = match setup.database().map(|path| (inspect(&path), path)) {
        None => Found::Ok("a new one, in a temporary folder".into()),
        Some((Err(fault), _)) => Found::Fail(fault),
        Some((Ok(State::InUse), path)) => Found::Fail(in_use(&path)),
        Some((Ok(_), path)) => Found::Ok(path.display().to_string()),
    };
    vec![Finding::new("database", found)]
}

/// All that can be told without writing. `genesis` is the chain specification's first block.
pub fn all(setup: &Setup<'_>, genesis: Option<H256>) -> Vec<Finding> {
    let Some(path) = setup.database() else {
        return files(setup);
    };
    let found = match inspect(&path) {
        Err(fault) => Found::Fail(fault),
        Ok(State::Absent) => Found::Ok(format!("{} will be made at the first start", path.display())),
        Ok(State::InUse) => Found::Ok(format!("{} is in use by a running node", path.display())),
        Ok(State::Interrupted) => Found::Warn(Fault::new(
            format!(
                "the database in {} was not closed in good order, so that its chain cannot be compared without writing to it",
                path.display()
            ),
            "start the node: it completes what is in the database's log, and compares the chain itself",
        )),
        Ok(State::Closed) => match (stored_genesis(&path), genesis) {
            (Err(fault), _) => Found::Fail(fault),
            (Ok(Some(stored)), Some(genesis)) if stored != genesis => {
                Found::Fail(other_chain(&path.display().to_string(), stored, genesis))
            },
            (Ok(stored), _) => Found::Ok(match stored {
                Some(stored) => format!("{} opens; its first block is {stored:?}", path.display()),
                None => format!("{} opens; it has no block yet", path.display()),
            }),
        },
    };
    vec![Finding::new("database", found)]
}

fn in_use(path: &Path) -> Fault {
    Fault::new(
        format!("the database in {} is in use by another process", path.display()),
        "stop the other node (pgrep -a lantern-node), or give this one a --base-path of its own",
    )
}

/// The database is of another chain than the specification.
pub fn other_chain(place: &str, stored: H256, genesis: H256) -> Fault {
    Fault::new(
        format!(
            "the database in {place} is of another chain: its first block is {stored:?}, that of the chain specification is \
             {genesis:?}"
        ),
        "name the specification with which this base path was made (--chain), or another --base-path for this chain. Where the chain \
         was begun anew on purpose, remove the old one with `lantern-node purge-chain` and the same flags",
    )
}

/// Says that this process has opened the database in `path`.
pub fn opened(path: &Path) {
    let _ = OPENED.set(path.to_owned());
}

/// Waits until this process has let the database go, if it had one, which it does when everything is written: a thread may still hold
/// it when the node's tasks have ended, and would die with the process.
pub fn wait_until_closed() {
    if let Some(path) = OPENED.get() {
        wait_for_release(path);
    }
}

fn wait_for_release(path: &Path) {
    let began = Instant::now();
    while inspect(path) == Ok(State::InUse) {
        if began.elapsed() > CLOSING {
            log::warn!(
                target: LOG_TARGET,
                "the database in {} is not closed after {} s; the next start completes what is in its log",
                path.display(),
                CLOSING.as_secs()
            );
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    io_fault(
        &format!("the database in {} cannot be read", path.display()),
        error,
        "run this as the user who owns the folder, or give it to that user (chown -R USER BASE_PATH)",
    )
}

fn inspect(path: &Path) -> Result<State, Fault> {
    let unreadable = |error: io::Error| unreadable(path, &error);
    let mut names = Vec::new();
    match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Absent),
        Err(error) => return Err(unreadable(error)),
        Ok(entries) => {
            for entry in entries {
                let entry = entry.map_err(unreadable)?;
                let length = entry.metadata().map_err(unreadable)?.len();
                names.push((entry.file_name().to_string_lossy().into_owned(), length));
            }
        },
    }
    // Before anything else: a database in use changes under our eyes.
    if let Ok(lock) = File::open(path.join("lock")) {
        if lock.try_lock_exclusive().is_err() {
            return Ok(State::InUse);
        }
    }
    let has_data = |(name, length): &&(String, u64)| {
        *length > 0 && ["table_", "index_", "log"].iter().any(|start| name.starts_with(start))
    };
    let data: Vec<_> = names.iter().filter(has_data).collect();
    if !names.iter().any(|(name, _)| name == "metadata") {
        return match data.first() {
            None => Ok(State::Absent),
            // The SDK would take it for an empty one, begin the chain anew and write over the tables.
            Some((name, _)) => Err(corrupt_database(&format!(
                "the file `metadata` is missing beside {name}"
            ))),
        };
    }
    let metadata = fs::read(path.join("metadata")).map_err(unreadable)?;
    check_metadata(&metadata)?;
    for (name, length) in &data {
        check_length(name, *length)?;
    }
    if data.iter().any(|(name, _)| name.starts_with("log")) {
        // The next start makes the files that the log tells of.
        return Ok(State::Interrupted);
    }
    check_pairs(&names)?;
    Ok(State::Closed)
}

/// Reads the database's description of itself. ParityDB panics on some of what this refuses.
fn check_metadata(bytes: &[u8]) -> Result<(), Fault> {
    let damaged = |what: &str| corrupt_database(&format!("its file `metadata` {what}"));
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("is no text"))?;
    let field = |wanted: &str| {
        text.lines()
            .find_map(|line| line.split_once('=').filter(|(name, _)| *name == wanted))
            .map(|(_, value)| value)
    };
    let version: u32 = field("version")
        .and_then(|version| version.parse().ok())
        .ok_or_else(|| damaged("names no version"))?;
    if !VERSIONS.contains(&version) {
        let (whose, remedy) = if version > *VERSIONS.end() {
            ("a newer", "start the newer program that wrote it")
        } else {
            ("a much older", "start the program that wrote it")
        };
        return Err(Fault::new(
            format!(
                "the database has version {version}, of {whose} program; this one reads {} to {}",
                VERSIONS.start(),
                VERSIONS.end()
            ),
            format!("{remedy}, or move the paritydb folder away and let the node sync the chain again"),
        ));
    }
    let mut salt = [0; 32];
    field("salt")
        .and_then(|salt_text| hex::decode_to_slice(salt_text, &mut salt).ok())
        .ok_or_else(|| damaged("has no salt of 32 bytes"))?;
    field("col0").ok_or_else(|| damaged("describes no column"))?;
    Ok(())
}

/// Whether a file has a length that ParityDB gives it.
fn check_length(name: &str, length: u64) -> Result<(), Fault> {
    let sound = if name.starts_with("table_") {
        length % TABLE_STEP == 0
    } else if let Some(bits) = name
        .strip_prefix("index_")
        .and_then(|rest| rest.rsplit_once('_')?.1.parse::<u32>().ok())
    {
        1u64.checked_shl(bits)
            .and_then(|chunks| chunks.checked_mul(INDEX_CHUNK)?.checked_add(INDEX_HEADER))
            .is_some_and(|expected| expected == length)
    } else {
        true
    };
    if sound {
        Ok(())
    } else {
        Err(corrupt_database(&format!("its file {name} was cut to {length} bytes")))
    }
}

/// A column with values has an index, and the other way round.
fn check_pairs(names: &[(String, u64)]) -> Result<(), Fault> {
    let column = |name: &str, kind: &str| {
        name.strip_prefix(kind)
            .and_then(|rest| Some(rest.split_once('_')?.0.to_owned()))
    };
    let has = |kind: &str, wanted: &str| {
        names
            .iter()
            .any(|(name, _)| column(name, kind).as_deref() == Some(wanted))
    };
    for (name, _) in names {
        for (kind, other) in [("table_", "index_"), ("index_", "table_")] {
            if let Some(wanted) = column(name, kind) {
                if !has(other, &wanted) {
                    return Err(corrupt_database(&format!(
                        "{name} is there, but no file {other}{wanted}_*"
                    )));
                }
            }
        }
    }
    Ok(())
}

/// The hash of the first block in a database that was closed in good order. Reads only.
fn stored_genesis(path: &Path) -> Result<Option<H256>, Fault> {
    let read = || -> parity_db::Result<Option<Vec<u8>>> {
        let Some(metadata) = parity_db::Options::load_metadata(path)? else {
            return Ok(None);
        };
        let mut options = parity_db::Options::with_columns(path, 0);
        options.columns = metadata.columns;
        options.stats = false;
        parity_db::Db::open_read_only(&options)?.get(META_COLUMN, GENESIS_KEY)
    };
    let stored = read().map_err(|error| match error {
        parity_db::Error::Io(error) => unreadable(path, &error),
        parity_db::Error::Locked(_) => in_use(path),
        error => corrupt_database(&error.to_string()),
    })?;
    Ok(stored
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .map(H256::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(columns: u8) -> (tempfile::TempDir, parity_db::Options) {
        let folder = tempfile::tempdir().expect("a folder");
        let options = parity_db::Options::with_columns(folder.path(), columns);
        let db = parity_db::Db::open_or_create(&options).expect("is made");
        db.commit([(META_COLUMN, GENESIS_KEY, Some(vec![7; 32]))])
            .expect("is written");
        drop(db);
        (folder, options)
    }

    #[test]
    fn sound_database_tells_its_first_block_and_is_not_changed() {
        let (folder, _) = made(3);
        assert_eq!(inspect(folder.path()), Ok(State::Closed));
        let files = || {
            let mut files: Vec<_> = fs::read_dir(folder.path())
                .expect("reads")
                .flatten()
                .map(|entry| (entry.file_name(), fs::read(entry.path()).expect("reads")))
                .collect();
            files.sort();
            files
        };
        let before = files();
        assert_eq!(stored_genesis(folder.path()), Ok(Some(H256::repeat_byte(7))));
        assert_eq!(files(), before);
    }

    #[test]
    fn database_in_use_is_told_from_a_damaged_one() {
        let (folder, options) = made(3);
        let db = parity_db::Db::open(&options).expect("opens");
        assert_eq!(inspect(folder.path()), Ok(State::InUse));
        drop(db);
        assert_eq!(inspect(folder.path()), Ok(State::Closed));
    }

    #[test]
    fn end_waits_for_whoever_still_has_the_database() {
        let (folder, options) = made(3);
        let db = parity_db::Db::open(&options).expect("opens");
        db.commit([(META_COLUMN, GENESIS_KEY, Some(vec![8; 32]))])
            .expect("is written");
        let holder = thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            drop(db);
        });
        wait_for_release(folder.path());
        assert_eq!(inspect(folder.path()), Ok(State::Closed));
        holder.join().expect("ends");
    }

    #[test]
    fn each_damage_is_named() {
        let damages: [(&str, fn(&Path)); 8] = [
            ("`metadata` is missing", |path| {
                fs::remove_file(path.join("metadata")).expect("is removed")
            }),
            ("names no version", |path| {
                fs::write(path.join("metadata"), "").expect("is written")
            }),
            ("is no text", |path| {
                fs::write(path.join("metadata"), [0xff; 80]).expect("is written")
            }),
            ("salt of 32 bytes", |path| {
                fs::write(path.join("metadata"), "version=8\nsalt=00").expect("is written")
            }),
            ("describes no column", |path| {
                fs::write(path.join("metadata"), format!("version=8\nsalt={}", "00".repeat(32))).expect("is written");
            }),
            ("version 99", |path| edit(path, "version=8", "version=99")),
            ("version 2", |path| edit(path, "version=8", "version=2")),
            ("no file index_00_*", |path| {
                let index = fs::read_dir(path)
                    .expect("reads")
                    .flatten()
                    .find(|entry| entry.file_name().to_string_lossy().starts_with("index_00_"));
                fs::remove_file(index.expect("has one").path()).expect("is removed");
            }),
        ];
        for (words, damage) in damages {
            let (folder, _) = made(3);
            damage(folder.path());
            let fault = inspect(folder.path()).expect_err(words);
            assert!(fault.cause.contains(words), "{words}: {fault}");
            assert!(fault.remedy.contains("sync"), "{words}: {fault}");
        }
    }

    fn edit(folder: &Path, from: &str, to: &str) {
        let path = folder.join("metadata");
        let text = fs::read_to_string(&path).expect("reads");
        assert!(text.contains(from));
        fs::write(path, text.replace(from, to)).expect("is written");
    }

    #[test]
    fn cut_files_are_named() {
        let (folder, _) = made(3);
        for start in ["table_00_", "index_00_"] {
            let path = fs::read_dir(folder.path())
                .expect("reads")
                .flatten()
                .find(|entry| entry.file_name().to_string_lossy().starts_with(start))
                .expect("has one")
                .path();
            let whole = fs::metadata(&path).expect("exists").len();
            File::options()
                .write(true)
                .open(&path)
                .expect("opens")
                .set_len(1000)
                .expect("is cut");
            let fault = inspect(folder.path()).expect_err("is cut");
            assert!(
                fault.cause.contains(start) && fault.cause.contains("1000 bytes"),
                "{fault}"
            );
            File::options()
                .write(true)
                .open(&path)
                .expect("opens")
                .set_len(whole)
                .expect("grows");
        }
    }

    #[test]
    fn other_chain_names_both_blocks() {
        let fault = other_chain("x", H256::repeat_byte(1), H256::repeat_byte(2));
        assert!(
            fault.cause.contains("0x0101") && fault.cause.contains("0x0202"),
            "{fault}"
        );
        assert!(
            fault.remedy.contains("--chain") && fault.remedy.contains("--base-path"),
            "{fault}"
        );
    }
}
