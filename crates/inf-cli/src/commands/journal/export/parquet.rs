//! Parquet, by the column writers of the `parquet` crate, without Arrow.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{ConvertedType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::RowWriter;
use super::row::{Cell, Column, Kind};

/// The rows that are in memory at most.
const GROUP: usize = 16_384;

pub(super) struct ParquetWriter<W: Write + Send> {
    columns: &'static [Column],
    file: SerializedFileWriter<W>,
    rows: Vec<Vec<Cell>>,
}

impl<W: Write + Send> ParquetWriter<W> {
    pub(super) fn new(columns: &'static [Column], target: W) -> io::Result<Self> {
        let fields = columns.iter().map(|column| {
            let (physical, converted) = match column.kind {
                Kind::Integer => (Physical::INT64, ConvertedType::NONE),
                Kind::Number => (Physical::DOUBLE, ConvertedType::NONE),
                Kind::Text => (Physical::BYTE_ARRAY, ConvertedType::UTF8),
            };
            let field = Type::primitive_type_builder(column.name, physical)
                .with_repetition(Repetition::OPTIONAL)
                .with_converted_type(converted);
            field.build().map(Arc::new)
        });
        let fields = fields.collect::<Result<_, _>>().map_err(of)?;
        let schema = Type::group_type_builder("row").with_fields(fields).build();
        let schema = Arc::new(schema.map_err(of)?);
        let properties = Arc::new(WriterProperties::builder().build());
        let file = SerializedFileWriter::new(target, schema, properties).map_err(of)?;
        Ok(Self {
            columns,
            file,
            rows: Vec::new(),
        })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        let mut place = 0;
        while let Some(mut column) = group.next_column()? {
            let cells = || self.rows.iter().map(|row| &row[place]);
            let levels: Vec<i16> = cells()
                .map(|cell| i16::from(*cell != Cell::Nothing))
                .collect();
            match self.columns[place].kind {
                Kind::Integer => {
                    let values: Vec<i64> = cells()
                        .filter_map(|cell| match cell {
                            // Servers may say anything of tokens.
                            Cell::Integer(value) => Some(i64::try_from(*value).unwrap_or(i64::MAX)),
                            _ => None,
                        })
                        .collect();
                    let typed = column.typed::<Int64Type>();
                    typed.write_batch(&values, Some(&levels), None)?;
                }
                Kind::Number => {
                    let values: Vec<f64> = cells()
                        .filter_map(|cell| match cell {
                            Cell::Number(value) => Some(*value),
                            _ => None,
                        })
                        .collect();
                    let typed = column.typed::<DoubleType>();
                    typed.write_batch(&values, Some(&levels), None)?;
                }
                Kind::Text => {
                    let values: Vec<ByteArray> = cells()
                        .filter_map(|cell| match cell {
                            Cell::Text(text) => Some(text.as_bytes().to_vec().into()),
                            _ => None,
                        })
                        .collect();
                    let typed = column.typed::<ByteArrayType>();
                    typed.write_batch(&values, Some(&levels), None)?;
                }
            }
            column.close()?;
            place += 1;
        }
        group.close()?;
        self.rows.clear();
        Ok(())
    }
}

impl<W: Write + Send> RowWriter for ParquetWriter<W> {
    fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        self.rows.push(cells);
        if self.rows.len() >= GROUP {
            self.write_group().map_err(of)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write_group().map_err(of)?;
        self.file.finish().map_err(of)?;
        self.file.inner_mut().flush()
    }
}

fn of(error: ParquetError) -> io::Error {
    io::Error::other(error)
}
