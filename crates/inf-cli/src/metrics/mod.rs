//! Numbers of a run for Prometheus, served while it goes on: what is told is in
//! `families`, how that is written in `exposition`.

mod exposition;
mod families;
mod server;

pub(crate) use server::{MetricsServer, Watched};
