//! Checkpoints (C2SP tlog-checkpoint): what the log was at a size.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::line::{Hash, number};
use crate::note::{Note, NoteError, Notes, VerifierKey};

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// Records, from the very first of the log.
    pub size: u64,
    /// The root of the Merkle tree over them.
    pub root: Hash,
    /// When it was made, as written.
    pub time: Option<String>,
}

impl Checkpoint {
    fn parse(note: &Note) -> Result<Self, NoteError> {
        let wrong = |what: &str| NoteError(what.to_owned());
        let mut lines = note.text.lines();
        let origin = lines.next().filter(|o| !o.is_empty()).ok_or_else(|| wrong("it is empty"))?;
        let size = lines.next().and_then(|l| number(l.as_bytes()));
        let root = lines.next().and_then(|l| STANDARD.decode(l).ok());
        Ok(Self {
            origin: origin.to_owned(),
            size: size.ok_or_else(|| wrong("its second line is not a number of records"))?,
            root: root
                .and_then(|r| r.try_into().ok())
                .ok_or_else(|| wrong("its third line is not a root in base64"))?,
            time: lines.find_map(|l| l.strip_prefix("time ")).map(str::to_owned),
        })
    }
}

/// The checkpoints of one file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Read {
    /// Those that can be compared, with the line they start at.
    pub(crate) good: Vec<(usize, Checkpoint)>,
    /// Those that are none, or not signed by the key.
    pub(crate) bad: Vec<(usize, NoteError)>,
    /// The file ends within one.
    pub(crate) torn: bool,
}

/// Reads a file of checkpoints; with a key, their signatures are checked.
pub(crate) fn read(bytes: &[u8], key: Option<&VerifierKey>) -> Read {
    let mut read = Read::default();
    let Ok(text) = std::str::from_utf8(bytes) else {
        read.bad.push((1, NoteError("the file is not UTF-8".to_owned())));
        return read;
    };
    let mut notes = Notes::new(text);
    for (line, text, signatures) in &mut notes {
        match one(text, signatures, key) {
            Ok(checkpoint) => read.good.push((line, checkpoint)),
            Err(error) => read.bad.push((line, error)),
        }
    }
    read.torn = notes.torn();
    read
}

fn one(text: &str, signatures: &str, key: Option<&VerifierKey>) -> Result<Checkpoint, NoteError> {
    let note = Note::parse(text, signatures)?;
    let checkpoint = Checkpoint::parse(&note)?;
    if let Some(key) = key {
        note.check(key)?;
        // A key may sign other things than this log's checkpoints.
        if checkpoint.origin != key.name() {
            return Err(NoteError(format!(
                "it is of the log `{}`, the key of `{}`",
                checkpoint.origin,
                key.name()
            )));
        }
    }
    Ok(checkpoint)
}
