pub use pallet_treasury::weights::SubstrateWeight as WeightInfo;
