//! [`Gathering`]: what a source tells, until all of it is known.

use std::hash::Hash;
use std::iter;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use inf_engine::clients::Usage;
use inf_engine::graph::GraphOutline;
use inf_engine::resources::Cost;

use super::drawing;
use super::model::{Graph, Inputs, Report, Row, Run, Series, Source, Unanswered};
use super::tally::{Ending, Tally};
use super::timeline::{Pause, Timeline};

/// A request that was sent. Moments and durations are microseconds, moments from
/// wherever the source begins to count.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// The place of its series.
    pub(super) series: u32,
    pub(super) run: u64,
    /// The place of its input in the run, from 0, if that is known.
    pub(super) input: Option<u64>,
    pub(super) began: u64,
    pub(super) waited: u64,
    pub(super) took: u64,
    pub(super) ending: Ending,
    /// The place of its failure among [`Gathering::kinds`].
    pub(super) kind: Option<u32>,
    /// Which sending of the same request it is, from 1.
    pub(super) attempt: u32,
    pub(super) tokens: (u64, u64),
    /// Millionths of a dollar.
    pub(super) cost: u64,
}

/// What a source tells.
#[derive(Default)]
pub(super) struct Gathering {
    pub(super) notes: Vec<String>,
    pub(super) inputs: Inputs,
    pub(super) runs: Vec<Run>,
    /// The graphs by name, as the newest run had them.
    graphs: IndexMap<String, Option<Arc<GraphOutline>>>,
    series: IndexMap<Series, Tally>,
    sent: Vec<Sent>,
    pauses: Vec<Pause>,
    /// The kinds of failures.
    kinds: IndexSet<String>,
    unanswered: IndexMap<(String, String), (u64, u64, Option<String>)>,
}

impl Gathering {
    /// The place of the graph called `name`; an outline replaces the one before.
    pub(super) fn graph(&mut self, name: &str, outline: Option<Arc<GraphOutline>>) -> usize {
        let place = self.graphs.get_index_of(name);
        let place = place.unwrap_or_else(|| self.graphs.insert_full(name.to_owned(), None).0);
        if let Some(outline) = outline.filter(|outline| is_sound(outline)) {
            self.graphs[place] = Some(outline);
        }
        place
    }

    /// The place of a series.
    pub(super) fn series(&mut self, series: &Series) -> u32 {
        let place = self.series.get_index_of(series);
        let place =
            place.unwrap_or_else(|| self.series.insert_full(series.clone(), Tally::default()).0);
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    pub(super) fn kind(&mut self, kind: &str) -> u32 {
        let place = self.kinds.get_index_of(kind);
        let place = place.unwrap_or_else(|| self.kinds.insert_full(kind.to_owned()).0);
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    pub(super) fn sent(&mut self, sent: Sent) {
        self.series[sent.series as usize].note(sent.ending, sent.took, sent.waited);
        self.sent.push(sent);
    }

    pub(super) fn charge(&mut self, series: u32, usage: Usage, cost: Cost) {
        self.series[series as usize].charge(usage, cost);
    }

    /// Counts a request that was sent again, of which nothing else is known.
    pub(super) fn retried(&mut self, series: u32) {
        self.series[series as usize].retried();
    }

    /// Whether there is a graph that can't be drawn.
    pub(super) fn lacks_outlines(&self) -> bool {
        self.graphs.values().any(Option::is_none)
    }

    /// Counts a request that was not answered.
    pub(super) fn unanswered(
        &mut self,
        series: u32,
        kind: &str,
        again: bool,
        message: Option<&str>,
    ) {
        let endpoint = self.series.get_index(series as usize);
        let endpoint = endpoint.map(|(series, _)| series.endpoint.clone());
        let known = self
            .unanswered
            .entry((endpoint.unwrap_or_default(), kind.to_owned()))
            .or_default();
        *(if again { &mut known.0 } else { &mut known.1 }) += 1;
        if known.2.is_none() {
            known.2 = message.map(str::to_owned);
        }
    }

    /// Keeps that `endpoint` was not to be called for a while.
    pub(super) fn pause(&mut self, endpoint: &str, from: u64, until: u64) {
        self.pauses.push(Pause {
            endpoint: endpoint.to_owned(),
            from,
            until,
        });
    }

    /// Puts series into the order of the nodes in their graphs.
    fn sort_series(&mut self) {
        let place = |series: &Series| {
            let outline = self.graphs.get_index(series.graph)?.1.as_ref()?;
            let name = series.node.rsplit('/').next();
            let mut nodes = outline.nodes.iter();
            nodes.position(|node| Some(node.name.as_str()) == name)
        };
        let mut order: Vec<usize> = (0..self.series.len()).collect();
        order.sort_by_key(|found| {
            let series = self.series.get_index(*found).map(|(series, _)| series);
            series.map(|series| (series.graph, place(series).unwrap_or(usize::MAX)))
        });
        let mut new_place = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            new_place[*old] = u32::try_from(new).unwrap_or(u32::MAX);
        }
        for sent in &mut self.sent {
            sent.series = new_place[sent.series as usize];
        }
        let mut series: Vec<_> = std::mem::take(&mut self.series)
            .into_iter()
            .map(Some)
            .collect();
        let sorted = order.iter().filter_map(|old| series[*old].take());
        self.series = sorted.collect();
    }

    /// What the page shows of it; `epoch` is when the source begins to count, in microseconds
    /// since the beginning of 1970, if that is known.
    pub(super) fn report(mut self, source: Source, epoch: Option<u64>) -> Report {
        self.sort_series();
        let has_costs = source.has_costs;
        let mut total = Tally::default();
        self.series.values().for_each(|tally| total.add(tally));
        let total = total.row("total".to_owned(), has_costs);
        let several = self.graphs.len() > 1;
        let node_name = |series: &Series| match self.graphs.get_index(series.graph) {
            Some((graph, _)) if several => format!("{graph} › {}", series.node),
            _ => series.node.clone(),
        };
        let rows = |name: &dyn Fn(&Series) -> Option<String>| {
            rows(&self.series, has_costs, |series| name(series))
        };
        let by_node = rows(&|series| Some(node_name(series)));
        let by_model = rows(&|series| series.model.clone());
        let by_endpoint = rows(&|series| Some(series.endpoint.clone()));
        let graphs = self
            .graphs
            .iter()
            .enumerate()
            .map(|(place, (name, outline))| {
                let of_graph = self
                    .series
                    .iter()
                    .filter(|(series, _)| series.graph == place);
                let tallies = sums(of_graph, |series| Some(series.node.clone()));
                let rows = tallies.into_iter().map(|(node, tally)| {
                    let row = tally.row(node.clone(), has_costs);
                    (node, row)
                });
                let rows: IndexMap<String, Row> = rows.collect();
                Graph {
                    name: name.clone(),
                    svg: outline
                        .as_ref()
                        .map(|outline| drawing::svg(name, outline, &rows))
                        .unwrap_or_default(),
                }
            });
        let graphs: Vec<Graph> = graphs.collect();
        let unanswered = self.unanswered.into_iter();
        let unanswered = unanswered.map(|((endpoint, kind), (again, failed, sample))| Unanswered {
            endpoint,
            kind,
            again,
            failed,
            sample,
        });
        let mut unanswered: Vec<Unanswered> = unanswered.collect();
        unanswered.sort_by_key(|cause| std::cmp::Reverse(cause.again + cause.failed));
        let series: Vec<Series> = self.series.into_keys().collect();
        let names: Vec<&str> = self.graphs.keys().map(String::as_str).collect();
        Report {
            title: names.join(", "),
            source,
            notes: self.notes,
            inputs: self.inputs,
            total,
            timeline: Timeline::of(self.sent, &series, &self.pauses, self.kinds, epoch),
            runs: self.runs,
            graphs,
            series,
            by_node,
            by_model,
            by_endpoint,
            failures: None,
            unanswered,
            optimization: None,
            parameters: Vec::new(),
        }
    }
}

/// The tallies of series with the same name, added up.
fn sums<'s, N: Hash + Eq>(
    series: impl Iterator<Item = (&'s Series, &'s Tally)>,
    name: impl Fn(&Series) -> Option<N>,
) -> IndexMap<N, Tally> {
    let mut sums: IndexMap<N, Tally> = IndexMap::new();
    for (series, tally) in series {
        if let Some(name) = name(series) {
            sums.entry(name).or_default().add(tally);
        }
    }
    sums
}

fn rows(
    series: &IndexMap<Series, Tally>,
    has_costs: bool,
    name: impl Fn(&Series) -> Option<String>,
) -> Vec<Row> {
    let sums = sums(series.iter(), name).into_iter();
    sums.map(|(name, tally)| tally.row(name, has_costs))
        .collect()
}

/// Whether everything that a graph names is in it, and nothing nests deeper than graphs do, or around
/// in a circle: sources are files, which may be damaged.
fn is_sound(outline: &GraphOutline) -> bool {
    /// The engine allows fewer.
    const DEEPEST: usize = 64;
    let around = |region: &usize| outline.nodes[outline.regions[*region].owner].region;
    let is_flat = |region: usize| {
        let nested = iter::successors(Some(region), around);
        nested.take(DEEPEST + 1).count() <= DEEPEST
    };
    let is_node = |place: usize| place < outline.nodes.len();
    let regions = outline.nodes.iter().filter_map(|node| node.region);
    let edges = outline.edges.iter();
    !outline.nodes.is_empty()
        && edges.flat_map(|edge| [edge.from, edge.to]).all(is_node)
        && outline.outputs.iter().copied().all(is_node)
        && outline.regions.iter().all(|region| is_node(region.owner))
        && regions
            .into_iter()
            .all(|region| region < outline.regions.len())
        && (0..outline.regions.len()).all(is_flat)
}
