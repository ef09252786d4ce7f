//! The cache of quantised models gives what the sources give, and nothing that was damaged on its way.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

mod common;

use common::{bert_config, bert_tensors, folder, llama_config, llama_tensors, tensor, with, write, HIDDEN};
use lantern_engine::{
    CacheReport, CacheUse, Engine, ExecuteOptions, KernelChoice, LoadOptions, LoadedModel, ModelCache, ModelSource,
};
use lantern_exact::{GenerateParams, JobParams, ModelKind, Sampling, StopTokens, Width};
use serde_json::json;
use std::{
    fs::{self, File},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::AtomicBool,
    time::Duration,
};
use tempfile::TempDir;

/// No limit.
const ALL: u64 = u64::MAX;

/// Longer than a file counts as one that may change unnoticed.
fn settle() {
    std::thread::sleep(Duration::from_millis(60));
}

fn load(cache: &ModelCache, source: &Path) -> (LoadedModel, CacheReport) {
    cache
        .load(&ModelSource::at(source).unwrap(), &LoadOptions::default())
        .unwrap()
}

/// Loads a model that is to be in the cache without fault.
fn hit(cache: &ModelCache, source: &Path) -> LoadedModel {
    let (model, report) = load(cache, source);
    let used = CacheUse::Hit;
    assert_eq!(report, CacheReport { used, refused: None });
    model
}

fn stored(cache: &ModelCache, source: &Path) -> (LoadedModel, Option<String>) {
    let (model, report) = load(cache, source);
    assert_eq!(report.used, CacheUse::Stored, "{report:?}");
    (model, report.refused)
}

/// Output and trace of a job on `model`.
fn run(model: &LoadedModel) -> (Vec<u8>, [u8; 32]) {
    let params = match model.spec().kind() {
        ModelKind::Embedding => JobParams::Embed,
        ModelKind::Generation => JobParams::Generate(GenerateParams {
            max_new_tokens: 6,
            sampling: Sampling::Greedy,
            stop: StopTokens::default(),
        }),
    };
    let engine = Engine::new(2, KernelChoice::Auto).unwrap();
    let (options, never) = (ExecuteOptions::default(), AtomicBool::new(false));
    let mut go_on = |_| ControlFlow::Continue(());
    let execution = engine
        .execute(model, &[3, 1, 4, 1, 5], &params, &options, &mut go_on, &never)
        .unwrap();
    (execution.output, execution.trace_root)
}

fn assert_same(cached: &LoadedModel, fresh: &LoadedModel) {
    assert_eq!(cached.id(), fresh.id());
    assert_eq!(cached.spec(), fresh.spec());
    assert_eq!(cached.weights_root(), fresh.weights_root());
    assert_eq!(cached.name(), fresh.name());
    assert_eq!(cached.end_tokens(), fresh.end_tokens());
    assert_eq!(cached.chat_template(), fresh.chat_template());
    let text = "w3 w4 w5";
    let tokens = |model: &LoadedModel| model.tokenizer().unwrap().encode(text).unwrap();
    assert_eq!(tokens(cached), tokens(fresh));
    assert_eq!(run(cached), run(fresh));
}

/// A folder of a Llama, and one for a cache.
fn llama() -> (TempDir, TempDir, ModelCache) {
    let source = folder(&llama_config(), &llama_tensors("model.", false));
    let place = TempDir::new().unwrap();
    let cache = ModelCache::new(place.path().join("models"), ALL);
    settle();
    (source, place, cache)
}

/// Files of a cache with this extension.
fn files(cache: &ModelCache, extension: &str) -> Vec<PathBuf> {
    let list = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all = list(cache.folder().to_owned()).chain(list(cache.folder().join("sources")));
    all.filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

#[test]
fn both_families_come_back_as_they_were() {
    let mut qwen2 = llama_tensors("model.", true);
    let mut qwen3 = llama_tensors("model.", false);
    for layer in 0..2 {
        for (part, width) in [("q", HIDDEN), ("k", HIDDEN / 2), ("v", HIDDEN / 2)] {
            let name = format!("model.layers.{layer}.self_attn.{part}_proj.bias");
            qwen2.insert(name.clone(), tensor(&name, &[width]));
        }
        for part in ["q", "k"] {
            let name = format!("model.layers.{layer}.self_attn.{part}_norm.weight");
            qwen3.insert(name.clone(), tensor(&name, &[HIDDEN / 4]));
        }
    }
    let qwen2_config = with(llama_config(), "model_type", "qwen2".into());
    for (config, tensors) in [
        (llama_config(), llama_tensors("model.", false)),
        (with(qwen2_config, "tie_word_embeddings", true.into()), qwen2),
        (with(llama_config(), "model_type", "qwen3".into()), qwen3),
        (bert_config(), bert_tensors("")),
    ] {
        let source = folder(&config, &tensors);
        let template = json!({"chat_template": "{{ bos_token }}{{ messages }}", "bos_token": "w1"});
        fs::write(source.path().join("tokenizer_config.json"), template.to_string()).unwrap();
        settle();
        let place = TempDir::new().unwrap();
        let cache = ModelCache::new(place.path(), ALL);
        let (fresh, refused) = stored(&cache, source.path());
        assert_eq!(refused, None);
        let cached = hit(&cache, source.path());
        assert_same(&cached, &fresh);
        assert!(cached.chat_template().is_some());
        // The reference runs on the weights row by row: they are the very same, biases and norms included.
        let reference = |model: &LoadedModel| {
            let params = match model.spec().kind() {
                ModelKind::Embedding => JobParams::Embed,
                ModelKind::Generation => JobParams::Generate(GenerateParams {
                    max_new_tokens: 3,
                    sampling: Sampling::Greedy,
                    stop: StopTokens::default(),
                }),
            };
            let execution = model.reference().unwrap().run(&[2, 7, 1], &params).unwrap();
            (execution.output, execution.trace_root)
        };
        assert_eq!(reference(&cached), reference(&fresh));
    }
}

#[test]
fn options_and_sources_are_kept_apart() {
    let (source, _place, cache) = llama();
    let (wide, _) = stored(&cache, source.path());
    let options = LoadOptions {
        activation: Width::Narrow,
        keys: Width::Wide,
    };
    let at = ModelSource::at(source.path()).unwrap();
    let (narrow, report) = cache.load(&at, &options).unwrap();
    assert_eq!(report.used, CacheUse::Stored);
    assert_ne!(narrow.id(), wide.id());
    assert_eq!(cache.load(&at, &options).unwrap().0.id(), narrow.id());
    assert_eq!(hit(&cache, source.path()).id(), wide.id());
    // Another folder with the same files gives the same model, with end tokens of its own.
    let other = folder(
        &with(llama_config(), "eos_token_id", 5.into()),
        &llama_tensors("model.", false),
    );
    settle();
    let (twin, _) = stored(&cache, other.path());
    assert_eq!((twin.id(), twin.end_tokens()), (wide.id(), &[5][..]));
    assert_eq!(hit(&cache, source.path()).end_tokens(), [2]);
    assert_eq!(hit(&cache, other.path()).end_tokens(), [5]);
    assert_eq!(files(&cache, "lantern").len(), 2);
}

#[test]
fn every_damage_is_noticed_and_mended() {
    let (source, _place, cache) = llama();
    let (fresh, _) = stored(&cache, source.path());
    for extension in ["lantern", "json"] {
        let path = files(&cache, extension).pop().unwrap();
        let good = fs::read(&path).unwrap();
        let mut damaged: Vec<Vec<u8>> = Vec::new();
        // Every byte of the fixed part, then samples to the end.
        let places = (0..112)
            .chain((112..good.len()).step_by(good.len() / 150))
            .chain([good.len() - 1]);
        for (index, place) in places.filter(|&place| place < good.len()).enumerate() {
            let mut bytes = good.clone();
            bytes[place] ^= 1 << (index % 8);
            damaged.push(bytes);
        }
        let lengths = (0..130).chain((130..good.len()).step_by(good.len() / 40));
        damaged.extend(
            lengths
                .filter(|&length| length < good.len())
                .map(|length| good[..length].to_vec()),
        );
        damaged.push([&good[..], &[0]].concat());
        damaged.push([&good[..], &[0; 4096]].concat());
        damaged.push(vec![0; good.len()]);
        for (index, bytes) in damaged.iter().enumerate() {
            fs::write(&path, bytes).unwrap();
            let (model, refused) = stored(&cache, source.path());
            let refused = refused.unwrap_or_else(|| panic!("{extension} {index} was not noticed"));
            assert!(refused.contains(path.to_str().unwrap()), "{refused}");
            assert_eq!(model.id(), fresh.id());
            assert!(fs::read(&path).unwrap() == good, "{extension} {index} was not mended");
        }
    }
    assert_same(&hit(&cache, source.path()), &fresh);
}

#[test]
fn files_of_other_models_and_of_other_people_are_refused() {
    let (source, _place, cache) = llama();
    stored(&cache, source.path());
    let mine = files(&cache, "lantern").pop().unwrap();
    let tensors = llama_tensors("", false);
    let other = folder(&with(llama_config(), "rope_theta", json!(20_000)), &tensors);
    settle();
    stored(&cache, other.path());
    let others = files(&cache, "lantern").into_iter().find(|path| *path != mine).unwrap();
    fs::copy(&others, &mine).unwrap();
    let (_, refused) = stored(&cache, source.path());
    assert!(refused.unwrap().contains("is of another model"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for path in [mine, files(&cache, "json").pop().unwrap()] {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        }
        let refusals = [source.path(), other.path()].map(|path| load(&cache, path).1.refused);
        assert!(refusals
            .iter()
            .flatten()
            .all(|refused| refused.contains("others may write")));
        assert!(refusals.iter().flatten().count() >= 1);
        // Written anew with rights of their own.
        hit(&cache, source.path());
        hit(&cache, other.path());
    }
}

#[test]
fn changed_sources_are_noticed() {
    let (source, _place, cache) = llama();
    let (first, _) = stored(&cache, source.path());
    let weights = source.path().join("model.safetensors");
    // The time alone.
    let modified = fs::metadata(&weights).unwrap().modified().unwrap();
    File::options()
        .write(true)
        .open(&weights)
        .unwrap()
        .set_modified(modified + Duration::from_secs(5))
        .unwrap();
    settle();
    assert_eq!(stored(&cache, source.path()).0.id(), first.id());
    hit(&cache, source.path());
    // Contents of the same length, with the time put back.
    let mut bytes = fs::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let modified = fs::metadata(&weights).unwrap().modified().unwrap();
    fs::write(&weights, bytes).unwrap();
    File::options()
        .write(true)
        .open(&weights)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    settle();
    if cfg!(unix) {
        let (second, refused) = stored(&cache, source.path());
        assert_ne!(second.id(), first.id());
        assert_eq!(refused, None);
    }
    // A file that was not there.
    fs::write(
        source.path().join("generation_config.json"),
        "{\"eos_token_id\": [2, 7]}",
    )
    .unwrap();
    settle();
    assert_eq!(stored(&cache, source.path()).0.end_tokens(), [2, 7]);
    assert_eq!(hit(&cache, source.path()).end_tokens(), [2, 7]);
    // One that is there no longer is refused, whatever the cache holds.
    fs::remove_file(&weights).unwrap();
    let at = ModelSource::at(source.path()).unwrap();
    assert!(cache.load(&at, &LoadOptions::default()).is_err());
}

#[test]
fn files_that_changed_just_now_are_not_remembered() {
    let (source, _place, cache) = llama();
    // Written a moment ago: by a slow machine this may be long enough ago to count.
    write(source.path(), &llama_config(), &llama_tensors("model.", false));
    let (_, report) = load(&cache, source.path());
    match report.used {
        CacheUse::NotStored(reason) => assert!(reason.contains("a moment ago"), "{reason}"),
        used => assert_eq!(used, CacheUse::Stored),
    }
}

#[test]
fn a_folder_that_cannot_be_written_costs_nothing_but_time() {
    let (source, place, _) = llama();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    // Root may write to any folder, but not below a file.
    let cache = ModelCache::new(file.join("models"), ALL);
    for _ in 0..2 {
        let (model, report) = load(&cache, source.path());
        assert!(
            matches!(&report.used, CacheUse::NotStored(reason) if reason.contains("models")),
            "{report:?}"
        );
        run(&model);
    }
    let small = ModelCache::new(place.path().join("small"), 1000);
    let (_, report) = load(&small, source.path());
    assert!(
        matches!(&report.used, CacheUse::NotStored(reason) if reason.contains("limit")),
        "{report:?}"
    );
}

#[test]
fn the_model_not_used_for_the_longest_time_makes_room() {
    let place = TempDir::new().unwrap();
    let sources: Vec<_> = [10_000, 20_000, 30_000]
        .map(|base| {
            folder(
                &with(llama_config(), "rope_theta", base.into()),
                &llama_tensors("model.", false),
            )
        })
        .into();
    settle();
    let wide = ModelCache::new(place.path(), ALL);
    stored(&wide, sources[0].path());
    let bytes = fs::metadata(files(&wide, "lantern").pop().unwrap()).unwrap().len();
    let cache = ModelCache::new(place.path(), 2 * bytes + bytes / 2);
    settle();
    stored(&cache, sources[1].path());
    settle();
    hit(&cache, sources[0].path());
    settle();
    stored(&cache, sources[2].path());
    hit(&cache, sources[0].path());
    hit(&cache, sources[2].path());
    assert_eq!(files(&cache, "lantern").len(), 2);
    let (_, refused) = stored(&cache, sources[1].path());
    assert_eq!(refused, None);
    let foreign = place.path().join("notes.txt");
    fs::write(&foreign, "mine").unwrap();
    cache.clear().unwrap();
    assert!(files(&cache, "lantern").is_empty() && files(&cache, "json").is_empty() && foreign.exists());
    cache.clear().unwrap();
}

/// What one of several processes does in the next test; nothing when the tests are run.
#[test]
fn process_that_loads_through_a_cache() {
    let (Some(source), Some(place)) = (
        std::env::var_os("LANTERN_TEST_SOURCE"),
        std::env::var_os("LANTERN_TEST_CACHE"),
    ) else {
        return;
    };
    let cache = ModelCache::new(PathBuf::from(place), ALL);
    for round in 0..20 {
        let (model, report) = load(&cache, Path::new(&source));
        assert_eq!(report.refused, None, "{round}");
        assert!(!matches!(report.used, CacheUse::NotStored(_)), "{report:?}");
        println!("id {}", hex::encode(model.id()));
        // So that all write all the time.
        if let Some(path) = files(&cache, "lantern").pop() {
            let _ = fs::remove_file(path);
        }
    }
}

#[test]
fn processes_write_at_the_same_time() {
    let (source, place, cache) = llama();
    let id = hex::encode(load(&cache, source.path()).0.id());
    let children: Vec<_> = (0..3)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "process_that_loads_through_a_cache", "--nocapture"])
                .env("LANTERN_TEST_SOURCE", source.path())
                .env("LANTERN_TEST_CACHE", place.path().join("models"))
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(said.matches(&format!("id {id}")).count(), 20, "{said}");
    }
    let _ = load(&cache, source.path());
    hit(&cache, source.path());
}
