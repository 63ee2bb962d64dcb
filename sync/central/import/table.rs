//! Tables from files: CSV with a header, or JSON lines. Each record comes with the number of its line and either
//! its fields or the reason why it has none; a broken record never hides the ones after it.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read};

/// The longest line of JSON that is looked at; an article has some hundred bytes.
const LINE_BYTES_MAX: u64 = 1024 * 1024;
/// The most lines that a quoted field may go over.
const JOINED_LINES_MAX: usize = 20;
const TOO_LONG: &str = "the line is longer than a mebibyte";

/// A record: its fields by column, trimmed; lists are joined by `;`.
pub type Fields = HashMap<String, String>;

/// A record with the number of its (first) line.
pub struct Record {
    /// Line, from 1.
    pub line: u64,
    /// Fields, or why there are none.
    pub fields: Result<Fields, String>,
}

/// In which form a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Comma, semicolon or tab separated, with a header (RFC 4180).
    Csv,
    /// One JSON object a line.
    JsonLines,
}

impl Form {
    /// By the end of the file's name.
    pub fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "csv" | "tsv" | "txt" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            _ => None,
        }
    }
}

/// Names of columns in the file for names that the import knows, and values for columns that it lacks.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    /// Known name to name in the file.
    pub columns: HashMap<String, String>,
    /// Known name to a value for every record that has none.
    pub constants: HashMap<String, String>,
}

impl Mapping {
    fn known(&self, name: &str) -> String {
        let name = name.trim();
        let mapped = self.columns.iter().find(|(_, in_file)| in_file.as_str() == name);
        mapped.map_or_else(|| name.to_lowercase(), |(known, _)| known.clone())
    }

    fn complete(&self, mut fields: Fields) -> Fields {
        for (name, value) in &self.constants {
            let field = fields.entry(name.clone()).or_default();
            if field.is_empty() {
                field.clone_from(value);
            }
        }
        fields
    }
}

/// Reads the records of a file, one after the other.
pub fn records<'a>(
    file: impl Read + 'a,
    form: Form,
    mapping: &'a Mapping,
) -> std::io::Result<Box<dyn Iterator<Item = Record> + 'a>> {
    let mut file = BufReader::with_capacity(64 * 1024, file);
    if matches!(file.fill_buf()?, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return Err(std::io::Error::other("it is UTF-16: save it as UTF-8"));
    }
    match form {
        Form::Csv => csv_records(file, mapping),
        Form::JsonLines => {
            let lines = Lines::new(file);
            Ok(Box::new(JsonRecords { lines, mapping }))
        }
    }
}

/// The separator that the header has most of.
fn separator(header: &[u8]) -> u8 {
    let count = |separator: u8| header.iter().filter(|byte| **byte == separator).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|byte| count(*byte)).unwrap_or(b',')
}

/// Physical lines of a file, each with its number; lines that were looked at may be put back.
struct Lines<R> {
    file: BufReader<R>,
    number: u64,
    put_back: VecDeque<(u64, Line)>,
    is_over: bool,
}

enum Line {
    Whole(Vec<u8>),
    /// Longer than [`LINE_BYTES_MAX`]; it was skipped.
    TooLong,
    /// The file cannot be read on.
    Failed(String),
}

impl<R: Read> Lines<R> {
    fn new(file: BufReader<R>) -> Self {
        Self { file, number: 0, put_back: VecDeque::new(), is_over: false }
    }

    fn next(&mut self) -> Option<(u64, Line)> {
        if let Some(line) = self.put_back.pop_front() {
            return Some(line);
        }
        if self.is_over {
            return None;
        }
        self.number += 1;
        let mut bytes = Vec::new();
        let line = match (&mut self.file).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes) {
            Ok(0) => {
                self.is_over = true;
                return None;
            }
            Ok(_) if bytes.len() as u64 == LINE_BYTES_MAX && !bytes.ends_with(b"\n") => {
                self.skip_rest()
            }
            Ok(_) => Line::Whole(bytes),
            Err(error) => {
                self.is_over = true;
                Line::Failed(format!("the file cannot be read on: {error}"))
            }
        };
        Some((self.number, line))
    }

    /// The rest of a monstrous line is not kept.
    fn skip_rest(&mut self) -> Line {
        loop {
            let mut rest = Vec::new();
            match (&mut self.file).take(LINE_BYTES_MAX).read_until(b'\n', &mut rest) {
                Ok(read) if read > 0 && !rest.ends_with(b"\n") => {}
                Ok(_) => return Line::TooLong,
                Err(error) => {
                    self.is_over = true;
                    return Line::Failed(format!("the file cannot be read on: {error}"));
                }
            }
        }
    }
}

/// CSV, line by line: a quote that is never closed costs its own line, not the rest of the file.
struct CsvRecords<'a, R> {
    lines: Lines<R>,
    delimiter: u8,
    names: Vec<String>,
    mapping: &'a Mapping,
}

fn csv_records<'a>(
    file: BufReader<impl Read + 'a>,
    mapping: &'a Mapping,
) -> std::io::Result<Box<dyn Iterator<Item = Record> + 'a>> {
    let mut lines = Lines::new(file);
    let header = match lines.next() {
        Some((_, Line::Whole(header))) => header,
        None => Vec::new(),
        Some((_, Line::TooLong)) => return Err(std::io::Error::other("the header is too long")),
        Some((_, Line::Failed(reason))) => return Err(std::io::Error::other(reason)),
    };
    let header = header.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&header);
    let delimiter = separator(header);
    let names = parse_line(header, delimiter).unwrap_or_default();
    let names: Vec<String> =
        names.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
    if let Some(missing) = mapping.columns.values().find(|wanted| !names.contains(wanted)) {
        let missing = missing.escape_debug();
        return Err(std::io::Error::other(format!("its header has no column `{missing}`")));
    }
    let names = names.iter().map(|name| mapping.known(name)).collect();
    Ok(Box::new(CsvRecords { lines, delimiter, names, mapping }))
}

/// The fields of exactly one record (RFC 4180); `None` when a quote is not closed where a field may end, or when
/// the text is more than one record.
fn parse_line(text: &[u8], delimiter: u8) -> Option<Vec<Vec<u8>>> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let (field, end) = match text.get(at) {
            Some(b'"') => quoted_field(text, at + 1, delimiter)?,
            _ => {
                let rest = &text[at..];
                let end = rest.iter().position(|byte| *byte == delimiter).unwrap_or(rest.len());
                if rest[..end].contains(&b'\n') {
                    return None;
                }
                (rest[..end].to_vec(), at + end)
            }
        };
        fields.push(field);
        if end >= text.len() {
            return Some(fields);
        }
        at = end + 1;
    }
}

/// A field whose quote was opened just before `at`, and where it ends.
fn quoted_field(text: &[u8], mut at: usize, delimiter: u8) -> Option<(Vec<u8>, usize)> {
    let mut field = Vec::new();
    loop {
        match (text.get(at)?, text.get(at + 1)) {
            (b'"', Some(b'"')) => at += 1,
            (b'"', next) if next.is_none_or(|next| *next == delimiter) => {
                return Some((field, at + 1));
            }
            (b'"', _) => return None,
            _ => {}
        }
        field.push(text[at]);
        at += 1;
    }
}

/// Whether a field begins with a quote; elsewhere a quote is a letter, as in `5" nails`.
fn opens_a_quote(text: &[u8], delimiter: u8) -> bool {
    text.first() == Some(&b'"') || text.windows(2).any(|pair| pair == [delimiter, b'"'])
}

impl<R: Read> CsvRecords<'_, R> {
    fn fields(&mut self, line: Vec<u8>) -> Result<Fields, String> {
        if let Some(record) = parse_line(&line, self.delimiter) {
            return csv_fields(&record, &self.names, self.mapping);
        }
        if !opens_a_quote(&line, self.delimiter) {
            return Err("the line is not one record".into());
        }
        match self.join(line) {
            Some(record) => csv_fields(&record, &self.names, self.mapping),
            None => Err("a quote is opened and not closed".into()),
        }
    }

    /// Takes following lines into a quoted field until it makes a record of the right width.
    fn join(&mut self, first: Vec<u8>) -> Option<Vec<Vec<u8>>> {
        let mut text = first;
        let mut taken = Vec::new();
        for _ in 0..JOINED_LINES_MAX {
            let Some((number, line)) = self.lines.next() else { break };
            let Line::Whole(next) = line else {
                taken.push((number, line));
                break;
            };
            text.extend_from_slice(&next);
            taken.push((number, Line::Whole(next)));
            let record = parse_line(&text, self.delimiter);
            let record = record.filter(|record| record.len() == self.names.len());
            if record.is_some() {
                return record;
            }
        }
        // It was not meant so: the lines after it are records of their own.
        taken.into_iter().rev().for_each(|line| self.lines.put_back.push_front(line));
        None
    }
}

impl<R: Read> Iterator for CsvRecords<'_, R> {
    type Item = Record;
    fn next(&mut self) -> Option<Record> {
        loop {
            let (line, content) = self.lines.next()?;
            let fields = match content {
                Line::Whole(bytes) if bytes.trim_ascii().is_empty() => continue,
                Line::Whole(bytes) => self.fields(bytes),
                Line::TooLong => Err(TOO_LONG.into()),
                Line::Failed(reason) => Err(reason),
            };
            return Some(Record { line, fields });
        }
    }
}

fn csv_fields(record: &[Vec<u8>], names: &[String], mapping: &Mapping) -> Result<Fields, String> {
    if record.len() != names.len() {
        return Err(format!("{} fields where the header has {}", record.len(), names.len()));
    }
    let mut fields = Fields::new();
    for (name, value) in names.iter().zip(record) {
        let value = std::str::from_utf8(value).map_err(|_| format!("`{name}` is not UTF-8"))?;
        fields.insert(name.clone(), value.trim().to_owned());
    }
    Ok(mapping.complete(fields))
}

struct JsonRecords<'a, R> {
    lines: Lines<R>,
    mapping: &'a Mapping,
}

impl<R: Read> Iterator for JsonRecords<'_, R> {
    type Item = Record;
    fn next(&mut self) -> Option<Record> {
        loop {
            let (line, content) = self.lines.next()?;
            let fields = match content {
                Line::Whole(bytes) if bytes.trim_ascii().is_empty() => continue,
                Line::Whole(bytes) => json_fields(&bytes, self.mapping),
                Line::TooLong => Err(TOO_LONG.into()),
                Line::Failed(reason) => Err(reason),
            };
            return Some(Record { line, fields });
        }
    }
}

fn json_fields(bytes: &[u8], mapping: &Mapping) -> Result<Fields, String> {
    use serde_json::Value;
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| format!("the line is not JSON: {error}"))?;
    let Value::Object(object) = value else { return Err("the line is not an object".into()) };
    let text = |value: &Value| match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    };
    let mut fields = Fields::new();
    for (name, value) in &object {
        let field = match value {
            Value::Array(items) => {
                items.iter().map(text).collect::<Option<Vec<_>>>().map(|items| items.join(";"))
            }
            other => text(other),
        };
        let field = field.ok_or_else(|| format!("`{name}` is neither text, number nor list"))?;
        fields.insert(mapping.known(name), field);
    }
    Ok(mapping.complete(fields))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str, form: Form) -> Vec<(u64, Result<String, String>)> {
        let mapping = Mapping::default();
        let records = records(text.as_bytes(), form, &mapping).unwrap();
        let name = |fields: Fields| fields.get("name").cloned().unwrap_or_default();
        records.map(|record| (record.line, record.fields.map(name))).collect()
    }

    #[test]
    fn a_broken_csv_line_costs_only_itself() {
        let text = "gtin,name,price\n1,Milk,1.00\n2,\"never closed,2.00\n3,5\" nails,3.00\n\
                    4,\"two\nlines\",4.00\n5,too,many,fields\n\n7,\"a \"\"b\"\"\",1\n8,last,1";
        let got = read(text, Form::Csv);
        let names: Vec<_> =
            got.iter().map(|(line, name)| (*line, name.as_deref().unwrap_or("-"))).collect();
        let expected = [
            (2, "Milk"),
            (3, "-"),
            (4, "5\" nails"),
            (5, "two\nlines"),
            (7, "-"),
            (9, "a \"b\""),
            (10, "last"),
        ];
        assert_eq!(names, expected);
        assert_eq!(got[1].1, Err("a quote is opened and not closed".into()));
        assert_eq!(got[4].1, Err("4 fields where the header has 3".into()));
    }

    #[test]
    fn separators_and_a_byte_order_mark_are_found_out() {
        for text in ["\u{feff}\"Name\";gtin\nMüsli;1\n", "gtin\tname\n1\tMüsli\n"] {
            assert_eq!(read(text, Form::Csv), [(2, Ok("Müsli".into()))]);
        }
    }

    #[test]
    fn a_broken_json_line_costs_only_itself() {
        let long = format!("{{\"name\":\"{}\"}}", "x".repeat(LINE_BYTES_MAX as usize));
        let text = format!("{{\"name\":\"有机\"}}\n{{\n[1]\n{long}\n{{\"name\":[\"a\",\"b\"]}}\n");
        let got = read(&text, Form::JsonLines);
        let good: Vec<_> = got.iter().map(|(line, name)| (*line, name.is_ok())).collect();
        assert_eq!(good, [(1, true), (2, false), (3, false), (4, false), (5, true)]);
        assert_eq!(got[4].1, Ok("a;b".into()));
    }

    proptest! {
        #[test]
        fn hostile_files_end_and_lines_rise(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mapping = Mapping::default();
            for form in [Form::Csv, Form::JsonLines] {
                let Ok(records) = records(bytes.as_slice(), form, &mapping) else { continue };
                let lines: Vec<u64> = records.map(|record| record.line).collect();
                prop_assert!(lines.windows(2).all(|pair| pair[0] < pair[1]));
            }
        }
    }
}
