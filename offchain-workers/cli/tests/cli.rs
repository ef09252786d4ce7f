//! The program itself, against a node that a test plays: what it prints and the code it exits with.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

use std::process::{Command, Output};

use jsonrpsee::{
    server::{Server, ServerHandle},
    types::ErrorObjectOwned,
    RpcModule, SubscriptionMessage,
};
use serde_json::{json, Value};

const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

/// Runs `lantern` with these arguments.
fn lantern(url: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lantern"));
    command.env_remove("LANTERN_SURI").env("LANTERN_URL", url).args(args);
    command.output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn unknown_job(id: u64) -> ErrorObjectOwned {
    let data = json!({ "name": "UnknownJob", "cause": "none", "remedy": "check the id" });
    ErrorObjectOwned::owned(11_002, format!("no job {id}"), Some(data))
}

fn job(id: u64) -> Value {
    json!({
        "id": id, "requester": ALICE, "model": format!("0x{}", "00".repeat(32)), "maxFee": "5", "submittedAt": 1,
        "state": { "status": "open", "deadline": 9 },
    })
}

/// Events of a job: 1 is paid, 2 expires, 3 never ends, 4 vanishes.
fn events(id: u64) -> Vec<Value> {
    let submitted = json!({ "job": id, "event": "submitted", "at": 1 });
    let last = match id {
        1 => json!({ "job": id, "event": "settled", "at": 7 }),
        2 => json!({ "job": id, "event": "expired", "at": 8 }),
        4 => json!({ "job": id, "event": "removed" }),
        _ => return vec![submitted],
    };
    vec![submitted, last]
}

/// A node that knows the jobs 1 to 4.
async fn node() -> (String, ServerHandle) {
    let mut module = RpcModule::new(());
    let zero = format!("0x{}", "00".repeat(32));
    module
        .register_method("chain_getBlockHash", move |_, _, _| zero.clone())
        .unwrap();
    module
        .register_method("depin_getJob", |params, _, _| match params.one::<u64>() {
            Ok(id @ 1..=4) => Ok(job(id)),
            Ok(id) => Err(unknown_job(id)),
            Err(error) => Err(error),
        })
        .unwrap();
    module
        .register_method("depin_getOutput", |_, _, _| {
            json!({
                "job": 1, "hash": format!("0x{}", "00".repeat(32)), "len": 4, "output": "0x01000000", "tokens": [1],
                "text": "light", "embedding": null, "fractionBits": null,
            })
        })
        .unwrap();
    module
        .register_method("depin_listJobs", |params, _, _| {
            let mut params = params.sequence();
            let (_, from): (Value, Option<u64>) = (params.next().unwrap(), params.next().unwrap());
            // Two pages, so that a command that stops after the first is found out.
            match from {
                None => json!({ "items": [job(1), job(2)], "next": 3 }),
                Some(_) => json!({ "items": [job(3)], "next": null }),
            }
        })
        .unwrap();
    module
        .register_subscription(
            "depin_subscribeJob",
            "depin_jobEvent",
            "depin_unsubscribeJob",
            |params, pending, _, _| async move {
                let id = params.one::<u64>().unwrap();
                if id > 4 {
                    pending.reject(unknown_job(id)).await;
                    return Ok(());
                }
                let sink = pending.accept().await?;
                for event in events(id) {
                    sink.send(SubscriptionMessage::from_json(&event)?).await?;
                }
                sink.closed().await;
                Ok(())
            },
        )
        .unwrap();
    module
        .register_subscription(
            "chain_subscribeNewHeads",
            "chain_newHead",
            "chain_unsubscribeNewHeads",
            |_, pending, _, _| async move {
                pending.accept().await?.closed().await;
                Ok(())
            },
        )
        .unwrap();
    let server = Server::builder().build("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", server.local_addr().unwrap());
    (url, server.start(module))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watching_exits_by_how_the_job_ends() {
    let (url, _server) = node().await;
    for (id, expected) in [("1", 0), ("2", 1), ("4", 1), ("77", 5)] {
        let output = lantern(&url, &["job", "watch", id]);
        assert_eq!(code(&output), expected, "job {id}: {}", stderr(&output));
    }
    let output = lantern(&url, &["job", "watch", "3", "--timeout", "1"]);
    assert_eq!(code(&output), 4);
    assert!(
        stderr(&output).contains("job 3  submitted  block 1"),
        "{}",
        stderr(&output)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_is_for_programs() {
    let (url, _server) = node().await;
    let output = lantern(&url, &["--json", "job", "watch", "1"]);
    let lines: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["submitted", "settled"]);

    let output = lantern(&url, &["job", "list", "--json"]);
    let jobs: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(jobs.as_array().unwrap().len(), 3, "every page");

    let output = lantern(&url, &["--json", "job", "receipt", "77"]);
    let error: Value = serde_json::from_str(&stderr(&output)).unwrap();
    assert_eq!(error["error"]["name"], "UnknownJob");
    assert_eq!(error["error"]["remedy"], "check the id");
    assert_eq!(error["error"]["exitCode"], 5);
    assert_eq!(code(&output), 5);
    assert!(stdout(&output).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outputs_and_unfinished_receipts() {
    let (url, _server) = node().await;
    let output = lantern(&url, &["job", "output", "1"]);
    assert_eq!((code(&output), stdout(&output).trim()), (0, "light"));
    let output = lantern(&url, &["job", "receipt", "1"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("not settled"), "{}", stderr(&output));
    // A method that the node lacks is the node's refusal, not a broken connection.
    assert_eq!(code(&lantern(&url, &["network"])), 5);
}

#[test]
fn without_a_node_the_connection_fails() {
    let output = lantern("ws://127.0.0.1:1", &["network"]);
    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("--url"), "{}", stderr(&output));
    assert_eq!(code(&lantern("no url at all", &["network"])), 3);
}

#[test]
fn a_missing_or_bad_signer_is_a_usage_error() {
    let nowhere = "ws://127.0.0.1:1";
    let submit = ["job", "submit", "--model", "m", "--tokens", "1"];
    let output = lantern(nowhere, &submit);
    assert_eq!(code(&output), 2, "found before any connection: {}", stderr(&output));
    let output = lantern(nowhere, &[&["--suri", "only three words"], &submit[..]].concat());
    assert_eq!(code(&output), 2);
    assert!(!stderr(&output).contains("three words"), "a secret is never repeated");
    assert_eq!(code(&lantern(nowhere, &["job", "submit", "--model", "m"])), 2);
    assert_eq!(
        code(&lantern(nowhere, &["--key-file", "/does/not/exist", "reward", "claim"])),
        2
    );
}

#[test]
fn accounts_are_made_and_shown_without_a_node() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let path = file.to_str().unwrap();
    let made = lantern("", &["--json", "keys", "generate", "--out", path]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let made: Value = serde_json::from_str(&stdout(&made)).unwrap();
    assert_eq!(made["phrase"], Value::Null);
    let shown = lantern("", &["--json", "--key-file", path, "keys", "inspect", "--offline"]);
    let shown: Value = serde_json::from_str(&stdout(&shown)).unwrap();
    assert_eq!(shown["address"], made["address"]);
    let alice = lantern("", &["--suri", "//Alice", "keys", "inspect", "--offline"]);
    assert!(stdout(&alice).contains(ALICE));
}
