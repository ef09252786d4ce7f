//! With the feature `cuda`: compiles the kernels of `kernels/cuda` into one file for all architectures, `lantern.fatbin`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_some() {
        println!("cargo:rerun-if-changed=kernels");
        for variable in ["LANTERN_NVCC", "CUDA_HOME", "CUDA_PATH"] {
            println!("cargo:rerun-if-env-changed={variable}");
        }
        if let Err(message) = compile() {
            // Not a panic: its trace would hide the remedy.
            println!("cargo::error={message}");
        }
    }
}

fn compile() -> Result<(), String> {
    let nvcc = find_nvcc().ok_or(
        "the feature `cuda` needs nvcc (CUDA 12.8 or later): install the CUDA toolkit, or run scripts/check-cuda, which puts \
         nvcc from PyPI into the cache folder; LANTERN_NVCC names one that lies elsewhere",
    )?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?).join("lantern.fatbin");
    // Code for Ampere and Hopper, and PTX from which the driver makes code for what came after them.
    let status = Command::new(&nvcc)
        .args(["-std=c++17", "-O3", "-fatbin", "-Werror", "all-warnings"])
        .args(["-gencode", "arch=compute_80,code=sm_80"])
        .args(["-gencode", "arch=compute_90,code=sm_90"])
        .args(["-gencode", "arch=compute_90,code=compute_90"])
        .arg("-o")
        .arg(out)
        .arg("kernels/cuda/lantern.cu")
        .status()
        .map_err(|error| format!("{}: {error}", nvcc.display()))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("{} refused kernels/cuda/lantern.cu: see above", nvcc.display())),
    }
}

/// Where nvcc is: as named, beside a toolkit, on the path, or where scripts/check-cuda puts it.
fn find_nvcc() -> Option<PathBuf> {
    if let Some(named) = env::var_os("LANTERN_NVCC") {
        return Some(named.into());
    }
    let of_toolkit = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(env::var_os);
    let of_toolkit = of_toolkit.map(|folder| Path::new(&folder).join("bin/nvcc"));
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join("nvcc"));
    let usual = PathBuf::from("/usr/local/cuda/bin/nvcc");
    let mut found = of_toolkit.chain(on_path).chain([usual]).find(|nvcc| nvcc.is_file());
    if found.is_none() {
        found = in_cache();
    }
    found
}

/// The virtual environment of scripts/check-cuda.
fn in_cache() -> Option<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
    let pythons = cache.join("lantern/cuda-venv/lib").read_dir().ok()?;
    pythons
        .flatten()
        .map(|python| python.path().join("site-packages/nvidia/cu13/bin/nvcc"))
        .find(|nvcc| nvcc.is_file())
}
