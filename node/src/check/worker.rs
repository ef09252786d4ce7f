//! Whether a provider has its worker and its models.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{machine, Finding, Found, Setup};
use crate::{
    faults::{io_fault, Fault},
    provider::find_program,
};

/// Longest wait for the worker to tell its version.
const ANSWER: Duration = Duration::from_secs(30);

/// Whether there is a worker to start, and its models are there; cheap enough for every start.
pub fn program(setup: &Setup<'_>) -> Vec<Finding> {
    let params = setup.provider;
    if !params.provider || params.worker_socket.is_some() {
        return Vec::new();
    }
    let found = match find_program(params.worker_binary.as_deref()) {
        Ok(path) => Found::Ok(path.display().to_string()),
        Err(error) => Found::Fail(Fault::new(
            error.to_string(),
            "build or install lantern-worker (the release has it beside the node) and name it with --worker-binary",
        )),
    };
    let mut findings = vec![Finding::new("worker", found)];
    findings.extend(
        params
            .worker_model
            .iter()
            .map(|path| Finding::new("model", model(path))),
    );
    findings
}

/// All that concerns a provider.
pub fn all(setup: &Setup<'_>) -> Vec<Finding> {
    let params = setup.provider;
    if !params.provider {
        return Vec::new();
    }
    let mut findings = program(setup);
    let program = find_program(params.worker_binary.as_deref());
    match (&params.worker_socket, program) {
        (Some(socket), _) => findings.push(Finding::new("worker", connects(socket))),
        (None, Ok(program)) => findings.push(Finding::new("worker", answers(&program))),
        // Said above.
        (None, Err(_)) => {},
    }
    findings.push(machine::processor());
    findings
}

/// Whether a model is there and can be read. What it holds is the worker's to judge (`lantern-worker models --model PATH`).
fn model(path: &Path) -> Result<String, Fault> {
    let remedy =
        "name a Hugging Face folder or a GGUF file that the node's user can read with --worker-model (docs/models.md)";
    let file: PathBuf = if path.is_dir() {
        path.join("config.json")
    } else {
        path.into()
    };
    let mut first = [0; 4];
    File::open(&file)
        .and_then(|mut file| file.read_exact(&mut first))
        .map_err(|error| {
            io_fault(
                &format!("the model {} cannot be read ({})", path.display(), file.display()),
                &error,
                remedy,
            )
        })?;
    if path.is_file() && &first != b"GGUF" {
        return Err(Fault::new(
            format!("the model {} is no GGUF file", path.display()),
            remedy,
        ));
    }
    Ok(format!("{} can be read", path.display()))
}

fn connects(socket: &Path) -> Result<String, Fault> {
    UnixStream::connect(socket)
        .map(|_| format!("one listens on {}", socket.display()))
        .map_err(|error| {
            io_fault(
                &format!("no worker listens on {}", socket.display()),
                &error,
                "start it first: lantern-worker --socket PATH, as the node's user",
            )
        })
}

/// Asks the program for its version: it may be of another processor, or lack a library.
fn answers(program: &Path) -> Result<String, Fault> {
    let remedy =
        "run it by hand with --version to see what it lacks, or install the lantern-worker of this node's release";
    let no_answer = |error: io::Error| io_fault(&format!("{} does not answer", program.display()), &error, remedy);
    let mut child = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(no_answer)?;
    let began = Instant::now();
    let status = loop {
        match child.try_wait().map_err(no_answer)? {
            Some(status) => break status,
            None if began.elapsed() > ANSWER => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(no_answer(io::ErrorKind::TimedOut.into()));
            },
            None => thread::sleep(Duration::from_millis(20)),
        }
    };
    let mut text = String::new();
    if let Some(output) = child.stdout.take() {
        // A version is a line; more is not worth reading.
        output.take(1000).read_to_string(&mut text).map_err(no_answer)?;
    }
    match text.trim().strip_prefix("lantern-worker ") {
        Some(version) if status.success() && version == env!("CARGO_PKG_VERSION") => {
            Ok(format!("answers as version {version}"))
        },
        Some(version) if status.success() => Err(Fault::new(
            format!(
                "{} is of version {version}, and this node of {}",
                program.display(),
                env!("CARGO_PKG_VERSION")
            ),
            "install both from one release",
        )),
        _ => Err(Fault::new(
            format!(
                "{} is not a lantern-worker, or cannot run here ({status})",
                program.display()
            ),
            remedy,
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn models_are_folders_with_a_configuration_or_gguf_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = model(&folder.path().join("nothing")).expect_err("is missing");
        assert!(missing.remedy.contains("--worker-model"));
        assert!(model(folder.path())
            .expect_err("is empty")
            .cause
            .contains("config.json"));
        fs::write(folder.path().join("config.json"), "{\"a\": 1}").expect("is written");
        model(folder.path()).expect("can be read");
        let file = folder.path().join("x.gguf");
        fs::write(&file, "no such thing").expect("is written");
        assert!(model(&file).expect_err("is other").cause.contains("no GGUF file"));
        fs::write(&file, "GGUF....").expect("is written");
        model(&file).expect("can be read");
    }

    #[test]
    fn program_that_says_something_else_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("worker");
        let says = |text: &str| {
            fs::write(&program, format!("#!/bin/sh\n{text}\n")).expect("is written");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("is made executable");
            answers(&program)
        };
        says(&format!("echo lantern-worker {}", env!("CARGO_PKG_VERSION"))).expect("answers");
        assert!(says("echo lantern-worker 0.0.0")
            .expect_err("is other")
            .remedy
            .contains("one release"));
        assert!(says("exit 3").expect_err("fails").cause.contains("cannot run here"));
        assert!(answers(Path::new("/nonexistent"))
            .expect_err("is missing")
            .cause
            .contains("does not answer"));
        assert!(connects(Path::new("/nonexistent"))
            .expect_err("is missing")
            .remedy
            .contains("--socket"));
    }
}
