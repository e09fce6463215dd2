//! What stands in a string: a text, or JSON once more.

use super::super::channel::Channel;
use super::super::path::Place;
use super::super::rules::Stop;
use super::super::sink::Sink;
use super::Json;

/// In how many strings JSON may stand; deeper, it is a text.
const MAX_LEVEL: u8 = 4;

/// The text of one string, or of one stream of deltas.
#[derive(Clone, Debug, Default)]
pub struct Text {
    channel: Channel,
    /// The JSON in it, or in one before it.
    json: Option<Box<Json>>,
    is_json: bool,
    /// Nothing but white space has come: it may turn out to be JSON.
    open: bool,
    /// Something has come.
    begun: bool,
    /// It is the value of a member that is called like a secret.
    named: bool,
    /// In how many strings it stands.
    level: u8,
    place: Place,
}

impl Text {
    /// A text begins that may be JSON. It stands at `place`, in `level` strings.
    pub fn begin(&mut self, level: u8, place: Place) {
        self.open = level <= MAX_LEVEL;
        self.begun = false;
        self.named = false;
        self.level = level;
        self.place = place;
    }

    /// The text that begins is the value of a member called like a secret.
    pub fn begin_member(&mut self) {
        self.named = true;
    }

    /// Takes a text as a whole, if nothing can be in it.
    pub fn pass(&mut self, text: &[u8], to: &mut Sink<'_>) -> bool {
        let json = matches!(text.get(blanks(text)), Some(b'{' | b'[' | b'"'));
        let passes =
            !(self.begun || self.named || self.open && json) && to.rules.detectors.is_clean(text);
        if passes {
            to.put(text);
        }
        passes
    }

    /// Takes characters that are written as they are.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn plain(&mut self, text: &[u8], to: &mut Sink<'_>) -> Result<(), Stop> {
        self.begun = true;
        if let Some(json) = self.json.as_mut().filter(|_| self.is_json) {
            return json.feed(text, to);
        }
        let blank = if self.open { blanks(text) } else { text.len() };
        let (blank, rest) = text.split_at_checked(blank).unwrap_or((text, &[]));
        match rest.first() {
            Some(b'{' | b'[' | b'"') => {
                self.scan(blank, to);
                self.enter(to).feed(rest, to)
            }
            first => {
                self.open &= first.is_none();
                self.scan(text, to);
                Ok(())
            }
        }
    }

    /// Takes one character, written as `raw`.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn spelled(&mut self, raw: &[u8], text: &[u8], to: &mut Sink<'_>) -> Result<(), Stop> {
        self.begun = true;
        if let Some(json) = self.json.as_mut().filter(|_| self.is_json) {
            return json.character(raw, text, to);
        }
        if self.open && matches!(text, b"{" | b"[" | b"\"") {
            return self.enter(to).character(raw, text, to);
        }
        self.open &= blanks(text) == text.len();
        self.scan_spelled(raw, text, to);
        Ok(())
    }

    /// Takes characters that are no JSON, whatever they look like.
    pub fn scan(&mut self, text: &[u8], to: &mut Sink<'_>) {
        self.scans(to);
        if !text.is_empty() {
            self.channel.plain(to.rules, text, to.tally, to.out);
        }
    }

    /// Takes characters that are no JSON, written as `raw`.
    pub fn scan_spelled(&mut self, raw: &[u8], text: &[u8], to: &mut Sink<'_>) {
        self.scans(to);
        self.channel.escape(to.rules, raw, text, to.tally, to.out);
    }

    fn scans(&mut self, to: &Sink<'_>) {
        self.begun = true;
        if std::mem::take(&mut self.named) {
            self.channel.begin_member(to.rules);
        }
    }

    /// It has ended; another may begin.
    pub fn finish(&mut self, to: &mut Sink<'_>) {
        if !std::mem::replace(&mut self.begun, false) {
            return;
        }
        if let Some(json) = self.json.as_mut().filter(|_| self.is_json) {
            json.finish(to);
        }
        self.is_json = false;
        self.channel.finish(to.rules, to.tally, to.out);
        self.open = false;
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        let json = self.json.as_ref().filter(|_| self.is_json);
        self.channel.held().saturating_add(json.map_or(0, |json| json.held()))
    }

    /// It is JSON, as it seems.
    fn enter(&mut self, to: &mut Sink<'_>) -> &mut Json {
        self.channel.finish(to.rules, to.tally, to.out);
        self.is_json = true;
        let json = self.json.get_or_insert_with(Box::default);
        json.begin(self.level, self.place);
        json
    }
}

fn blanks(text: &[u8]) -> usize {
    text.iter().position(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n')).unwrap_or(text.len())
}
