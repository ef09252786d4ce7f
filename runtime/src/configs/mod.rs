//! Configuration of every pallet, one file a theme.

mod consensus;
mod emergency;
pub mod governance;
mod market;
mod migrations;
mod monetary;
pub mod parameters;
mod staking;
mod system;
mod utility;

pub use consensus::BABE_GENESIS_CONFIG;
pub use market::{AuditPoolAccount, TreasuryAccount};
pub use staking::EraPot;
pub use system::block_weights;
pub use utility::ProxyType;
