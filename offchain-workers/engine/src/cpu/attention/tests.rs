//! Every kernel against the reference cache, scales and magnitudes at their extremes included.

use super::*;
use lantern_exact::{
    fixed::{MANT_MAX, MANT_MIN},
    model::LayerCache as Reference,
    BertSpec, Family, ModelSpec, Pooling, Width, ARITHMETIC,
};
use proptest::prelude::*;

fn spec(heads: u32, kv_heads: u32, head_dim: u32) -> ModelSpec {
    ModelSpec {
        family: Family::Bert(BertSpec {
            pooling: Pooling::Mean,
            normalize: true,
        }),
        arithmetic: ARITHMETIC,
        activation: Width::Wide,
        keys: Width::Wide,
        hidden: heads * head_dim,
        intermediate: 1,
        layers: 1,
        heads,
        kv_heads,
        head_dim,
        vocab: 1,
        max_context: 1024,
        norm_eps: 1 << 30,
        tokenizer_hash: [0; 32],
    }
}

fn scale(exp: std::ops::Range<i32>) -> impl Strategy<Value = Scale> {
    prop_oneof![
        8 => (MANT_MIN..=MANT_MAX, exp).prop_map(|(mant, exp)| Scale { mant, exp }),
        1 => Just(Scale::ZERO_ROW),
        1 => (-512i32..512).prop_map(|exp| Scale { mant: MANT_MAX, exp }),
    ]
}

#[derive(Debug)]
struct Case {
    spec: ModelSpec,
    cache: Reference,
    queries: Vec<i32>,
    cut: usize,
}

fn case() -> impl Strategy<Value = Case> {
    let shape = (1u32..4, 1u32..7, 1u32..40, 1usize..45);
    shape.prop_flat_map(|(kv_heads, group, half, positions)| {
        let spec = spec(kv_heads * group, kv_heads, half * 2);
        let (cells, heads) = (positions * spec.kv_width() as usize, positions * kv_heads as usize);
        let extreme = any::<bool>();
        (
            prop::collection::vec(-16_383i16..=16_383, cells),
            prop::collection::vec(-127i8..=127, cells),
            prop::collection::vec(scale(-40..-30), heads),
            prop::collection::vec(scale(-33..-28), heads),
            prop::collection::vec(
                prop_oneof![-500_000i32..500_000, any::<i32>()],
                spec.query_width() as usize,
            ),
            0..positions,
            extreme,
        )
            .prop_map(
                move |(mut keys, mut values, key_scales, value_scales, queries, cut, extreme)| {
                    if extreme {
                        keys.iter_mut()
                            .for_each(|key| *key = if *key < 0 { -16_383 } else { 16_383 });
                        values
                            .iter_mut()
                            .for_each(|value| *value = if *value < 0 { -127 } else { 127 });
                    }
                    Case {
                        spec,
                        cache: Reference {
                            keys,
                            key_scales,
                            values,
                            value_scales,
                        },
                        queries,
                        cut,
                    }
                },
            )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn attention_equals_the_reference(case in case()) {
        let spec = &case.spec;
        let (heads, dim) = (spec.heads as usize, spec.head_dim as usize);
        let positions = case.cache.key_scales.len() / spec.kv_heads as usize;
        let mut data = vec![0i16; case.queries.len()];
        let scales: Vec<Scale> = case.queries.chunks(dim).zip(data.chunks_mut(dim))
            .map(|(query, out)| lantern_exact::ops::quantise_queries(query, out)).collect();
        let pool = Pool::new(2);
        let mut cache = LayerCache::new(spec.kv_heads as usize, dim);
        let width = spec.kv_width() as usize;
        // In two pieces, the first maybe empty.
        for (first, last) in [(0, case.cut), (case.cut, positions)] {
            let heads = first * spec.kv_heads as usize..last * spec.kv_heads as usize;
            cache.append(&pool, last - first, &NewRows {
                keys: &case.cache.keys[first * width..last * width],
                key_scales: &case.cache.key_scales[heads.clone()],
                values: &case.cache.values[first * width..last * width],
                value_scales: &case.cache.value_scales[heads],
            });
        }
        for visible in [positions, 1, positions.div_ceil(2)] {
            let want = case.cache.attend(spec, &case.queries, visible);
            for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
                let mut out = vec![0; want.len()];
                let queries = Queries { data: &data, scales: &scales, heads };
                attend(&pool, kernel, &cache, &queries, 1, &|_| visible, &mut out);
                prop_assert_eq!(&out, &want, "{:?}, {} visible", kernel, visible);
            }
        }
    }
}

#[test]
fn a_growing_cache_keeps_its_positions() {
    let pool = Pool::new(1);
    let mut cache = LayerCache::new(2, 6);
    let mut reference = Reference::default();
    let spec = spec(2, 2, 6);
    for position in 0..600i32 {
        let row: Vec<i32> = (0..12)
            .map(|i| (position * 7919 + i * 104_729) % 60_000 - 30_000)
            .collect();
        reference.push(&spec, &row, &row);
        let heads = position as usize * 2..position as usize * 2 + 2;
        let cells = position as usize * 12..position as usize * 12 + 12;
        cache.append(
            &pool,
            1,
            &NewRows {
                keys: &reference.keys[cells.clone()],
                key_scales: &reference.key_scales[heads.clone()],
                values: &reference.values[cells],
                value_scales: &reference.value_scales[heads],
            },
        );
    }
    assert_eq!(cache.len(), 600);
    let query = vec![65_536; 12];
    let mut data = vec![0i16; 12];
    let scales: Vec<Scale> = query
        .chunks(6)
        .zip(data.chunks_mut(6))
        .map(|(q, out)| lantern_exact::ops::quantise_queries(q, out))
        .collect();
    let want = reference.attend(&spec, &query, 600);
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        let mut out = vec![0; 12];
        attend(
            &pool,
            kernel,
            &cache,
            &Queries {
                data: &data,
                scales: &scales,
                heads: 2,
            },
            1,
            &|_| 600,
            &mut out,
        );
        assert_eq!(out, want, "{kernel:?}");
    }
}

#[test]
fn a_cache_takes_the_bytes_foretold_and_no_more_while_it_grows() {
    let pool = Pool::new(1);
    for (kv_heads, dim, most) in [(1, 6, 1), (2, 64, 700), (3, 10, 1000)] {
        let mut cache = LayerCache::new(kv_heads, dim).with_most(most);
        let new = NewRows {
            keys: &vec![1; kv_heads * dim],
            key_scales: &vec![Scale::ZERO_ROW; kv_heads],
            values: &vec![1; kv_heads * dim],
            value_scales: &vec![Scale::ZERO_ROW; kv_heads],
        };
        (0..most).for_each(|_| cache.append(&pool, 1, &new));
        let scales = cache.key_mant.len() + cache.key_exp.len() + cache.value_mant.len() + cache.value_exp.len();
        let words = scales + cache.exp_top.len();
        assert_eq!(
            cache.keys.len() * 2 + cache.values.len() + words * 4,
            cache_bytes(kv_heads, dim, most)
        );
    }
}
