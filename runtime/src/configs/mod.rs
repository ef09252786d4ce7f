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
#[cfg(test)]
pub use staking::largest_election;
pub use staking::EraPot;
#[cfg(test)]
pub use system::block_length;
pub use system::block_weights;
pub use utility::ProxyType;
