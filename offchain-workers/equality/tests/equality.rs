//! The part of `scripts/check-equality` that is quick: the first prompts, on every kernel of this machine.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

use lantern_engine::{Engine, Kernel, KernelChoice};
use lantern_equality::{engine_answers, prompt, reference_answer, references, spec, EngineRun, ARCHITECTURES};
use lantern_exact::{Family, JobParams, Sampling, Width};

const SEED: u64 = 2;
const PROMPTS: u32 = 32;

#[test]
fn the_first_prompts_have_the_references_answers_on_every_kernel() {
    let models = references(SEED).unwrap();
    let want: Vec<_> = (0..PROMPTS)
        .map(|index| {
            let prompt = prompt(SEED, index);
            reference_answer(&models[prompt.architecture], index, &prompt).unwrap()
        })
        .collect();
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        for (threads, together) in [(1, false), (1, true), (2, false), (2, true)] {
            let engine = Engine::new(threads, KernelChoice::Only(kernel)).unwrap();
            let run = EngineRun {
                seed: SEED,
                prompts: 0..PROMPTS,
                together,
            };
            let got = engine_answers(&engine, &run).unwrap();
            assert_eq!(got.len(), want.len());
            for (got, want) in got.iter().zip(&want) {
                assert_eq!(got, want, "{engine:?}, {run:?}: {:?}", prompt(SEED, want.index));
            }
        }
    }
}

/// A comparison of prompts that are all alike would find nothing.
#[test]
fn prompts_differ_in_all_that_matters_and_are_valid() {
    let (mut lengths, mut greedy, mut stops, mut cut, mut widest) = ([0u32; 3], 0, 0, 0, 0);
    for index in 0..1000 {
        let prompt = prompt(1, index);
        let spec = spec(prompt.architecture);
        assert_eq!(prompt.params.validate(&spec, prompt.input.len() as u32), Ok(()));
        assert!(prompt.input.iter().all(|token| *token < spec.vocab));
        lengths[match prompt.input.len() {
            0..=32 => 0,
            33..=128 => 1,
            _ => 2,
        }] += 1;
        let JobParams::Generate(params) = prompt.params else {
            continue;
        };
        stops += u32::from(!params.stop.as_slice().is_empty());
        widest = widest.max(prompt.input.len() as u32 + params.max_new_tokens);
        match params.sampling {
            Sampling::Greedy => greedy += 1,
            Sampling::Seeded { top_k, top_p, .. } => cut += u32::from(top_k > 0 && top_p < 65_536),
        }
    }
    assert!(lengths[0] > 400 && lengths[1] > 200 && lengths[2] > 120, "{lengths:?}");
    assert!(
        greedy > 150 && stops > 400 && cut > 60 && widest > 500,
        "{greedy} {stops} {cut} {widest}"
    );
    let specs: Vec<_> = (0..ARCHITECTURES.len()).map(spec).collect();
    assert!(specs.iter().any(|spec| spec.activation == Width::Narrow));
    assert!(specs
        .iter()
        .any(|spec| spec.activation == Width::Wide && spec.kv_heads < spec.heads));
    assert!(specs.iter().any(|spec| matches!(spec.family, Family::Bert(_))));
    assert_ne!(prompt(1, 0), prompt(2, 0));
}
