//! What fits into a block by the measured weights: a job's whole life, our heaviest calls, and what hooks may need.
//!
//! The tables in docs/performance.md are this file's. When weights change, write them anew:
//! `LANTERN_WRITE_WEIGHTS=1 cargo test -p lantern-runtime`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // A test that meets something unexpected is to end there.

use codec::Encode;
use frame_support::{dispatch::DispatchClass, weights::Weight};
use frame_system::limits::WeightsPerClass;
use lantern_primitives::content::MAX_INLINE_BYTES;
use pallet_job_escrow::WeightInfo as _;
use pallet_model_registry::WeightInfo as _;
use pallet_provider_staking::WeightInfo as _;
use pallet_reward_emission::WeightInfo as _;

use crate::{
    configs,
    testing::{Chain, Market},
    Runtime, UncheckedExtrinsic,
};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md");
const BEGIN: &str = "<!-- by LANTERN_WRITE_WEIGHTS=1 cargo test -p lantern-runtime -->\n";
const END: &str = "<!-- end -->\n";

type Escrow = <Runtime as pallet_job_escrow::Config>::WeightInfo;
type Registry = <Runtime as pallet_model_registry::Config>::WeightInfo;
type Staking = <Runtime as pallet_provider_staking::Config>::WeightInfo;
type Emission = <Runtime as pallet_reward_emission::Config>::WeightInfo;

/// One step of a job's life: a transaction with its length, or a step of the sweep.
struct Step {
    name: &'static str,
    weight: Weight,
    bytes: Option<usize>,
}

fn normal() -> WeightsPerClass {
    configs::block_weights().get(DispatchClass::Normal).clone()
}

/// A job from submission to its removal from state: transactions as blocks of this runtime counted them, where weight that a
/// transaction did not need comes back after it.
fn life(prompt_tokens: u32, output_tokens: u32) -> Vec<Step> {
    let mut market = Market::open(Chain::of_this(), (prompt_tokens, output_tokens));
    let mut steps = Vec::new();
    let mut include = |market: &mut Market, name, transaction: Vec<UncheckedExtrinsic>| {
        let bytes = transaction.iter().map(Encode::encoded_size).sum();
        let (_, weights) = market.chain.weigh(transaction);
        steps.push(Step {
            name,
            weight: weights[0],
            bytes: Some(bytes),
        });
    };
    let order = market.orders(1);
    include(&mut market, "`submit_job`", order);
    let claim = market.claims([0]);
    include(&mut market, "`claim_job`", claim);
    let result = market.results([0]);
    include(&mut market, "`submit_result`", result);
    let hook = |name, weight| Step {
        name,
        weight,
        bytes: None,
    };
    steps.push(hook("settlement, in `on_idle`", Escrow::sweep_settle()));
    steps.push(hook(
        "removal after its retention, in `on_idle`",
        Escrow::sweep_remove(),
    ));
    steps
}

/// What a block costs before the first transaction and the first due job.
fn fixed() -> Weight {
    configs::block_weights().base_block
        + <<Runtime as pallet_timestamp::Config>::WeightInfo as pallet_timestamp::WeightInfo>::set()
        + Emission::drip()
        + Escrow::sweep_base()
        + Escrow::sweep_block()
}

/// How many of something of this cost go into this room.
fn times(room: u64, cost: u64) -> f64 {
    room as f64 / cost as f64
}

/// Life cycles in a second, and what is full first.
fn rate(steps: &[Step]) -> (f64, &'static str) {
    let limits = configs::block_weights();
    let length = *configs::block_length().max.get(DispatchClass::Normal);
    let time = |hooks: bool| -> u64 {
        steps
            .iter()
            .filter(|step| hooks || step.bytes.is_some())
            .map(|step| step.weight.ref_time())
            .sum()
    };
    let bytes: usize = steps.iter().filter_map(|step| step.bytes).sum();
    let blocks_per_second = 1_000.0 / crate::time::SLOT_MILLIS as f64;
    [
        (
            times(normal().max_total.unwrap().ref_time(), time(false)),
            "time for normal transactions",
        ),
        (
            times((limits.max_block - fixed()).ref_time(), time(true)),
            "time of the whole block, hooks included",
        ),
        (times(length.into(), bytes as u64), "bytes for normal transactions"),
    ]
    .into_iter()
    .map(|(per_block, limit)| (per_block * blocks_per_second, limit))
    .min_by(|one, other| one.0.total_cmp(&other.0))
    .unwrap()
}

fn micros(weight: Weight) -> String {
    format!("{:.0}", weight.ref_time() as f64 / 1e6)
}

/// A job's life as a table, and how many of it there can be in a second.
fn table(prompt_tokens: u32, output_tokens: u32) -> String {
    let steps = life(prompt_tokens, output_tokens);
    let mut lines = vec![
        format!(
            "| job of {prompt_tokens} prompt and {output_tokens} output tokens | weight, µs | transaction, bytes |"
        ),
        "| --- | ---: | ---: |".into(),
    ];
    for step in &steps {
        let bytes = step.bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        lines.push(format!("| {} | {} | {bytes} |", step.name, micros(step.weight)));
    }
    let total = steps.iter().fold(Weight::zero(), |sum, step| sum + step.weight);
    let bytes: usize = steps.iter().filter_map(|step| step.bytes).sum();
    let (rate, limit) = rate(&steps);
    lines.push(format!("| together | {} | {bytes} |", micros(total)));
    lines.push(format!(
        "| **life cycles per second** | **{rate:.0}** | full first: {limit} |"
    ));
    lines.join("\n") + "\n"
}

/// Our calls at their largest, with everything that a block counts for one.
fn heaviest() -> Vec<(&'static str, Weight)> {
    let most = MAX_INLINE_BYTES;
    let calls = [
        (
            "provider-staking `register`, 16 keys",
            Staking::register(pallet_provider_staking::MAX_WORKERS),
        ),
        ("provider-staking `update_metadata`", Staking::update_metadata()),
        ("provider-staking `bond_more`", Staking::bond_more()),
        ("provider-staking `add_worker`", Staking::add_worker()),
        ("provider-staking `remove_worker`", Staking::remove_worker()),
        ("provider-staking `unbond`", Staking::unbond()),
        ("provider-staking `withdraw_unbonded`", Staking::withdraw_unbonded()),
        ("provider-staking `pause`", Staking::pause()),
        ("provider-staking `resume`", Staking::resume()),
        ("provider-staking `deregister`", Staking::deregister()),
        (
            "model-registry `register`, 4 parents",
            Registry::register(pallet_model_registry::MAX_PARENTS),
        ),
        ("model-registry `set_royalty`", Registry::set_royalty()),
        ("model-registry `transfer_ownership`", Registry::transfer_ownership()),
        ("model-registry `set_active`", Registry::set_active()),
        ("model-registry `post_price`", Registry::post_price()),
        ("model-registry `withdraw_price`", Registry::withdraw_price()),
        ("job-escrow `submit_job`, 32 KiB", Escrow::submit_job(most)),
        ("job-escrow `cancel_job`", Escrow::cancel_job()),
        ("job-escrow `claim_job`", Escrow::claim_job()),
        ("job-escrow `submit_result`, 32 KiB", Escrow::submit_result(most)),
        ("job-escrow `poke`", Escrow::poke()),
        ("reward-emission `claim`", Emission::claim()),
        ("reward-emission `claim_for`", Emission::claim_for()),
    ];
    // Extensions weigh the same for every call.
    let base = life(1, 1)[0].weight - Escrow::submit_job(4);
    calls.map(|(name, weight)| (name, weight + base)).into()
}

fn document() -> String {
    let mut calls = String::from("| call at its largest | weight, µs |\n| --- | ---: |\n");
    for (name, weight) in heaviest() {
        calls += &format!("| {name} | {} |\n", micros(weight));
    }
    let limits = configs::block_weights();
    format!(
        "\nA block has {} ms, {} of them for normal transactions; {} go to an empty block and {} µs to every transaction, and both are in here.\n\n{}\n{}\n{calls}\n",
        limits.max_block.ref_time() / 1_000_000_000,
        normal().max_total.unwrap().ref_time() / 1_000_000_000,
        format_args!("{:.1} ms", fixed().ref_time() as f64 / 1e9),
        micros(normal().base_extrinsic),
        table(64, 64),
        table(MAX_INLINE_BYTES / 4, MAX_INLINE_BYTES / 4),
    )
}

#[test]
fn the_documented_weights_are_the_measured_ones() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (documented, after) = rest.split_once(END).unwrap();
    let found = document();
    if std::env::var_os("LANTERN_WRITE_WEIGHTS").is_some() {
        std::fs::write(DOCUMENT, format!("{before}{BEGIN}{found}{END}{after}")).unwrap();
        return;
    }
    assert!(
        documented == found,
        "weights have changed; write their tables anew: LANTERN_WRITE_WEIGHTS=1 cargo test -p lantern-runtime\n{found}"
    );
}

#[test]
fn ten_of_our_heaviest_call_fit_into_a_block() {
    let normal = normal().max_total.unwrap();
    for (name, weight) in heaviest() {
        assert!(
            weight.saturating_mul(10).all_lte(normal),
            "{name} takes {} µs of a block",
            micros(weight)
        );
    }
}

#[test]
fn hooks_have_room_beside_a_full_block() {
    let limits = configs::block_weights();
    // What comes first, whatever else is in the block: a scheduler that takes all it may, and the end of a round of emission.
    let first = limits.base_block
        + <<Runtime as pallet_timestamp::Config>::WeightInfo as pallet_timestamp::WeightInfo>::set()
        + <Runtime as pallet_scheduler::Config>::MaximumWeight::get()
        + Emission::drip()
        + Emission::close_round();
    assert!(
        first.all_lte(limits.max_block),
        "{} µs come before the first transaction",
        micros(first)
    );
    // What remains when normal transactions have all they may: due jobs must not wait forever.
    let rest = limits.max_block - fixed() - Emission::close_round() - normal().max_total.unwrap();
    let largest = [
        Escrow::sweep_expire_open(),
        Escrow::sweep_expire_claimed(),
        Escrow::sweep_settle(),
        Escrow::sweep_defer(),
        Escrow::sweep_remove(),
    ]
    .into_iter()
    .fold(Weight::zero(), |largest, step| largest.max(step));
    let served = times(rest.ref_time(), largest.ref_time());
    assert!(
        served >= 50.0,
        "a full block serves no more than {served:.0} due jobs of {} µs",
        micros(largest)
    );
}

#[test]
fn an_election_of_most_voters_fits_into_a_block() {
    let limits = configs::block_weights();
    let election = configs::largest_election();
    assert!(
        election.all_lte(limits.max_block - fixed()),
        "an election takes {} µs of a block of {} µs",
        micros(election),
        micros(limits.max_block)
    );
}
