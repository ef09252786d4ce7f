//! Why a feeless transaction is refused: one enum for the pool's code and the call's error.

use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

use crate::pallet::Error;

/// Why a claim or a result is refused. The pool reports it as `InvalidTransaction::Custom` with [`Refusal::code`]; the call
/// itself fails with the error of the same name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Refusal {
    /// No such job.
    UnknownJob = 1,
    /// The worker key is unknown or revoked.
    UnknownWorkerKey = 2,
    /// The signature is not the worker key's over this payload.
    BadSignature = 3,
    /// The deadline has passed.
    DeadlinePassed = 4,
    /// The model is gone.
    UnknownModel = 5,
    /// Claim: the job is not open.
    JobNotOpen = 10,
    /// Claim: the requester named another provider.
    NotForThisProvider = 11,
    /// Claim: the provider takes no work.
    ProviderNotActive = 12,
    /// Claim: the provider posted no price for the model.
    NoPrice = 13,
    /// Claim: at the provider's price the job may cost more than its escrow. Result: the same for the work done, which a
    /// claim rules out.
    FeeAboveMax = 14,
    /// Claim: the provider has less free stake than the bond.
    InsufficientFreeStake = 15,
    /// Result: the job is not claimed.
    JobNotClaimed = 20,
    /// Result: another provider claimed the job.
    NotAssigned = 21,
    /// Result: one is committed already.
    AlreadyCommitted = 22,
    /// Result: the output exceeds 32 KiB.
    OutputTooLarge = 23,
    /// Result: the output does not have the committed hash and length.
    OutputMismatch = 24,
    /// Result: the usage or the output cannot come from this job.
    ImpossibleUsage = 25,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 17] = [
        Self::UnknownJob,
        Self::UnknownWorkerKey,
        Self::BadSignature,
        Self::DeadlinePassed,
        Self::UnknownModel,
        Self::JobNotOpen,
        Self::NotForThisProvider,
        Self::ProviderNotActive,
        Self::NoPrice,
        Self::FeeAboveMax,
        Self::InsufficientFreeStake,
        Self::JobNotClaimed,
        Self::NotAssigned,
        Self::AlreadyCommitted,
        Self::OutputTooLarge,
        Self::OutputMismatch,
        Self::ImpossibleUsage,
    ];

    /// The code in `InvalidTransaction::Custom`.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The refusal with this code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::UnknownJob => "no such job",
            Self::UnknownWorkerKey => "the worker key is unknown or revoked",
            Self::BadSignature => "the signature is not the worker key's over this payload",
            Self::DeadlinePassed => "the deadline has passed",
            Self::UnknownModel => "the model is gone",
            Self::JobNotOpen => "the job is not open",
            Self::NotForThisProvider => "the requester named another provider",
            Self::ProviderNotActive => "the provider takes no work",
            Self::NoPrice => "the provider posted no price for the model",
            Self::FeeAboveMax => "at the provider's price the job may cost more than its escrow",
            Self::InsufficientFreeStake => "the provider has less free stake than the bond",
            Self::JobNotClaimed => "the job is not claimed",
            Self::NotAssigned => "another provider claimed the job",
            Self::AlreadyCommitted => "a result is committed already",
            Self::OutputTooLarge => "the output exceeds 32 KiB",
            Self::OutputMismatch => "the output does not have the committed hash and length",
            Self::ImpossibleUsage => "the usage or the output cannot come from this job",
        })
    }
}

impl core::error::Error for Refusal {}

impl From<Refusal> for TransactionValidityError {
    fn from(refusal: Refusal) -> Self {
        InvalidTransaction::Custom(refusal.code()).into()
    }
}

impl<T> From<Refusal> for Error<T> {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownJob => Self::UnknownJob,
            Refusal::UnknownWorkerKey => Self::UnknownWorkerKey,
            Refusal::BadSignature => Self::BadSignature,
            Refusal::DeadlinePassed => Self::DeadlinePassed,
            Refusal::UnknownModel => Self::UnknownModel,
            Refusal::JobNotOpen => Self::JobNotOpen,
            Refusal::NotForThisProvider => Self::NotForThisProvider,
            Refusal::ProviderNotActive => Self::ProviderNotActive,
            Refusal::NoPrice => Self::NoPrice,
            Refusal::FeeAboveMax => Self::FeeAboveMax,
            Refusal::InsufficientFreeStake => Self::InsufficientFreeStake,
            Refusal::JobNotClaimed => Self::JobNotClaimed,
            Refusal::NotAssigned => Self::NotAssigned,
            Refusal::AlreadyCommitted => Self::AlreadyCommitted,
            Refusal::OutputTooLarge => Self::OutputTooLarge,
            Refusal::OutputMismatch => Self::OutputMismatch,
            Refusal::ImpossibleUsage => Self::ImpossibleUsage,
        }
    }
}
