//! What the fuzz targets share: small good files to start from, mutations that keep a file's outer form, and what must hold for
//! every file whatever its bytes.

#![warn(missing_docs)]

pub mod check;
pub mod mutate;
pub mod seeds;

mod gguf;
mod rng;
#[allow(dead_code)] // The tests of the loader use more of it.
#[path = "../../tests/gguf/writer.rs"]
mod writer;

/// To be called once before the first input: see [`check::watch_panics`] and [`seeds::write_if_asked`].
pub fn start(target: &str) {
    seeds::write_if_asked(target);
    check::watch_panics();
}
