// Products of many activation rows with a matrix, on the int8 tensor cores of sm_80 and later.
//
// A block computes BM rows x BN outputs in steps of 64 inputs. Rows of both operands go through the memory of the block, three
// steps ahead of their use; both planes of a wide activation meet the same fragments of weights.
#pragma once
#include "../shared/products.h"

/// Bytes of a step of inputs, and of one row of it in the memory of the block: 20 words apart, so that the eight rows that a
/// fragment reads at once lie in different banks.
#define STEP 64u
#define PITCH 80u
#define STAGES 3u
#define TILE_THREADS 128u

/// `c += a b` for a 16 x 32 tile of activations and a 32 x 8 tile of weights. Group `g = lane / 4` and `t = lane % 4`:
/// `a[0..4]` are inputs `4 t..` of row `g`, of row `g + 8`, then inputs `16 + 4 t..` of both; `b0, b1` inputs `4 t..` and `16 + 4 t..`
/// of output `g`; `c` outputs `2 t, 2 t + 1` of row `g`, then of row `g + 8`.
LN_FN void mma(i32 (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#if defined(__CUDACC__)
	asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
				 : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
				 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
	// The whole tiles, put together from all lanes.
	u32 mine[6] = {a[0], a[1], a[2], a[3], b0, b1}, all[WARP * 6];
	emulate::gather(mine, 6, all);
	i8 x[16][32], w[32][8];
	for (u32 lane = 0; lane < WARP; lane++) {
		u32 g = lane / 4, t = lane % 4;
		for (u32 i = 0; i < 4; i++) {
			for (u32 part = 0; part < 4; part++) {
				x[g + 8 * (part % 2)][16 * (part / 2) + 4 * t + i] = (i8)(u8)(all[lane * 6 + part] >> (8 * i));
			}
			for (u32 part = 0; part < 2; part++) {
				w[16 * part + 4 * t + i][g] = (i8)(u8)(all[lane * 6 + 4 + part] >> (8 * i));
			}
		}
	}
	u32 g = emulate::lane() / 4, t = emulate::lane() % 4;
	for (u32 i = 0; i < 4; i++) {
		for (u32 k = 0; k < 32; k++) {
			c[i] += (i32)x[g + 8 * (i / 2)][k] * w[k][2 * t + i % 2];
		}
	}
#endif
}

/// Begins a copy of 16 bytes into the memory of the block.
LN_FN void copy_async(u8 *to, const i8 *from) {
#if defined(__CUDACC__)
	u32 at = (u32)__cvta_generic_to_shared(to);
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(at), "l"(from) : "memory");
#else
	emulate::copy_async(to, from);
#endif
}

LN_FN void copy_commit() {
#if defined(__CUDACC__)
	asm volatile("cp.async.commit_group;" ::: "memory");
#else
	emulate::copy_commit();
#endif
}

template <int PENDING> LN_FN void copy_wait() {
#if defined(__CUDACC__)
	asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
#else
	emulate::copy_wait(PENDING);
#endif
}

LN_FN u32 word_at(const u8 *at) { return *(const u32 *)at; }

/// Warps down the rows, 16-row and 8-output tiles of a warp, planes.
template <int WARPS_DOWN, int DOWN, int ACROSS, bool WIDE> struct Tiling {
	static const u32 PLANES = WIDE ? 2 : 1;
	static const u32 ROWS = WARPS_DOWN * DOWN * 16;
	static const u32 OUTS = TILE_THREADS / WARP / WARPS_DOWN * ACROSS * 8;
	static const u32 STAGE_BYTES = (PLANES * ROWS + OUTS) * PITCH;
};

/// Begins to fetch the inputs from `k` on. Beyond the last row and output the last ones are fetched again; nothing of them is stored.
template <class T> LN_FN void fetch(const ProductArgs &a, const Place &at, u8 *stage, u32 row, u32 out, u32 k) {
	u32 width = a.weights.ins_padded;
	for (u32 i = at.index; i < (T::PLANES * T::ROWS + T::OUTS) * 4; i += TILE_THREADS) {
		u32 line = i / 4, quarter = i % 4;
		const i8 *from;
		if (line < T::PLANES * T::ROWS) {
			u32 plane = line / T::ROWS, of = row + line % T::ROWS;
			of = of < a.rows ? of : a.rows - 1;
			from = a.planes + ((u64)of * T::PLANES + plane) * width;
		} else {
			u32 of = out + line - T::PLANES * T::ROWS;
			from = a.weights.data + (u64)(of < a.weights.outs ? of : a.weights.outs - 1) * width;
		}
		copy_async(stage + line * PITCH + quarter * 16, from + k + quarter * 16);
	}
}

/// Blocks: (rows / ROWS, outputs / OUTS) of TILE_THREADS threads with STAGES * STAGE_BYTES of memory.
template <int WARPS_DOWN, int DOWN, int ACROSS, bool WIDE> LN_FN void many_rows(const ProductArgs &a, const Place &at, u8 *shared) {
	typedef Tiling<WARPS_DOWN, DOWN, ACROSS, WIDE> T;
	u32 row = at.x * T::ROWS, out = at.y * T::OUTS;
	u32 warp = at.index / WARP, lane = at.index % WARP, g = lane / 4, t = lane % 4;
	u32 down = warp % WARPS_DOWN * DOWN * 16, across = warp / WARPS_DOWN * ACROSS * 8;
	i32 acc[T::PLANES][DOWN][ACROSS][4] = {};
	u32 steps = a.weights.ins_padded / STEP;
	for (u32 step = 0; step < STAGES - 1; step++) {
		if (step < steps) {
			fetch<T>(a, at, shared + step * T::STAGE_BYTES, row, out, step * STEP);
		}
		copy_commit();
	}
	for (u32 step = 0; step < steps; step++) {
		copy_wait<STAGES - 2>();
		block_barrier();
		// The stage that all have left behind with this barrier.
		u32 next = step + STAGES - 1;
		if (next < steps) {
			fetch<T>(a, at, shared + next % STAGES * T::STAGE_BYTES, row, out, next * STEP);
		}
		copy_commit();
		const u8 *x = shared + step % STAGES * T::STAGE_BYTES, *w = x + T::PLANES * T::ROWS * PITCH;
		LN_UNROLL
		for (u32 half = 0; half < STEP; half += 32) {
			u32 b[ACROSS][2];
			LN_UNROLL
			for (int j = 0; j < ACROSS; j++) {
				const u8 *from = w + (across + 8 * j + g) * PITCH + half + 4 * t;
				b[j][0] = word_at(from);
				b[j][1] = word_at(from + 16);
			}
			LN_UNROLL
			for (u32 p = 0; p < T::PLANES; p++) {
				LN_UNROLL
				for (int i = 0; i < DOWN; i++) {
					const u8 *from = x + (p * T::ROWS + down + 16 * i + g) * PITCH + half + 4 * t;
					u32 tile[4] = {word_at(from), word_at(from + 8 * PITCH), word_at(from + 16), word_at(from + 8 * PITCH + 16)};
					LN_UNROLL
					for (int j = 0; j < ACROSS; j++) {
						mma(acc[p][i][j], tile, b[j][0], b[j][1]);
					}
				}
			}
		}
	}
	LN_UNROLL
	for (int i = 0; i < DOWN; i++) {
		LN_UNROLL
		for (int j = 0; j < ACROSS; j++) {
			LN_UNROLL
			for (u32 part = 0; part < 4; part++) {
				u32 r = row + down + 16 * i + g + 8 * (part / 2), o = out + across + 8 * j + 2 * t + part % 2;
				if (r < a.rows && o < a.weights.outs) {
					put_cell(a, r, o, join_planes(WIDE, acc[0][i][j][part], acc[T::PLANES - 1][i][j][part]));
				}
			}
		}
	}
}

#define LN_MANY_ROWS(name, WARPS_DOWN, DOWN, ACROSS, WIDE)                                                                         \
	LN_FN void name##_body(const ProductArgs &a, const Place &at, u8 *shared) {                                                    \
		many_rows<WARPS_DOWN, DOWN, ACROSS, WIDE>(a, at, shared);                                                                  \
	}                                                                                                                              \
	LN_KERNEL(name, ProductArgs, name##_body)
