//! [`StepRecord`]: a step of an optimization that ended.

use std::borrow::Cow;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::super::timestamp::Timestamp;
use super::cost_json;
use crate::resources::Cost;

/// A step of an optimization that ended, for people who want to see how it goes; nothing is
/// continued from it.
///
/// An optimization that is begun anew writes its steps anew, from the first one on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepRecord {
    /// What optimizes: `trainer` or `gepa`.
    pub optimizer: Cow<'static, str>,
    /// Its place among the steps, from 0: how it was before.
    pub step: u64,
    /// When it ended.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: StepOutcome,
    /// Why, in a sentence, if there is more to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The mean on the validation examples: of the pipeline after the step, or of the
    /// candidate that it is about, if it was tried on all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Of an optimizer with several candidates: the step that each of those became one in which this
    /// one is made of.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub parents: Box<[u64]>,
    /// The texts that are new, by the path of their parameters; in the first step all that may change.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub texts: IndexMap<Arc<str>, Arc<str>>,
    /// The calls of the whole optimization up to its end.
    #[serde(default)]
    pub calls: u64,
    /// What these cost, as far as that is known.
    #[serde(
        default,
        with = "cost_json",
        skip_serializing_if = "cost_json::is_nothing"
    )]
    pub cost: Cost,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepOutcome {
    /// It is how it was before.
    Start,
    /// The new texts are better, or a candidate of their own.
    Accepted,
    /// They are not, or that could not be told.
    Rejected,
    /// Nothing new was proposed.
    Unchanged,
    /// What a later version of the engine says.
    #[serde(other)]
    Other,
}
