//! Records as Parquet, for what reads tables.
//!
//! A row is a record: what queries ask for as columns, and its line as it is in the log, so that the chain of an export of all records
//! can still be computed.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::Value;

use super::query::Field;
use super::record::Line;
use super::time;

/// Rows of a group, and bytes of lines, which are kept in memory until it is written.
const GROUP_ROWS: usize = 65_536;
const GROUP_BYTES: usize = 64 << 20;

/// Members that are columns of their own, by their names in queries.
const COLUMNS: [Field; 17] = [
    Field::Kind,
    Field::Record,
    Field::Principal,
    Field::Issuer,
    Field::Operation,
    Field::Tier,
    Field::Surface,
    Field::Decision,
    Field::Reason,
    Field::Model,
    Field::Tool,
    Field::Method,
    Field::Path,
    Field::Status,
    Field::Trace,
    Field::Approval,
    Field::Policy,
];

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It cannot be written.
    #[error("cannot write the table: {0}")]
    Write(#[from] ParquetError),
    /// A line of the log is no record.
    #[error("record {0} of the log is not one; run `scopewarden audit verify`")]
    Record(u64),
}

/// A Parquet file that is being written.
pub struct Table<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    group: Group,
}

/// Rows that wait.
#[derive(Default)]
struct Group {
    index: Vec<i64>,
    time: Vec<Option<i64>>,
    stream: Vec<ByteArray>,
    seq: Vec<i64>,
    members: [Vec<Option<ByteArray>>; COLUMNS.len()],
    line: Vec<ByteArray>,
    bytes: usize,
}

impl<W: Write + Send> Table<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// [`ExportError::Write`].
    pub fn new(file: W) -> Result<Self, ExportError> {
        let members: String = COLUMNS
            .iter()
            .map(|field| format!("optional binary {} (STRING); ", field.name()))
            .collect();
        let schema = format!(
            "message audit {{ required int64 index; optional int64 time (TIMESTAMP(MILLIS,true)); \
             required binary stream (STRING); required int64 seq; {members}required binary line (STRING); }}"
        );
        let schema = Arc::new(parse_message_type(&schema)?);
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
        Ok(Self { writer, group: Group::default() })
    }

    /// Adds the record at `index` of the log.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn push(&mut self, index: u64, line: &str) -> Result<(), ExportError> {
        let known = Line::head(line).ok_or(ExportError::Record(index))?;
        let record: Value = serde_json::from_str(line).map_err(|_| ExportError::Record(index))?;
        let group = &mut self.group;
        group.index.push(signed(index));
        group.time.push(time::of(&record).map(|time| signed(time.0)));
        group.stream.push(known.stream.to_string().into_bytes().into());
        group.seq.push(signed(known.seq));
        for (column, field) in group.members.iter_mut().zip(COLUMNS) {
            column.push(field.values(&record).pop().map(|text| text.into_bytes().into()));
        }
        group.line.push(line.as_bytes().to_vec().into());
        group.bytes = group.bytes.saturating_add(line.len());
        if group.line.len() >= GROUP_ROWS || group.bytes >= GROUP_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`ExportError::Write`].
    pub fn finish(mut self) -> Result<W, ExportError> {
        self.flush()?;
        Ok(self.writer.into_inner()?)
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        let group = std::mem::take(&mut self.group);
        if group.line.is_empty() {
            return Ok(());
        }
        let mut columns = self.writer.next_row_group()?;
        write::<Int64Type, _>(&mut columns, &group.index, None)?;
        let (time, levels) = present(group.time);
        write::<Int64Type, _>(&mut columns, &time, Some(&levels))?;
        write::<ByteArrayType, _>(&mut columns, &group.stream, None)?;
        write::<Int64Type, _>(&mut columns, &group.seq, None)?;
        for column in group.members {
            let (values, levels) = present(column);
            write::<ByteArrayType, _>(&mut columns, &values, Some(&levels))?;
        }
        write::<ByteArrayType, _>(&mut columns, &group.line, None)?;
        columns.close()?;
        Ok(())
    }
}

/// Writes the next column; `levels` says where it has a value, if not everywhere.
fn write<T: DataType, W: Write + Send>(
    columns: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let Some(mut column) = columns.next_column()? else { return Ok(()) };
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

/// The values that are there, and where they are.
fn present<T>(column: Vec<Option<T>>) -> (Vec<T>, Vec<i16>) {
    let levels = column.iter().map(|value| i16::from(value.is_some())).collect();
    (column.into_iter().flatten().collect(), levels)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;

    use super::*;
    use crate::audit::fixtures::sample;

    #[test]
    fn a_table_has_every_record_with_its_line() {
        let lines = sample();
        let mut table = Table::new(Vec::new()).unwrap();
        for (index, line) in (0..).zip(&lines) {
            table.push(index, line).unwrap();
            if index == 4 {
                table.flush().unwrap();
            }
        }
        let bytes = table.finish().unwrap();
        let reader = SerializedFileReader::new(axum::body::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.num_row_groups(), 2);
        let names: Vec<String> = reader
            .metadata()
            .file_metadata()
            .schema_descr()
            .columns()
            .iter()
            .map(|c| c.name().to_owned())
            .collect();
        let place = |name: &str| names.iter().position(|known| known == name).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), lines.len());
        for (row, line) in rows.iter().zip(&lines) {
            assert_eq!(row.get_string(place("line")).unwrap(), line);
        }
        let delete = &rows[7];
        assert_eq!(delete.get_long(place("index")).unwrap(), 7);
        assert_eq!(delete.get_long(place("seq")).unwrap(), 4);
        assert_eq!(delete.get_timestamp_millis(place("time")).unwrap(), 1_795_514_407_000);
        assert_eq!(delete.get_string(place("operation")).unwrap(), "openai.models.delete");
        assert_eq!(delete.get_string(place("approval")).unwrap(), "apr_1");
        assert!(delete.get_string(place("tool")).is_err(), "there is none");
    }

    #[test]
    fn what_is_no_record_is_no_row() {
        let mut table = Table::new(Vec::new()).unwrap();
        assert!(matches!(table.push(3, "{}"), Err(ExportError::Record(3))));
        let reader =
            SerializedFileReader::new(axum::body::Bytes::from(table.finish().unwrap())).unwrap();
        assert_eq!(reader.num_row_groups(), 0);
    }
}
