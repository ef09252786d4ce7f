// Heads, the paged cache and attention over it.
#pragma once
#include "rows.h"

/// Largest head dimension.
#define MOST_DIM 256u
#define HEADS_SHARED_BYTES (ROW_SHARED_BYTES + 4u * MOST_DIM)
/// Positions that one block of scores and one round of the mix take, and their threads.
#define SPAN 256u
/// Weights of a round, then sums of four dimensions in each thread.
#define MIX_SHARED_BYTES (ROW_SHARED_BYTES + 4u * SPAN + 32u * SPAN)
/// Shift, mantissa and shift of each head.
#define FINISH_SHARED_BYTES(heads) (ROW_SHARED_BYTES + 12u * (heads))

/// Where a position lies in a page of the cache.
struct Seat {
	u64 head; // page and key head: page * kv_heads + head
	u32 lane; // in the page
};

LN_FN Seat seat(Cache c, u32 slot, u32 position, u32 head) {
	Seat s;
	s.head = (u64)c.pages[(u64)slot * c.pages_stride + position / PAGE] * c.kv_heads + head;
	s.lane = position % PAGE;
	return s;
}

/// Index of a key, in keys.
LN_FN u64 key_index(Cache c, Seat s, u32 d) {
	u32 vector = c.wide ? 8 : 16;
	return ((s.head * (c.dim_padded / vector) + d / vector) * PAGE + s.lane) * vector + d % vector;
}

LN_FN i32 key_at(Cache c, Seat s, u32 d) {
	u64 i = key_index(c, s, d);
	return c.wide ? (i32)((GLOBAL const i16 *)c.keys)[i] : (i32)((GLOBAL const i8 *)c.keys)[i];
}

LN_FN void set_key(Cache c, Seat s, u32 d, i32 q) {
	u64 i = key_index(c, s, d);
	if (c.wide) {
		((GLOBAL i16 *)c.keys)[i] = (i16)q;
	} else {
		((GLOBAL i8 *)c.keys)[i] = (i8)q;
	}
}

/// Norm (where there is a gain) and rotation (where there are angles) of the head in `x`.
LN_FN void turn(HeadsArgs a, GLOBAL const i32 *gain, u32 frac, u32 row, GROUP i32 *x, GROUP u64 *room, Place at) {
	u32 dim = a.cache.dim, pairs = dim / 2;
	if (gain != nullptr) {
		Squares squares = no_squares();
		for (u32 i = at.index; i < dim; i += at.count) {
			add_square(squares, widen(x[i]));
		}
		Scale inv = inv_rms(block_squares(room, squares, at), dim, a.eps);
		for (u32 i = at.index; i < dim; i += at.count) {
			x[i] = normed(x[i], inv, gain[i], frac);
		}
		block_barrier();
	}
	if (a.angles != nullptr) {
		for (u32 i = at.index; i < pairs; i += at.count) {
			Angle angle = a.angles[(u64)row * pairs + i];
			i64 p = x[i], q = x[i + pairs];
			x[i] = sat(rsr(p * angle.cos - q * angle.sin, 30));
			x[i + pairs] = sat(rsr(q * angle.cos + p * angle.sin, 30));
		}
		block_barrier();
	}
}

/// One head of one row: queries become quantised queries, keys and values enter the cache. Blocks: (rows, heads + 2 kv_heads).
LN_FN void heads(HeadsArgs a, Place at, GROUP u8 *shared) {
	GROUP u64 *room = (GROUP u64 *)shared;
	GROUP i32 *x = (GROUP i32 *)(shared + ROW_SHARED_BYTES);
	Cache c = a.cache;
	u32 row = at.x, all = a.heads + 2 * c.kv_heads;
	for (u32 i = at.index; i < c.dim; i += at.count) {
		x[i] = a.projected[((u64)row * all + at.y) * c.dim + i];
	}
	block_barrier();
	bool query = at.y < a.heads, key = !query && at.y < a.heads + c.kv_heads;
	if (query) {
		turn(a, a.q_gain, a.q_frac, row, x, room, at);
	} else if (key) {
		turn(a, a.k_gain, a.k_frac, row, x, room, at);
	}
	u64 amax = 0;
	for (u32 i = at.index; i < c.dim; i += at.count) {
		u64 size = widen(x[i]);
		amax = size > amax ? size : amax;
	}
	amax = block_max64(room, amax, at);
	Quantiser q = quantiser(amax, query ? 8191 : key ? a.key_max : 127, unit(16));
	u32 head = query ? at.y : key ? at.y - a.heads : at.y - a.heads - c.kv_heads;
	Seat place = seat(c, c.slots[row], c.places[row], query ? 0 : head);
	for (u32 i = at.index; i < c.dim_padded; i += at.count) {
		i32 value = i < c.dim ? quantised(q, x[i]) : 0;
		if (query) {
			a.queries[((u64)row * a.heads + head) * c.dim_padded + i] = (i16)value;
		} else if (key) {
			set_key(c, place, i, value);
		} else {
			c.values[(place.head * PAGE + place.lane) * c.dim_padded + i] = (i8)value;
		}
	}
	if (at.index == 0) {
		const i32 least = -0x7fffffff - 1;
		if (query) {
			a.query_scales[(u64)row * a.heads + head] = mul(q.scale, a.score_scale);
			a.top[(u64)row * a.heads + head] = least;
		} else if (key) {
			c.key_scales[place.head * PAGE + place.lane] = q.scale;
			a.exp_top[(u64)row * c.kv_heads + head] = least;
		} else {
			c.value_scales[place.head * PAGE + place.lane] = q.scale;
		}
	}
}

LN_FN i32 low_half(u32 x) { return (i32)(i16)(u16)x; }
LN_FN i32 high_half(u32 x) { return (i32)(i16)(u16)(x >> 16); }
LN_FN i32 byte_of(u32 x, u32 i) { return (i32)(i8)(u8)(x >> (8 * i)); }

/// Products of four pairs of 16-bit numbers.
LN_FN i32 dot_halves(u32 a, u32 b, u32 c, u32 d) {
	return low_half(a) * low_half(c) + high_half(a) * high_half(c) + low_half(b) * low_half(d) + high_half(b) * high_half(d);
}

/// Products of four 16-bit numbers in `a`, `b` with the bytes of `k`.
LN_FN i32 dot_bytes(u32 a, u32 b, u32 k) {
	return low_half(a) * byte_of(k, 0) + high_half(a) * byte_of(k, 1) + low_half(b) * byte_of(k, 2) + high_half(b) * byte_of(k, 3);
}

/// Exact dot product of a query and a key. Eight pairs (wide) or sixteen (narrow) fit an i32.
LN_FN i64 dot_head(Cache c, GLOBAL const i16 *query, Seat s) {
	GLOBAL const uint4 *q = (GLOBAL const uint4 *)query;
	u32 vector = c.wide ? 8 : 16, vectors = c.dim_padded / vector;
	GLOBAL const uint4 *k = (GLOBAL const uint4 *)c.keys + s.head * vectors * PAGE + s.lane;
	i64 dot = 0;
	for (u32 i = 0; i < vectors; i++) {
		uint4 key = k[i * PAGE];
		if (c.wide) {
			uint4 a = q[i];
			dot += dot_halves(a.x, a.y, key.x, key.y) + dot_halves(a.z, a.w, key.z, key.w);
		} else {
			uint4 a = q[2 * i], b = q[2 * i + 1];
			dot += dot_bytes(a.x, a.y, key.x) + dot_bytes(a.z, a.w, key.y) + dot_bytes(b.x, b.y, key.z) + dot_bytes(b.z, b.w, key.w);
		}
	}
	return dot;
}

/// Raises `*to` to the largest number of the warp.
LN_FN void raise_warp(GLOBAL i32 *to, i32 value, Place at) {
	for (u32 mask = WARP / 2; mask > 0; mask /= 2) {
		i32 other = (i32)shuffle_xor((u32)value, mask);
		value = other > value ? other : value;
	}
	if (at.index % WARP == 0) {
		raise_to(to, value);
	}
}

/// Scores of SPAN positions, one to a thread, for all heads of a key head. Blocks: (positions / SPAN, kv_heads, rows).
LN_FN void scores(ScoresArgs a, Place at, GROUP u8 *) {
	Cache c = a.cache;
	u32 row = a.first + at.z, group = a.heads / c.kv_heads, visible = a.visible[row];
	u32 position = at.x * SPAN + at.index;
	if (at.x * SPAN >= visible) {
		return;
	}
	const i32 least = -0x7fffffff - 1;
	bool seen = position < visible;
	Seat s = seat(c, c.slots[row], seen ? position : 0, at.y);
	Scale key_scale = c.key_scales[s.head * PAGE + s.lane];
	raise_warp(a.exp_top + (u64)row * c.kv_heads + at.y, seen ? c.value_scales[s.head * PAGE + s.lane].exp : least, at);
	for (u32 i = 0; i < group; i++) {
		u32 head = at.y * group + i;
		u64 number = (u64)row * a.heads + head;
		i32 score = least;
		if (seen) {
			score = cell(dot_head(c, a.queries + number * c.dim_padded, s), a.query_scales[number], key_scale);
			a.scores[((u64)at.z * a.heads + head) * a.stride + position] = score;
		}
		raise_warp(a.top + number, score, at);
	}
}

/// Weight of a position: `e_t` and `w_t`.
struct Weight {
	u32 e, w;
};

LN_FN Weight weight(i32 score, i32 top, Scale value_scale, i32 exp_top) {
	Weight out;
	out.e = exp2_neg((u32)((i64)top - score));
	i32 gap = exp_top - value_scale.exp;
	u32 down = 28 + (gap < 0 ? 0 : gap > 64 ? 64 : (u32)gap);
	out.w = (u32)rsr((i64)out.e * value_scale.mant, down);
	return out;
}

/// Adds the weighted values of a round into four dimensions. Sixteen products fit an i32.
LN_FN void mix_round(Cache c, u32 slot, u32 head, u32 first, u32 count, u32 quad, u32 lane, u32 lanes, GROUP const u32 *weights,
					 thread_ptr(i64) acc) {
	i32 part[4] = {0, 0, 0, 0};
	u32 terms = 0;
	for (u32 t = lane; t < count; t += lanes) {
		Seat s = seat(c, slot, first + t, head);
		u32 v = *(GLOBAL const u32 *)(c.values + (s.head * PAGE + s.lane) * c.dim_padded + 4 * quad);
		i32 w = (i32)weights[t];
		for (u32 i = 0; i < 4; i++) {
			part[i] += w * byte_of(v, i);
		}
		terms += 1;
		if (terms == 16) {
			for (u32 i = 0; i < 4; i++) {
				acc[i] += part[i];
				part[i] = 0;
			}
			terms = 0;
		}
	}
	for (u32 i = 0; i < 4; i++) {
		acc[i] += part[i];
	}
}

/// Sums of exponentials and mixed values of `span` positions, for one head. Blocks: (splits, heads, rows) of SPAN threads.
LN_FN void mix(MixArgs a, Place at, GROUP u8 *shared) {
	GROUP u64 *room = (GROUP u64 *)shared;
	GROUP u32 *weights = (GROUP u32 *)(shared + ROW_SHARED_BYTES);
	GROUP i64 *sums = (GROUP i64 *)(shared + ROW_SHARED_BYTES + 4 * SPAN);
	Cache c = a.cache;
	u32 row = a.first + at.z, head = at.y, kv_head = head / (a.heads / c.kv_heads), slot = c.slots[row];
	u64 number = (u64)row * a.heads + head;
	i32 top = a.top[number], exp_top = a.exp_top[(u64)row * c.kv_heads + kv_head];
	u32 visible = a.visible[row], begin = at.x * a.span;
	u32 end = visible - begin < a.span ? visible : begin + a.span;
	u32 quads = c.dim_padded / 4, lanes = SPAN / quads, quad = at.index % quads, lane = at.index / quads;
	i64 acc[4] = {0, 0, 0, 0};
	u64 sum = 0;
	for (u32 first = begin; first < visible && first < end; first += SPAN) {
		u32 count = end - first < SPAN ? end - first : SPAN;
		if (at.index < count) {
			Seat s = seat(c, slot, first + at.index, kv_head);
			i32 score = a.scores[((u64)at.z * a.heads + head) * a.stride + first + at.index];
			Weight w = weight(score, top, c.value_scales[s.head * PAGE + s.lane], exp_top);
			sum += w.e;
			weights[at.index] = w.w;
		}
		block_barrier();
		if (lane < lanes) {
			mix_round(c, slot, kv_head, first, count, quad, lane, lanes, weights, acc);
		}
		block_barrier();
	}
	for (u32 i = 0; i < 4; i++) {
		sums[at.index * 4 + i] = acc[i];
	}
	sum = block_sum64(room, sum, at);
	u64 out = number * a.splits + at.x;
	for (u32 d = at.index; d < c.dim; d += at.count) {
		i64 total = 0;
		for (u32 i = 0; i < lanes; i++) {
			total += sums[(i * quads + d / 4) * 4 + d % 4];
		}
		a.mix[out * c.dim + d] = total;
	}
	if (at.index == 0) {
		a.sum[out] = sum;
	}
}

/// Adds the splits, divides by the sums of exponentials, and quantises the concatenated heads. One block for each row.
LN_FN void finish_attention(FinishArgs a, Place at, GROUP u8 *shared) {
	GROUP u64 *room = (GROUP u64 *)shared;
	GROUP u32 *mant = (GROUP u32 *)(shared + ROW_SHARED_BYTES);
	GROUP u32 *down = mant + a.heads;
	GROUP i32 *under = (GROUP i32 *)(down + a.heads);
	u32 row = at.x, group = a.heads / a.kv_heads;
	for (u32 head = at.index; head < a.heads; head += at.count) {
		u64 sum = 0;
		for (u32 i = 0; i < a.splits; i++) {
			sum += a.sum[((u64)row * a.heads + head) * a.splits + i];
		}
		Scale recip = ratio(1, sum, 0);
		mant[head] = recip.mant;
		down[head] = bits(sum) > 32 ? bits(sum) - 32 : 0;
		under[head] = -((i32)down[head] + 44 + recip.exp + a.exp_top[(u64)row * a.kv_heads + head / group]);
	}
	block_barrier();
	u64 amax = 0;
	for (u32 i = at.index; i < a.out.ins; i += at.count) {
		u32 head = i / a.dim, d = i % a.dim;
		i64 acc = 0;
		for (u32 part = 0; part < a.splits; part++) {
			acc += a.mix[(((u64)row * a.heads + head) * a.splits + part) * a.dim + d];
		}
		i32 x = shift(rsr(acc, down[head]) * mant[head], under[head]);
		a.mixed[(u64)row * a.out.ins + i] = x;
		u64 size = widen(x);
		amax = size > amax ? size : amax;
	}
	amax = block_max64(room, amax, at);
	Quantiser q = quantiser(amax, a.out.qmax, unit(16));
	for (u32 i = at.index; i < a.out.ins; i += at.count) {
		store(a.out, row, i, quantised(q, a.mixed[(u64)row * a.out.ins + i]));
	}
	finish_row(a.out, row, q.scale, at);
}
