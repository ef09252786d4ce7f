//! Referenda, as docs/governance.md walks through them.

use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use zombienet_sdk::{
    subxt::{
        dynamic::{tx, At, Value},
        ext::futures::future::try_join_all,
        tx::{DynamicPayload, Payload},
        utils::H256,
    },
    subxt_signer::sr25519::Keypair,
};

use crate::{
    events::ReferendumSubmitted,
    follow::{Block, Follow},
    Node,
};

/// A referendum of the fast runtime takes at most some thirty blocks; a busy machine misses slots.
const REFERENDUM: Duration = Duration::from_secs(300);

/// The well-known hash of calls and code.
pub fn blake2_256(bytes: &[u8]) -> H256 {
    use zombienet_sdk::subxt::config::{substrate::BlakeTwo256, Hasher};
    BlakeTwo256.hash(bytes)
}

/// The origin of this name, which has its own track.
pub fn origin(name: &str) -> Value {
    Value::unnamed_variant("Origins", [Value::unnamed_variant(name, [])])
}

/// Root, which has the longest track.
pub fn root() -> Value {
    Value::unnamed_variant("system", [Value::unnamed_variant("Root", [])])
}

/// Puts `call` to a referendum with the votes of all `holders`, the first of whom proposes; returns the block that enacted it.
///
/// # Errors
/// When the referendum does not pass, or the call fails.
pub async fn decide(
    node: &Node,
    origin: Value,
    call: &DynamicPayload,
    holders: &[Keypair],
    lux: u128,
) -> Result<Block> {
    let proposer = holders.first().context("nobody proposes")?;
    let bytes = call.encode_call_data(&node.api().await?.metadata())?;
    let note = tx("Preimage", "note_preimage", vec![Value::from_bytes(&bytes)]);
    let mut follow = Follow::from_now(node).await?;
    node.submit(&note, proposer).await?;

    let hash = Value::from_bytes(blake2_256(&bytes));
    let proposal = [("hash", hash), ("len", Value::u128(bytes.len() as u128))];
    let proposal = Value::named_variant("Lookup", proposal);
    let after = Value::unnamed_variant("After", [Value::u128(1)]);
    let events = node
        .submit(&tx("Referenda", "submit", vec![origin, proposal, after]), proposer)
        .await?;
    let index = events
        .find_first::<ReferendumSubmitted>()?
        .context("no referendum")?
        .index;
    let index = || Value::u128(index.into());
    node.submit(&tx("Referenda", "place_decision_deposit", vec![index()]), proposer)
        .await?;

    // An approval with conviction 1.
    let vote = [
        ("vote", Value::u128(0x81)),
        ("balance", Value::u128(lux * 1_000_000_000_000)),
    ];
    let vote = tx(
        "ConvictionVoting",
        "vote",
        vec![index(), Value::named_variant("Standard", vote)],
    );
    try_join_all(holders.iter().map(|holder| node.submit(&vote, holder))).await?;
    let (block, result) = follow
        .find("the enactment", REFERENDUM, async |block| enacted(block).await)
        .await?;
    ensure!(result.starts_with("Ok"), "the referendum's call failed: {result}");
    Ok(block)
}

/// What the enactment of a referendum gave, if this block has one.
async fn enacted(block: &Block) -> Result<Option<String>> {
    for event in block.events().await?.iter() {
        let event = event?;
        match (event.pallet_name(), event.variant_name()) {
            ("Referenda", "Rejected" | "TimedOut" | "Killed") => {
                bail!("the referendum ended: {}", event.variant_name())
            },
            ("Scheduler", "Dispatched") => {
                let fields = event.field_values()?;
                // Enactments have a name; the alarms of running referenda have none.
                let named = fields.at("id").is_some_and(|id| id.to_string().starts_with("Some"));
                if named {
                    let result = fields.at("result").context("a dispatch without a result")?;
                    return Ok(Some(result.to_string()));
                }
            },
            _ => {},
        }
    }
    Ok(None)
}
