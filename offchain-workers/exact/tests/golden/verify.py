#!/usr/bin/env python3
"""Checks the golden vectors with an implementation written from docs/exact.md.

Python's integers do not overflow, so agreement also shows that no accumulator of the Rust crate does. Needs nothing but the
standard library. Usage: verify.py (exit status 0 when every case agrees).
"""

import hashlib
import json
import pathlib
import struct
import sys
from math import isqrt

I32_MIN, I32_MAX = -(2**31), 2**31 - 1
LN_2, PI_HALF, LOG2_E = 3196577161300663915, 7244019458077122842, 6653256548922161246
INV_TWO_PI, INV_SQRT_TWO_PI = 2935890503282001226, 1839796536686825613


# ---- 2. primitives

def rsr(x, s):
    return x if s == 0 else (x + (1 << (s - 1))) >> s


def sat(x):
    return min(max(x, I32_MIN), I32_MAX)


def shift(x, s):
    return sat(rsr(x, s) if s >= 0 else x << -s)


def div0(a, b):
    """Division that truncates towards zero."""
    return a // b if a >= 0 else -(-a // b)


class Scale(tuple):
    def __new__(cls, mant, exp):
        return super().__new__(cls, (mant, exp))

    mant = property(lambda s: s[0])
    exp = property(lambda s: s[1])

    def __mul__(self, other):
        return normalise(self.mant * other.mant, self.exp + other.exp)

    def bytes(self):
        return struct.pack("<Ii", self.mant, self.exp)


ZERO_ROW = Scale(1 << 23, -60)
ONE = Scale(1 << 23, -23)


def unit(frac):
    return Scale(1 << 23, -23 - frac)


def normalise(m, exp):
    if m == 0:
        return ZERO_ROW
    s = m.bit_length() - 24
    mant = m << -s if s <= 0 else rsr(m, s)
    return Scale(1 << 23, exp + s + 1) if mant == 1 << 24 else Scale(mant, exp + s)


def ratio(num, den, exp):
    if num == 0 or den == 0:
        return ZERO_ROW
    up = 128 - num.bit_length()
    return normalise((num << up) // den, exp - up)


def inv_sqrt(v, exp2):
    up = (128 - v.bit_length()) & ~1
    return ratio(1, isqrt(v << up), (up + exp2) // 2)


def epilogue(a, b, frac):
    return (a.mant * b.mant + (1 << 24)) >> 25, -(25 + a.exp + b.exp + frac)


# ---- 3. elementary routines

def exp2_frac(f):
    z = (f * LN_2) >> 62
    term = total = 1 << 62
    n = 1
    while term:
        term = ((term * z) >> 62) // n
        total += term
        n += 1
    return total


def exp_neg(y):
    t = (y * LOG2_E) >> 48
    whole, frac = t >> 62, t & (2**62 - 1)
    if whole > 62:
        return 0
    return (1 << 62) >> whole if frac == 0 else exp2_frac(2**62 - frac) >> (whole + 1)


def log2(x):
    out = (x.bit_length() - 1) << 56
    m = x << (64 - x.bit_length())
    for bit in range(55, -1, -1):
        m = (m * m) >> 63
        if m >> 64:
            m >>= 1
            out |= 1 << bit
    return out


def ln_slow(m):
    z = div0((m - 2**62) << 62, m + 2**62)
    square, power, total, k = (z * z) >> 62, z, 0, 1
    while power:
        total += div0(power, k)
        power = (power * square) >> 62
        k += 2
    return total >> 1


LN_TABLE = []
for _i in range(128):
    _recip = (2**40 + (257 + 2 * _i) // 2) // (257 + 2 * _i)
    LN_TABLE.append((_recip, ln_slow(2**94 // _recip)))


def ln(x):
    whole = x.bit_length() - 1
    m = x << (63 - whole)
    recip, base = LN_TABLE[(m >> 56) & 127]
    y = ((m * recip) >> 33) - 2**62
    acc = 0
    for k in range(8, 0, -1):
        acc = 2**62 // k - ((acc * y) >> 62)
    total = ((whole * LN_2) >> 2) + base + (((acc * y) >> 62) >> 2)
    return max(total, 0) >> 4


def gumbel(r):
    e = max(((33 * LN_2) >> 6) - ln(2 * r + 1), 0)
    return rsr(((56 * LN_2) >> 6) - ln(e), 20)


def sin_cos(angle):
    x = ((angle & (2**62 - 1)) * PI_HALF) >> 62
    square = (x * x) >> 62
    sin = st = x
    cos = ct = 2**62
    n = 1
    while (ct or st) and n <= 32:
        ct = div0(-((ct * square) >> 62), (2 * n - 1) * 2 * n)
        st = div0(-((st * square) >> 62), 2 * n * (2 * n + 1))
        cos += ct
        sin += st
        n += 1
    c, s = rsr(cos, 32), rsr(sin, 32)
    return [(c, s), (-s, c), (-c, -s), (s, -c)][angle >> 62]


EXP2 = [1073741824, 744137575, 259179533, 55869358, 14555358]


def exp2_neg(t):
    g, p = 65536 - (t & 0xFFFF), EXP2[4]
    for c in EXP2[3::-1]:
        p = c + ((p * g) >> 16)
    return rsr(p, (t >> 16) + 7)


SIGMOID = [((2**93 // (2**62 + exp_neg(i << 41))) + 1) >> 1 for i in range(2049)]


def _normal_table():
    def density(i):
        return exp_neg((i * i) << 29)

    out, total = [], 0
    for i in range(2049):
        cdf = 2**61 + ((total * INV_SQRT_TWO_PI) >> 62)
        out.append(min(((cdf >> 31) + 1) >> 1, 2**30))
        total += (density(2 * i) + 4 * density(2 * i + 1) + density(2 * i + 2)) // 1536
    return out


NORMAL = _normal_table()


def interpolate(table, step, x):
    cell, frac = abs(x) >> step, abs(x) & ((1 << step) - 1)
    y = table[-1] if cell >= len(table) - 1 else table[cell] + rsr((table[cell + 1] - table[cell]) * frac, step)
    return 2**30 - y if x < 0 else y


def sigmoid(x):
    return interpolate(SIGMOID, 9, x)


def normal_cdf(x):
    return interpolate(NORMAL, 8, x)


def silu(x):
    return rsr(x * sigmoid(x), 30)


def gelu(x):
    return rsr(x * normal_cdf(x), 30)


# ---- 4. operators

def quantise(z, qmax, worth):
    amax = max(abs(v) for v in z)
    if amax == 0:
        return [0] * len(z), ZERO_ROW
    k, s = 60 - qmax.bit_length(), amax.bit_length() - 30

    def n(v):
        return rsr(v, s) if s >= 0 else v << -s

    recip = (qmax << k) // n(amax)
    assert recip < 2**31
    return [rsr(n(v) * recip, k) for v in z], ratio(n(amax), qmax, s) * worth


def inv_rms(x, eps):
    total = (sum(v * v for v in x) << 32) + len(x) * eps
    up = (128 - total.bit_length()) & ~1
    return inv_sqrt((total << up) // len(x), up + 64)


def rmsnorm_quantise(x, gain, frac, eps, qmax):
    inv = inv_rms(x, eps)
    return quantise([a * g for a, g in zip(x, gain)], qmax, Scale(inv.mant, inv.exp - 16 - frac))


def scaled(v, inv, gain, frac):
    return shift(shift(v * inv.mant, -(inv.exp + 6)) * gain, 6 + frac)


def rmsnorm(x, gain, frac, eps):
    inv = inv_rms(x, eps)
    return [scaled(v, inv, g, frac) for v, g in zip(x, gain)]


def mean(x):
    return (2 * sum(x) + len(x)) // (2 * len(x))


def layernorm(x, gain, frac, bias, eps):
    middle = mean(x)
    x = [sat(v - middle) for v in x]
    return [sat(y + b) for y, b in zip(rmsnorm(x, gain, frac, eps), bias)]


def cell(acc, row, weight):
    m, s = epilogue(row, weight, 16)
    assert abs(acc * m) < 2**63
    return shift(acc * m, s)


def linear(q, row, weights, bias):
    out = [cell(sum(a * b for a, b in zip(q, w)), row, s) for w, s in weights]
    return [sat(y + b) for y, b in zip(out, bias)] if bias else out


def embed(row, scale):
    return [shift(q * scale.mant, -(scale.exp + 16)) for q in row]


def add(x, y):
    return [sat(a + b) for a, b in zip(x, y)]


def frequencies(base, scaling, half):
    out = []
    for i in range(half):
        e = log2(base) * i // half
        whole, frac = e >> 56, (e & (2**56 - 1)) << 6
        f = INV_TWO_PI >> whole if frac == 0 else (INV_TWO_PI * exp2_frac(2**62 - frac)) >> (63 + whole)
        if scaling[0] == "linear":
            f = (f << 16) // scaling[1]
        elif scaling[0] == "llama3":
            _, factor, low, high, original = scaling
            rotations, divided = (original * f) >> 16, (f << 16) // factor
            if rotations < low << 32:
                f = divided
            elif rotations <= high << 32:
                share = (rotations - (low << 32)) // (high - low)
                f = ((2**32 - share) * divided + share * f) >> 32
        out.append(f)
    return out


def rotate(x, angles):
    half = len(x) // 2
    a = [sat(rsr(p * c - q * s, 30)) for p, q, (c, s) in zip(x[:half], x[half:], angles)]
    b = [sat(rsr(q * c + p * s, 30)) for p, q, (c, s) in zip(x[:half], x[half:], angles)]
    return a + b


def angles_at(freqs, position):
    return [sin_cos((f * position) % 2**64) for f in freqs]


KEY_MAX = {False: 16383, True: 127}
ACTIVATION_MAX = {False: 32639, True: 127}


def quantise_query(x):
    q, s = quantise(x, 8191, unit(16))
    return q, s * (normalise(LOG2_E, -62) * inv_sqrt(len(x), 0))


def softmax(scores, value_scales):
    top, exp = max(scores), max(s.exp for s in value_scales)
    e = [exp2_neg(top - s) for s in scores]
    weights = [rsr(a * s.mant, 28 + exp - s.exp) for a, s in zip(e, value_scales)]
    assert max(weights) <= 2**20
    return weights, sum(e), exp


def finish_mix(acc, total, exp):
    down = max(total.bit_length() - 32, 0)
    recip = ratio(1, total, 0)
    return shift(rsr(acc, down) * recip.mant, -(down + 28 + 16 + recip.exp + exp))


def attend(q, query_scale, keys, values):
    """keys and values: lists of (row, scale)."""
    scores = []
    for k, s in keys:
        m, down = epilogue(query_scale, s, 16)
        scores.append(shift(sum(a * b for a, b in zip(q, k)) * m, down))
    weights, total, exp = softmax(scores, [s for _, s in values])
    acc = [sum(w * v[d] for w, (v, _) in zip(weights, values)) for d in range(len(q))]
    return scores, weights, total, exp, acc, [finish_mix(a, total, exp) for a in acc]


def silu_gate(gate, up, qmax):
    return quantise([silu(g) * u for g, u in zip(gate, up)], qmax, unit(32))


def l2_normalise(x):
    amax = max(abs(v) for v in x)
    if amax == 0:
        return [0] * len(x)
    s = amax.bit_length() - 30
    x = [rsr(v, s) if s >= 0 else v << -s for v in x]
    inv = inv_sqrt(sum(v * v for v in x), 0)
    return [shift(v * inv.mant, -(inv.exp + 30)) for v in x]


def noise(seed, position, block):
    data = b"lantern/sample/1" + seed + struct.pack("<II", position, block)
    return struct.unpack("<16I", hashlib.blake2b(data, digest_size=64).digest())


def sample(logits, sampling, position):
    order = sorted(range(len(logits)), key=lambda i: (-logits[i], i))
    if sampling is None:
        return order[0]
    temperature, top_k, top_p, seed = sampling
    inv = (2**36 + temperature // 2) // temperature
    c = (inv * 1549082005) >> 30
    if top_k:
        order = order[:top_k]
    if top_p < 65536:
        mass = [exp2_neg(min(rsr((logits[order[0]] - logits[i]) * c, 20), 2**32 - 1)) for i in order]
        order = [i for n, i in enumerate(order) if 65536 * sum(mass[:n]) < top_p * sum(mass)]
    return max(order, key=lambda i: (logits[i] * inv + gumbel(noise(seed, position, i // 16)[i % 16]), -i))


# ---- 5. hashes

def blake(*parts):
    return hashlib.blake2b(b"".join(parts), digest_size=32).digest()


def leaf(*parts):
    return blake(b"\0", *parts)


def merkle(level):
    level = list(level)
    if not level:
        return blake(b"\2")
    while len(level) > 1:
        level = [blake(b"\1", *p) if len(p) == 2 else p[0] for p in (level[i:i + 2] for i in range(0, len(level), 2))]
    return level[0]


def ints(fmt, values):
    return struct.pack(f"<{len(values)}{fmt}", *values)


def layer_leaf(residual, keys, key_scales, values, value_scales):
    return leaf(ints("i", residual), ints("h", keys), *(s.bytes() for s in key_scales), ints("b", values),
                *(s.bytes() for s in value_scales))


def trace_root(leaves, layers):
    root = merkle(leaf(merkle(position)) for position in leaves)
    return blake(b"lantern/trace/1", struct.pack("<II", len(leaves), layers), root)


def row_leaf(scale, row):
    return leaf(scale.bytes(), ints("b", row))


def vector_leaf(frac, values):
    return leaf(struct.pack("<I", frac), ints("i", values))


def tensor_leaf(name, kind, rows, cols, root):
    return leaf(struct.pack("<I", len(name)), name.encode(), struct.pack("<BII", kind, rows, cols), root)


def weights_root(leaves):
    return blake(b"lantern/weights/1", struct.pack("<I", len(leaves)), merkle(leaves))


# ---- 6. models

class SplitMix64:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        mask = 2**64 - 1
        self.state = z = (self.state + 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def range(self, low, high):
        return low + ((self.next() * (high - low + 1)) >> 64)


def tensor_list(spec):
    h, inner, kv = spec["hidden"], spec["intermediate"], spec["kv_heads"] * spec["head_dim"]
    query = spec["heads"] * spec["head_dim"]
    out = [("embed", 0, spec["vocab"], h)]

    def norm(name):
        out.extend([(name, 1, 1, h), (name + "_bias", 1, 1, h)])

    llama = spec["family"].get("llama")
    if not llama:
        out += [("positions", 0, spec["max_context"], h), ("token_type", 0, 1, h)]
        norm("embed_norm")
    for i in range(spec["layers"]):
        at = f"layers.{i}."
        if llama:
            out.append((at + "attention_norm", 1, 1, h))
        for name, rows in (("q", query), ("k", kv), ("v", kv)):
            out.append((at + name, 0, rows, h))
            if not llama or llama["qkv_bias"]:
                out.append((at + name + "_bias", 1, 1, rows))
        if llama:
            if llama["qk_norm"]:
                out += [(at + "q_norm", 1, 1, spec["head_dim"]), (at + "k_norm", 1, 1, spec["head_dim"])]
            out += [(at + "o", 0, h, query), (at + "mlp_norm", 1, 1, h), (at + "gate", 0, inner, h),
                    (at + "up", 0, inner, h), (at + "down", 0, h, inner)]
        else:
            out += [(at + "o", 0, h, query), (at + "o_bias", 1, 1, h)]
            norm(at + "attention_norm")
            out += [(at + "up", 0, inner, h), (at + "up_bias", 1, 1, inner)]
            out += [(at + "down", 0, h, inner), (at + "down_bias", 1, 1, h)]
            norm(at + "output_norm")
    if llama:
        out.append(("final_norm", 1, 1, h))
        if not llama["tied_embeddings"]:
            out.append(("head", 0, spec["vocab"], h))
    return out


def synthetic(spec, seed):
    rng, tensors, leaves = SplitMix64(seed), {}, []
    for name, kind, rows, cols in tensor_list(spec):
        if kind == 0:
            data = []
            while len(data) < rows * cols:
                word = struct.unpack("<8b", struct.pack("<Q", rng.next()))
                data += [max(b, -127) for b in word][:rows * cols - len(data)]
            base = inv_sqrt(cols, 0) * ratio(1, 73, 0)
            scales = [base * normalise(rng.range(0xC000, 0x14000), -16) for _ in range(rows)]
            value = [(data[i * cols:(i + 1) * cols], scales[i]) for i in range(rows)]
            root = merkle(row_leaf(s, row) for row, s in value)
        else:
            frac, low, high = (16, -6000, 6000) if name.endswith("_bias") else (20, 600000, 1500000)
            value = (frac, [rng.range(low, high) for _ in range(cols)])
            root = merkle([vector_leaf(*value)])
        tensors[name] = value
        leaves.append(tensor_leaf(name, kind, rows, cols, root))
    return tensors, weights_root(leaves)


class Model:
    def __init__(self, spec, tensors):
        self.spec, self.w = spec, tensors
        self.llama = spec["family"].get("llama")
        self.qmax = ACTIVATION_MAX[spec["activation"] == "narrow"]
        self.key_max = KEY_MAX[spec["keys"] == "narrow"]
        self.cache = [([], []) for _ in range(spec["layers"])]
        self.leaves = []
        if self.llama:
            scaling = self.llama["rope_scaling"]
            scaling = ("none",) if scaling == "none" else [(k, *v.values()) for k, v in scaling.items()][0]
            self.freqs = frequencies(self.llama["rope_base"], scaling, spec["head_dim"] // 2)

    def heads(self, row):
        d = self.spec["head_dim"]
        return [row[i:i + d] for i in range(0, len(row), d)]

    def bias(self, name):
        return self.w.get(name, (16, []))[1]

    def apply(self, name, q):
        return linear(q[0], q[1], self.w[name], self.bias(name + "_bias"))

    def push(self, layer, k, v):
        keys, values = self.cache[layer]
        keys.append([quantise(h, self.key_max, unit(16)) for h in k])
        values.append([quantise(h, 127, unit(16)) for h in v])

    def attention(self, layer, queries, visible):
        keys, values = self.cache[layer]
        group, out = self.spec["heads"] // self.spec["kv_heads"], []
        for i, head in enumerate(queries):
            q, s = quantise_query(head)
            out += attend(q, s, [k[i // group] for k in keys[:visible]], [v[i // group] for v in values[:visible]])[-1]
        return quantise(out, self.qmax, unit(16))

    def leaf(self, layer, position, x):
        k, v = self.cache[layer][0][position], self.cache[layer][1][position]
        return layer_leaf(x, sum((q for q, _ in k), []), [s for _, s in k], sum((q for q, _ in v), []), [s for _, s in v])

    def normed(self, x, name):
        frac, gain = self.w[name]
        return rmsnorm_quantise(x, gain, frac, self.spec["norm_eps"], self.qmax)

    def head_norm(self, head, name):
        return rmsnorm(head, self.w[name][1], self.w[name][0], self.spec["norm_eps"]) if name in self.w else head

    def step(self, token):
        """One position of a Llama model; returns the residual row."""
        position = len(self.leaves)
        angles = angles_at(self.freqs, position)
        x, leaves = embed(*self.w["embed"][token]), []
        for layer in range(self.spec["layers"]):
            at = f"layers.{layer}."
            h = self.normed(x, at + "attention_norm")
            q = [rotate(self.head_norm(r, at + "q_norm"), angles) for r in self.heads(self.apply(at + "q", h))]
            k = [rotate(self.head_norm(r, at + "k_norm"), angles) for r in self.heads(self.apply(at + "k", h))]
            self.push(layer, k, self.heads(self.apply(at + "v", h)))
            x = add(x, self.apply(at + "o", self.attention(layer, q, position + 1)))
            h = self.normed(x, at + "mlp_norm")
            inner = silu_gate(self.apply(at + "gate", h), self.apply(at + "up", h), self.qmax)
            x = add(x, self.apply(at + "down", inner))
            leaves.append(self.leaf(layer, position, x))
        self.leaves.append(leaves)
        return x

    def logits(self, x):
        return self.apply("embed" if self.llama["tied_embeddings"] else "head", self.normed(x, "final_norm"))

    def norm(self, x, name):
        return layernorm(x, self.w[name][1], self.w[name][0], self.bias(name + "_bias"), self.spec["norm_eps"])

    def encode(self, tokens):
        """All positions of a BERT model; returns the residual rows."""
        rows = []
        for i, token in enumerate(tokens):
            x = add(embed(*self.w["embed"][token]), embed(*self.w["positions"][i]))
            rows.append(self.norm(add(x, embed(*self.w["token_type"][0])), "embed_norm"))
        self.leaves = [[] for _ in tokens]
        for layer in range(self.spec["layers"]):
            at, queries = f"layers.{layer}.", []
            for x in rows:
                h = quantise(x, self.qmax, unit(16))
                queries.append(self.heads(self.apply(at + "q", h)))
                self.push(layer, self.heads(self.apply(at + "k", h)), self.heads(self.apply(at + "v", h)))
            for i, x in enumerate(rows):
                x = add(x, self.apply(at + "o", self.attention(layer, queries[i], len(rows))))
                x = self.norm(x, at + "attention_norm")
                inner = self.apply(at + "up", quantise(x, self.qmax, unit(16)))
                inner = quantise([gelu(v) for v in inner], self.qmax, unit(16))
                rows[i] = self.norm(add(x, self.apply(at + "down", inner)), at + "output_norm")
                self.leaves[i].append(self.leaf(layer, i, rows[i]))
        return rows

    def pool(self, rows):
        bert = self.spec["family"]["bert"]
        rows = rows if bert["pooling"] == "mean" else rows[:1]
        sums = [sum(column) for column in zip(*rows)]
        return l2_normalise(sums) if bert["normalize"] else [(2 * s + len(rows)) // (2 * len(rows)) for s in sums]


def parse_sampling(data):
    if data[0] == 0:
        return None
    return (*struct.unpack("<III", data[1:13]), data[13:45])


# ---- the checks

def S(pair):
    return Scale(*pair)


def same(got, expected, what):
    if json.loads(json.dumps(got)) != expected:
        raise AssertionError(f"{what}: got {got}, expected {expected}")


def check_shift(c):
    same([rsr(x, c["s"]) for x in c["x"]], c["rsr"], "rsr")
    same([shift(x >> 20, -c["s"]) for x in c["x"]], c["left"], "left")
    same([shift(x, c["s"]) for x in c["x"]], c["right"], "right")


def check_scale(c):
    a, b, n = S(c["a"]), S(c["b"]), c["n"]
    got = {"mul": a * b, "recip": ratio(1, a.mant, -a.exp), "ratio": ratio(n, 127, -9), "inverse": ratio(1, n, 3),
           "inv_sqrt": inv_sqrt(n, 10), "normalise": normalise(n, 2), "epilogue": epilogue(a, b, 16)}
    for name, value in got.items():
        same(value, c[name], name)


def check_elementwise(c):
    same([exp2_neg(t) for t in c["t"]], c["exp2_neg"], "exp2_neg")
    for name, f in (("sigmoid", sigmoid), ("normal_cdf", normal_cdf), ("silu", silu), ("gelu", gelu)):
        same([f(x) for x in c["x"]], c[name], name)


def check_gumbel(c):
    same([gumbel(r) for r in c["r"]], c["y"], "gumbel")


def check_logarithms(c):
    for name, f in (("log2", log2), ("ln", ln), ("exp_neg", lambda x: exp_neg(x >> 10)), ("sin_cos", sin_cos)):
        same([f(x) for x in c["x"]], c[name], name)


def check_tables(c):
    same(leaf(ints("I", SIGMOID)).hex(), c["sigmoid"], "sigmoid table")
    same(leaf(ints("I", NORMAL)).hex(), c["normal_cdf"], "normal table")


def check_sweeps(c):
    for name, f, step in (("exp2_neg", exp2_neg, 13), ("sigmoid", sigmoid, 53), ("normal_cdf", normal_cdf, 53)):
        same(leaf(ints("I", [f(x) for x in range(0, 1 << 20, step)])).hex(), c[name], name)


def check_quantise_row(c):
    same(quantise(c["x"], c["qmax"], unit(16)), [c["q"], c["scale"]], "quantise_row")


def check_rows(c):
    x, gain, frac, bias, eps = c["x"], c["gain"], c["frac"], c["bias"], c["eps"]
    same(rmsnorm_quantise(x, gain, frac, eps, 32639), [c["rmsnorm_q"], c["rmsnorm_scale"]], "rmsnorm_quantise")
    same(rmsnorm(x, gain, frac, eps), c["rmsnorm"], "rmsnorm")
    same(layernorm(x, gain, frac, bias, eps), c["layernorm"], "layernorm")
    same(silu_gate(x, bias, 32639), [c["silu_gate"], c["silu_gate_scale"]], "silu_gate")
    same(quantise([gelu(v) for v in x], 127, unit(16)), [c["gelu"], c["gelu_scale"]], "gelu")
    same(add(x, gain), c["add"], "add")
    same([(2 * s + 4) // 8 for s in c["sums"]], c["mean"], "mean")
    same(l2_normalise(c["sums"]), c["l2"], "l2")
    same(sample(x, None, 0), c["argmax"], "argmax")


def check_linear(c):
    width = len(c["q"])
    rows = [(c["w"][i * width:(i + 1) * width], S(s)) for i, s in enumerate(c["scales"])]
    same(linear(c["q"], S(c["row"]), rows, c["bias"]), c["y"], "linear")
    same(embed(*rows[0]), c["embed"], "embed")


def check_rope(c):
    raw = bytes.fromhex(c["scaling"])
    kind = ["none", "linear", "llama3"][raw[0]]
    freqs = frequencies(c["base"], (kind, *struct.unpack(f"<{(len(raw) - 1) // 4}I", raw[1:])), 6)
    same(freqs, c["frequencies"], "frequencies")
    angles = angles_at(freqs, c["position"])
    same([list(a) for a in zip(*angles)], [c["cos"], c["sin"]], "angles")
    same(rotate(c["x"], angles), c["y"], "rope")


def check_attention(c):
    q, s = quantise_query(c["query"])
    same([q, s], [c["q"], c["query_scale"]], "query")
    keys = [quantise(k, KEY_MAX[c["narrow"]], unit(16)) for k, _ in c["rows"]]
    values = [quantise(v, 127, unit(16)) for _, v in c["rows"]]
    same([[k, v] for (k, _), (v, _) in zip(keys, values)], c["quantised"], "keys and values")
    same([[s for _, s in keys], [s for _, s in values]], [c["key_scales"], c["value_scales"]], "scales")
    names = ("scores", "weights", "sum", "exp", "mix", "out")
    for name, got in zip(names, attend(q, s, keys, values)):
        same(got, c[name], name)


def check_sample(c):
    sampling = parse_sampling(bytes.fromhex(c["sampling"]))
    same([sample(c["logits"], sampling, p) for p in range(20)], c["tokens"], "sample")


def check_noise(c):
    same(noise(bytes.fromhex(c["seed"]), c["position"], c["block"]), c["words"], "noise")


def check_merkle(c):
    leaves = [leaf(struct.pack("<I", i)) for i in range(c["n"])]
    same(merkle(leaves).hex(), c["root"], "merkle root")
    if not leaves:
        return
    digest, at, width, proof = leaves[c["at"]], c["at"], c["n"], [bytes.fromhex(p) for p in c["proof"]]
    while width > 1:
        if at ^ 1 < width:
            pair = (digest, proof.pop(0))
            digest = blake(b"\1", *(pair if at % 2 == 0 else pair[::-1]))
        at, width = at // 2, (width + 1) // 2
    same([digest.hex(), len(proof)], [c["root"], 0], "merkle proof")


def check_layer_leaf(c):
    ks, vs = [S(s) for s in c["key_scales"]], [S(s) for s in c["value_scales"]]
    got = layer_leaf(c["residual"], c["keys"], ks, c["values"], vs)
    same(got.hex(), c["leaf"], "layer leaf")
    same(blake(b"lantern/trace/1", struct.pack("<II", 3, 5), got).hex(), c["trace_root"], "trace root")


def check_commit(c):
    row = row_leaf(S(c["scale"]), c["row"])
    same(row.hex(), c["row_leaf"], "row leaf")
    same(vector_leaf(c["frac"], c["vector"]).hex(), c["vector_leaf"], "vector leaf")
    tensor = tensor_leaf(c["name"], 0, 1, 8, row)
    same(tensor.hex(), c["tensor_leaf"], "tensor leaf")
    same(weights_root([tensor] * 3).hex(), c["weights_root"], "weights root")


def check_model(c):
    spec, params = c["spec"], c["params"]
    tensors, root = synthetic(spec, c["seed"])
    same(root.hex(), c["weights_root"], "weights root")
    same(blake(b"lantern/model/1", bytes.fromhex(c["spec_scale"]), root).hex(), c["model_id"], "model id")
    model = Model(spec, tensors)
    if model.llama:
        same([model.step(t) for t in c["prompt"][:2]], c["residual_after_two_tokens"], "residual")
        generate = params["generate"]
        sampling = parse_sampling(bytes.fromhex(c["params_scale"])[5:])
        model, out = Model(spec, tensors), []
        for token in c["prompt"]:
            x = model.step(token)
        while True:
            out.append(sample(model.logits(x), sampling, len(model.leaves)))
            if out[-1] in generate["stop"] or len(out) == generate["max_new_tokens"]:
                break
            x = model.step(out[-1])
        output = ints("I", out)
    else:
        same(model.encode(c["prompt"][:2]), c["residual_after_two_tokens"], "residual")
        model = Model(spec, tensors)
        output = ints("i", model.pool(model.encode(c["prompt"])))
    same(output.hex(), c["output"], "output")
    same(len(model.leaves), c["positions"], "positions")
    same(model.leaves[0][0].hex(), c["first_leaf"], "first leaf")
    same(trace_root(model.leaves, spec["layers"]).hex(), c["trace_root"], "trace root")


def main():
    checked = 0
    for path in sorted(pathlib.Path(__file__).parent.glob("*.json")):
        for number, case in enumerate(json.loads(path.read_text())):
            try:
                globals()["check_" + case["op"]](case)
            except AssertionError as error:
                sys.exit(f"{path.name}, case {number} ({case['op']}): {error}")
            checked += 1
    print(f"{checked} golden cases agree")


if __name__ == "__main__":
    main()
