//! Fixed costs of a block and of a transaction: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, `benchmark overhead`, 2026-11-21, repeat 30, metric median, CPU AMD EPYC.

use frame_support::{parameter_types, weights::Weight};

parameter_types! {
    /// Of a block without transactions but its inherents, hooks included.
    pub const BlockExecutionWeight: Weight = Weight::from_parts(487_312_000, 0);
    /// Of a transaction whose call does nothing, less its extensions, which every transaction counts besides: decoding and signature.
    pub const ExtrinsicBaseWeight: Weight = Weight::from_parts(142_112_000 - 92_629_000, 0);
}
