//! Records of models and posted prices.

use alloc::string::String;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use lantern_primitives::{traits::ModelTerms, ModelId, ModelSpec, H256};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::Bytes;
use sp_runtime::Permill;

/// Most bytes of a model's name.
pub const MAX_NAME_BYTES: u32 = 64;
/// Most models that one may name as derived from.
pub const MAX_PARENTS: u32 = 4;
/// Most prices that one provider may have posted at a time.
pub const MAX_PRICES: u32 = 64;

/// Name of a model, UTF-8 by convention.
pub type Name = BoundedVec<u8, ConstU32<MAX_NAME_BYTES>>;
/// Models that one was derived from.
pub type Parents = BoundedVec<ModelId, ConstU32<MAX_PARENTS>>;

/// A registered model. Specification, weights and lineage never change; they are what the id and the history say.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Model<AccountId, Balance> {
    /// Its name.
    pub name: Name,
    /// Shape and arithmetic.
    pub spec: ModelSpec,
    /// Merkle root over its quantised weights.
    pub weights_root: [u8; 32],
    /// Who sets its terms and receives the royalty.
    pub owner: AccountId,
    /// Part of every fee for the owner.
    pub royalty: Permill,
    /// Models it was derived from.
    pub parents: Parents,
    /// Whether new jobs may name it.
    pub active: bool,
    /// What is held from the owner for the record.
    pub deposit: Balance,
}

impl<AccountId, Balance> Model<AccountId, Balance> {
    /// What a job needs to know.
    pub fn into_terms(self) -> ModelTerms<AccountId> {
        ModelTerms {
            spec: self.spec,
            owner: self.owner,
            royalty: self.royalty,
            active: self.active,
        }
    }
}

/// A provider's price for a model.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct PostedPrice<Balance> {
    /// Per whole compute unit.
    pub price: Balance,
    /// What is held from the provider for the record.
    pub deposit: Balance,
}

/// A model of the first block.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GenesisModel<AccountId> {
    /// Its owner.
    pub owner: AccountId,
    /// Its name.
    pub name: String,
    /// SCALE encoding of its `ModelSpec`, hexadecimal in JSON.
    pub spec: Bytes,
    /// Merkle root over its quantised weights.
    pub weights_root: H256,
    /// Part of every fee for the owner.
    pub royalty: Permill,
}
