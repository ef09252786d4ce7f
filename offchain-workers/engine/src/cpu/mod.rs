//! Fast kernels for CPUs. Each equals its definition in `lantern-exact` on every input.

pub mod attention;
pub mod matmul;
pub mod matrix;
pub mod memory;
#[cfg(target_arch = "aarch64")]
mod neon;
pub mod pool;
pub mod rows;

/// A set of instructions that kernels are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Portable code.
    Scalar,
    /// AVX2.
    Avx2,
    /// AVX-512 with VNNI.
    Avx512,
    /// AVX-512 with VNNI, and AMX tiles for many rows.
    Amx,
    /// NEON, the vectors of every AArch64 processor.
    Neon,
    /// NEON with 8-bit dot products (`SDOT`).
    NeonDot,
}

impl Kernel {
    /// All kernels, of one processor family the slowest first.
    pub const ALL: [Kernel; 6] = [
        Kernel::Scalar,
        Kernel::Avx2,
        Kernel::Avx512,
        Kernel::Amx,
        Kernel::Neon,
        Kernel::NeonDot,
    ];

    /// Whether this machine has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            Kernel::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => std::is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 => {
                std::is_x86_feature_detected!("avx2")
                    && std::is_x86_feature_detected!("avx512f")
                    && std::is_x86_feature_detected!("avx512bw")
                    && std::is_x86_feature_detected!("avx512dq")
                    && std::is_x86_feature_detected!("avx512vl")
                    && std::is_x86_feature_detected!("avx512vnni")
            },
            #[cfg(target_arch = "x86_64")]
            Kernel::Amx => Kernel::Avx512.is_available() && amx_granted(),
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(target_arch = "aarch64")]
            Kernel::NeonDot => Kernel::Neon.is_available() && std::arch::is_aarch64_feature_detected!("dotprod"),
            // Another processor family's.
            _ => false,
        }
    }

    /// The fastest kernel of this machine.
    pub fn best() -> Self {
        Self::ALL
            .into_iter()
            .rev()
            .find(|kernel| kernel.is_available())
            .unwrap_or(Kernel::Scalar)
    }

    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Kernel::Scalar => "scalar",
            Kernel::Avx2 => "avx2",
            Kernel::Avx512 => "avx512",
            Kernel::Amx => "amx",
            Kernel::Neon => "neon",
            Kernel::NeonDot => "neon-dot",
        }
    }
}

/// Whether the processor has AMX with int8 and the operating system lets this process use tiles.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn amx_granted() -> bool {
    use std::sync::OnceLock;
    /// `ARCH_REQ_XCOMP_PERM`: asks for a state component that is off by default.
    const REQUEST: libc::c_long = 0x1023;
    /// The component of tile data.
    const TILE_DATA: libc::c_long = 18;
    static GRANTED: OnceLock<bool> = OnceLock::new();
    *GRANTED.get_or_init(|| {
        let leaf = std::arch::x86_64::__cpuid_count(7, 0);
        let (tile, int8) = (leaf.edx & (1 << 24) != 0, leaf.edx & (1 << 25) != 0);
        // SAFETY: the call changes a permission of this process and no memory.
        tile && int8 && unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST, TILE_DATA) } == 0
    })
}

/// Tiles need a permission that only Linux is asked for here.
#[cfg(all(target_arch = "x86_64", not(target_os = "linux")))]
fn amx_granted() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::Kernel;

    /// For runs on emulated processors, whose tests would pass for nothing if their kernel were not found.
    #[test]
    fn the_fastest_kernel_is_the_expected_one() {
        if let Ok(name) = std::env::var("LANTERN_EXPECT_KERNEL") {
            assert_eq!(Kernel::best().name(), name);
        }
    }
}
