//! Golden vectors: fixed jobs and the results that every machine must produce for them.

use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use lantern_exact::{blake2_256, spec::ModelKind, GenerateParams, JobParams, Sampling, StopTokens, Usage, Width};
use serde::{Deserialize, Serialize};

use crate::exact::ExactModel;

/// Both widths that a model can be committed with: all wide, all narrow.
pub const WIDTHS: [Width; 2] = [Width::Wide, Width::Narrow];

/// Prompts of the generation vectors.
const PROMPTS: [&str; 4] = [
    "A mutable reference",
    "fn main() {\n    let x = 5;\n",
    "The compiler will report an error when",
    "# Traits\n\nA trait defines",
];

/// Sentences of the embedding vectors.
const SENTENCES: [&str; 4] = [
    "The lighthouse was automated in 1987 and has had no keeper since.",
    "Why do cats purr?",
    "A hash changes completely when one bit of the input changes.",
    "No.",
];

/// The vectors of one model in every width.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GoldenFile {
    /// Name of the model folder.
    pub model: String,
    /// One entry per width.
    pub widths: Vec<GoldenModel>,
}

/// The vectors of one committed model.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GoldenModel {
    /// Width of activations and of keys.
    pub width: Width,
    /// Model id, hex.
    pub model_id: String,
    /// Jobs with their results.
    pub vectors: Vec<GoldenVector>,
}

/// One job and its result.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GoldenVector {
    /// Input as token ids.
    pub input: Vec<u32>,
    /// The job.
    pub params: JobParams,
    /// BLAKE2b-256 of the output bytes, hex.
    pub output_hash: String,
    /// Trace root, hex.
    pub trace_root: String,
    /// Tokens used.
    pub usage: Usage,
    /// Cost in millionths of a compute unit.
    pub compute_units: u64,
}

impl GoldenFile {
    /// The file's JSON text, one line per vector, so that a changed result shows as one changed line.
    pub fn to_text(&self) -> Result<String> {
        let quoted = |text: &str| serde_json::to_string(text);
        let mut out = format!("{{\n\"model\": {},\n\"widths\": [", quoted(&self.model)?);
        for (index, golden) in self.widths.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let (width, id) = (serde_json::to_string(&golden.width)?, quoted(&golden.model_id)?);
            out += &format!("{comma}\n{{\"width\": {width}, \"model_id\": {id}, \"vectors\": [\n");
            let lines = golden
                .vectors
                .iter()
                .map(serde_json::to_string)
                .collect::<Result<Vec<_>, _>>()?;
            out += &lines.join(",\n");
            out += "\n]}";
        }
        out += "\n]\n}\n";
        Ok(out)
    }
}

/// Computes the vectors of the model in `folder`, called `name`.
pub fn make(folder: &Path, name: &str) -> Result<GoldenFile> {
    let mut widths = Vec::new();
    for width in WIDTHS {
        let model = ExactModel::load(folder, width)?;
        let vectors = jobs(&model)?
            .into_iter()
            .map(|(input, params)| vector(&model, input, params));
        widths.push(GoldenModel {
            width,
            model_id: hex::encode(model.id()),
            vectors: vectors.collect::<Result<_>>()?,
        });
    }
    Ok(GoldenFile {
        model: name.into(),
        widths,
    })
}

/// Recomputes every vector of `file` from the model in `folder`, with the engine and with the reference implementation,
/// and fails at the first that differs. Returns how many there were.
pub fn check(file: &GoldenFile, folder: &Path) -> Result<usize> {
    let mut checked = 0;
    for golden in &file.widths {
        let model = ExactModel::load(folder, golden.width)?;
        if hex::encode(model.id()) != golden.model_id {
            bail!(
                "{} {:?}: the model id is {}",
                file.model,
                golden.width,
                hex::encode(model.id())
            );
        }
        let reference = model.model().reference()?;
        for (index, right) in golden.vectors.iter().enumerate() {
            let found = vector(&model, right.input.clone(), right.params)?;
            if found != *right {
                bail!(
                    "{} {:?}, vector {index}: {found:?} instead of {right:?}",
                    file.model,
                    golden.width
                );
            }
            let plain = reference.run(&right.input, &right.params)?;
            let plain = (
                hex::encode(blake2_256(&[&plain.output])),
                hex::encode(plain.trace_root),
                plain.usage,
            );
            if plain != (right.output_hash.clone(), right.trace_root.clone(), right.usage) {
                bail!(
                    "{} {:?}, vector {index}: the reference gives {plain:?}",
                    file.model,
                    golden.width
                );
            }
            checked += 1;
        }
    }
    Ok(checked)
}

/// Reads a golden file.
pub fn read(path: &Path) -> Result<GoldenFile> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

/// Where `scripts/fetch-minilm` puts MiniLM: the folder in `LANTERN_MINILM` if set, else the cache folder if it is there.
///
/// A folder that is set but incomplete is an error, so that a typing mistake cannot pass for an absent model.
pub fn minilm_folder() -> Result<Option<PathBuf>> {
    if let Some(folder) = std::env::var_os("LANTERN_MINILM") {
        let folder = PathBuf::from(folder);
        if !folder.join("model.safetensors").is_file() {
            bail!("LANTERN_MINILM names {}, which holds no model", folder.display());
        }
        return Ok(Some(folder));
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let folder = cache.map(|cache| cache.join("lantern/minilm"));
    Ok(folder.filter(|folder| folder.join("model.safetensors").is_file()))
}

fn vector(model: &ExactModel, input: Vec<u32>, params: JobParams) -> Result<GoldenVector> {
    let result = model.run(&input, &params)?;
    Ok(GoldenVector {
        output_hash: hex::encode(result.output_hash),
        trace_root: hex::encode(result.trace_root),
        usage: result.usage,
        compute_units: model
            .spec()
            .compute_units(result.usage.prompt_tokens, result.usage.output_tokens),
        input,
        params,
    })
}

/// The jobs of a model of its kind.
fn jobs(model: &ExactModel) -> Result<Vec<(Vec<u32>, JobParams)>> {
    let spec = model.spec();
    if spec.kind() == ModelKind::Embedding {
        return SENTENCES
            .iter()
            .map(|text| Ok((model.encode(text)?, JobParams::Embed)))
            .collect();
    }
    let stop = StopTokens::new(&[0]).context("one stop token fits")?;
    let seed = blake2_256(&[b"lantern golden vectors"]);
    let samplings = [
        Sampling::Greedy,
        Sampling::Seeded {
            temperature: 52_429,
            top_k: 0,
            top_p: 65_536,
            seed,
        },
        Sampling::Seeded {
            temperature: 65_536,
            top_k: 40,
            top_p: 58_982,
            seed,
        },
    ];
    let mut jobs = Vec::new();
    for text in PROMPTS {
        let input = model.encode(text)?;
        for sampling in samplings {
            let params = GenerateParams {
                max_new_tokens: 24,
                sampling,
                stop,
            };
            jobs.push((input.clone(), JobParams::Generate(params)));
        }
    }
    // A prompt longer than any block of a prefill kernel.
    let long: Vec<u32> = (0..300u32).map(|i| (i * i + 7 * i + 1) % spec.vocab).collect();
    let params = GenerateParams {
        max_new_tokens: 8,
        sampling: Sampling::Greedy,
        stop: StopTokens::default(),
    };
    jobs.push((long, JobParams::Generate(params)));
    Ok(jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back_as_it_was_written() {
        let vector = GoldenVector {
            input: vec![0, 7],
            params: JobParams::Embed,
            output_hash: "00".into(),
            trace_root: "ff".into(),
            usage: Usage {
                prompt_tokens: 2,
                output_tokens: 0,
            },
            compute_units: 5,
        };
        let model = |width| GoldenModel {
            width,
            model_id: "ab".into(),
            vectors: vec![vector.clone(), vector.clone()],
        };
        let file = GoldenFile {
            model: "a \"name\"".into(),
            widths: WIDTHS.map(model).to_vec(),
        };
        let text = file.to_text().unwrap();
        assert_eq!(serde_json::from_str::<GoldenFile>(&text).unwrap(), file);
        assert_eq!(text.lines().count(), 13);
    }
}
