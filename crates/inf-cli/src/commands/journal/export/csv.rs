//! CSV as in RFC 4180: the first row names the columns; what there is nothing of
//! is empty, and an empty text is `""`.

use std::io::{self, Write};

use super::RowWriter;
use super::row::{Cell, Column};

pub(super) struct CsvWriter<W> {
    target: W,
}

impl<W: Write> CsvWriter<W> {
    pub(super) fn new(columns: &'static [Column], target: W) -> io::Result<Self> {
        let mut writer = Self { target };
        let names: Vec<_> = columns.iter().map(|column| column.name).collect();
        writer.target.write_all(names.join(",").as_bytes())?;
        writer.target.write_all(b"\r\n")?;
        Ok(writer)
    }

    fn cell(&mut self, cell: &Cell) -> io::Result<()> {
        match cell {
            Cell::Nothing => Ok(()),
            Cell::Integer(value) => write!(self.target, "{value}"),
            Cell::Number(value) => write!(self.target, "{value}"),
            Cell::Text(text) => {
                let is_plain = !text.is_empty() && !text.contains(['"', ',', '\n', '\r', ' ']);
                if is_plain {
                    return self.target.write_all(text.as_bytes());
                }
                write!(self.target, "\"{}\"", text.replace('"', "\"\""))
            }
        }
    }
}

impl<W: Write> RowWriter for CsvWriter<W> {
    fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                self.target.write_all(b",")?;
            }
            self.cell(cell)?;
        }
        self.target.write_all(b"\r\n")
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.target.flush()
    }
}
