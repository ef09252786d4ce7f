//! Where the worker is, and how to start it.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::{Child, ChildStdin, Command};

use super::{error::Error, params::ProviderParams, LOG_TARGET};

/// Name of the worker program.
const PROGRAM: &str = "lantern-worker";
/// Longest path of a socket, in bytes, that every system takes.
const MAX_SOCKET_PATH: usize = 100;

/// Where the worker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Somebody else runs it; it listens here.
    External(PathBuf),
    /// This node runs it.
    Own(OwnWorker),
}

/// A worker that this node starts and restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnWorker {
    program: PathBuf,
    socket: PathBuf,
    models: Vec<PathBuf>,
    threads: Option<u32>,
    more: Vec<String>,
}

impl Source {
    /// What the command line asks for. `folder` is the provider's own, made here, for its owner's eyes only.
    pub fn from_params(params: &ProviderParams, folder: &Path) -> Result<Self, Error> {
        if let Some(socket) = &params.worker_socket {
            return Ok(Self::External(socket.clone()));
        }
        make_private(folder)?;
        Ok(Self::Own(OwnWorker {
            program: find_program(params.worker_binary.as_deref())?,
            socket: socket_path(folder)?,
            models: params.worker_model.clone(),
            threads: params.worker_threads,
            more: params.worker_arg.clone(),
        }))
    }

    /// The socket.
    pub fn socket(&self) -> &Path {
        match self {
            Self::External(socket) => socket,
            Self::Own(worker) => &worker.socket,
        }
    }
}

impl OwnWorker {
    fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec![
            "--exit-with-parent".into(),
            "--socket".into(),
            self.socket.clone().into(),
        ];
        for model in &self.models {
            arguments.extend(["--model".into(), model.clone().into()]);
        }
        if let Some(threads) = self.threads {
            arguments.extend(["--threads".into(), threads.to_string().into()]);
        }
        arguments.extend(self.more.iter().map(OsString::from));
        arguments
    }

    /// Starts the process. It ends when the returned child is dropped, and when this process ends in whatever way: its
    /// standard input is a pipe of which this process holds the other end.
    pub fn start(&self) -> std::io::Result<Running> {
        let mut child = Command::new(&self.program)
            .args(self.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            // Ctrl-C in the node's terminal is for the node; it ends the worker when it is done.
            .process_group(0)
            .spawn()?;
        log::info!(target: LOG_TARGET, "started worker {} (process {})", self.program.display(), child.id().unwrap_or(0));
        let stdin = child.stdin.take();
        Ok(Running { child, _stdin: stdin })
    }
}

/// A worker process that this node started.
pub struct Running {
    /// The process.
    pub child: Child,
    /// The end of the pipe that keeps it alive. Held beside the child because waiting for a child closes the pipe it owns.
    _stdin: Option<ChildStdin>,
}

fn make_private(folder: &Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Error::Folder {
            path: folder.into(),
            error,
        })
}

/// The named program, or the one beside this program, or the first on the PATH.
///
/// # Errors
/// When there is none.
pub fn find_program(named: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(named) = named {
        return named
            .is_file()
            .then(|| named.into())
            .ok_or_else(|| Error::WorkerBinaryMissing(named.into()));
    }
    let beside = std::env::current_exe()
        .ok()
        .and_then(|program| Some(program.parent()?.join(PROGRAM)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(PROGRAM));
    beside
        .into_iter()
        .chain(on_path)
        .find(|program| program.is_file())
        .ok_or(Error::NoWorkerBinary)
}

/// `worker.sock` in `folder`, or, where that path is too long for a socket, in a private folder among the temporary files.
fn socket_path(folder: &Path) -> Result<PathBuf, Error> {
    let socket = folder.join("worker.sock");
    if socket.as_os_str().len() <= MAX_SOCKET_PATH {
        return Ok(socket);
    }
    // The same folder gives the same socket, so that a worker that outlived its node is found and replaced.
    let owner = fs::metadata(folder)
        .map_err(|error| Error::Folder {
            path: folder.into(),
            error,
        })?
        .uid();
    let digest = sp_io::hashing::twox_64(folder.as_os_str().as_encoded_bytes());
    let short = std::env::temp_dir().join(format!("lantern-{owner}-{}", hex::encode(digest)));
    make_private(&short)?;
    let failed = |error| Error::Folder {
        path: short.clone(),
        error,
    };
    let metadata = fs::symlink_metadata(&short).map_err(failed)?;
    if !metadata.is_dir() || metadata.uid() != owner || metadata.mode() & 0o077 != 0 {
        return Err(failed(std::io::Error::other("is not a private folder of this user")));
    }
    Ok(short.join("worker.sock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_lies_in_the_folder_or_in_a_private_short_one() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(
            socket_path(folder.path()).expect("fits"),
            folder.path().join("worker.sock")
        );
        let long = folder.path().join("x".repeat(120));
        make_private(&long).expect("is made");
        let socket = socket_path(&long).expect("falls back");
        assert!(socket.as_os_str().len() <= MAX_SOCKET_PATH);
        assert_eq!(socket, socket_path(&long).expect("falls back"));
        let parent = socket.parent().expect("has one");
        assert_eq!(fs::metadata(parent).expect("exists").mode() & 0o777, 0o700);
        fs::remove_dir(parent).expect("is removed");
    }

    #[tokio::test]
    async fn process_lives_while_it_is_held_and_sees_the_end_of_its_input_when_not() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let (program, ended) = (folder.path().join("worker"), folder.path().join("ended"));
        // Like the worker, it ends when its standard input does.
        let script = format!("#!/bin/sh\nread line || echo ended > {}\n", ended.display());
        fs::write(&program, script).expect("is written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("is made executable");
        let worker = OwnWorker {
            program,
            socket: folder.path().join("worker.sock"),
            models: vec![],
            threads: None,
            more: vec![],
        };
        let mut running = worker.start().expect("starts");
        // Waiting for it must not close its input.
        let wait = tokio::time::timeout(std::time::Duration::from_millis(500), running.child.wait());
        assert!(wait.await.is_err(), "it lives");
        running._stdin.take();
        running.child.wait().await.expect("can be waited for");
        assert!(ended.exists());
    }

    #[test]
    fn program_that_is_not_there_is_an_error() {
        let missing = Path::new("/nonexistent/lantern-worker");
        assert!(matches!(
            find_program(Some(missing)),
            Err(Error::WorkerBinaryMissing(_))
        ));
    }
}
