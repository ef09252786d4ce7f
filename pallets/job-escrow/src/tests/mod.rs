//! One file per call or theme.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod authorize;
mod cancel_job;
mod claim_job;
mod courier;
mod grace;
mod migrations;
mod poke;
mod property;
mod settlement;
mod submit_job;
mod submit_result;
mod sweep;
mod try_state;
mod views;
