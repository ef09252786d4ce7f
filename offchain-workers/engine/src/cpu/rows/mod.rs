//! Operators on one row: norms, non-linearities, rotation, quantisation.
//!
//! Each function takes the kernel and equals the operator of the same name in [`lantern_exact::ops`]; kernels without a
//! version of their own call that operator.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

use super::Kernel;
use lantern_exact::{fixed::Scale, model::Vector, ops};

/// `2^-16`: what one unit of a Q16 number is worth.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const UNIT_Q16: Scale = Scale {
    mant: 1 << 23,
    exp: -39,
};
/// `2^-32`.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const UNIT_Q32: Scale = Scale {
    mant: 1 << 23,
    exp: -55,
};

/// Calls the version of the kernel that has one, the definition elsewhere.
macro_rules! dispatch {
    ($kernel:expr, $name:ident($($arg:expr),*), $definition:expr) => {
        match $kernel {
            // SAFETY: these kernels exist only on machines that have the instructions.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 | Kernel::Amx => unsafe { avx512::$name($($arg),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => unsafe { avx2::$name($($arg),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon | Kernel::NeonDot => unsafe { neon::$name($($arg),*) },
            _ => $definition,
        }
    };
}

/// `x * gain / rms(x)`, quantised. All slices have the row's length.
pub fn rmsnorm_quantise(kernel: Kernel, x: &[i32], gain: &Vector, eps: u64, qmax: u32, out: &mut [i16]) -> Scale {
    dispatch!(
        kernel,
        rmsnorm_quantise(x, &gain.values, gain.frac, eps, qmax, out),
        ops::rmsnorm_quantise(x, &gain.values, gain.frac, eps, qmax, out)
    )
}

/// A Q16 row, quantised.
pub fn quantise_row(kernel: Kernel, x: &[i32], qmax: u32, out: &mut [i16]) -> Scale {
    dispatch!(kernel, quantise_row(x, qmax, out), ops::quantise_row(x, qmax, out))
}

/// `silu(gate) * up`, quantised. May overwrite `gate`.
pub fn silu_gate_quantise(kernel: Kernel, gate: &mut [i32], up: &[i32], qmax: u32, out: &mut [i16]) -> Scale {
    dispatch!(
        kernel,
        silu_gate_quantise(gate, up, qmax, out),
        ops::silu_gate_quantise(gate, up, qmax, out)
    )
}

/// `gelu(x)`, quantised. May overwrite `x`.
pub fn gelu_quantise(kernel: Kernel, x: &mut [i32], qmax: u32, out: &mut [i16]) -> Scale {
    dispatch!(kernel, gelu_quantise(x, qmax, out), ops::gelu_quantise(x, qmax, out))
}

/// Rotates one head in place.
pub fn rope_row(kernel: Kernel, head: &mut [i32], cos: &[i32], sin: &[i32]) {
    dispatch!(kernel, rope_row(head, cos, sin), ops::rope_row(head, cos, sin))
}

/// LayerNorm in place.
pub fn layernorm(kernel: Kernel, x: &mut [i32], gain: &Vector, bias: &[i32], eps: u64) {
    dispatch!(
        kernel,
        layernorm(x, &gain.values, gain.frac, bias, eps),
        ops::layernorm(x, &gain.values, gain.frac, bias, eps)
    )
}

/// Adds `delta` to `x`, saturating.
pub fn add_row(kernel: Kernel, x: &mut [i32], delta: &[i32]) {
    dispatch!(kernel, add_row(x, delta), ops::add_row(x, delta))
}

#[cfg(test)]
mod tests;
