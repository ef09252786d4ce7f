//! Whether the base path can be written, and has room.

use std::{
    ffi::CString,
    fs, io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use super::{Finding, Found, Setup};
use crate::faults::{io_fault, Fault};

const MIB: u64 = 1 << 20;
/// How many times the least free space is little enough for a warning.
const WARN_FACTOR: u64 = 4;

/// How much room the node needs.
#[derive(Clone, Debug, clap::Args)]
pub struct SpaceParams {
    /// End the node, while everything can still be written, when less than this is free on the disk of the base path. It warns
    /// from four times as much on. 0 turns both off.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub min_free_space: u64,
}

/// What free space means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is enough.
    Enough,
    /// It will not last.
    Little,
    /// Too little to go on.
    None,
}

impl SpaceParams {
    /// Judges `free` bytes.
    pub fn judge(&self, free: u64) -> Room {
        let least = self.min_free_space.saturating_mul(MIB);
        match free {
            _ if least == 0 => Room::Enough,
            free if free < least => Room::None,
            free if free < least.saturating_mul(WARN_FACTOR) => Room::Little,
            _ => Room::Enough,
        }
    }
}

/// `path`, or the closest folder above it that is there.
pub fn existing(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    path.ancestors()
        .find(|path| fs::symlink_metadata(path).is_ok())
        .unwrap_or(Path::new("/"))
        .into()
}

/// Free bytes for this user on the disk that holds `path`.
pub fn free(path: &Path) -> io::Result<u64> {
    fs2::available_space(existing(path))
}

/// Little room on the disk of `path`.
pub fn little_room(path: &Path, free: u64, least: u64) -> Fault {
    Fault::new(
        format!(
            "the disk that holds {} is almost full: {} MiB are free, and the node ends at {least} MiB",
            path.display(),
            free / MIB
        ),
        "free space on it (df -h, du -xh), move the base path to a larger disk, or keep fewer states (--state-pruning 256)",
    )
}

/// No room on the disk of `path`.
pub fn no_room(path: &Path, free: u64, least: u64) -> Fault {
    Fault::new(
        format!(
            "the disk that holds {} is full: {} MiB are free, and the node needs {least} MiB (--min-free-space)",
            path.display(),
            free / MIB
        ),
        "free space on it (df -h, du -xh), or move the base path to a larger disk, then start the node again: nothing is lost",
    )
}

/// Whether the folders are folders and can be written.
pub fn folder(setup: &Setup<'_>) -> Vec<Finding> {
    let (Some(base), Some(folder)) = (&setup.base, setup.folder()) else {
        return vec![Finding::ok(
            "base path",
            "a temporary folder, removed when the node ends",
        )];
    };
    let folders = [
        base.clone(),
        folder.clone(),
        folder.join("paritydb"),
        folder.join("network"),
        folder.join("keystore"),
    ];
    for folder in folders {
        if let Err(fault) = writable(&folder) {
            return vec![Finding::new("base path", Found::Fail(fault))];
        }
    }
    let text = if base.exists() {
        format!("{} can be written", base.display())
    } else {
        format!("{} will be made at the first start", base.display())
    };
    vec![Finding::ok("base path", text)]
}

fn writable(path: &Path) -> Result<(), Fault> {
    let there = existing(path);
    let metadata = fs::metadata(&there).map_err(|error| {
        io_fault(
            &format!("cannot look at {}", there.display()),
            &error,
            "run the node as a user who may, or name another folder with --base-path",
        )
    })?;
    if !metadata.is_dir() {
        return Err(Fault::new(
            format!("{} is not a folder", there.display()),
            "name a folder with --base-path, or move the file away",
        ));
    }
    may_write(&there).map_err(|error| {
        // SAFETY: the call cannot fail and touches no memory of ours.
        let user = unsafe { libc::geteuid() };
        io_fault(
            &format!(
                "{} cannot be written by this user (id {user}; it belongs to id {})",
                there.display(),
                metadata.uid()
            ),
            &error,
            "run the node as the folder's owner, give the folder to the node's user (chown -R USER BASE_PATH), or name another \
             with --base-path",
        )
    })
}

/// Asks the kernel, without writing anything.
fn may_write(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path is a string that ends with zero and lives as long as the call.
    match unsafe { libc::access(path.as_ptr(), libc::W_OK | libc::X_OK) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether there is room.
pub fn space(setup: &Setup<'_>) -> Vec<Finding> {
    let path = setup.base.clone().unwrap_or_else(std::env::temp_dir);
    let least = setup.space.min_free_space;
    let found = match free(&path) {
        Err(error) => Found::Warn(io_fault(
            &format!("the free space of {} is not known", path.display()),
            &error,
            "look with df -h",
        )),
        Ok(free) => match setup.space.judge(free) {
            Room::None => Found::Fail(no_room(&path, free, least)),
            Room::Little => Found::Warn(little_room(&path, free, least)),
            Room::Enough => Found::Ok(format!("{} MiB are free for {}", free / MIB, path.display())),
        },
    };
    vec![Finding::new("disk space", found)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_judged_by_the_flag() {
        let space = SpaceParams { min_free_space: 100 };
        assert_eq!(space.judge(99 * MIB), Room::None);
        assert_eq!(space.judge(100 * MIB), Room::Little);
        assert_eq!(space.judge(400 * MIB), Room::Enough);
        assert_eq!(SpaceParams { min_free_space: 0 }.judge(0), Room::Enough);
        assert_eq!(
            SpaceParams {
                min_free_space: u64::MAX
            }
            .judge(5),
            Room::None
        );
    }

    #[test]
    fn folder_that_is_to_be_made_counts_by_the_one_above() {
        let folder = tempfile::tempdir().expect("a folder");
        writable(&folder.path().join("a/b/c")).expect("can be made");
        let file = folder.path().join("file");
        fs::write(&file, "x").expect("is written");
        for path in [file.clone(), file.join("below")] {
            let fault = writable(&path).expect_err("is a file");
            assert!(
                fault.cause.contains("is not a folder") && fault.remedy.contains("--base-path"),
                "{fault}"
            );
        }
    }
}
