//! JSON Lines: an object for each row; what there is nothing of is `null`.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::RowWriter;
use super::row::{Cell, Column};

pub(super) struct JsonlWriter<W> {
    columns: &'static [Column],
    target: W,
}

impl<W: Write> JsonlWriter<W> {
    pub(super) fn new(columns: &'static [Column], target: W) -> Self {
        Self { columns, target }
    }
}

struct Object<'o>(&'static [Column], &'o [Cell]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (column, cell) in self.0.iter().zip(self.1) {
            match cell {
                Cell::Nothing => map.serialize_entry(column.name, &())?,
                Cell::Integer(value) => map.serialize_entry(column.name, value)?,
                Cell::Number(value) => map.serialize_entry(column.name, value)?,
                Cell::Text(text) => map.serialize_entry(column.name, text)?,
            }
        }
        map.end()
    }
}

impl<W: Write> RowWriter for JsonlWriter<W> {
    fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        serde_json::to_writer(&mut self.target, &Object(self.columns, &cells))?;
        self.target.write_all(b"\n")
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.target.flush()
    }
}
