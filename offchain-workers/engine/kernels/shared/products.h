// Products of few activation rows with a matrix: bound by reading the weights, each byte of which is read once for all rows.
#pragma once
#include "args.h"

#if defined(__CUDACC__) || defined(__METAL_VERSION__)
#define LN_UNROLL _Pragma("unroll")
#else
#define LN_UNROLL
#endif

/// The sum over both planes.
LN_FN i64 join_planes(bool wide, i32 first, i32 second) { return wide ? (i64)first * 256 + second : (i64)first; }

LN_FN void put_cell(ProductArgs a, u32 row, u32 out, i64 acc) {
	i32 y = cell(acc, a.scales[row], a.weights.scales[out]);
	a.out[(u64)row * a.weights.outs + out] = a.weights.bias != nullptr ? add_sat(y, a.weights.bias[out]) : y;
}

/// `y = x w^T + bias` in Q16 for ROWS rows at a time. A warp has OUTS outputs. Blocks: (outputs, rows / ROWS).
///
/// One plane's sum is below 2^14 * 131,071 < 2^31, and so is every part of it.
template <int ROWS, int OUTS, bool WIDE> LN_FN void few_rows(ProductArgs a, Place at, GROUP u8 *) {
	const int PLANES = WIDE ? 2 : 1;
	u32 lane = at.index % WARP, width = a.weights.ins_padded, outs = a.weights.outs;
	u32 first = (at.x * (at.count / WARP) + at.index / WARP) * OUTS, row = at.y * ROWS;
	if (first >= outs) {
		return;
	}
	i32 acc[OUTS][ROWS][PLANES];
	LN_UNROLL
	for (int o = 0; o < OUTS; o++) {
		LN_UNROLL
		for (int m = 0; m < ROWS; m++) {
			LN_UNROLL
			for (int p = 0; p < PLANES; p++) {
				acc[o][m][p] = 0;
			}
		}
	}
	for (u32 k = lane * 16; k < width; k += WARP * 16) {
		uint4 w[OUTS];
		LN_UNROLL
		for (int o = 0; o < OUTS; o++) {
			// Beyond the last output the last one is computed again, and not stored.
			u32 out = first + o < outs ? first + o : outs - 1;
			w[o] = load_streaming((GLOBAL const uint4 *)(a.weights.data + (u64)out * width + k));
		}
		LN_UNROLL
		for (int m = 0; m < ROWS; m++) {
			u64 of = row + m < a.rows ? row + m : a.rows - 1;
			LN_UNROLL
			for (int p = 0; p < PLANES; p++) {
				uint4 x = *(GLOBAL const uint4 *)(a.planes + (of * PLANES + p) * width + k);
				LN_UNROLL
				for (int o = 0; o < OUTS; o++) {
					i32 sum = dot4(x.x, w[o].x, acc[o][m][p]);
					sum = dot4(x.y, w[o].y, sum);
					sum = dot4(x.z, w[o].z, sum);
					acc[o][m][p] = dot4(x.w, w[o].w, sum);
				}
			}
		}
	}
	LN_UNROLL
	for (int o = 0; o < OUTS; o++) {
		LN_UNROLL
		for (int m = 0; m < ROWS; m++) {
			i32 one = warp_sum(acc[o][m][0]), two = warp_sum(acc[o][m][PLANES - 1]);
			if (lane == 0 && first + o < outs && row + m < a.rows) {
				put_cell(a, row + m, first + o, join_planes(WIDE, one, two));
			}
		}
	}
}

#define LN_FEW_ROWS(name, ROWS, OUTS, WIDE)                                                                                        \
	LN_FN void name##_body(ProductArgs a, Place at, GROUP u8 *shared) { few_rows<ROWS, OUTS, WIDE>(a, at, shared); }               \
	LN_KERNEL(name, ProductArgs, name##_body)
