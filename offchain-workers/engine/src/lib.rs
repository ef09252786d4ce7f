//! Fast exact inference: loaders, kernels, models, generation.
#![warn(missing_docs)]
pub mod cpu;
pub mod model;
