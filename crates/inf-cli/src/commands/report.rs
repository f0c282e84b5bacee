//! `inf report`: a run as a page.

use std::fs;
use std::path::Path;

use crate::arguments::{Place, ReportArguments};
use crate::command_error::{CommandError, io_reason};
use crate::console::tell;
use crate::exit_code::Exit;
use crate::output::check_file;
use crate::report;

pub(crate) fn execute(arguments: &ReportArguments) -> Result<Exit, CommandError> {
    let source = &*arguments.source;
    let output = match &arguments.output {
        Place::File(path) => Some(&**path),
        Place::Standard => None,
    };
    if let Some(output) = output {
        let journal = source.join("journal.jsonl");
        check_file("page", output, &[source, &journal]).map_err(CommandError::new)?;
    }
    let report = report::read(source, arguments.contents)?;
    let page = report::page(&report);
    match output {
        None => super::print(&page),
        Some(output) => write(output, &page),
    }
}

fn write(output: &Path, page: &str) -> Result<Exit, CommandError> {
    let shown = output.display();
    fs::write(output, page).map_err(|error| {
        CommandError::new(format!("can't write {shown}: {}", io_reason(&error)))
    })?;
    tell(format_args!("{shown} is written: open it in a browser"));
    Ok(Exit::Success)
}
