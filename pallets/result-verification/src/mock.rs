//! A runtime with this pallet alone.

use frame_support::{derive_impl, parameter_types};
use sp_runtime::BuildStorage;

use crate as pallet_result_verification;

#[frame_support::runtime]
mod runtime {
    #[runtime::runtime]
    #[runtime::derive(RuntimeCall, RuntimeEvent, RuntimeError, RuntimeOrigin, RuntimeTask)]
    pub struct Test;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;
    #[runtime::pallet_index(1)]
    pub type ResultVerification = pallet_result_verification;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = frame_system::mocking::MockBlock<Test>;
}

parameter_types! {
    pub storage Window: u64 = 10;
}

impl pallet_result_verification::Config for Test {
    type Window = Window;
}

/// Runs `test` at block 1 and checks the invariants after it.
pub fn build_and_execute(test: impl FnOnce()) {
    let storage = frame_system::GenesisConfig::<Test>::default()
        .build_storage()
        .expect("the genesis of the mock is valid; qed");
    sp_io::TestExternalities::from(storage).execute_with(|| {
        System::set_block_number(1);
        test();
        ResultVerification::do_try_state().expect("the invariants hold");
    });
}
