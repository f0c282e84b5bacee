//! `inf simulate`: serve a simulated model.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use inf_engine::clients::simulated::{
    InvalidSetting, Quota, SimulatedClient, SimulatedSettings, TokenQuota,
};
use tokio::net::TcpListener;

use crate::arguments::SimulateArguments;
use crate::command_error::{CommandError, io_reason};
use crate::console::{counted, grouped, tell};
use crate::exit_code::Exit;
use crate::interrupt::Interrupts;
use crate::simulated_server::{Simulation, serve};

/// The name by which a server that takes every name lists its model.
const NAMELESS: &str = "simulated";

pub(crate) fn execute(arguments: SimulateArguments) -> Result<Exit, CommandError> {
    let settings = settings(&arguments)?;
    let name = arguments
        .model
        .clone()
        .unwrap_or_else(|| NAMELESS.to_owned());
    let client = SimulatedClient::new(name, settings).map_err(|invalid| in_options(&invalid))?;
    let simulation = Arc::new(Simulation::new(client, arguments.model));
    let address = SocketAddr::new(arguments.host, arguments.port);
    super::block_on(listen(address, simulation))
}

/// Serves until Ctrl-C or a request to terminate, both of which are how a
/// server is meant to end.
async fn listen(address: SocketAddr, simulation: Arc<Simulation>) -> Result<Exit, CommandError> {
    let cannot = |error: std::io::Error| {
        let reason = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program has it; take another `--port`, or 0 for a free one".into()
            }
            std::io::ErrorKind::AddrNotAvailable => {
                "this machine does not have that address; see `--host`".into()
            }
            _ => io_reason(&error),
        };
        CommandError::new(format!("can't listen on {address}: {reason}"))
    };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let bound = listener.local_addr().map_err(cannot)?;
    let mut interrupts = Interrupts::listen().map_err(cannot)?;
    if !bound.ip().is_loopback() {
        tell("warning: other machines can reach this server, and it asks for no key");
    }
    tell(format_args!("listening on http://{bound}/v1"));
    tokio::select! {
        served = serve(listener, Arc::clone(&simulation)) => served.map_err(cannot)?,
        () = interrupts.next() => {}
    }
    let stats = simulation.stats();
    let count = |key: &str| stats[key].as_u64().unwrap_or(0);
    tell(format_args!(
        "served {}, refused {} over the quota, failed {} on purpose, rejected {}",
        counted(count("calls"), "call", "calls"),
        grouped(count("rate_limited")),
        grouped(count("faulted")),
        counted(count("rejected"), "bad request", "bad requests"),
    ));
    Ok(Exit::Success)
}

fn settings(arguments: &SimulateArguments) -> Result<SimulatedSettings, CommandError> {
    let mut settings = match &arguments.settings {
        Some(path) => read_settings(path)?,
        None => SimulatedSettings::default(),
    };
    set(&mut settings.seed, arguments.seed);
    set(&mut settings.answer, arguments.answer.clone());
    set(&mut settings.latency.median_ms, arguments.latency);
    set(&mut settings.latency.spread, arguments.latency_spread);
    set(&mut settings.faults.error_ratio, arguments.faults);
    set(&mut settings.faults.disconnect_ratio, arguments.disconnects);
    if arguments.capacity.is_some() {
        settings.capacity = arguments.capacity;
    }
    if let Some(rate) = arguments.quota {
        settings
            .quota
            .get_or_insert_with(Quota::default)
            .requests_per_second = rate;
    }
    if let Some(rate) = arguments.token_quota {
        settings
            .token_quota
            .get_or_insert_with(TokenQuota::default)
            .tokens_per_minute = rate;
    }
    match &mut settings.quota {
        Some(quota) => set(&mut quota.burst, arguments.burst),
        None if arguments.burst.is_some() => {
            let message = "`--burst` says more about a quota: set one with `--quota`";
            return Err(CommandError::new(message));
        }
        None => {}
    }
    if arguments.no_retry_hint {
        if settings.quota.is_none() && settings.token_quota.is_none() {
            let message = "`--no-retry-hint` says more about a quota: set one with `--quota` or \
                           `--token-quota`";
            return Err(CommandError::new(message));
        }
        if let Some(quota) = &mut settings.quota {
            quota.hint = false;
        }
        if let Some(quota) = &mut settings.token_quota {
            quota.hint = false;
        }
    }
    Ok(settings)
}

fn set<T>(setting: &mut T, option: Option<T>) {
    if let Some(value) = option {
        *setting = value;
    }
}

fn read_settings(path: &Path) -> Result<SimulatedSettings, CommandError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| CommandError::new(format!("can't read {shown}: {}", io_reason(&error))))?;
    let settings: SimulatedSettings =
        serde_saphyr::from_str(&text).map_err(|error| not_settings(path, &error))?;
    let valid = settings.validate();
    valid.map_err(|invalid| CommandError::new(format!("{shown}: {invalid}")))?;
    Ok(settings)
}

/// The sentence, with the place in the form that editors open.
fn not_settings(path: &Path, error: &serde_saphyr::Error) -> CommandError {
    let plain = error.without_snippet();
    let told = plain.to_string();
    let what = told
        .rsplit_once(" at line ")
        .map_or(&*told, |(what, _)| what);
    let path = path.display();
    CommandError::new(match plain.location() {
        Some(place) => format!("{path}:{}:{}: {what}", place.line(), place.column()),
        None => format!("{path}: {what}"),
    })
}

/// The sentence, with the option that sets what is wrong.
fn in_options(invalid: &InvalidSetting) -> CommandError {
    let option = match invalid.key.as_str() {
        "latency.median_ms" => "--latency",
        "latency.spread" => "--latency-spread",
        "quota.requests_per_second" => "--quota",
        "quota.burst" => "--burst",
        "token_quota.tokens_per_minute" => "--token-quota",
        "capacity" => "--capacity",
        "faults.error_ratio" => "--faults",
        "faults.disconnect_ratio" => "--disconnects",
        "answer.template" => "--answer",
        _ => return CommandError::new(invalid.to_string()),
    };
    CommandError::new(format!("`{option}` {}", invalid.problem))
}
