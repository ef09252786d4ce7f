//! The runtime's WebAssembly, without a node around it: `scripts/release-runtime` builds it at a fixed place, so that everybody gets the
//! same bytes.

include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));
