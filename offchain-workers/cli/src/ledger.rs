//! What a block's events say about balances: which account changed by how much, and what happened to issuance.

use std::collections::BTreeMap;

use subxt::{
    config::substrate::AccountId32,
    events::{Event, Phase},
    ext::scale_decode::DecodeAsType,
};

use crate::{chain::Config, failure::Failure};

/// An account, ordered by its bytes.
pub type Id = [u8; 32];

/// What one event did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Changes of accounts' totals, holds included.
    pub accounts: Vec<(Id, i128)>,
    /// Change of the total issuance.
    pub issuance: i128,
}

impl Effect {
    /// Whether it changed no amount.
    fn is_nothing(&self) -> bool {
        self.issuance == 0 && self.accounts.iter().all(|(_, change)| *change == 0)
    }
}

/// Fields of JobEscrow's JobSettled.
#[derive(Clone, Debug, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub struct SettledFields {
    /// The job.
    pub job: u64,
    /// Who received how much.
    pub split: SplitFields,
    /// Back to the requester.
    pub refund: u128,
}

/// Fields of a fee's division.
#[derive(Clone, Copy, Debug, PartialEq, Eq, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub struct SplitFields {
    /// The whole fee.
    pub fee: u128,
    /// To the provider.
    pub provider: u128,
    /// To the model's owner.
    pub royalty: u128,
    /// To the audit pool.
    pub audit_pool: u128,
    /// Burned.
    pub burned: u128,
    /// To the treasury.
    pub treasury: u128,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Who {
    who: AccountId32,
    amount: u128,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Amount {
    amount: u128,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Dust {
    account: AccountId32,
    amount: u128,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct FromTo {
    from: AccountId32,
    to: AccountId32,
    amount: u128,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct OnHold {
    source: AccountId32,
    dest: AccountId32,
    amount: u128,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct AndHold {
    source: AccountId32,
    dest: AccountId32,
    transferred: u128,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Forced {
    old: u128,
    new: u128,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct SlashedStake {
    provider: AccountId32,
    amount: u128,
}

/// An event with what it did.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `Pallet.Event`.
    pub name: String,
    /// Part of the block that it belongs to.
    pub phase: Phase,
    /// What it did.
    pub effect: Effect,
    /// The division, if the event settled a job.
    pub settled: Option<SettledFields>,
}

/// `amount` as a signed number.
pub fn signed(amount: u128) -> Result<i128, Failure> {
    i128::try_from(amount).map_err(|_| Failure::Outcome(format!("{amount} is no balance that can exist")))
}

/// Reads an event.
pub fn entry(event: &Event<'_, Config>) -> Result<Entry, Failure> {
    let effect = match event.pallet_name() {
        "Balances" => balances_effect(event)?,
        // Slashed stake leaves the hold without an event of the balances pallet.
        "ProviderStaking" if event.event_name() == "Slashed" => {
            let slashed: SlashedStake = fields(event)?;
            Effect {
                accounts: vec![(slashed.provider.0, -signed(slashed.amount)?)],
                issuance: 0,
            }
        },
        _ => Effect::default(),
    };
    let settles = event.pallet_name() == "JobEscrow" && event.event_name() == "JobSettled";
    Ok(Entry {
        name: format!("{}.{}", event.pallet_name(), event.event_name()),
        phase: event.phase(),
        effect,
        settled: if settles { Some(fields(event)?) } else { None },
    })
}

fn fields<T: subxt::ext::scale_decode::DecodeAsFields>(event: &Event<'_, Config>) -> Result<T, Failure> {
    event.decode_fields_unchecked_as().map_err(Failure::incompatible)
}

/// What an event of the balances pallet did to totals (free and held together) and to issuance.
fn balances_effect(event: &Event<'_, Config>) -> Result<Effect, Failure> {
    let one = |sign: i128, issuance: i128| -> Result<Effect, Failure> {
        let Who { who, amount } = fields(event)?;
        let amount = signed(amount)?;
        Ok(Effect {
            accounts: vec![(who.0, sign * amount)],
            issuance: issuance * amount,
        })
    };
    let issuance = |sign: i128| -> Result<Effect, Failure> {
        let Amount { amount } = fields(event)?;
        Ok(Effect {
            accounts: Vec::new(),
            issuance: sign * signed(amount)?,
        })
    };
    let moved = |from: AccountId32, to: AccountId32, amount: u128| -> Result<Effect, Failure> {
        let amount = signed(amount)?;
        Ok(Effect {
            accounts: vec![(from.0, -amount), (to.0, amount)],
            issuance: 0,
        })
    };
    match event.event_name() {
        "Deposit" => one(1, 0),
        "Withdraw" | "Slashed" => one(-1, 0),
        "Minted" | "Restored" => one(1, 1),
        "Burned" | "BurnedHeld" | "Suspended" => one(-1, -1),
        "Issued" | "MintedCredit" => issuance(1),
        "Rescinded" | "BurnedDebt" => issuance(-1),
        "Transfer" | "ReserveRepatriated" => {
            let FromTo { from, to, amount } = fields(event)?;
            moved(from, to, amount)
        },
        "TransferOnHold" => {
            let OnHold { source, dest, amount } = fields(event)?;
            moved(source, dest, amount)
        },
        "TransferAndHold" => {
            let AndHold {
                source,
                dest,
                transferred,
            } = fields(event)?;
            moved(source, dest, transferred)
        },
        // What becomes of the dust, burned or kept, has an event of its own.
        "DustLost" => {
            let Dust { account, amount } = fields(event)?;
            Ok(Effect {
                accounts: vec![(account.0, -signed(amount)?)],
                issuance: 0,
            })
        },
        "TotalIssuanceForced" => {
            let Forced { old, new } = fields(event)?;
            Ok(Effect {
                accounts: Vec::new(),
                issuance: signed(new)? - signed(old)?,
            })
        },
        "BalanceSet" => Err(Failure::Outcome(
            "the block sets a balance by force, so that its books cannot be followed".into(),
        )),
        // Free to held and back, locks and notices: no total changes.
        _ => Ok(Effect::default()),
    }
}

/// What the settlement of one job must have done, as its record says.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The job.
    pub job: u64,
    /// Who pays.
    pub requester: Id,
    /// The provider.
    pub provider: Id,
    /// The model's owner.
    pub owner: Id,
    /// The division.
    pub split: SplitFields,
}

/// A block's balance changes, told apart into those of one settlement and the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribution {
    /// Changes by the settlement.
    pub job: BTreeMap<Id, i128>,
    /// Changes by everything else in the block.
    pub other: BTreeMap<Id, i128>,
    /// Change of issuance by the settlement.
    pub job_issuance: i128,
    /// Change of issuance by everything else.
    pub other_issuance: i128,
    /// The audit pool, if it received a part.
    pub audit_pool: Option<Id>,
    /// The treasury, if it received a part.
    pub treasury: Option<Id>,
    /// Names of the other events that moved balances.
    pub other_events: Vec<String>,
}

/// Finds the settlement of `expected` among the events of its block and attributes every balance change.
///
/// The settlement's own events stand before its `JobSettled`, in the same phase, after the previous event of the escrow. Taking
/// the fee out of escrow has no event: it is known from each settled job's division. `requesters` names who paid the other
/// jobs that the block settled.
pub fn attribute(
    entries: &[Entry],
    expected: &Expected,
    requesters: &BTreeMap<u64, Id>,
) -> Result<Attribution, Failure> {
    let settlement = entries
        .iter()
        .position(|entry| {
            entry
                .settled
                .as_ref()
                .is_some_and(|settled| settled.job == expected.job)
        })
        .ok_or_else(|| Failure::Outcome(format!("the block has no JobSettled event for job {}", expected.job)))?;
    let phase = entries[settlement].phase;
    let start = entries[..settlement]
        .iter()
        .rposition(|entry| entry.phase != phase || entry.name.starts_with("JobEscrow."))
        .map_or(0, |previous| previous + 1);

    let mut books = Attribution::default();
    let mut taken = vec![false; entries.len()];
    let mut pay = |amount: u128, account: Option<Id>, what: &str| -> Result<Option<Id>, Failure> {
        let amount = signed(amount)?;
        let found = (start..settlement).find(|index| {
            let entry = &entries[*index];
            !taken[*index]
                && entry.name == "Balances.Deposit"
                && matches!(entry.effect.accounts[..], [(who, change)] if change == amount && account.is_none_or(|account| account == who))
        });
        match found {
            Some(index) => {
                taken[index] = true;
                let who = entries[index].effect.accounts[0].0;
                *books.job.entry(who).or_default() += amount;
                Ok(Some(who))
            },
            None if amount == 0 => Ok(None),
            None => Err(Failure::Outcome(format!(
                "no event shows that {what} received its {amount}"
            ))),
        }
    };
    let split = expected.split;
    pay(split.provider, Some(expected.provider), "the provider")?;
    pay(split.royalty, Some(expected.owner), "the model's owner")?;
    let audit_pool = pay(split.audit_pool, None, "the audit pool")?;
    let treasury = pay(split.treasury, None, "the treasury")?;
    // Burned by plan, and what neither its receiver nor the treasury could take: one event each.
    let burned = signed(split.burned)?;
    let mut unseen = burned;
    for index in start..settlement {
        let effect = &entries[index].effect;
        let burn = -effect.issuance;
        if !taken[index] && effect.accounts.is_empty() && (1..=unseen).contains(&burn) {
            taken[index] = true;
            unseen -= burn;
        }
    }
    if unseen != 0 {
        return Err(Failure::Outcome(format!(
            "no event shows that {unseen} of {burned} were burned"
        )));
    }
    books.audit_pool = audit_pool;
    books.treasury = treasury;
    books.job_issuance = -burned;
    *books.job.entry(expected.requester).or_default() -= signed(split.fee)?;

    add_others(&mut books, entries, &taken, expected.job, requesters)?;
    Ok(books)
}

/// Adds what the block did besides the settlement of `job`, whose own events are `taken`.
fn add_others(
    books: &mut Attribution,
    entries: &[Entry],
    taken: &[bool],
    job: u64,
    requesters: &BTreeMap<u64, Id>,
) -> Result<(), Failure> {
    for (entry, taken) in entries.iter().zip(taken) {
        if let Some(other) = entry.settled.as_ref().filter(|settled| settled.job != job) {
            let requester = requesters
                .get(&other.job)
                .ok_or_else(|| Failure::Outcome(format!("the requester of job {} is unknown", other.job)))?;
            *books.other.entry(*requester).or_default() -= signed(other.split.fee)?;
        }
        if *taken || entry.effect.is_nothing() {
            continue;
        }
        books.other_issuance += entry.effect.issuance;
        for (who, change) in &entry.effect.accounts {
            *books.other.entry(*who).or_default() += change;
        }
        books.other_events.push(entry.name.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTER: Id = [1; 32];
    const PROVIDER: Id = [2; 32];
    const OWNER: Id = [3; 32];
    const AUDIT: Id = [4; 32];
    const TREASURY: Id = [5; 32];

    fn split() -> SplitFields {
        SplitFields {
            fee: 100,
            provider: 85,
            royalty: 5,
            audit_pool: 3,
            burned: 5,
            treasury: 2,
        }
    }

    fn deposit(who: Id, amount: i128) -> Entry {
        Entry {
            name: "Balances.Deposit".into(),
            phase: Phase::Finalization,
            effect: Effect {
                accounts: vec![(who, amount)],
                issuance: 0,
            },
            settled: None,
        }
    }

    fn issuance(amount: i128) -> Entry {
        Entry {
            name: "Balances.BurnedDebt".into(),
            phase: Phase::Finalization,
            effect: Effect {
                accounts: Vec::new(),
                issuance: amount,
            },
            settled: None,
        }
    }

    fn settled(job: u64, split: SplitFields) -> Entry {
        Entry {
            name: "JobEscrow.JobSettled".into(),
            phase: Phase::Finalization,
            effect: Effect::default(),
            settled: Some(SettledFields { job, split, refund: 0 }),
        }
    }

    fn settlement(job: u64) -> Vec<Entry> {
        vec![
            issuance(-5),
            deposit(PROVIDER, 85),
            deposit(OWNER, 5),
            deposit(AUDIT, 3),
            deposit(TREASURY, 2),
            settled(job, split()),
        ]
    }

    fn expected(job: u64) -> Expected {
        Expected {
            job,
            requester: REQUESTER,
            provider: PROVIDER,
            owner: OWNER,
            split: split(),
        }
    }

    fn total(books: &Attribution) -> i128 {
        books.job.values().sum::<i128>() + books.other.values().sum::<i128>()
    }

    #[test]
    fn a_settlement_moves_the_whole_fee_and_nothing_else() {
        let books = attribute(&settlement(7), &expected(7), &BTreeMap::new()).unwrap();
        let parts = [(REQUESTER, -100), (PROVIDER, 85), (OWNER, 5), (AUDIT, 3), (TREASURY, 2)];
        assert_eq!(books.job, BTreeMap::from(parts));
        assert_eq!((books.audit_pool, books.treasury), (Some(AUDIT), Some(TREASURY)));
        assert!(books.other.is_empty() && books.other_events.is_empty());
        assert_eq!(total(&books), books.job_issuance);
    }

    #[test]
    fn other_movements_of_the_block_are_told_apart() {
        let mut entries = vec![deposit(TREASURY, 1_000), issuance(1_000)];
        entries[0].phase = Phase::Initialization;
        entries[1].phase = Phase::Initialization;
        entries.extend(settlement(6));
        entries.extend(settlement(7));
        let requesters = BTreeMap::from([(6, PROVIDER)]);
        let books = attribute(&entries, &expected(7), &requesters).unwrap();
        assert_eq!(books.job[&PROVIDER], 85);
        assert_eq!(books.other[&PROVIDER], 85 - 100, "it also paid for job 6");
        assert_eq!(books.other[&TREASURY], 1_002);
        assert_eq!(books.other_issuance, 995);
        assert_eq!(total(&books), books.job_issuance + books.other_issuance);
    }

    #[test]
    fn a_part_that_was_not_paid_is_found_out() {
        for missing in 0..5 {
            let mut entries = settlement(7);
            entries.remove(missing);
            let failure = attribute(&entries, &expected(7), &BTreeMap::new()).unwrap_err();
            assert_eq!(failure.exit_code(), 1, "{missing}");
        }
        let mut entries = settlement(7);
        entries[1].effect.accounts[0].1 = 84;
        assert!(attribute(&entries, &expected(7), &BTreeMap::new()).is_err());
        let mut entries = settlement(7);
        entries[1].effect.accounts[0].0 = REQUESTER;
        assert!(attribute(&entries, &expected(7), &BTreeMap::new()).is_err());
    }

    #[test]
    fn what_nobody_could_receive_is_burned_and_still_accounted_for() {
        // The treasury was too poor to exist: its part was burned by an event of its own.
        let mut entries = settlement(7);
        entries[4] = issuance(-2);
        let mut all = expected(7);
        all.split.treasury = 0;
        all.split.burned = 7;
        let books = attribute(&entries, &all, &BTreeMap::new()).unwrap();
        assert_eq!((books.job_issuance, books.treasury, total(&books)), (-7, None, -7));
        all.split.burned = 6;
        assert!(attribute(&entries, &all, &BTreeMap::new()).is_err());
    }

    #[test]
    fn one_account_may_play_several_parts() {
        let mut all = expected(7);
        all.requester = PROVIDER;
        all.owner = PROVIDER;
        let mut entries = settlement(7);
        entries[2].effect.accounts[0].0 = PROVIDER;
        let books = attribute(&entries, &all, &BTreeMap::new()).unwrap();
        assert_eq!(books.job[&PROVIDER], 85 + 5 - 100);
    }

    #[test]
    fn without_the_settlement_there_is_nothing_to_check() {
        assert!(attribute(&settlement(7), &expected(8), &BTreeMap::new()).is_err());
    }
}
