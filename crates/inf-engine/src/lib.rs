//! inf-engine
pub mod clients;
