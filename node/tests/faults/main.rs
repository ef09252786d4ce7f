//! The real node against the faults that an operator meets. Each time it must end by itself, with an error, and name the cause
//! and what to do; it must not panic, and not damage what is there.
//!
//! A node that was built without its runtime (`SKIP_WASM_BUILD`) can be tested with a raw development specification from elsewhere
//! in `LANTERN_TEST_SPEC`.

mod node;

use std::{
    fs,
    hash::{DefaultHasher, Hasher},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use node::{free_port, made_base, refused, spec, Node};

/// A copy of the base path that a node made. Its files have holes, which a plain copy would fill.
fn copy_of_base() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let copied = Command::new("cp")
        .args(["-r", "--sparse=always", &format!("{}/.", text(&made_base()))])
        .arg(folder.path())
        .status();
    assert!(copied.expect("runs").success());
    folder
}

fn database(base: &Path) -> PathBuf {
    base.join("chains/dev/paritydb/full")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("is text")
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n")
}

#[test]
fn wrong_flags() {
    refused(&["--nonsense"], &["--nonsense", "--help"]);
    refused(&["--worker-threads", "2", "--dev"], &["--provider"]);
    refused(
        &["--dev", "--provider", "--worker-socket", "x", "--worker-binary", "y"],
        &["--worker-socket", "cannot be used with", "--worker-binary"],
    );
    refused(
        &["--tmp", "--base-path", "x"],
        &["--tmp", "cannot be used with", "--base-path"],
    );
    refused(
        &["--chain", "nonsense", "--tmp"],
        &["'nonsense'", "dev, local, local-two", "--chain"],
    );
    refused(
        &[
            "--chain",
            text(spec()),
            "--tmp",
            "--provider",
            "--worker-binary",
            "/nonexistent",
        ],
        &["/nonexistent", "no such program", "--worker-binary"],
    );
    refused(
        &[
            "--chain",
            text(spec()),
            "--tmp",
            "--provider",
            "--worker-binary",
            "/bin/true",
            "--worker-model",
            "/nonexistent",
        ],
        &["/nonexistent", "No such file", "--worker-model"],
    );
    refused(
        &["--chain", text(spec()), "--tmp", "--validator", "--rpc-external"],
        &["--rpc-external", "--unsafe-rpc-external"],
    );
    let base = tempfile::tempdir().expect("a folder");
    refused(
        &["--chain", text(spec()), "--base-path", text(base.path()), "--validator"],
        &["network key", "generate-node-key"],
    );
}

#[test]
fn chain_specification_that_is_missing_or_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spec.json");
    refused(&["--chain", text(&path), "--tmp"], &["No such file", "--chain"]);
    refused(&["--chain", text(folder.path()), "--tmp"], &["is a folder", "--chain"]);
    for content in ["no JSON", "{\"name\": 1", "{}"] {
        fs::write(&path, content).expect("is written");
        refused(&["--chain", text(&path), "--tmp"], &["cannot be read", "SHA-256"]);
    }
    // Zeroes over some of the runtime.
    let whole = fs::read_to_string(spec()).expect("reads");
    let code = whole.find("\"0x3a636f6465\"").expect("has a runtime");
    let (start, end) = (code + 20_000, code + 60_000);
    let damaged = format!("{}{}{}", &whole[..start], "0".repeat(end - start), &whole[end..]);
    fs::write(&path, damaged).expect("is written");
    let base = folder.path().join("base");
    let words = ["runtime", "damaged", "SHA-256"];
    refused(&["--chain", text(&path), "--base-path", text(&base)], &words);
    refused(&["check", "--chain", text(&path), "--base-path", text(&base)], &words);
}

#[test]
fn chain_specification_of_another_chain_than_the_database() {
    let base = copy_of_base();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spec.json");
    let mut other: serde_json::Value = serde_json::from_slice(&fs::read(spec()).expect("reads")).expect("is JSON");
    other["genesis"]["raw"]["top"]["0x1234"] = "0x5678".into();
    fs::write(&path, other.to_string()).expect("is written");
    let words = ["of another chain", "--chain", "--base-path", "purge-chain"];
    refused(&["--chain", text(&path), "--base-path", text(base.path())], &words);
    refused(
        &["check", "--chain", text(&path), "--base-path", text(base.path())],
        &words,
    );
    // Nothing is lost: with its own specification it goes on.
    let mut node = Node::start(&["--chain", text(spec()), "--base-path", text(base.path())]);
    node.wait_for("Running JSON-RPC server");
    assert!(!node.log().contains("Initializing Genesis"), "{}", node.log());
    node.stop();
}

type Damage = fn(&Path);

#[test]
fn corrupt_database() {
    let damages: [(&str, Damage); 6] = [
        ("`metadata` is missing", |path| {
            fs::remove_file(path.join("metadata")).expect("is removed")
        }),
        ("is no text", |path| {
            fs::write(path.join("metadata"), [0xff; 99]).expect("is written")
        }),
        ("names no version", |path| {
            fs::write(path.join("metadata"), "").expect("is written")
        }),
        ("of a newer program", |path| {
            let metadata = fs::read_to_string(path.join("metadata")).expect("reads");
            fs::write(path.join("metadata"), metadata.replace("version=8", "version=99")).expect("is written");
        }),
        ("no file index_01_*", |path| remove(path, "index_01")),
        ("was cut to 1000 bytes", |path| {
            for entry in fs::read_dir(path).expect("reads").flatten() {
                if entry.file_name().to_string_lossy().starts_with("table_0") {
                    fs::File::options()
                        .write(true)
                        .open(entry.path())
                        .expect("opens")
                        .set_len(1000)
                        .expect("is cut");
                }
            }
        }),
    ];
    for (words, damage) in damages {
        let base = copy_of_base();
        damage(&database(base.path()));
        for command in [&[][..], &["check"]] {
            let mut args = command.to_vec();
            args.extend(["--chain", text(spec()), "--base-path", text(base.path())]);
            refused(&args, &[words, "sync"]);
        }
    }
}

/// What the files' names and lengths do not show comes out when the database is read.
#[test]
fn garbled_database() {
    let base = copy_of_base();
    for entry in fs::read_dir(database(base.path())).expect("reads").flatten() {
        if entry.file_name().to_string_lossy().starts_with("table_0") {
            let length = entry.metadata().expect("exists").len();
            fs::write(entry.path(), vec![0xa5; length as usize]).expect("is written");
        }
    }
    refused(
        &["--chain", text(spec()), "--base-path", text(base.path())],
        &["is damaged", "syncs the chain from its peers"],
    );
}

fn remove(folder: &Path, start: &str) {
    for entry in fs::read_dir(folder).expect("reads").flatten() {
        if entry.file_name().to_string_lossy().starts_with(start) {
            fs::remove_file(entry.path()).expect("is removed");
        }
    }
}

#[test]
fn database_in_use() {
    let base = copy_of_base();
    let flags = ["--chain", text(spec()), "--base-path", text(base.path())];
    let mut node = Node::start(&flags);
    node.wait_for("Running JSON-RPC server");
    refused(&flags, &["in use by another process", "--base-path"]);
    node.stop();
}

#[test]
fn base_path_that_cannot_be_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "x").expect("is written");
    refused(
        &["--chain", text(spec()), "--base-path", text(&file)],
        &["is not a folder", "--base-path"],
    );
    if is_root() {
        println!("skipped: a folder without leave to write, since root may write everywhere");
        return;
    }
    refused(
        &["--chain", text(spec()), "--base-path", "/usr/lantern"],
        &["/usr cannot be written", "chown"],
    );
}

#[test]
fn taken_ports() {
    let held = TcpListener::bind("0.0.0.0:0").expect("binds");
    let port = held.local_addr().expect("has one").port().to_string();
    for (flag, what) in [
        ("--port", "p2p"),
        ("--rpc-port", "JSON-RPC"),
        ("--prometheus-port", "Prometheus"),
    ] {
        for command in [&[][..], &["check"]] {
            let mut args = command.to_vec();
            args.extend(["--chain", text(spec()), "--tmp", flag, &port]);
            refused(
                &args,
                &[&format!("TCP port {port} for {what} is taken"), "ss -ltnp", flag],
            );
        }
    }
    let port = free_port().to_string();
    refused(
        &["--chain", text(spec()), "--tmp", "--port", &port, "--rpc-port", &port],
        &["p2p and JSON-RPC are both", "--port", "--rpc-port"],
    );
}

#[test]
fn full_disk() {
    refused(
        &["--chain", text(spec()), "--tmp", "--min-free-space", "1000000000"],
        &["is full", "free space", "--min-free-space"],
    );
    let Some(disk) = SmallDisk::mount(400) else {
        println!("skipped: a disk that fills up while the node runs, since this user may not mount one");
        return;
    };
    let base = disk.path().join("base");
    let flags = [
        "--chain",
        text(spec()),
        "--base-path",
        text(&base),
        "--min-free-space",
        "60",
        "--alice",
        "--force-authoring",
    ];
    let flags = [&flags[..], &["--unsafe-force-node-key-generation"][..]].concat();
    // Little room is told before there is none.
    let mut node = Node::start(&flags);
    node.wait_for("Imported #1 ");
    disk.fill_up_to(150 << 20);
    node.wait_for("is almost full");
    disk.fill_up_to(50 << 20);
    node.ends_with(&["is full", "free space", "nothing is lost"]);
    disk.clear();
    // Nothing is lost.
    let mut node = goes_on(&flags);
    // Without the watch the last byte is used up. The database notices, or the kernel does.
    node.stop();
    let flags = [&flags[..4], &flags[6..], &["--min-free-space", "0"][..]].concat();
    let mut node = Node::start(&flags);
    node.wait_for("Imported #");
    disk.fill_up_to(0);
    node.ends_with(&["full", "free space", "nothing final is lost"]);
    disk.clear();
    goes_on(&flags).stop();
}

/// Starts a node that continues the chain of its database.
fn goes_on(flags: &[&str]) -> Node {
    let mut node = Node::start(flags);
    node.wait_for("Imported #");
    assert!(!node.log().contains("Initializing Genesis"), "{}", node.log());
    node
}

/// A file system of its own, in memory.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(mib: u64) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves so many bytes free.
    fn fill_up_to(&self, left: u64) {
        use std::io::Write;
        let mut file = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path().join("filler"))
            .expect("opens");
        let block = vec![1; 64 * 1024];
        while fs2::available_space(self.path()).expect("is known") > left {
            if file.write_all(&block).is_err() {
                return;
            }
        }
    }

    fn clear(&self) {
        fs::remove_file(self.path().join("filler")).expect("is removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(self.path()).status();
    }
}

#[test]
fn clock_off_by_an_hour() {
    let library = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
        .map(|target| PathBuf::from(format!("/usr/lib/{target}/faketime/libfaketime.so.1")))
        .into_iter()
        .find(|path| path.exists());
    let Some(library) = library else {
        println!("skipped: needs libfaketime (apt-get install libfaketime)");
        return;
    };
    let maker = [
        "--chain",
        text(spec()),
        "--tmp",
        "--alice",
        "--force-authoring",
        "--unsafe-force-node-key-generation",
    ];
    let mut right = Node::start(&maker);
    right.wait_for("Imported #1 ");
    let peer = right.peer_address();
    for (offset, words) in [("-1h", "60 minutes behind"), ("+1h", "60 minutes ahead")] {
        let environment = [
            ("LD_PRELOAD", text(&library)),
            ("FAKETIME", offset),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        let mut wrong = Node::start_with(&["--chain", text(spec()), "--tmp", "--bootnodes", &peer], &environment);
        wrong.wait_for(words);
        assert!(wrong.log().contains("timedatectl set-ntp true"), "{}", wrong.log());
        wrong.stop();
        let checked = Command::new(env!("CARGO_BIN_EXE_lantern-node"))
            .args(["check", "--chain", text(spec()), "--tmp", "--against", &right.rpc_url()])
            .envs(environment)
            .output()
            .expect("runs");
        let report = String::from_utf8_lossy(&checked.stdout);
        assert!(report.contains(words) && !checked.status.success(), "{report}");
    }
    right.stop();
}

#[test]
fn check_of_a_sound_machine_passes_and_changes_nothing() {
    let base = copy_of_base();
    let state = || {
        let mut files = Vec::new();
        list(base.path(), &mut files);
        files.sort();
        files
    };
    let before = state();
    let flags = [
        "--chain",
        text(spec()),
        "--base-path",
        text(base.path()),
        "--port",
        "0",
        "--rpc-port",
        "0",
        "--no-prometheus",
    ];
    let report = || {
        let output = Command::new(env!("CARGO_BIN_EXE_lantern-node"))
            .arg("check")
            .args(flags)
            .output()
            .expect("runs");
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{report}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        report
    };
    let found = report();
    for words in [
        "ok    chain",
        "ok    database",
        "opens; its first block is 0x",
        "ok    base path",
        "ok    network key",
    ] {
        assert!(found.contains(words), "{words}: {found}");
    }
    assert_eq!(state(), before);
    // Beside a running node as well.
    let mut node = Node::start(&flags[..4]);
    node.wait_for("Running JSON-RPC server");
    assert!(report().contains("is in use by a running node"));
    node.stop();
}

/// The files below a folder, each with a digest of its content.
fn list(folder: &Path, files: &mut Vec<(PathBuf, u64)>) {
    for entry in fs::read_dir(folder).expect("reads").flatten() {
        if entry.path().is_dir() {
            list(&entry.path(), files);
        } else {
            let mut hasher = DefaultHasher::new();
            hasher.write(&fs::read(entry.path()).expect("reads"));
            files.push((entry.path(), hasher.finish()));
        }
    }
}
