//! What a stranger may write to a worker's socket, and what a broken worker may write to the node.

#![no_main]

use codec::{DecodeAll, Encode};
use futures::executor::block_on;
use lantern_exact::{JobParams, ModelSpec};
use lantern_fuzz::{check, mutate};
use lantern_worker_protocol::{decode_request, Call, Frames, Reply, Request, Response, MAX_FRAME};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use serde::{de::DeserializeOwned, Serialize};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate::frame(data, size, max_size, seed) });

/// Reads `bytes` to their end as a connection's stream; the messages in them.
fn messages<In: DeserializeOwned, Out: Serialize>(bytes: &[u8]) -> Vec<In> {
    let mut frames = Frames::<_, In, Out>::new(tokio::io::join(bytes, tokio::io::sink()));
    let mut found = Vec::new();
    while let Ok(Some(message)) = block_on(frames.next()) {
        found.push(message);
    }
    found
}

/// Writes `message` and reads it back.
fn survives<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(message: &T) {
    let mut stream = Vec::new();
    let mut frames = Frames::<_, T, T>::new(tokio::io::join(tokio::io::empty(), &mut stream));
    block_on(frames.send(message)).expect("what came in a frame fits one");
    drop(frames);
    assert_eq!(messages::<T, T>(&stream), std::slice::from_ref(message));
}

fn request(bytes: &[u8]) {
    match decode_request(bytes) {
        Ok(request) => {
            assert_ne!(request.id, 0);
            survives(&request);
            if let Call::Execute(job) = request.call {
                // As the worker reads them. What is read is what was sent.
                if let Ok(params) = JobParams::decode_all(&mut &job.params.0[..]) {
                    assert_eq!(params.encode(), job.params.0);
                }
            }
        },
        Err(error) => assert!(!error.message.is_empty()),
    }
}

fn response(response: &Response) {
    survives(response);
    if let Reply::Hello { models, .. } = &response.reply {
        for model in models {
            if let Ok(spec) = ModelSpec::decode_all(&mut &model.spec.0[..]) {
                let _ = spec.validate();
            }
        }
    }
}

fuzz_target!(
    init: lantern_fuzz::start("worker_protocol"),
    |data: &[u8]| {
        check::guarded(|| {
            assert!(data.len() < MAX_FRAME);
            // As one frame's content, and as a stream of frames.
            request(data);
            messages::<Request, Response>(data).iter().for_each(survives);
            messages::<Response, Request>(data).iter().for_each(response);
        });
    }
);
