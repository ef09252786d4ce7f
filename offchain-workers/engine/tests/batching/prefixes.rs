//! Texts that begin like earlier ones: their pages are taken over, and no byte tells.

use super::*;
use lantern_engine::CacheUsage;

/// Positions of a page, see `cache_bytes`.
const PAGE: usize = 64;

/// Runs `jobs` in a new batch, one joining with each step.
fn run(engine: &Engine, model: &LoadedModel, memory: &CacheMemory, jobs: &[Job], slots: usize) -> Vec<Execution> {
    let options = BatchOptions {
        slots,
        prefill_rows: 100,
    };
    let mut batch = Batch::new(engine, model, memory, options).unwrap();
    let mut waiting = jobs.iter().enumerate().peekable();
    let mut running = HashMap::new();
    let mut done: Vec<Option<Execution>> = vec![None; jobs.len()];
    while waiting.peek().is_some() || !batch.is_empty() {
        if let Some((index, job)) = waiting.peek() {
            match batch.admit(&job.prompt, &job.params) {
                Ok(slot) => {
                    running.insert(slot, *index);
                    waiting.next();
                },
                Err(AdmitError::Overloaded(_)) => assert!(!batch.is_empty(), "an empty batch has room"),
                Err(error) => panic!("{error}"),
            }
        }
        batch
            .step(&NEVER, &mut |slot, event| {
                if let BatchEvent::Finished(execution) = event {
                    done[running[&slot]] = Some(execution);
                }
            })
            .unwrap();
        assert!(memory.used() <= memory.limit());
    }
    done.into_iter().map(Option::unwrap).collect()
}

fn words(seed: u32, count: usize) -> Vec<u32> {
    (0..count as u32).map(|n| (n * n * 31 + n * 7 + seed) % VOCAB).collect()
}

#[test]
fn only_what_follows_a_known_beginning_is_computed() {
    for engine in engines() {
        let (model, memory) = (&models()[0], CacheMemory::with_prefix_reuse(64 << 20));
        let reused = || memory.usage().reused_positions as usize;
        let first = greedy(&words(1, 200), 70);
        let got = run(engine, model, &memory, std::slice::from_ref(&first), 1);
        assert_eq!(got, [first.alone(engine, model)]);
        assert_eq!(reused(), 0);
        let CacheUsage { used, kept, .. } = memory.usage();
        assert!(kept > 0 && used == kept, "full pages stay, and nothing else");

        // The same again: three full pages, and the last tokens are computed anew.
        assert_eq!(run(engine, model, &memory, std::slice::from_ref(&first), 1), got);
        assert_eq!(reused(), 3 * PAGE);

        // A conversation goes on: prompt and output were 269 positions.
        let mut next = first.prompt.clone();
        next.extend_from_slice(&got[0].output_tokens);
        next.extend(words(9, 20));
        let next = greedy(&next, 5);
        let before = reused();
        assert_eq!(
            run(engine, model, &memory, std::slice::from_ref(&next), 1),
            [next.alone(engine, model)]
        );
        assert_eq!(reused() - before, 4 * PAGE);

        // A prompt that ends with a page needs the last position of it for its first token.
        let exact = greedy(&first.prompt[..2 * PAGE], 3);
        let before = reused();
        assert_eq!(
            run(engine, model, &memory, std::slice::from_ref(&exact), 1),
            [exact.alone(engine, model)]
        );
        assert_eq!(reused() - before, PAGE);

        // One other token in the first page, or another model, is another text.
        let mut other = first.clone();
        other.prompt[5] ^= 1;
        let before = reused();
        assert_eq!(
            run(engine, model, &memory, std::slice::from_ref(&other), 1),
            [other.alone(engine, model)]
        );
        let stranger = &models()[2];
        assert_eq!(
            run(engine, stranger, &memory, std::slice::from_ref(&first), 1),
            [first.alone(engine, stranger)]
        );
        assert_eq!(reused(), before);
    }
}

#[test]
fn kept_pages_give_way_to_generations() {
    let (engine, model) = (&engines()[0], &models()[0]);
    let job = |seed| greedy(&words(seed, 3 * PAGE), 10);
    let needed = cache_bytes(model.spec(), job(0).positions());
    let memory = CacheMemory::with_prefix_reuse(needed + needed / 2);
    for seed in [1, 2, 3, 1] {
        let job = job(seed);
        assert_eq!(
            run(engine, model, &memory, std::slice::from_ref(&job), 1),
            [job.alone(engine, model)]
        );
    }
    assert_eq!(
        memory.usage().reused_positions,
        0,
        "the first had to go before it came again"
    );
    let again = run(engine, model, &memory, &[job(1)], 1);
    assert_eq!(again, [job(1).alone(engine, model)]);
    assert_eq!(memory.usage().reused_positions as usize, 2 * PAGE);
}

#[test]
fn without_reuse_nothing_is_kept() {
    let (engine, model) = (&engines()[0], &models()[0]);
    let memory = CacheMemory::new(64 << 20);
    let job = greedy(&words(4, 150), 2);
    for _ in 0..2 {
        run(engine, model, &memory, std::slice::from_ref(&job), 1);
    }
    let CacheUsage {
        used,
        kept,
        reused_positions,
        ..
    } = memory.usage();
    assert_eq!((used, kept, reused_positions), (0, 0, 0));
}

/// A job that begins as one of few texts does.
fn related() -> impl Strategy<Value = Job> {
    let tail = prop::collection::vec(0..VOCAB, 1usize..40);
    (0u32..3, 0usize..260, tail, 1u32..80, sampling()).prop_map(|(stem, shared, tail, max_new_tokens, sampling)| Job {
        prompt: words(stem, shared).into_iter().chain(tail).collect(),
        params: generate(max_new_tokens, sampling, &[]),
        arrives: 0,
        cancelled: None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn shared_beginnings_change_no_byte_in_any_room(
        model in 0..models().len(),
        rounds in prop::collection::vec(prop::collection::vec(related(), 1..12), 1..4),
        slots in 1usize..8,
        pages in 6usize..40,
    ) {
        let model = &models()[model];
        let alone: Vec<Vec<Execution>> =
            rounds.iter().map(|jobs| jobs.iter().map(|job| job.alone(&engines()[0], model)).collect()).collect();
        for engine in engines() {
            let memory = CacheMemory::with_prefix_reuse(cache_bytes(model.spec(), (pages * PAGE) as u32));
            for (jobs, want) in rounds.iter().zip(&alone) {
                prop_assert_eq!(&run(engine, model, &memory, jobs, slots), want, "{:?}", engine);
            }
            let CacheUsage { used, kept, .. } = memory.usage();
            prop_assert_eq!(used, kept);
        }
    }
}
