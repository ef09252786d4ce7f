//! Measures the exact arithmetic against floats and prints tables; fails when a bound is missed.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{anyhow, bail, Context, Result};
use clap::{Parser, ValueEnum};
use lantern_trainer::{
    corpus, errors,
    exact::ExactModel,
    golden::minilm_folder,
    model::{mean_loss, windows, Model},
    outliers::{self, Outlier},
    quality::{
        mean_loss_q16, sentences, Agreement, FloatEncoder, MEAN_COSINE_BOUND, MIN_COSINE_BOUND, NEIGHBOUR_BOUND,
        PERPLEXITY_BOUND,
    },
    report::{self, Arithmetic, Section},
};
use tokenizers::Tokenizer;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    /// What to measure; everything by default.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Page to write the tables into, between their marks. Without it they are printed only.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Folder of our own Llama, with its `heldout.txt`.
    #[arg(long, default_value = "models/lantern-tiny")]
    model: PathBuf,
    /// Folder of all-MiniLM-L6-v2; by default the one that `scripts/fetch-minilm` fills.
    #[arg(long)]
    minilm: Option<PathBuf>,
    /// Sentences for the encoder, one per line.
    #[arg(long, default_value = "models/sentences.txt")]
    sentences: PathBuf,
    /// Leaves MiniLM out.
    #[arg(long)]
    skip_minilm: bool,
}

/// One table of the report.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Errors of the fixed-point routines.
    Errors,
    /// Whole models against float32.
    Models,
    /// Our own Llama with outliers put in.
    Outliers,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.report.is_some() && arguments.skip_minilm {
        bail!("--report needs every model: leave --skip-minilm out");
    }
    let wanted = |part: &Part| arguments.parts.is_empty() || arguments.parts.contains(part);
    let mut good = true;
    for part in [Part::Errors, Part::Models, Part::Outliers]
        .iter()
        .filter(|part| wanted(part))
    {
        let start = Instant::now();
        let section = match part {
            Part::Errors => Section::errors(&errors::all(threads())),
            Part::Models => models(&arguments)?,
            Part::Outliers => with_outliers(&arguments.model)?,
        };
        println!("{}\n", section.text());
        eprintln!("{}: {:.0} s", section.name, start.elapsed().as_secs_f64());
        good &= section.good();
        if let Some(path) = &arguments.report {
            let page = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            let page = report::put(&page, &section).with_context(|| format!("in {}", path.display()))?;
            std::fs::write(path, page).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    if !good {
        eprintln!("a bound was missed");
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn load(folder: &Path, arithmetic: Arithmetic) -> Result<ExactModel> {
    if arithmetic.smooth {
        ExactModel::load(folder, arithmetic.width)
    } else {
        ExactModel::load_unsmoothed(folder, arithmetic.width)
    }
}

/// The tokens of a model's held-out text.
fn held_out(folder: &Path) -> Result<Vec<u32>> {
    let tokenizer = Tokenizer::from_file(folder.join("tokenizer.json"))
        .map_err(|error| anyhow!("reading the tokenizer: {error}"))?;
    let text = std::fs::read_to_string(folder.join("heldout.txt")).context("reading heldout.txt")?;
    corpus::encode(&tokenizer, &text)
}

fn models(arguments: &Arguments) -> Result<Section> {
    let mut section = Section::models();
    llama(&arguments.model, &mut section)?;
    if !arguments.skip_minilm {
        let folder = match &arguments.minilm {
            Some(folder) => folder.clone(),
            None => minilm_folder()?.context("MiniLM is absent: run scripts/fetch-minilm or pass --skip-minilm")?,
        };
        encoder(&folder, &arguments.sentences, &mut section)?;
    }
    Ok(section)
}

fn llama(folder: &Path, section: &mut Section) -> Result<()> {
    let float = Model::load(folder)?;
    let stream = held_out(folder)?;
    let windows = windows(&stream, float.config.max_position_embeddings);
    let right = mean_loss(&float, &windows, threads())?;
    eprintln!(
        "held-out text: {} tokens, {right:.4} nats per token in float32",
        stream.len()
    );
    for arithmetic in Arithmetic::ALL {
        let exact = load(folder, arithmetic)?;
        let found = mean_loss_q16(&windows, |tokens| exact.logits(tokens))?;
        let ratio = (found - right).exp();
        let texts = [
            format!("{:.4}", right.exp()),
            format!("{:.4} (x {ratio:.5})", found.exp()),
            format!("x {:.3}", 1.0 + PERPLEXITY_BOUND),
        ];
        let [float, exact, bound] = &texts;
        let texts = ["lantern-tiny", "perplexity", float, exact, bound];
        section.model(arithmetic, texts, ratio <= 1.0 + PERPLEXITY_BOUND);
    }
    Ok(())
}

fn encoder(folder: &Path, list: &Path, section: &mut Section) -> Result<()> {
    let sentences = sentences(list)?;
    if sentences.len() < 100 {
        bail!("{} sentences are too few for nearest neighbours", sentences.len());
    }
    let float = FloatEncoder::load(folder)?;
    let mut right: Option<Vec<Vec<f64>>> = None;
    for arithmetic in Arithmetic::ALL {
        let exact = load(folder, arithmetic)?;
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
            let (found, least) = (format!("{value:.5}"), format!("at least {bound}"));
            let texts = ["MiniLM-L6-v2", measure, "1", &found, &least];
            section.model(arithmetic, texts, value >= bound);
        }
    }
    Ok(())
}

fn with_outliers(folder: &Path) -> Result<Section> {
    let model = Model::load(folder)?;
    let stream = held_out(folder)?;
    let windows = windows(&stream, model.config.max_position_embeddings);
    let tokenizer = folder.join("tokenizer.json");
    let all = Outlier::ALL
        .into_iter()
        .map(|outlier| Ok((outlier, outliers::measure(outlier, &model, &tokenizer, &windows)?)))
        .collect::<Result<Vec<_>>>()?;
    Ok(Section::outliers(&all))
}
