//! Walks the forms that deltas have.

use std::ops::Range;

use super::super::path::Place;
use super::super::rules::Rules;
use super::find::{Delta, Form, Found, Key};
use super::reader::{Reader, unescaped};

/// Longest names and ids that tell texts apart; longer ones are cut.
pub const MAX_ID: usize = 128;

/// What stands where in `data`. `None`: it is no JSON object.
pub fn walk(rules: &Rules, data: &[u8]) -> Option<Found> {
    let mut walk = Walk { rules, reader: Reader::new(data, 0), found: Found::default() };
    (walk.reader.peek()? == b'{').then_some(())?;
    walk.object(rules.fields.root(), Walk::top)?;
    walk.reader.is_done().then_some(walk.found)
}

struct Walk<'w> {
    rules: &'w Rules,
    reader: Reader<'w>,
    found: Found,
}

impl Walk<'_> {
    fn top(&mut self, name: &[u8], place: Place) -> Option<()> {
        match name {
            b"choices" => self.array(place, Self::choice),
            b"delta" if self.reader.peek()? == b'"' => self.delta(Form::Item, b"", place),
            b"delta" => self.object(place, Self::block),
            b"result" => self.object(place, Self::result),
            b"data" => self.object(place, Self::chunk),
            b"message" => self.object(place, Self::message),
            b"response" | b"thinking" => self.delta(Form::Line, name, place),
            b"done" => {
                self.found.done = self.truth()?;
                Some(())
            }
            b"type" => {
                self.found.kind = self.string()?;
                Some(())
            }
            b"item_id" | b"messageId" => self.item(),
            b"id" => {
                if let Some(range) = self.string()? {
                    self.found.id = unescaped(self.reader.bytes(range), MAX_ID);
                }
                Some(())
            }
            b"output_index" | b"index" => {
                self.found.numbers[0] = self.number()?;
                Some(())
            }
            b"content_index" | b"summary_index" => {
                self.found.numbers[1] = self.number()?;
                Some(())
            }
            b"logprobs" => self.logprobs(),
            b"obfuscation" => {
                self.found.obfuscation = self.string()?;
                Some(())
            }
            b"sequence_number" => {
                self.found.sequence = Some(self.reader.value()?);
                Some(())
            }
            _ => self.skip(),
        }
    }

    /// An element of `choices`.
    fn choice(&mut self, position: u32, place: Place) -> Option<()> {
        let (deltas, logprobs) = (self.found.deltas.len(), self.found.logprobs.len());
        let finished = self.found.finished.len();
        // The index of the choice is found on the way.
        let outer = self.found.numbers[0].replace(position);
        self.object(place, Self::in_choice)?;
        let index = std::mem::replace(&mut self.found.numbers[0], outer);
        for delta in self.found.deltas.iter_mut().skip(deltas) {
            delta.key.numbers[0] = index;
        }
        for (_, choice) in self.found.logprobs.iter_mut().skip(logprobs) {
            *choice = index;
        }
        for choice in self.found.finished.iter_mut().skip(finished) {
            *choice = index.unwrap_or(position);
        }
        Some(())
    }

    fn in_choice(&mut self, name: &[u8], place: Place) -> Option<()> {
        match name {
            b"index" => {
                if let Some(index) = self.number()? {
                    self.found.numbers[0] = Some(index);
                }
                Some(())
            }
            b"text" => self.delta(Form::Choice, name, place),
            b"delta" => self.object(place, Self::choice_delta),
            b"logprobs" => self.logprobs(),
            b"finish_reason" => {
                if self.string()?.is_some() {
                    self.found.finished.push(0);
                }
                Some(())
            }
            _ => self.skip(),
        }
    }

    fn choice_delta(&mut self, name: &[u8], place: Place) -> Option<()> {
        match name {
            b"role" | b"id" | b"name" | b"type" => self.skip(),
            b"tool_calls" | b"reasoning_details" => self.array(place, Self::call),
            b"function_call" | b"audio" => self.object(place, Self::call_part),
            _ => self.delta(Form::Choice, name, place),
        }
    }

    /// An element of `tool_calls`.
    fn call(&mut self, position: u32, place: Place) -> Option<()> {
        let deltas = self.found.deltas.len();
        let outer = self.found.numbers[1].replace(position);
        self.object(place, Self::in_call)?;
        let index = std::mem::replace(&mut self.found.numbers[1], outer);
        for delta in self.found.deltas.iter_mut().skip(deltas) {
            delta.key.numbers[1] = index;
        }
        Some(())
    }

    fn in_call(&mut self, name: &[u8], place: Place) -> Option<()> {
        match name {
            b"index" => {
                if let Some(index) = self.number()? {
                    self.found.numbers[1] = Some(index);
                }
                Some(())
            }
            b"function" | b"code_interpreter" | b"custom" => self.object(place, Self::call_part),
            b"text" | b"summary" => self.delta(Form::Choice, name, place),
            _ => self.skip(),
        }
    }

    fn call_part(&mut self, name: &[u8], place: Place) -> Option<()> {
        match name {
            b"arguments" | b"transcript" | b"input" => self.delta(Form::Choice, name, place),
            _ => self.skip(),
        }
    }

    /// A `delta` that is an object.
    fn block(&mut self, name: &[u8], place: Place) -> Option<()> {
        match name {
            b"text" | b"partial_json" | b"thinking" => self.delta(Form::Block, name, place),
            b"content" if self.reader.peek()? == b'"' => self.delta(Form::Block, name, place),
            b"content" => self.array(place, Self::part),
            b"step_details" => self.object(place, Self::block),
            b"tool_calls" => self.array(place, Self::step),
            _ => self.skip(),
        }
    }

    fn step(&mut self, position: u32, place: Place) -> Option<()> {
        let deltas = self.found.deltas.len();
        self.call(position, place)?;
        for delta in self.found.deltas.iter_mut().skip(deltas) {
            delta.key.form = Form::Block;
            delta.key.numbers = [delta.key.numbers[1], None];
        }
        Some(())
    }

    /// An element of `delta.content`.
    fn part(&mut self, position: u32, place: Place) -> Option<()> {
        let deltas = self.found.deltas.len();
        let outer = self.found.numbers[0].replace(position);
        self.object(place, Self::in_part)?;
        let index = std::mem::replace(&mut self.found.numbers[0], outer);
        for delta in self.found.deltas.iter_mut().skip(deltas) {
            delta.key.numbers[0] = index;
        }
        Some(())
    }

    fn in_part(&mut self, name: &[u8], place: Place) -> Option<()> {
        match name {
            b"index" => {
                if let Some(index) = self.number()? {
                    self.found.numbers[0] = Some(index);
                }
                Some(())
            }
            b"text" if self.reader.peek()? == b'{' => self.object(place, Self::in_part),
            b"text" | b"value" | b"refusal" => self.delta(Form::Block, name, place),
            _ => self.skip(),
        }
    }

    /// What A2A answers.
    fn result(&mut self, name: &[u8], place: Place) -> Option<()> {
        match name {
            b"artifactUpdate" | b"statusUpdate" => self.object(place, Self::result),
            b"artifact" => self.object(place, Self::artifact),
            b"append" => {
                self.found.append = self.truth()?;
                Some(())
            }
            b"lastChunk" => {
                self.found.is_last = self.truth()?;
                Some(())
            }
            b"final" => {
                self.found.is_final = self.truth()? == Some(true);
                Some(())
            }
            _ => self.skip(),
        }
    }

    fn artifact(&mut self, name: &[u8], place: Place) -> Option<()> {
        match name {
            b"artifactId" => self.item(),
            b"parts" => self.array(place, Self::artifact_part),
            _ => self.skip(),
        }
    }

    fn artifact_part(&mut self, _: u32, place: Place) -> Option<()> {
        self.object(place, Self::in_artifact_part)
    }

    fn in_artifact_part(&mut self, name: &[u8], place: Place) -> Option<()> {
        match name {
            b"text" => self.delta(Form::Artifact, name, place),
            _ => self.skip(),
        }
    }

    /// A frame of AutoGen Studio.
    fn chunk(&mut self, name: &[u8], place: Place) -> Option<()> {
        match name {
            b"source" => self.item(),
            b"content" => self.delta(Form::Chunk, name, place),
            _ => self.skip(),
        }
    }

    /// What Ollama says.
    fn message(&mut self, name: &[u8], place: Place) -> Option<()> {
        match name {
            b"content" | b"thinking" => self.delta(Form::Line, name, place),
            _ => self.skip(),
        }
    }

    fn delta(&mut self, form: Form, name: &[u8], place: Place) -> Option<()> {
        if let Some(range) = self.string()? {
            let name = name.get(..name.len().min(MAX_ID)).unwrap_or_default().to_vec();
            let key = Key { form, name, ..Key::default() };
            self.found.deltas.push(Delta { range, key, place });
        }
        Some(())
    }

    fn logprobs(&mut self) -> Option<()> {
        let range = self.reader.value()?;
        if self.reader.bytes(range.clone()) != b"null" {
            self.found.logprobs.push((range, None));
        }
        Some(())
    }

    /// What the event belongs to.
    fn item(&mut self) -> Option<()> {
        if let Some(range) = self.string()? {
            self.found.item = unescaped(self.reader.bytes(range), MAX_ID);
        }
        Some(())
    }

    /// Takes a value. Where it stands, if it is a string.
    fn string(&mut self) -> Option<Option<Range<usize>>> {
        if self.reader.peek()? == b'"' {
            return self.reader.string().map(Some);
        }
        self.skip().map(|()| None)
    }

    /// Takes a value: what it is, if it is an index.
    fn number(&mut self) -> Option<Option<u32>> {
        let range = self.reader.value()?;
        let text = std::str::from_utf8(self.reader.bytes(range)).ok();
        Some(text.and_then(|text| text.parse().ok()))
    }

    fn truth(&mut self) -> Option<Option<bool>> {
        let range = self.reader.value()?;
        Some(match self.reader.bytes(range) {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        })
    }

    fn skip(&mut self) -> Option<()> {
        self.reader.value().map(|_| ())
    }

    /// The members of an object; another value is passed over, and so is what is left out as a field.
    fn object(
        &mut self,
        place: Place,
        member: fn(&mut Self, &[u8], Place) -> Option<()>,
    ) -> Option<()> {
        if self.reader.peek()? != b'{' {
            return self.skip();
        }
        self.reader.take(b'{')?;
        if self.reader.peek()? == b'}' {
            return self.reader.take(b'}');
        }
        loop {
            let range = self.reader.name()?;
            let raw = self.reader.bytes(range);
            let decoded;
            let name = if raw.contains(&b'\\') {
                decoded = unescaped(raw, MAX_ID);
                &decoded
            } else {
                raw
            };
            let fields = &self.rules.fields;
            let place = fields.member(place, name);
            if fields.hit(place).is_some() {
                self.skip()?;
            } else {
                member(self, name, place)?;
            }
            if !self.reader.another(b'}')? {
                return Some(());
            }
        }
    }

    /// The elements of an array.
    fn array(
        &mut self,
        place: Place,
        element: fn(&mut Self, u32, Place) -> Option<()>,
    ) -> Option<()> {
        if self.reader.peek()? != b'[' {
            return self.skip();
        }
        self.reader.take(b'[')?;
        if self.reader.peek()? == b']' {
            return self.reader.take(b']');
        }
        let mut index = 0_u32;
        loop {
            let fields = &self.rules.fields;
            let place = fields.element(place, index);
            if fields.hit(place).is_some() {
                self.skip()?;
            } else {
                element(self, index, place)?;
            }
            if !self.reader.another(b']')? {
                return Some(());
            }
            index = index.saturating_add(1);
        }
    }
}
