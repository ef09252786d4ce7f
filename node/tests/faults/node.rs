//! Runs the node, waits for what it says, and ends it.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{self, Child, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        OnceLock,
    },
    thread,
    time::{Duration, Instant},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lantern-node");
/// Longest wait for anything. A start compiles the runtime, which takes its time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// A TCP port that is free now, and given out once. It is below those that the kernel gives to whoever connects or asks for any.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let nth = process::id()
            .wrapping_mul(131)
            .wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + (nth % 12_768) as u16;
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

/// A raw specification of the development chain, whose first block is quickly made.
pub fn spec() -> &'static Path {
    static SPEC: OnceLock<PathBuf> = OnceLock::new();
    SPEC.get_or_init(|| {
        if let Some(path) = std::env::var_os("LANTERN_TEST_SPEC") {
            return path.into();
        }
        let output = Command::new(PROGRAM)
            .args(["export-chain-spec", "--chain", "dev", "--raw"])
            .output()
            .expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let path = kept_folder().join("dev.json");
        fs::write(&path, output.stdout).expect("is written");
        path
    })
}

/// A base path that a node made and closed in good order; for copying.
pub fn made_base() -> PathBuf {
    static BASE: OnceLock<PathBuf> = OnceLock::new();
    BASE.get_or_init(|| {
        let path = kept_folder().join("base");
        let mut node = Node::start(&[
            "--chain",
            spec().to_str().expect("is text"),
            "--base-path",
            path.to_str().expect("is text"),
        ]);
        node.wait_for("Running JSON-RPC server");
        node.stop();
        path
    })
    .clone()
}

/// A folder for all tests of this run, in the one that cargo gives to tests.
fn kept_folder() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults");
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("is made");
            folder
        })
        .clone()
}

/// Runs the node with flags that it must refuse, and looks for `words` in what it says.
pub fn refused(args: &[&str], words: &[&str]) {
    let mut node = Node::start(args);
    node.ends_with(words);
}

/// A running node. Ends with its owner.
pub struct Node {
    child: Child,
    output: tempfile::NamedTempFile,
    port: u16,
    rpc_port: u16,
}

impl Node {
    /// Starts a node on ports of its own.
    pub fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[])
    }

    /// The same, with variables in its environment.
    pub fn start_with(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let output = tempfile::NamedTempFile::new().expect("is made");
        let file = |file: &File| Stdio::from(file.try_clone().expect("is shared"));
        let mut command = Command::new(PROGRAM);
        let (port, rpc_port) = (free_port(), free_port());
        command.args(args);
        // Flags that the test is about stand for themselves; clap takes none of these twice.
        let mut add = |flag: &str, value: String| {
            if !args.contains(&flag) {
                command.args([flag, &value]);
            }
        };
        add("--port", port.to_string());
        add("--rpc-port", rpc_port.to_string());
        if !args.contains(&"--prometheus-port") && !args.contains(&"--no-prometheus") {
            command.arg("--no-prometheus");
        }
        command.arg("--no-mdns");
        let child = command
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(file(output.as_file()))
            .stderr(file(output.as_file()))
            .spawn()
            .expect("starts");
        Self {
            child,
            output,
            port,
            rpc_port,
        }
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.output.path()).expect("reads")).into_owned()
    }

    /// The address of its JSON-RPC.
    pub fn rpc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.rpc_port)
    }

    /// Its address for peers, with its id.
    pub fn peer_address(&self) -> String {
        let log = self.log();
        let id = log
            .split_once("Local node identity is: ")
            .and_then(|(_, rest)| rest.split_whitespace().next())
            .expect("it says so");
        format!("/ip4/127.0.0.1/tcp/{}/p2p/{id}", self.port)
    }

    /// Waits until it says `words`.
    pub fn wait_for(&mut self, words: &str) {
        let began = Instant::now();
        while !self.log().contains(words) {
            if let Some(status) = self.child.try_wait().expect("can be asked") {
                assert!(
                    self.log().contains(words),
                    "it ended ({status}) without '{words}':\n{}",
                    self.log()
                );
                return;
            }
            assert!(began.elapsed() < PATIENCE, "it does not say '{words}':\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until it has ended by itself, with an error and these words, and without a panic.
    pub fn ends_with(&mut self, words: &[&str]) {
        let status = self.wait_for_end();
        let log = self.log();
        assert!(!status.success(), "it ended as if all were well:\n{log}");
        assert!(status.code().is_some(), "it was killed ({status}):\n{log}");
        // After its last log line, where an operator looks.
        for word in words {
            assert!(log.contains(word), "'{word}' is not in:\n{log}");
        }
        for panic in ["panicked", "This is a bug", "stack backtrace"] {
            assert!(!log.contains(panic), "it panicked:\n{log}");
        }
    }

    /// Asks it to end, and waits.
    pub fn stop(&mut self) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").arg(process).status().expect("runs").success());
        self.wait_for_end();
    }

    fn wait_for_end(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("can be asked") {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
