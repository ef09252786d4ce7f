//! From logits to the next token.

use alloc::vec::Vec;

use crate::{
    fixed::{exp2_neg, gumbel, rsr},
    spec::Q16_ONE,
    Sampling,
};

/// Words of noise that one hash gives.
pub const NOISE_PER_BLOCK: u32 = 16;
/// No noise exceeds this (Q36): the largest, for `r = 2^32 - 1`, is 22.87.
pub const GUMBEL_MAX: i64 = 23 << 36;

/// The token with the largest logit; the lowest id among equals; 0 for no logits.
pub fn argmax(logits: &[i32]) -> u32 {
    let mut best = 0usize;
    for (id, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = id;
        }
    }
    best as u32
}

/// Uniform 32-bit words for tokens `16 block .. 16 block + 16` at `position`:
/// `BLAKE2b-512("lantern/sample/1" || seed || position u32 LE || block u32 LE)` as u32 LE.
pub fn noise_block(seed: &[u8; 32], position: u32, block: u32) -> [u32; 16] {
    let mut state = blake2b_simd::Params::new().hash_length(64).to_state();
    state.update(b"lantern/sample/1").update(seed);
    state.update(&position.to_le_bytes()).update(&block.to_le_bytes());
    let digest = state.finalize();
    let mut out = [0u32; 16];
    for (word, b) in out.iter_mut().zip(digest.as_bytes().chunks_exact(4)) {
        *word = u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    }
    out
}

/// The next token. `position` is the index the token will have in prompt and output together.
///
/// Seeded: tokens are ordered by logit, largest first, lower id first among equals.
/// 1. `top_k > 0` keeps the first `top_k`.
/// 2. `top_p < 1` gives each kept token the mass `exp2_neg(rsr((max - logit) * c, 20))` with `c = log2(e) / temperature` in
///    Q20, and keeps a token if and only if `65,536 * (mass of all tokens before it) < top_p * (mass of all kept in step 1)`.
/// 3. The kept token with the largest `logit * inv + noise` wins, the lowest id among equals; `inv = 1 / temperature` in
///    Q20, both terms Q36, noise from [`gumbel`] of the token's word in [`noise_block`].
pub fn sample(logits: &[i32], sampling: &Sampling, position: u32) -> u32 {
    let Sampling::Seeded {
        temperature,
        top_k,
        top_p,
        seed,
    } = sampling
    else {
        return argmax(logits);
    };
    let t = (*temperature).max(1) as u64;
    let inv = ((1u64 << 36) + t / 2) / t; // Q20, at most 2^26 from MIN_TEMPERATURE
    let mut race = Race {
        seed,
        position,
        inv: inv as i64,
        block: None,
        best: None,
    };
    if *top_k == 0 && *top_p >= Q16_ONE {
        for (id, logit) in logits.iter().enumerate() {
            race.enter(id as u32, *logit);
        }
    } else {
        for id in kept(logits, inv, *top_k, *top_p) {
            race.enter(id, logits[id as usize]);
        }
    }
    race.best.map_or(0, |(_, id)| id)
}

/// Ids that pass the top-k and top-p thresholds, in order.
fn kept(logits: &[i32], inv: u64, top_k: u32, top_p: u32) -> Vec<u32> {
    let key = |id: &u32| (core::cmp::Reverse(logits[*id as usize]), *id);
    let mut ids: Vec<u32> = (0..logits.len() as u32).collect();
    if top_k > 0 && (top_k as usize) < ids.len() {
        ids.select_nth_unstable_by_key(top_k as usize - 1, key);
        ids.truncate(top_k as usize);
    }
    if top_p >= Q16_ONE {
        return ids;
    }
    let top = logits.iter().copied().max().unwrap_or(0);
    // log2(e) in Q30; inv at most 2^26: the product is below 2^57 and c below 2^27.
    let c = (inv * 1_549_082_005) >> 30;
    let mass = |id: &u32| {
        let below = (top as i64 - logits[*id as usize] as i64) as u64; // below 2^32
        let t = rsr((below * c) as i64, 20);
        exp2_neg(t.min(u32::MAX as i64) as u32) as u64
    };
    // A token without mass comes after all with mass, where the sum before it is the whole: never kept.
    ids.retain(|id| mass(id) > 0);
    ids.sort_unstable_by_key(key);
    // At most 2^24 * 2^20 = 2^44, times 2^16.
    let total: u64 = ids.iter().map(mass).sum();
    let mut before = 0u64;
    let mut count = 0;
    for id in &ids {
        if before << 16 >= top_p as u64 * total {
            break;
        }
        before += mass(id);
        count += 1;
    }
    ids.truncate(count);
    ids
}

/// The arg max over noisy cells.
struct Race<'a> {
    seed: &'a [u8; 32],
    position: u32,
    inv: i64,
    /// The noise block hashed last.
    block: Option<(u32, [u32; 16])>,
    best: Option<(i64, u32)>,
}

impl Race<'_> {
    fn enter(&mut self, id: u32, logit: i32) {
        // |logit| <= 2^31, inv <= 2^26: Q36 below 2^57.
        let base = logit as i64 * self.inv;
        // Skipping what cannot win saves nearly all hashes and changes nothing.
        if self.best.is_some_and(|(cell, _)| base + GUMBEL_MAX < cell) {
            return;
        }
        let number = id / NOISE_PER_BLOCK;
        let words = match self.block {
            Some((held, words)) if held == number => words,
            _ => noise_block(self.seed, self.position, number),
        };
        self.block = Some((number, words));
        let cell = base + gumbel(words[(id % NOISE_PER_BLOCK) as usize]);
        if self
            .best
            .is_none_or(|(best, holder)| cell > best || (cell == best && id < holder))
        {
            self.best = Some((cell, id));
        }
    }
}
