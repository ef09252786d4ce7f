//! How close the exact arithmetic stays to float32: perplexity of a Llama, geometry of an encoder.

use std::path::Path;

use anyhow::{anyhow, bail, Context, Result};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert;

/// Largest relative rise of perplexity allowed in wide arithmetic.
pub const PERPLEXITY_BOUND: f64 = 0.005;
/// Smallest mean cosine to the float embeddings allowed in wide arithmetic.
pub const MEAN_COSINE_BOUND: f64 = 0.999;
/// Smallest cosine of any sentence allowed in wide arithmetic.
pub const MIN_COSINE_BOUND: f64 = 0.996;
/// Smallest share of sentences that must keep their nearest neighbour in wide arithmetic.
pub const NEIGHBOUR_BOUND: f64 = 0.95;

/// Cross entropy in nats of `target` under Q16 logits.
pub fn cross_entropy_q16(logits: &[i32], target: u32) -> Result<f64> {
    let right = *logits.get(target as usize).context("target outside the vocabulary")?;
    let top = *logits.iter().max().context("no logits")?;
    let real = |logit: i32| (f64::from(logit) - f64::from(top)) / 65_536.0;
    let sum: f64 = logits.iter().map(|logit| real(*logit).exp()).sum();
    Ok(sum.ln() - real(right))
}

/// Mean cross entropy per predicted token over `windows`; `logits` gives the Q16 logits after every token of its input.
pub fn mean_loss_q16(windows: &[&[u32]], mut logits: impl FnMut(&[u32]) -> Result<Vec<Vec<i32>>>) -> Result<f64> {
    let (mut total, mut count) = (0.0, 0usize);
    for window in windows {
        let Some((_, inputs)) = window.split_last() else {
            continue;
        };
        let rows = logits(inputs)?;
        if rows.len() != inputs.len() {
            bail!("{} rows of logits for {} tokens", rows.len(), inputs.len());
        }
        for (row, target) in rows.iter().zip(&window[1..]) {
            total += cross_entropy_q16(row, *target)?;
            count += 1;
        }
    }
    if count == 0 {
        bail!("nothing to measure");
    }
    Ok(total / count as f64)
}

/// How well one set of embeddings keeps the geometry of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Mean cosine of corresponding rows.
    pub mean_cosine: f64,
    /// Smallest of them.
    pub min_cosine: f64,
    /// Share of rows whose nearest other row is the same in both sets.
    pub neighbours: f64,
}

impl Agreement {
    /// Compares row by row. Both sets hold the same number of rows, at least two, of equal width.
    pub fn of(float: &[Vec<f64>], exact: &[Vec<f64>]) -> Result<Self> {
        if float.len() != exact.len() || float.len() < 2 {
            bail!("{} and {} embeddings cannot be compared", float.len(), exact.len());
        }
        let cosines: Vec<f64> = float.iter().zip(exact).map(|(a, b)| cosine(a, b)).collect();
        let same = (0..float.len())
            .filter(|row| nearest(float, *row) == nearest(exact, *row))
            .count();
        Ok(Self {
            mean_cosine: cosines.iter().sum::<f64>() / cosines.len() as f64,
            min_cosine: cosines.iter().copied().fold(f64::INFINITY, f64::min),
            neighbours: same as f64 / float.len() as f64,
        })
    }

    /// Whether the bounds for wide arithmetic hold.
    pub fn within_bounds(&self) -> bool {
        self.mean_cosine >= MEAN_COSINE_BOUND
            && self.min_cosine >= MIN_COSINE_BOUND
            && self.neighbours >= NEIGHBOUR_BOUND
    }
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Index of the row most similar to `row`, other than itself.
fn nearest(rows: &[Vec<f64>], row: usize) -> Option<usize> {
    (0..rows.len())
        .filter(|other| *other != row)
        .max_by(|a, b| cosine(&rows[row], &rows[*a]).total_cmp(&cosine(&rows[row], &rows[*b])))
}

/// The float32 twin of a sentence encoder: candle's BERT, mean pooling, unit length.
pub struct FloatEncoder {
    model: bert::BertModel,
}

impl FloatEncoder {
    /// Loads a Hugging Face folder.
    pub fn load(folder: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(folder.join("config.json"))
            .with_context(|| format!("reading config.json in {}", folder.display()))?;
        let config: bert::Config = serde_json::from_str(&text)?;
        let tensors = candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu)?;
        let builder = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        Ok(Self {
            model: bert::BertModel::load(builder, &config)?,
        })
    }

    /// Embedding of one sentence given as token ids, special tokens included.
    pub fn embed(&self, tokens: &[u32]) -> Result<Vec<f64>> {
        let ids = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let rows = self.model.forward(&ids, &ids.zeros_like()?, None)?.squeeze(0)?;
        let mean: Vec<f32> = rows.mean(0)?.to_vec1()?;
        let length = mean.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        Ok(mean.iter().map(|v| f64::from(*v) / length).collect())
    }
}

/// Sentences of a text file, one per line.
pub fn sentences(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).map_err(|error| anyhow!("reading {}: {error}", path.display()))?;
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_string)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cross_entropy_of_even_logits_is_the_log_of_the_vocabulary() {
        let loss = cross_entropy_q16(&[7 << 16; 8], 3).unwrap();
        assert!((loss - 8f64.ln()).abs() < 1e-12);
        let sure = cross_entropy_q16(&[0, 20 << 16], 1).unwrap();
        assert!(sure > 0.0 && sure < 1e-8);
        assert!(cross_entropy_q16(&[i32::MIN, i32::MAX], 0).unwrap() > 65_000.0);
        assert!(cross_entropy_q16(&[0], 1).is_err());
    }

    #[test]
    fn mean_loss_predicts_each_next_token() {
        let stream = [0u32, 1, 0, 1, 0];
        let right = |inputs: &[u32]| {
            Ok(inputs
                .iter()
                .map(|t| if *t == 0 { vec![0, 30 << 16] } else { vec![30 << 16, 0] })
                .collect())
        };
        assert!(mean_loss_q16(&[&stream], right).unwrap() < 1e-9);
        let wrong = |inputs: &[u32]| Ok(vec![vec![0, 0]; inputs.len() - 1]);
        assert!(mean_loss_q16(&[&stream], wrong).is_err());
    }

    #[test]
    fn agreement_sees_turned_rows_and_changed_neighbours() {
        let float = vec![vec![1.0, 0.0], vec![0.9, 0.1], vec![0.0, 1.0], vec![0.1, 0.9]];
        let same = Agreement::of(&float, &float).unwrap();
        assert!((same.min_cosine - 1.0).abs() < 1e-12 && same.neighbours == 1.0 && same.within_bounds());
        let mut moved = float.clone();
        moved[1] = vec![0.1, 0.95];
        let moved = Agreement::of(&float, &moved).unwrap();
        assert!(moved.neighbours < 1.0 && moved.min_cosine < 0.3 && !moved.within_bounds());
        assert!(Agreement::of(&float, &float[..2]).is_err());
    }
}
