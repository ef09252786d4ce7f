//! Training and measuring of Lantern's own small Llama.
//!
//! Three programs are built on this library: `lantern-train` makes the model from the documentation that ships with
//! the Rust toolchain, `lantern-quality` compares the exact engine with float32 twins, and `lantern-golden` writes and
//! checks golden vectors.

pub mod checkpoint;
pub mod corpus;
pub mod errors;
pub mod exact;
pub mod fused;
pub mod golden;
pub mod html;
pub mod model;
pub mod optim;
pub mod outliers;
pub mod quality;
pub mod report;
