//! Checkpoints of a training run and the published model folder.

use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{
    model::{Config, Model},
    optim::AdamW,
};

/// Where a run stands.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Steps taken.
    pub step: usize,
    /// Tokens trained on.
    pub tokens: u64,
    /// Lowest held-out loss seen, in nats per token.
    pub best: Option<f64>,
    /// Seconds of training, summed over resumed runs.
    pub seconds: f64,
}

/// Writes parameters, moments and progress into `folder`; a crash leaves the previous checkpoint whole.
pub fn save(folder: &Path, model: &Model, adam: &AdamW, progress: &Progress) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut tensors = HashMap::new();
    for (name, var) in &model.vars {
        tensors.insert(name.clone(), var.as_tensor().clone());
        if let Some((first, second)) = adam.moments.get(name) {
            let moment = |data: &Vec<f32>| Tensor::from_slice(data, var.shape(), &Device::Cpu);
            tensors.insert(format!("first.{name}"), moment(first)?);
            tensors.insert(format!("second.{name}"), moment(second)?);
        }
    }
    let state = folder.join("state.safetensors");
    let fresh = folder.join("state.safetensors.new");
    candle_core::safetensors::save(&tensors, &fresh)?;
    fs::rename(&fresh, &state)?;
    fs::write(folder.join("progress.json"), serde_json::to_string_pretty(progress)?)?;
    fs::write(folder.join("config.json"), serde_json::to_string_pretty(&model.config)?)?;
    Ok(())
}

/// Reads what [`save`] wrote.
pub fn load(folder: &Path) -> Result<(Model, AdamW, Progress)> {
    let read = |name: &str| {
        fs::read_to_string(folder.join(name)).with_context(|| format!("reading {name} in {}", folder.display()))
    };
    let config: Config = serde_json::from_str(&read("config.json")?)?;
    let progress: Progress = serde_json::from_str(&read("progress.json")?)?;
    let model = Model::random(config, 0)?;
    let tensors = candle_core::safetensors::load(folder.join("state.safetensors"), &Device::Cpu)?;
    let mut adam = AdamW {
        step: progress.step,
        ..AdamW::default()
    };
    for (name, var) in &model.vars {
        var.set(tensors.get(name).with_context(|| format!("{name} is missing"))?)?;
        let moment = |kind: &str| -> Result<Option<Vec<f32>>> {
            let tensor = tensors.get(&format!("{kind}.{name}"));
            Ok(tensor.map(|tensor| tensor.flatten_all()?.to_vec1()).transpose()?)
        };
        if let (Some(first), Some(second)) = (moment("first")?, moment("second")?) {
            adam.moments.insert(name.clone(), (first, second));
        }
    }
    Ok((model, adam, progress))
}

/// Writes `config.json` and `model.safetensors` (float16) into `folder`.
pub fn publish(folder: &Path, model: &Model) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut tensors = HashMap::new();
    for (name, var) in &model.vars {
        tensors.insert(name.clone(), var.as_tensor().to_dtype(DType::F16)?);
    }
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors"))?;
    let mut config = serde_json::to_string_pretty(&model.config)?;
    config.push('\n');
    fs::write(folder.join("config.json"), config)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_restores_parameters_moments_and_progress() {
        let folder = tempfile::tempdir().unwrap();
        let model = Model::random(Config::new(32, 16, 24, 1, 2, 1, 16), 5).unwrap();
        let mut adam = AdamW::default();
        let gradients = model
            .vars
            .iter()
            .map(|(n, v)| (n.clone(), vec![0.5; v.elem_count()]))
            .collect();
        adam.update(&model.vars, &gradients, 0.01).unwrap();
        let progress = Progress {
            step: 1,
            tokens: 99,
            best: Some(1.5),
            seconds: 2.0,
        };
        save(folder.path(), &model, &adam, &progress).unwrap();
        let (again, moments, progress) = load(folder.path()).unwrap();
        assert_eq!((progress.step, progress.tokens, moments.step), (1, 99, 1));
        assert_eq!(moments.moments, adam.moments);
        let tokens = [1, 2, 3, 4];
        let loss = |m: &Model| m.loss(&tokens).unwrap().to_scalar::<f32>().unwrap();
        assert_eq!(loss(&model), loss(&again));
        publish(folder.path(), &model).unwrap();
        let published = Model::load(folder.path()).unwrap();
        assert!((loss(&published) - loss(&model)).abs() < 1e-2);
    }
}
