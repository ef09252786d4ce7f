// Leaves of the trace: BLAKE2b-256 of 0x00 and the leaf's content, for every row and layer of a pass.
//
// On the device, because the contents are about a thousand times larger than the digests: they would fill the bus to the host,
// and one core of the host hashes far less than a device produces.
#pragma once
#include "attention.h"

LN_TABLE u64 BLAKE2B_START[8] = {LN_U64(0x6a09e667f3bcc908), LN_U64(0xbb67ae8584caa73b), LN_U64(0x3c6ef372fe94f82b), LN_U64(0xa54ff53a5f1d36f1),
								 LN_U64(0x510e527fade682d1), LN_U64(0x9b05688c2b3e6c1f), LN_U64(0x1f83d9abfb41bd6b), LN_U64(0x5be0cd19137e2179)};

LN_TABLE u8 BLAKE2B_ORDER[12][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
	{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
	{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
	{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
	{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3}};

LN_FN u32 scale_byte(Scale s, u32 i) { return (i < 4 ? s.mant >> (8 * i) : (u32)s.exp >> (8 * (i - 4))) & 0xff; }

/// Byte `i` of the content of one leaf: residual, keys, their scales, values, their scales. Zero beyond the end.
LN_FN u32 content_byte(LeafArgs a, Cache c, u32 row, u32 layer, u32 i) {
	if (i < 4 * a.hidden) {
		u32 x = (u32)a.residuals[((u64)layer * a.row_room + row) * a.hidden + i / 4];
		return (x >> (8 * (i % 4))) & 0xff;
	}
	i -= 4 * a.hidden;
	u32 width = c.kv_heads * c.dim, slot = c.slots[row], position = c.places[row];
	if (i < 2 * width) {
		u32 head = i / 2 / c.dim, d = i / 2 % c.dim;
		return ((u32)key_at(c, seat(c, slot, position, head), d) >> (8 * (i % 2))) & 0xff;
	}
	i -= 2 * width;
	if (i < 8 * c.kv_heads) {
		Seat s = seat(c, slot, position, i / 8);
		return scale_byte(c.key_scales[s.head * PAGE + s.lane], i % 8);
	}
	i -= 8 * c.kv_heads;
	if (i < width) {
		Seat s = seat(c, slot, position, i / c.dim);
		return (u32)(u8)c.values[(s.head * PAGE + s.lane) * c.dim_padded + i % c.dim];
	}
	i -= width;
	if (i < 8 * c.kv_heads) {
		Seat s = seat(c, slot, position, i / 8);
		return scale_byte(c.value_scales[s.head * PAGE + s.lane], i % 8);
	}
	return 0;
}

/// Lays out what is hashed: 0x00, the content, zeros to the end of the block. Blocks: (words, layers, rows - first).
LN_FN void pack_leaves(LeafArgs a, Place at, GROUP u8 *) {
	u32 word = at.x * at.count + at.index, layer = at.y, row = a.first + at.z;
	if (word >= a.stride) {
		return;
	}
	Cache c = a.cache;
	c.keys += layer * a.key_layer;
	c.values += layer * a.value_layer;
	c.key_scales += layer * a.scale_layer;
	c.value_scales += layer * a.scale_layer;
	u64 out = 0;
	for (u32 i = 0; i < 8; i++) {
		u32 at_byte = word * 8 + i;
		u64 byte = at_byte == 0 ? 0 : content_byte(a, c, row, layer, at_byte - 1);
		out |= byte << (8 * i);
	}
	a.packed[((u64)at.z * a.layers + layer) * a.stride + word] = out;
}

LN_FN u64 rotate_right(u64 x, u32 by) { return (x >> by) | (x << (64 - by)); }

/// One column of the state; four lanes have the four of a leaf.
struct Column {
	u64 a, b, c, d;
};

LN_FN void blake2b_step(thread_ref(Column) v, u64 x, u64 y) {
	v.a += v.b + x;
	v.d = rotate_right(v.d ^ v.a, 32);
	v.c += v.d;
	v.b = rotate_right(v.b ^ v.c, 24);
	v.a += v.b + y;
	v.d = rotate_right(v.d ^ v.a, 16);
	v.c += v.d;
	v.b = rotate_right(v.b ^ v.c, 63);
}

/// The word of the lane `by` further in the group of four.
LN_FN u64 from_next(u64 x, u32 by, u32 lane) {
	u32 from = (lane & ~3u) | ((lane + by) & 3);
	u32 low = shuffle_from((u32)x, from), high = shuffle_from((u32)(x >> 32), from);
	return ((u64)high << 32) | low;
}

/// Leaves that a block hashes, and its threads and memory.
#define HASH_LEAVES 8u
#define HASH_THREADS (4u * HASH_LEAVES)
#define HASH_SHARED_BYTES (128u * HASH_LEAVES)

/// BLAKE2b-256 of packed leaves, four lanes to each. Blocks: (leaves / HASH_LEAVES) of one warp.
LN_FN void hash_leaves(LeafArgs a, Place at, GROUP u8 *shared) {
	u32 lane = at.index % WARP, column = lane % 4, of_block = at.index / 4;
	GROUP u64 *message = (GROUP u64 *)shared + of_block * 16;
	u64 count = (u64)(a.rows - a.first) * a.layers, leaf = (u64)at.x * HASH_LEAVES + of_block;
	bool wanted = leaf < count;
	GLOBAL const u64 *words = a.packed + (wanted ? leaf : 0) * a.stride;
	u64 first = BLAKE2B_START[column], second = BLAKE2B_START[4 + column];
	if (column == 0) {
		first ^= 0x01010020; // 32 bytes of digest, no key, one leaf
	}
	u64 total = (u64)a.bytes + 1;
	for (u64 done = 0; done < total; done += 128) {
		for (u32 i = 0; i < 4; i++) {
			message[4 * column + i] = words[done / 8 + 4 * column + i];
		}
		warp_barrier();
		bool last = done + 128 >= total;
		Column v;
		v.a = first;
		v.b = second;
		v.c = BLAKE2B_START[column];
		v.d = BLAKE2B_START[4 + column];
		if (column == 0) {
			v.d ^= last ? total : done + 128;
		}
		if (column == 2 && last) {
			v.d = ~v.d;
		}
		for (u32 round = 0; round < 12; round++) {
			blake2b_step(v, message[BLAKE2B_ORDER[round][2 * column]], message[BLAKE2B_ORDER[round][2 * column + 1]]);
			v.b = from_next(v.b, 1, lane);
			v.c = from_next(v.c, 2, lane);
			v.d = from_next(v.d, 3, lane);
			blake2b_step(v, message[BLAKE2B_ORDER[round][8 + 2 * column]], message[BLAKE2B_ORDER[round][9 + 2 * column]]);
			v.b = from_next(v.b, 3, lane);
			v.c = from_next(v.c, 2, lane);
			v.d = from_next(v.d, 1, lane);
		}
		first ^= v.a ^ v.c;
		second ^= v.b ^ v.d;
		warp_barrier();
	}
	if (wanted) {
		a.leaves[((u64)a.first * a.layers + leaf) * 4 + column] = first;
	}
}
