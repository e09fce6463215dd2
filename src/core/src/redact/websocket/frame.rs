//! Frames of a WebSocket (RFC 6455, section 5.2), as a server sends them: never masked with a key, without extensions.

use super::Uncertain;

/// Longest payload of a control frame.
pub(super) const MAX_CONTROL: usize = 125;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// A whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'f> {
    /// Whether it is the last of its message.
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
    pub(super) payload: &'f [u8],
    /// All of it, as it came.
    pub(super) raw: &'f [u8],
}

/// Reads the first frame of `bytes`; `None` when more of it has to come.
///
/// # Errors
/// It is no frame that a server may send, or longer than `most`.
pub(super) fn read(bytes: &[u8], most: usize) -> Result<Option<Frame<'_>>, Uncertain> {
    let (Some(first), Some(second)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
    let (first, second) = (*first, *second);
    // RSV bits are of an extension, and the upstream was not asked for one; a mask is for clients.
    if first & 0x70 != 0 || second & 0x80 != 0 {
        return Err(Uncertain::WebSocket);
    }
    let fin = first & 0x80 != 0;
    let opcode = match first & 0x0f {
        0 => Opcode::Continuation,
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        _ => return Err(Uncertain::WebSocket),
    };
    let (size, shortest) = match second {
        126 => (2, 126),
        127 => (8, 65_536),
        _ => (0, 0),
    };
    let start = 2_usize.saturating_add(size);
    let Some(extended) = bytes.get(2..start) else { return Ok(None) };
    let length = match size {
        0 => u64::from(second),
        _ => extended.iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte)),
    };
    let control = matches!(opcode, Opcode::Close | Opcode::Ping | Opcode::Pong);
    if length < shortest || control && (!fin || size != 0) {
        return Err(Uncertain::WebSocket);
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > most {
        return Err(Uncertain::MessageTooLong);
    }
    let end = start.saturating_add(length);
    let (Some(raw), Some(payload)) = (bytes.get(..end), bytes.get(start..end)) else {
        return Ok(None);
    };
    Ok(Some(Frame { fin, opcode, payload, raw }))
}

/// Writes a whole message, or a control frame, as one frame.
pub(super) fn write(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    out.push(
        0x80 | match opcode {
            Opcode::Continuation => 0,
            Opcode::Text => 1,
            Opcode::Binary => 2,
            Opcode::Close => 8,
            Opcode::Ping => 9,
            Opcode::Pong => 10,
        },
    );
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length), _) if length <= 125 => out.push(length),
        (_, Ok(length)) => {
            out.push(126);
            out.extend(length.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend(u64::try_from(payload.len()).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}
