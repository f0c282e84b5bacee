//! [`MetricsServer`]: serves the numbers of a run at `/metrics`.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use inf_engine::execution::{Budget, NodeMetrics, Pipeline, Progress};
use inf_engine::graph::InferenceGraph;
use inf_engine::resources::{ResourceManager, ResourceMetrics};

use super::exposition::{Exposition, MEDIA_TYPE};
use super::families::{Rows, idle_rows, node_rows, tell_budget, tell_limits, tell_rows, tell_run};

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
    graph: Arc<InferenceGraph>,
    nodes: NodeMetrics,
    budget: Option<Budget>,
    /// As it was lately.
    progress: Mutex<Progress>,
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
    /// What there is of a run of `pipeline` that has just begun.
    pub(crate) fn new(
        pipeline: &Pipeline,
        nodes: &NodeMetrics,
        budget: Option<&Budget>,
        progress: Progress,
    ) -> Self {
        Self(Arc::new(Inner {
            resources: Arc::clone(pipeline.resources()),
            graph: Arc::clone(pipeline.graph()),
            nodes: nodes.clone(),
            budget: budget.cloned(),
            progress: Mutex::new(progress),
        }))
    }

    /// Notes how far the run is.
    pub(crate) fn note(&self, progress: Progress) {
        *self.progress() = progress;
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) -> String {
        let inner = &self.0;
        let mut out = Exposition::default();
        tell_run(&mut out, &self.progress());
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
        let nodes = inner.nodes.nodes();
        // Nodes are known once the run has come to its first turn.
        let none = ResourceMetrics::default();
        let rows = if nodes.is_empty() {
            idle_rows(&inner.graph, &none)
        } else {
            node_rows(&nodes)
        };
        tell_rows(&mut out, &rows);
        out.into_text()
    }
}

#[cfg(test)]
mod tests {
    use inf_engine::Value;
    use inf_engine::clients::simulated::SimulatedSettings;
    use inf_engine::resources::ResourceConfig;

    use super::*;

    /// Who watches adds up what counters grow by, from their first number on.
    #[tokio::test]
    async fn all_counters_are_there_before_anything_happens() {
        let text = "version: 1\nname: one\ninput: any\nnodes:\n  \
                    answer: { llm: fast, prompt: \"{input}\" }\noutput: answer\n";
        let graph = InferenceGraph::from_text(text).expect("a pipeline");
        let resources = ResourceConfig::simulated(["fast"], &SimulatedSettings::default());
        let pipeline = graph.bind(resources).expect("bound");
        // The run's first turn comes when this test waits, and it does not.
        let results = pipeline.stream(Vec::<Value>::new());
        let watched = Watched::new(&pipeline, &NodeMetrics::new(), None, results.progress());
        let told = watched.tell();
        for counter in [
            "inf_inputs_total{outcome=\"succeeded\"} 0",
            "inf_endpoint_requests_total{alias=\"fast\",endpoint=\"fast\",model=\"simulated\"} 0",
            "inf_node_answers_total{pipeline=\"one\",node=\"answer\",alias=\"fast\"} 0",
        ] {
            assert!(
                told.lines().any(|line| line == counter),
                "{counter}\n{told}"
            );
        }
    }
}
