//! Specifications and job parameters: bounds, encodings, compute units.
#![allow(clippy::unwrap_used)]

mod common;

use codec::{Decode, Encode, MaxEncodedLen};
use common::*;
use lantern_exact::{
    commit, model_id, Family, JobParams, LlamaSpec, ModelKind, ModelSpec, Pooling, RopeScaling, Sampling, SpecError,
    StopTokens, Usage,
};

/// TinyLlama-1.1B.
fn tiny_llama() -> ModelSpec {
    ModelSpec {
        hidden: 2048,
        intermediate: 5632,
        layers: 22,
        heads: 32,
        kv_heads: 4,
        head_dim: 64,
        vocab: 32_000,
        max_context: 2048,
        ..llama_spec()
    }
}

#[test]
fn compute_units_of_a_known_model() {
    let spec = tiny_llama();
    // Per layer: q and o 2048 x 2048, k and v 256 x 2048, three of 5632 x 2048.
    let linear = 22 * (2 * 2048 * 2048 + 2 * 256 * 2048 + 3 * 5632 * 2048u64);
    assert_eq!(linear, 968_884_224);
    // 10 prompt tokens, 5 output tokens: 14 positions, 105 visible pairs.
    let macs = 14 * linear + 22 * 2 * 2048 * 105 + 5 * 32_000 * 2048;
    assert_eq!(spec.macs(10, 5), macs);
    assert_eq!(spec.compute_units(10, 5), macs.div_ceil(1000));
    assert_eq!(
        (spec.positions(10, 5), spec.positions(10, 0), spec.output_len(5)),
        (14, 10, 20)
    );
    let bert = bert_spec(Pooling::Mean, true);
    assert_eq!(bert.macs(7, 0), 2 * (7 * (4 * 32 * 32 + 2 * 32 * 48) + 2 * 32 * 49));
    assert_eq!(
        (bert.kind(), spec.kind()),
        (ModelKind::Embedding, ModelKind::Generation)
    );
    // Never fewer units for more tokens, and no overflow at the bounds.
    assert!(spec.macs(11, 5) > spec.macs(10, 5) && spec.macs(10, 6) > spec.macs(10, 5));
    let largest = ModelSpec {
        hidden: 131_071,
        intermediate: 131_071,
        layers: 256,
        vocab: 1 << 20,
        ..spec
    };
    assert!(largest.macs(u32::MAX, u32::MAX) == u64::MAX && largest.macs(1000, 1000) < u64::MAX);
}

#[test]
fn bounds_are_enforced() {
    assert_eq!(tiny_llama().validate(), Ok(()));
    assert_eq!(llama_spec_full().validate(), Ok(()));
    assert_eq!(bert_spec(Pooling::Cls, false).validate(), Ok(()));
    let base = tiny_llama();
    let llama = |change: &dyn Fn(&mut LlamaSpec)| {
        let Family::Llama(mut llama) = base.family else {
            unreachable!()
        };
        change(&mut llama);
        ModelSpec {
            family: Family::Llama(llama),
            ..base
        }
    };
    let llama3 = |low, high| RopeScaling::Llama3 {
        factor: 1 << 16,
        low_freq_factor: low,
        high_freq_factor: high,
        original_context: 8192,
    };
    let cases = [
        (ModelSpec { arithmetic: 2, ..base }, SpecError::UnknownArithmetic),
        (ModelSpec { hidden: 0, ..base }, SpecError::ZeroDimension),
        (ModelSpec { kv_heads: 0, ..base }, SpecError::ZeroDimension),
        (
            ModelSpec {
                hidden: 131_072,
                ..base
            },
            SpecError::DimensionTooLarge,
        ),
        (
            ModelSpec {
                max_context: (1 << 20) + 1,
                ..base
            },
            SpecError::DimensionTooLarge,
        ),
        (
            ModelSpec {
                heads: 512,
                kv_heads: 512,
                head_dim: 256,
                ..base
            },
            SpecError::DimensionTooLarge,
        ),
        (ModelSpec { head_dim: 258, ..base }, SpecError::DimensionTooLarge),
        (ModelSpec { head_dim: 63, ..base }, SpecError::OddHeadDim),
        (ModelSpec { kv_heads: 5, ..base }, SpecError::HeadsMismatch),
        (
            ModelSpec {
                kv_heads: 2,
                ..bert_spec(Pooling::Mean, true)
            },
            SpecError::HeadsMismatch,
        ),
        (ModelSpec { norm_eps: 1, ..base }, SpecError::NormEpsTooSmall),
        (llama(&|l| l.rope_base = 1), SpecError::BadRope),
        (
            llama(&|l| l.rope_scaling = RopeScaling::Linear { factor: 65_535 }),
            SpecError::BadRope,
        ),
        (
            llama(&|l| l.rope_scaling = llama3(1 << 16, 1 << 16)),
            SpecError::BadRope,
        ),
        (llama(&|l| l.rope_scaling = llama3(0, 1 << 16)), SpecError::BadRope),
    ];
    for (spec, error) in cases {
        assert_eq!(spec.validate(), Err(error));
    }
}

#[test]
fn records_round_trip_and_stay_within_their_bounds() {
    for spec in [llama_spec(), llama_spec_full(), bert_spec(Pooling::Mean, true)] {
        let bytes = spec.encode();
        assert!(bytes.len() <= ModelSpec::max_encoded_len());
        assert_eq!(ModelSpec::decode(&mut &bytes[..]).unwrap(), spec);
        assert!(ModelSpec::decode(&mut &bytes[..bytes.len() - 1]).is_err());
    }
    for params in [
        JobParams::Embed,
        generate(9, Sampling::Greedy, &[]),
        generate(1, seeded(1.0, 5, 0.5, 3), &[1; 8]),
    ] {
        let bytes = params.encode();
        assert!(bytes.len() <= JobParams::max_encoded_len());
        assert_eq!(JobParams::decode(&mut &bytes[..]).unwrap(), params);
    }
    assert_eq!(
        generate(1, seeded(1.0, 5, 0.5, 3), &[1; 8]).encode().len(),
        JobParams::max_encoded_len()
    );
    assert_eq!(
        Usage {
            prompt_tokens: 1,
            output_tokens: 2
        }
        .encode(),
        [1, 0, 0, 0, 2, 0, 0, 0]
    );
}

#[test]
fn stop_tokens_encode_like_a_vector_and_refuse_a_ninth() {
    let stop = StopTokens::new(&[5, 2]).unwrap();
    assert_eq!(stop.encode(), vec![5u32, 2].encode());
    assert_eq!(StopTokens::decode(&mut &vec![5u32, 2].encode()[..]).unwrap(), stop);
    assert!(StopTokens::new(&[0; 9]).is_none());
    assert!(StopTokens::decode(&mut &vec![0u32; 9].encode()[..]).is_err());
    assert!(StopTokens::decode(&mut &codec::Compact(u32::MAX).encode()[..]).is_err());
    assert!(stop.contains(2) && !stop.contains(0));
}

#[test]
fn json_round_trips() {
    for params in [JobParams::Embed, generate(1, seeded(1.0, 5, 0.5, 3), &[1, 2])] {
        let json = serde_json::to_string(&params).unwrap();
        assert_eq!(serde_json::from_str::<JobParams>(&json).unwrap(), params);
    }
    let json = serde_json::to_string(&llama_spec_full()).unwrap();
    assert_eq!(serde_json::from_str::<ModelSpec>(&json).unwrap(), llama_spec_full());
    assert!(serde_json::from_str::<StopTokens>("[1,2,3,4,5,6,7,8,9]").is_err());
}

#[test]
fn every_field_is_part_of_the_model_id() {
    let base = llama_spec();
    let id = |spec: &ModelSpec| model_id(spec, &[1; 32]);
    let mut seen = std::collections::BTreeSet::from([id(&base)]);
    let narrow = lantern_exact::Width::Narrow;
    for other in [
        ModelSpec {
            activation: narrow,
            ..base
        },
        ModelSpec { keys: narrow, ..base },
        ModelSpec { hidden: 34, ..base },
        ModelSpec {
            intermediate: 34,
            ..base
        },
        ModelSpec { layers: 3, ..base },
        ModelSpec { heads: 8, ..base },
        ModelSpec { kv_heads: 4, ..base },
        ModelSpec { head_dim: 10, ..base },
        ModelSpec { vocab: 51, ..base },
        ModelSpec {
            max_context: 65,
            ..base
        },
        ModelSpec {
            norm_eps: 1 << 30,
            ..base
        },
        ModelSpec {
            tokenizer_hash: [8; 32],
            ..base
        },
        llama_spec_full(),
        bert_spec(Pooling::Mean, true),
        bert_spec(Pooling::Mean, false),
        bert_spec(Pooling::Cls, true),
    ] {
        assert!(seen.insert(id(&other)));
    }
    assert!(seen.insert(model_id(&base, &[2; 32])));
}

#[test]
fn tensor_lists_follow_the_options() {
    let names = |spec: &ModelSpec| commit::tensors(spec).into_iter().map(|t| t.name).collect::<Vec<_>>();
    let plain = names(&llama_spec());
    assert_eq!(plain.len(), 1 + 2 * 9 + 1);
    assert_eq!(plain[..3], ["embed", "layers.0.attention_norm", "layers.0.q"]);
    let full = names(&llama_spec_full());
    assert_eq!(full.len(), 1 + 2 * (9 + 3 + 2) + 2);
    assert_eq!(full.last().unwrap(), "head");
    let bert = names(&bert_spec(Pooling::Mean, true));
    assert_eq!(bert.len(), 5 + 2 * 16);
    assert!(bert.iter().collect::<std::collections::BTreeSet<_>>().len() == bert.len());
}

#[test]
fn scales_out_of_range_do_not_decode() {
    use lantern_exact::fixed::Scale;
    for (mant, exp, fits) in [
        (1u32 << 23, 0i32, true),
        ((1 << 24) - 1, -512, true),
        (1 << 24, 0, false),
        ((1 << 23) - 1, 0, false),
        (u32::MAX, 0, false),
        (1 << 23, 513, false),
        (1 << 23, i32::MIN, false),
    ] {
        assert_eq!(
            Scale::decode(&mut &(mant, exp).encode()[..]).is_ok(),
            fits,
            "{mant} {exp}"
        );
    }
    assert_eq!(Scale::decode(&mut &Scale::ZERO_ROW.encode()[..]), Ok(Scale::ZERO_ROW));
}
