//! The real program with a small random model: what it serves, how it starts, how it ends.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use codec::{DecodeAll, Encode};
use common::{job, write_model, CONTEXT, VOCAB};
use lantern_exact::{spec::decode_tokens, JobParams, ModelSpec};
use lantern_worker_protocol::{Client, ErrorKind, Execute, FailureKind, ModelInfo, ModelKind};

struct Worker {
    process: Child,
    socket: PathBuf,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lantern-worker"));
    command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .env_remove("LANTERN_LOG")
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

impl Worker {
    fn start(socket: &Path, model: &Path, more: &[&str]) -> Self {
        let mut command = program();
        command
            .stderr(Stdio::null())
            .arg("--socket")
            .arg(socket)
            .arg("--no-default-model")
            .arg("--model")
            .arg(model);
        let process = command.args(more).spawn().expect("starts");
        Self {
            process,
            socket: socket.into(),
        }
    }

    async fn client(&self) -> Client {
        let begun = Instant::now();
        loop {
            match Client::connect(&self.socket).await {
                Ok(client) => return client,
                Err(error) => assert!(begun.elapsed() < Duration::from_secs(60), "does not listen: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn wait(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            if self.process.try_wait().expect("can be asked").is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

/// What a program that fails says.
fn complaint(output: Output) -> String {
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).expect("is text");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[tokio::test]
async fn serves_jobs_with_the_same_bytes_after_a_kill_and_with_any_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, socket) = (folder.path().join("tiny"), folder.path().join("worker.sock"));
    write_model(&model, 1);
    let mut first = Worker::start(&socket, &model, &["--threads", "1"]);
    let client = first.client().await;
    let info = client.models()[0].clone();
    assert_eq!(
        (info.name.as_str(), info.kind, info.vocab),
        ("tiny", ModelKind::Generation, VOCAB as u32)
    );
    assert_eq!(
        (info.max_context, info.stop_tokens.as_slice()),
        (CONTEXT as u32, [1].as_slice())
    );
    let spec = ModelSpec::decode_all(&mut info.spec.as_ref()).expect("decodes");
    assert_eq!(lantern_exact::model_id(&spec, &info.weights_root.0), info.id.0);

    let prompt = client
        .tokenize(info.id, "w5 w6 unknown".into())
        .await
        .expect("converts");
    assert_eq!(prompt, [5, 6, 0]);
    let outcome = client
        .execute(job(1, &info.id, &prompt, 20))
        .await
        .expect("is sent")
        .outcome()
        .await
        .expect("ends");
    let outcome = outcome.expect("succeeds");
    let tokens = decode_tokens(&outcome.output.0, info.vocab).expect("are token ids");
    assert_eq!(tokens.len(), 20);
    assert_eq!((outcome.usage.prompt_tokens, outcome.usage.output_tokens), (3, 20));
    let words: Vec<String> = tokens
        .iter()
        .map(|token| if *token == 0 { "?".into() } else { format!("w{token}") })
        .collect();
    assert_eq!(
        client.detokenize(info.id, tokens).await.expect("converts"),
        words.join(" ")
    );

    // Killed in the middle of a long job: the next worker takes the socket over and gives the same bytes.
    let _long = client.execute(job(2, &info.id, &prompt, 4000)).await.expect("is sent");
    while client.status().await.expect("answers").running != [2] {}
    first.process.kill().expect("is killed");
    client.closed().await;
    let second = Worker::start(&socket, &model, &["--threads", "2"]);
    let client = second.client().await;
    assert_eq!(client.models(), std::slice::from_ref(&info), "same files, same id");
    let again = client
        .execute(job(1, &info.id, &prompt, 20))
        .await
        .expect("is sent")
        .outcome()
        .await
        .expect("ends");
    let again = again.expect("succeeds");
    assert_eq!((again.output, again.trace_root), (outcome.output, outcome.trace_root));
}

#[tokio::test]
async fn bad_jobs_are_refused_and_long_ones_cancelled() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, socket) = (folder.path().join("tiny"), folder.path().join("worker.sock"));
    write_model(&model, 1);
    let worker = Worker::start(&socket, &model, &[]);
    let client = worker.client().await;
    let info = client.models()[0].clone();
    let good = job(1, &info.id, &[5], 4);
    let bad = [
        Execute {
            model: Default::default(),
            ..good.clone()
        },
        Execute {
            params: vec![].into(),
            ..good.clone()
        },
        Execute {
            params: [good.params.as_ref(), &[0]].concat().into(),
            ..good.clone()
        },
        Execute {
            params: vec![0xff; 64].into(),
            ..good.clone()
        },
        Execute {
            params: JobParams::Embed.encode().into(),
            ..good.clone()
        },
        Execute {
            input: vec![1, 0, 0].into(),
            ..good.clone()
        },
        Execute {
            input: vec![].into(),
            ..good.clone()
        },
        job(1, &info.id, &[VOCAB as u32], 4),
        job(1, &info.id, &[5], 0),
        job(1, &info.id, &[5], CONTEXT as u32),
        job(1, &info.id, &[5], u32::MAX),
    ];
    for (index, bad) in bad.into_iter().enumerate() {
        let outcome = client
            .execute(bad)
            .await
            .expect("is sent")
            .outcome()
            .await
            .expect("ends");
        let expected = if index == 0 {
            FailureKind::UnknownModel
        } else {
            FailureKind::BadInput
        };
        assert_eq!(outcome.expect_err("is refused").0, expected, "case {index}");
    }
    let long = client.execute(job(2, &info.id, &[5], 4000)).await.expect("is sent");
    assert!(client.cancel(2).await.expect("answers"));
    assert_eq!(
        long.outcome().await.expect("ends").expect_err("was cancelled").0,
        FailureKind::Cancelled
    );
    let outcome = client
        .execute(good)
        .await
        .expect("is sent")
        .outcome()
        .await
        .expect("ends");
    assert_eq!(outcome.expect("succeeds").usage.output_tokens, 4);
    let refused = client.detokenize(info.id, vec![VOCAB as u32]).await;
    assert!(matches!(
        refused,
        Err(lantern_worker_protocol::ClientError::Refused {
            kind: ErrorKind::BadRequest,
            ..
        })
    ));
}

#[tokio::test]
async fn jobs_that_run_together_give_the_bytes_that_each_gives_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("tiny");
    write_model(&model, 1);
    let mut results = Vec::new();
    for (name, flags) in [("alone", ["--max-batch", "1"]), ("together", ["--cache-memory", "1"])] {
        let worker = Worker::start(&folder.path().join(name), &model, &flags);
        let client = worker.client().await;
        let info = client.models()[0].clone();
        let mut executions = Vec::new();
        for key in 0..12 {
            // The longest take most of the memory, so that some wait for it.
            let (prompt, tokens) = (vec![key; 1 + 40 * key as usize], 20 + 200 * key);
            let job = job(key.into(), &info.id, &prompt, tokens);
            executions.push(client.execute(job).await.expect("is sent"));
        }
        let mut outcomes = Vec::new();
        for execution in executions {
            let outcome = execution.outcome().await.expect("ends").expect("succeeds");
            outcomes.push((outcome.key, outcome.output, outcome.usage, outcome.trace_root));
        }
        results.push(outcomes);
    }
    assert_eq!(results[0], results[1]);
}

#[tokio::test]
async fn ends_with_its_parent_and_cleans_up_on_a_signal() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, socket) = (folder.path().join("tiny"), folder.path().join("worker.sock"));
    write_model(&model, 1);
    let mut child = Worker::start(&socket, &model, &["--exit-with-parent"]);
    child.client().await;
    // The kernel closes the pipe however the parent dies.
    drop(child.process.stdin.take());
    assert!(child.wait(), "ends when the parent's end of the pipe is closed");

    let mut free = Worker::start(&socket, &model, &[]);
    free.client().await;
    let pid = free.process.id().to_string();
    assert!(Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .expect("kill is there")
        .success());
    assert!(free.wait());
    assert!(!socket.exists(), "the socket is removed");
}

#[tokio::test]
async fn start_that_fails_says_what_and_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, socket) = (folder.path().join("tiny"), folder.path().join("worker.sock"));
    write_model(&model, 1);
    let start = |model: &Path| {
        let mut command = program();
        command
            .arg("--socket")
            .arg(&socket)
            .arg("--no-default-model")
            .arg("--model")
            .arg(model);
        complaint(command.output().expect("runs"))
    };
    let said = start(&folder.path().join("nothing"));
    assert!(said.contains("nothing") && said.contains("tokenizer.json"), "{said}");

    let broken = |name: &str, change: &dyn Fn(&Path)| {
        let copy = folder.path().join(name);
        write_model(&copy, 1);
        change(&copy);
        start(&copy)
    };
    let said = broken("truncated", &|copy| {
        let file = copy.join("model.safetensors");
        let bytes = fs::read(&file).expect("reads");
        fs::write(&file, &bytes[..bytes.len() / 2]).expect("writes");
    });
    assert!(
        said.contains("truncated") && said.contains("model.safetensors"),
        "{said}"
    );
    let said = broken("no-heads", &|copy| {
        let file = copy.join("config.json");
        let text = fs::read_to_string(&file)
            .expect("reads")
            .replace("num_attention_heads", "heads");
        fs::write(&file, text).expect("writes");
    });
    assert!(
        said.contains("config.json") && said.contains("num_attention_heads"),
        "{said}"
    );
    let said = broken("no-tokenizer", &|copy| {
        fs::write(copy.join("tokenizer.json"), "{").expect("writes")
    });
    assert!(said.contains("tokenizer.json"), "{said}");
    let said = broken("nan", &|copy| {
        let file = copy.join("model.safetensors");
        let mut bytes = fs::read(&file).expect("reads");
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        fs::write(&file, bytes).expect("writes");
    });
    assert!(
        said.contains("model.safetensors") && said.contains("not finite"),
        "{said}"
    );

    let none = program()
        .arg("--socket")
        .arg(&socket)
        .arg("--no-default-model")
        .output()
        .expect("runs");
    assert!(complaint(none).contains("--model"));
    let holder = Worker::start(&socket, &model, &[]);
    holder.client().await;
    let said = start(&model);
    assert!(
        said.contains("worker.sock") && said.contains("another worker"),
        "{said}"
    );
}

#[test]
fn lists_models_and_runs_text_without_a_node() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("tiny");
    write_model(&model, 1);
    let mut command = program();
    let listed = command
        .args(["models", "--no-default-model", "--model"])
        .arg(&model)
        .output()
        .expect("runs");
    assert!(listed.status.success());
    let models: Vec<ModelInfo> = serde_json::from_slice(&listed.stdout).expect("is JSON");
    assert_eq!(models.len(), 1);

    let run = || {
        let mut command = program();
        command
            .args([
                "run",
                "--text",
                "w5 w6",
                "--max-tokens",
                "7",
                "--no-default-model",
                "--model",
            ])
            .arg(&model);
        command.args(["--temperature", "0.9", "--seed", "4"]);
        let output = command.output().expect("runs");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("is text")
    };
    let said = run();
    assert!((1..=7).contains(&said.split_whitespace().count()), "{said:?}");
    assert_eq!(said, run());
}

#[test]
fn models_come_from_the_cache_from_the_second_time_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, cache) = (folder.path().join("tiny"), folder.path().join("cache"));
    write_model(&model, 1);
    // A file that changed a moment ago is not kept.
    std::thread::sleep(Duration::from_millis(100));
    let list = |options: &[&str]| {
        let mut command = program();
        command
            .arg("models")
            .arg("--no-default-model")
            .args(options)
            .arg("--model")
            .arg(&model);
        let output = command.env("NO_COLOR", "1").output().expect("runs");
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).expect("is text");
        (output.stdout, said.contains("cached=true"), said)
    };
    let here = cache.to_str().expect("is text");
    let (plain, cached, said) = list(&["--no-model-cache"]);
    assert!(!cached && !cache.exists(), "{said}");
    let options = ["--model-cache", here];
    let (first, cached, said) = list(&options);
    assert!(!cached && first == plain, "{said}");
    let (second, cached, said) = list(&options);
    assert!(cached && second == plain, "{said}");
    // Damage costs a warning.
    let stored = std::fs::read_dir(&cache).expect("is there").filter_map(Result::ok);
    let stored = stored
        .map(|entry| entry.path())
        .find(|path| path.is_file())
        .expect("a model");
    let mut bytes = std::fs::read(&stored).expect("reads");
    let last = bytes.len() - 9;
    bytes[last] ^= 4;
    std::fs::write(&stored, bytes).expect("writes");
    let (third, cached, said) = list(&options);
    assert!(
        !cached && third == plain && said.contains("WARN") && said.contains("damaged"),
        "{said}"
    );
    assert!(list(&options).1);
    let cleared = program()
        .args(["clear-cache", "--model-cache", here])
        .output()
        .expect("runs");
    assert!(cleared.status.success());
    assert!(!list(&options).1);
    assert!(list(&options).1);
}

#[test]
fn conversations_are_rendered_by_the_models_template() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("tiny");
    write_model(&model, 1);
    let run = |more: &[&str]| {
        let mut command = program();
        command.args([
            "run",
            "--text",
            "w5",
            "--max-tokens",
            "3",
            "--no-model-cache",
            "--model",
        ]);
        command.arg(&model).args(more).output().expect("runs")
    };
    assert!(complaint(run(&["--chat"])).contains("no chat template"));
    let template = serde_json::json!({"chat_template": "{% for m in messages %}w7 {{ m.content }} {% endfor %}w8"});
    std::fs::write(model.join("tokenizer_config.json"), template.to_string()).expect("writes");
    let said = |output: std::process::Output| String::from_utf8(output.stderr).expect("is text");
    let plain = said(run(&[]));
    assert!(plain.contains("1 prompt tokens"), "{plain}");
    let chat = said(run(&["--chat", "--system", "w6"]));
    assert!(chat.contains("5 prompt tokens"), "{chat}");
}

#[test]
fn built_in_model_needs_no_folder() {
    let listed = program().arg("models").output().expect("runs");
    assert!(listed.status.success());
    let models: Vec<ModelInfo> = serde_json::from_slice(&listed.stdout).expect("is JSON");
    assert_eq!(
        (models[0].name.as_str(), models[0].kind),
        ("lantern-tiny", ModelKind::Generation)
    );
    let ran = program()
        .args(["run", "--text", "Ownership is", "--max-tokens", "8"])
        .output()
        .expect("runs");
    assert!(ran.status.success());
    assert!(!String::from_utf8(ran.stdout).expect("is text").trim().is_empty());
}
