//! `inf journal DIR export`: all calls, or all inputs, as a table for other
//! programs.

mod csv;
mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;
mod row;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use inf_engine::journal::Record;

use row::{CALLS, Cell, Column, INPUTS, of_call, of_input};

use crate::arguments::{ExportFormat, ExportOptions, Exported, Place};
use crate::command_error::{CommandError, io_reason};
use crate::console::{counted, tell};
use crate::exit_code::Exit;
use crate::output::{check_file, empty, journal_files, open_alone};

/// Writes rows in one of the formats.
trait RowWriter {
    fn row(&mut self, cells: Vec<Cell>) -> io::Result<()>;
    fn finish(self: Box<Self>) -> io::Result<()>;
}

pub(super) fn execute(folder: &Path, options: &ExportOptions) -> Result<Exit, CommandError> {
    if options.format == ExportFormat::Parquet && cfg!(not(feature = "parquet")) {
        return Err(CommandError::new(
            "this `inf` was built without Parquet: export JSON Lines or CSV, or build it with \
             `cargo install --path crates/inf-cli --features parquet`",
        ));
    }
    let cannot_write = |error: &io::Error| {
        let place = match &options.output {
            Place::Standard => "stdout".to_owned(),
            Place::File(path) => path.display().to_string(),
        };
        CommandError::new(format!("can't write to {place}: {}", io_reason(error)))
    };
    let reader = super::open(folder)?;
    let target: Box<dyn Write + Send> = match &options.output {
        Place::Standard => Box::new(io::stdout()),
        Place::File(path) => {
            let own = journal_files(folder);
            let own = own.each_ref().map(PathBuf::as_path);
            check_file("export", path, &own).map_err(CommandError::new)?;
            let file = open_alone(path).map_err(CommandError::new)?;
            empty(&file).map_err(|error| cannot_write(&error))?;
            Box::new(file)
        }
    };
    let columns = match options.of {
        Exported::Calls => CALLS,
        Exported::Inputs => INPUTS,
    };
    let writer = writer(options.format, columns, BufWriter::new(target));
    let mut writer = writer.map_err(|error| cannot_write(&error))?;
    let mut written = Ok(());
    let mut rows = 0;
    super::read(reader, |record| {
        let row = match (options.of, record) {
            (Exported::Calls, Record::Call(call)) => of_call(&call),
            (Exported::Inputs, Record::Input(input)) => of_input(&input),
            _ => return,
        };
        if written.is_ok() {
            written = writer.row(row);
            rows += 1;
        }
    })?;
    match written.and_then(|()| writer.finish()) {
        // A reader that has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => return Err(cannot_write(&error)),
        Ok(()) => {}
    }
    if let Place::File(path) = &options.output {
        let rows = counted(rows, "row", "rows");
        tell(format_args!("{rows} in {}", path.display()));
    }
    Ok(Exit::Success)
}

fn writer(
    format: ExportFormat,
    columns: &'static [Column],
    target: BufWriter<Box<dyn Write + Send>>,
) -> io::Result<Box<dyn RowWriter>> {
    Ok(match format {
        ExportFormat::Jsonl => Box::new(jsonl::JsonlWriter::new(columns, target)),
        ExportFormat::Csv => Box::new(csv::CsvWriter::new(columns, target)?),
        #[cfg(feature = "parquet")]
        ExportFormat::Parquet => Box::new(parquet::ParquetWriter::new(columns, target)?),
        #[cfg(not(feature = "parquet"))]
        ExportFormat::Parquet => return Err(io::ErrorKind::Unsupported.into()),
    })
}
