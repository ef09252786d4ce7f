//! Models in llama.cpp's GGUF files: one file with metadata, tokenizer and weights.
//!
//! A file that holds the F32, F16 or BF16 weights of a Hugging Face folder, beside that folder's `tokenizer.json`, has the folder's
//! model id. Whatever cannot be told exactly from the file is refused by name.
//!
//! The header is read here and not by candle's `quantized::gguf_file`: candle 0.11 bounds its allocations by the file's size, but it
//! divides by an alignment that the file states, multiplies dimensions unchecked, copies every metadata array into 32 bytes per element,
//! replaces what is not UTF-8, lets a second key or tensor of one name win, and cannot read from a map without copying each tensor.

mod header;
mod merges;
mod metadata;
mod parameters;
mod rope;
mod spec;
mod split;
mod tokenizer;

use super::{
    chat::ChatTemplate,
    error::LoadError,
    loaded::{LoadOptions, Opened},
    source::{Files, TOKENIZER},
};
use header::Header;
use lantern_exact::blake2_256;
use memmap2::Mmap;
use parameters::Gguf;
use std::{fs::File, path::Path};

/// Opens the file at `path`: reads its header and its tokenizer, and checks its tensors.
pub(super) fn open(path: &Path, options: &LoadOptions) -> Result<Opened<'static>, LoadError> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let map = map(path, &file)?;
    let Header { metadata, tensors } = Header::read(&file, &map)?;
    let beside = Files::Folder(path.parent().unwrap_or(Path::new("")));
    let (tokenizer_file, tokenizer) = if beside.has(TOKENIZER) {
        (TOKENIZER.to_owned(), beside.tokenizer()?.into_owned())
    } else {
        (file.clone(), tokenizer::to_json(&metadata)?.into_bytes())
    };
    let spec = spec::read(&metadata, &tensors, &map, beside, options, blake2_256(&[&tokenizer]))?;
    let end_tokens = spec::end_tokens(&metadata, spec.vocab)?;
    let interleaved = spec::Architecture::of(&metadata)?.interleaved();
    let chat = match ChatTemplate::beside(beside)? {
        Some(template) => Some(template),
        None => tokenizer::chat_template(&metadata)?,
    };
    Ok(Opened {
        spec,
        tokenizer_file,
        tokenizer: tokenizer.into(),
        end_tokens,
        chat,
        parameters: Box::new(Gguf::new(file, map, tensors, spec, interleaved)?),
    })
}

fn map(path: &Path, file: &str) -> Result<Mmap, LoadError> {
    let failed = |error: std::io::Error| LoadError::Read {
        file: file.into(),
        reason: error.to_string(),
    };
    let opened = File::open(path).map_err(failed)?;
    // SAFETY: the map is only read. Whoever writes to a model's files while it loads harms this process alone: the weights are
    // copied while loading and the map is dropped.
    unsafe { Mmap::map(&opened) }.map_err(failed)
}
