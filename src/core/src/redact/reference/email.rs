//! E-mail addresses.

use super::super::set::Set;

const LOCAL: Set = Set::of(b"A-Za-z0-9._%+'-");
const DOMAIN: Set = Set::of(b"A-Za-z0-9.-");
/// Longest local part (RFC 5321).
const MAX_LOCAL: u64 = 64;

/// Where in an address the text is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Email {
    state: State,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Outside,
    /// Since `start`, what can be a local part.
    Local { start: u64 },
    /// Behind the `@`.
    Domain { start: u64, label: u32, letters: bool, dots: u32, end: Option<u64> },
}

impl Email {
    /// Takes the byte at `at`; an address that has ended, from where to where.
    pub fn step(&mut self, byte: u8, at: u64) -> Option<(u64, u64)> {
        match &mut self.state {
            State::Outside => {
                if LOCAL.has(byte) {
                    self.state = State::Local { start: at };
                }
                None
            }
            State::Local { start } => {
                if byte == b'@' {
                    let start = (*start).max(at.saturating_sub(MAX_LOCAL));
                    self.state =
                        State::Domain { start, label: 0, letters: true, dots: 0, end: None };
                } else if !LOCAL.has(byte) {
                    self.state = State::Outside;
                }
                None
            }
            State::Domain { label, letters, dots, end, .. } if DOMAIN.has(byte) => {
                let long = *label >= 63 || *dots >= 127;
                match byte {
                    b'.' if *label == 0 => return self.leave(byte, at),
                    _ if long && byte != b'.' && end.is_none() => return self.leave(byte, at),
                    b'.' => {
                        *dots = dots.saturating_add(1);
                        (*label, *letters) = (0, true);
                    }
                    _ => {
                        *label = label.saturating_add(1);
                        *letters &= byte.is_ascii_alphabetic();
                        // A top-level domain has two letters at least; what follows it belongs to the address, too.
                        let top = *dots > 0 && *label >= 2 && *letters;
                        if (top || end.is_some()) && byte != b'-' {
                            *end = Some(at.saturating_add(1));
                        }
                    }
                }
                None
            }
            State::Domain { .. } => self.leave(byte, at),
        }
    }

    /// The text ends.
    pub fn finish(&mut self) -> Option<(u64, u64)> {
        match std::mem::take(&mut self.state) {
            State::Domain { start, end, .. } => end.map(|end| (start, end)),
            _ => None,
        }
    }

    /// From where the text may still be an address, or is one that has not ended; and up to where it surely is one.
    pub fn live(&self, now: u64) -> Option<(u64, Option<u64>)> {
        match self.state {
            State::Outside => None,
            State::Local { start } => Some((start.max(now.saturating_sub(MAX_LOCAL)), None)),
            State::Domain { start, end, .. } => Some((start, end)),
        }
    }

    /// A domain has ended before `byte`, which may begin something new.
    fn leave(&mut self, byte: u8, at: u64) -> Option<(u64, u64)> {
        let ended = self.finish();
        // `a@b@c.org`: what was a domain can be a local part.
        if byte == b'@' {
            let start = ended.map_or(at, |(_, end)| end);
            self.state = State::Domain { start, label: 0, letters: true, dots: 0, end: None };
        } else if LOCAL.has(byte) {
            self.state = State::Local { start: at };
        }
        ended
    }
}
