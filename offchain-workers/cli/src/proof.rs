//! Proofs of a job's state: the header of a block, and the nodes of that block's state trie on the way to the job's record.
//!
//! Whoever knows the block's hash needs to trust nobody: the header must have the hash, the nodes must lead from the header's
//! state root to the record, and where the record stands and what its bytes mean is known here, not asked of the node.

use std::{path::Path, time::Duration};

use codec::{DecodeAll, Encode};
use lantern_primitives::{info::JobInfo, BlockNumber};
use lantern_rpc_types::{status_of, JobJson, StateJson};
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use sp_core::Bytes;
use sp_crypto_hashing::{twox_128, twox_64};
use sp_runtime::{generic, traits::BlakeTwo256};
use sp_state_machine::{read_proof_check, StorageProof};
use subxt::{config::substrate::H256, rpcs::client::rpc_params};

use crate::{chain::Chain, failure::Failure, units::Lux};

/// Header of a block.
type Header = generic::Header<BlockNumber, BlakeTwo256>;

/// A proof of what the state of a block says about a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The job.
    job: u64,
    /// The block.
    header: Header,
    /// Nodes of its state trie.
    nodes: Vec<Bytes>,
}

/// What a proof proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proved {
    /// The state holds this record.
    Held(Box<JobInfo>),
    /// The state holds the job no more: it ended, and its retention too.
    Removed,
    /// No job has this id yet.
    Unknown,
}

/// Key of a storage entry of the job-escrow pallet.
fn entry(name: &str) -> Vec<u8> {
    [twox_128(b"JobEscrow"), twox_128(name.as_bytes())].concat()
}

/// Key of a job's record.
fn job_key(id: u64) -> Vec<u8> {
    let id = id.encode();
    [entry("Jobs"), twox_64(&id).to_vec(), id].concat()
}

/// Key of the number of jobs ever submitted.
fn next_id_key() -> Vec<u8> {
    entry("NextJobId")
}

/// Hash of the block that the node calls final, once that has the height of the best block of now.
///
/// # Errors
/// When that takes longer than `timeout`.
pub async fn finalised(chain: &Chain, timeout: Duration) -> Result<H256, Failure> {
    let best: Header = chain.request("chain_getHeader", rpc_params![]).await?;
    let wait = async {
        let mut heads = chain.finalised_heads().await?;
        while let Some(head) = heads.next().await {
            if head?.number >= u64::from(best.number) {
                return chain.request("chain_getFinalizedHead", rpc_params![]).await;
            }
        }
        Err(Failure::Connection("the node ended the subscription".into()))
    };
    tokio::time::timeout(timeout, wait).await.unwrap_or_else(|_| {
        Err(Failure::Timeout(format!(
            "block {} was not final within {} s",
            best.number,
            timeout.as_secs()
        )))
    })
}

/// Fetches a proof of what the state of `block` says about job `id`; it is not checked yet.
pub async fn fetch(chain: &Chain, id: u64, block: H256) -> Result<Proof, Failure> {
    let header: Option<Header> = chain.request("chain_getHeader", rpc_params![block]).await?;
    let header = header.ok_or_else(|| Failure::Usage(format!("the node knows no block {block:?}")))?;
    let keys = [job_key(id), next_id_key()].map(Bytes);
    let answer: Value = chain.request("state_getReadProof", rpc_params![keys, block]).await?;
    let nodes = Vec::<Bytes>::deserialize(&answer["proof"])?;
    Ok(Proof { job: id, header, nodes })
}

impl Proof {
    /// Reads a proof from a file.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::Usage(format!("{} holds no proof of a job: {error}", file.display())))
    }

    /// Writes the proof to a file.
    pub fn write(&self, file: &Path) -> Result<(), Failure> {
        std::fs::write(file, serde_json::to_string_pretty(self)?)
            .map_err(|error| Failure::Usage(format!("cannot write {}: {error}", file.display())))
    }

    /// Hash of the block.
    fn block(&self) -> H256 {
        self.header.hash()
    }

    /// Checks the proof, against the hash of `block` where one is given.
    ///
    /// # Errors
    /// When the header is another block's, the nodes do not lead from its state root to the answer, or the record is not one
    /// that this release knows.
    pub fn check(&self, block: Option<H256>) -> Result<Proved, Failure> {
        let found = self.block();
        if let Some(block) = block.filter(|block| *block != found) {
            return Err(Failure::Outcome(format!(
                "the proof is of the state of block {found:?}, not of {block:?}"
            )));
        }
        let keys = [job_key(self.job), next_id_key()];
        let nodes = StorageProof::new(self.nodes.iter().map(|node| node.0.clone()));
        let mut values = read_proof_check::<BlakeTwo256, _>(self.header.state_root, nodes, &keys).map_err(|error| {
            Failure::Outcome(format!(
                "the proof does not lead from the state root of block {found:?} to job {}: {error}",
                self.job
            ))
        })?;
        let [job, next_id] = keys.map(|key| values.remove(&key).flatten());
        let decoded = |error| Failure::incompatible(format_args!("the job's record of block {found:?}: {error}"));
        if let Some(job) = job {
            let job = DecodeAll::decode_all(&mut job.as_slice()).map_err(decoded)?;
            return Ok(Proved::Held(Box::new(JobInfo { id: self.job, job })));
        }
        let next_id = match next_id {
            Some(bytes) => u64::decode_all(&mut bytes.as_slice()).map_err(decoded)?,
            None => 0,
        };
        Ok(if self.job < next_id {
            Proved::Removed
        } else {
            Proved::Unknown
        })
    }

    /// What it proves, for programs.
    pub fn json(&self, proved: &Proved) -> Value {
        let (status, job) = match proved {
            Proved::Held(info) => ("held", json!(JobJson::from(&**info))),
            Proved::Removed => ("removed", Value::Null),
            Proved::Unknown => ("unknown", Value::Null),
        };
        json!({
            "block": { "number": self.header.number, "hash": self.block() },
            "stateRoot": self.header.state_root,
            "proved": status,
            "job": job,
            "proof": self,
        })
    }

    /// What it proves, for people.
    pub fn text(&self, proved: &Proved) -> String {
        let id = self.job;
        let mut text = match proved {
            Proved::Held(info) => {
                let job = &info.job;
                let state = json!(StateJson::from(&job.state));
                let mut lines = vec![
                    ("status", status_of(&job.state).to_owned()),
                    ("requester", job.requester.to_string()),
                    ("model", format!("{:?}", job.model)),
                    ("escrow", Lux(job.max_fee).to_string()),
                ];
                for (name, field) in [
                    ("provider", &state["provider"]),
                    ("output hash", &state["commitment"]["output"]["hash"]),
                    ("trace root", &state["commitment"]["traceRoot"]),
                ] {
                    lines.extend(field.as_str().map(|value| (name, value.to_owned())));
                }
                let lines: String = lines
                    .iter()
                    .map(|(name, value)| format!("  {name:<12} {value}\n"))
                    .collect();
                format!("Job {id} is proved to be in the state\n{lines}")
            },
            Proved::Removed => format!("Job {id} is proved to have left the state: it ended, and its retention too\n"),
            Proved::Unknown => format!("Job {id} is proved not to exist: no job has this id yet\n"),
        };
        let bytes: usize = self.nodes.iter().map(|node| node.len()).sum();
        text += &format!(
            "of block {} {:?}\n  state root   {:?}, {} nodes, {bytes} bytes\n\
             The proof holds for whoever knows that this block is final; its hash is the only thing to trust.\n",
            self.header.number,
            self.block(),
            self.header.state_root,
            self.nodes.len(),
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lantern_exact::JobParams;
    use lantern_primitives::{
        content::ContentRef,
        job::{FrozenTerms, Job, JobState},
        AccountId, Balance,
    };
    use sp_runtime::{traits::Header as _, Permill};
    use sp_state_machine::{new_in_mem, prove_read};

    fn job(requester: u8) -> Job<AccountId, Balance, BlockNumber> {
        let share = Permill::from_percent(10);
        Job {
            requester: [requester; 32].into(),
            model: H256::repeat_byte(7),
            input: ContentRef::of(b"tokens"),
            prompt_tokens: 3,
            params: JobParams::Embed,
            max_fee: 5,
            only: None,
            submitted_at: 9,
            terms: FrozenTerms {
                execution_blocks: 1,
                challenge_window: 2,
                bond_percent: 200,
                miss_penalty: share,
                royalty: share,
                protocol_fee: share,
                burn_share: share,
                audit_share: share,
            },
            state: JobState::Open { deadline: 99 },
        }
    }

    /// A proof about job `id`, of a state that holds the jobs 2 to 39 of 40.
    fn proof_of(id: u64) -> Proof {
        let mut entries: Vec<_> = (2..40).map(|id| (job_key(id), Some(job(id as u8).encode()))).collect();
        entries.push((next_id_key(), Some(40u64.encode())));
        entries.push((b"another".to_vec(), Some(vec![1; 100])));
        let state = new_in_mem::<BlakeTwo256>().update([(None, entries)], sp_core::storage::StateVersion::V1);
        let mut header = Header::new(5, H256::zero(), *state.root(), H256::zero(), Default::default());
        header.set_parent_hash(H256::repeat_byte(3));
        let nodes = prove_read(state, [job_key(id), next_id_key()]).unwrap();
        Proof {
            job: id,
            header,
            nodes: nodes.into_iter_nodes().map(Bytes).collect(),
        }
    }

    #[test]
    fn records_and_their_absence_are_proved() {
        for id in [2, 17, 39] {
            assert_eq!(
                proof_of(id).check(None).unwrap(),
                Proved::Held(Box::new(JobInfo { id, job: job(id as u8) }))
            );
        }
        assert_eq!(proof_of(0).check(None).unwrap(), Proved::Removed);
        assert_eq!(proof_of(40).check(None).unwrap(), Proved::Unknown);
        assert_eq!(proof_of(u64::MAX).check(None).unwrap(), Proved::Unknown);
    }

    #[test]
    fn no_changed_bit_of_a_node_is_accepted() {
        let proof = proof_of(17);
        for node in 0..proof.nodes.len() {
            for bit in 0..proof.nodes[node].len() * 8 {
                let mut changed = proof.clone();
                changed.nodes[node].0[bit / 8] ^= 1 << (bit % 8);
                assert!(changed.check(None).is_err(), "bit {bit} of node {node}");
            }
        }
    }

    #[test]
    fn no_missing_node_is_accepted() {
        for id in [0, 17, 40] {
            let proof = proof_of(id);
            for node in 0..proof.nodes.len() {
                let mut changed = proof.clone();
                changed.nodes.remove(node);
                assert_eq!(changed.check(None).unwrap_err().exit_code(), 1, "node {node}");
            }
        }
    }

    #[test]
    fn a_proof_speaks_of_its_job_only() {
        for (of, claimed) in [(17, 18), (17, 0), (0, 17), (40, 2)] {
            let mut proof = proof_of(of);
            proof.job = claimed;
            assert!(proof.check(None).is_err(), "of {of} for {claimed}");
        }
    }

    #[test]
    fn the_header_must_be_the_blocks() {
        let proof = proof_of(17);
        let block = proof.header.hash();
        assert!(proof.check(Some(block)).is_ok());
        let failure = proof.check(Some(H256::zero())).unwrap_err();
        assert!(failure.to_string().contains(&format!("{block:?}")), "{failure}");
        // A header with another state root is another block.
        let mut forged = proof_of(17);
        forged.header.state_root = H256::repeat_byte(1);
        assert_eq!(forged.check(Some(block)).unwrap_err().exit_code(), 1);
        assert!(forged.check(None).is_err());
    }

    #[test]
    fn a_proof_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proof.json");
        let proof = proof_of(17);
        proof.write(&file).unwrap();
        assert_eq!(Proof::read(&file).unwrap(), proof);
        std::fs::write(&file, "{}").unwrap();
        assert_eq!(Proof::read(&file).unwrap_err().exit_code(), 2);
        assert_eq!(Proof::read(&folder.path().join("none")).unwrap_err().exit_code(), 2);
    }
}
