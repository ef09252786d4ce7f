//! Builds the default model in where the repository has it.

use std::path::Path;

fn main() {
    let folder = Path::new("../../models/lantern-tiny");
    let files = ["config.json", "tokenizer.json", "model.safetensors"].map(|file| folder.join(file));
    println!("cargo::rustc-check-cfg=cfg(lantern_default_model)");
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    if files.iter().all(|file| file.is_file()) {
        println!("cargo::rustc-cfg=lantern_default_model");
    }
}
