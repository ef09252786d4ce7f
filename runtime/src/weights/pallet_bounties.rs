pub use pallet_bounties::weights::SubstrateWeight as WeightInfo;
