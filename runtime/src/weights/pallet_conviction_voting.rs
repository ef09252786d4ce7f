pub use pallet_conviction_voting::weights::SubstrateWeight as WeightInfo;
