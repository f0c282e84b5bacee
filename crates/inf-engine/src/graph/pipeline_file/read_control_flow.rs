//! From how a pipeline file has them to nodes of control flow.

use serde_json::Value as Json;

use super::document::NodeDocument;
use super::outline::{Given, Output};
use super::read::{NOTHING, Reader};
use crate::document::{Problem, did_you_mean};
use crate::graph::region::RegionLabel;
use crate::graph::{
    Arm, Branch, FailureKind, Fallback, Fold, FoldOrder, Keep, Map, Operation, RegionRef, Repeat,
    Shape,
};

impl Reader<'_> {
    /// What a node of control flow does that runs `regions`.
    pub(super) fn control_flow(
        &mut self,
        place: &str,
        kind: &str,
        document: &NodeDocument,
        regions: &[RegionRef],
    ) -> Option<Operation> {
        let mut given = |key: &str, json: &Option<Json>| {
            let json = json.as_ref().unwrap_or(&Json::Null);
            let place = format!("{place}.{key}");
            match key {
                "if" => self.condition(&place, json),
                _ => self.shape(&place, json),
            }
        };
        Some(match (kind, regions) {
            ("if", [then, otherwise]) => {
                let on = given("if", &document.r#if);
                Operation::Branch(Branch::on_condition(on, *then, *otherwise))
            }
            ("match", regions) => {
                let on = given("match", &document.r#match);
                let cases = document.cases.iter().flatten();
                let arms = cases.zip(regions).map(|((case, _), region)| Arm {
                    when: RegionLabel::case_of_text(case),
                    region: *region,
                });
                let arms: Vec<Arm> = arms.collect();
                let otherwise = regions.get(arms.len()).copied();
                let branch = Branch {
                    on,
                    arms,
                    otherwise,
                };
                Operation::Branch(branch)
            }
            ("map", [body]) => Operation::Map(Map {
                list: given("map", &document.map),
                body: *body,
                keep: match document.results {
                    Some(true) => Keep::Results,
                    _ => Keep::Outputs,
                },
            }),
            ("filter", [body]) => Operation::Map(Map {
                list: given("filter", &document.filter),
                body: *body,
                keep: Keep::Elements,
            }),
            ("fold", [body]) => {
                let initial = &document.initial;
                Operation::Fold(Fold {
                    list: given("fold", &document.fold),
                    initial: initial.is_some().then(|| given("initial", initial)),
                    body: *body,
                    order: match document.tree {
                        Some(true) => FoldOrder::Tree,
                        _ => FoldOrder::Sequential,
                    },
                })
            }
            ("repeat", [body]) => Operation::Repeat(Repeat {
                state: given("repeat", &document.repeat),
                body: *body,
                max: document.max.unwrap_or_else(|| {
                    let message = "the loop has no `max`: say how often it may run at most, as in \
                                   `max: 3`";
                    self.problems.push(Problem::new(place, message));
                    1
                }),
            }),
            ("try", [body, otherwise]) => Operation::Fallback(Fallback {
                body: *body,
                otherwise: *otherwise,
                on: self.failure_kinds(place, document),
            }),
            _ => return None,
        })
    }

    fn failure_kinds(&mut self, place: &str, document: &NodeDocument) -> Vec<FailureKind> {
        let mut kinds = Vec::new();
        for name in document.failures.iter().flatten() {
            if let Some(kind) = FailureKind::from_name(name) {
                kinds.push(kind);
            } else {
                let known = FailureKind::ALL.iter().map(|kind| kind.as_str());
                let hint = did_you_mean(name, known);
                let message = format!("there is no kind of failure `{name}`; {hint}");
                self.problems
                    .push(Problem::new(format!("{place}.failures"), message));
            }
        }
        kinds
    }

    /// What a region gives.
    pub(super) fn region_output(&mut self, found: &Output<'_>) -> Shape {
        let place = &found.place;
        let mut part = |key: &str, json: Option<&Json>, what: &str| {
            let Some(json) = json else {
                let message = format!("it has no `{key}`: {what}");
                self.problems.push(Problem::new(place.as_str(), message));
                return NOTHING;
            };
            let place = format!("{place}.{key}");
            match key {
                "until" => self.condition(&place, json),
                _ => self.shape(&place, json),
            }
        };
        match found.given {
            // It is told already that all of it is missing.
            Given::Nothing => NOTHING,
            Given::Value(output) => part(
                "output",
                output,
                "say what it gives, as in `output: answer`",
            ),
            Given::State { state, done } => {
                let next = "say what the next state is, as in `output: better`";
                let end = "say when it is done, as in `until: critique.accepted`";
                let state = part("output", state, next);
                let done = part("until", done, end);
                let fields = [(Repeat::STATE, state), (Repeat::DONE, done)];
                Shape::Map(fields.map(|(key, part)| (key.to_owned(), part)).into())
            }
        }
    }
}
