// The arithmetic of docs/exact.md, name by name: sections 1 and 2, and the quantiser of section 3. Integers only.
#pragma once
#include "platform.h"

/// A positive real `mant * 2^exp`, `2^23 <= mant < 2^24`.
struct Scale {
	u32 mant;
	i32 exp;
};

/// An unsigned 128-bit number, for languages that have none.
struct U128 {
	u64 high, low;
};

LN_HOST_FN Scale scale(u32 mant, i32 exp) {
	Scale s;
	s.mant = mant;
	s.exp = exp;
	return s;
}

/// `ZERO_ROW`, the scale of a row of zeros.
LN_HOST_FN Scale zero_row() { return scale(1u << 23, -60); }

/// `unit(n) = 2^-n`.
LN_HOST_FN Scale unit(i32 n) { return scale(1u << 23, -23 - n); }

/// `rsr(x, s) = floor(x / 2^s + 1/2)`, for every `x` and `s` without overflow.
LN_HOST_FN i64 rsr(i64 x, u32 s) {
	if (s == 0) {
		return x;
	}
	return s < 64 ? (x >> s) + ((x >> (s - 1)) & 1) : 0;
}

/// `sat(x)`: clamps to i32.
LN_HOST_FN i32 sat(i64 x) {
	const i64 most = 0x7fffffff;
	return x > most ? (i32)most : x < -most - 1 ? (i32)(-most - 1) : (i32)x;
}

/// `shift(x, s) = sat(rsr(x, s))`; for negative `s`, `sat(x * 2^-s)`.
LN_HOST_FN i32 shift(i64 x, i32 s) {
	if (s >= 0) {
		return sat(rsr(x, (u32)s));
	}
	// |sat(x)| <= 2^31, so the product is at most 2^62; what is not 0 leaves i32 with 31 already.
	i32 left = s < -31 ? 31 : -s;
	return sat((i64)sat(x) * ((i64)1 << left));
}

LN_HOST_FN i32 add_sat(i32 a, i32 b) { return sat((i64)a + b); }

/// `bits(x)`: significant bits, 0 of 0.
LN_HOST_FN u32 bits(u64 x) { return 64 - leading_zeros(x); }

LN_HOST_FN u64 magnitude(i64 x) { return x < 0 ? 0 - (u64)x : (u64)x; }

// ---- 128 bits ----

LN_HOST_FN U128 u128(u64 high, u64 low) {
	U128 x;
	x.high = high;
	x.low = low;
	return x;
}

LN_HOST_FN U128 mul_wide(u64 a, u64 b) { return u128(mul_high(a, b), a * b); }

LN_HOST_FN U128 add128(U128 a, U128 b) {
	u64 low = a.low + b.low;
	return u128(a.high + b.high + (low < a.low ? 1 : 0), low);
}

/// `x << s` for `s < 128`.
LN_HOST_FN U128 shl128(U128 x, u32 s) {
	if (s == 0) {
		return x;
	}
	if (s >= 64) {
		return u128(x.low << (s - 64), 0);
	}
	return u128((x.high << s) | (x.low >> (64 - s)), x.low << s);
}

/// `x >> s` for `s < 64`, of which the low 64 bits.
LN_HOST_FN u64 shr128_low(U128 x, u32 s) { return s == 0 ? x.low : (x.high << (64 - s)) | (x.low >> s); }

LN_HOST_FN u32 leading_zeros128(U128 x) { return x.high != 0 ? leading_zeros(x.high) : 64 + leading_zeros(x.low); }

/// `floor(x / d)`, `d > 0`, digit by digit of 32 bits.
LN_HOST_FN U128 div128_by_32(U128 x, u32 d) {
	u64 rest = x.high >> 32;
	u64 q3 = rest / d;
	rest = ((rest % d) << 32) | (x.high & 0xffffffffu);
	u64 q2 = rest / d;
	rest = ((rest % d) << 32) | (x.low >> 32);
	u64 q1 = rest / d;
	rest = ((rest % d) << 32) | (x.low & 0xffffffffu);
	return u128((q3 << 32) | q2, (q1 << 32) | (rest / d));
}

/// `isqrt(x)` for `x >= 2^126`: Zimmermann's square root with 32-bit digits. The root has 64 bits.
LN_HOST_FN u64 isqrt_normalised(U128 x) {
	// Root and remainder of the upper half, bit by bit: root < 2^32, rest <= 2 root.
	u64 upper = x.high, root = 0, rest = 0;
	for (u32 i = 0; i < 32; i++) {
		rest = (rest << 2) | (upper >> 62);
		upper <<= 2;
		root <<= 1;
		if (rest > 2 * root) {
			rest -= 2 * root + 1;
			root += 1;
		}
	}
	// (q, u) = (rest * 2^32 + a1) divided by 2 root, where the dividend has up to 65 bits: halved first.
	u64 a1 = x.low >> 32, a0 = x.low & 0xffffffffu;
	u64 half_dividend = (rest << 31) | (a1 >> 1);
	u64 q = half_dividend / root;
	u64 u = ((half_dividend % root) << 1) | (a1 & 1);
	// The root is root * 2^32 + q, or one less when u * 2^32 + a0 < q^2. q may be 2^32 itself, and then it is one less.
	U128 left = add128(shl128(u128(0, u), 32), u128(0, a0));
	U128 right = mul_wide(q, q);
	u64 out = (root << 32) + q;
	return left.high < right.high || (left.high == right.high && left.low < right.low) ? out - 1 : out;
}

// ---- scales ----

/// `normalise(m, e)` for `m` of 64 bits.
LN_HOST_FN Scale normalise(u64 m, i32 e) {
	if (m == 0) {
		return zero_row();
	}
	i32 s = (i32)bits(m) - 24;
	if (s <= 0) {
		return scale((u32)(m << -s), e + s);
	}
	u32 mant = (u32)(((m >> (s - 1)) + 1) >> 1);
	return mant > 0xffffffu ? scale(1u << 23, e + s + 1) : scale(mant, e + s);
}

/// `a * b`.
LN_HOST_FN Scale mul(Scale a, Scale b) { return normalise((u64)a.mant * b.mant, a.exp + b.exp); }

/// `ratio(n, d, e) = n / d * 2^e`.
///
/// The definition truncates the quotient at 64 or more bits and rounds it to 24: that needs the 25 highest bits alone, and
/// they are made here one by one.
LN_HOST_FN Scale ratio(u64 n, u64 d, i32 e) {
	if (n == 0 || d == 0) {
		return zero_row();
	}
	u32 up = leading_zeros(n), under = leading_zeros(d);
	n <<= up;
	d <<= under;
	bool at_least = n >= d;
	// The quotient's highest bit. Without `at_least` it is that of 2 n, which has 65 bits: wrapping gives the rest all the same.
	u64 rest = at_least ? n - d : (n << 1) - d;
	u32 q = 1;
	for (u32 i = 0; i < 24; i++) {
		bool carry = (rest >> 63) != 0;
		rest <<= 1;
		q <<= 1;
		if (carry || rest >= d) {
			rest -= d;
			q |= 1;
		}
	}
	i32 exp = e - (i32)up + (i32)under + (at_least ? 1 : 0) - 24;
	u32 mant = (q + 1) >> 1;
	return mant > 0xffffffu ? scale(1u << 23, exp + 1) : scale(mant, exp);
}

/// `inv_sqrt(v, e) = 1 / sqrt(v * 2^-e)`, `e` even.
LN_HOST_FN Scale inv_sqrt(U128 v, i32 e) {
	if (v.high == 0 && v.low == 0) {
		return scale(1u << 23, -23);
	}
	u32 up = leading_zeros128(v) & ~1u;
	return ratio(1, isqrt_normalised(shl128(v, up)), ((i32)up + e) / 2);
}

/// `inv_rms` of a row of `n` numbers with this sum of squares.
LN_HOST_FN Scale inv_rms(U128 sum, u32 n, u64 eps) {
	n = n == 0 ? 1 : n;
	U128 total = add128(shl128(sum, 32), mul_wide(eps, n));
	if (total.high == 0 && total.low == 0) {
		return scale(1u << 23, -23);
	}
	u32 up = leading_zeros128(total) & ~1u;
	return inv_sqrt(div128_by_32(shl128(total, up), n), (i32)up + 64);
}

/// `epilogue(a, b, f)`: multiplier and right shift.
struct Epilogue {
	i64 m;
	i32 s;
};

LN_HOST_FN Epilogue epilogue(Scale a, Scale b, i32 frac) {
	Epilogue out;
	out.m = (i64)(((u64)a.mant * b.mant + (1u << 24)) >> 25);
	out.s = -(a.exp + b.exp + 25 + frac);
	return out;
}

/// The Q16 value of a dot product.
LN_HOST_FN i32 cell(i64 acc, Scale row, Scale weight) {
	Epilogue e = epilogue(row, weight, 16);
	return shift(acc * e.m, e.s);
}

// ---- functions of single elements ----

/// `exp2_neg(t)`, Q16 -> Q24.
LN_HOST_FN u32 exp2_neg(u32 t) {
	u64 g = 65536 - (t & 0xffff);
	u64 p = 14555358;
	p = 55869358 + ((p * g) >> 16);
	p = 259179533 + ((p * g) >> 16);
	p = 744137575 + ((p * g) >> 16);
	p = 1073741824 + ((p * g) >> 16);
	return (u32)rsr((i64)p, (t >> 16) + 7);
}

/// Linear interpolation at `|x|` in a table of `last + 1` entries with cells of `2^step`; Q30, mirrored for negative `x`.
LN_HOST_FN u32 look_up(GLOBAL const u32 *table, u32 last, u32 step, i32 x) {
	u32 size = x < 0 ? 0u - (u32)x : (u32)x;
	u32 at = size >> step;
	u32 y;
	if (at >= last) {
		y = table[last];
	} else {
		u64 frac = size & ((1u << step) - 1);
		u64 rise = table[at + 1] - table[at];
		y = table[at] + (u32)((rise * frac + (1u << (step - 1))) >> step);
	}
	return x < 0 ? (1u << 30) - y : y;
}

/// `silu(x)`, Q16. `table`: `sigmoid` at i/128.
LN_HOST_FN i32 silu(i32 x, GLOBAL const u32 *table) { return (i32)rsr((i64)x * look_up(table, 2048, 9, x), 30); }

/// `gelu(x)`, Q16. `table`: `normal_cdf` at i/256.
LN_HOST_FN i32 gelu(i32 x, GLOBAL const u32 *table) { return (i32)rsr((i64)x * look_up(table, 2048, 8, x), 30); }

/// A number as sign and magnitude, below 2^64.
struct Signed {
	u64 size;
	bool negative;
};

/// `-((term * square) >> 62) / d`: the shift is a floor, the division truncates.
LN_HOST_FN Signed next_term(Signed term, u64 square, u32 d) {
	U128 product = mul_wide(term.size, square);
	u64 size = shr128_low(product, 62);
	// The floor of a negative number lies away from zero.
	if (term.negative && (product.low & (((u64)1 << 62) - 1)) != 0) {
		size += 1;
	}
	Signed out;
	out.size = size / d;
	out.negative = !term.negative;
	return out;
}

/// `sin_cos(a)`: turns Q64 -> Q30.
struct Angle {
	i32 cos, sin;
};

LN_HOST_FN Angle sin_cos(u64 turns) {
	const u64 HALF_PI = LN_U64(7244019458077122842);
	u64 x = shr128_low(mul_wide(turns & (((u64)1 << 62) - 1), HALF_PI), 62); // below 2^63
	u64 square = shr128_low(mul_wide(x, x), 62);							  // below 2.47 * 2^62
	u64 cos = (u64)1 << 62, sin = x;										  // sums fit i64; two's complement
	Signed cos_term, sin_term;
	cos_term.size = cos;
	sin_term.size = sin;
	cos_term.negative = sin_term.negative = false;
	for (u32 n = 1; n <= 32 && (cos_term.size != 0 || sin_term.size != 0); n++) {
		cos_term = next_term(cos_term, square, (2 * n - 1) * (2 * n));
		sin_term = next_term(sin_term, square, (2 * n) * (2 * n + 1));
		cos += cos_term.negative ? 0 - cos_term.size : cos_term.size;
		sin += sin_term.negative ? 0 - sin_term.size : sin_term.size;
	}
	i32 c = (i32)rsr((i64)cos, 32), s = (i32)rsr((i64)sin, 32);
	Angle out;
	switch ((u32)(turns >> 62)) {
	case 0: out.cos = c, out.sin = s; break;
	case 1: out.cos = -s, out.sin = c; break;
	case 2: out.cos = -c, out.sin = -s; break;
	default: out.cos = s, out.sin = -c; break;
	}
	return out;
}

// ---- the quantiser ----

struct Quantiser {
	i32 shift;
	u32 k;
	i64 recip;
	Scale scale;
};

/// `n(z)`.
LN_HOST_FN i64 top_30_bits(i64 z, i32 shift) { return shift >= 0 ? rsr(z, (u32)shift) : z * ((i64)1 << -shift); }

/// For a row with largest magnitude `amax`, one unit of which is worth `w`.
LN_HOST_FN Quantiser quantiser(u64 amax, u32 qmax, Scale w) {
	Quantiser q;
	q.k = 60 - bits(qmax);
	if (amax == 0) {
		q.shift = 0;
		q.recip = 0;
		q.scale = zero_row();
		return q;
	}
	q.shift = (i32)bits(amax) - 30;
	i64 top = top_30_bits((i64)amax, q.shift);
	q.recip = (i64)(((u64)qmax << q.k) / (u64)top);
	q.scale = mul(ratio((u64)top, qmax, q.shift), w);
	return q;
}

/// The quantised value of `z`.
LN_HOST_FN i32 quantised(Quantiser q, i64 z) { return (i32)rsr(top_30_bits(z, q.shift) * q.recip, q.k); }
