//! A job's record as the chain stores it, shown as `depin_getJob` shows it.

use lantern_exact::{JobParams, Sampling};
use lantern_primitives::{
    content::ContentRef,
    job::{self, JobState, ResultCommitment},
    AccountId, Balance, BlockNumber,
};
use serde_json::{json, Value};

/// The record of a job.
pub type Job = job::Job<AccountId, Balance, BlockNumber>;

/// Job parameters in the form of the `depin` namespace.
pub fn params_json(params: &JobParams) -> Value {
    let JobParams::Generate(params) = params else {
        return json!({ "kind": "embed" });
    };
    let sampling = match params.sampling {
        Sampling::Greedy => json!({ "method": "greedy" }),
        Sampling::Seeded {
            temperature,
            top_k,
            top_p,
            seed,
        } => json!({
            "method": "seeded",
            "temperatureQ16": temperature,
            "topK": top_k,
            "topPQ16": top_p,
            "seed": format!("0x{}", hex::encode(seed)),
        }),
    };
    json!({
        "kind": "generate",
        "maxNewTokens": params.max_new_tokens,
        "sampling": sampling,
        "stop": params.stop.as_slice(),
    })
}

/// A job in the form of the `depin` namespace.
pub fn job_json(id: u64, job: &Job) -> Value {
    let terms = &job.terms;
    json!({
        "id": id,
        "requester": job.requester,
        "model": job.model,
        "input": content_json(job.input),
        "promptTokens": job.prompt_tokens,
        "params": params_json(&job.params),
        "maxFee": job.max_fee.to_string(),
        "only": job.only,
        "submittedAt": job.submitted_at,
        "terms": {
            "executionBlocks": terms.execution_blocks,
            "challengeWindow": terms.challenge_window,
            "bondPercent": terms.bond_percent,
            "missPenaltyPpm": terms.miss_penalty.deconstruct(),
            "royaltyPpm": terms.royalty.deconstruct(),
            "protocolFeePpm": terms.protocol_fee.deconstruct(),
            "burnSharePpm": terms.burn_share.deconstruct(),
            "auditSharePpm": terms.audit_share.deconstruct(),
        },
        "state": state_json(&job.state),
    })
}

fn content_json(content: ContentRef) -> Value {
    json!({ "hash": content.hash, "len": content.len })
}

fn commitment_json(commitment: &ResultCommitment) -> Value {
    json!({
        "output": content_json(commitment.output),
        "promptTokens": commitment.usage.prompt_tokens,
        "outputTokens": commitment.usage.output_tokens,
        "traceRoot": commitment.trace_root,
    })
}

fn state_json(state: &JobState<AccountId, Balance, BlockNumber>) -> Value {
    match state {
        JobState::Open { deadline } => json!({ "status": "open", "deadline": deadline }),
        JobState::Claimed {
            provider,
            price,
            bond,
            claimed_at,
            deadline,
        } => json!({
            "status": "claimed",
            "provider": provider,
            "price": price.to_string(),
            "bond": bond.to_string(),
            "claimedAt": claimed_at,
            "deadline": deadline,
        }),
        JobState::Committed {
            provider,
            fee,
            bond,
            claimed_at,
            committed_at,
            window_ends,
            commitment,
            units,
        } => json!({
            "status": "committed",
            "provider": provider,
            "fee": fee.to_string(),
            "bond": bond.to_string(),
            "claimedAt": claimed_at,
            "committedAt": committed_at,
            "windowEnds": window_ends,
            "commitment": commitment_json(commitment),
            "microUnits": units.to_string(),
        }),
        JobState::Settled {
            provider,
            claimed_at,
            committed_at,
            settled_at,
            commitment,
            units,
            split,
            refund,
        } => json!({
            "status": "settled",
            "provider": provider,
            "claimedAt": claimed_at,
            "committedAt": committed_at,
            "settledAt": settled_at,
            "commitment": commitment_json(commitment),
            "microUnits": units.to_string(),
            "split": {
                "fee": split.fee.to_string(),
                "provider": split.provider.to_string(),
                "royalty": split.royalty.to_string(),
                "auditPool": split.audit_pool.to_string(),
                "burned": split.burned.to_string(),
                "treasury": split.treasury.to_string(),
            },
            "refund": refund.to_string(),
        }),
        JobState::Cancelled { at } => json!({ "status": "cancelled", "at": at }),
        JobState::Expired {
            at,
            provider,
            compensation,
        } => json!({
            "status": "expired",
            "at": at,
            "provider": provider,
            "compensation": compensation.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lantern_exact::{GenerateParams, StopTokens};

    #[test]
    fn parameters_read_as_in_the_rpc() {
        let params = JobParams::Generate(GenerateParams {
            max_new_tokens: 3,
            sampling: Sampling::Greedy,
            stop: StopTokens::new(&[1]).unwrap(),
        });
        let expected =
            json!({ "kind": "generate", "maxNewTokens": 3, "sampling": { "method": "greedy" }, "stop": [1] });
        assert_eq!(params_json(&params), expected);
    }
}
