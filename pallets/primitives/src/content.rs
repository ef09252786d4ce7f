//! Inline content: up to 32 KiB of input or output that travel in an extrinsic and are kept by offchain indexing only.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::{ConstU32, H256};
use sp_runtime::BoundedVec;

/// Most bytes that an input or output may have inline.
pub const MAX_INLINE_BYTES: u32 = 32 * 1024;

/// Inline content.
pub type InlineContent = BoundedVec<u8, ConstU32<MAX_INLINE_BYTES>>;

/// Content named by its BLAKE2b-256 hash and its length in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct ContentRef {
    /// BLAKE2b-256 of the bytes.
    pub hash: H256,
    /// Length in bytes.
    pub len: u32,
}

impl ContentRef {
    /// Names `bytes`. Lengths over `u32::MAX` saturate, so that they never match.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            hash: H256(sp_io::hashing::blake2_256(bytes)),
            len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        }
    }

    /// Whether `bytes` are the content that this names.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        Self::of(bytes) == *self
    }
}

/// Key in the offchain database under which offchain indexing keeps content with this hash.
pub fn content_key(hash: &H256) -> Vec<u8> {
    [b"lantern/content/".as_slice(), hash.as_bytes()].concat()
}
