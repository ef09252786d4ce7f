//! Golden vectors of real models, on every kernel: identities, outputs and traces that must never change within one
//! arithmetic version.
//!
//! Every `models/*/golden.json` is tested with the weights beside it. A model whose weights are not in the repository is looked
//! for where `LANTERN_MINILM` points, or in the cache folder, and skipped with a notice when it is in neither place.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

use lantern_engine::{Engine, ExecuteOptions, Kernel, KernelChoice, LoadOptions, LoadedModel, ModelSource};
use lantern_exact::{JobParams, Usage, Width};
use serde::Deserialize;
use std::{
    env, fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

#[derive(Deserialize)]
struct Golden {
    model: String,
    widths: Vec<GoldenWidth>,
}

#[derive(Deserialize)]
struct GoldenWidth {
    width: Width,
    model_id: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    input: Vec<u32>,
    params: JobParams,
    output_hash: String,
    trace_root: String,
    usage: Usage,
}

/// Checks every vector of `golden` on every kernel, with chunks that differ; returns how many vectors there were.
fn check(golden: &Golden, folder: &Path) -> usize {
    let engines: Vec<Engine> = Kernel::ALL
        .into_iter()
        .filter(|kernel| kernel.is_available())
        .map(|kernel| Engine::new(2, KernelChoice::Only(kernel)).unwrap())
        .collect();
    let mut checked = 0;
    for entry in &golden.widths {
        let options = LoadOptions {
            activation: entry.width,
            keys: entry.width,
        };
        let model = LoadedModel::load(&ModelSource::Folder(folder.to_owned()), &options).unwrap();
        assert_eq!(
            hex::encode(model.id()),
            entry.model_id,
            "{} {:?}",
            golden.model,
            entry.width
        );
        for (index, vector) in entry.vectors.iter().enumerate() {
            for (engine, chunk) in engines.iter().zip([1, 7, 64, 1000]) {
                let go_on = &mut |_| ControlFlow::Continue(());
                let options = ExecuteOptions { prefill_chunk: chunk };
                let result = engine
                    .execute(
                        &model,
                        &vector.input,
                        &vector.params,
                        &options,
                        go_on,
                        &AtomicBool::new(false),
                    )
                    .unwrap();
                let what = format!("{} {:?}, vector {index}, {engine:?}", golden.model, entry.width);
                assert_eq!(hex::encode(result.output_hash), vector.output_hash, "{what}");
                assert_eq!(hex::encode(result.trace_root), vector.trace_root, "{what}");
                assert_eq!(result.usage, vector.usage, "{what}");
            }
            checked += 1;
        }
    }
    checked
}

/// Where a model outside the repository may be.
fn elsewhere() -> Option<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let candidates = [
        env::var_os("LANTERN_MINILM").map(PathBuf::from),
        cache.map(|cache| cache.join("lantern/minilm")),
    ];
    candidates
        .into_iter()
        .flatten()
        .find(|folder| folder.join("model.safetensors").exists())
}

#[test]
fn real_models_give_their_golden_results_on_every_kernel() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    for entry in fs::read_dir(models).into_iter().flatten().flatten() {
        let folder = entry.path();
        let Ok(bytes) = fs::read(folder.join("golden.json")) else {
            continue;
        };
        let golden: Golden = serde_json::from_slice(&bytes).unwrap();
        let weights = if folder.join("model.safetensors").exists() {
            Some(folder)
        } else {
            elsewhere()
        };
        match weights {
            Some(folder) => {
                let checked = check(&golden, &folder);
                assert!(checked > 0, "{} has no vectors", golden.model);
                println!("{}: {checked} vectors hold", golden.model);
            },
            None => println!(
                "skipped: the weights of {} are not here; set LANTERN_MINILM",
                golden.model
            ),
        }
    }
}
