//! What went wrong, in words for the operator: the cause, and what to do about it.

use std::{error::Error, fmt, io, path::PathBuf, sync::OnceLock};

/// A cause and its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, without a full stop.
    pub cause: String,
    /// What to do about it, without a full stop.
    pub remedy: String,
}

/// Between a cause and its remedy.
const REMEDY: &str = ". What to do: ";

impl Fault {
    /// A fault.
    pub fn new(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{REMEDY}{}.", self.cause, self.remedy)
    }
}

impl Error for Fault {}

impl From<Fault> for sc_cli::Error {
    fn from(fault: Fault) -> Self {
        Self::Application(Box::new(fault))
    }
}

impl From<Fault> for sc_service::Error {
    fn from(fault: Fault) -> Self {
        Self::Application(Box::new(fault))
    }
}

/// Where this node keeps its data; set when the flags are known, for the remedies that name it.
static DATABASE: OnceLock<PathBuf> = OnceLock::new();
/// Why a task ended the node. The SDK tells only that one did.
static LAST_WORDS: OnceLock<Fault> = OnceLock::new();

/// Less than this, in bytes, is a full disk to whoever wants to write.
const NO_ROOM: u64 = 1 << 20;

/// Tells this module where the database is.
pub fn set_database(path: PathBuf) {
    let _ = DATABASE.set(path);
}

/// Leaves the reason for which a task is about to end the node. The first one counts: others follow from it.
pub fn set_last_words(fault: Fault) {
    let _ = LAST_WORDS.set(fault);
}

fn database() -> String {
    DATABASE.get().map_or_else(
        || "the chain's paritydb folder".into(),
        |path| path.display().to_string(),
    )
}

/// The database is damaged, as `found` tells.
pub fn corrupt_database(found: &str) -> Fault {
    let path = database();
    Fault::new(
        format!("the database in {path} is damaged: {found}"),
        format!(
            "look for disk errors (dmesg), move the folder away (mv {path} {path}.damaged) and start the node again: it syncs the \
             chain from its peers. Keys are elsewhere (keystore/, network/) and stay. A validator syncs first without \
             --validator, so that it casts no vote twice"
        ),
    )
}

/// There is no room left on the disk.
pub fn disk_full(found: &str) -> Fault {
    Fault::new(
        format!("the disk that holds {} is full: {found}", database()),
        "free space on it (df -h, du -xh), or move the base path to a larger disk, then start the node again: it goes on from the \
         last block that was written whole, and nothing final is lost",
    )
}

/// The cause of an error, and its remedy as far as the error is known.
pub fn explain(error: &sc_cli::Error) -> Fault {
    if let Some(fault) = LAST_WORDS.get() {
        return fault.clone();
    }
    if let Some(fault) = find::<Fault>(error) {
        return fault.clone();
    }
    if let sc_cli::Error::Input(text) = error {
        // The SDK asks for chain specifications, and takes no more than a text for a reason.
        if let Some((cause, remedy)) = text.trim_end_matches('.').split_once(REMEDY) {
            return Fault::new(cause, remedy);
        }
    }
    if let sc_cli::Error::NetworkKeyNotFound(path) = error {
        return crate::check::keys::no_node_key(path);
    }
    let text = chain_of(error);
    if let Some(fault) = from_text(&text) {
        return fault;
    }
    // Any task can be the first to stumble over a full disk.
    let free = DATABASE.get().and_then(|path| crate::check::disk::free(path).ok());
    if free.is_some_and(|free| free < NO_ROOM) {
        return disk_full(&text);
    }
    Fault::new(
        text.trim_end_matches('.'),
        "`lantern-node check` with the same flags examines this machine and the configuration; docs/operations.md lists faults",
    )
}

/// The first error of type `T` among `error` and its sources. Transparent wrappers hide what they hold from
/// [`Error::source`], so the two that hold ours are opened by hand.
fn find<'a, T: Error + 'static>(error: &'a sc_cli::Error) -> Option<&'a T> {
    let inner: &(dyn Error + 'static) = match error {
        sc_cli::Error::Application(inner) | sc_cli::Error::Service(sc_service::Error::Application(inner)) => &**inner,
        sc_cli::Error::Service(inner) => inner,
        other => other,
    };
    std::iter::successors(Some(inner), |&error| error.source()).find_map(|error| error.downcast_ref())
}

/// The error and its sources, each said once.
fn chain_of(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for source in std::iter::successors(error.source(), |&error| error.source()) {
        let source = source.to_string();
        if !text.contains(&source) {
            text = format!("{text}: {source}");
        }
    }
    text
}

/// Whether an error's text, of either kind, says that a file could not grow.
pub fn says_disk_full(text: &str) -> bool {
    [
        "No space left",
        "StorageFull",
        "os error 28",
        "Disk quota exceeded",
        "QuotaExceeded",
        "File too large",
        "FileTooLarge",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// Reads the texts of the SDK and the database, which have no types that reach us.
fn from_text(text: &str) -> Option<Fault> {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says_disk_full(text) {
        return Some(disk_full(text));
    }
    if has(&["Database file is in use", "Locked("]) {
        return Some(Fault::new(
            format!("the database in {} is in use by another process", database()),
            "stop the other node (pgrep -a lantern-node), or give this one a --base-path of its own",
        ));
    }
    if has(&["database version", "Database version"]) {
        return Some(Fault::new(
            format!(
                "the database in {} has another version than this program writes: {text}",
                database()
            ),
            "start the program that wrote it, or move the folder away and sync the chain again",
        ));
    }
    let damaged = [
        "Corruption",
        "Bad metadata",
        "Bad version string",
        "Invalid data in value table",
        "Critical database error",
        "Invalid column",
        "Unexpected DB-Type",
        "Migration error",
        "Missing salt",
        "parity-db",
        "Failed to decode",
        "Error decoding",
        "UnknownBlock",
        "missing from database",
        "not found in the database",
        "`:code` hash not found",
        "invalid number",
    ];
    if has(&damaged) {
        return Some(corrupt_database(text));
    }
    if has(&[
        "Permission denied",
        "Read-only file system",
        "os error 13",
        "os error 30",
    ]) {
        return Some(Fault::new(
            format!("no leave to write where the node keeps its data: {text}"),
            "run the node as the user who owns the base path, or give the folder to its user (chown -R USER BASE_PATH)",
        ));
    }
    if has(&["wasm", "WASM", "Wasm", "runtime blob", "Runtime missing"]) {
        return Some(crate::check::chain::bad_runtime(text));
    }
    None
}

/// Ends the process with our words where the database reports damage or a full disk by a panic, and leaves other panics to the
/// handler that is there. Call it after the SDK has set its own.
pub fn catch_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map_or("", |location| location.file());
        match from_panic(info.payload_as_str().unwrap_or_default(), place) {
            Some(fault) => {
                eprintln!("error: {fault}");
                std::process::exit(1);
            },
            None => usual(info),
        }
    }));
}

fn from_panic(message: &str, place: &str) -> Option<Fault> {
    if message.starts_with("Critical database error") {
        return from_text(message);
    }
    // ParityDB trusts its files, and stumbles where they are not what they were.
    place.contains("parity-db").then(|| corrupt_database(message))
}

/// Says why the process ends when the kernel cannot write a page of a mapped file. That is how a full disk shows where the
/// database writes into sparse files; without this the process would vanish without a word.
#[cfg(target_os = "linux")]
pub fn catch_lost_pages() {
    extern "C" fn handler(_: libc::c_int) {
        const WORDS: &[u8] = b"error: a page of the database could not be written or read (SIGBUS): the disk is full or failing. What to \
            do: free space on it (df -h), look for disk errors (dmesg), then start the node again: it goes on from the last block that was \
            written whole, and nothing final is lost.\n";
        // SAFETY: both calls are allowed in a signal handler, and the buffer is static.
        unsafe {
            libc::write(libc::STDERR_FILENO, WORDS.as_ptr().cast(), WORDS.len());
            libc::_exit(1);
        }
    }
    // SAFETY: the handler calls only what a handler may.
    unsafe {
        libc::signal(libc::SIGBUS, handler as *const () as libc::sighandler_t);
    }
}

/// Elsewhere the kernel's own word must do.
#[cfg(not(target_os = "linux"))]
pub fn catch_lost_pages() {}

/// A file or folder could not be used.
pub fn io_fault(what: &str, error: &io::Error, remedy: &str) -> Fault {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return disk_full(&error.to_string());
    }
    Fault::new(format!("{what}: {error}"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(error: sc_cli::Error) -> Fault {
        explain(&error)
    }

    #[test]
    fn own_faults_pass_through_unchanged() {
        let fault = Fault::new("cause", "remedy");
        assert_eq!(explained(fault.clone().into()), fault);
        assert_eq!(explained(sc_cli::Error::Service(fault.clone().into())), fault);
        assert_eq!(fault.to_string(), "cause. What to do: remedy.");
        assert_eq!(explained(sc_cli::Error::Input(fault.to_string())), fault);
    }

    #[test]
    fn known_texts_get_a_remedy() {
        for (text, cause, remedy) in [
            (
                "IO Error: No space left on device (os error 28)",
                "is full",
                "free space",
            ),
            (
                "Background(Io(Os { code: 28, kind: StorageFull }))",
                "is full",
                "free space",
            ),
            (
                "Database file is in use. (x)",
                "in use by another process",
                "--base-path",
            ),
            ("Corruption: Bad metadata", "is damaged", "syncs the chain"),
            (
                "Invalid configuration: Unsupported database version 2. Expected 8",
                "another version",
                "program that wrote it",
            ),
            (
                "IO Error: Permission denied (os error 13)",
                "no leave to write",
                "chown",
            ),
        ] {
            let fault = explained(sc_cli::Error::Input(text.into()));
            assert!(fault.cause.contains(cause), "{text}: {fault}");
            assert!(fault.remedy.contains(remedy), "{text}: {fault}");
        }
    }

    #[test]
    fn unknown_errors_keep_their_text_and_point_to_the_check() {
        let fault = explained(sc_cli::Error::Input("something new".into()));
        assert!(fault.cause.contains("something new"));
        assert!(fault.remedy.contains("lantern-node check"));
    }

    #[test]
    fn only_panics_of_the_database_are_taken_over() {
        assert!(from_panic("Critical database error: Corruption(\"x\")", "src/parity_db.rs").is_some());
        assert!(from_panic("called `Option::unwrap()`", "x/parity-db-0.4.13/src/file.rs").is_some());
        assert!(from_panic("index out of bounds", "src/service.rs").is_none());
    }
}
