pub use pallet_im_online::weights::SubstrateWeight as WeightInfo;
