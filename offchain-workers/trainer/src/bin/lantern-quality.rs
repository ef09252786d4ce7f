//! Compares the exact engine with float32 twins and prints a table; fails when wide arithmetic misses a bound.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{anyhow, bail, Context, Result};
use clap::Parser;
use lantern_exact::Width;
use lantern_trainer::{
    corpus,
    exact::ExactModel,
    golden::{minilm_folder, WIDTHS},
    model::{mean_loss, windows, Model},
    quality::{
        mean_loss_q16, sentences, Agreement, FloatEncoder, MEAN_COSINE_BOUND, MIN_COSINE_BOUND, NEIGHBOUR_BOUND,
        PERPLEXITY_BOUND,
    },
};
use tokenizers::Tokenizer;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    /// Folder of our own Llama, with its `heldout.txt`.
    #[arg(long, default_value = "models/lantern-tiny")]
    model: PathBuf,
    /// Folder of all-MiniLM-L6-v2; by default the one that `scripts/fetch-minilm` fills.
    #[arg(long)]
    minilm: Option<PathBuf>,
    /// Sentences for the encoder, one per line.
    #[arg(long, default_value = "models/sentences.txt")]
    sentences: PathBuf,
    /// Measures our own Llama only.
    #[arg(long)]
    skip_minilm: bool,
}

/// The rows of the table and whether every bound held.
struct Report {
    rows: Vec<String>,
    good: bool,
}

impl Report {
    /// Adds a measurement; `holds` is its verdict against `bound`, which counts in wide arithmetic only.
    #[allow(clippy::too_many_arguments)] // One argument for each column of the table.
    fn add(&mut self, model: &str, width: Width, measure: &str, float: &str, exact: &str, bound: &str, holds: bool) {
        let (width, bound, verdict) = match (width, holds) {
            (Width::Wide, true) => ("wide", bound, "holds"),
            (Width::Wide, false) => ("wide", bound, "**missed**"),
            (Width::Narrow, _) => ("narrow", "none", "-"),
        };
        self.good &= verdict != "**missed**";
        self.rows.push(format!(
            "| {model} | {width} | {measure} | {float} | {exact} | {bound} | {verdict} |"
        ));
    }
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut report = Report {
        rows: Vec::new(),
        good: true,
    };
    llama(&arguments.model, &mut report)?;
    if !arguments.skip_minilm {
        let folder = match arguments.minilm {
            Some(folder) => folder,
            None => minilm_folder()?.context("MiniLM is absent: run scripts/fetch-minilm or pass --skip-minilm")?,
        };
        encoder(&folder, &arguments.sentences, &mut report)?;
    }
    println!("| model | arithmetic | measure | float32 | exact | bound | verdict |");
    println!("|---|---|---|---|---|---|---|");
    report.rows.iter().for_each(|row| println!("{row}"));
    Ok(if report.good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn llama(folder: &Path, report: &mut Report) -> Result<()> {
    let float = Model::load(folder)?;
    let tokenizer = Tokenizer::from_file(folder.join("tokenizer.json"))
        .map_err(|error| anyhow!("reading the tokenizer: {error}"))?;
    let text = std::fs::read_to_string(folder.join("heldout.txt")).context("reading heldout.txt")?;
    let stream = corpus::encode(&tokenizer, &text)?;
    let windows = windows(&stream, float.config.max_position_embeddings);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let right = mean_loss(&float, &windows, threads)?;
    eprintln!(
        "held-out text: {} tokens, {:.4} nats per token in float32",
        stream.len(),
        right
    );
    for width in WIDTHS {
        let exact = ExactModel::load(folder, width)?;
        let found = mean_loss_q16(&windows, |tokens| exact.logits(tokens))?;
        let ratio = (found - right).exp();
        let found = format!("{:.4} (x {ratio:.5})", found.exp());
        let bound = format!("x {:.3}", 1.0 + PERPLEXITY_BOUND);
        let holds = ratio <= 1.0 + PERPLEXITY_BOUND;
        report.add(
            "lantern-tiny",
            width,
            "perplexity",
            &format!("{:.4}", right.exp()),
            &found,
            &bound,
            holds,
        );
    }
    Ok(())
}

fn encoder(folder: &Path, list: &Path, report: &mut Report) -> Result<()> {
    let sentences = sentences(list)?;
    if sentences.len() < 100 {
        bail!("{} sentences are too few for nearest neighbours", sentences.len());
    }
    let float = FloatEncoder::load(folder)?;
    let mut right: Option<Vec<Vec<f64>>> = None;
    for width in WIDTHS {
        let exact = ExactModel::load(folder, width)?;
        let tokens = sentences
            .iter()
            .map(|text| exact.encode(text))
            .collect::<Result<Vec<_>>>()?;
        let right = match &mut right {
            Some(right) => right,
            none => none.insert(tokens.iter().map(|tokens| float.embed(tokens)).collect::<Result<_>>()?),
        };
        let found = tokens
            .iter()
            .map(|tokens| exact.embed(tokens))
            .collect::<Result<Vec<_>>>()?;
        let agreement = Agreement::of(right, &found)?;
        for (measure, value, bound) in [
            ("mean cosine", agreement.mean_cosine, MEAN_COSINE_BOUND),
            ("smallest cosine", agreement.min_cosine, MIN_COSINE_BOUND),
            ("same nearest neighbour", agreement.neighbours, NEIGHBOUR_BOUND),
        ] {
            let (value_text, bound_text) = (format!("{value:.5}"), format!("at least {bound}"));
            report.add(
                "MiniLM-L6-v2",
                width,
                measure,
                "1",
                &value_text,
                &bound_text,
                value >= bound,
            );
        }
    }
    Ok(())
}
