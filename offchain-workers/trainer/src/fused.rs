//! Differentiable candle operators for training on a CPU.
//!
//! candle's own normalisation, rotation and softmax kernels have no backward pass, and its elementwise chain costs more
//! than the matrix products at this model size. Each operator here does one step of a Llama layer with its gradient. All
//! work on contiguous f32 tensors of one sequence (`[tokens, channels]`) and on one thread: training runs one sequence
//! per thread.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Device, Layout, Result, Shape, Tensor};
use gemm::Parallelism;
use serde::{Deserialize, Serialize};

/// Queries handled together in attention; keys after a block's last query are never touched.
const QUERY_BLOCK: usize = 64;

/// A strided read-only matrix over a slice, in elements.
#[derive(Clone, Copy)]
struct View<'a> {
    data: &'a [f32],
    row: usize,
    col: usize,
}

impl<'a> View<'a> {
    fn new(data: &'a [f32], row: usize) -> Self {
        Self { data, row, col: 1 }
    }

    fn transposed(self) -> Self {
        Self {
            data: self.data,
            row: self.col,
            col: self.row,
        }
    }

    fn last(&self, rows: usize, cols: usize) -> usize {
        (rows - 1) * self.row + (cols - 1) * self.col
    }
}

/// `out[m,n] = keep * out + scale * a[m,k] * b[k,n]`, `out` with rows `row` apart.
fn product((m, n, k): (usize, usize, usize), out: &mut [f32], row: usize, keep: bool, a: View, b: View, scale: f32) {
    assert!(m > 0 && n > 0 && k > 0 && n <= row, "empty or overlapping product");
    assert!((m - 1) * row + n <= out.len(), "output out of bounds");
    assert!(
        a.last(m, k) < a.data.len() && b.last(k, n) < b.data.len(),
        "operand out of bounds"
    );
    // SAFETY: the three assertions above bound every element that the strides can reach, `out` is exclusively borrowed
    // and its rows do not overlap.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            row as isize,
            keep,
            a.data.as_ptr(),
            a.col as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.col as isize,
            b.row as isize,
            1.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// exp for arguments of any size, within 2e-7 relative; plain arithmetic, so that it vectorises.
fn exp(x: f32) -> f32 {
    let scaled = (x * std::f32::consts::LOG2_E).clamp(-126.0, 126.0);
    // Adding 1.5 * 2^23 leaves the nearest integer in the low mantissa bits.
    let shifted = scaled + 12_582_912.0;
    let fraction = (scaled - (shifted - 12_582_912.0)) * std::f32::consts::LN_2;
    let series = 1.0 / 720.0;
    let series = series * fraction + 1.0 / 120.0;
    let series = series * fraction + 1.0 / 24.0;
    let series = series * fraction + 1.0 / 6.0;
    let series = series * fraction + 0.5;
    let series = series * fraction + 1.0;
    let series = series * fraction + 1.0;
    let power = shifted.to_bits().wrapping_sub(0x4b40_0000).wrapping_add(127) << 23;
    series * f32::from_bits(power)
}

fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => candle_core::bail!("fused operators want contiguous tensors"),
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

fn tensor(data: Vec<f32>, shape: &Shape) -> Result<Option<Tensor>> {
    Tensor::from_vec(data, shape.clone(), &Device::Cpu).map(Some)
}

/// `x[t,in]` times the transpose of `w[out,in]`.
pub struct Linear;

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (tokens, inner) = l1.shape().dims2()?;
        let (outer, w_inner) = l2.shape().dims2()?;
        if inner != w_inner {
            candle_core::bail!("linear: {inner} inputs for a weight of {w_inner}");
        }
        let (x, w) = (contiguous(s1, l1)?, contiguous(s2, l2)?);
        let mut y = vec![0.0; tokens * outer];
        let weight = View::new(w, inner).transposed();
        product(
            (tokens, outer, inner),
            &mut y,
            outer,
            false,
            View::new(x, inner),
            weight,
            1.0,
        );
        Ok((CpuStorage::F32(y), (tokens, outer).into()))
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (tokens, inner) = x.dims2()?;
        let outer = w.dim(0)?;
        let (xs, ws, g) = (values(x)?, values(w)?, values(grad)?);
        let mut dx = vec![0.0; tokens * inner];
        let upstream = View::new(&g, outer);
        product(
            (tokens, inner, outer),
            &mut dx,
            inner,
            false,
            upstream,
            View::new(&ws, inner),
            1.0,
        );
        let mut dw = vec![0.0; outer * inner];
        let inputs = View::new(&xs, inner);
        product(
            (outer, inner, tokens),
            &mut dw,
            inner,
            false,
            upstream.transposed(),
            inputs,
            1.0,
        );
        Ok((tensor(dx, x.shape())?, tensor(dw, w.shape())?))
    }
}

/// Root-mean-square normalisation of the rows of `x[t,d]` with gains `g[d]`.
pub struct RmsNorm {
    /// Added to the mean square.
    pub eps: f32,
}

impl RmsNorm {
    fn inverse(&self, row: &[f32]) -> f32 {
        let square: f32 = row.iter().map(|v| v * v).sum();
        1.0 / (square / row.len() as f32 + self.eps).sqrt()
    }
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, gain) = (contiguous(s1, l1)?, contiguous(s2, l2)?);
        let mut y = Vec::with_capacity(x.len());
        for row in x.chunks_exact(gain.len()) {
            let inverse = self.inverse(row);
            y.extend(row.iter().zip(gain).map(|(v, g)| v * inverse * g));
        }
        Ok((CpuStorage::F32(y), l1.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, gain: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (xs, gains, grads) = (values(x)?, values(gain)?, values(grad)?);
        let width = gains.len();
        let mut dx = Vec::with_capacity(xs.len());
        let mut dgain = vec![0.0; width];
        for (row, up) in xs.chunks_exact(width).zip(grads.chunks_exact(width)) {
            let inverse = self.inverse(row);
            let mut along = 0.0;
            for i in 0..width {
                let normal = row[i] * inverse;
                dgain[i] += up[i] * normal;
                along += up[i] * gains[i] * normal;
            }
            along /= width as f32;
            dx.extend((0..width).map(|i| inverse * (up[i] * gains[i] - row[i] * inverse * along)));
        }
        Ok((tensor(dx, x.shape())?, tensor(dgain, gain.shape())?))
    }
}

/// `silu(gate) * up`, elementwise.
pub struct SwiGlu;

impl CustomOp2 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (gate, up) = (contiguous(s1, l1)?, contiguous(s2, l2)?);
        let y = gate.iter().zip(up).map(|(g, u)| g / (1.0 + exp(-g)) * u).collect();
        Ok((CpuStorage::F32(y), l1.shape().clone()))
    }

    fn bwd(&self, gate: &Tensor, up: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (g, u, d) = (values(gate)?, values(up)?, values(grad)?);
        let mut dgate = vec![0.0; g.len()];
        let mut dup = vec![0.0; g.len()];
        for i in 0..g.len() {
            let sigmoid = 1.0 / (1.0 + exp(-g[i]));
            dgate[i] = d[i] * u[i] * sigmoid * (1.0 + g[i] * (1.0 - sigmoid));
            dup[i] = d[i] * g[i] * sigmoid;
        }
        Ok((tensor(dgate, gate.shape())?, tensor(dup, up.shape())?))
    }
}

/// Llama 3's scaling of rotary frequencies, as `config.json` names it: waves longer than `original / low` are slowed down by `factor`,
/// those shorter than `original / high` are kept.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct RopeScaling {
    /// Always `llama3`.
    pub rope_type: RopeType,
    /// How much slow waves are slowed down.
    pub factor: f32,
    /// Rotations over the original context below which a wave is slow.
    pub low_freq_factor: f32,
    /// Rotations above which a wave is kept.
    pub high_freq_factor: f32,
    /// Original context, in tokens.
    pub original_max_position_embeddings: u32,
}

/// Kinds of [`RopeScaling`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RopeType {
    /// Llama 3's.
    Llama3,
}

impl RopeScaling {
    fn apply(&self, frequency: f32) -> f32 {
        let rotations = self.original_max_position_embeddings as f32 * frequency / std::f32::consts::TAU;
        let (low, high) = (self.low_freq_factor, self.high_freq_factor);
        let kept = ((rotations - low) / (high - low)).clamp(0.0, 1.0);
        frequency * (kept + (1.0 - kept) / self.factor)
    }
}

/// Rotary position embedding of `x[t, heads * dim]`, pairs `(i, i + dim / 2)`, positions from zero.
#[derive(Clone, Copy)]
pub struct Rope {
    /// Channels per head.
    pub dim: usize,
    /// Base of the frequencies.
    pub theta: f32,
    /// Their scaling.
    pub scaling: Option<RopeScaling>,
}

impl Rope {
    /// Rotates every head by its position times `direction`.
    fn rotate(&self, x: &[f32], width: usize, direction: f32) -> Vec<f32> {
        let half = self.dim / 2;
        let mut y = vec![0.0; x.len()];
        let mut turns = vec![(0.0, 0.0); half];
        for (position, (row, out)) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).enumerate() {
            for (i, turn) in turns.iter_mut().enumerate() {
                let plain = self.theta.powf(-2.0 * i as f32 / self.dim as f32);
                let frequency = self.scaling.map_or(plain, |scaling| scaling.apply(plain));
                let (sin, cos) = (position as f32 * frequency).sin_cos();
                *turn = (sin * direction, cos);
            }
            for (head, out) in row.chunks_exact(self.dim).zip(out.chunks_exact_mut(self.dim)) {
                for (i, (sin, cos)) in turns.iter().enumerate() {
                    out[i] = head[i] * cos - head[i + half] * sin;
                    out[i + half] = head[i + half] * cos + head[i] * sin;
                }
            }
        }
        y
    }
}

impl CustomOp1 for Rope {
    fn name(&self) -> &'static str {
        "rope"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = self.rotate(contiguous(storage, layout)?, layout.shape().dims2()?.1, 1.0);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        tensor(self.rotate(&values(grad)?, x.dim(1)?, -1.0), x.shape())
    }
}

/// Causal attention with grouped heads: `q[t, heads * dim]`, `k` and `v` `[t, kv_heads * dim]`.
#[derive(Clone, Copy)]
pub struct Attention {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Channels per head.
    pub dim: usize,
}

impl Attention {
    /// Calls `each(first query, queries, keys, head, key head)` for every block.
    fn blocks(&self, tokens: usize, mut each: impl FnMut(usize, usize, usize, usize, usize)) {
        for head in 0..self.heads {
            for first in (0..tokens).step_by(QUERY_BLOCK) {
                let end = (first + QUERY_BLOCK).min(tokens);
                each(first, end - first, end, head, head / (self.heads / self.kv_heads));
            }
        }
    }

    /// Attention weights of one block into `p[queries, keys]`.
    fn weights(&self, p: &mut [f32], q: View, k: View, first: usize, queries: usize, keys: usize) {
        let scale = 1.0 / (self.dim as f32).sqrt();
        product((queries, keys, self.dim), p, keys, false, q, k.transposed(), scale);
        for (i, row) in p.chunks_exact_mut(keys).enumerate() {
            let (seen, later) = row.split_at_mut(first + i + 1);
            let top = seen.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            seen.iter_mut().for_each(|s| *s = exp(*s - top));
            let inverse = 1.0 / seen.iter().sum::<f32>();
            seen.iter_mut().for_each(|s| *s *= inverse);
            later.fill(0.0);
        }
    }
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (q, k, v) = (contiguous(s1, l1)?, contiguous(s2, l2)?, contiguous(s3, l3)?);
        let tokens = l1.shape().dims2()?.0;
        let (width, kv_width) = (self.heads * self.dim, self.kv_heads * self.dim);
        let mut out = vec![0.0; tokens * width];
        let mut p = vec![0.0; QUERY_BLOCK * tokens];
        self.blocks(tokens, |first, queries, keys, head, group| {
            let p = &mut p[..queries * keys];
            let at = first * width + head * self.dim;
            let (keys_of, values_of) = (&k[group * self.dim..], &v[group * self.dim..]);
            self.weights(
                p,
                View::new(&q[at..], width),
                View::new(keys_of, kv_width),
                first,
                queries,
                keys,
            );
            let values_of = View::new(values_of, kv_width);
            product(
                (queries, self.dim, keys),
                &mut out[at..],
                width,
                false,
                View::new(p, keys),
                values_of,
                1.0,
            );
        });
        Ok((CpuStorage::F32(out), l1.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let tokens = q.dim(0)?;
        let (qs, ks, vs, up) = (values(q)?, values(k)?, values(v)?, values(grad)?);
        let (width, kv_width, dim) = (self.heads * self.dim, self.kv_heads * self.dim, self.dim);
        let (mut dq, mut dk, mut dv) = (vec![0.0; qs.len()], vec![0.0; ks.len()], vec![0.0; vs.len()]);
        let (mut p, mut dp) = (vec![0.0; QUERY_BLOCK * tokens], vec![0.0; QUERY_BLOCK * tokens]);
        let scale = 1.0 / (dim as f32).sqrt();
        self.blocks(tokens, |first, queries, keys, head, group| {
            let (p, dp) = (&mut p[..queries * keys], &mut dp[..queries * keys]);
            let (at, kv_at) = (first * width + head * dim, group * dim);
            let (query, key) = (View::new(&qs[at..], width), View::new(&ks[kv_at..], kv_width));
            let (value, upstream) = (View::new(&vs[kv_at..], kv_width), View::new(&up[at..], width));
            self.weights(p, query, key, first, queries, keys);
            product((queries, keys, dim), dp, keys, false, upstream, value.transposed(), 1.0);
            let weights = View::new(p, keys).transposed();
            product(
                (keys, dim, queries),
                &mut dv[kv_at..],
                kv_width,
                true,
                weights,
                upstream,
                1.0,
            );
            for (p, dp) in p.chunks_exact(keys).zip(dp.chunks_exact_mut(keys)) {
                let mean: f32 = p.iter().zip(dp.iter()).map(|(p, d)| p * d).sum();
                dp.iter_mut().zip(p).for_each(|(d, p)| *d = p * (*d - mean));
            }
            let scores = View::new(dp, keys);
            product((queries, dim, keys), &mut dq[at..], width, false, scores, key, scale);
            product(
                (keys, dim, queries),
                &mut dk[kv_at..],
                kv_width,
                true,
                scores.transposed(),
                query,
                scale,
            );
        });
        Ok((tensor(dq, q.shape())?, tensor(dk, k.shape())?, tensor(dv, v.shape())?))
    }
}

/// Mean cross entropy in nats of `logits[t, vocabulary]` against one target token per row.
pub struct CrossEntropy {
    /// Right token of each row.
    pub targets: Vec<u32>,
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (tokens, vocabulary) = layout.shape().dims2()?;
        if tokens != self.targets.len() || self.targets.iter().any(|t| *t as usize >= vocabulary) {
            candle_core::bail!("cross-entropy: targets do not fit logits");
        }
        let logits = contiguous(storage, layout)?;
        let mut total = 0.0;
        for (row, target) in logits.chunks_exact(vocabulary).zip(&self.targets) {
            let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = row.iter().map(|v| exp(v - top)).sum();
            total += f64::from(sum.ln() + top - row[*target as usize]);
        }
        let mean = (total / tokens as f64) as f32;
        Ok((CpuStorage::F32(vec![mean]), ().into()))
    }

    fn bwd(&self, logits: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (tokens, vocabulary) = logits.dims2()?;
        let mut data = values(logits)?;
        let scale = grad.to_scalar::<f32>()? / tokens as f32;
        for (row, target) in data.chunks_exact_mut(vocabulary).zip(&self.targets) {
            let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.iter_mut().for_each(|v| *v = exp(*v - top));
            let inverse = scale / row.iter().sum::<f32>();
            row.iter_mut().for_each(|v| *v *= inverse);
            row[*target as usize] -= scale;
        }
        tensor(data, logits.shape())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Var, D};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn random(rng: &mut ChaCha8Rng, rows: usize, cols: usize) -> Var {
        let data = (0..rows * cols).map(|_| rng.random_range(-1.5f32..1.5)).collect();
        Var::from_vec(data, (rows, cols), &Device::Cpu).unwrap()
    }

    /// Gradients of both results against `weights` must agree for every variable.
    fn same(fused: Tensor, plain: Tensor, vars: &[&Var]) {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let (rows, cols) = fused.dims2().unwrap();
        let weights = random(&mut rng, rows, cols).as_tensor().clone();
        let apart = values(&(&fused - &plain).unwrap()).unwrap();
        assert!(apart.iter().all(|d| d.abs() < 2e-5), "values differ: {apart:?}");
        let gradients = |t: Tensor| (t * &weights).unwrap().sum_all().unwrap().backward().unwrap();
        let (ours, theirs) = (gradients(fused), gradients(plain));
        for var in vars {
            let apart = (ours.get(var).unwrap() - theirs.get(var).unwrap()).unwrap();
            let apart = values(&apart).unwrap();
            assert!(apart.iter().all(|d| d.abs() < 1e-4), "gradients differ: {apart:?}");
        }
    }

    #[test]
    fn linear_norm_and_gate_match_candle() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (x, w) = (random(&mut rng, 5, 8), random(&mut rng, 6, 8));
        same(
            x.apply_op2(&w, Linear).unwrap(),
            x.matmul(&w.t().unwrap()).unwrap(),
            &[&x, &w],
        );
        let gain = Var::from_tensor(&random(&mut rng, 1, 8).flatten_all().unwrap()).unwrap();
        let plain = {
            let mean = x.sqr().unwrap().mean_keepdim(D::Minus1).unwrap();
            let root = (mean + 1e-5).unwrap().sqrt().unwrap();
            x.broadcast_div(&root).unwrap().broadcast_mul(&gain).unwrap()
        };
        same(x.apply_op2(&gain, RmsNorm { eps: 1e-5 }).unwrap(), plain, &[&x, &gain]);
        let (g, u) = (random(&mut rng, 4, 7), random(&mut rng, 4, 7));
        let plain = (g.silu().unwrap() * u.as_tensor()).unwrap();
        same(g.apply_op2(&u, SwiGlu).unwrap(), plain, &[&g, &u]);
    }

    #[test]
    fn attention_with_rotation_matches_basic_operators() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (tokens, heads, kv_heads, dim) = (70, 4, 2, 6);
        let q = random(&mut rng, tokens, heads * dim);
        let (k, v) = (
            random(&mut rng, tokens, kv_heads * dim),
            random(&mut rng, tokens, kv_heads * dim),
        );
        let rope = Rope {
            dim,
            theta: 10_000.0,
            scaling: None,
        };
        let attention = Attention { heads, kv_heads, dim };
        let turned = |x: &Tensor| x.apply_op1(rope).unwrap();
        let fused = turned(&q).apply_op3(&turned(&k), &v, attention).unwrap();
        let split = |x: &Tensor, heads: usize| {
            x.reshape((tokens, heads, dim))
                .unwrap()
                .transpose(0, 1)
                .unwrap()
                .contiguous()
                .unwrap()
        };
        let angles: Vec<f32> = (0..tokens * dim / 2)
            .map(|i| (i / 3) as f32 * 10_000f32.powf(-2.0 * (i % 3) as f32 / dim as f32))
            .collect();
        let angles = Tensor::from_vec(angles, (tokens, dim / 2), &Device::Cpu).unwrap();
        let turned = |x: Tensor| {
            let x = x.unsqueeze(0).unwrap();
            let (cos, sin) = (angles.cos().unwrap(), angles.sin().unwrap());
            candle_nn::rotary_emb::rope_slow(&x, &cos, &sin)
                .unwrap()
                .squeeze(0)
                .unwrap()
        };
        let mask: Vec<f32> = (0..tokens * tokens)
            .map(|i| if i % tokens > i / tokens { -1e9 } else { 0.0 })
            .collect();
        let mask = Tensor::from_vec(mask, (tokens, tokens), &Device::Cpu).unwrap();
        let mut parts = Vec::new();
        for head in 0..heads {
            let query = turned(split(&q, heads)).get(head).unwrap();
            let key = turned(split(&k, kv_heads)).get(head / 2).unwrap();
            let value = split(&v, kv_heads).get(head / 2).unwrap();
            let scores = (query.matmul(&key.t().unwrap()).unwrap() / (dim as f64).sqrt()).unwrap();
            let weights = candle_nn::ops::softmax((scores + &mask).as_ref().unwrap(), D::Minus1).unwrap();
            parts.push(weights.matmul(&value).unwrap());
        }
        same(fused, Tensor::cat(&parts, 1).unwrap(), &[&q, &k, &v]);
    }

    #[test]
    fn cross_entropy_matches_candle() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let logits = random(&mut rng, 6, 11);
        let targets: Vec<u32> = (0..6).map(|_| rng.random_range(0..11)).collect();
        let theirs = candle_nn::loss::cross_entropy(&logits, &Tensor::new(targets.clone(), &Device::Cpu).unwrap());
        let ours = logits.apply_op1(CrossEntropy { targets }).unwrap();
        let one = |t: Tensor| t.reshape((1, 1)).unwrap();
        same(one(ours), one(theirs.unwrap()), &[&logits]);
    }

    #[test]
    fn exp_is_close_everywhere() {
        for i in -8_000..8_000 {
            let x = i as f32 * 0.01;
            let (ours, right) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((ours - right).abs() <= right * 2e-5 + 1e-37, "exp({x})");
            if x.abs() < 20.0 {
                assert!((ours - right).abs() <= right * 2e-6, "exp({x})");
            }
        }
    }
}
