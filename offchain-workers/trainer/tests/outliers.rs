//! Outliers put into lantern-tiny must cost the exact engine next to nothing, and narrow arithmetic without smoothing more.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

use std::path::PathBuf;

use lantern_trainer::{
    corpus,
    model::{windows, Model},
    outliers::{measure, Measured, Outlier},
};
use tokenizers::Tokenizer;

/// Measures on the first 1,024 predictions of the held-out text.
fn measured(outlier: Outlier) -> Measured {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/lantern-tiny");
    let tokenizer = folder.join("tokenizer.json");
    let text = std::fs::read_to_string(folder.join("heldout.txt")).unwrap();
    let start: String = text.chars().take(20_000).collect();
    let stream = corpus::encode(&Tokenizer::from_file(&tokenizer).unwrap(), &start).unwrap();
    let model = Model::load(&folder).unwrap();
    let measured = measure(outlier, &model, &tokenizer, &windows(&stream, 512)[..2]).unwrap();
    println!("{outlier:?}: {measured:?}");
    measured
}

fn assert_outliers_cost_little(outlier: Outlier) {
    let measured = measured(outlier);
    assert!(
        measured.preserved(),
        "the construction changed the function: {measured:?}"
    );
    assert!(measured.holds(measured.wide), "wide: {measured:?}");
    assert!(measured.holds(measured.narrow), "narrow: {measured:?}");
    let off = |perplexity: f64| (perplexity / measured.float - 1.0).abs();
    assert!(
        off(measured.unsmoothed) > off(measured.narrow),
        "smoothing does not help: {measured:?}"
    );
}

#[test]
fn channels_of_norms() {
    assert_outliers_cost_little(Outlier::NormGain);
}

#[test]
fn biases_of_keys() {
    assert_outliers_cost_little(Outlier::KeyBias);
}

#[test]
fn spikes_of_gated_products() {
    assert_outliers_cost_little(Outlier::GluSpike);
}
