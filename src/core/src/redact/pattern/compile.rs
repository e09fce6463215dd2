//! Compiles a pattern to its positions.

use super::super::set::Set;
use super::MAX_POSITIONS;
use super::class::{Class, is_word};
use super::parse::{Tree, too_long};

/// Printable ASCII characters, of 95, from which on a beginning fits everywhere.
const EVERYWHERE: usize = 80;

/// A set of positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bits([u64; 4]);

impl Bits {
    /// Adds a position.
    pub fn put(&mut self, at: u8) {
        if let Some(word) = self.0.get_mut(usize::from(at >> 6)) {
            *word |= 1_u64.wrapping_shl(u32::from(at & 63));
        }
    }

    /// Whether a position is in it.
    pub fn has(&self, at: u8) -> bool {
        self.0
            .get(usize::from(at >> 6))
            .is_some_and(|word| word.wrapping_shr(u32::from(at & 63)) & 1 == 1)
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == [0; 4]
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a & e, b & f, c & g, d & h])
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a | e, b | f, c | g, d | h])
    }

    /// What is in this one only.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a & !e, b & !f, c & !g, d & !h])
    }

    /// Its positions, in order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        [0_u8, 64, 128, 192].into_iter().zip(self.0).flat_map(|(base, mut word)| {
            std::iter::from_fn(move || {
                let bit = u8::try_from(word.trailing_zeros()).ok().filter(|_| word != 0)?;
                word &= word.wrapping_sub(1);
                Some(base.saturating_add(bit))
            })
        })
    }
}

/// Positions that can come next, and those that can when a word begins or ends there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// In any case.
    pub plain: Bits,
    /// At a `\b`.
    pub boundary: Bits,
}

impl Next {
    /// Those that can come.
    pub const fn at(&self, boundary: bool) -> Bits {
        if boundary { self.plain.or(self.boundary) } else { self.plain }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.boundary.is_empty()
    }

    fn join(&mut self, other: Self) {
        self.plain = self.plain.or(other.plain);
        self.boundary = self.boundary.or(other.boundary);
    }

    /// The same, but only at a `\b`.
    const fn bounded(self) -> Self {
        Self { plain: Bits([0; 4]), boundary: self.plain.or(self.boundary) }
    }
}

/// A pattern that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    classes: Vec<Class>,
    fold: bool,
    /// For each ASCII character, the positions that take it.
    ascii: Vec<Bits>,
    /// What a match starts with.
    pub first: Next,
    /// What a match can end with.
    pub last: Next,
    follow: Vec<Next>,
    /// The bytes a match can begin with.
    pub begins: Set,
    /// Bytes of the shortest match.
    pub shortest: usize,
}

impl Program {
    /// The positions that take a character.
    pub fn taking(&self, c: char) -> Bits {
        match u8::try_from(c) {
            Ok(byte) if byte < 0x80 => {
                self.ascii.get(usize::from(byte)).copied().unwrap_or_default()
            }
            _ => taking(&self.classes, c, self.fold),
        }
    }

    /// Whether a match can begin with a character.
    pub fn begins(&self, c: char) -> bool {
        self.begins.has(u8::try_from(c).ok().filter(u8::is_ascii).unwrap_or(0x80))
    }

    /// Whether a match that has come to a position cannot go on, and waits for nothing.
    pub fn is_end(&self, at: u8) -> bool {
        self.follow(at).is_empty() && !self.last.boundary.has(at)
    }

    /// What can follow a position.
    pub fn follow(&self, at: u8) -> Next {
        self.follow.get(usize::from(at)).copied().unwrap_or_default()
    }
}

fn taking(classes: &[Class], c: char, fold: bool) -> Bits {
    let mut bits = Bits::default();
    (0..=u8::MAX)
        .zip(classes)
        .filter(|(_, class)| class.has(c, fold))
        .for_each(|(at, _)| bits.put(at));
    bits
}

/// What a part of a pattern can start and end with, and whether it can be nothing: in any case, or only at a `\b`.
#[derive(Clone, Copy, Default)]
struct Piece {
    first: Next,
    last: Next,
    empty: Option<Empty>,
    /// Bytes of its shortest match.
    shortest: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Empty {
    Anywhere,
    AtBoundary,
}

/// Compiles a pattern, in which capital and small letters may be the same.
///
/// # Errors
/// Why it cannot be used.
pub fn compile(tree: &Tree, fold: bool) -> Result<Program, String> {
    if positions(tree) > MAX_POSITIONS {
        return Err(too_long());
    }
    let mut builder = Builder::default();
    let whole = builder.piece(tree);
    if whole.empty.is_some() {
        return Err("it fits where there is nothing at all; at least one character has to be there in any case".into());
    }
    let ascii: Vec<Bits> =
        (0..0x80_u8).map(|byte| taking(&builder.classes, char::from(byte), fold)).collect();
    let starts = whole.first.at(true);
    let mut begins = Set::EMPTY;
    for (byte, bits) in (0..0x80).zip(&ascii) {
        if !bits.and(starts).is_empty() {
            begins = begins.or(Set::of(&[byte]));
        }
    }
    if (b' '..0x7f).filter(|byte| begins.has(*byte)).count() >= EVERYWHERE {
        return Err("it begins with something that fits everywhere, so that all text would have to be held back; begin with what is special about it".into());
    }
    // Which of the other characters it can begin with is looked up when they come.
    if starts.iter().any(|at| builder.classes.get(usize::from(at)).is_some_and(|c| c.is_wide(fold)))
    {
        begins = begins.or(Set::of(b"\x80-\xff"));
    }
    Ok(Program {
        ascii,
        fold,
        first: whole.first,
        last: whole.last,
        follow: builder.follow,
        begins,
        shortest: whole.shortest,
        classes: builder.classes,
    })
}

/// How many positions it has.
fn positions(tree: &Tree) -> usize {
    match tree {
        Tree::Class(_) => 1,
        Tree::Boundary => 0,
        Tree::Row(all) | Tree::Any(all) => all.iter().map(positions).fold(0, usize::saturating_add),
        Tree::Times(one, _, most) => positions(one).saturating_mul(*most),
    }
}

#[derive(Default)]
struct Builder {
    classes: Vec<Class>,
    follow: Vec<Next>,
}

impl Builder {
    fn piece(&mut self, tree: &Tree) -> Piece {
        match tree {
            Tree::Class(class) => {
                let at = u8::try_from(self.classes.len()).unwrap_or(u8::MAX);
                self.classes.push(class.clone());
                self.follow.push(Next::default());
                let mut one = Next::default();
                one.plain.put(at);
                Piece { first: one, last: one, empty: None, shortest: 1 }
            }
            Tree::Boundary => Piece { empty: Some(Empty::AtBoundary), ..Piece::default() },
            Tree::Row(all) => {
                let start = Piece { empty: Some(Empty::Anywhere), ..Piece::default() };
                all.iter().fold(start, |before, tree| {
                    let next = self.piece(tree);
                    self.row(before, next)
                })
            }
            Tree::Any(all) => {
                let pieces: Vec<Piece> = all.iter().map(|tree| self.piece(tree)).collect();
                pieces.into_iter().reduce(either).unwrap_or_default()
            }
            Tree::Times(one, least, most) => {
                // A place that is there several times is there once.
                let most = if positions(one) == 0 { 1 } else { *most };
                let start = Piece { empty: Some(Empty::Anywhere), ..Piece::default() };
                (0..most).fold(start, |before, n| {
                    let mut next = self.piece(one);
                    if n >= *least {
                        next = either(next, start);
                    }
                    self.row(before, next)
                })
            }
        }
    }

    fn row(&mut self, a: Piece, b: Piece) -> Piece {
        for at in a.last.plain.iter() {
            self.link(at, b.first);
        }
        for at in a.last.boundary.iter() {
            self.link(at, b.first.bounded());
        }
        let mut first = a.first;
        match a.empty {
            Some(Empty::Anywhere) => first.join(b.first),
            Some(Empty::AtBoundary) => first.join(b.first.bounded()),
            None => {}
        }
        let mut last = b.last;
        match b.empty {
            Some(Empty::Anywhere) => last.join(a.last),
            Some(Empty::AtBoundary) => last.join(a.last.bounded()),
            None => {}
        }
        let empty = match (a.empty, b.empty) {
            (Some(Empty::Anywhere), Some(Empty::Anywhere)) => Some(Empty::Anywhere),
            (Some(_), Some(_)) => Some(Empty::AtBoundary),
            _ => None,
        };
        Piece { first, last, empty, shortest: a.shortest.saturating_add(b.shortest) }
    }

    fn link(&mut self, at: u8, next: Next) {
        if let Some(follow) = self.follow.get_mut(usize::from(at)) {
            follow.join(next);
        }
    }
}

fn either(a: Piece, b: Piece) -> Piece {
    let (mut first, mut last) = (a.first, a.last);
    first.join(b.first);
    last.join(b.last);
    let empty = match (a.empty, b.empty) {
        (Some(Empty::Anywhere), _) | (_, Some(Empty::Anywhere)) => Some(Empty::Anywhere),
        (Some(Empty::AtBoundary), _) | (_, Some(Empty::AtBoundary)) => Some(Empty::AtBoundary),
        (None, None) => None,
    };
    Piece { first, last, empty, shortest: a.shortest.min(b.shortest) }
}

/// Whether a word begins or ends between two characters; `None` is where the text does.
pub fn is_boundary(before: Option<char>, after: Option<char>) -> bool {
    before.is_some_and(is_word) != after.is_some_and(is_word)
}
