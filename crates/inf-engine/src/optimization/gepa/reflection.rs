//! Reflection: from what was said of a parent's outputs to a child's texts.

use std::sync::Arc;

use futures_util::future::join_all;

use super::Components;
use super::pool::Candidate;
use crate::execution::{Overlay, Pipeline};
use crate::optimization::backward::{Learning, trace_back};
use crate::optimization::optimizer::{
    Asked, Attempt, AttemptOutcome, NoProposal, Proposer, Upstream, aggregate, known, shown,
};
use crate::optimization::{Reasoner, Scored};
use crate::parameter::{Feedback, ParameterPath};

/// The failed attempts that a model is shown.
const SHOWN_ATTEMPTS: usize = 5;

/// What came of a reflection.
pub(super) struct Child {
    /// The texts of all parameters; those of the parent if nothing was proposed.
    pub(super) texts: Overlay,
    /// Those that changed.
    pub(super) changed: Vec<ParameterPath>,
    /// What was proposed and is not allowed.
    pub(super) unfit: Vec<(ParameterPath, Attempt)>,
    /// Questions of the backward pass that had no answer.
    pub(super) unanswered: usize,
}

/// Who reflects.
pub(super) struct Reflection<'r> {
    pub(super) pipeline: &'r Pipeline,
    pub(super) proposer: &'r Proposer,
    pub(super) reasoner: Option<&'r Reasoner>,
    pub(super) components: Components,
    pub(super) learning: &'r Learning,
}

impl Reflection<'_> {
    /// A child of `parent`, whose outputs `scored` are.
    pub(super) async fn child(&self, parent: &Candidate, scored: &[Scored]) -> Child {
        let report = trace_back(self.pipeline, scored, self.reasoner).await;
        let mut child = Child {
            texts: parent.texts.clone(),
            changed: Vec::new(),
            unfit: Vec::new(),
            unanswered: report.unanswered.len(),
        };
        let graph = self.pipeline.graph();
        let chosen = self.chosen(parent);
        for level in self.learning.levels(graph) {
            let upstream: Vec<Upstream> = child
                .changed
                .iter()
                .filter_map(|path| {
                    let text = |texts: &Overlay| texts.get(path.as_str()).cloned();
                    Some(Upstream {
                        path: path.clone(),
                        before: text(&parent.texts)?,
                        after: text(&child.texts)?,
                    })
                })
                .collect();
            let proposals = level.into_iter().filter_map(|parameter| {
                let found = &graph.parameters()[parameter.index()];
                let feedback = report.examples.iter().flat_map(|flow| &flow.parameters);
                let feedback = feedback.filter(|(path, _)| *path == found.path);
                let feedback: Vec<Feedback> =
                    feedback.map(|(_, feedback)| feedback.clone()).collect();
                let is_chosen = chosen.as_ref().is_none_or(|chosen| *chosen == found.path);
                let description = found.parameter.description();
                (is_chosen && !feedback.is_empty()).then(|| {
                    let (path, upstream) = (&found.path, &upstream);
                    async move {
                        let description = description.as_deref().unwrap_or("a part of a prompt");
                        let proposed = self.propose(parent, path, description, &feedback, upstream);
                        (path.clone(), proposed.await)
                    }
                })
            });
            let proposals: Vec<_> = proposals.collect();
            for (path, proposed) in join_all(proposals).await {
                match proposed {
                    Some(Ok(text)) => {
                        child.texts = child.texts.with(path.clone(), text);
                        child.changed.push(path);
                    }
                    Some(Err(attempt)) => child.unfit.push((path, attempt)),
                    None => {}
                }
            }
        }
        child
    }

    /// The only parameter that may change, if they take turns.
    fn chosen(&self, parent: &Candidate) -> Option<ParameterPath> {
        match self.components {
            Components::All => None,
            Components::RoundRobin => {
                let paths: Vec<&ParameterPath> =
                    parent.texts.iter().map(|(path, _)| path).collect();
                let chosen = paths.get(parent.next_component.checked_rem(paths.len())?)?;
                Some((*chosen).clone())
            }
        }
    }

    async fn propose(
        &self,
        parent: &Candidate,
        path: &ParameterPath,
        description: &str,
        feedback: &[Feedback],
        upstream: &[Upstream],
    ) -> Option<Result<Arc<str>, Attempt>> {
        let current = parent.texts.get(path.as_str())?;
        let failed = parent.failed.iter().filter(|(known, _)| known == path);
        let failed: Vec<Attempt> = failed.map(|(_, attempt)| attempt.clone()).collect();
        let said = aggregate(feedback, &self.proposer.reasoner).await.ok()?;
        let asked = Asked {
            path,
            description,
            current,
            feedback: &said,
            history: &shown(&failed, SHOWN_ATTEMPTS),
            upstream,
            examples: &known(feedback, &["prompt", "output", "expected"]),
            answers: &known(feedback, &["expected"]),
            // A child that was made before is found in the pool.
            settled: &[],
            is_again: false,
        };
        match self.proposer.propose(&asked).await {
            Ok(text) => Some(Ok(text.into())),
            Err(NoProposal::NoAnswer(_) | NoProposal::Same) => None,
            Err(NoProposal::Unfit { text, problem }) => Some(Err(Attempt {
                text: text.into(),
                change: None,
                outcome: AttemptOutcome::Unfit,
                is_joint: false,
                is_clearly_worse: false,
                why: problem,
            })),
        }
    }
}
