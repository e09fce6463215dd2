//! IPv6 addresses: found by a colon between what can be groups, or by the two colons that one begins with.
//!
//! Paths of code, times and hardware addresses have colons, too. An address is told from them by its syntax (RFC 4291, section 2.2), and by
//! beginning with what is in use: 2000::/3, fc00::/7, fe80::/10, ff00::/8, or what embeds an IPv4 address.

use std::net::Ipv6Addr;

use super::iban::is_word;
use super::set::HEX;
use super::view::{View, place_in};

/// Most bytes that are kept: nine groups, one of them a port's, and an IPv4 address are fewer.
const MAX: usize = 64;
/// Most hex digits of a group, and most digits of a port.
const GROUP: usize = 4;
const PORT: usize = 5;
/// Most colons of an address with a port, of which something is said.
const COLONS: usize = 9;
/// Most dots behind one another: an IPv4 address has three, and a sentence ends with one.
const DOTS: usize = 4;

/// An address that is being read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ipv6(Option<Open>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    start: u64,
    text: [u8; MAX],
    length: usize,
    colons: usize,
    dots: usize,
    /// Hex digits since the last colon or dot.
    digits: usize,
}

impl Open {
    const fn new(start: u64) -> Self {
        Self { start, text: [0; MAX], length: 0, colons: 0, dots: 0, digits: 0 }
    }

    fn text(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }

    fn takes(&mut self, byte: u8) -> bool {
        match byte {
            b':' if self.dots == 0 && self.colons < COLONS && !self.text().ends_with(b"::") => {
                (self.colons, self.digits) = (self.colons.saturating_add(1), 0);
            }
            b'.' if self.digits > 0 && self.dots < DOTS => {
                (self.dots, self.digits) = (self.dots.saturating_add(1), 0);
            }
            _ if HEX.has(byte) && self.digits < PORT => {
                self.digits = self.digits.saturating_add(1);
            }
            _ => return false,
        }
        let slot = self.text.get_mut(self.length);
        let fits = slot.is_some();
        if let Some(slot) = slot {
            *slot = byte;
            self.length = self.length.saturating_add(1);
        }
        fits
    }

    fn ends_before(&self, next: u8) -> Option<(u64, u64)> {
        let length = address(self.text(), next)?;
        Some((self.start, place_in(self.start, length)))
    }
}

impl Ipv6 {
    /// Whether one is being read.
    pub const fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// There is a colon before the byte at `at` of the piece, which is at `base` of the text: begins with what stands before it, if an
    /// address can begin there.
    pub fn begin(&mut self, view: &View<'_>, at: usize, base: u64) {
        let Some(back) = begins(view, at) else { return };
        let mut open = Open::new(place_in(base, at).saturating_sub(place_in(0, back)));
        for back in (1..=back).rev() {
            open.takes(view.byte(at, back));
        }
        self.0 = Some(open);
    }

    /// Reads on from `at` of the piece. What has ended goes to `found`; gives the place behind what it has read.
    pub fn read(&mut self, piece: &[u8], at: usize, found: &mut Option<(u64, u64)>) -> usize {
        let Some(open) = &mut self.0 else { return at };
        for (place, byte) in piece.iter().enumerate().skip(at) {
            if !open.takes(*byte) {
                *found = open.ends_before(*byte);
                self.0 = None;
                return place.saturating_add(1);
            }
        }
        piece.len()
    }

    /// The text ends.
    pub fn finish(&mut self) -> Option<(u64, u64)> {
        self.0.take().and_then(|open| open.ends_before(b' '))
    }

    /// From where the text may still be one; it has come to `now`, behind what `view` has before its piece.
    pub fn live(&self, view: &View<'_>, now: u64) -> Option<u64> {
        if let Some(open) = &self.0 {
            return Some(open.start);
        }
        let back = match view.byte(0, 1) {
            b':' => begins(view, 0).or_else(|| (!is_joined(view.byte(0, 2))).then_some(1)),
            _ => {
                let group = Group::before(view, 0, 0).filter(Group::can_be_first);
                group.map(|group| group.length)
            }
        };
        back.map(|back| now.saturating_sub(place_in(0, back)))
    }
}

/// How many bytes before `at`, behind a colon, belong to what can begin an address.
pub fn begins(view: &View<'_>, at: usize) -> Option<usize> {
    if view.byte(at, 2) == b':' {
        return (!is_joined(view.byte(at, 3))).then_some(2);
    }
    let group = Group::before(view, at, 1)?;
    group.is_first().then(|| group.length.saturating_add(1))
}

/// Whether two colons behind this byte do not begin an address: they go on with a path.
const fn is_joined(byte: u8) -> bool {
    is_word(byte) || byte == b':'
}

/// Hex digits that can be the first group, in small letters.
#[derive(Clone, Copy, Debug)]
struct Group {
    text: [u8; GROUP],
    length: usize,
}

impl Group {
    /// Those that end `skipped` bytes before `at`, when they are a group and go on with nothing.
    fn before(view: &View<'_>, at: usize, skipped: usize) -> Option<Self> {
        let byte = |back: usize| view.byte(at, skipped.saturating_add(back));
        let length = (1..=GROUP).take_while(|back| HEX.has(byte(*back))).count();
        let edge = byte(length.saturating_add(1));
        let path = edge == b':' && byte(length.saturating_add(2)) == b':';
        if length == 0 || is_word(edge) || path {
            return None;
        }
        let mut text = [0; GROUP];
        for (slot, back) in text.iter_mut().zip((1..=length).rev()) {
            *slot = byte(back).to_ascii_lowercase();
        }
        Some(Self { text, length })
    }

    /// Whether an address begins with it.
    fn is_first(&self) -> bool {
        self.can_be_first() && (self.length == GROUP || matches!(self.text(), b"0" | b"64"))
    }

    /// Whether an address begins with it, or with something that it begins.
    fn can_be_first(&self) -> bool {
        match self.text() {
            [b'2' | b'3', ..] | [b'f', b'c' | b'd' | b'f', ..] | [b'f'] | [b'f', b'e'] => true,
            [b'f', b'e', third, ..] => matches!(third, b'8' | b'9' | b'a' | b'b'),
            short => {
                b"0064".starts_with(short) || b"0000".starts_with(short) || b"64".starts_with(short)
            }
        }
    }

    fn text(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

/// How many bytes of what has been read, behind which `next` comes, are an address.
pub fn address(read: &[u8], next: u8) -> Option<usize> {
    let mut text = read;
    if is_word(next) {
        // What goes on as a word is no group.
        while let [before @ .., last] = text
            && HEX.has(*last)
        {
            text = before;
        }
    }
    // A colon or a dot is one of the sentence; two colons are part of an address, unless a word follows.
    if text.ends_with(b"::") {
        if is_word(next) {
            return None;
        }
    } else if let [before @ .., b':' | b'.'] = text {
        text = before;
    }
    let text = std::str::from_utf8(text).ok()?;
    // With what follows an address without brackets: a port, or as `tcpdump` writes it, or another sentence.
    let port = text.rsplit_once(':').filter(|(_, port)| is_port(port)).map(|(before, _)| before);
    let dotted = text.split_once('.').map(|(before, _)| before);
    let found = [Some(text), port, dotted].into_iter().flatten().find(|text| {
        let address: Option<Ipv6Addr> = text.parse().ok();
        address.is_some_and(is_used)
    });
    found.map(str::len)
}

fn is_port(text: &str) -> bool {
    (1..=PORT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether an address may be one of something: it is in a block that is in use, and not this machine itself.
fn is_used(address: Ipv6Addr) -> bool {
    let embeds = |four: [u8; 4]| !matches!(four, [0 | 127, ..]);
    match address.segments() {
        // `a[2000::2]` is a slice; networks of which no more is given are hardly in use.
        [0x2000..=0x3fff, 0, 0, 0, ..] => false,
        [0x2000..=0x3fff | 0xfc00..=0xfdff | 0xfe80..=0xfebf | 0xff00.., ..] => true,
        [0x64, 0xff9b, ..] => true,
        _ => address.to_ipv4_mapped().is_some_and(|address| embeds(address.octets())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_what_follows() {
        for (read, next, length) in [
            ("2001:db8::1", b' ', 11),
            ("2001:db8::1.", b'\n', 11),
            ("2001:db8::1:", b' ', 11),
            ("2001:db8::1:f", b'o', 11),
            ("2001:db8::1.443", b':', 11),
            ("2001:db8::1:50000", b' ', 11),
            ("2001:db8:1:2:3:4:5:6:443", b' ', 20),
            ("2001:db8::", b'/', 10),
            ("2001:db8::", b':', 10),
            ("2001:db8::192.0.2.1", b':', 19),
            ("::ffff:c000:0201", b']', 16),
            ("64:ff9b::192.0.2.1", b' ', 18),
            ("fe80::1", b'%', 7),
        ] {
            assert_eq!(address(read.as_bytes(), next), Some(length), "{read}");
        }
        for (read, next) in [
            ("2001:db8::", b'x'),
            ("2001:db8::1", b'x'),
            ("2001:db8:1", b' '),
            ("2001:db8:1:2:3:4:5:6:7:8", b' '),
            ("fe80:", b' '),
            ("::1", b' '),
            ("::", b' '),
            ("::ffff:127.0.0.1", b' '),
            ("::ffff:0:0", b' '),
            ("4000::1", b' '),
            ("fec0::1", b' '),
            ("2000::2", b']'),
        ] {
            assert_eq!(address(read.as_bytes(), next), None, "{read}");
        }
    }
}
