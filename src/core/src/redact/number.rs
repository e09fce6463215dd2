//! Numbers that name people and their money: cards, social security numbers, phones, addresses of machines.

use super::checks::cards;
use super::iban::is_word;

/// Longest group of digits that can be part of such a number.
const MAX_GROUP: usize = 19;
/// Bytes behind a group's start in which every number that starts there has ended: 19 digits, each with a separator.
const REACH: u64 = 40;
/// Most digits of any such number.
const MAX_DIGITS: usize = 19;

/// Kinds of numbers, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(pub u8);

impl Kinds {
    /// Payment cards.
    pub const CARD: Self = Self(1);
    /// Social security numbers of the United States.
    pub const SSN: Self = Self(2);
    /// Telephone numbers, international or North American.
    pub const PHONE: Self = Self(4);
    /// IP addresses, version 4.
    pub const IP: Self = Self(8);

    /// Whether it has this kind.
    pub const fn has(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }
}

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Group {
    start: u64,
    /// How many.
    length: usize,
    /// The separators since the group before, or what can begin a number.
    before: Gap,
}

/// Up to two separators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Gap {
    bytes: [u8; 2],
    length: usize,
}

impl Gap {
    const fn is_empty(self) -> bool {
        self.length == 0
    }

    /// Adds one; `false` when there is no room.
    fn push(&mut self, byte: u8) -> bool {
        let slot = self.bytes.get_mut(self.length);
        let fits = slot.is_some();
        if let Some(slot) = slot {
            *slot = byte;
            self.length = self.length.saturating_add(1);
        }
        fits
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// How many bytes before the first digit belong to a number: `+` or `(`.
    fn lead(&self) -> u64 {
        self.get().iter().rev().take_while(|b| matches!(b, b'+' | b'(')).map(|_| 1).sum()
    }
}

/// The groups of digits that are being read. Without any, and without what can begin a number, it is idle: then only what stands right
/// before the next digit matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    groups: Vec<Group>,
    /// The digits of all of them.
    digits: Vec<u8>,
    /// Separators since the last digit.
    gap: Gap,
    gap_start: u64,
    /// In a word, or in digits too long to be anything: what follows until a separator is no number.
    blocked: bool,
}

impl Numbers {
    /// Whether something is being read.
    pub const fn is_open(&self) -> bool {
        !(self.groups.is_empty() && self.gap.is_empty())
    }

    /// Reads from `at` of the piece, which is at `base` of the text, until nothing is open. Numbers of these kinds go to `found`; gives
    /// the place behind what it has read. When it was idle, there is a digit, `+` or `(` at `at` that does not belong to a word.
    pub fn read(
        &mut self,
        kinds: Kinds,
        piece: &[u8],
        at: usize,
        base: u64,
        found: &mut Vec<Number>,
    ) -> usize {
        if !self.is_open() {
            self.blocked = false;
        }
        for (place, byte) in piece.iter().enumerate().skip(at) {
            self.step(
                kinds,
                *byte,
                base.saturating_add(u64::try_from(place).unwrap_or_default()),
                found,
            );
            if !self.is_open() {
                return place.saturating_add(1);
            }
        }
        piece.len()
    }

    /// The text ends.
    pub fn finish(&mut self, kinds: Kinds, found: &mut Vec<Number>) {
        self.end(kinds, false, found);
    }

    /// From where the text may still be a number.
    pub fn live(&self) -> Option<u64> {
        match self.groups.first() {
            Some(group) => Some(group.start.saturating_sub(group.before.lead())),
            None => (!self.gap.is_empty()).then_some(self.gap_start),
        }
    }

    fn step(&mut self, kinds: Kinds, byte: u8, at: u64, found: &mut Vec<Number>) {
        if byte.is_ascii_digit() {
            self.digit(byte, at);
        } else if is_separator(byte) && !self.blocked {
            self.separator(byte, at);
        } else {
            // A letter right behind makes the last group part of a word.
            self.end(kinds, is_word(byte), found);
            self.blocked = is_word(byte);
        }
        while self.groups.first().is_some_and(|g| g.start.saturating_add(REACH) <= at) {
            self.settle(kinds, found);
        }
    }

    fn digit(&mut self, byte: u8, at: u64) {
        if self.blocked {
            return;
        }
        match self.groups.last_mut() {
            Some(group) if self.gap.is_empty() => {
                group.length = group.length.saturating_add(1);
                if group.length > MAX_GROUP {
                    // An id, a hash, a fraction: not one of ours, and neither is what it belongs to.
                    self.groups.clear();
                    self.digits.clear();
                    self.blocked = true;
                    return;
                }
            }
            _ => {
                let before = std::mem::take(&mut self.gap);
                self.groups.push(Group { start: at, length: 1, before });
            }
        }
        self.digits.push(byte.saturating_sub(b'0'));
    }

    fn separator(&mut self, byte: u8, at: u64) {
        if self.gap.is_empty() {
            self.gap_start = at;
        }
        let opens = matches!(byte, b'+' | b'(');
        // Only what can begin a number is kept before the first digit.
        if self.groups.is_empty() && !opens {
            self.gap = Gap::default();
        } else if !self.gap.push(byte) {
            // What was read belongs to nothing that follows.
            self.gap = Gap::default();
            if opens {
                self.gap_start = at;
                self.gap.push(byte);
            }
        }
    }

    fn end(&mut self, kinds: Kinds, in_word: bool, found: &mut Vec<Number>) {
        if in_word
            && self.gap.is_empty()
            && let Some(group) = self.groups.pop()
        {
            self.digits.truncate(self.digits.len().saturating_sub(group.length));
        }
        while !self.groups.is_empty() {
            self.settle(kinds, found);
        }
        self.gap = Gap::default();
        self.blocked = false;
    }

    /// Decides which numbers start with the first group, and forgets it.
    fn settle(&mut self, kinds: Kinds, found: &mut Vec<Number>) {
        if let Some(first) = self.groups.first().copied() {
            if !self.is_nothing(first) {
                self.decide(first, kinds, found);
            }
            self.groups.remove(0);
            self.digits.drain(..first.length.min(self.digits.len()));
        }
        if self.groups.is_empty() {
            self.gap = Gap::default();
        }
    }

    /// Whether it is plain that no number starts with the first group: it stands alone, and is too short for a card.
    const fn is_nothing(&self, first: Group) -> bool {
        self.groups.len() == 1 && first.before.is_empty() && self.digits.len() < 12
    }

    fn decide(&self, first: Group, kinds: Kinds, found: &mut Vec<Number>) {
        let cards = cards(&self.digits);
        let mut seen = Seen::new(first);
        let mut rest = self.groups.get(1..).unwrap_or_default().iter();
        loop {
            if seen.digits > MAX_DIGITS {
                return;
            }
            if let Some(kind) = seen.kind(&self.digits, cards, rest.as_slice().first())
                && kinds.has(kind)
            {
                let lead = if kind == Kinds::PHONE { first.before.lead() } else { 0 };
                found.push(Number { kind, start: first.start.saturating_sub(lead), end: seen.end });
            }
            let Some(group) = rest.next() else { return };
            seen.and(group);
        }
    }
}

/// The first so many groups, and what they have in common.
#[derive(Clone, Copy, Debug)]
struct Seen {
    first: Group,
    lengths: [usize; 4],
    gaps: [Gap; 2],
    groups: usize,
    digits: usize,
    end: u64,
    spaced: bool,
    dashed: bool,
    dotted: bool,
    /// Whether every gap is one that phone numbers have.
    phone: bool,
}

impl Seen {
    fn new(first: Group) -> Self {
        let mut seen = Self {
            first,
            lengths: [0; 4],
            gaps: [Gap::default(); 2],
            groups: 0,
            digits: 0,
            end: 0,
            spaced: true,
            dashed: true,
            dotted: true,
            phone: true,
        };
        seen.take(&first);
        seen
    }

    /// One more group.
    fn and(&mut self, group: &Group) {
        let gap = group.before.get();
        self.spaced &= gap == b" ";
        self.dashed &= gap == b"-";
        self.dotted &= gap == b".";
        self.phone &= matches!(gap, b" " | b"-" | b"." | b") " | b")" | b" (" | b"(");
        if let Some(slot) = self.gaps.get_mut(self.groups.saturating_sub(1)) {
            *slot = group.before;
        }
        self.take(group);
    }

    fn take(&mut self, group: &Group) {
        if let Some(slot) = self.lengths.get_mut(self.groups) {
            *slot = group.length;
        }
        self.groups = self.groups.saturating_add(1);
        self.digits = self.digits.saturating_add(group.length);
        self.end = group.start.saturating_add(u64::try_from(group.length).unwrap_or_default());
    }

    /// What these groups are as a whole, with what stands behind them. `cards`: how many of the digits are a card's number, as bits.
    fn kind(&self, digits: &[u8], cards: u32, next: Option<&Group>) -> Option<Kinds> {
        let digits = digits.get(..self.digits)?;
        let count = u32::try_from(self.digits).unwrap_or(u32::MAX);
        if (self.spaced || self.dashed) && cards.checked_shr(count).is_some_and(|c| c & 1 == 1) {
            return Some(Kinds::CARD);
        }
        let [one, two, three, four] = self.lengths;
        let three_groups = self.groups == 3;
        if three_groups
            && [one, two, three] == [3, 2, 4]
            && (self.dashed || self.spaced)
            && ssn(digits)
        {
            return Some(Kinds::SSN);
        }
        let dotted = |group: &Group| group.before.get() == b".";
        if self.groups == 4
            && self.dotted
            && !dotted(&self.first)
            && next.is_none_or(|next| !dotted(next))
            && address(digits, [one, two, three, four])
        {
            return Some(Kinds::IP);
        }
        let phone = self.international(digits)
            || (three_groups && [one, two, three] == [3, 3, 4] && self.north_american(digits));
        phone.then_some(Kinds::PHONE)
    }

    /// `+` and 8 to 15 digits (E.164).
    fn international(&self, digits: &[u8]) -> bool {
        let lead = self.first.before.get();
        (lead.ends_with(b"+") || lead.ends_with(b"+("))
            && (8..=15).contains(&digits.len())
            && digits.first() != Some(&0)
            && self.phone
    }

    /// Ten digits as North America writes them.
    fn north_american(&self, digits: &[u8]) -> bool {
        let lead = self.first.before.get();
        if lead.ends_with(b"+") || lead.ends_with(b"+(") {
            return false;
        }
        let real = matches!(digits.first(), Some(2..=9)) && matches!(digits.get(3), Some(2..=9));
        let [one, two] = &self.gaps;
        let (one, two) = (one.get(), two.get());
        let bracketed = lead.ends_with(b"(") && matches!(one, b") " | b")");
        let dashed = matches!(one, b"-" | b".") && one == two;
        real && (dashed || (bracketed && matches!(two, b"-" | b"." | b" ")))
    }
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'+')
}

/// Not 000, 666 or 900 and above; no part all zeros.
fn ssn(digits: &[u8]) -> bool {
    let value = |from: usize, to: usize| number(digits.get(from..to).unwrap_or_default());
    let area = value(0, 3);
    (1..900).contains(&area) && area != 666 && value(3, 5) > 0 && value(5, 9) > 0
}

/// Four numbers up to 255, each in one spelling; not this machine itself, and not none.
fn address(digits: &[u8], lengths: [usize; 4]) -> bool {
    let mut rest = digits;
    let mut first = None;
    for length in lengths {
        let Some((part, after)) = rest.split_at_checked(length) else { return false };
        if number(part) > 255 || (length > 1 && part.first() == Some(&0)) {
            return false;
        }
        first = first.or(Some(number(part)));
        rest = after;
    }
    !matches!(first, Some(0 | 127))
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |n: u32, d| n.saturating_mul(10).saturating_add(u32::from(*d)))
}
