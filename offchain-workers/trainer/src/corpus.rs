//! The training text: which pages, which split, which tokens.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{anyhow, bail, Context, Result};
use tokenizers::{
    decoders::byte_level::ByteLevel as ByteLevelDecoder,
    models::bpe::{BpeTrainerBuilder, BPE},
    pre_tokenizers::byte_level::ByteLevel,
    processors::template::TemplateProcessing,
    AddedToken, DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, Tokenizer, TokenizerImpl,
};

use crate::html;

/// Books of the toolchain's documentation that are under MIT or Apache-2.0 throughout. The embedded book is left out,
/// because its prose is under CC BY-SA.
pub const BOOKS: [&str; 12] = [
    "book",
    "rust-by-example",
    "reference",
    "nomicon",
    "edition-guide",
    "cargo",
    "rustc",
    "rustdoc",
    "error_codes",
    "style-guide",
    "clippy",
    "unstable-book",
];

/// Separates documents; always token 0.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// One page in this many is held out.
const HELD_OUT_EVERY: u64 = 20;

/// Pages shorter than this many bytes are stubs.
const SHORTEST_PAGE: usize = 200;

/// One page of documentation as plain text.
pub struct Page {
    /// Path inside the documentation folder, for example `book/ch04-01-what-is-ownership.html`.
    pub name: String,
    /// Its text, ending in a line break.
    pub text: String,
    /// Whether the page belongs to the held-out part.
    pub held_out: bool,
}

/// Reads every page under `docs` (the `html` folder of the toolchain's documentation), in path order.
///
/// Pages with identical text are kept once. Whether a page is held out depends on the hash of its path alone.
pub fn read_pages(docs: &Path) -> Result<Vec<Page>> {
    let mut files = Vec::new();
    for book in BOOKS {
        let folder = docs.join(book);
        if !folder.is_dir() {
            bail!("{} is missing: install the rust-docs component", folder.display());
        }
        collect(&folder, &mut files)?;
    }
    let mut named = files
        .into_iter()
        .map(|file| Ok((page_name(docs, &file)?, file)))
        .collect::<Result<Vec<_>>>()?;
    named.sort();
    let mut seen = BTreeSet::new();
    let mut pages = Vec::new();
    for (name, file) in named {
        let source = fs::read_to_string(&file).with_context(|| format!("reading {name}"))?;
        let Some(text) = html::main_text(&source) else {
            continue;
        };
        let unseen = seen.insert(*blake2b_simd::blake2b(text.as_bytes()).as_array());
        if text.len() >= SHORTEST_PAGE && unseen {
            let held_out = hash64(&name).is_multiple_of(HELD_OUT_EVERY);
            pages.push(Page { name, text, held_out });
        }
    }
    Ok(pages)
}

/// All pages of one side of the split, each led by the separator, as one text.
pub fn joined(pages: &[Page], held_out: bool) -> String {
    let mut out = String::new();
    for page in pages.iter().filter(|page| page.held_out == held_out) {
        out.push_str(END_OF_TEXT);
        out.push_str(&page.text);
    }
    out
}

/// Held-out pages in the order of their path hashes, each led by the separator, up to `limit` bytes in all.
pub fn held_out_sample(pages: &[Page], limit: usize) -> String {
    let mut chosen: Vec<&Page> = pages.iter().filter(|page| page.held_out).collect();
    chosen.sort_by_key(|page| hash64(&page.name).swap_bytes());
    let mut out = String::new();
    for page in chosen {
        if out.len() + END_OF_TEXT.len() + page.text.len() <= limit {
            out.push_str(END_OF_TEXT);
            out.push_str(&page.text);
        }
    }
    out
}

/// Learns a byte-level BPE vocabulary of `size` entries from the training pages.
pub fn train_tokenizer(pages: &[Page], size: usize) -> Result<Tokenizer> {
    let mut tokenizer: TokenizerImpl<
        BPE,
        NormalizerWrapper,
        PreTokenizerWrapper,
        PostProcessorWrapper,
        DecoderWrapper,
    > = TokenizerImpl::new(BPE::default());
    let level = ByteLevel::new(false, false, true);
    tokenizer.with_pre_tokenizer(Some(PreTokenizerWrapper::ByteLevel(level)));
    tokenizer.with_decoder(Some(DecoderWrapper::ByteLevel(ByteLevelDecoder::default())));
    let mut trainer = BpeTrainerBuilder::new()
        .vocab_size(size)
        .min_frequency(2)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(vec![AddedToken::from(END_OF_TEXT, true)])
        .build();
    let texts = pages
        .iter()
        .filter(|page| !page.held_out)
        .map(|page| page.text.as_str());
    tokenizer
        .train(&mut trainer, texts)
        .map_err(|error| anyhow!("training the tokenizer: {error}"))?;
    // Every document was led by the separator in training, so every prompt is too.
    let template = TemplateProcessing::builder()
        .try_single(format!("{END_OF_TEXT} $A"))
        .map_err(|error| anyhow!("building the prompt template: {error}"))?
        .special_tokens(vec![(END_OF_TEXT, 0)])
        .build()?;
    tokenizer.with_post_processor(Some(PostProcessorWrapper::Template(template)));
    let json = tokenizer
        .to_string(false)
        .map_err(|error| anyhow!("writing the tokenizer: {error}"))?;
    let tokenizer: Tokenizer = json
        .parse()
        .map_err(|error| anyhow!("reading the tokenizer back: {error}"))?;
    match tokenizer.token_to_id(END_OF_TEXT) {
        Some(0) => Ok(tokenizer),
        other => bail!("{END_OF_TEXT} must be token 0 and is {other:?}"),
    }
}

/// Token ids of `text`, in which the separator stands for token 0. Documents are encoded one by one.
pub fn encode(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>> {
    let mut ids = Vec::new();
    for (index, document) in text.split(END_OF_TEXT).enumerate() {
        if index > 0 {
            ids.push(0);
        }
        let encoding = tokenizer
            .encode_fast(document, false)
            .map_err(|error| anyhow!("tokenising: {error}"))?;
        ids.extend_from_slice(encoding.get_ids());
    }
    Ok(ids)
}

/// Gathers the pages below `folder`, without whole-book duplicates and translations.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !matches!(name, "es" | "ja" | "ko" | "zh" | "pt" | "fr" | "de" | "ru") {
                collect(&path, files)?;
            }
        } else if name.ends_with(".html") && !matches!(name, "print.html" | "toc.html" | "404.html") {
            files.push(path);
        }
    }
    Ok(())
}

fn page_name(docs: &Path, file: &Path) -> Result<String> {
    let inside = file.strip_prefix(docs)?;
    let parts: Option<Vec<&str>> = inside.iter().map(|part| part.to_str()).collect();
    Ok(parts
        .with_context(|| format!("{} is not UTF-8", file.display()))?
        .join("/"))
}

fn hash64(name: &str) -> u64 {
    let hash = blake2b_simd::Params::new().hash_length(8).hash(name.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(hash.as_bytes());
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Vec<Page> {
        (0..60)
            .map(|n| Page {
                name: format!("book/{n}.html"),
                text: format!("Chapter {n}: the borrow checker checks borrows, borrows and borrows.\n"),
                held_out: hash64(&format!("book/{n}.html")).is_multiple_of(HELD_OUT_EVERY),
            })
            .collect()
    }

    #[test]
    fn separator_is_token_zero_and_text_survives_a_round_trip() {
        let pages = pages();
        let tokenizer = train_tokenizer(&pages, 300).unwrap();
        let ids = encode(&tokenizer, &joined(&pages, false)).unwrap();
        assert_eq!(ids[0], 0);
        assert_eq!(
            ids.iter().filter(|id| **id == 0).count(),
            pages.iter().filter(|p| !p.held_out).count()
        );
        let text = "let ünïcode = \"→\";\n";
        let ids = encode(&tokenizer, text).unwrap();
        let prompt = tokenizer.encode(text, true).unwrap();
        assert_eq!((prompt.get_ids()[0], &prompt.get_ids()[1..]), (0, ids.as_slice()));
        assert_eq!(tokenizer.decode(&ids, true).unwrap(), text);
    }

    #[test]
    fn sample_respects_the_limit_and_holds_only_held_out_pages() {
        let mut pages = pages();
        pages[3].held_out = true;
        let sample = held_out_sample(&pages, 200);
        assert!(!sample.is_empty() && sample.len() <= 200);
        for text in sample.split(END_OF_TEXT).skip(1) {
            assert!(pages.iter().any(|page| page.held_out && page.text == text));
        }
    }
}
