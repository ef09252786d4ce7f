//! A Llama that can be trained: parameters by their Hugging Face names, forward pass, loss and sampling.

use std::{collections::BTreeMap, path::Path};

use anyhow::{bail, Context, Result};
use candle_core::{DType, Device, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::fused::{Attention, CrossEntropy, Linear, RmsNorm, Rope, RopeScaling, SwiGlu};

/// Name of the embedding table, which is the output head too.
const EMBEDDING: &str = "model.embed_tokens.weight";

/// The `config.json` of a Hugging Face Llama, as far as this program trains one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Always `["LlamaForCausalLM"]`.
    pub architectures: Vec<String>,
    /// Always `llama`.
    pub model_type: String,
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// Channels of the residual stream.
    pub hidden_size: usize,
    /// Channels inside the feed-forward block.
    pub intermediate_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads.
    pub num_key_value_heads: usize,
    /// Channels per head.
    pub head_dim: usize,
    /// Longest sequence, in tokens.
    pub max_position_embeddings: usize,
    /// Added to the mean square in normalisation.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Always `silu`.
    pub hidden_act: String,
    /// Always true: the embedding table is the output head.
    pub tie_word_embeddings: bool,
    /// Always false.
    pub attention_bias: bool,
    /// Always false.
    pub mlp_bias: bool,
    /// Token that opens a document.
    pub bos_token_id: u32,
    /// Token that ends a document.
    pub eos_token_id: u32,
    /// Element type of the published weights.
    pub torch_dtype: String,
    /// Scaling of the rotary frequencies; no model is trained with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<RopeScaling>,
}

impl Config {
    /// A model of the given size; the head width is `hidden / heads`.
    pub fn new(vocab: usize, hidden: usize, ff: usize, layers: usize, heads: usize, kv: usize, context: usize) -> Self {
        Self {
            architectures: vec!["LlamaForCausalLM".into()],
            model_type: "llama".into(),
            vocab_size: vocab,
            hidden_size: hidden,
            intermediate_size: ff,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            num_key_value_heads: kv,
            head_dim: hidden / heads,
            max_position_embeddings: context,
            rms_norm_eps: 1e-5,
            rope_theta: 10_000.0,
            hidden_act: "silu".into(),
            tie_word_embeddings: true,
            attention_bias: false,
            mlp_bias: false,
            bos_token_id: 0,
            eos_token_id: 0,
            torch_dtype: "float16".into(),
            rope_scaling: None,
        }
    }

    /// Every parameter's name, shape and standard deviation at the start; zero marks a gain, which starts at one.
    fn parameters(&self) -> Vec<(String, Vec<usize>, f32)> {
        let (d, ff) = (self.hidden_size, self.intermediate_size);
        let (q, kv) = (
            self.num_attention_heads * self.head_dim,
            self.num_key_value_heads * self.head_dim,
        );
        let std = 0.6 / (d as f32).sqrt();
        // Layers that write to the residual stream start smaller, so that depth does not inflate it.
        let writes = std / (2.0 * self.num_hidden_layers as f32).sqrt();
        let mut all = vec![(EMBEDDING.to_string(), vec![self.vocab_size, d], 0.02)];
        for layer in 0..self.num_hidden_layers {
            let mut push = |name: &str, shape: &[usize], std| {
                all.push((format!("model.layers.{layer}.{name}.weight"), shape.to_vec(), std));
            };
            push("input_layernorm", &[d], 0.0);
            push("self_attn.q_proj", &[q, d], std);
            push("self_attn.k_proj", &[kv, d], std);
            push("self_attn.v_proj", &[kv, d], std);
            push("self_attn.o_proj", &[d, q], writes);
            push("post_attention_layernorm", &[d], 0.0);
            push("mlp.gate_proj", &[ff, d], std);
            push("mlp.up_proj", &[ff, d], std);
            push("mlp.down_proj", &[d, ff], writes);
        }
        all.push(("model.norm.weight".into(), vec![d], 0.0));
        if self.has_biases() {
            for layer in 0..self.num_hidden_layers {
                for (part, width) in [("q", q), ("k", kv), ("v", kv)] {
                    all.push((
                        format!("model.layers.{layer}.self_attn.{part}_proj.bias"),
                        vec![width],
                        std,
                    ));
                }
            }
        }
        all
    }

    /// Qwen 2 has biases on queries, keys and values, and is otherwise a Llama.
    fn has_biases(&self) -> bool {
        self.model_type == "qwen2"
    }
}

/// A Llama in float32 whose parameters can be trained.
pub struct Model {
    /// Its shape.
    pub config: Config,
    /// Parameters by name.
    pub vars: BTreeMap<String, Var>,
}

impl Model {
    /// A model with random parameters drawn from `seed`.
    pub fn random(config: Config, seed: u64) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut vars = BTreeMap::new();
        for (name, shape, std) in config.parameters() {
            let count = shape.iter().product();
            let data = (0..count)
                .map(|_| if std == 0.0 { 1.0 } else { std * normal(&mut rng) })
                .collect();
            vars.insert(name, Var::from_vec(data, shape, &Device::Cpu)?);
        }
        Ok(Self { config, vars })
    }

    /// Loads `config.json` and `model.safetensors` from `folder` and widens the weights to float32.
    pub fn load(folder: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(folder.join("config.json"))
            .with_context(|| format!("reading config.json in {}", folder.display()))?;
        let config: Config = serde_json::from_str(&text)?;
        let tensors = candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu)?;
        let mut vars = BTreeMap::new();
        for (name, shape, _) in config.parameters() {
            let tensor = tensors.get(&name).with_context(|| format!("{name} is missing"))?;
            if tensor.dims() != shape {
                bail!("{name} is {:?} and should be {shape:?}", tensor.dims());
            }
            vars.insert(name, Var::from_tensor(&tensor.to_dtype(DType::F32)?)?);
        }
        Ok(Self { config, vars })
    }

    /// Number of parameters.
    pub fn size(&self) -> usize {
        self.vars.values().map(|var| var.elem_count()).sum()
    }

    fn var(&self, name: &str) -> Result<&Tensor> {
        Ok(self
            .vars
            .get(name)
            .with_context(|| format!("{name} is missing"))?
            .as_tensor())
    }

    /// Logits `[tokens, vocabulary]` after every token of one sequence that starts at position zero.
    pub fn logits(&self, tokens: &[u32]) -> Result<Tensor> {
        self.forward(tokens, &mut |_, _| Ok(()))
    }

    /// As [`logits`](Self::logits); shows `watch` the gated product `[tokens, intermediate]` of each layer.
    pub fn forward(&self, tokens: &[u32], watch: &mut dyn FnMut(usize, &Tensor) -> Result<()>) -> Result<Tensor> {
        let config = &self.config;
        if tokens.is_empty() || tokens.len() > config.max_position_embeddings {
            bail!("a sequence has 1 to {} tokens", config.max_position_embeddings);
        }
        let rope = Rope {
            dim: config.head_dim,
            theta: config.rope_theta as f32,
            scaling: config.rope_scaling,
        };
        let attention = Attention {
            heads: config.num_attention_heads,
            kv_heads: config.num_key_value_heads,
            dim: config.head_dim,
        };
        let norm = |x: &Tensor, name: &str| -> Result<Tensor> {
            Ok(x.apply_op2(
                self.var(name)?,
                RmsNorm {
                    eps: config.rms_norm_eps as f32,
                },
            )?)
        };
        let ids = Tensor::new(tokens, &Device::Cpu)?;
        let mut x = self.var(EMBEDDING)?.index_select(&ids, 0)?;
        for layer in 0..config.num_hidden_layers {
            let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
            let linear =
                |x: &Tensor, part: &str| -> Result<Tensor> { Ok(x.apply_op2(self.var(&name(part))?, Linear)?) };
            let h = norm(&x, &name("input_layernorm"))?;
            let biased = |h: &Tensor, part: &str| -> Result<Tensor> {
                let y = linear(h, part)?;
                if !config.has_biases() {
                    return Ok(y);
                }
                Ok(y.broadcast_add(self.var(&format!("model.layers.{layer}.{part}.bias"))?)?)
            };
            let q = biased(&h, "self_attn.q_proj")?.apply_op1(rope)?;
            let k = biased(&h, "self_attn.k_proj")?.apply_op1(rope)?;
            let v = biased(&h, "self_attn.v_proj")?;
            let mixed = q.apply_op3(&k, &v, attention)?;
            x = (x + linear(&mixed, "self_attn.o_proj")?)?;
            let h = norm(&x, &name("post_attention_layernorm"))?;
            let gated = linear(&h, "mlp.gate_proj")?.apply_op2(&linear(&h, "mlp.up_proj")?, SwiGlu)?;
            watch(layer, &gated)?;
            x = (x + linear(&gated, "mlp.down_proj")?)?;
        }
        let x = norm(&x, "model.norm.weight")?;
        Ok(x.apply_op2(self.var(EMBEDDING)?, Linear)?)
    }

    /// Mean cross entropy in nats of predicting each token of `tokens` but the first.
    pub fn loss(&self, tokens: &[u32]) -> Result<Tensor> {
        let Some((_, inputs)) = tokens.split_last() else {
            bail!("an empty sequence has no loss");
        };
        let targets = tokens[1..].to_vec();
        Ok(self.logits(inputs)?.apply_op1(CrossEntropy { targets })?)
    }

    /// Continues `prompt` by `count` tokens, sampled at `temperature` (zero: the likeliest), stopping at token 0.
    pub fn sample(&self, prompt: &[u32], count: usize, temperature: f32, seed: u64) -> Result<Vec<u32>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut tokens = prompt.to_vec();
        for _ in 0..count.min(self.config.max_position_embeddings - prompt.len()) {
            let logits = self.logits(&tokens)?;
            let last: Vec<f32> = logits.get(tokens.len() - 1)?.to_vec1()?;
            let noisy = last.iter().map(|logit| {
                let gumbel = -(-rng.random_range(f32::MIN_POSITIVE..1.0).ln()).ln();
                logit + temperature * gumbel
            });
            let best = noisy.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
            let Some((token, _)) = best else { break };
            if token == 0 {
                break;
            }
            tokens.push(token as u32);
        }
        Ok(tokens.split_off(prompt.len()))
    }
}

/// Windows of a token stream for measuring: `context` predictions each, every token predicted once but the first.
pub fn windows(stream: &[u32], context: usize) -> Vec<&[u32]> {
    let mut out = Vec::new();
    let mut start = 0;
    while start + 1 < stream.len() {
        let end = (start + context + 1).min(stream.len());
        out.push(&stream[start..end]);
        start = end - 1;
    }
    out
}

/// Mean cross entropy in nats per predicted token over `windows`, computed on `threads` threads.
pub fn mean_loss(model: &Model, windows: &[&[u32]], threads: usize) -> Result<f64> {
    let part = windows.len().div_ceil(threads.max(1)).max(1);
    let sums = std::thread::scope(|scope| {
        let workers: Vec<_> = windows
            .chunks(part)
            .map(|part| {
                scope.spawn(move || -> Result<(f64, usize)> {
                    let mut sum = (0.0, 0);
                    for window in part {
                        let loss = model.loss(window)?.detach().to_scalar::<f32>()?;
                        sum.0 += f64::from(loss) * (window.len() - 1) as f64;
                        sum.1 += window.len() - 1;
                    }
                    Ok(sum)
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| bail!("a measuring thread panicked")))
            .collect::<Result<Vec<_>>>()
    })?;
    let (total, count) = sums.iter().fold((0.0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    Ok(total / count as f64)
}

/// A standard normal deviate (Box-Muller).
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let radius = (-2.0 * rng.random_range(f32::MIN_POSITIVE..1.0).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_nn::VarBuilder;
    use candle_transformers::models::llama;

    #[test]
    fn logits_agree_with_candle_transformers() {
        let config = Config::new(96, 32, 64, 2, 4, 2, 64);
        let model = Model::random(config.clone(), 7).unwrap();
        let tensors = model
            .vars
            .iter()
            .map(|(name, var)| (name.clone(), var.as_tensor().clone()))
            .collect();
        let theirs = llama::Config {
            hidden_size: config.hidden_size,
            intermediate_size: config.intermediate_size,
            vocab_size: config.vocab_size,
            num_hidden_layers: config.num_hidden_layers,
            num_attention_heads: config.num_attention_heads,
            num_key_value_heads: config.num_key_value_heads,
            use_flash_attn: false,
            rms_norm_eps: config.rms_norm_eps,
            rope_theta: config.rope_theta as f32,
            bos_token_id: None,
            eos_token_id: None,
            rope_scaling: None,
            max_position_embeddings: config.max_position_embeddings,
            tie_word_embeddings: true,
        };
        let mut cache = llama::Cache::new(false, DType::F32, &theirs, &Device::Cpu).unwrap();
        let builder = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let reference = llama::Llama::load(builder, &theirs).unwrap();
        let tokens: Vec<u32> = (0..40).map(|i| (i * 37 + 11) % 96).collect();
        let ours = model
            .logits(&tokens)
            .unwrap()
            .get(39)
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        let input = Tensor::new(tokens.as_slice(), &Device::Cpu)
            .unwrap()
            .unsqueeze(0)
            .unwrap();
        let right = reference.forward(&input, 0, &mut cache).unwrap();
        let right = right.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (a, b) in ours.iter().zip(&right) {
            assert!((a - b).abs() < 1e-4, "{a} and {b}");
        }
    }

    #[test]
    fn windows_predict_every_token_once() {
        let stream: Vec<u32> = (0..23).collect();
        let parts = windows(&stream, 5);
        let predicted: Vec<u32> = parts.iter().flat_map(|part| part[1..].to_vec()).collect();
        assert_eq!(predicted, (1..23).collect::<Vec<_>>());
        assert!(parts.iter().all(|part| part.len() <= 6));
    }
}
