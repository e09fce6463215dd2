//! IPv6 addresses.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::super::ipv6::address;

/// Bytes that are looked back at: a group, its colon, and two that stand before it.
const BACK: usize = 8;

/// Every group that an address begins with.
static FIRST: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let used = [0x2000..0x4000, 0xfc00..0xfe00, 0xfe80..0xfec0, 0xff00..0x1_0000];
    let used = used.into_iter().flatten().map(|group: u32| format!("{group:04x}"));
    used.chain(["0", "0000", "64", "0064"].map(str::to_owned)).collect()
});

/// What such a group begins with, and each of them.
static BEGUN: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let begun = FIRST.iter().flat_map(|group| (1..=group.len()).filter_map(|n| group.get(..n)));
    begun.map(str::to_owned).collect()
});

/// Where in an address the text is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ipv6 {
    /// The address that is being read: where it starts, and what it is so far.
    open: Option<(u64, Vec<u8>)>,
    last: Vec<u8>,
}

impl Ipv6 {
    /// Takes the byte at `at`; an address that has ended, from where to where.
    pub fn step(&mut self, byte: u8, at: u64) -> Option<(u64, u64)> {
        let begins = (byte.is_ascii_hexdigit() || byte == b':') && self.last.ends_with(b":");
        if self.open.is_none()
            && begins
            && let Some(length) = begun(&self.last, &FIRST).filter(|length| *length > 1)
        {
            let from = self.last.len().saturating_sub(length);
            let start = at.saturating_sub(u64::try_from(length).unwrap_or_default());
            self.open = Some((start, self.last.get(from..).unwrap_or_default().to_vec()));
        }
        self.last.push(byte);
        self.last.drain(..self.last.len().saturating_sub(BACK));
        let (start, read) = self.open.as_mut()?;
        read.push(byte);
        if fits(read) {
            return None;
        }
        read.pop();
        let found = found(*start, read, byte);
        self.open = None;
        found
    }

    /// The text ends.
    pub fn finish(&mut self) -> Option<(u64, u64)> {
        self.open.take().and_then(|(start, read)| found(start, &read, b' '))
    }

    /// From where the text, which has come to `now`, may still be one.
    pub fn live(&self, now: u64) -> Option<u64> {
        if let Some((start, _)) = &self.open {
            return Some(*start);
        }
        let groups = if self.last.ends_with(b":") { &FIRST } else { &BEGUN };
        let length = u64::try_from(begun(&self.last, groups)?).unwrap_or_default();
        Some(now.saturating_sub(length))
    }
}

fn found(start: u64, read: &[u8], next: u8) -> Option<(u64, u64)> {
    let length = u64::try_from(address(read, next)?).unwrap_or_default();
    Some((start, start.saturating_add(length)))
}

/// How many of the last bytes can begin an address: a group and perhaps its colon, or up to two colons.
fn begun(last: &[u8], groups: &BTreeSet<String>) -> Option<usize> {
    (1..=last.len()).rev().find(|length| {
        let (before, begun) = last.split_at(last.len().saturating_sub(*length));
        let edge = before.last().copied().unwrap_or(b' ');
        let word = edge.is_ascii_alphanumeric() || edge == b'_' || edge >= 0x80;
        let colons = matches!(begun, b":" | b"::") && edge != b':';
        let group = String::from_utf8_lossy(begun.strip_suffix(b":").unwrap_or(begun));
        let group = groups.contains(&group.to_ascii_lowercase()) && !before.ends_with(b"::");
        !word && (colons || group)
    })
}

/// Whether all of it can be an address with what follows it.
fn fits(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read);
    let groups: Vec<&str> = text.split([':', '.']).collect();
    let (colons, dots) = (text.matches(':').count(), text.matches('.').count());
    let hex = |group: &&str| group.len() <= 5 && group.bytes().all(|b| b.is_ascii_hexdigit());
    let dotted = text.find('.').and_then(|first| text.get(first..)).unwrap_or_default();
    read.len() <= 64
        && groups.iter().all(hex)
        && !text.contains(":::")
        && !dotted.contains(':')
        && !text.contains(":.")
        && !text.contains("..")
        && colons <= 9
        && dots <= 4
}
