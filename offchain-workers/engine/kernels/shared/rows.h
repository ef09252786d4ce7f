// Operators that work row by row: one block has one row, unless they say otherwise.
#pragma once
#include "args.h"

/// Memory of a block that the kernels of this file take: a u64 for each of 32 warps.
#define ROW_SHARED_BYTES 256u

LN_FN u64 widen(i32 x) { return magnitude((i64)x); }

/// Stores the quantised value of input `i`. High plane first.
LN_FN void store(Activations to, u32 row, u32 i, i32 q) {
	if (to.wide) {
		GLOBAL i8 *at = to.planes + (u64)row * 2 * to.ins_padded + i;
		i32 high = (q + 128) >> 8;
		at[0] = (i8)high;
		at[to.ins_padded] = (i8)(q - 256 * high);
	} else {
		to.planes[(u64)row * to.ins_padded + i] = (i8)q;
	}
}

/// The row's scale, and zeros in its padding.
LN_FN void finish_row(Activations to, u32 row, Scale s, Place at) {
	for (u32 i = to.ins + at.index; i < to.ins_padded; i += at.count) {
		store(to, row, i, 0);
	}
	if (at.index == 0) {
		to.scales[row] = s;
	}
}

/// A Q16 value of an embedding table.
LN_FN i32 embedded(Matrix table, u32 row, u32 i) {
	Scale s = table.scales[row];
	return shift((i64)table.data[(u64)row * table.ins_padded + i] * s.mant, -(s.exp + 16));
}

LN_FN void embed(EmbedArgs a, Place at, GROUP u8 *) {
	u32 token = a.tokens[at.x];
	for (u32 i = at.index; i < a.hidden; i += at.count) {
		i32 x = embedded(a.words, token, i);
		if (a.positions.data != nullptr) {
			x = add_sat(x, embedded(a.positions, a.places[at.x], i));
			x = add_sat(x, embedded(a.token_type, 0, i));
		}
		a.out[(u64)at.x * a.hidden + i] = x;
	}
}

LN_FN i32 with_delta(NormArgs a, u64 row, u32 i) {
	i32 x = a.x[row * a.n + i];
	return a.delta != nullptr ? add_sat(x, a.delta[row * a.n + i]) : x;
}

/// The sum of squares of the block's numbers, in two lanes that cannot overflow: 2^17 halves of 32 bits.
struct Squares {
	u64 low, high;
};

LN_FN Squares no_squares() {
	Squares s;
	s.low = s.high = 0;
	return s;
}

LN_FN void add_square(thread_ref(Squares) s, u64 size) {
	u64 square = size * size;
	s.low += square & 0xffffffffu;
	s.high += square >> 32;
}

LN_FN U128 block_squares(GROUP u64 *room, Squares s, Place at) {
	u64 low = block_sum64(room, s.low, at), high = block_sum64(room, s.high, at);
	return add128(shl128(u128(0, high), 32), u128(0, low));
}

/// Residual addition and RMSNorm, quantised.
LN_FN void rms_quantise(NormArgs a, Place at, GROUP u8 *shared) {
	GROUP u64 *room = (GROUP u64 *)shared;
	u64 row = a.pick != nullptr ? a.pick[at.x] : at.x;
	Squares squares = no_squares();
	u64 amax = 0;
	for (u32 i = at.index; i < a.n; i += at.count) {
		i32 x = with_delta(a, row, i);
		if (a.sum != nullptr) {
			a.sum[row * a.n + i] = x;
		}
		add_square(squares, widen(x));
		u64 size = magnitude((i64)x * a.gain[i]);
		amax = size > amax ? size : amax;
	}
	Scale inv = inv_rms(block_squares(room, squares, at), a.n, a.eps);
	amax = block_max64(room, amax, at);
	Quantiser q = quantiser(amax, a.out.qmax, scale(inv.mant, inv.exp - 16 - (i32)a.frac));
	for (u32 i = at.index; i < a.n; i += at.count) {
		// Where the sum was stored, this very thread did it.
		i32 x = a.sum != nullptr ? a.sum[row * a.n + i] : with_delta(a, row, i);
		store(a.out, at.x, i, quantised(q, (i64)x * a.gain[i]));
	}
	finish_row(a.out, at.x, q.scale, at);
}

/// An element of a norm to Q16.
LN_FN i32 normed(i32 x, Scale inv, i32 gain, u32 frac) {
	i32 n = shift((i64)x * inv.mant, -(inv.exp + 6));
	return shift((i64)n * gain, 6 + (i32)frac);
}

/// Residual addition and LayerNorm to Q16.
LN_FN void layernorm(NormArgs a, Place at, GROUP u8 *shared) {
	GROUP u64 *room = (GROUP u64 *)shared;
	u64 row = at.x;
	i64 sum = 0;
	for (u32 i = at.index; i < a.n; i += at.count) {
		i32 x = with_delta(a, row, i);
		a.sum[row * a.n + i] = x;
		sum += x;
	}
	sum = (i64)block_sum64(room, (u64)sum, at);
	// floor((2 sum + n) / 2 n)
	i64 top = 2 * sum + (i64)a.n, under = 2 * (i64)a.n;
	i64 mean = top / under - (top % under < 0 ? 1 : 0);
	Squares squares = no_squares();
	for (u32 i = at.index; i < a.n; i += at.count) {
		add_square(squares, widen(sat((i64)a.sum[row * a.n + i] - mean)));
	}
	Scale inv = inv_rms(block_squares(room, squares, at), a.n, a.eps);
	for (u32 i = at.index; i < a.n; i += at.count) {
		i32 centred = sat((i64)a.sum[row * a.n + i] - mean);
		a.sum[row * a.n + i] = add_sat(normed(centred, inv, a.gain[i], a.frac), a.bias[i]);
	}
}

LN_FN i64 unquantised(QuantiseArgs a, u64 row, u32 i) {
	switch (a.mode) {
	case 0: return a.x[row * a.n + i];
	case 1: return gelu(a.x[row * a.n + i], a.table);
	default: return (i64)silu(a.x[row * 2 * a.n + i], a.table) * a.x[row * 2 * a.n + a.n + i];
	}
}

/// Quantises rows as they are, after GELU, or after the SiLU gate.
LN_FN void quantise(QuantiseArgs a, Place at, GROUP u8 *shared) {
	u64 amax = 0;
	for (u32 i = at.index; i < a.n; i += at.count) {
		u64 size = magnitude(unquantised(a, at.x, i));
		amax = size > amax ? size : amax;
	}
	amax = block_max64((GROUP u64 *)shared, amax, at);
	Quantiser q = quantiser(amax, a.out.qmax, unit(a.mode == 2 ? 32 : 16));
	for (u32 i = at.index; i < a.n; i += at.count) {
		store(a.out, at.x, i, quantised(q, unquantised(a, at.x, i)));
	}
	finish_row(a.out, at.x, q.scale, at);
}

/// Residual addition of `count` numbers, one to a thread.
LN_FN void add(AddArgs a, Place at, GROUP u8 *) {
	u64 i = (u64)at.x * at.count + at.index;
	if (i < a.count) {
		a.out[i] = add_sat(a.x[i], a.delta[i]);
	}
}

/// Angles of the rows' positions, one to a thread.
LN_FN void angles(AngleArgs a, Place at, GROUP u8 *) {
	u64 i = (u64)at.x * at.count + at.index;
	if (i < (u64)a.rows * a.pairs) {
		a.out[i] = sin_cos(a.frequencies[i % a.pairs] * a.places[i / a.pairs]);
	}
}

/// The largest logit, the lowest id among equals.
LN_FN void argmax(ArgmaxArgs a, Place at, GROUP u8 *shared) {
	u64 best = 0;
	for (u32 i = at.index; i < a.vocab; i += at.count) {
		u32 order = (u32)a.logits[(u64)at.x * a.vocab + i] ^ 0x80000000u;
		u64 key = ((u64)order << 32) | (u32)~i;
		best = key > best ? key : best;
	}
	best = block_max64((GROUP u64 *)shared, best, at);
	if (at.index == 0) {
		a.out[at.x] = ~(u32)best;
	}
}

/// From token rows to one row. One block.
LN_FN void pool(PoolArgs a, Place at, GROUP u8 *shared) {
	GROUP u64 *room = (GROUP u64 *)shared;
	u64 amax = 0;
	for (u32 i = at.index; i < a.hidden; i += at.count) {
		i64 sum = 0;
		for (u32 row = 0; row < a.rows; row++) {
			sum += a.x[(u64)row * a.hidden + i];
		}
		a.sums[i] = sum;
		u64 size = magnitude(sum);
		amax = size > amax ? size : amax;
		if (!a.normalise) {
			i64 top = 2 * sum + (i64)a.rows, under = 2 * (i64)a.rows;
			a.out[i] = (i32)(top / under - (top % under < 0 ? 1 : 0));
		}
	}
	if (!a.normalise) {
		return;
	}
	amax = block_max64(room, amax, at);
	i32 down = (i32)bits(amax) - 30;
	Squares squares = no_squares();
	for (u32 i = at.index; i < a.hidden && amax != 0; i += at.count) {
		add_square(squares, magnitude(top_30_bits(a.sums[i], down)));
	}
	Scale inv = inv_sqrt(block_squares(room, squares, at), 0);
	for (u32 i = at.index; i < a.hidden; i += at.count) {
		a.out[i] = amax == 0 ? 0 : shift(top_30_bits(a.sums[i], down) * inv.mant, -(inv.exp + 30));
	}
}
