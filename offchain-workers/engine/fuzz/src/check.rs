//! What must hold whatever the bytes: no panic leaves the loader, an error names the file and the field, and a model that loads is
//! whole: its identity follows from its parts, its tokenizer works, and the engine runs it as the reference does.

use lantern_engine::{
    Engine, ExecuteError, ExecuteOptions, KernelChoice, LoadError, LoadOptions, LoadedModel, ModelSource, Tokenizer,
};
use lantern_exact::{model_id, GenerateParams, JobParams, ModelKind, Sampling, StopTokens};
use std::{
    backtrace::Backtrace,
    ops::ControlFlow,
    panic::{catch_unwind, set_hook, AssertUnwindSafe},
    process::abort,
    sync::{atomic::AtomicBool, Mutex, OnceLock, PoisonError},
};

/// Longest message of an error in bytes: it goes to a log and a terminal.
const MAX_MESSAGE: usize = 1000;

/// Texts that every tokenizer is tried on.
const TEXTS: [&str; 6] = [
    "",
    "a b",
    "w3 hello Ġ ▁ ab abc",
    "é漢字🙂\u{0}\t\r\n ﷺ",
    "<s> [UNK] </s>12345  x",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// What the last panic said, and where it was. Names are looked up only when it is shown.
static LAST_PANIC: Mutex<Option<(String, Backtrace)>> = Mutex::new(None);

/// Replaces libFuzzer's hook, which ends the process at every panic. The loader guards the foreign tokenizer by catching its panics:
/// that is no finding, while a panic that leaves the loader is one ([`guarded`]).
pub fn watch_panics() {
    set_hook(Box::new(|info| {
        let panic = (info.to_string(), Backtrace::force_capture());
        *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
    }));
}

/// Runs one input; a panic that comes out ends the process, which libFuzzer reports as a crash.
pub fn guarded(run: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        if let Some((said, place)) = &*LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) {
            eprintln!("{said}\n{place}");
        }
        abort();
    }
}

/// Loads `source` and checks the outcome; an error is to name one of `files`.
///
/// # Panics
/// When something does not hold.
pub fn load(source: &ModelSource<'_>, files: &[&str]) {
    match LoadedModel::load(source, &LoadOptions::default()) {
        Ok(model) => whole(&model, source),
        Err(error) => named(&error, files),
    }
}

/// Checks that `error` names one of `files`, and a field where it is about one.
fn named(error: &LoadError, files: &[&str]) {
    let message = error.to_string();
    let rest = files
        .iter()
        .find_map(|file| message.strip_prefix(file)?.strip_prefix(": "));
    assert!(rest.is_some_and(|rest| !rest.is_empty()), "no file: {message}");
    assert!(message.len() <= MAX_MESSAGE, "{} bytes: {message}", message.len());
    let field = match error {
        LoadError::Config { field, .. }
        | LoadError::Unsupported { field, .. }
        | LoadError::Spec { field, .. }
        | LoadError::InnerTooLarge { field, .. } => Some(field),
        LoadError::MissingTensor { tensor, .. }
        | LoadError::WrongShape { tensor, .. }
        | LoadError::WrongType { tensor, .. }
        | LoadError::NotFinite { tensor, .. }
        | LoadError::OutOfRange { tensor, .. } => Some(tensor),
        _ => None,
    };
    assert!(field.is_none_or(|field| !field.is_empty()), "no field: {message}");
}

/// Checks a model that loaded from `source`.
fn whole(model: &LoadedModel, source: &ModelSource<'_>) {
    assert_eq!(model.spec().validate(), Ok(()));
    assert_eq!(model.id(), model_id(model.spec(), &model.weights_root()));
    let again = LoadedModel::load(source, &LoadOptions::default()).expect("loads as it did before");
    assert_eq!(again.id(), model.id());
    assert!(model.end_tokens().iter().all(|&token| token < model.spec().vocab));
    tokenizer(
        model.tokenizer().expect("a file's model has a tokenizer"),
        model.spec().vocab,
    );
    runs(model);
}

/// Converts texts there and back. An error is an answer too.
fn tokenizer(tokenizer: &Tokenizer, vocab: u32) {
    for text in TEXTS {
        if let Ok(tokens) = tokenizer.encode(text) {
            assert!(tokens.iter().all(|&token| token < vocab));
            drop(tokenizer.decode(&tokens));
        }
    }
    for token in 0..vocab.min(32) {
        drop(tokenizer.decode(&[token]));
    }
    assert!(tokenizer.token_id("a").is_none_or(|token| token < vocab));
}

/// Runs a small job on the engine and on the reference, which must agree to the last byte.
fn runs(model: &LoadedModel) {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| Engine::new(1, KernelChoice::Auto).expect("automatic kernels are there"));
    let input = [0, model.spec().vocab - 1];
    let params = match model.spec().kind() {
        ModelKind::Generation => JobParams::Generate(GenerateParams {
            max_new_tokens: 2,
            sampling: Sampling::Greedy,
            stop: StopTokens::default(),
        }),
        ModelKind::Embedding => JobParams::Embed,
    };
    let reference = model.reference().expect("a loaded model fits its specification");
    let want = reference.run(&input, &params);
    let go_on = &mut |_| ControlFlow::Continue(());
    let options = ExecuteOptions::default();
    match engine.execute(model, &input, &params, &options, go_on, &AtomicBool::new(false)) {
        Ok(got) => {
            let want = want.expect("the engine has a result");
            assert_eq!((got.output, got.trace_root), (want.output, want.trace_root));
        },
        Err(ExecuteError::Params(_)) => assert!(want.is_err(), "the engine refuses what the reference runs"),
        Err(ExecuteError::Cancelled) => panic!("nobody cancelled"),
    }
}
