//! Configuration of every pallet, one file a theme.

mod consensus;
mod market;
mod monetary;
pub mod parameters;
mod system;
mod utility;

pub use consensus::BABE_GENESIS_CONFIG;
pub use market::{AuditPoolAccount, TreasuryAccount};
pub use utility::ProxyType;
