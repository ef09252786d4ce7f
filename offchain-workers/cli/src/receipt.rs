//! The receipt of a settled job, checked to the last unit against the chain's state.
//!
//! The node's word is not taken for it: totals of every account that the block's events name are read at the block of the
//! settlement and at its parent, and must differ by exactly what the settlement and the block's other events say; their sum
//! must be the change of issuance.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{json, Value};
use subxt::{config::substrate::AccountId32, dynamic, ext::scale_decode::DecodeAsType, rpcs::client::rpc_params};

use crate::{
    chain::{At, Chain},
    failure::Failure,
    ledger::{self, attribute, signed, Attribution, Entry, Expected, Id, SplitFields},
    node::{Job, Model, Output, Settled, Split, State},
    units::{compute_units, Lux, SignedLux},
};

/// An account's line in the books.
struct Line {
    account: Id,
    roles: Vec<&'static str>,
    before: u128,
    after: u128,
    job: i128,
    other: i128,
}

impl Line {
    fn change(&self) -> Result<i128, Failure> {
        Ok(signed(self.after)? - signed(self.before)?)
    }
}

/// A receipt.
pub struct Receipt {
    job: Job,
    settled: Settled,
    owner: String,
    output: Result<Output, Failure>,
    lines: Vec<Line>,
    books: Attribution,
    issuance_before: u128,
    issuance_after: u128,
    problems: Vec<String>,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct AccountInfo {
    data: AccountData,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct AccountData {
    free: u128,
    reserved: u128,
}

/// Makes the receipt of job `id`.
///
/// # Errors
/// When the job is not settled, or the state of its settlement is not there any more. A receipt whose books do not balance is
/// made all the same and says so.
pub async fn receipt(chain: &Chain, id: u64) -> Result<Receipt, Failure> {
    let job = chain.job(id).await?;
    let State::Settled(settled) = job.state.clone() else {
        return Err(Failure::Outcome(format!(
            "job {id} is not settled; see `lantern job watch {id}`"
        )));
    };
    let settled = *settled;
    let after = chain.at_number(settled.settled_at).await?;
    let before = chain.at_number(settled.settled_at.saturating_sub(1)).await?;
    let model: Model = chain
        .request("depin_getModel", rpc_params![job.model, after.block_hash()])
        .await?;
    let entries = entries(&after).await?;
    let requesters = requesters(chain, &entries, id, &after).await?;
    let expected = Expected {
        job: id,
        requester: account_id(&job.requester)?,
        provider: account_id(&settled.provider)?,
        owner: account_id(&model.owner)?,
        split: split_fields(&settled.split),
    };
    let books = attribute(&entries, &expected, &requesters)?;
    let lines = lines(&before, &after, &expected, &books).await?;
    let mut receipt = Receipt {
        owner: model.owner,
        output: chain.output(id).await,
        lines,
        books,
        issuance_before: issuance(&before).await?,
        issuance_after: issuance(&after).await?,
        problems: Vec::new(),
        job,
        settled,
    };
    receipt.problems = receipt.check(&entries)?;
    Ok(receipt)
}

/// The block's events.
async fn entries(at: &At) -> Result<Vec<Entry>, Failure> {
    let events = at.events().fetch().await.map_err(Failure::incompatible)?;
    events
        .iter()
        .map(|event| ledger::entry(&event.map_err(Failure::incompatible)?))
        .collect()
}

/// Requesters of the other jobs that the block settled.
async fn requesters(chain: &Chain, entries: &[Entry], id: u64, at: &At) -> Result<BTreeMap<u64, Id>, Failure> {
    let mut requesters = BTreeMap::new();
    for settled in entries.iter().filter_map(|entry| entry.settled.as_ref()) {
        if settled.job != id {
            let job: Job = chain
                .request("depin_getJob", rpc_params![settled.job, at.block_hash()])
                .await?;
            requesters.insert(settled.job, account_id(&job.requester)?);
        }
    }
    Ok(requesters)
}

/// One line per account that anything in the block moved.
async fn lines(before: &At, after: &At, expected: &Expected, books: &Attribution) -> Result<Vec<Line>, Failure> {
    let roles = [
        (Some(expected.requester), "requester"),
        (Some(expected.provider), "provider"),
        (Some(expected.owner), "model owner"),
        (books.audit_pool, "audit pool"),
        (books.treasury, "treasury"),
    ];
    let touched: BTreeSet<Id> = books
        .job
        .keys()
        .chain(books.other.keys())
        .copied()
        .chain(roles.iter().filter_map(|(account, _)| *account))
        .collect();
    let mut lines = Vec::new();
    for account in touched {
        lines.push(Line {
            account,
            roles: roles
                .iter()
                .filter(|(who, _)| *who == Some(account))
                .map(|(_, role)| *role)
                .collect(),
            before: total(before, account).await?,
            after: total(after, account).await?,
            job: books.job.get(&account).copied().unwrap_or_default(),
            other: books.other.get(&account).copied().unwrap_or_default(),
        });
    }
    // Parties of the job first.
    lines.sort_by_key(|line| (line.roles.is_empty(), line.account));
    Ok(lines)
}

/// All that an account owns: free and held.
async fn total(at: &At, account: Id) -> Result<u128, Failure> {
    let address = dynamic::storage::<([u8; 32],), AccountInfo>("System", "Account");
    let info = at
        .storage()
        .fetch(address, (account,))
        .await
        .map(|value| value.decode())
        .map_err(|error| pruned(at, &error))?
        .map_err(Failure::incompatible)?;
    Ok(info.data.free.saturating_add(info.data.reserved))
}

/// The total issuance.
async fn issuance(at: &At) -> Result<u128, Failure> {
    let address = dynamic::storage::<(), u128>("Balances", "TotalIssuance");
    let value = at
        .storage()
        .fetch(address, ())
        .await
        .map_err(|error| pruned(at, &error))?;
    value.decode().map_err(Failure::incompatible)
}

fn pruned(at: &At, error: &subxt::error::StorageError) -> Failure {
    Failure::Outcome(format!(
        "the state of block {} cannot be read ({error}); ask a node that keeps old states",
        at.block_number()
    ))
}

fn account_id(address: &str) -> Result<Id, Failure> {
    let id: AccountId32 = address.parse().map_err(Failure::incompatible)?;
    Ok(id.0)
}

fn address(id: Id) -> String {
    AccountId32(id).to_string()
}

fn split_fields(split: &Split) -> SplitFields {
    SplitFields {
        fee: split.fee,
        provider: split.provider,
        royalty: split.royalty,
        audit_pool: split.audit_pool,
        burned: split.burned,
        treasury: split.treasury,
    }
}

impl Receipt {
    /// Everything that does not add up.
    fn check(&self, entries: &[Entry]) -> Result<Vec<String>, Failure> {
        let mut problems = Vec::new();
        let split = &self.settled.split;
        let parts = [
            split.provider,
            split.royalty,
            split.audit_pool,
            split.burned,
            split.treasury,
        ];
        if parts.iter().try_fold(0u128, |sum, part| sum.checked_add(*part)) != Some(split.fee) {
            problems.push("the parts of the fee do not sum to the fee".to_owned());
        }
        if split.fee.checked_add(self.settled.refund) != Some(self.job.max_fee) {
            problems.push("fee and refund do not sum to the escrow".to_owned());
        }
        let event = entries
            .iter()
            .filter_map(|entry| entry.settled.as_ref())
            .find(|settled| settled.job == self.job.id);
        let told = event.is_some_and(|event| event.split == split_fields(split) && event.refund == self.settled.refund);
        if !told {
            problems.push("the event of the settlement and the job's record differ".to_owned());
        }
        for line in &self.lines {
            let (change, explained) = (line.change()?, line.job + line.other);
            if change != explained {
                let who = address(line.account);
                problems.push(format!("{who} changed by {change}, but the events explain {explained}"));
            }
        }
        let changes = self.sum_of_changes()?;
        if changes != self.issuance_change()? {
            let issued = self.issuance_change()?;
            problems.push(format!("balances changed by {changes} in sum, issuance by {issued}"));
        }
        let issued = self.books.job_issuance + self.books.other_issuance;
        if issued != self.issuance_change()? {
            problems.push(format!(
                "issuance changed by {}, but the events explain {issued}",
                self.issuance_change()?
            ));
        }
        match &self.output {
            Ok(output) => {
                let bytes = hex::decode(output.output.trim_start_matches("0x")).unwrap_or_default();
                if lantern_exact::blake2_256(&[&bytes]) != self.settled.commitment.output.hash.0 {
                    problems.push("the output's bytes do not have the committed hash".to_owned());
                }
            },
            // Bytes that this node did not keep say nothing about the books.
            Err(Failure::Node { name, .. }) if name == "ContentUnavailable" => {},
            Err(failure) => problems.push(format!("the output cannot be read: {failure}")),
        }
        Ok(problems)
    }

    fn sum_of_changes(&self) -> Result<i128, Failure> {
        self.lines.iter().map(Line::change).sum()
    }

    fn issuance_change(&self) -> Result<i128, Failure> {
        Ok(signed(self.issuance_after)? - signed(self.issuance_before)?)
    }

    /// An error that names everything that does not add up, if anything does not.
    pub fn verdict(&self) -> Result<(), Failure> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(Failure::Outcome(format!(
                "the books do not balance: {}",
                self.problems.join("; ")
            )))
        }
    }

    /// The receipt as JSON.
    pub fn json(&self) -> Result<Value, Failure> {
        let settled = &self.settled;
        let split = &settled.split;
        let mut books = Vec::new();
        for line in &self.lines {
            books.push(json!({
                "account": address(line.account),
                "roles": line.roles,
                "before": line.before.to_string(),
                "after": line.after.to_string(),
                "change": line.change()?.to_string(),
                "byThisJob": line.job.to_string(),
                "byOtherEvents": line.other.to_string(),
            }));
        }
        Ok(json!({
            "job": self.job.id,
            "model": self.job.model,
            "timeline": {
                "submitted": self.job.submitted_at,
                "claimed": settled.claimed_at,
                "committed": settled.committed_at,
                "settled": settled.settled_at,
            },
            "output": self.output.as_ref().ok(),
            "outputHash": settled.commitment.output.hash,
            "outputLen": settled.commitment.output.len,
            "traceRoot": settled.commitment.trace_root,
            "promptTokens": settled.commitment.prompt_tokens,
            "outputTokens": settled.commitment.output_tokens,
            "microUnits": settled.micro_units.to_string(),
            "escrow": self.job.max_fee.to_string(),
            "refund": settled.refund.to_string(),
            "fee": split.fee.to_string(),
            "split": {
                "provider": { "account": settled.provider, "amount": split.provider.to_string() },
                "modelOwner": { "account": self.owner, "amount": split.royalty.to_string() },
                "auditPool": { "account": self.books.audit_pool.map(address), "amount": split.audit_pool.to_string() },
                "treasury": { "account": self.books.treasury.map(address), "amount": split.treasury.to_string() },
                "burned": split.burned.to_string(),
            },
            "books": {
                "block": settled.settled_at,
                "accounts": books,
                "sumOfChanges": self.sum_of_changes()?.to_string(),
                "issuanceChange": self.issuance_change()?.to_string(),
                "issuanceByThisJob": self.books.job_issuance.to_string(),
                "issuanceByOtherEvents": self.books.other_issuance.to_string(),
                "otherEvents": self.books.other_events,
                "balanced": self.problems.is_empty(),
                "problems": self.problems,
            },
        }))
    }

    /// The receipt for people.
    pub fn text(&self) -> Result<String, Failure> {
        let (settled, commitment, split) = (&self.settled, &self.settled.commitment, &self.settled.split);
        let output = match &self.output {
            Ok(output) => output.shown(),
            Err(failure) => format!("({failure})"),
        };
        let mut text = format!(
            "Job {id}\n\
             \x20 submitted      block {submitted}   by {requester}\n\
             \x20 claimed        block {claimed}   by {provider}\n\
             \x20 committed      block {committed}   ({prompt} prompt and {produced} output tokens)\n\
             \x20 settled        block {paid}\n\
             \x20 output         {output}\n\
             \x20 output hash    {hash:?}\n\
             \x20 trace root     {trace:?}\n\
             \x20 compute units  {units}\n\
             Who received how much\n",
            id = self.job.id,
            submitted = self.job.submitted_at,
            requester = self.job.requester,
            claimed = settled.claimed_at,
            provider = settled.provider,
            committed = settled.committed_at,
            prompt = commitment.prompt_tokens,
            produced = commitment.output_tokens,
            paid = settled.settled_at,
            hash = commitment.output.hash,
            trace = commitment.trace_root,
            units = compute_units(settled.micro_units.into()),
        );
        let unknown = || "(nobody)".to_owned();
        let parts = [
            ("provider", split.provider, settled.provider.clone()),
            ("model owner", split.royalty, self.owner.clone()),
            (
                "audit pool",
                split.audit_pool,
                self.books.audit_pool.map_or_else(unknown, address),
            ),
            (
                "treasury",
                split.treasury,
                self.books.treasury.map_or_else(unknown, address),
            ),
            ("burned", split.burned, String::new()),
            ("fee", split.fee, "sum of the above".to_owned()),
            ("refund", settled.refund, self.job.requester.clone()),
            ("escrow", self.job.max_fee, "fee and refund".to_owned()),
        ];
        for (name, amount, who) in parts {
            text += format!("  {name:<14} {:>24}  {who}", Lux(amount)).trim_end();
            text.push('\n');
        }
        text += &self.books_text()?;
        Ok(text)
    }

    fn books_text(&self) -> Result<String, Failure> {
        let mut text = format!("Books of block {} against its parent\n", self.settled.settled_at);
        for line in &self.lines {
            let roles = if line.roles.is_empty() {
                "other".to_owned()
            } else {
                line.roles.join(", ")
            };
            text += &format!(
                "  {}  {:>26}  (this job {}, other events {})  {roles}\n",
                address(line.account),
                SignedLux(line.change()?),
                SignedLux(line.job),
                SignedLux(line.other),
            );
        }
        text += &format!("  sum of changes   {:>26}\n", SignedLux(self.sum_of_changes()?));
        text += &format!(
            "  issuance changed {:>26}  (this job {}, other events {})\n",
            SignedLux(self.issuance_change()?),
            SignedLux(self.books.job_issuance),
            SignedLux(self.books.other_issuance),
        );
        if !self.books.other_events.is_empty() {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for name in &self.books.other_events {
                *counts.entry(name).or_default() += 1;
            }
            let counted: Vec<String> = counts.iter().map(|(name, count)| format!("{count} x {name}")).collect();
            text += &format!("  other events     {}\n", counted.join(", "));
        }
        text += if self.problems.is_empty() {
            "  balanced to the last unit\n"
        } else {
            "  NOT BALANCED\n"
        };
        for problem in &self.problems {
            text += &format!("  ! {problem}\n");
        }
        Ok(text)
    }
}
