//! What one entry of the state costs to read and to write: the middle figures of `scripts/bench state --prices`, rounded up.
//!
//! ParityDB with 2.9 million entries and no cache for the state, which a node has; writes 100 in a block, root and commit. Measured
//! on 21 November 2026 on an AMD EPYC: read 14.4 µs, write 37.1 µs.

use frame_support::{
    parameter_types,
    weights::{constants::WEIGHT_REF_TIME_PER_MICROS, RuntimeDbWeight},
};

parameter_types! {
    /// Of a read and a write.
    pub const DbWeight: RuntimeDbWeight = RuntimeDbWeight {
        read: 15 * WEIGHT_REF_TIME_PER_MICROS,
        write: 38 * WEIGHT_REF_TIME_PER_MICROS,
    };
}
