//! Records of providers and the ledger of their stake.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::traits::ConstU32;
use frame_support::BoundedVec;
use lantern_primitives::crypto::{WorkerId, WorkerSignature};
use scale_info::TypeInfo;
use sp_runtime::traits::{AtLeast32BitUnsigned, Zero};

/// Most bytes of metadata that a provider may register.
pub const MAX_METADATA_BYTES: u32 = 256;
/// Most worker keys that a provider may have at a time.
pub const MAX_WORKERS: u32 = 16;
/// Most amounts that a provider may have on their way out at a time.
pub const MAX_UNBONDING_CHUNKS: u32 = 8;

/// Free-form description of a provider, UTF-8 by convention.
pub type Metadata = BoundedVec<u8, ConstU32<MAX_METADATA_BYTES>>;
/// Worker keys with their proofs, as a registration carries them.
pub type WorkerProofs = BoundedVec<WorkerProof, ConstU32<MAX_WORKERS>>;

/// A worker key and the proof that whoever registers it holds its secret half.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct WorkerProof {
    /// The worker key.
    pub key: WorkerId,
    /// Signature by it over [`lantern_primitives::crypto::worker_payload`].
    pub signature: WorkerSignature,
}

/// What a provider is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Status {
    /// Takes work.
    Serving,
    /// Takes no new work, by its own choice. Work in flight goes on.
    Paused,
    /// Deregistered; only its unbonding stake is left.
    Leaving,
}

/// Stake that is on its way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct UnbondingChunk<Balance, BlockNumber> {
    /// How much.
    pub amount: Balance,
    /// First block at which it may be withdrawn.
    pub due: BlockNumber,
}

/// Stake of one provider. Its methods are the only way to change it.
///
/// `bonded` equals what the currency holds for this pallet; `locked` and the unbonding chunks are disjoint parts of it,
/// the rest is free.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Ledger<Balance, BlockNumber> {
    bonded: Balance,
    locked: Balance,
    unbonding: BoundedVec<UnbondingChunk<Balance, BlockNumber>, ConstU32<MAX_UNBONDING_CHUNKS>>,
}

/// Why a ledger refused a change. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LedgerError {
    /// Less is free than asked for.
    InsufficientFree,
    /// Less is locked than asked for.
    InsufficientLocked,
    /// The list of unbonding chunks is full.
    TooManyChunks,
    /// The amount does not fit the balance type.
    Overflow,
}

impl<Balance, BlockNumber> Ledger<Balance, BlockNumber>
where
    Balance: AtLeast32BitUnsigned + Copy,
    BlockNumber: Ord + Copy,
{
    /// A ledger with `bonded` free.
    pub fn new(bonded: Balance) -> Self {
        Self {
            bonded,
            locked: Zero::zero(),
            unbonding: BoundedVec::new(),
        }
    }

    /// All the stake: free, locked and unbonding.
    pub fn bonded(&self) -> Balance {
        self.bonded
    }

    /// The part bound by work in flight.
    pub fn locked(&self) -> Balance {
        self.locked
    }

    /// The chunks on their way out, oldest first.
    pub fn chunks(&self) -> &[UnbondingChunk<Balance, BlockNumber>] {
        &self.unbonding
    }

    /// The part on its way out.
    pub fn unbonding(&self) -> Balance {
        // Every chunk was taken out of `bonded`, so the sum cannot overflow; saturation keeps `free` safe regardless.
        self.unbonding
            .iter()
            .fold(Zero::zero(), |sum: Balance, chunk| sum.saturating_add(chunk.amount))
    }

    /// The part that stays: free and locked.
    pub fn staying(&self) -> Balance {
        self.bonded.saturating_sub(self.unbonding())
    }

    /// The part that may be locked or unbonded.
    pub fn free(&self) -> Balance {
        self.staying().saturating_sub(self.locked)
    }

    /// Adds `amount` to the free part.
    pub fn bond(&mut self, amount: Balance) -> Result<(), LedgerError> {
        self.bonded = self.bonded.checked_add(&amount).ok_or(LedgerError::Overflow)?;
        Ok(())
    }

    /// Moves `amount` from free to locked.
    pub fn lock(&mut self, amount: Balance) -> Result<(), LedgerError> {
        if amount > self.free() {
            return Err(LedgerError::InsufficientFree);
        }
        self.locked = self.locked.checked_add(&amount).ok_or(LedgerError::Overflow)?;
        Ok(())
    }

    /// Moves `amount` from locked to free.
    pub fn unlock(&mut self, amount: Balance) -> Result<(), LedgerError> {
        self.locked = self
            .locked
            .checked_sub(&amount)
            .ok_or(LedgerError::InsufficientLocked)?;
        Ok(())
    }

    /// Takes `amount` of the locked part out of the ledger.
    pub fn slash(&mut self, amount: Balance) -> Result<(), LedgerError> {
        let locked = self
            .locked
            .checked_sub(&amount)
            .ok_or(LedgerError::InsufficientLocked)?;
        // `locked` is a part of `bonded`, so this fails only on a ledger that broke its own rule.
        let bonded = self
            .bonded
            .checked_sub(&amount)
            .ok_or(LedgerError::InsufficientLocked)?;
        self.locked = locked;
        self.bonded = bonded;
        Ok(())
    }

    /// Moves `amount` from free to a chunk that is due at `due`, together with what is already due then.
    pub fn unbond(&mut self, amount: Balance, due: BlockNumber) -> Result<(), LedgerError> {
        if amount > self.free() {
            return Err(LedgerError::InsufficientFree);
        }
        if let Some(chunk) = self.unbonding.iter_mut().find(|chunk| chunk.due == due) {
            chunk.amount = chunk.amount.checked_add(&amount).ok_or(LedgerError::Overflow)?;
            return Ok(());
        }
        self.unbonding
            .try_push(UnbondingChunk { amount, due })
            .map_err(|_| LedgerError::TooManyChunks)
    }

    /// Takes every chunk that is due at `now` out of the ledger and returns their sum.
    pub fn withdraw_due(&mut self, now: BlockNumber) -> Balance {
        let before = self.unbonding();
        self.unbonding.retain(|chunk| chunk.due > now);
        let withdrawn = before.saturating_sub(self.unbonding());
        self.bonded = self.bonded.saturating_sub(withdrawn);
        withdrawn
    }

    /// Whether the parts fit into the whole and no chunk is empty.
    pub fn is_sound(&self) -> bool {
        let parts = self
            .unbonding
            .iter()
            .try_fold(self.locked, |sum, chunk| sum.checked_add(&chunk.amount));
        parts.is_some_and(|parts| parts <= self.bonded) && self.unbonding.iter().all(|chunk| !chunk.amount.is_zero())
    }
}

/// The part of a provider that every claim and settlement touches.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Provider<Balance, BlockNumber> {
    /// What it is doing.
    pub status: Status,
    /// Its stake.
    pub ledger: Ledger<Balance, BlockNumber>,
}

/// The part of a provider that seldom changes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Profile {
    /// Its description.
    pub metadata: Metadata,
    /// Its worker keys.
    pub workers: BoundedVec<WorkerId, ConstU32<MAX_WORKERS>>,
}

/// What runtime APIs show of a provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProviderView<Balance> {
    /// Its description, UTF-8 by convention.
    pub metadata: alloc::vec::Vec<u8>,
    /// All its stake.
    pub bonded: Balance,
    /// Part of it locked by work in flight.
    pub locked: Balance,
    /// Part of it that is unbonding.
    pub unbonding: Balance,
    /// Whether it may claim work.
    pub active: bool,
    /// Its worker keys.
    pub workers: alloc::vec::Vec<WorkerId>,
}
