//! Builds the runtime of the folder above to wasm.

use std::path::Path;

fn main() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
    let builder = substrate_wasm_builder::WasmBuilder::new()
        .with_project(manifest)
        .expect("the runtime's manifest stands in the folder above")
        .import_memory()
        .export_heap_base();
    #[cfg(feature = "metadata-hash")]
    let builder = builder.enable_metadata_hash("LUX", 12);
    builder.build();
}
