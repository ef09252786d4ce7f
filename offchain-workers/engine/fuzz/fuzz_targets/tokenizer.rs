//! A model's `tokenizer.json`, whatever its bytes, in a model that is otherwise good.

#![no_main]

use lantern_engine::{ModelFiles, ModelSource};
use lantern_fuzz::{check, mutate, seeds};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate::json(data, size, max_size, seed) });

fuzz_target!(
    init: lantern_fuzz::start("tokenizer"),
    |data: &[u8]| {
        check::guarded(|| {
            let files = ModelFiles {
                tokenizer: data,
                ..seeds::good(data)
            };
            check::load(
                &ModelSource::Memory(files),
                &["config.json", "tokenizer.json", "model.safetensors"],
            );
        });
    }
);
