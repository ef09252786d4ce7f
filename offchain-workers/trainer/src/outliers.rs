//! Outliers put into a model's float weights on purpose, in ways that leave its function as it is.
//!
//! Small models have none of the outliers that large ones are known for, so that a small loss on a small model proves little. Each
//! construction here puts one kind in where the model's float function does not change: what the exact engine then loses, it loses to
//! the outlier.

use std::{fs, path::Path};

use anyhow::{bail, Context, Result};
use candle_core::{Device, Tensor, Var};

use lantern_exact::Width;

use crate::{
    exact::ExactModel,
    fused::{RopeScaling, RopeType},
    model::{mean_loss, Model},
    quality::mean_loss_q16,
};

/// How much larger an outlier channel of a norm is than the others.
const GAIN: f32 = 1000.0;
/// Bias of an outlier channel of the keys.
const KEY_BIAS: f32 = 400.0;
/// Peak of an outlier channel of the gated products.
const SPIKE: f32 = 5000.0;
/// Factor by which the waves that carry the key bias are slowed down: they turn by less than 10^-5 over any context of the model.
const STILL: f32 = 30_000.0;

/// A kind of outlier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outlier {
    /// In both norms of every layer, two channels' gains are 1000 times as large, and the columns that read them 1000 times smaller.
    NormGain,
    /// Every key head has two channels with a bias of 400 and -400. Heads become twice as wide, which leaves the old pairs their
    /// frequencies and puts new ones between; the slowest new pair is slowed down until it stands still (Llama 3's scaling, which
    /// keeps all faster ones). Its keys are the bias alone, so that it adds the same to the scores of a query with all keys, and softmax
    /// takes that away; its queries are those of the head's first pair, different for every token. The other new pairs are zero. The
    /// model becomes a Qwen 2, which has biases.
    KeyBias,
    /// In every layer the row of `up` whose gated product has the largest peak is multiplied until the peak is 5000, and the column of
    /// `down` that reads it divided.
    GluSpike,
}

impl Outlier {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::NormGain, Self::KeyBias, Self::GluSpike];

    /// What a report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NormGain => "norm gain x 1000",
            Self::KeyBias => "key bias 400",
            Self::GluSpike => "GLU spike 5000",
        }
    }

    /// `model` with this outlier. `tokens` is a text on which peaks are measured.
    pub fn inject(self, model: &Model, tokens: &[u32]) -> Result<Model> {
        match self {
            Self::NormGain => norm_gain(model),
            Self::KeyBias => key_bias(model),
            Self::GluSpike => glu_spike(model, tokens),
        }
    }
}

/// Largest relative change of perplexity that a construction may make in float32: what rounding the changed weights makes of it.
pub const FLOAT_TOLERANCE: f64 = 1e-4;
/// Largest relative rise of perplexity over float32 that the exact engine is allowed with outliers, in either width.
pub const OUTLIER_BOUND: f64 = 0.01;

/// Perplexities of one model with one kind of outlier.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// The model without outliers, in float32.
    pub clean: f64,
    /// With outliers, in float32.
    pub float: f64,
    /// With outliers, in wide arithmetic.
    pub wide: f64,
    /// In narrow arithmetic without smoothing.
    pub unsmoothed: f64,
    /// In narrow arithmetic as it is.
    pub narrow: f64,
}

impl Measured {
    /// Whether the construction left the float function alone.
    pub fn preserved(&self) -> bool {
        (self.float / self.clean - 1.0).abs() <= FLOAT_TOLERANCE
    }

    /// Whether `perplexity` is within the bound of float32.
    pub fn holds(&self, perplexity: f64) -> bool {
        perplexity <= self.float * (1.0 + OUTLIER_BOUND)
    }
}

/// Puts `outlier` into the model `clean` and measures perplexities over `windows`. `tokenizer` is the model's file.
pub fn measure(outlier: Outlier, clean: &Model, tokenizer: &Path, windows: &[&[u32]]) -> Result<Measured> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let longest = clean.config.max_position_embeddings;
    let text = windows.first().context("nothing to measure")?;
    let float = outlier.inject(clean, &text[..text.len().min(longest)])?;
    let folder = tempfile::tempdir()?;
    save(&float, folder.path(), tokenizer)?;
    let exact = |model: Result<ExactModel>| -> Result<f64> {
        let model = model?;
        Ok(mean_loss_q16(windows, |tokens| model.logits(tokens))?.exp())
    };
    Ok(Measured {
        clean: mean_loss(clean, windows, threads)?.exp(),
        float: mean_loss(&float, windows, threads)?.exp(),
        wide: exact(ExactModel::load(folder.path(), Width::Wide))?,
        unsmoothed: exact(ExactModel::load_unsmoothed(folder.path(), Width::Narrow))?,
        narrow: exact(ExactModel::load(folder.path(), Width::Narrow))?,
    })
}

/// Writes `model` into `folder` as float32, with the tokenizer at `tokenizer`.
pub fn save(model: &Model, folder: &Path, tokenizer: &Path) -> Result<()> {
    let tensors = model.vars.iter();
    let tensors = tensors.map(|(name, var)| (name.clone(), var.as_tensor().clone()));
    candle_core::safetensors::save(&tensors.collect(), folder.join("model.safetensors"))?;
    fs::write(folder.join("config.json"), serde_json::to_string_pretty(&model.config)?)?;
    fs::copy(tokenizer, folder.join("tokenizer.json")).with_context(|| format!("copying {}", tokenizer.display()))?;
    Ok(())
}

/// A copy whose parameters can be changed without changing those of `model`.
fn copy(model: &Model) -> Result<Model> {
    let vars = model.vars.iter();
    let vars = vars.map(|(name, var)| Ok((name.clone(), Var::from_tensor(&var.as_tensor().copy()?)?)));
    Ok(Model {
        config: model.config.clone(),
        vars: vars.collect::<Result<_>>()?,
    })
}

/// Changes the values of a parameter: `change(row, column, value)`; a vector is one row.
fn change(model: &Model, name: &str, change: impl Fn(usize, usize, f32) -> f32) -> Result<()> {
    let var = model.vars.get(name).with_context(|| format!("{name} is missing"))?;
    let cols = var.dims().last().copied().unwrap_or(1);
    let mut values: Vec<f32> = var.flatten_all()?.to_vec1()?;
    for (index, value) in values.iter_mut().enumerate() {
        *value = change(index / cols, index % cols, *value);
    }
    Ok(var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu)?)?)
}

fn parameter(layer: usize, part: &str) -> String {
    format!("model.layers.{layer}.{part}.weight")
}

fn norm_gain(model: &Model) -> Result<Model> {
    let out = copy(model)?;
    let width = model.config.hidden_size;
    for layer in 0..model.config.num_hidden_layers {
        let attention = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"];
        let blocks: [(&str, &[&str]); 2] = [
            ("input_layernorm", &attention),
            ("post_attention_layernorm", &["mlp.gate_proj", "mlp.up_proj"]),
        ];
        for (number, (norm, readers)) in blocks.into_iter().enumerate() {
            // Other channels in every norm.
            let first = (37 * (2 * layer + number) + 11) % width;
            let is_outlier = |channel: usize| channel == first || channel == (first + width / 2) % width;
            let factor = |channel| if is_outlier(channel) { GAIN } else { 1.0 };
            change(&out, &parameter(layer, norm), |_, channel, gain| gain * factor(channel))?;
            for reader in readers {
                change(&out, &parameter(layer, reader), |_, channel, weight| {
                    weight / factor(channel)
                })?;
            }
        }
    }
    Ok(out)
}

fn glu_spike(model: &Model, tokens: &[u32]) -> Result<Model> {
    let mut peaks: Vec<Vec<f32>> = Vec::new();
    model.forward(tokens, &mut |_, gated| {
        peaks.push(gated.abs()?.max(0)?.to_vec1()?);
        Ok(())
    })?;
    let out = copy(model)?;
    for (layer, peaks) in peaks.iter().enumerate() {
        let largest = peaks.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((spike, peak)) = largest.filter(|(_, peak)| *peak > 0.0) else {
            bail!("layer {layer} has no gated product");
        };
        let factor = |channel| if channel == spike { SPIKE / peak } else { 1.0 };
        change(&out, &parameter(layer, "mlp.up_proj"), |row, _, weight| {
            weight * factor(row)
        })?;
        change(&out, &parameter(layer, "mlp.down_proj"), |_, column, weight| {
            weight / factor(column)
        })?;
    }
    Ok(out)
}

/// Where channel `channel` of a head of `dim` channels is in a head of `2 * dim`: pair `j` becomes pair `2 j`.
fn widened(channel: usize, dim: usize) -> usize {
    channel / (dim / 2) * dim + channel % (dim / 2) * 2
}

fn key_bias(model: &Model) -> Result<Model> {
    let mut config = model.config.clone();
    let (dim, hidden) = (config.head_dim, config.hidden_size);
    config.head_dim = 2 * dim;
    config.model_type = "qwen2".into();
    config.architectures = vec!["Qwen2ForCausalLM".into()];
    // Between the slowest pair of the old ones and the slowest of the new, in waves of tokens.
    let wave = |pair: usize| std::f64::consts::TAU * config.rope_theta.powf(pair as f64 / dim as f64);
    let border = (wave(dim - 2) * wave(dim - 1)).sqrt();
    config.rope_scaling = Some(RopeScaling {
        rope_type: RopeType::Llama3,
        factor: STILL,
        low_freq_factor: 1.0,
        high_freq_factor: 1.0625,
        original_max_position_embeddings: border as u32,
    });
    let mut out = Model {
        config,
        vars: copy(model)?.vars,
    };
    // The outlier pair is the slowest: the last of the first half with the last of the second.
    let (low, high) = (dim - 1, 2 * dim - 1);
    for layer in 0..model.config.num_hidden_layers {
        for part in ["q", "k", "v"] {
            let name = parameter(layer, &format!("self_attn.{part}_proj"));
            let old: Vec<Vec<f32>> = model
                .vars
                .get(&name)
                .with_context(|| format!("{name} is missing"))?
                .to_vec2()?;
            let mut rows = vec![vec![0f32; hidden]; 2 * old.len()];
            for (row, values) in old.iter().enumerate() {
                let (head, channel) = (row / dim, row % dim);
                // Scores are divided by the root of the head's width, which has doubled.
                let factor = if part == "q" { std::f32::consts::SQRT_2 } else { 1.0 };
                rows[head * 2 * dim + widened(channel, dim)] = values.iter().map(|value| value * factor).collect();
                if part == "q" && channel % (dim / 2) == 0 {
                    rows[head * 2 * dim + if channel == 0 { low } else { high }] = values.clone();
                }
            }
            let bias = (0..rows.len()).map(|row| match row % (2 * dim) {
                channel if part == "k" && channel == low => KEY_BIAS,
                channel if part == "k" && channel == high => -KEY_BIAS,
                _ => 0.0,
            });
            let bias = Tensor::from_iter(bias, &Device::Cpu)?;
            out.vars
                .insert(name.replace(".weight", ".bias"), Var::from_tensor(&bias)?);
            out.vars
                .insert(name, Var::from_tensor(&Tensor::new(rows, &Device::Cpu)?)?);
        }
        let name = parameter(layer, "self_attn.o_proj");
        let old: Vec<Vec<f32>> = model
            .vars
            .get(&name)
            .with_context(|| format!("{name} is missing"))?
            .to_vec2()?;
        let wider = old.iter().map(|values| {
            let mut row = vec![0f32; 2 * values.len()];
            for (column, value) in values.iter().enumerate() {
                row[column / dim * 2 * dim + widened(column % dim, dim)] = *value;
            }
            row
        });
        let wider = Tensor::new(wider.collect::<Vec<_>>(), &Device::Cpu)?;
        out.vars.insert(name, Var::from_tensor(&wider)?);
    }
    Ok(out)
}
