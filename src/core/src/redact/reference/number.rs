//! Numbers that name people and their money: cards, social security numbers, phones, addresses of machines.

use super::super::checks::cards;
use super::super::number::Kinds;

/// Longest group of digits that can be part of such a number.
const MAX_GROUP: usize = 19;
/// Bytes behind a group's start in which every number that starts there has ended: 19 digits, each with a separator.
const REACH: u64 = 40;
/// Most groups that are looked at together.
const MAX_GROUPS: usize = 19;

/// A number in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// What it is.
    pub kind: Kinds,
    /// Where it starts.
    pub start: u64,
    /// Where it ended.
    pub end: u64,
}

/// Digits that stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    start: u64,
    digits: Vec<u8>,
    /// What stands before it: nothing, or the separators since the group before.
    before: Vec<u8>,
}

/// The groups of digits that are being read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    groups: Vec<Group>,
    /// Separators since the last digit.
    gap: Vec<u8>,
    gap_start: u64,
    /// In a word, or in digits too long to be anything: what follows until a separator is no number.
    blocked: bool,
}

impl Numbers {
    /// Takes the byte at `at`.
    pub fn step(&mut self, kinds: Kinds, byte: u8, at: u64, found: &mut Vec<Number>) {
        if byte.is_ascii_digit() {
            self.digit(byte, at);
        } else if is_separator(byte) && !self.blocked {
            self.separator(byte, at);
        } else {
            // A letter right behind makes the last group part of a word.
            self.end(kinds, byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80, found);
            self.blocked = byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        }
        while self.groups.first().is_some_and(|g| g.start.saturating_add(REACH) <= at) {
            self.settle(kinds, found);
        }
    }

    /// The text ends.
    pub fn finish(&mut self, kinds: Kinds, found: &mut Vec<Number>) {
        self.end(kinds, false, found);
    }

    /// From where the text may still be a number.
    pub fn live(&self) -> Option<u64> {
        match self.groups.first() {
            Some(group) => Some(group.start.saturating_sub(lead(&group.before))),
            None => self.gap.first().map(|_| self.gap_start),
        }
    }

    fn digit(&mut self, byte: u8, at: u64) {
        if self.blocked {
            return;
        }
        let digit = byte.saturating_sub(b'0');
        match self.groups.last_mut() {
            Some(group) if self.gap.is_empty() => {
                group.digits.push(digit);
                if group.digits.len() > MAX_GROUP {
                    // An id, a hash, a fraction: not one of ours, and neither is what it belongs to.
                    self.groups.clear();
                    self.blocked = true;
                }
            }
            _ => {
                let before = std::mem::take(&mut self.gap);
                self.groups.push(Group { start: at, digits: vec![digit], before });
            }
        }
    }

    fn separator(&mut self, byte: u8, at: u64) {
        if self.gap.is_empty() {
            self.gap_start = at;
        }
        self.gap.push(byte);
        let opens = matches!(byte, b'+' | b'(');
        if self.groups.is_empty() && !opens {
            // Only what can begin a number is kept before the first digit.
            self.gap.clear();
        }
        if self.gap.len() > 2 {
            self.split();
            if opens {
                self.gap_start = at;
                self.gap.push(byte);
            }
        }
    }

    /// What was read belongs to nothing that follows.
    fn split(&mut self) {
        self.gap.clear();
    }

    fn end(&mut self, kinds: Kinds, in_word: bool, found: &mut Vec<Number>) {
        if in_word && self.gap.is_empty() {
            self.groups.pop();
        }
        while !self.groups.is_empty() {
            self.settle(kinds, found);
        }
        self.gap.clear();
        self.blocked = false;
    }

    /// Decides which numbers start with the first group, and forgets it.
    fn settle(&mut self, kinds: Kinds, found: &mut Vec<Number>) {
        let window = self.groups.get(..self.groups.len().min(MAX_GROUPS)).unwrap_or_default();
        for length in (1..=window.len()).rev() {
            let Some(groups) = window.get(..length) else { continue };
            if let Some(kind) = kind(groups, window.get(length))
                && kinds.has(kind)
                && let (Some(first), Some(last)) = (groups.first(), groups.last())
            {
                let start = match kind {
                    Kinds::PHONE => first.start.saturating_sub(lead(&first.before)),
                    _ => first.start,
                };
                let digits = u64::try_from(last.digits.len()).unwrap_or(u64::MAX);
                found.push(Number { kind, start, end: last.start.saturating_add(digits) });
            }
        }
        self.groups.remove(0);
        if self.groups.is_empty() {
            self.gap.clear();
        }
    }
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'+')
}

/// How many bytes before the first digit belong to a number: `+` or `(`.
fn lead(before: &[u8]) -> u64 {
    before
        .iter()
        .rev()
        .take_while(|b| matches!(b, b'+' | b'('))
        .fold(0, |n: u64, _| n.saturating_add(1))
}

/// What these groups are as a whole, with what stands behind them.
fn kind(groups: &[Group], next: Option<&Group>) -> Option<Kinds> {
    let inner = || groups.iter().skip(1).map(|g| &*g.before);
    let digits: Vec<u8> = groups.iter().flat_map(|g| g.digits.iter().copied()).collect();
    let lengths: Vec<usize> = groups.iter().map(|g| g.digits.len()).collect();
    let separated_by = |all: &[u8]| inner().all(|gap| gap == all);
    let uniform = groups.len() == 1 || separated_by(b" ") || separated_by(b"-");
    if uniform && digits.len() <= 19 && cards(&digits) >> digits.len() & 1 == 1 {
        return Some(Kinds::CARD);
    }
    if lengths == [3, 2, 4] && (separated_by(b"-") || separated_by(b" ")) && ssn(groups) {
        return Some(Kinds::SSN);
    }
    if lengths.len() == 4
        && separated_by(b".")
        && groups.first().is_none_or(|g| g.before != b".")
        && next.is_none_or(|n| n.before != b".")
        && address(groups)
    {
        return Some(Kinds::IP);
    }
    phone(groups, &digits, &lengths).then_some(Kinds::PHONE)
}

/// Not 000, 666 or 900 and above; no part all zeros.
fn ssn(groups: &[Group]) -> bool {
    let value = |n: usize| groups.get(n).map_or(0, |g| number(&g.digits));
    let area = value(0);
    (1..900).contains(&area) && area != 666 && value(1) > 0 && value(2) > 0
}

/// Four numbers up to 255, each in one spelling; not this machine itself, and not none.
fn address(groups: &[Group]) -> bool {
    let plain = groups
        .iter()
        .all(|g| number(&g.digits) <= 255 && (g.digits.len() == 1 || g.digits.first() != Some(&0)));
    let first = groups.first().map_or(0, |g| number(&g.digits));
    plain && first != 0 && first != 127
}

/// `+` and 8 to 15 digits (E.164), or ten digits as North America writes them.
fn phone(groups: &[Group], digits: &[u8], lengths: &[usize]) -> bool {
    let Some(first) = groups.first() else { return false };
    let gaps = || groups.iter().skip(1).map(|g| &*g.before);
    let known = |gap: &[u8]| matches!(gap, b" " | b"-" | b"." | b") " | b")" | b" (" | b"(");
    if first.before.ends_with(b"+") || first.before.ends_with(b"+(") {
        return (8..=15).contains(&digits.len()) && digits.first() != Some(&0) && gaps().all(known);
    }
    let north_american = lengths == [3, 3, 4]
        && matches!(digits.first(), Some(2..=9))
        && matches!(digits.get(3), Some(2..=9));
    let mut between = gaps();
    let (one, two) = (between.next(), between.next());
    let bracketed = first.before.ends_with(b"(") && matches!(one, Some(b") " | b")"));
    let dashed = matches!(one, Some(b"-" | b".")) && one == two;
    north_american && (dashed || (bracketed && matches!(two, Some(b"-" | b"." | b" "))))
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |n: u32, d| n.saturating_mul(10).saturating_add(u32::from(*d)))
}
