//! [`MetricsServer`]: serves the numbers of a run at `/metrics`.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use inf_engine::execution::{Budget, NodeMetrics, Progress};
use inf_engine::resources::ResourceManager;

use super::exposition::{Exposition, MEDIA_TYPE};
use super::families::{Rows, node_rows, tell_budget, tell_limits, tell_rows, tell_run};

/// An address that numbers will be served at: nobody else can take it.
#[derive(Debug)]
pub(crate) struct MetricsServer {
    listener: TcpListener,
    address: SocketAddr,
}

/// What is told of, as it is at the moment.
#[derive(Clone)]
pub(crate) struct Watched(Arc<Inner>);

struct Inner {
    resources: Arc<ResourceManager>,
    nodes: NodeMetrics,
    budget: Option<Budget>,
    /// As it was lately.
    progress: Mutex<Option<Progress>>,
}

impl MetricsServer {
    /// Takes `address`; nothing is served yet.
    pub(crate) fn at(address: SocketAddr) -> Result<Self, String> {
        let taken = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        });
        taken.map_err(|error| {
            let why = match error.kind() {
                ErrorKind::AddrInUse => {
                    "another program has that port: take another one, or 0 for a free one"
                        .to_owned()
                }
                ErrorKind::PermissionDenied => {
                    "this user may not: take a port from 1024".to_owned()
                }
                ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
                _ => error.to_string(),
            };
            format!("--metrics: can't listen on {address}: {why}")
        })
    }

    /// Where it is found.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }

    /// Serves what is `watched` until the program ends.
    pub(crate) fn serve(self, watched: Watched) -> Result<(), String> {
        let listener = tokio::net::TcpListener::from_std(self.listener)
            .map_err(|error| format!("--metrics: {error}"))?;
        let answer = move || {
            let text = watched.tell();
            async move { ([(CONTENT_TYPE, MEDIA_TYPE)], text).into_response() }
        };
        let routes = Router::new().route("/metrics", get(answer));
        tokio::spawn(async move {
            // It never ends by itself.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(())
    }
}

impl Watched {
    pub(crate) fn new(
        resources: &Arc<ResourceManager>,
        nodes: &NodeMetrics,
        budget: Option<&Budget>,
    ) -> Self {
        Self(Arc::new(Inner {
            resources: Arc::clone(resources),
            nodes: nodes.clone(),
            budget: budget.cloned(),
            progress: Mutex::default(),
        }))
    }

    /// Notes how far the run is.
    pub(crate) fn note(&self, progress: Progress) {
        *self
            .0
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    fn tell(&self) -> String {
        let inner = &self.0;
        let mut out = Exposition::default();
        let progress = inner
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = progress.as_ref() {
            tell_run(&mut out, progress);
        }
        drop(progress);
        if let Some(budget) = &inner.budget {
            tell_budget(&mut out, budget);
        }
        let endpoints = inner.resources.endpoints();
        let rows = endpoints.iter().map(|report| {
            let labels = vec![
                ("alias", report.alias.as_str()),
                ("endpoint", report.name.as_str()),
                ("model", report.model.as_deref().unwrap_or_default()),
            ];
            (labels, &report.metrics)
        });
        let rows = Rows {
            prefix: "inf_endpoint",
            whose: "endpoint",
            all: rows.collect(),
        };
        tell_rows(&mut out, &rows);
        tell_limits(&mut out, &rows);
        tell_rows(&mut out, &node_rows(&inner.nodes.nodes()));
        out.into_text()
    }
}
