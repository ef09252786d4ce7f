//! Leaves of a trace derived from the text alone: each is the reference's leaf, and is proven to the root of the execution.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

use lantern_engine::{
    Engine, ExecuteOptions, Execution, Kernel, KernelChoice, LeafPlace, LoadedModel, ProveError, ProvenLeaf,
    ProvenLeaves,
};
use lantern_exact::{
    merkle,
    trace::{LayerProof, LeafContent},
    BertSpec, Family, GenerateParams, JobParams, LlamaSpec, ModelSpec, ParamsError, Pooling, RopeScaling, Sampling,
    StopTokens, Width, ARITHMETIC,
};
use proptest::prelude::*;
use std::{
    ops::ControlFlow,
    sync::{atomic::AtomicBool, OnceLock},
};

const VOCAB: u32 = 101;
static NEVER: AtomicBool = AtomicBool::new(false);

fn spec(family: Family, width: Width, layers: u32) -> ModelSpec {
    ModelSpec {
        family,
        arithmetic: ARITHMETIC,
        activation: width,
        keys: width,
        hidden: 40,
        intermediate: 72,
        layers,
        heads: 4,
        kv_heads: if matches!(family, Family::Bert(_)) { 4 } else { 2 },
        head_dim: 10,
        vocab: VOCAB,
        max_context: 160,
        norm_eps: 184_467_440_737_095,
        tokenizer_hash: [7; 32],
    }
}

fn llama(qkv_bias: bool) -> Family {
    Family::Llama(LlamaSpec {
        tied_embeddings: false,
        qkv_bias,
        qk_norm: !qkv_bias,
        rope_base: 10_000,
        rope_scaling: RopeScaling::None,
    })
}

/// Both families in both widths, with numbers of layers whose trees differ in form.
fn models() -> &'static [LoadedModel] {
    static MODELS: OnceLock<Vec<LoadedModel>> = OnceLock::new();
    let bert = Family::Bert(BertSpec {
        pooling: Pooling::Mean,
        normalize: true,
    });
    MODELS.get_or_init(|| {
        [
            spec(llama(false), Width::Wide, 3),
            spec(llama(true), Width::Narrow, 5),
            spec(llama(true), Width::Wide, 1),
            spec(bert, Width::Wide, 2),
            spec(bert, Width::Narrow, 3),
        ]
        .into_iter()
        .map(|spec| LoadedModel::synthetic(spec, 11).unwrap())
        .collect()
    })
}

fn engines() -> &'static [Engine] {
    static ENGINES: OnceLock<Vec<Engine>> = OnceLock::new();
    ENGINES.get_or_init(|| {
        let kernels = Kernel::ALL.into_iter().filter(|kernel| kernel.is_available());
        kernels
            .flat_map(|kernel| [1, 2].map(|threads| Engine::new(threads, KernelChoice::Only(kernel)).unwrap()))
            .collect()
    })
}

fn execute(engine: &Engine, model: &LoadedModel, input: &[u32], params: &JobParams) -> Execution {
    let options = ExecuteOptions::default();
    let go_on = &mut |_| ControlFlow::Continue(());
    engine.execute(model, input, params, &options, go_on, &NEVER).unwrap()
}

fn params(model: &LoadedModel, max_new_tokens: u32, sampling: Sampling) -> JobParams {
    match model.spec().family {
        Family::Llama(_) => JobParams::Generate(GenerateParams {
            max_new_tokens,
            sampling,
            stop: StopTokens::default(),
        }),
        Family::Bert(_) => JobParams::Embed,
    }
}

fn prove(
    engine: &Engine,
    model: &LoadedModel,
    text: (&[u32], &[u32]),
    places: &[LeafPlace],
    chunk: usize,
) -> ProvenLeaves {
    let options = ExecuteOptions { prefill_chunk: chunk };
    engine
        .prove_leaves(model, text.0, text.1, places, &options, &NEVER)
        .unwrap()
}

fn places(positions: u32, layers: u32) -> Vec<LeafPlace> {
    let of_position = |position| (0..layers).map(move |layer| LeafPlace { position, layer });
    (0..positions).flat_map(of_position).collect()
}

#[test]
fn every_leaf_of_every_position_is_the_references_and_proven() {
    for model in models() {
        let (spec, reference) = (model.spec(), model.reference().unwrap());
        for len in [1u32, 2, 13] {
            let input: Vec<u32> = (0..len).map(|index| (index * 37 + 11) % VOCAB).collect();
            let params = params(model, 8, Sampling::Greedy);
            let want = reference.run(&input, &params).unwrap();
            let positions = want.trace.positions.len() as u32;
            let all = places(positions, spec.layers);
            for (engine, chunk) in engines().iter().zip([1, 4, 7, 1000].into_iter().cycle()) {
                let proven = prove(engine, model, (&input, &want.tokens), &all, chunk);
                assert_eq!(proven.trace_root, want.trace_root);
                assert_eq!((proven.positions, proven.layers), (positions, spec.layers));
                assert_eq!(proven.leaves.len(), all.len());
                for (place, got) in all.iter().zip(&proven.leaves) {
                    let what = format!("{engine:?}, {place:?}");
                    assert_eq!(
                        got.leaf, want.trace.positions[place.position as usize][place.layer as usize],
                        "{what}"
                    );
                    assert_eq!(got.content.leaf(), got.leaf, "{what}");
                    assert_eq!(
                        Some(&got.proof),
                        want.trace.prove(place.position, place.layer).as_ref(),
                        "{what}"
                    );
                    assert!(
                        got.proof.verify(&want.trace_root, positions, spec.layers, &got.leaf),
                        "{what}"
                    );
                    // What a verifier does that has nothing but bytes.
                    let bytes = got.content.to_bytes();
                    assert_eq!(merkle::leaf(&bytes), got.leaf, "{what}");
                    assert_eq!(
                        LeafContent::from_bytes(spec, &bytes).as_ref(),
                        Some(&got.content),
                        "{what}"
                    );
                }
            }
        }
    }
}

/// A job, what is asked of its trace, and where it is tampered with.
#[derive(Debug, Clone)]
struct Case {
    model: usize,
    engine: usize,
    input: Vec<u32>,
    max_new_tokens: u32,
    sampling: Sampling,
    draws: Vec<(prop::sample::Index, prop::sample::Index)>,
    chunk: usize,
    tamper: (prop::sample::Index, u8),
}

fn case() -> impl Strategy<Value = Case> {
    let sampling = prop_oneof![
        Just(Sampling::Greedy),
        (1024u32..300_000, 0u32..=VOCAB, 1u32..=65_536, any::<[u8; 32]>()).prop_map(
            |(temperature, top_k, top_p, seed)| Sampling::Seeded {
                temperature,
                top_k,
                top_p,
                seed
            }
        ),
    ];
    (
        (0..models().len(), 0..engines().len()),
        prop::collection::vec(0..VOCAB, 1..100),
        1u32..30,
        sampling,
        prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..8),
        1usize..120,
        (any::<prop::sample::Index>(), 0u8..8),
    )
        .prop_map(
            |((model, engine), input, max_new_tokens, sampling, draws, chunk, tamper)| Case {
                model,
                engine,
                input,
                max_new_tokens,
                sampling,
                draws,
                chunk,
                tamper,
            },
        )
}

/// Nothing but the leaf at its place passes.
fn check_tampering(spec: &ModelSpec, root: &[u8; 32], positions: u32, leaf: &ProvenLeaf, case: &Case) {
    let (layers, proof) = (spec.layers, &leaf.proof);
    let passes = |proof: &LayerProof, leaf: &[u8; 32]| proof.verify(root, positions, layers, leaf);
    assert!(passes(proof, &leaf.leaf));
    let mut bytes = leaf.content.to_bytes();
    let at = case.tamper.0.index(bytes.len());
    bytes[at] ^= 1 << case.tamper.1;
    let changed = LeafContent::from_bytes(spec, &bytes).unwrap();
    assert!(!passes(proof, &changed.leaf()), "byte {at}");
    for position in [
        proof.position + 1,
        proof.position.wrapping_sub(1),
        positions,
        proof.position ^ 8,
    ] {
        let moved = LayerProof {
            position,
            ..proof.clone()
        };
        assert!(!passes(&moved, &leaf.leaf), "position {position}");
    }
    for layer in [proof.layer + 1, proof.layer.wrapping_sub(1), layers, proof.layer ^ 2] {
        let moved = LayerProof { layer, ..proof.clone() };
        assert!(!passes(&moved, &leaf.leaf), "layer {layer}");
    }
    assert!(!proof.verify(root, positions + 1, layers, &leaf.leaf));
    assert!(!proof.verify(root, positions, layers + 1, &leaf.leaf));
    for siblings in [0, 1] {
        let mut bad = proof.clone();
        let list = if siblings == 0 {
            &mut bad.over_layers
        } else {
            &mut bad.over_positions
        };
        if let Some(sibling) = list.first_mut() {
            sibling[at % 32] ^= 1;
            assert!(!passes(&bad, &leaf.leaf));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn drawn_leaves_prove_to_the_root_of_the_execution(case in case()) {
        let (model, engine) = (&models()[case.model], &engines()[case.engine]);
        let params = params(model, case.max_new_tokens, case.sampling);
        let execution = execute(&engines()[0], model, &case.input, &params);
        let spec = model.spec();
        let positions = spec.positions(case.input.len() as u32, execution.output_tokens.len() as u32);
        let drawn: Vec<LeafPlace> = case
            .draws
            .iter()
            .map(|(position, layer)| LeafPlace {
                position: position.index(positions as usize) as u32,
                layer: layer.index(spec.layers as usize) as u32,
            })
            .collect();
        let text = (&case.input[..], &execution.output_tokens[..]);
        let proven = prove(engine, model, text, &drawn, case.chunk);
        prop_assert_eq!(proven.trace_root, execution.trace_root);
        prop_assert_eq!(proven.positions, positions);
        prop_assert_eq!(proven.leaves.len(), drawn.len());
        for (place, leaf) in drawn.iter().zip(&proven.leaves) {
            prop_assert_eq!(LeafPlace { position: leaf.proof.position, layer: leaf.proof.layer }, *place);
            prop_assert_eq!(leaf.content.leaf(), leaf.leaf);
            check_tampering(spec, &execution.trace_root, positions, leaf, &case);
        }
        // Up to the last position asked for, in other chunks and without proofs, the contents are the same.
        let options = ExecuteOptions { prefill_chunk: case.chunk + 3 };
        let contents = engine.leaf_contents(model, text.0, text.1, &drawn, &options, &NEVER).unwrap();
        let want: Vec<LeafContent> = proven.leaves.into_iter().map(|leaf| leaf.content).collect();
        prop_assert_eq!(contents, want);
    }

    #[test]
    fn another_text_has_another_root(case in case(), at in any::<prop::sample::Index>()) {
        let (model, engine) = (&models()[case.model], &engines()[case.engine]);
        let execution = execute(engine, model, &case.input, &params(model, case.max_new_tokens, case.sampling));
        let (mut input, mut output) = (case.input.clone(), execution.output_tokens.clone());
        // The last token of an output is not fed to the model, so the trace does not know it.
        let fed = input.len() + output.len().saturating_sub(1);
        let at = at.index(fed);
        let token = if at < input.len() { &mut input[at] } else { &mut output[at - case.input.len()] };
        *token = (*token + 1) % VOCAB;
        let places = [LeafPlace { position: at as u32, layer: 0 }];
        let proven = prove(engine, model, (&input, &output), &places, case.chunk);
        prop_assert_ne!(proven.trace_root, execution.trace_root);
        let leaf = &proven.leaves[0];
        prop_assert!(!leaf.proof.verify(&execution.trace_root, proven.positions, proven.layers, &leaf.leaf));
    }
}

#[test]
fn what_cannot_be_proven_is_refused_by_name() {
    let (engine, generator, encoder) = (&engines()[0], &models()[0], &models()[3]);
    let options = ExecuteOptions::default();
    let try_prove = |model: &LoadedModel, input: &[u32], output: &[u32], position: u32, layer: u32| {
        let places = [LeafPlace { position, layer }];
        let outcome = engine.prove_leaves(model, input, output, &places, &options, &NEVER);
        let contents = engine.leaf_contents(model, input, output, &places, &options, &NEVER);
        assert_eq!(contents.map(|_| ()), outcome.clone().map(|_| ()));
        outcome.map(|_| ())
    };
    assert_eq!(try_prove(generator, &[1, 2], &[3, 4], 2, 2), Ok(()));
    let no_leaf = |position, layer| {
        Err(ProveError::NoSuchLeaf {
            place: LeafPlace { position, layer },
            positions: 3,
            layers: 3,
        })
    };
    assert_eq!(try_prove(generator, &[1, 2], &[3, 4], 3, 0), no_leaf(3, 0));
    assert_eq!(try_prove(generator, &[1, 2], &[3, 4], 0, 3), no_leaf(0, 3));
    assert_eq!(
        try_prove(generator, &[1, 2], &[3, 4], u32::MAX, u32::MAX),
        no_leaf(u32::MAX, u32::MAX)
    );
    for (model, input, output, why) in [
        (generator, &[][..], &[3][..], ParamsError::EmptyPrompt),
        (generator, &[1], &[], ParamsError::ZeroTokens),
        (generator, &[VOCAB], &[1], ParamsError::UnknownToken),
        (generator, &[1], &[VOCAB], ParamsError::UnknownToken),
        (generator, &[1; 100], &[1; 61], ParamsError::ContextExceeded),
        (encoder, &[1], &[1], ParamsError::WrongKind),
        (encoder, &[], &[], ParamsError::EmptyPrompt),
    ] {
        assert_eq!(try_prove(model, input, output, 0, 0), Err(ProveError::Params(why)));
    }
    for model in [generator, encoder] {
        let output: &[u32] = if model.spec().layers == 3 { &[1] } else { &[] };
        let cancelled = engine.prove_leaves(model, &[1], output, &[], &options, &AtomicBool::new(true));
        assert_eq!(cancelled, Err(ProveError::Cancelled));
    }
}
