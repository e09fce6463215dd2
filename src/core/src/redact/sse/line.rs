//! The lines of an event, and where what they say stands.

use std::ops::Range;

use memchr::{memchr, memchr2};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub field: Field,
    /// Where it starts.
    pub start: usize,
    /// Its value, without the space before it. It ends where the line end begins.
    pub value: Range<usize>,
    /// Where it ends, after its line end.
    pub end: usize,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A part of the data.
    Data,
    /// The name of the event.
    Event,
    /// A comment, an id, the end of the event.
    Other,
    /// What no event has. It may be a text that is called events.
    Unknown,
}

/// The lines of an event, which a byte order mark may come before.
pub fn lines(event: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start = if event.starts_with(super::BOM) { super::BOM.len() } else { 0 };
    while let Some(rest) = event.get(start..).filter(|rest| !rest.is_empty()) {
        let length = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        let ending = match after {
            [b'\r', b'\n', ..] => 2,
            [_, ..] => 1,
            [] => 0,
        };
        let (field, colon) = match memchr(b':', line) {
            Some(colon) => (line.get(..colon).unwrap_or_default(), colon.saturating_add(1)),
            None => (line, line.len()),
        };
        let space = usize::from(line.get(colon) == Some(&b' '));
        let end = start.saturating_add(length);
        lines.push(Line {
            field: match field {
                b"data" => Field::Data,
                b"event" => Field::Event,
                b"id" | b"retry" | b"" => Field::Other,
                _ => Field::Unknown,
            },
            // The byte order mark belongs to the first line.
            start: if lines.is_empty() { 0 } else { start },
            value: start.saturating_add(colon).saturating_add(space)..end,
            end: end.saturating_add(ending),
        });
        start = end.saturating_add(ending);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_three_ways() {
        let event = b"\xef\xbb\xbfevent:a\r\ndata:  b\rdata\n:c\nid: d\n\n";
        let lines = lines(event);
        let values: Vec<(Field, &[u8])> =
            lines.iter().map(|l| (l.field, &event[l.value.clone()])).collect();
        assert_eq!(
            values,
            [
                (Field::Event, &b"a"[..]),
                (Field::Data, b" b"),
                (Field::Data, b""),
                (Field::Other, b"c"),
                (Field::Other, b"d"),
                (Field::Other, b""),
            ]
        );
        let again: Vec<u8> = lines.iter().flat_map(|l| event[l.start..l.end].to_vec()).collect();
        assert_eq!(again, event);
    }
}
