//! Tests by group of calls. Every failing call is checked to leave the state as it was.

mod bonding;
mod genesis;
mod ledger;
mod property;
mod register;
mod status;
mod views;
mod workers;
