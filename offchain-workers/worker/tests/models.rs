//! Models within a bound of memory: which of them are there, what comes back, and what is refused.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{mpsc, Arc},
    time::Duration,
};

use common::{job, write_model, CONTEXT};
use lantern_worker::{
    backend::{Backend, Refusal},
    engine::{EngineBackend, Serving},
    executor::{Executor, Limits},
    models::{Bounds, Models, ModelsError, Unavailable},
};
use lantern_worker_protocol::{FailureKind, Hash, Outcome, Reply};

const SERVING: Serving = Serving {
    threads: 1,
    max_batch: 4,
    prefix_reuse: true,
};

fn write_models(folder: &Path, count: u64) -> Vec<PathBuf> {
    let paths: Vec<PathBuf> = (0..count).map(|seed| folder.join(format!("model-{seed}"))).collect();
    for (seed, path) in paths.iter().enumerate() {
        write_model(path, seed as u64);
    }
    paths
}

fn load(paths: &[PathBuf], bounds: Bounds) -> Result<Models, ModelsError> {
    Models::load(paths, true, bounds, None)
}

fn ids(models: &Models) -> Vec<Hash> {
    models.catalog().models.iter().map(|model| model.id).collect()
}

/// Bytes that one of these models takes.
fn bytes_of_one(paths: &[PathBuf]) -> usize {
    load(&paths[..1], Bounds::NONE).expect("loads").usage().bytes
}

fn room_for(models: usize, paths: &[PathBuf]) -> Bounds {
    Bounds {
        model_memory: bytes_of_one(paths) * models,
        ..Bounds::NONE
    }
}

/// An executor, and where the replies to all jobs arrive.
struct Rig {
    executor: Executor,
    replies: mpsc::Receiver<Reply>,
    sender: mpsc::Sender<Reply>,
}

impl Rig {
    fn new(models: &Arc<Models>) -> Self {
        let backend = EngineBackend::new(SERVING, Arc::clone(models)).expect("any machine has some kernel");
        let (executor, _thread) = Executor::start(backend, models.catalog(), Limits::default()).expect("starts");
        let (sender, replies) = mpsc::channel();
        Self {
            executor,
            replies,
            sender,
        }
    }

    fn submit(&self, key: u64, model: &Hash, prompt: &[u32], max_new_tokens: u32) {
        let sender = self.sender.clone();
        let listener = Box::new(move |reply| sender.send(reply).is_ok());
        self.executor.submit(job(key, model, prompt, max_new_tokens), listener);
    }

    /// The next reply that ends a job.
    fn ended(&self) -> Result<Outcome, (u64, FailureKind, String)> {
        loop {
            match self
                .replies
                .recv_timeout(Duration::from_secs(60))
                .expect("a reply comes")
            {
                Reply::Done(outcome) => return Ok(outcome),
                Reply::Failed { key, kind, message } => return Err((key, kind, message)),
                _ => {},
            }
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.executor.stop();
    }
}

#[test]
fn models_beyond_the_memory_come_back_for_their_jobs_with_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = write_models(folder.path(), 3);
    let all = Arc::new(load(&paths, Bounds::NONE).expect("loads"));
    let few = Arc::new(load(&paths, room_for(2, &paths)).expect("loads"));
    assert_eq!((all.usage().loaded, few.usage().loaded), (3, 2));
    assert_eq!(ids(&few), ids(&all), "all are served");
    let (want, rig) = (Rig::new(&all), Rig::new(&few));
    // Two of each, mixed: whoever has no room waits for others to end, and nobody waits for ever.
    let models: Vec<Hash> = [0, 1, 2, 0, 2, 1].map(|index| ids(&all)[index]).into();
    let mut outcomes = [Vec::new(), Vec::new()];
    for (rig, outcomes) in [&want, &rig].into_iter().zip(&mut outcomes) {
        for (key, model) in models.iter().enumerate() {
            rig.submit(key as u64, model, &[3, key as u32, 7], 12);
        }
        let ended = models.iter().map(|_| rig.ended().expect("has a result"));
        outcomes.extend(ended.map(|outcome| (outcome.key, outcome.output.0, outcome.trace_root)));
        outcomes.sort();
    }
    assert_eq!(outcomes[0], outcomes[1]);
    let memory = rig.executor.status().memory;
    assert_eq!(memory.models_loaded, 2);
    assert_eq!(memory.model_bytes, 2 * bytes_of_one(&paths) as u64);
}

#[test]
fn the_model_unused_for_longest_goes_and_none_that_is_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = write_models(folder.path(), 3);
    let models = load(&paths, room_for(2, &paths)).expect("loads");
    let [first, second, third] = ids(&models)[..] else {
        panic!("three models")
    };
    // The first went when the third was loaded; getting it back costs the second, which is unused for longest.
    let held = models.get(&first).expect("is loaded again");
    assert_eq!(held.id(), first.0);
    let also = models.get(&second).expect("is loaded again");
    assert!(
        matches!(models.get(&third), Err(Unavailable::Memory)),
        "both are in use"
    );
    drop(held);
    assert!(models.get(&third).is_ok());
    assert_eq!(also.id(), second.0);
    assert!(models.get(&first).is_ok(), "the third is not in use");
    assert_eq!(models.usage().loaded, 2);
    assert!(matches!(
        models.get(&Hash([9; 32])),
        Err(Unavailable::Failed(ModelsError::Unknown(_)))
    ));
}

#[test]
fn a_model_too_large_alone_and_files_that_changed_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = write_models(folder.path(), 2);
    let bounds = Bounds {
        model_memory: bytes_of_one(&paths) - 1,
        ..Bounds::NONE
    };
    let error = load(&paths, bounds).map(|_| ()).expect_err("does not fit").to_string();
    assert!(error.contains("model-0") && error.contains("--model-memory"), "{error}");

    let models = load(&paths, room_for(1, &paths)).expect("loads");
    let first = ids(&models)[0];
    write_model(&paths[0], 77);
    let error = models
        .get(&first)
        .map(|_| ())
        .expect_err("is another model")
        .to_string();
    assert!(error.contains("model-0") && error.contains("changed"), "{error}");
    fs::remove_file(paths[0].join("config.json")).expect("is removed");
    let error = models.get(&first).map(|_| ()).expect_err("is gone").to_string();
    assert!(error.contains("config.json"), "{error}");
    let second = ids(&models)[1];
    assert!(models.get(&second).is_ok(), "others are served as before");
}

#[test]
fn jobs_longer_than_the_worker_takes_are_refused_and_the_catalog_tells() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = write_models(folder.path(), 1);
    let limit = |bounds| {
        let models = load(&paths, bounds).expect("loads");
        models.catalog().models[0].max_positions
    };
    assert_eq!(limit(Bounds::NONE), CONTEXT as u32);
    let few = Bounds {
        max_positions: 20,
        ..Bounds::NONE
    };
    assert_eq!(limit(few), 20);
    let small = Bounds {
        cache_memory: 100 << 10,
        ..Bounds::NONE
    };
    let fits = limit(small);
    assert!((20..CONTEXT as u32).contains(&fits), "{fits} positions fit in 100 KiB");

    for (bounds, most) in [(few, 20), (small, fits)] {
        let models = Arc::new(load(&paths, bounds).expect("loads"));
        let backend = EngineBackend::new(SERVING, Arc::clone(&models)).expect("starts");
        let id = ids(&models)[0];
        let mut batch = backend.batch(&id).unwrap_or_else(|_| panic!("there is room"));
        // One position fewer than tokens: the last is not computed.
        assert_eq!(batch.admit(1, &job(1, &id, &[5; 4], most - 3)), Ok(()));
        batch.cancel(1);
        match batch.admit(2, &job(2, &id, &[5; 4], most - 2)) {
            Err(Refusal::Failed(failure)) => {
                assert_eq!(failure.kind, FailureKind::BadInput);
                assert!(
                    failure.message.contains(&format!("takes {most}")),
                    "{}",
                    failure.message
                );
            },
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_was_done_and_what_is_held_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = write_models(folder.path(), 1);
    let models = Arc::new(
        load(
            &paths,
            Bounds {
                cache_memory: 8 << 20,
                ..Bounds::NONE
            },
        )
        .expect("loads"),
    );
    let (rig, id) = (Rig::new(&models), ids(&models)[0]);
    let prompt: Vec<u32> = (0..200).map(|n| n % 37 + 2).collect();
    let mut outputs = 0;
    for key in 0..2 {
        rig.submit(key, &id, &prompt, 10);
        outputs += u64::from(rig.ended().expect("has a result").usage.output_tokens);
    }
    let status = rig.executor.status();
    assert_eq!((status.completed, status.failed), (2, 0));
    assert_eq!(
        (status.totals.prompt_tokens, status.totals.output_tokens),
        (400, outputs)
    );
    assert!(status.totals.first_token_millis <= status.totals.executed_millis);
    // Three full pages of 64 are kept of the first, and serve the second.
    assert_eq!(status.memory.reused_positions, 192);
    assert!(status.memory.cache_kept > 0 && status.memory.cache_used >= status.memory.cache_kept);
    assert_eq!(status.memory.cache_limit, 8 << 20);
}
