pub use frame_election_provider_support::weights::SubstrateWeight as WeightInfo;
