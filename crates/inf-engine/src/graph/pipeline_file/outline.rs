//! [`Outline`]: the nodes and regions of a file, before what they do is read.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::document::{NodeDocument, NodeDocuments, RegionDocument};
use crate::document::Problem;
use crate::graph::{GraphBuilder, RegionRef};

/// The nodes and regions of a file. What a node does may refer to nodes that
/// are further down, so all have their places first.
#[derive(Default)]
pub(super) struct Outline<'d> {
    /// In the order in which they are added to a graph, after the input.
    pub(super) entries: Vec<Entry<'d>>,
    /// What regions give.
    pub(super) outputs: Vec<Output<'d>>,
    pub(super) problems: Vec<Problem>,
}

/// A node or an argument.
pub(super) struct Entry<'d> {
    pub(super) name: Cow<'d, str>,
    /// Where it is written: `nodes.reply.then.nodes.fix`.
    pub(super) place: String,
    pub(super) region: RegionRef,
    /// `None` for an argument.
    pub(super) document: Option<&'d NodeDocument>,
    /// The regions that it runs, in their order.
    pub(super) regions: Vec<RegionRef>,
}

/// What a region gives.
pub(super) struct Output<'d> {
    pub(super) region: RegionRef,
    pub(super) place: String,
    pub(super) given: Given<'d>,
}

/// What is written of an output; nothing where it is missing.
pub(super) enum Given<'d> {
    /// Not even the region is there.
    Nothing,
    Value(Option<&'d Json>),
    /// The next state of a loop, and whether it is done.
    State {
        state: Option<&'d Json>,
        done: Option<&'d Json>,
    },
}

impl<'d> Outline<'d> {
    /// Of a whole file. The regions are added to `builder`.
    pub(super) fn new(nodes: &'d NodeDocuments, builder: &mut GraphBuilder) -> Self {
        let mut outline = Self::default();
        outline.add_nodes(nodes, "nodes", RegionRef::ROOT, builder);
        outline
    }

    /// The names of all nodes, by their places in the graph.
    pub(super) fn names(&self) -> Vec<&str> {
        let names = self.entries.iter().map(|entry| &*entry.name);
        ["input"].into_iter().chain(names).collect()
    }

    fn add_nodes(
        &mut self,
        nodes: &'d NodeDocuments,
        place: &str,
        region: RegionRef,
        builder: &mut GraphBuilder,
    ) {
        for (name, document) in nodes {
            let place = format!("{place}.{name}");
            let at = self.entries.len();
            self.entries.push(Entry {
                name: name.as_str().into(),
                place: place.clone(),
                region,
                document: Some(document),
                regions: Vec::new(),
            });
            self.entries[at].regions = self.add_regions(document, &place, builder);
        }
    }

    /// Adds the regions of a node, if it has one kind only.
    fn add_regions(
        &mut self,
        document: &'d NodeDocument,
        place: &str,
        builder: &mut GraphBuilder,
    ) -> Vec<RegionRef> {
        let mut arm = |name: &str, region: Option<&'d RegionDocument>| {
            self.add_arm(region, &format!("{place}.{name}"), builder)
        };
        match document.kinds()[..] {
            ["if"] => vec![
                arm("then", document.then.as_deref()),
                arm("else", document.r#else.as_deref()),
            ],
            ["try"] => vec![
                arm("try", document.r#try.as_deref()),
                arm("fallback", document.fallback.as_deref()),
            ],
            ["match"] => {
                let cases = document.cases.iter().flatten();
                let cases = cases.map(|(case, region)| arm(&format!("cases.{case}"), Some(region)));
                let mut regions: Vec<RegionRef> = cases.collect();
                if let Some(default) = &document.default {
                    regions.push(arm("default", Some(default)));
                }
                regions
            }
            ["map" | "filter" | "repeat"] => vec![self.add_body(document, 1, place, builder)],
            ["fold"] => vec![self.add_body(document, 2, place, builder)],
            _ => Vec::new(),
        }
    }

    fn add_arm(
        &mut self,
        document: Option<&'d RegionDocument>,
        place: &str,
        builder: &mut GraphBuilder,
    ) -> RegionRef {
        let region = builder.add_region();
        if document.is_none() {
            let message = "it is missing: say what runs there, as `{ nodes: {…}, output: … }`";
            self.problems.push(Problem::new(place, message));
        }
        self.outputs.push(Output {
            region,
            place: place.to_owned(),
            given: match document {
                Some(document) => Given::Value(document.output.as_ref()),
                None => Given::Nothing,
            },
        });
        if let Some(document) = document {
            self.add_nodes(&document.nodes, &format!("{place}.nodes"), region, builder);
        }
        region
    }

    /// Adds the region of a node that has its body in itself.
    fn add_body(
        &mut self,
        document: &'d NodeDocument,
        arguments: usize,
        place: &str,
        builder: &mut GraphBuilder,
    ) -> RegionRef {
        let region = builder.add_region();
        self.outputs.push(Output {
            region,
            place: place.to_owned(),
            given: if document.repeat.is_some() {
                Given::State {
                    state: document.output.as_ref(),
                    done: document.until.as_ref(),
                }
            } else {
                Given::Value(document.output.as_ref())
            },
        });
        let named: Vec<Option<&str>> = match &document.r#as {
            None => Vec::new(),
            Some(Json::Array(names)) => names.iter().map(Json::as_str).collect(),
            Some(name) => vec![name.as_str()],
        };
        if named.len() != arguments || named.contains(&None) {
            let message = if arguments == 1 {
                "the body needs a name for what it is given: write one, as in `as: chunk`"
            } else {
                "the body needs names for what is there so far and for the next element: write \
                 both, as in `as: [so_far, next]`"
            };
            let place = format!("{place}.as");
            self.problems.push(Problem::new(place, message));
        }
        // Names that are missing are made up, so that all else is read.
        for index in 0..arguments {
            let name = named.get(index).copied().flatten();
            let made_up = || Cow::from(format!("_{}", self.entries.len()));
            self.entries.push(Entry {
                name: name.map_or_else(made_up, Cow::from),
                place: format!("{place}.as"),
                region,
                document: None,
                regions: Vec::new(),
            });
        }
        if let Some(nodes) = &document.nodes {
            self.add_nodes(nodes, &format!("{place}.nodes"), region, builder);
        }
        region
    }
}
