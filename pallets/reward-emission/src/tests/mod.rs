//! Unit and property tests.

mod claim;
mod config;
mod curve;
mod drip;
mod properties;
mod rounds;
