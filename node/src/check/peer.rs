//! Comparison with a node that is known to be right, over its JSON-RPC.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use codec::Decode;
use lantern_primitives::H256;
use serde_json::{json, Value};
use sp_runtime::{Digest, DigestItem};

use super::{clock, Finding, Found};
use crate::faults::Fault;

/// Longest wait for each step.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read.
const MOST: u64 = 1 << 20;

/// Compares chain and clock with the node at `url`. `genesis` is the chain specification's first block.
pub fn compare(url: &str, genesis: Option<H256>) -> Vec<Finding> {
    const SUBJECT: &str = "other node";
    let answers = || -> Result<(H256, i64), Fault> {
        let first = ask(url, "chain_getBlockHash", json!([0]))?;
        let first = serde_json::from_value(first).map_err(|error| no_answer(url, &error.to_string()))?;
        let header = ask(url, "chain_getHeader", json!([]))?;
        let slot = slot_of(&header).ok_or_else(|| no_answer(url, "its best block names no slot"))?;
        Ok((first, clock::age(slot, lantern_runtime::time::SLOT_MILLIS)))
    };
    let (first, age) = match answers() {
        Ok(answer) => answer,
        Err(fault) => return vec![Finding::new(SUBJECT, Found::Fail(fault))],
    };
    vec![
        match genesis {
            Some(genesis) if genesis != first => Finding::fail(
                SUBJECT,
                format!("{url} is on another chain: its first block is {first:?}, that of this chain specification is {genesis:?}"),
                "use the specification of its chain (--chain), or compare with another node",
            ),
            _ => Finding::ok(SUBJECT, format!("{url} is on this chain")),
        },
        Finding::new(
            "clock",
            match clock::one(age) {
                None => Found::Ok(format!("agrees with the best block of {url}")),
                Some(skew) => Found::Fail(clock::wrong(skew, &format!("the best block of {url}, unless that node is behind itself"))),
            },
        ),
    ]
}

/// The slot in a header as JSON-RPC shows it.
fn slot_of(header: &Value) -> Option<u64> {
    let logs = header.get("digest")?.get("logs")?.as_array()?;
    let logs = logs.iter().filter_map(|log| {
        let bytes = hex::decode(log.as_str()?.strip_prefix("0x")?).ok()?;
        DigestItem::decode(&mut bytes.as_slice()).ok()
    });
    crate::watch::slot(&Digest { logs: logs.collect() })
}

fn no_answer(url: &str, why: &str) -> Fault {
    Fault::new(
        format!("{url} does not answer as a node does: {why}"),
        "name the JSON-RPC address of a running node, as in --against http://HOST:9944; behind TLS, through `ssh -L 9944:localhost:9944`",
    )
}

/// One call of JSON-RPC. HTTP of the plainest kind is enough for a question and an answer, and spares the node an HTTP client.
fn ask(url: &str, method: &str, params: Value) -> Result<Value, Fault> {
    let failed = |error: io::Error| no_answer(url, &error.to_string());
    let rest = ["http://", "ws://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme))
        .ok_or_else(|| no_answer(url, "only http:// and ws:// are understood here"))?;
    let host = rest.split('/').next().unwrap_or(rest);
    let address = if host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let address = address
        .to_socket_addrs()
        .map_err(failed)?
        .next()
        .ok_or_else(|| no_answer(url, "the name has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).map_err(failed)?;
    stream.set_read_timeout(Some(TIMEOUT)).map_err(failed)?;
    stream.set_write_timeout(Some(TIMEOUT)).map_err(failed)?;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    // In one piece: whoever answers before the end may close the connection under the rest.
    let request = format!(
        "POST / HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = String::new();
    stream.take(MOST).read_to_string(&mut answer).map_err(failed)?;
    let (_, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| no_answer(url, "its answer is no HTTP"))?;
    let body: Value = serde_json::from_str(body.trim()).map_err(|error| no_answer(url, &error.to_string()))?;
    match body.get("result") {
        Some(result) if !result.is_null() => Ok(result.clone()),
        _ => Err(no_answer(url, &format!("{method} gave {body}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        thread,
        time::{SystemTime, UNIX_EPOCH},
    };

    use codec::Encode;
    use sp_consensus_babe::digests::{CompatibleDigestItem, PreDigest, SecondaryPlainPreDigest};

    use super::*;

    /// Answers two questions as a node whose best block is of `slot` does.
    fn node(first: H256, slot: u64) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let url = format!("http://{}", listener.local_addr().expect("has one"));
        let item = DigestItem::babe_pre_digest(PreDigest::SecondaryPlain(SecondaryPlainPreDigest {
            authority_index: 0,
            slot: slot.into(),
        }));
        let results = [
            json!(first),
            json!({"digest": {"logs": [format!("0x{}", hex::encode(item.encode()))]}}),
        ];
        thread::spawn(move || {
            for result in results {
                let (mut stream, _) = listener.accept().expect("connects");
                // To its end, which is that of its JSON: what is unread when the connection closes resets it.
                let (mut request, mut piece) = (Vec::new(), [0; 4096]);
                while !request.ends_with(b"}") {
                    let count = stream.read(&mut piece).expect("reads");
                    request.extend_from_slice(&piece[..count]);
                }
                let body = json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string();
                write!(stream, "HTTP/1.0 200 OK\r\n\r\n{body}").expect("is written");
            }
        });
        url
    }

    fn now_slot() -> u64 {
        let millis = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("is after 1970")
            .as_millis() as u64;
        millis / lantern_runtime::time::SLOT_MILLIS
    }

    #[test]
    fn clock_and_chain_of_another_node_are_compared() {
        let (ours, other) = (H256::repeat_byte(1), H256::repeat_byte(2));
        let hour = 3_600_000 / lantern_runtime::time::SLOT_MILLIS;
        let found = |slot, genesis| {
            compare(&node(ours, slot), Some(genesis))
                .into_iter()
                .map(|finding| finding.found)
                .collect::<Vec<_>>()
        };
        assert!(matches!(
            found(now_slot(), ours).as_slice(),
            [Found::Ok(_), Found::Ok(_)]
        ));
        let ahead = found(now_slot() + hour, other);
        assert!(
            matches!(ahead.as_slice(), [Found::Fail(chain), Found::Fail(clock)]
                if chain.cause.contains("another chain") && clock.cause.contains("60 minutes behind")),
            "{ahead:?}"
        );
        let behind = found(now_slot() - hour, ours);
        assert!(
            matches!(behind.as_slice(), [_, Found::Fail(clock)] if clock.cause.contains("60 minutes ahead")),
            "{behind:?}"
        );
    }

    #[test]
    fn what_is_no_node_is_named_with_a_remedy() {
        for url in ["http://127.0.0.1:1", "https://example.org", "nonsense"] {
            let findings = compare(url, None);
            assert!(
                matches!(&findings.first().expect("one").found, Found::Fail(fault) if fault.remedy.contains("--against")),
                "{findings:?}"
            );
        }
    }
}
