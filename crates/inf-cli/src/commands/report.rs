//! `inf report`: a run as a page.

use std::io::Write as _;
use std::path::Path;

use crate::arguments::{Place, ReportArguments};
use crate::command_error::CommandError;
use crate::console::tell;
use crate::exit_code::Exit;
use crate::output::{cannot_write, check_file, empty, journal_files, open_alone};
use crate::report;

pub(crate) fn execute(arguments: &ReportArguments) -> Result<Exit, CommandError> {
    let source = &*arguments.source;
    let output = match &arguments.output {
        Place::File(path) => Some(&**path),
        Place::Standard => None,
    };
    if let Some(output) = output {
        let own = journal_files(source);
        let others: Vec<&Path> = own.iter().map(AsRef::as_ref).chain([source]).collect();
        check_file("page", output, &others).map_err(CommandError::new)?;
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
    let mut file = open_alone(output).map_err(CommandError::new)?;
    let written = empty(&file).and_then(|()| file.write_all(page.as_bytes()));
    written.map_err(|error| CommandError::new(cannot_write(output, &error)))?;
    tell(format_args!("{shown} is written: open it in a browser"));
    Ok(Exit::Success)
}
