//! The pallets that have benchmarks, for `frame-omni-bencher`.

frame_benchmarking::define_benchmarks!(
    [frame_benchmarking, BaselineBench::<Runtime>]
    [frame_system, SystemBench::<Runtime>]
    [pallet_balances, Balances]
    [pallet_timestamp, Timestamp]
    [pallet_utility, Utility]
    [pallet_proxy, Proxy]
    [pallet_multisig, Multisig]
    [pallet_parameters, Parameters]
    [pallet_provider_staking, ProviderStaking]
    [pallet_model_registry, ModelRegistry]
    [pallet_job_escrow, JobEscrow]
    [pallet_reward_emission, RewardEmission]
);
