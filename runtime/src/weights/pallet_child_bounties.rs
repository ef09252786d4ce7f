pub use pallet_child_bounties::weights::SubstrateWeight as WeightInfo;
