//! Jobs, models, providers and what is said about them.

use std::{fmt::Display, str::FromStr};

use lantern_primitives::{
    content::ContentRef,
    info::{JobInfo, ModelInfo, NetworkStats, ProviderInfo, Quote, RewardInfo},
    job::{FeeSplit, FrozenTerms, JobState, ResultCommitment},
    AccountId, Balance, BlockNumber, JobId, ModelId, Usage, H256,
};
use serde::{de::Error as _, Deserialize, Deserializer, Serialize, Serializer};
use sp_runtime::Permill;

use crate::{ModelSpecJson, ParamsJson};

/// An integer as a decimal string, because JSON numbers lose precision above 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Decimal<T>(pub T);

impl<T: Display> Serialize for Decimal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr> Deserialize<'de> for Decimal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let value = text
            .parse()
            .map_err(|_| D::Error::custom("a decimal string is expected"))?;
        Ok(Self(value))
    }
}

/// A balance in the smallest unit of LUX.
pub type Amount = Decimal<Balance>;

/// A page of a listing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T, C> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page starts; absent at the end.
    pub next: Option<C>,
}

/// A block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockRef {
    /// Its height.
    pub number: BlockNumber,
    /// Its hash.
    pub hash: H256,
}

/// Content by hash and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentJson {
    /// BLAKE2b-256 of the bytes.
    pub hash: H256,
    /// Length in bytes.
    pub len: u32,
}

impl From<ContentRef> for ContentJson {
    fn from(content: ContentRef) -> Self {
        Self {
            hash: content.hash,
            len: content.len,
        }
    }
}

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobJson {
    /// Its id.
    pub id: JobId,
    /// Who pays.
    pub requester: AccountId,
    /// The model.
    pub model: ModelId,
    /// Input: token ids as u32 LE.
    pub input: ContentJson,
    /// Prompt tokens in the input.
    pub prompt_tokens: u32,
    /// What to do with the input.
    pub params: ParamsJson,
    /// Escrow.
    pub max_fee: Amount,
    /// The only provider that may claim.
    pub only: Option<AccountId>,
    /// Block of the submission.
    pub submitted_at: BlockNumber,
    /// Parameters frozen at submission.
    pub terms: TermsJson,
    /// Where it stands.
    pub state: StateJson,
}

impl From<&JobInfo> for JobJson {
    fn from(info: &JobInfo) -> Self {
        let job = &info.job;
        Self {
            id: info.id,
            requester: job.requester.clone(),
            model: job.model,
            input: job.input.into(),
            prompt_tokens: job.prompt_tokens,
            params: ParamsJson::from(&job.params),
            max_fee: Decimal(job.max_fee),
            only: job.only.clone(),
            submitted_at: job.submitted_at,
            terms: TermsJson::from(&job.terms),
            state: StateJson::from(&job.state),
        }
    }
}

/// Frozen parameters of a job. Shares are in parts per million.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TermsJson {
    /// Blocks from claim to the latest commitment.
    pub execution_blocks: BlockNumber,
    /// Blocks from commitment to settlement.
    pub challenge_window: BlockNumber,
    /// Bond as a percentage of the fee.
    pub bond_percent: u32,
    /// Part of the bond lost with a missed deadline.
    pub miss_penalty_ppm: u32,
    /// Part of the fee for the model's owner.
    pub royalty_ppm: u32,
    /// Part of the fee for the protocol.
    pub protocol_fee_ppm: u32,
    /// Part of the protocol fee that is burned.
    pub burn_share_ppm: u32,
    /// Part of the protocol fee for auditors.
    pub audit_share_ppm: u32,
}

impl From<&FrozenTerms<BlockNumber>> for TermsJson {
    fn from(terms: &FrozenTerms<BlockNumber>) -> Self {
        let ppm = |share: Permill| share.deconstruct();
        Self {
            execution_blocks: terms.execution_blocks,
            challenge_window: terms.challenge_window,
            bond_percent: terms.bond_percent,
            miss_penalty_ppm: ppm(terms.miss_penalty),
            royalty_ppm: ppm(terms.royalty),
            protocol_fee_ppm: ppm(terms.protocol_fee),
            burn_share_ppm: ppm(terms.burn_share),
            audit_share_ppm: ppm(terms.audit_share),
        }
    }
}

/// A committed result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitmentJson {
    /// The output.
    pub output: ContentJson,
    /// Prompt tokens processed.
    pub prompt_tokens: u32,
    /// Tokens produced.
    pub output_tokens: u32,
    /// Merkle root of the trace.
    pub trace_root: H256,
}

impl From<&ResultCommitment> for CommitmentJson {
    fn from(commitment: &ResultCommitment) -> Self {
        let Usage {
            prompt_tokens,
            output_tokens,
            ..
        } = commitment.usage;
        Self {
            output: commitment.output.into(),
            prompt_tokens,
            output_tokens,
            trace_root: commitment.trace_root,
        }
    }
}

/// Who received how much; the parts sum to `fee`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SplitJson {
    /// The whole fee.
    pub fee: Amount,
    /// To the provider.
    pub provider: Amount,
    /// To the model's owner.
    pub royalty: Amount,
    /// To the pool that pays auditors.
    pub audit_pool: Amount,
    /// Burned.
    pub burned: Amount,
    /// To the treasury.
    pub treasury: Amount,
}

impl From<&FeeSplit<Balance>> for SplitJson {
    fn from(split: &FeeSplit<Balance>) -> Self {
        Self {
            fee: Decimal(split.fee),
            provider: Decimal(split.provider),
            royalty: Decimal(split.royalty),
            audit_pool: Decimal(split.audit_pool),
            burned: Decimal(split.burned),
            treasury: Decimal(split.treasury),
        }
    }
}

/// State of a job, told apart by `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum StateJson {
    /// Waiting for a claim.
    Open {
        /// Last block at which it may be claimed.
        deadline: BlockNumber,
    },
    /// A provider works on it.
    Claimed {
        /// The provider.
        provider: AccountId,
        /// Its price per compute unit.
        price: Amount,
        /// Stake locked.
        bond: Amount,
        /// Block of the claim.
        claimed_at: BlockNumber,
        /// Last block for the result.
        deadline: BlockNumber,
    },
    /// A result is committed.
    Committed {
        /// The provider.
        provider: AccountId,
        /// Fee for the work done.
        fee: Amount,
        /// Stake locked.
        bond: Amount,
        /// Block of the claim.
        claimed_at: BlockNumber,
        /// Block of the commitment.
        committed_at: BlockNumber,
        /// Last block of the challenge window.
        window_ends: BlockNumber,
        /// The result.
        commitment: CommitmentJson,
        /// Compute units in millionths.
        micro_units: Decimal<u64>,
    },
    /// Paid.
    Settled {
        /// The provider.
        provider: AccountId,
        /// Block of the claim.
        claimed_at: BlockNumber,
        /// Block of the commitment.
        committed_at: BlockNumber,
        /// Block of the settlement.
        settled_at: BlockNumber,
        /// The result.
        commitment: CommitmentJson,
        /// Compute units in millionths.
        micro_units: Decimal<u64>,
        /// Who received how much.
        split: SplitJson,
        /// Back to the requester.
        refund: Amount,
    },
    /// Withdrawn by the requester.
    Cancelled {
        /// Block of the cancellation.
        at: BlockNumber,
    },
    /// A deadline passed.
    Expired {
        /// Block of the expiry.
        at: BlockNumber,
        /// The provider that missed its deadline.
        provider: Option<AccountId>,
        /// What the requester received from its bond.
        compensation: Amount,
    },
}

impl From<&JobState<AccountId, Balance, BlockNumber>> for StateJson {
    fn from(state: &JobState<AccountId, Balance, BlockNumber>) -> Self {
        match state {
            JobState::Open { deadline } => Self::Open { deadline: *deadline },
            JobState::Claimed {
                provider,
                price,
                bond,
                claimed_at,
                deadline,
            } => Self::Claimed {
                provider: provider.clone(),
                price: Decimal(*price),
                bond: Decimal(*bond),
                claimed_at: *claimed_at,
                deadline: *deadline,
            },
            JobState::Committed {
                provider,
                fee,
                bond,
                claimed_at,
                committed_at,
                window_ends,
                commitment,
                units,
            } => Self::Committed {
                provider: provider.clone(),
                fee: Decimal(*fee),
                bond: Decimal(*bond),
                claimed_at: *claimed_at,
                committed_at: *committed_at,
                window_ends: *window_ends,
                commitment: commitment.into(),
                micro_units: Decimal(*units),
            },
            JobState::Settled {
                provider,
                claimed_at,
                committed_at,
                settled_at,
                commitment,
                units,
                split,
                refund,
            } => Self::Settled {
                provider: provider.clone(),
                claimed_at: *claimed_at,
                committed_at: *committed_at,
                settled_at: *settled_at,
                commitment: commitment.into(),
                micro_units: Decimal(*units),
                split: split.into(),
                refund: Decimal(*refund),
            },
            JobState::Cancelled { at } => Self::Cancelled { at: *at },
            JobState::Expired {
                at,
                provider,
                compensation,
            } => Self::Expired {
                at: *at,
                provider: provider.clone(),
                compensation: Decimal(*compensation),
            },
        }
    }
}

/// Name of a job's state, as in [`StateJson`].
pub fn status_of(state: &JobState<AccountId, Balance, BlockNumber>) -> &'static str {
    match state {
        JobState::Open { .. } => "open",
        JobState::Claimed { .. } => "claimed",
        JobState::Committed { .. } => "committed",
        JobState::Settled { .. } => "settled",
        JobState::Cancelled { .. } => "cancelled",
        JobState::Expired { .. } => "expired",
    }
}

/// Which jobs to list: at most one of the selectors.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobFilterJson {
    /// `open` or `all`.
    pub state: Option<String>,
    /// Jobs that this provider has claimed and not yet finished.
    pub provider: Option<String>,
    /// Jobs of this requester.
    pub requester: Option<String>,
}

/// What to quote.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuoteRequest {
    /// The model.
    pub model: String,
    /// Prompt tokens of the input.
    pub prompt_tokens: u32,
    /// What to do with the input.
    pub params: ParamsJson,
    /// Whose price to use; without it the lowest price of an active provider.
    pub provider: Option<String>,
}

/// The most that a job would cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuoteJson {
    /// The provider whose price was used.
    pub provider: AccountId,
    /// Compute units in the worst case, in millionths.
    pub max_micro_units: Decimal<u64>,
    /// Price per whole compute unit.
    pub price: Amount,
    /// Fee in the worst case.
    pub max_fee: Amount,
    /// Bond that a claim locks.
    pub bond: Amount,
}

impl QuoteJson {
    /// `quote` at the price of `provider`.
    pub fn new(provider: AccountId, quote: &Quote) -> Self {
        Self {
            provider,
            max_micro_units: Decimal(quote.max_units),
            price: Decimal(quote.price),
            max_fee: Decimal(quote.max_fee),
            bond: Decimal(quote.bond),
        }
    }
}

/// Output of a job: its bytes, checked against the commitment, and what they mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputJson {
    /// The job.
    pub job: JobId,
    /// BLAKE2b-256 of the output.
    pub hash: H256,
    /// Length of the output in bytes.
    pub len: u32,
    /// The output, 0x-hex.
    pub output: String,
    /// Token ids, for a generation.
    pub tokens: Option<Vec<u32>>,
    /// Text of the tokens, for a generation, when this node's worker has the tokenizer.
    pub text: Option<String>,
    /// Fixed-point components, for an embedding.
    pub embedding: Option<Vec<i32>>,
    /// Fractional bits of `embedding`.
    pub fraction_bits: Option<u32>,
}

/// A provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderJson {
    /// Its account.
    pub account: AccountId,
    /// Its description; bytes that are not UTF-8 are replaced.
    pub metadata: String,
    /// Bonded stake.
    pub bonded: Amount,
    /// Part of it locked by work in flight.
    pub locked: Amount,
    /// Part of it unbonding.
    pub unbonding: Amount,
    /// Whether it may claim work.
    pub active: bool,
    /// Its worker keys, 0x-hex.
    pub workers: Vec<String>,
    /// Its prices per compute unit.
    pub prices: Vec<PriceJson>,
    /// Emission that a claim would pay now.
    pub claimable_reward: Amount,
}

/// Price of one model at one provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceJson {
    /// The model.
    pub model: ModelId,
    /// Price per whole compute unit.
    pub price: Amount,
}

impl From<&ProviderInfo> for ProviderJson {
    fn from(info: &ProviderInfo) -> Self {
        let workers = info.workers.iter().map(|key| hex_of(key.as_ref())).collect();
        let prices = info.prices.iter().map(|(model, price)| PriceJson {
            model: *model,
            price: Decimal(*price),
        });
        Self {
            account: info.account.clone(),
            metadata: String::from_utf8_lossy(&info.metadata).into_owned(),
            bonded: Decimal(info.bonded),
            locked: Decimal(info.locked),
            unbonding: Decimal(info.unbonding),
            active: info.active,
            workers,
            prices: prices.collect(),
            claimable_reward: Decimal(info.claimable_reward),
        }
    }
}

/// A model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelJson {
    /// Its id.
    pub id: ModelId,
    /// Its name; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Shape and arithmetic.
    pub spec: ModelSpecJson,
    /// Merkle root over its quantised weights.
    pub weights_root: H256,
    /// Owner.
    pub owner: AccountId,
    /// Part of every fee for the owner, in parts per million.
    pub royalty_ppm: u32,
    /// Models it was derived from.
    pub parents: Vec<ModelId>,
    /// Whether new jobs may name it.
    pub active: bool,
}

impl From<&ModelInfo> for ModelJson {
    fn from(info: &ModelInfo) -> Self {
        Self {
            id: info.id,
            name: String::from_utf8_lossy(&info.name).into_owned(),
            spec: ModelSpecJson::from(&info.spec),
            weights_root: H256(info.weights_root),
            owner: info.owner.clone(),
            royalty_ppm: info.royalty.deconstruct(),
            parents: info.parents.clone(),
            active: info.active,
        }
    }
}

/// Totals of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatsJson {
    /// Block that they are read at.
    pub block: BlockRef,
    /// Registered providers.
    pub providers: u32,
    /// Registered models.
    pub models: u32,
    /// Jobs ever submitted.
    pub jobs_submitted: u64,
    /// Jobs waiting for a claim.
    pub jobs_open: u32,
    /// Jobs claimed or committed.
    pub jobs_in_flight: u32,
    /// Jobs ever settled.
    pub jobs_settled: u64,
    /// Compute units ever settled, in millionths.
    pub micro_units_settled: Decimal<u128>,
    /// Fees held in escrow.
    pub escrowed: Amount,
    /// Stake bonded.
    pub bonded: Amount,
    /// Emission issued so far.
    pub issued: Amount,
    /// Total issuance of LUX.
    pub total_issuance: Amount,
}

impl StatsJson {
    /// `stats` read at `block`.
    pub fn new(block: BlockRef, stats: &NetworkStats) -> Self {
        Self {
            block,
            providers: stats.providers,
            models: stats.models,
            jobs_submitted: stats.jobs_submitted,
            jobs_open: stats.jobs_open,
            jobs_in_flight: stats.jobs_in_flight,
            jobs_settled: stats.jobs_settled,
            micro_units_settled: Decimal(stats.units_settled),
            escrowed: Decimal(stats.escrowed),
            bonded: Decimal(stats.bonded),
            issued: Decimal(stats.issued),
            total_issuance: Decimal(stats.total_issuance),
        }
    }
}

/// Emission account of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RewardJson {
    /// What a claim would pay now.
    pub claimable: Amount,
    /// Compute units counted in the running round, in millionths.
    pub pending_micro_units: Decimal<u64>,
    /// Paid so far.
    pub claimed: Amount,
}

impl From<&RewardInfo> for RewardJson {
    fn from(info: &RewardInfo) -> Self {
        Self {
            claimable: Decimal(info.claimable),
            pending_micro_units: Decimal(info.pending_units),
            claimed: Decimal(info.claimed),
        }
    }
}

/// A worker key of this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerKeyJson {
    /// Public half, 0x-hex.
    pub key: String,
    /// Signature that registration demands, 0x-hex.
    pub proof: String,
}

/// `bytes` as 0x-hex.
pub fn hex_of(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balances_keep_every_digit_as_decimal_strings() {
        let json = serde_json::to_string(&Decimal(u128::MAX)).unwrap();
        assert_eq!(json, "\"340282366920938463463374607431768211455\"");
        let back: Amount = serde_json::from_str(&json).unwrap();
        assert_eq!(back.0, u128::MAX);
        for bad in [
            "\"-1\"",
            "\"1.5\"",
            "\"\"",
            "7",
            "\"340282366920938463463374607431768211456\"",
        ] {
            assert!(serde_json::from_str::<Amount>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn states_are_tagged_by_the_name_that_status_of_gives() {
        let provider = AccountId::new([7; 32]);
        let states = [
            JobState::Open { deadline: 1 },
            JobState::Claimed {
                provider: provider.clone(),
                price: 1,
                bond: 2,
                claimed_at: 3,
                deadline: 4,
            },
            JobState::Cancelled { at: 5 },
            JobState::Expired {
                at: 6,
                provider: Some(provider),
                compensation: 7,
            },
        ];
        for state in states {
            let json = serde_json::to_value(StateJson::from(&state)).unwrap();
            assert_eq!(json["status"], status_of(&state));
        }
    }
}
