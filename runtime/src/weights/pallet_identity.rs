pub use pallet_identity::weights::SubstrateWeight as WeightInfo;
