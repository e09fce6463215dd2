//! What is left of records that retention removed: enough to go on from.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::line::{Hash, StreamId, hex, number};
use crate::merkle::Tree;
use crate::note::{Note, NoteError, Notes, VerifierKey};

/// The state of the log where its kept part begins.
#[derive(Clone, Debug)]
pub(crate) struct Pruned {
    /// The tree over the removed records.
    pub(crate) tree: Tree,
    /// The last removed record of each stream.
    pub(crate) heads: BTreeMap<StreamId, (u64, Hash)>,
}

/// Reads the file `pruned`; with a key, its signature is checked.
pub(crate) fn read(bytes: &[u8], key: Option<&VerifierKey>) -> Result<Pruned, NoteError> {
    let wrong = |what: &str| NoteError(what.to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
    let (_, text, signatures) =
        Notes::new(text).next().ok_or_else(|| wrong("it is not a signed note"))?;
    let note = Note::parse(text, signatures)?;
    let mut lines = note.text.lines();
    let name = lines.next().unwrap_or_default();
    if let Some(key) = key {
        note.check(key)?;
        if name.strip_suffix("/pruned") != Some(key.name()) {
            return Err(NoteError(format!("it is of `{name}`, the key of `{}`", key.name())));
        }
    }
    let size = lines
        .next()
        .and_then(|l| number(l.as_bytes()))
        .ok_or_else(|| wrong("its second line is not a number of records"))?;
    let state = lines.next().and_then(|l| serde_json::from_str::<Value>(l).ok());
    let state = state.ok_or_else(|| wrong("its third line is not JSON"))?;
    let subtrees = state.get("frontier").and_then(Value::as_array);
    let subtrees = subtrees.and_then(|s| s.iter().map(subtree).collect::<Option<Vec<_>>>());
    let tree = subtrees
        .and_then(|subtrees| Tree::resume(size, subtrees))
        .ok_or_else(|| wrong("its `frontier` is not that of a tree of its size"))?;
    let heads = state.get("heads").and_then(Value::as_object);
    let heads = heads.and_then(|h| h.iter().map(|(name, h)| head(name, h)).collect());
    Ok(Pruned { tree, heads: heads.ok_or_else(|| wrong("its `heads` are not records"))? })
}

fn subtree(value: &Value) -> Option<Hash> {
    STANDARD.decode(value.as_str()?).ok()?.try_into().ok()
}

fn head(stream: &str, head: &Value) -> Option<(StreamId, (u64, Hash))> {
    let hash = hex(head.get("hash")?.as_str()?.as_bytes())?;
    Some((StreamId::parse(stream.as_bytes())?, (head.get("seq")?.as_u64()?, hash)))
}
