//! A GGUF file, whatever its bytes.

#![no_main]

use lantern_engine::ModelSource;
use lantern_fuzz::{check, mutate, seeds};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use std::fs;

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate::gguf(data, size, max_size, seed) });

fuzz_target!(
    init: lantern_fuzz::start("gguf"),
    |data: &[u8]| {
        check::guarded(|| {
            // The loader maps a file, so a file it is, in memory where the system has such a folder.
            let path = seeds::scratch().join("fuzz.gguf");
            fs::write(&path, data).expect("the scratch folder can be written");
            check::load(&ModelSource::Gguf(path), &["fuzz.gguf"]);
        });
    }
);
