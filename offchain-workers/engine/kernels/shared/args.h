// What kernels are given. `src/gpu/args.rs` holds the same records; sizes are in elements unless they say bytes.
#pragma once
#include "exact.h"

/// An int8 weight matrix, `outs x ins`, row-major with rows of `ins_padded` bytes (a multiple of 64, zeros at the end).
struct Matrix {
	GLOBAL const i8 *data;
	GLOBAL const Scale *scales;
	GLOBAL const i32 *bias; // Q16, or null
	u32 outs, ins_padded;
};

/// Quantised activation rows: `[row][plane][ins_padded]` int8, one plane (narrow) or high and low (wide), and a scale per row.
struct Activations {
	GLOBAL i8 *planes;
	GLOBAL Scale *scales;
	u32 ins, ins_padded, wide, qmax;
};

/// One layer of the paged cache. A page holds PAGE positions of all heads:
/// keys `[kv head][dim_padded / V][PAGE][V]`, where V keys are 16 bytes; values `[kv head][PAGE][dim_padded]`; scales `[kv head][PAGE]`.
struct Cache {
	GLOBAL u8 *keys;
	GLOBAL i8 *values;
	GLOBAL Scale *key_scales;
	GLOBAL Scale *value_scales;
	GLOBAL const u32 *pages;  // of each slot, `pages_stride` numbers
	GLOBAL const u32 *slots;  // of each row
	GLOBAL const u32 *places; // position of each row
	u32 pages_stride, kv_heads, dim, dim_padded, wide, unused;
};

#define PAGE 32u

struct EmbedArgs {
	Matrix words, positions, token_type; // the last two of BERT, or null
	GLOBAL const u32 *tokens;
	GLOBAL const u32 *places;
	GLOBAL i32 *out; // rows x hidden
	u32 hidden, unused;
};

struct NormArgs {
	GLOBAL const i32 *x;     // rows x n
	GLOBAL const i32 *delta; // added first, or null
	GLOBAL i32 *sum;         // gets x + delta (RMS) or the normed row (LayerNorm); null for RMS: not wanted
	GLOBAL const u32 *pick;  // which row of x is meant, or null: the same number
	GLOBAL const i32 *gain;
	GLOBAL const i32 *bias; // LayerNorm's
	u64 eps;
	Activations out; // RMS
	u32 n, frac;
};

struct QuantiseArgs {
	GLOBAL const i32 *x;     // rows x n; of the gate rows x 2 n
	GLOBAL const u32 *table; // sigmoid or normal_cdf
	Activations out;
	u32 n, mode; // 0 as it is, 1 GELU, 2 SiLU gate
};

struct AddArgs {
	GLOBAL const i32 *x;
	GLOBAL const i32 *delta;
	GLOBAL i32 *out;
	u64 count;
};

struct AngleArgs {
	GLOBAL const u64 *frequencies; // pairs
	GLOBAL const u32 *places;
	GLOBAL Angle *out; // rows x pairs
	u32 pairs, rows;
};

struct HeadsArgs {
	GLOBAL i32 *projected;      // rows x (heads + 2 kv_heads) * dim
	GLOBAL const i32 *q_gain;   // or null
	GLOBAL const i32 *k_gain;   // or null
	GLOBAL const Angle *angles; // rows x dim / 2, or null
	GLOBAL i16 *queries;        // rows x heads x dim_padded
	GLOBAL Scale *query_scales; // rows x heads
	GLOBAL i32 *top;            // rows x heads, set to the least number
	GLOBAL i32 *exp_top;        // rows x kv_heads, likewise
	Cache cache;
	u64 eps;
	Scale score_scale;
	u32 heads, key_max, q_frac, k_frac;
};

struct ScoresArgs {
	GLOBAL const i16 *queries;
	GLOBAL const Scale *query_scales;
	GLOBAL const u32 *visible; // positions that a row sees
	GLOBAL i32 *scores;        // (rows - first) x heads x stride
	GLOBAL i32 *top;
	GLOBAL i32 *exp_top;
	Cache cache;
	u32 heads, stride, first, unused;
};

struct MixArgs {
	GLOBAL const u32 *visible;
	GLOBAL const i32 *scores;
	GLOBAL const i32 *top;
	GLOBAL const i32 *exp_top;
	GLOBAL i64 *mix; // rows x heads x splits x dim
	GLOBAL u64 *sum; // rows x heads x splits
	Cache cache;
	u32 heads, stride, first, span, splits, unused; // `span` positions to a split
};

struct FinishArgs {
	GLOBAL const i64 *mix;
	GLOBAL const u64 *sum;
	GLOBAL const i32 *exp_top;
	GLOBAL i32 *mixed; // rows x heads * dim, Q16
	Activations out;
	u32 heads, kv_heads, dim, splits;
};

struct ProductArgs {
	Matrix weights;
	GLOBAL const i8 *planes;
	GLOBAL const Scale *scales;
	GLOBAL i32 *out; // rows x outs, Q16
	u32 rows, unused;
};

struct ArgmaxArgs {
	GLOBAL const i32 *logits; // rows x vocab
	GLOBAL u32 *out;
	u32 vocab, unused;
};

struct PoolArgs {
	GLOBAL const i32 *x; // rows x hidden
	GLOBAL i64 *sums;    // hidden
	GLOBAL i32 *out;     // hidden
	u32 rows, hidden, normalise, unused;
};

struct LeafArgs {
	GLOBAL const i32 *residuals; // [layer][row_room][hidden]
	Cache cache;                 // of layer 0; the others follow
	u64 key_layer, value_layer, scale_layer; // from one layer to the next: bytes, values, scales
	GLOBAL u64 *packed; // [row - first][layer][stride]
	GLOBAL u64 *leaves; // [row][layer][4]
	u32 hidden, layers, row_room, first, rows, bytes, stride, unused; // `bytes` of content, `stride` words (whole blocks of 16)
};

struct ProbeArgs {
	GLOBAL const i64 *a;
	GLOBAL const i64 *b;
	GLOBAL const i64 *c;
	GLOBAL const u32 *table;
	GLOBAL i64 *out; // two to an entry
	u32 routine, count;
};
