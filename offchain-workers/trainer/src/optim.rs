//! AdamW with a warm-up, a cosine schedule and clipping by the global norm.

use std::collections::BTreeMap;

use anyhow::{bail, Context, Result};
use candle_core::{Tensor, Var};

/// Gradients by parameter name, row-major.
pub type Gradients = BTreeMap<String, Vec<f32>>;

/// Learning rate over a run.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Highest rate.
    pub peak: f64,
    /// Steps of linear rise from zero.
    pub warmup: usize,
    /// Step at which the cosine reaches `floor * peak`.
    pub steps: usize,
    /// Last rate as a share of the peak.
    pub floor: f64,
}

impl Schedule {
    /// Rate of step `step`, counted from zero.
    pub fn rate(&self, step: usize) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        let span = self.steps.saturating_sub(self.warmup).max(1);
        let done = ((step - self.warmup) as f64 / span as f64).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        self.peak * (self.floor + (1.0 - self.floor) * cosine)
    }
}

/// Scales `gradients` down to a global norm of `limit` and returns the norm they had.
pub fn clip(gradients: &mut Gradients, limit: f64) -> f64 {
    let squares = gradients.values().flatten().map(|g| f64::from(*g) * f64::from(*g));
    let norm = squares.sum::<f64>().sqrt();
    if norm > limit {
        let scale = (limit / norm) as f32;
        gradients.values_mut().flatten().for_each(|g| *g *= scale);
    }
    norm
}

/// AdamW state: first and second moments by parameter name.
#[derive(Default)]
pub struct AdamW {
    /// Steps taken.
    pub step: usize,
    /// `(first, second)` moments.
    pub moments: BTreeMap<String, (Vec<f32>, Vec<f32>)>,
}

impl AdamW {
    const BETA1: f64 = 0.9;
    const BETA2: f64 = 0.95;
    const EPS: f32 = 1e-8;
    const DECAY: f64 = 0.1;

    /// Moves every parameter against its gradient. Matrices decay, gains do not.
    pub fn update(&mut self, vars: &BTreeMap<String, Var>, gradients: &Gradients, rate: f64) -> Result<()> {
        self.step += 1;
        let power = self.step as i32;
        let first_bias = (1.0 / (1.0 - Self::BETA1.powi(power))) as f32;
        let second_bias = (1.0 / (1.0 - Self::BETA2.powi(power))) as f32;
        let (b1, b2, lr) = (Self::BETA1 as f32, Self::BETA2 as f32, rate as f32);
        for (name, var) in vars {
            let gradient = gradients.get(name).with_context(|| format!("no gradient for {name}"))?;
            let mut data: Vec<f32> = var.flatten_all()?.to_vec1()?;
            if gradient.len() != data.len() {
                bail!("gradient of {name} has the wrong size");
            }
            let keep = if var.rank() > 1 {
                (1.0 - rate * Self::DECAY) as f32
            } else {
                1.0
            };
            let zero = || (vec![0.0; data.len()], vec![0.0; data.len()]);
            let (first, second) = self.moments.entry(name.clone()).or_insert_with(zero);
            for (((w, g), m), v) in data.iter_mut().zip(gradient).zip(first).zip(second) {
                *m = b1 * *m + (1.0 - b1) * g;
                *v = b2 * *v + (1.0 - b2) * g * g;
                let direction = *m * first_bias / ((*v * second_bias).sqrt() + Self::EPS);
                *w = *w * keep - lr * direction;
            }
            var.set(&Tensor::from_vec(data, var.shape(), var.device())?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn schedule_rises_falls_and_stays_at_the_floor() {
        let schedule = Schedule {
            peak: 1.0,
            warmup: 10,
            steps: 110,
            floor: 0.1,
        };
        assert!((schedule.rate(4) - 0.5).abs() < 1e-12);
        assert!((schedule.rate(9) - 1.0).abs() < 1e-12);
        assert!((schedule.rate(60) - 0.55).abs() < 1e-12);
        assert!((schedule.rate(110) - 0.1).abs() < 1e-12);
        assert!((schedule.rate(500) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn clip_keeps_direction_and_bounds_the_norm() {
        let mut gradients = Gradients::from([("a".to_string(), vec![3.0, 0.0]), ("b".to_string(), vec![4.0])]);
        assert!((clip(&mut gradients, 1.0) - 5.0).abs() < 1e-9);
        assert!((gradients["a"][0] - 0.6).abs() < 1e-6 && (gradients["b"][0] - 0.8).abs() < 1e-6);
        assert!((clip(&mut gradients, 2.0) - 1.0).abs() < 1e-6);
        assert!((gradients["b"][0] - 0.8).abs() < 1e-6);
    }

    #[test]
    fn update_finds_the_bottom_of_a_bowl() {
        let var = Var::from_vec(vec![5.0f32, -3.0], 2, &Device::Cpu).unwrap();
        let vars = BTreeMap::from([("x".to_string(), var.clone())]);
        let mut adam = AdamW::default();
        for step in 0..400 {
            let x: Vec<f32> = var.to_vec1().unwrap();
            let gradients = Gradients::from([("x".to_string(), vec![2.0 * (x[0] - 1.0), 2.0 * (x[1] - 2.0)])]);
            adam.update(&vars, &gradients, 0.1 * (1.0 - step as f64 / 400.0))
                .unwrap();
        }
        let x: Vec<f32> = var.to_vec1().unwrap();
        assert!((x[0] - 1.0).abs() < 1e-2 && (x[1] - 2.0).abs() < 1e-2, "{x:?}");
    }
}
