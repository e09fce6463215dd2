//! The messages that a server sends over a WebSocket, in frames that come in pieces.
//!
//! ```text
//!            frame that is not the last          last frame
//!   Between ────────────────────────► Message ──────────────► Between     masked, and sent as one frame when that changed it
//!      │ control frame                   │ control frame
//!      └► Between                        └► Message                       sent at once
//! ```
//!
//! A message is an event: what it has of a text that is spread over messages belongs to that text. A message in which nothing is
//! masked goes on in the frames that it came in.

mod frame;

use super::channel::Channel;
use super::delta::{Deltas, Event, Rest};
use super::rules::{Stop, Uncertain};
use super::sink::Sink;
use frame::{Frame, MAX_CONTROL, Opcode};

/// Longest message, and longest frame.
const MAX_MESSAGE: usize = 1024 * 1024;

/// Masks the messages of a server.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    /// A frame that has begun.
    begun: Vec<u8>,
    /// The message that has begun.
    message: Option<Message>,
    deltas: Deltas,
}

#[derive(Clone, Debug)]
struct Message {
    opcode: Opcode,
    payload: Vec<u8>,
    /// Its frames as they came.
    raw: Vec<u8>,
}

impl Frames {
    /// Takes the next piece, and writes what may go on.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn feed(&mut self, piece: &[u8], to: &mut Sink<'_>) -> Result<(), Stop> {
        if self.begun.is_empty() {
            // Most pieces hold whole frames, and are read where they are.
            let read = self.frames(piece, to)?;
            self.begun.extend_from_slice(piece.get(read..).unwrap_or_default());
            return Ok(());
        }
        let mut begun = std::mem::take(&mut self.begun);
        begun.extend_from_slice(piece);
        let read = self.frames(&begun, to)?;
        begun.drain(..read);
        self.begun = begun;
        Ok(())
    }

    /// Takes all whole frames; returns how long they are.
    fn frames(&mut self, bytes: &[u8], to: &mut Sink<'_>) -> Result<usize, Stop> {
        let mut read = 0_usize;
        while let Some(rest) = bytes.get(read..)
            && let Some(frame) = frame::read(rest, MAX_MESSAGE).map_err(Stop::Uncertain)?
        {
            read = read.saturating_add(frame.raw.len());
            self.frame(frame, to)?;
        }
        Ok(read)
    }

    /// The connection has ended; a message that has not is lost.
    pub fn finish(&mut self, to: &mut Sink<'_>) {
        let rests = self.deltas.finish(to);
        put_rests(&rests, to);
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        let message =
            self.message.as_ref().map_or(0, |m| m.raw.len().saturating_add(m.payload.len()));
        self.begun.len().saturating_add(message).saturating_add(self.deltas.held())
    }

    fn frame(&mut self, frame: Frame<'_>, to: &mut Sink<'_>) -> Result<(), Stop> {
        match (frame.opcode, &mut self.message) {
            (Opcode::Close, _) => {
                self.finish(to);
                control(frame, 2, to);
            }
            (Opcode::Ping | Opcode::Pong, _) => control(frame, 0, to),
            (Opcode::Continuation, Some(message)) => {
                // Frames of nothing have heads, and are held as well.
                if message.payload.len().saturating_add(frame.payload.len()) > MAX_MESSAGE
                    || message.raw.len() > MAX_MESSAGE.saturating_mul(2)
                {
                    return Err(Stop::Uncertain(Uncertain::MessageTooLong));
                }
                message.payload.extend_from_slice(frame.payload);
                message.raw.extend_from_slice(frame.raw);
                if frame.fin
                    && let Some(Message { opcode, payload, raw }) = self.message.take()
                {
                    self.complete(opcode, &payload, &raw, to)?;
                }
            }
            (opcode @ (Opcode::Text | Opcode::Binary), None) if frame.fin => {
                self.complete(opcode, frame.payload, frame.raw, to)?;
            }
            (opcode @ (Opcode::Text | Opcode::Binary), None) => {
                let (payload, raw) = (frame.payload.to_vec(), frame.raw.to_vec());
                self.message = Some(Message { opcode, payload, raw });
            }
            // A message within a message, or the rest of none.
            _ => return Err(Stop::Uncertain(Uncertain::WebSocket)),
        }
        Ok(())
    }

    fn complete(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        raw: &[u8],
        to: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        let _earlier = to.tally.take_drop();
        let mut masked = Vec::with_capacity(payload.len());
        let document = matches!(payload.trim_ascii_start().first(), Some(b'{' | b'[' | b'"'));
        let mut is_delta = false;
        if document {
            let event = Event { name: b"", data: payload, head: b"", last: false };
            let rests = self.deltas.begin(event, to)?;
            put_rests(&rests, to);
            is_delta = self.deltas.has_any();
            self.deltas.write(payload, &[], &mut Sink::new(to.rules, to.tally, &mut masked))?;
        } else {
            text(payload, &mut Sink::new(to.rules, to.tally, &mut masked));
        }
        if to.tally.take_drop() && !is_delta || to.tally.blocked().is_some() {
            return Ok(());
        }
        if masked == payload {
            to.put(raw);
        } else {
            frame::write(opcode, &masked, to.out);
        }
        Ok(())
    }
}

/// A control frame goes on, its text only when there is nothing to mask in it: there may be no room for a mask.
fn control(frame: Frame<'_>, code: usize, to: &mut Sink<'_>) {
    let mut masked = Vec::with_capacity(MAX_CONTROL);
    let (code, reason) = frame.payload.split_at_checked(code).unwrap_or((frame.payload, &[]));
    text(reason, &mut Sink::new(to.rules, to.tally, &mut masked));
    if masked == reason {
        to.put(frame.raw);
    } else if to.tally.blocked().is_none() {
        frame::write(frame.opcode, code, to.out);
    }
}

fn text(text: &[u8], to: &mut Sink<'_>) {
    let mut channel = Channel::default();
    channel.plain(to.rules, text, to.tally, to.out);
    channel.finish(to.rules, to.tally, to.out);
}

/// Sends what was held of texts as messages.
fn put_rests(rests: &[Rest], to: &mut Sink<'_>) {
    for rest in rests.iter().filter(|_| to.tally.blocked().is_none()) {
        frame::write(Opcode::Text, &rest.data, to.out);
    }
}

#[cfg(test)]
mod tests;
