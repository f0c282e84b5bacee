//! `inf journal DIR failures`: inputs without an output, by cause.

use std::fmt::Write;
use std::path::Path;

use indexmap::IndexMap;
use inf_engine::journal::{InputFailure, InputIdentity, InputRecord, Record, RunNumber};
use serde_json::{Value as Json, json};

use crate::command_error::CommandError;
use crate::console::{counted, shorten};
use crate::exit_code::Exit;

/// The inputs of a cause that are shown.
const SAMPLES: usize = 3;

pub(super) fn execute(folder: &Path, as_json: bool) -> Result<Exit, CommandError> {
    let mut failed: IndexMap<InputIdentity, Failed> = IndexMap::new();
    super::read(super::open(folder)?, |record| {
        let Record::Input(record) = record else {
            return;
        };
        let input = record.input;
        let InputRecord {
            run,
            index,
            outcome,
            ..
        } = *record;
        match outcome {
            // It failed in an earlier run and has an output now.
            Ok(_) => drop(failed.shift_remove(&input)),
            Err(failure) => {
                let failure = Failed {
                    input,
                    run,
                    index,
                    failure,
                };
                failed.insert(input, failure);
            }
        }
    })?;
    let mut causes: IndexMap<(String, String), Vec<Failed>> = IndexMap::new();
    for failed in failed.into_values() {
        let failure = &failed.failure;
        let node = failure.node.as_deref().unwrap_or_default().to_owned();
        let cause = (node, failure.kind.to_string());
        causes.entry(cause).or_default().push(failed);
    }
    causes.sort_by(|_, one, _, other| other.len().cmp(&one.len()));
    let text = if as_json {
        lines_of_json(&causes)
    } else {
        shown(&causes)
    };
    crate::commands::print(&text)
}

struct Failed {
    input: InputIdentity,
    run: RunNumber,
    index: u64,
    failure: InputFailure,
}

fn shown(causes: &IndexMap<(String, String), Vec<Failed>>) -> String {
    if causes.is_empty() {
        return "no input failed\n".to_owned();
    }
    let mut text = String::new();
    for ((node, kind), failed) in causes {
        let count = counted(failed.len() as u64, "input", "inputs");
        // Writing to a text can't fail.
        let _ = match &**node {
            "" => writeln!(text, "{kind}: {count}"),
            node => writeln!(text, "{kind} at node `{node}`: {count}"),
        };
        for Failed {
            run,
            index,
            failure,
            ..
        } in failed.iter().take(SAMPLES)
        {
            let message = shorten(&failure.message, 200);
            let _ = write!(text, "  input {index} of run {run}: {message}");
            if let Some(path) = &failure.path {
                let _ = write!(text, " (at {path})");
            }
            if !failure.attempts.is_empty() {
                let _ = write!(text, " (attempt {})", failure.attempts.len() + 1);
            }
            text.push('\n');
            if let Some(answer) = &failure.answer {
                let _ = writeln!(text, "    the model answered: {}", shorten(answer, 200));
            }
        }
        if failed.len() > SAMPLES {
            let more = failed.len() - SAMPLES;
            let _ = writeln!(text, "  and {more} more");
        }
    }
    text
}

/// One line for each input.
fn lines_of_json(causes: &IndexMap<(String, String), Vec<Failed>>) -> String {
    let mut text = String::new();
    for failed in causes.values().flatten() {
        let failure: Json = serde_json::to_value(&failed.failure).unwrap_or_default();
        let line = json!({
            "run": failed.run.get(),
            "index": failed.index,
            "input": failed.input,
            "error": failure,
        });
        let _ = writeln!(text, "{line}");
    }
    text
}
