//! The worker's jobs on a GPU's kernels give what they give on the processor. `LANTERN_GPU_EMULATOR` names the emulation.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

use std::sync::{atomic::AtomicBool, Arc};

use codec::Encode;
use lantern_exact::{spec::encode_tokens, GenerateParams, JobParams, Sampling, StopTokens};
use lantern_worker::{
    backend::{Backend, Event, Finished, Refusal},
    device::{Device, DeviceBackend},
    engine::Serving,
    models::{Bounds, Models},
};
use lantern_worker_protocol::{Execute, FailureKind, Hash};

const SERVING: Serving = Serving {
    threads: 1,
    max_batch: 2,
    prefix_reuse: false,
};

/// The built-in model.
fn models() -> Arc<Models> {
    let bounds = Bounds {
        cache_memory: 8 << 20,
        ..Bounds::NONE
    };
    Arc::new(Models::load(&[], false, bounds, None).unwrap())
}

fn backend(device: &Device, models: &Arc<Models>) -> DeviceBackend {
    DeviceBackend::open(device, SERVING, Arc::clone(models)).unwrap()
}

fn emulated() -> Device {
    let library = std::env::var("LANTERN_GPU_EMULATOR").expect("scripts/check-cuda builds the emulation and names it");
    format!("emulated:{library}").parse().unwrap()
}

fn job(model: Hash, key: u64, prompt: &[u32], max_new_tokens: u32) -> Execute {
    let sampling = match key % 2 {
        0 => Sampling::Greedy,
        _ => Sampling::Seeded {
            temperature: 65_536,
            top_k: 0,
            top_p: 65_536,
            seed: [3; 32],
        },
    };
    let params = JobParams::Generate(GenerateParams {
        max_new_tokens,
        sampling,
        stop: StopTokens::default(),
    });
    Execute {
        key,
        model,
        input: encode_tokens(prompt).into(),
        params: params.encode().into(),
    }
}

/// Runs `jobs` in one batch; their results, and the tokens that each reported on its way.
fn run(backend: &DeviceBackend, jobs: &[Execute]) -> Vec<(Finished, Vec<u32>)> {
    let mut batch = backend.batch(&jobs[0].model).unwrap();
    let mut results: Vec<(Option<Finished>, Vec<u32>)> = jobs.iter().map(|_| (None, Vec::new())).collect();
    for job in jobs {
        batch.admit(job.key, job).unwrap();
    }
    assert_eq!(batch.admit(99, &jobs[0]), Err(Refusal::Slots));
    while results.iter().any(|(result, _)| result.is_none()) {
        batch.step(&AtomicBool::new(false), &mut |run, event| {
            let (result, tokens) = &mut results[run as usize];
            match event {
                Event::Token(token) => tokens.push(token),
                Event::Ended(ended) => *result = Some(ended.unwrap()),
            }
        });
    }
    results
        .into_iter()
        .map(|(result, tokens)| (result.unwrap(), tokens))
        .collect()
}

#[test]
fn jobs_on_a_gpu_equal_those_on_the_processor() {
    let models = models();
    let model = models.find(None).unwrap();
    let (gpu, cpu) = (backend(&emulated(), &models), backend(&Device::Cpu, &models));
    let jobs = [job(model, 0, &[5, 6, 7, 8, 9], 4), job(model, 1, &[300], 6)];
    let got = run(&gpu, &jobs);
    assert_eq!(got, run(&cpu, &jobs));
    assert_eq!((got[0].1.len(), got[1].1.len()), (4, 6));
}

#[test]
fn refusals_on_a_gpu_are_those_of_the_processor() {
    let models = models();
    let model = models.find(None).unwrap();
    for device in [emulated(), Device::Cpu] {
        let backend = backend(&device, &models);
        let unknown = backend.batch(&Hash([1; 32])).err().unwrap();
        assert!(matches!(unknown, Refusal::Failed(failure) if failure.kind == FailureKind::UnknownModel));
        let mut catalog = models.catalog();
        backend.limit(&mut catalog);
        let (known, most) = (
            models.catalog().models[0].max_positions,
            catalog.models[0].max_positions,
        );
        assert!(most > 0 && most <= known, "{most} of {known}");
        let mut batch = backend.batch(&model).unwrap();
        let mut refused = |job: &Execute| match batch.admit(0, job) {
            Err(Refusal::Failed(failure)) => failure.kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(&job(model, 0, &[], 4)), FailureKind::BadInput);
        assert_eq!(refused(&job(model, 0, &[1], u32::MAX)), FailureKind::BadInput);
        assert_eq!(refused(&job(model, 0, &[u32::MAX], 1)), FailureKind::BadInput);
    }
}

#[test]
fn a_device_that_is_not_there_is_refused_by_name() {
    let models = models();
    let refused = |device: &str| {
        let opened = DeviceBackend::open(&device.parse().unwrap(), SERVING, Arc::clone(&models));
        opened.err().unwrap().to_string()
    };
    assert!(refused("emulated:/nowhere/at/all.so").contains("/nowhere/at/all.so"));
    let message = refused("cuda:999");
    let known = ["built without CUDA", "no CUDA driver", "no CUDA device 999"];
    assert!(known.iter().any(|known| message.contains(known)), "{message}");
}
