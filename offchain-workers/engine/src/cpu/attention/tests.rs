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

/// Sixteen-bit queries and their scales.
fn quantised(queries: &[i32], dim: usize) -> (Vec<i16>, Vec<Scale>) {
    let mut data = vec![0i16; queries.len()];
    let heads = queries.chunks(dim).zip(data.chunks_mut(dim));
    let scales = heads
        .map(|(query, out)| lantern_exact::ops::quantise_queries(query, out))
        .collect();
    (data, scales)
}

/// Layer of the caches under test, and how many there are: its neighbours must stay as they are.
const LAYER: usize = 1;
const LAYERS: usize = 3;

fn shape(spec: &ModelSpec) -> CacheShape {
    CacheShape {
        layers: LAYERS,
        kv_heads: spec.kv_heads as usize,
        dim: spec.head_dim as usize,
    }
}

/// The positions of `reference`, written in two pieces of which the first, `cut` long, may be empty.
fn cached(pool: &Pool, spec: &ModelSpec, reference: &Reference, cut: usize) -> PagedCache {
    let (kv_heads, width) = (spec.kv_heads as usize, spec.kv_width() as usize);
    let positions = reference.key_scales.len() / kv_heads;
    let mut cache = PagedCache::new(shape(spec), Vec::new());
    for (first, last) in [(0, cut), (cut, positions)] {
        let heads = first * kv_heads..last * kv_heads;
        let new = NewRows {
            keys: &reference.keys[first * width..last * width],
            key_scales: &reference.key_scales[heads.clone()],
            values: &reference.values[first * width..last * width],
            value_scales: &reference.value_scales[heads],
        };
        cache.reserve(last);
        cache.write(pool, LAYER, first, last - first, &new);
    }
    cache
}

/// Holds every kernel to the reference, for one row of `queries` per number of visible positions.
fn check(pool: &Pool, spec: &ModelSpec, reference: &Reference, cache: &PagedCache, queries: &[i32], visible: &[usize]) {
    let rows = queries.chunks(spec.query_width() as usize).zip(visible);
    let want: Vec<i32> = rows
        .flat_map(|(row, visible)| reference.attend(spec, row, *visible))
        .collect();
    let (data, scales) = quantised(queries, spec.head_dim as usize);
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        let mut out = vec![0; want.len()];
        let queries = Queries {
            data: &data,
            scales: &scales,
            heads: spec.heads as usize,
        };
        attend(
            pool,
            kernel,
            cache,
            LAYER,
            &queries,
            visible.len(),
            &|row| visible[row],
            &mut out,
        );
        let (heads, dim) = (spec.heads, spec.head_dim);
        assert_eq!(out, want, "{kernel:?}, {heads} heads of {dim}, {visible:?} visible");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn attention_equals_the_reference(case in case()) {
        let spec = &case.spec;
        let positions = case.cache.key_scales.len() / spec.kv_heads as usize;
        let pool = Pool::new(2);
        let cache = cached(&pool, spec, &case.cache, case.cut);
        for visible in [positions, 1, positions.div_ceil(2)] {
            check(&pool, spec, &case.cache, &cache, &case.queries, &[visible]);
        }
    }
}

/// Pseudo-random numbers, the same in every run.
struct Numbers(u64);

impl Numbers {
    /// A number in `[-limit, limit]`.
    fn next(&mut self, limit: i32) -> i32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) % (2 * limit as u64 + 1)) as i32 - limit
    }
}

/// What the numbers of a cache and of queries are like.
#[derive(Clone, Copy)]
enum Kind {
    /// Of every size.
    Random,
    /// Each at a limit of either sign.
    Limits,
    /// All at the same limit, the largest sums.
    Largest,
    /// As random, with scales that take scores and outputs out of range or to zero.
    Scales,
    /// Nothing but zeros, as of rows of zeros.
    Zeros,
    /// Zeros, but for one number in seventeen, which is a limit.
    Sparse,
}

impl Kind {
    const ALL: [Kind; 6] = [
        Kind::Random,
        Kind::Limits,
        Kind::Largest,
        Kind::Scales,
        Kind::Zeros,
        Kind::Sparse,
    ];

    fn number(self, numbers: &mut Numbers, limit: i32) -> i32 {
        match self {
            Kind::Random | Kind::Scales => numbers.next(limit),
            Kind::Limits => limit * (1 - 2 * (numbers.next(1) & 1)),
            Kind::Largest => limit,
            Kind::Zeros => 0,
            Kind::Sparse if numbers.next(8) == 8 => limit * (1 - 2 * (numbers.next(1) & 1)),
            Kind::Sparse => 0,
        }
    }

    fn scale(self, numbers: &mut Numbers, exp: i32) -> Scale {
        match self {
            Kind::Zeros => Scale::ZERO_ROW,
            Kind::Sparse if numbers.next(1) == 0 => Scale::ZERO_ROW,
            Kind::Random | Kind::Limits | Kind::Sparse => Scale {
                mant: MANT_MIN + (numbers.next(1 << 22) + (1 << 22)).min(MANT_MIN as i32 - 1) as u32,
                exp: exp + numbers.next(4),
            },
            Kind::Largest => Scale { mant: MANT_MAX, exp },
            Kind::Scales => Scale {
                mant: if numbers.next(1) == 0 { MANT_MIN } else { MANT_MAX },
                exp: if numbers.next(3) == 0 {
                    numbers.next(512)
                } else {
                    exp + numbers.next(30)
                },
            },
        }
    }

    fn cache(self, numbers: &mut Numbers, spec: &ModelSpec, positions: usize) -> Reference {
        let (cells, heads) = (positions * spec.kv_width() as usize, positions * spec.kv_heads as usize);
        Reference {
            keys: (0..cells).map(|_| self.number(numbers, 16_383) as i16).collect(),
            key_scales: (0..heads).map(|_| self.scale(numbers, -36)).collect(),
            values: (0..cells).map(|_| self.number(numbers, 127) as i8).collect(),
            value_scales: (0..heads).map(|_| self.scale(numbers, -31)).collect(),
        }
    }
}

#[test]
fn every_number_of_positions_heads_and_components_equals_the_reference() {
    let pool = Pool::new(2);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let positions = 130;
    for dim in [2, 16, 32, 64, 80, 128, 256] {
        for group in [1, 2, 3, 4, 5, 7, 8] {
            let spec = spec(2 * group, 2, dim);
            for kind in Kind::ALL {
                let reference = kind.cache(&mut numbers, &spec, positions);
                let cache = cached(&pool, &spec, &reference, 77);
                // Every number where that is quick, else the sides of each multiple of the kernels' blocks.
                let visible: Vec<usize> = (1..=positions)
                    .filter(|n| dim * group < 100 || matches!(n % 16, 0 | 1 | 15) || *n < 4)
                    .collect();
                let cells = visible.len() * spec.query_width() as usize;
                let queries: Vec<i32> = (0..cells).map(|_| kind.number(&mut numbers, i32::MAX >> 8)).collect();
                check(&pool, &spec, &reference, &cache, &queries, &visible);
            }
        }
    }
}

#[test]
fn sums_over_thousands_of_positions_do_not_overflow() {
    let pool = Pool::new(2);
    let spec = spec(7, 1, 18);
    let positions = 2_101;
    // Every weight 2^20, then every low half of a weight -2^15.
    for mant in [MANT_MAX, 0xf8_0000] {
        for value in [-127, 127] {
            let reference = Reference {
                keys: vec![16_383; positions * 18],
                key_scales: vec![
                    Scale {
                        mant: MANT_MAX,
                        exp: -36
                    };
                    positions
                ],
                values: vec![value; positions * 18],
                value_scales: vec![Scale { mant, exp: -31 }; positions],
            };
            let cache = cached(&pool, &spec, &reference, 0);
            for query in [0, i32::MIN, i32::MAX] {
                let queries = vec![query; 2 * 7 * 18];
                check(&pool, &spec, &reference, &cache, &queries, &[positions, 1_025]);
            }
        }
    }
}

/// The largest heads over more positions than a block of sums takes, at limits of every sign, a whole head of zeros beside them.
#[test]
fn the_largest_heads_are_exact_over_long_texts() {
    let pool = Pool::new(2);
    let (spec, positions) = (spec(2, 1, 256), 1_100);
    let mut numbers = Numbers(77);
    for kind in Kind::ALL {
        let reference = kind.cache(&mut numbers, &spec, positions);
        let cache = cached(&pool, &spec, &reference, 1_000);
        for query in [i32::MIN, i32::MAX, 0] {
            let mut queries = vec![query; 3 * 512];
            queries[512..1024].fill(0);
            check(&pool, &spec, &reference, &cache, &queries, &[positions, 1_024, 1_025]);
        }
    }
}

#[test]
fn positions_written_one_by_one_are_found_on_every_page() {
    let pool = Pool::new(1);
    let mut reference = Reference::default();
    let spec = spec(2, 2, 6);
    let mut cache = PagedCache::new(shape(&spec), Vec::new());
    for position in 0..600i32 {
        let row: Vec<i32> = (0..12)
            .map(|i| (position * 7919 + i * 104_729) % 60_000 - 30_000)
            .collect();
        reference.push(&spec, &row, &row);
        let heads = position as usize * 2..position as usize * 2 + 2;
        let cells = position as usize * 12..position as usize * 12 + 12;
        let new = NewRows {
            keys: &reference.keys[cells.clone()],
            key_scales: &reference.key_scales[heads.clone()],
            values: &reference.values[cells],
            value_scales: &reference.value_scales[heads],
        };
        cache.reserve(position as usize + 1);
        cache.write(&pool, LAYER, position as usize, 1, &new);
    }
    assert_eq!(cache.pages().len(), 600usize.div_ceil(PAGE));
    check(&pool, &spec, &reference, &cache, &[65_536; 12], &[600]);
}

#[test]
fn a_page_takes_the_bytes_foretold() {
    for (kv_heads, dim) in [(1, 6), (2, 64), (3, 10)] {
        let shape = CacheShape {
            layers: LAYERS,
            kv_heads,
            dim,
        };
        let mut cache = PagedCache::new(shape, Vec::new());
        assert_eq!(cache.reserve(2 * PAGE + 1), 3);
        assert_eq!(cache.reserve(3 * PAGE), 0, "there is room already");
        let sizes = cache.pages().iter().map(|page| page.bytes());
        assert_eq!(sizes.collect::<Vec<_>>(), [shape.page_bytes(); 3]);
    }
}

#[test]
fn texts_that_share_pages_do_not_write_into_them() {
    let pool = Pool::new(1);
    let spec = spec(1, 1, 2);
    let write = |cache: &mut PagedCache, at: usize, value: i16| {
        let scale = [Scale {
            mant: MANT_MIN,
            exp: i32::from(value) - 40,
        }];
        let new = NewRows {
            keys: &[value; 2],
            key_scales: &scale,
            values: &[value as i8; 2],
            value_scales: &scale,
        };
        cache.reserve(at + 1);
        cache.write(&pool, LAYER, at, 1, &new);
    };
    let mut first = PagedCache::new(shape(&spec), Vec::new());
    (0..PAGE + 3).for_each(|at| write(&mut first, at, 1));
    let mut second = PagedCache::new(shape(&spec), first.pages()[..1].to_vec());
    (PAGE..PAGE + 3).for_each(|at| write(&mut second, at, 2));
    assert!(std::ptr::eq(&*first.pages()[0], &*second.pages()[0]));
    assert_eq!(first.head(LAYER, 0).key_exp(PAGE)[..3], [-39; 3]);
    assert_eq!(second.head(LAYER, 0).key_exp(PAGE)[..3], [-38; 3]);
    assert_eq!(second.head(LAYER, 0).exp_top(PAGE), -38, "the page before counts");
    // Writing where another text reads gives the writer a copy.
    write(&mut second, 5, 3);
    assert_eq!(first.head(LAYER, 0).key_exp(5)[0], -39);
    assert_eq!(second.head(LAYER, 0).key_exp(5)[0], -37);
}
