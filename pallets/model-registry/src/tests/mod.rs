//! Tests by group of calls. Every failing call is checked to leave the state as it was.

mod genesis;
mod owner;
mod prices;
mod property;
mod register;
mod views;
