//! The committed golden vectors must come out of this machine's kernels and of the reference implementation.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

use std::path::PathBuf;

use lantern_trainer::golden;

fn models() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

#[test]
fn lantern_tiny_gives_its_golden_results() {
    let folder = models().join("lantern-tiny");
    let file = golden::read(&folder.join("golden.json")).unwrap();
    let checked = golden::check(&file, &folder).unwrap();
    assert_eq!(checked, 26, "13 jobs in two widths");
}

#[test]
fn minilm_gives_its_golden_results_where_it_is_installed() {
    let file = golden::read(&models().join("minilm-golden.json")).unwrap();
    let Some(folder) = golden::minilm_folder().unwrap() else {
        eprintln!("SKIPPED: MiniLM is not installed; run scripts/fetch-minilm");
        return;
    };
    let checked = golden::check(&file, &folder).unwrap();
    assert_eq!(checked, 8, "4 sentences in two widths");
}

#[test]
fn a_changed_result_does_not_pass() {
    let folder = models().join("lantern-tiny");
    let mut file = golden::read(&folder.join("golden.json")).unwrap();
    file.widths.truncate(1);
    file.widths[0].vectors.truncate(1);
    assert_eq!(golden::check(&file, &folder).unwrap(), 1);
    file.widths[0].vectors[0].trace_root.replace_range(..2, "zz");
    assert!(golden::check(&file, &folder).is_err());
}
