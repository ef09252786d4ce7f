//! Whether the keys are where the node looks for them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use sc_cli::CliConfiguration;

use super::{Finding, Found, Setup};
use crate::faults::{io_fault, Fault};

/// The kinds of session keys, as the keystore's files begin.
const SESSION_KEYS: [&str; 4] = ["babe", "gran", "imon", "audi"];

/// An authority without a network key.
pub fn no_node_key(path: &Path) -> Fault {
    Fault::new(
        format!("a validator needs a network key of its own, and there is none in {}", path.display()),
        format!(
            "make one with `lantern-node key generate-node-key --file {}` as the node's user, or copy the one that others know this \
             validator by. For a test, --unsafe-force-node-key-generation makes one",
            path.display()
        ),
    )
}

/// Looks at the network key.
pub fn node_key(setup: &Setup<'_>) -> Vec<Finding> {
    let is_dev = setup.run.is_dev().unwrap_or(false);
    let forced = setup
        .run
        .network_params
        .node_key_params
        .unsafe_force_node_key_generation;
    let found = match setup.node_key() {
        None if setup.run.network_params.node_key_params.node_key.is_some() => Found::Warn(Fault::new(
            "the network key is on the command line, where every user of this machine can read it",
            "use --node-key-file",
        )),
        None if setup.authority && !is_dev && !forced => Found::Fail(no_node_key(Path::new("a temporary folder"))),
        None => Found::Ok("a new one, in a temporary folder".into()),
        Some(path) => match fs::read(&path) {
            Ok(bytes) if is_key(&bytes) => Found::Ok(path.display().to_string()),
            Ok(bytes) => Found::Fail(Fault::new(
                format!("{} is no network key: it holds {} bytes, not 32, or 64 as hex", path.display(), bytes.len()),
                "restore the file from its copy, or remove it and make a new one with `lantern-node key generate-node-key --file`: \
                 peers then know this node by a new id",
            )),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if setup.authority && !is_dev && !forced {
                    Found::Fail(no_node_key(&path))
                } else {
                    Found::Ok(format!("{} will be made at the first start", path.display()))
                }
            },
            Err(error) => Found::Fail(io_fault(
                &format!("the network key in {} cannot be read", path.display()),
                &error,
                "run the node as the user who owns the file",
            )),
        },
    };
    vec![Finding::new("network key", found)]
}

fn is_key(bytes: &[u8]) -> bool {
    bytes.len() == 32 || (bytes.len() == 64 && hex::decode(bytes).is_ok())
}

/// Looks for a validator's session keys. The names of the files tell what is there; none is opened.
pub fn session_keys(setup: &Setup<'_>) -> Vec<Finding> {
    const SUBJECT: &str = "session keys";
    if !setup.authority {
        return Vec::new();
    }
    if setup.run.get_keyring().is_some() || setup.run.is_dev().unwrap_or(false) {
        return vec![Finding::ok(SUBJECT, "a development account's, kept in memory")];
    }
    let Some(path) = setup.keystore() else {
        return vec![Finding::warn(
            SUBJECT,
            "a validator's keys in a temporary folder are gone when the node ends",
            "name a --base-path",
        )];
    };
    let names: Vec<String> = match fs::read_dir(&path) {
        Ok(entries) => entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            let fault = io_fault(
                &format!("the keystore in {} cannot be read", path.display()),
                &error,
                "run the check and the node as the user who owns the folder",
            );
            return vec![Finding::new(SUBJECT, Found::Fail(fault))];
        },
    };
    let mut findings = vec![judge_keys(&path, &names)];
    let mode = fs::metadata(&path).map_or(0o700, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        findings.push(Finding::warn(
            SUBJECT,
            format!("other users of this machine may look into {}", path.display()),
            format!("chmod 700 {}", path.display()),
        ));
    }
    findings
}

fn judge_keys(path: &Path, names: &[String]) -> Finding {
    const SUBJECT: &str = "session keys";
    let missing: Vec<_> = SESSION_KEYS
        .into_iter()
        .filter(|kind| !names.iter().any(|name| name.starts_with(&hex::encode(kind))))
        .collect();
    let rotate = "call author_rotateKeysWithOwner(account) on the running node's own RPC port, then session.setKeys with what it \
                  returns (docs/operations.md, Validating)";
    match missing.len() {
        0 => Finding::ok(
            SUBJECT,
            format!("{} are in {}", SESSION_KEYS.join(", "), path.display()),
        ),
        4 => Finding::warn(
            SUBJECT,
            format!("{} holds no session keys, so this node makes no blocks", path.display()),
            format!("restore the keystore from its copy, or start the node and {rotate}"),
        ),
        _ => Finding::fail(
            SUBJECT,
            format!(
                "{} lacks the session keys of kind {}",
                path.display(),
                missing.join(", ")
            ),
            format!("restore the whole keystore from its copy, or {rotate}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_keys_are_told_by_the_names_of_their_files() {
        let names = |kinds: &[&str]| {
            kinds
                .iter()
                .map(|kind| format!("{}00ff", hex::encode(kind)))
                .collect::<Vec<_>>()
        };
        let found = |kinds| judge_keys(Path::new("k"), &names(kinds)).found;
        assert!(matches!(found(&SESSION_KEYS), Found::Ok(_)));
        assert!(matches!(found(&["lprv"]), Found::Warn(fault) if fault.remedy.contains("author_rotateKeysWithOwner")));
        assert!(matches!(found(&["babe", "gran"]), Found::Fail(fault) if fault.cause.contains("imon, audi")));
    }

    #[test]
    fn network_key_is_raw_or_hex() {
        assert!(is_key(&[1; 32]) && is_key("ab".repeat(32).as_bytes()));
        assert!(!is_key(b"") && !is_key(&[b'z'; 64]) && !is_key(&[1; 33]));
    }
}
