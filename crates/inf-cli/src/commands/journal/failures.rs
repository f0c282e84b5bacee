//! `inf journal DIR failures`: inputs without an output, by cause.

use std::fmt::Write;
use std::path::Path;

use indexmap::IndexMap;
use inf_engine::journal::Record;
use serde_json::{Value as Json, json};

use crate::command_error::CommandError;
use crate::console::{counted, shorten};
use crate::exit_code::Exit;
use crate::failed_inputs::{FailedInput, FailedInputs, FailureCause};

/// The inputs of a cause that are shown.
const SAMPLES: usize = 3;

pub(super) fn execute(folder: &Path, as_json: bool) -> Result<Exit, CommandError> {
    let mut failed = FailedInputs::default();
    super::read(super::open(folder)?, |record| {
        if let Record::Input(record) = record {
            failed.take(*record);
        }
    })?;
    let causes = failed.by_cause();
    let text = if as_json {
        lines_of_json(&causes)
    } else {
        shown(&causes)
    };
    crate::commands::print(&text)
}

fn shown(causes: &IndexMap<FailureCause, Vec<FailedInput>>) -> String {
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
        for FailedInput {
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
fn lines_of_json(causes: &IndexMap<FailureCause, Vec<FailedInput>>) -> String {
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
