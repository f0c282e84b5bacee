//! From nodes of control flow to how a pipeline file has them.

use serde_json::Value as Json;

use super::document::{NodeDocument, RegionDocument};
use crate::graph::region::RegionLabel;
use crate::graph::{
    Branch, Fallback, Fold, FoldOrder, InferenceGraph, Keep, Map, RegionRef, Repeat,
};

impl InferenceGraph {
    pub(super) fn write_branch(&self, branch: &Branch, document: &mut NodeDocument) {
        let on = Some(self.shape_json(&branch.on));
        if let Some((then, otherwise)) = branch.as_condition() {
            document.r#if = on;
            document.then = Some(Box::new(self.region_document(then)));
            document.r#else = Some(Box::new(self.region_document(otherwise)));
            return;
        }
        document.r#match = on;
        let arms = branch.arms.iter().map(|arm| {
            let case = RegionLabel::case_text(&arm.when);
            (case, self.region_document(arm.region))
        });
        document.cases = Some(arms.collect());
        let otherwise = branch.otherwise;
        document.default = otherwise.map(|region| Box::new(self.region_document(region)));
    }

    pub(super) fn write_map(&self, map: &Map, document: &mut NodeDocument) {
        let list = Some(self.shape_json(&map.list));
        if map.keep == Keep::Elements {
            document.filter = list;
        } else {
            document.map = list;
        }
        document.results = (map.keep == Keep::Results).then_some(true);
        self.write_body(map.body, document);
    }

    pub(super) fn write_fold(&self, fold: &Fold, document: &mut NodeDocument) {
        document.fold = Some(self.shape_json(&fold.list));
        document.initial = fold.initial.as_ref().map(|shape| self.shape_json(shape));
        document.tree = (fold.order == FoldOrder::Tree).then_some(true);
        self.write_body(fold.body, document);
    }

    pub(super) fn write_repeat(&self, repeat: &Repeat, document: &mut NodeDocument) {
        document.repeat = Some(self.shape_json(&repeat.state));
        document.max = Some(repeat.max);
        self.write_body(repeat.body, document);
        if let Some((state, done)) = Repeat::parts(self.region(repeat.body).output()) {
            document.output = Some(self.shape_json(state));
            document.until = Some(self.shape_json(done));
        }
    }

    pub(super) fn write_fallback(&self, fallback: &Fallback, document: &mut NodeDocument) {
        document.r#try = Some(Box::new(self.region_document(fallback.body)));
        document.fallback = Some(Box::new(self.region_document(fallback.otherwise)));
        let on = fallback.on.iter().map(|kind| kind.as_str().to_owned());
        document.failures = Some(on.collect()).filter(|on: &Vec<_>| !on.is_empty());
    }

    fn region_document(&self, region: RegionRef) -> RegionDocument {
        RegionDocument {
            nodes: self.nodes_of(region),
            output: Some(self.shape_json(self.region(region).output())),
        }
    }

    fn write_body(&self, body: RegionRef, document: &mut NodeDocument) {
        let region = self.region(body);
        let arguments = region.arguments();
        let mut names = arguments.map(|argument| Json::from(self.node(argument).name()));
        document.r#as = match (names.next(), names.next()) {
            (one, None) => one,
            (first, second) => Some(first.into_iter().chain(second).collect()),
        };
        let nodes = self.nodes_of(body);
        document.nodes = (!nodes.is_empty()).then_some(nodes);
        document.output = Some(self.shape_json(region.output()));
    }
}
