// The scalar routines by number, so that a test compares them one by one, on whatever device.
#pragma once
#include "args.h"

LN_FN void put(ProbeArgs a, u32 i, i64 first, i64 second) {
	a.out[2 * i] = first;
	a.out[2 * i + 1] = second;
}

LN_FN void put_scale(ProbeArgs a, u32 i, Scale s) { put(a, i, s.mant, s.exp); }

LN_FN void probe_one(ProbeArgs p, u32 i) {
	i64 a = p.a[i], b = p.b[i], c = p.c[i];
	Scale left = scale((u32)(u64)a, (i32)(a >> 32)), right = scale((u32)(u64)b, (i32)(b >> 32));
	switch (p.routine) {
	case 0: put(p, i, rsr(a, (u32)b), shift(a, (i32)b)); break;
	case 1: put_scale(p, i, normalise((u64)a, (i32)b)); break;
	case 2: put_scale(p, i, mul(left, right)); break;
	case 3: put_scale(p, i, ratio((u64)a, (u64)b, (i32)c)); break;
	case 4: put_scale(p, i, inv_sqrt(u128((u64)a, (u64)b), (i32)c)); break;
	case 5: put_scale(p, i, inv_rms(u128((u64)a >> 32, (u64)b), (u32)(u64)a, (u64)c)); break;
	case 6: put(p, i, epilogue(left, right, (i32)c).m, epilogue(left, right, (i32)c).s); break;
	case 7: put(p, i, exp2_neg((u32)(u64)a), (i64)bits((u64)b)); break;
	case 8: put(p, i, look_up(p.table, 2048, 9, (i32)a), silu((i32)a, p.table)); break;
	case 9: put(p, i, look_up(p.table, 2048, 8, (i32)a), gelu((i32)a, p.table)); break;
	case 10: put(p, i, sin_cos((u64)a).cos, sin_cos((u64)a).sin); break;
	default: {
		Quantiser q = quantiser((u64)a, (u32)(u64)b, unit(16));
		put(p, i, quantised(q, c), ((i64)q.scale.exp << 32) | q.scale.mant);
	}
	}
}

/// One routine on `count` inputs, one to a thread.
LN_FN void probe(ProbeArgs a, Place at, GROUP u8 *) {
	u32 i = at.x * at.count + at.index;
	if (i < a.count) {
		probe_one(a, i);
	}
}
