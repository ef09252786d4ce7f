//! Building blocks of the row operators for AVX2.

use std::arch::x86_64::*;

/// 32-bit lanes of a vector.
pub(super) const LANES: usize = 8;
/// The odd ones of them, as a blend reads it.
pub(super) const ODD: i32 = 0b1010_1010;

/// Mask of the lanes in bounds when fewer than eight values are left.
#[target_feature(enable = "avx2")]
#[inline]
fn mask(left: usize) -> __m256i {
    _mm256_cmpgt_epi32(
        _mm256_set1_epi32(left as i32),
        _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
    )
}

/// Values `at..at + 8` of `x`, zero beyond the end.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn load(x: &[i32], at: usize) -> __m256i {
    let left = &x[at..];
    match left.first_chunk::<LANES>() {
        // SAFETY: the block has the 32 bytes of a vector.
        Some(block) => unsafe { _mm256_loadu_si256(block.as_ptr().cast()) },
        // SAFETY: the mask keeps the load within `left`.
        None => unsafe { _mm256_maskload_epi32(left.as_ptr(), mask(left.len())) },
    }
}

/// Makes `value` the values `at..at + 8` of `x`, dropping what is beyond the end.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn store(x: &mut [i32], at: usize, value: __m256i) {
    let left = &mut x[at..];
    match left.first_chunk_mut::<LANES>() {
        // SAFETY: the block has the 32 bytes of a vector.
        Some(block) => unsafe { _mm256_storeu_si256(block.as_mut_ptr().cast(), value) },
        // SAFETY: the mask keeps the store within `left`.
        None => unsafe { _mm256_maskstore_epi32(left.as_mut_ptr(), mask(left.len()), value) },
    }
}

/// The four 64-bit lanes.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn lanes64(x: __m256i) -> [u64; 4] {
    let mut lanes = [0; 4];
    // SAFETY: `lanes` has 32 bytes.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), x) };
    lanes
}

/// Odd 32-bit lanes where the even ones were, for a multiplication.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn odd(x: __m256i) -> __m256i {
    _mm256_srli_epi64::<32>(x)
}

/// Low halves of the 64-bit results of even and odd lanes, as 32-bit lanes.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn low_halves(even: __m256i, odd: __m256i) -> __m256i {
    _mm256_blend_epi32::<ODD>(even, _mm256_slli_epi64::<32>(odd))
}

/// High halves of the 64-bit results of even and odd lanes, as 32-bit lanes.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn high_halves(even: __m256i, odd: __m256i) -> __m256i {
    _mm256_blend_epi32::<ODD>(_mm256_srli_epi64::<32>(even), odd)
}

/// Products of even and of odd lanes.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn products(a: __m256i, b: __m256i) -> (__m256i, __m256i) {
    (_mm256_mul_epi32(a, b), _mm256_mul_epi32(odd(a), odd(b)))
}

/// Magnitudes of [`products`]. That of the smallest i32 is 2^31, which is right when read as unsigned.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn magnitudes(a: __m256i, b: __m256i) -> (__m256i, __m256i) {
    let (a, b) = (_mm256_abs_epi32(a), _mm256_abs_epi32(b));
    (_mm256_mul_epu32(a, b), _mm256_mul_epu32(odd(a), odd(b)))
}

/// The larger of `top` and the magnitudes of products: at most 2^62, so that a signed comparison is right.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn larger(top: __m256i, (even, odd): (__m256i, __m256i)) -> __m256i {
    let larger = |a, b| _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(b, a));
    larger(top, larger(even, odd))
}

/// The largest of four magnitudes.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn largest(top: __m256i) -> u64 {
    lanes64(top).into_iter().max().unwrap_or(0)
}

/// [`lantern_exact::ops::sum_of_squares`] by halves: each lane sums fewer than 2^32 numbers below 2^32.
pub(super) struct Squares {
    low: __m256i,
    high: __m256i,
}

impl Squares {
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn new() -> Self {
        Self {
            low: _mm256_setzero_si256(),
            high: _mm256_setzero_si256(),
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn add(&mut self, x: __m256i) {
        let (even, odd) = magnitudes(x, x);
        // Two squares are at most 2^63.
        let two = _mm256_add_epi64(even, odd);
        let low = _mm256_and_si256(two, _mm256_set1_epi64x(0xffff_ffff));
        self.low = _mm256_add_epi64(self.low, low);
        self.high = _mm256_add_epi64(self.high, _mm256_srli_epi64::<32>(two));
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn total(&self) -> u128 {
        let sum = |lanes| lanes64(lanes).into_iter().map(u128::from).sum::<u128>();
        (sum(self.high) << 32) + sum(self.low)
    }
}

/// The largest of eight magnitudes.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn largest32(top: __m256i) -> u64 {
    let low = _mm256_set1_epi64x(0xffff_ffff);
    largest(_mm256_max_epu32(_mm256_and_si256(top, low), odd(top)))
}

/// `sat32(rsr(x, s))` for `1 <= s <= 63`, where `|x| + 2^(s-1) < 2^63`.
pub(super) struct ShiftToI32 {
    offset: __m256i,
    count: __m128i,
    origin: __m256i,
}

impl ShiftToI32 {
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn new(s: i32) -> Self {
        Self {
            offset: _mm256_set1_epi64x(i64::MIN | 1 << (s - 1)),
            count: _mm_cvtsi32_si128(s),
            origin: _mm256_set1_epi64x(1 << (63 - s)),
        }
    }

    /// Of what even and odd lanes hold.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn apply(&self, even: __m256i, odd: __m256i) -> __m256i {
        // 2^63 more makes every number positive, so that a logical shift is right; it takes away 2^(63-s) afterwards.
        let shift = |x| {
            _mm256_sub_epi64(
                _mm256_srl_epi64(_mm256_add_epi64(x, self.offset), self.count),
                self.origin,
            )
        };
        let (even, odd) = (shift(even), shift(odd));
        let (low, high) = (low_halves(even, odd), high_halves(even, odd));
        // What fits 32 bits has nothing but the sign above them.
        let fits = _mm256_cmpeq_epi32(high, _mm256_srai_epi32::<31>(low));
        let bound = _mm256_xor_si256(_mm256_srai_epi32::<31>(high), _mm256_set1_epi32(i32::MAX));
        _mm256_blendv_epi8(bound, low, fits)
    }
}

/// Saturating sums.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn add_saturating(a: __m256i, b: __m256i) -> __m256i {
    let sum = _mm256_add_epi32(a, b);
    // Overflow: the sum's sign differs from both signs.
    let overflow = _mm256_and_si256(_mm256_xor_si256(a, sum), _mm256_xor_si256(b, sum));
    let bound = _mm256_xor_si256(_mm256_srai_epi32::<31>(a), _mm256_set1_epi32(i32::MAX));
    _mm256_blendv_epi8(sum, bound, _mm256_srai_epi32::<31>(overflow))
}
