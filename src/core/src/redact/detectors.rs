//! What is looked for.

use super::action::Actions;
use super::catalogue::{member_value, secrets};
use super::email::LOCAL;
use super::ipv6;
use super::literal::Literals;
use super::number::{Kinds, Numbers};
use super::pattern::Pattern;
use super::rules::{DetectorSet, Rules};
use super::set::{HEX, Set};
use super::shape::Shape;
use super::sieve::Sieve;
use super::view::Tail;

/// Kinds of windows that the sieve looks for: what may begin a number, an IBAN, an e-mail address or one of IPv6, or end a literal.
pub(super) const NUMBER: u32 = 0;
pub(super) const IBAN: u32 = 1;
pub(super) const EMAIL: u32 = 2;
pub(super) const IPV6: u32 = 3;
pub(super) const SHORT: u32 = 4;
pub(super) const FIRST_LITERAL: u32 = 5;

/// What to look for.
#[derive(Clone, Debug)]
pub struct Detectors {
    pub(super) sieve: Sieve,
    pub(super) literals: Literals,
    pub(super) shapes: Vec<(Shape, u16)>,
    /// Which shape the values of members have that are called like secrets.
    pub(super) member: Option<u16>,
    names: Vec<String>,
    email: Option<u16>,
    iban: Option<u16>,
    numbers: Kinds,
    pub(super) number_names: [(Kinds, u16); 4],
    pub(super) patterns: Vec<(Pattern, u16)>,
    /// What happens with what they find.
    pub(super) actions: Actions,
}

/// Detectors of personal data.
pub const PERSONAL: [&str; 6] = ["email", "phone", "card", "iban", "ssn", "ip"];

impl Detectors {
    /// The detectors with these names, and the user's own patterns by name. What they find is masked.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>, own: Vec<(String, Pattern)>) -> Self {
        let wanted: Vec<&str> = names.into_iter().collect();
        let mut built = Self {
            sieve: Sieve::new(),
            literals: Literals::default(),
            shapes: Vec::new(),
            member: None,
            names: Vec::new(),
            email: None,
            iban: None,
            numbers: Kinds(0),
            number_names: [(Kinds(0), 0); 4],
            patterns: Vec::new(),
            actions: Actions::default(),
        };
        let known = secrets().into_iter().filter(|known| wanted.contains(&known.name));
        for known in known {
            let id = built.name(known.name);
            built.shapes.extend(known.shapes.into_iter().map(|shape| (shape, id)));
            if known.name == "assignment" {
                built.member = u16::try_from(built.shapes.len()).ok();
                built.shapes.push((member_value(), id));
            }
        }
        for (name, pattern) in own {
            let id = built.name(&name);
            built.patterns.push((pattern, id));
        }
        let shapes = (0..).zip(&built.shapes);
        let literals =
            shapes.flat_map(|(n, (shape, _))| shape.literals.iter().map(move |l| (l.clone(), n)));
        built.literals = Literals::new(literals);
        built.literals.sift(&mut built.sieve, SHORT, FIRST_LITERAL);
        built.personal(&wanted);
        built
    }

    fn personal(&mut self, wanted: &[&str]) {
        let id = |built: &mut Self, name: &str| wanted.contains(&name).then(|| built.name(name));
        self.email = id(self, "email");
        self.iban = id(self, "iban");
        let numbers = [
            ("card", Kinds::CARD),
            ("ssn", Kinds::SSN),
            ("phone", Kinds::PHONE),
            ("ip", Kinds::IP),
        ];
        for (slot, (name, kind)) in (0..).zip(numbers) {
            if let Some(id) = id(self, name)
                && let Some(place) = self.number_names.get_mut::<usize>(slot)
            {
                self.numbers = Kinds(self.numbers.0 | kind.0);
                *place = (kind, id);
            }
        }
        self.sift();
    }

    /// Has the sieve look for what personal data begin with.
    fn sift(&mut self) {
        const WORD: Set = Set::of(b"A-Za-z0-9_").or(HIGH);
        const HIGH: Set = Set::of(&[0x80, b'-', 0xff]);
        const UPPER: Set = Set::of(b"A-Z");
        let any = Set::EMPTY.not();
        if self.numbers.0 != 0 {
            self.sieve.add(NUMBER, [any, any, WORD.not(), Set::of(b"0-9+(")]);
        }
        if self.iban.is_some() {
            self.sieve.add(IBAN, [WORD.not(), UPPER, UPPER, Set::of(b"0-9")]);
        }
        if self.numbers.has(Kinds::IP) {
            const GROUPED: Set = HEX.or(Set::of(b":"));
            self.sieve.add(IPV6, [any, GROUPED, Set::of(b":"), GROUPED]);
        }
        if self.email.is_some() {
            self.sieve.add(EMAIL, [any, any, LOCAL, Set::of(b"@")]);
        }
    }

    fn name(&mut self, name: &str) -> u16 {
        self.names.push(name.to_owned());
        u16::try_from(self.names.len().saturating_sub(1)).unwrap_or(u16::MAX)
    }

    /// Whether nothing can be found in a whole text. `false` may be wrong.
    pub(super) fn is_clean(&self, text: &[u8]) -> bool {
        if !self.patterns.is_empty() {
            return false;
        }
        let (mut numbers, mut found, mut read) = (Numbers::default(), Vec::new(), 0);
        let before = Tail::default();
        let view = before.then(text);
        for (at, kinds) in self.sieve.hits(before.three(), text) {
            let other = kinds & !(1 << NUMBER | 1 << IPV6) != 0;
            if other || (kinds & 1 << IPV6 != 0 && ipv6::begins(&view, at).is_some()) {
                return false;
            }
            // Times, amounts and the like are read as what they are, which is quicker than as a text.
            if kinds & 1 << NUMBER != 0 && at >= read {
                read = numbers.read(self.numbers, text, at, 0, &mut found);
            }
        }
        numbers.finish(self.numbers, &mut found);
        found.is_empty()
    }

    /// The same for a number, and nothing around it.
    pub(super) fn is_clean_number(&self, number: &[u8]) -> bool {
        let count = |wanted: fn(&u8) -> bool| number.iter().copied().filter(wanted).count();
        self.patterns.is_empty() && count(u8::is_ascii_digit) < 7 && count(|b| *b == b'.') < 2
    }

    /// The detector of this name.
    pub fn id_of(&self, name: &str) -> Option<u16> {
        (0..).zip(&self.names).find(|(_, known)| *known == name).map(|(id, _)| id)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.names.len()
    }

    /// Bytes of the shortest text that a detector masks.
    pub fn shortest(&self, detector: u16) -> usize {
        let shapes = self.shapes.iter().filter(|(_, id)| *id == detector);
        let shapes = shapes.map(|(shape, _)| shape.shortest());
        let patterns = self.patterns.iter().filter(|(_, id)| *id == detector);
        let own = shapes.chain(patterns.map(|(pattern, _)| pattern.shortest())).min();
        own.unwrap_or_else(|| match self.name_of(detector) {
            "card" => 12,
            "iban" => 15,
            "ssn" => 11,
            "phone" => 8,
            "email" => 6,
            "ip" => 6,
            _ => 0,
        })
    }

    /// The name of a detector.
    pub fn name_of(&self, detector: u16) -> &str {
        self.names.get(usize::from(detector)).map_or("secret", String::as_str)
    }
}

/// What is looked for in the text of one caller.
pub(super) struct Looks<'r> {
    pub detectors: &'r Detectors,
    pub off: &'r DetectorSet,
    pub email: Option<u16>,
    pub iban: Option<u16>,
    pub numbers: Kinds,
    pub ip: Option<u16>,
}

impl<'r> Looks<'r> {
    pub fn new(rules: &'r Rules) -> Self {
        let (detectors, off) = (&*rules.detectors, &rules.off);
        let on = |detector: &u16| !off.has(*detector);
        let mut numbers = detectors.numbers;
        if !off.is_empty() {
            let named = detectors.number_names.iter().filter(|(_, detector)| off.has(*detector));
            named.for_each(|(kind, _)| numbers = Kinds(numbers.0 & !kind.0));
        }
        let (email, iban) = (detectors.email.filter(on), detectors.iban.filter(on));
        let ip = detectors.number_names.iter().find(|(kind, _)| *kind == Kinds::IP);
        let ip = ip.map(|(_, detector)| *detector).filter(on);
        Self { detectors, off, email, iban, numbers, ip }
    }
}
