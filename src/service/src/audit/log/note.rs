//! Signed notes, and the checkpoints in them (C2SP signed-note and tlog-checkpoint).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_compact::{KeyPair, PublicKey, Signature};
use scopewarden_core::hex::hex;
use scopewarden_core::time::UnixMillis;
use sha2::{Digest as _, Sha256};

use super::merkle::Frontier;
use crate::audit::record::Digest;
use crate::audit::time;

/// Algorithm of the key, as signed notes number them.
const ED25519: u8 = 1;

/// Who signs notes.
pub struct Notary {
    name: String,
    key: KeyPair,
}

impl Notary {
    /// Signs as `name`, which is the origin of the log, with a key of 64 bytes: seed and public half.
    pub fn new(name: &str, key: &[u8]) -> Option<Self> {
        let key = KeyPair::from_slice(key).ok()?;
        Some(Self { name: name.to_owned(), key })
    }

    /// The origin of the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What verifies its notes: `<name>+<key hash>+<key>`.
    pub fn verifier(&self) -> String {
        let mut key = vec![ED25519];
        key.extend_from_slice(self.key.pk.as_ref());
        format!("{}+{}+{}", self.name, hex(&self.hash()), STANDARD.encode(key))
    }

    fn hash(&self) -> [u8; 4] {
        let digest = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.pk.as_ref())
            .finalize();
        let [a, b, c, d, ..]: Digest = digest.into();
        [a, b, c, d]
    }

    /// The note with this text, which ends with a newline.
    pub fn sign(&self, text: &str) -> String {
        let signature = self.key.sk.sign(text, None);
        let mut bytes = self.hash().to_vec();
        bytes.extend_from_slice(signature.as_ref());
        format!("{text}\n\u{2014} {} {}\n", self.name, STANDARD.encode(bytes))
    }

    /// The text of a note that this key signed.
    pub fn open<'a>(&self, note: &'a str) -> Option<&'a str> {
        let split = note.rfind("\n\n\u{2014} ")?;
        let (text, rest) = note.split_at_checked(split.checked_add(1)?)?;
        let signed = rest.lines().filter_map(|line| {
            let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
            let bytes = STANDARD.decode(signature).ok().filter(|_| name == self.name)?;
            let (hash, signature) = bytes.split_first_chunk::<4>()?;
            let signature =
                Signature::from_slice(signature).ok().filter(|_| *hash == self.hash())?;
            let key = PublicKey::from_slice(self.key.pk.as_ref()).ok()?;
            key.verify(text, &signature).ok()
        });
        signed.count().checked_sub(1).map(|_| text)
    }

    /// The checkpoint of a log.
    pub fn checkpoint(&self, log: &Frontier, now: UnixMillis) -> String {
        let (size, root) = (log.size(), STANDARD.encode(log.root()));
        self.sign(&format!("{}\n{size}\n{root}\ntime {now}\n", self.name))
    }
}

/// Without the key.
impl std::fmt::Debug for Notary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notary").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many records there were.
    pub size: u64,
    /// The root of the tree of their lines.
    pub root: Digest,
    /// When.
    pub time: UnixMillis,
}

impl Checkpoint {
    /// Reads the text of a note of this origin.
    pub fn parse(text: &str, origin: &str) -> Option<Self> {
        let mut lines = text.lines();
        lines.next().filter(|first| *first == origin)?;
        let size = lines.next()?.parse().ok()?;
        let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        let time = time::parse(lines.next()?.strip_prefix("time ")?)?;
        Some(Self { size, root, time })
    }
}

/// The notes of a file that are whole, and how many bytes they take: a crash can cut the last one off.
pub fn split(file: &str) -> (Vec<&str>, usize) {
    let (mut notes, mut rest, mut end) = (Vec::new(), file, 0_usize);
    while let Some(mark) = rest.find("\n\n\u{2014} ") {
        // The signatures follow, up to an empty line.
        let Some(signatures) = mark.checked_add(2).and_then(|at| rest.get(at..)) else { break };
        let Some(length) = signatures.find("\n\n") else { break };
        let length = mark.saturating_add(2).saturating_add(length).saturating_add(1);
        let Some((note, after)) = rest.split_at_checked(length) else { break };
        notes.push(note);
        rest = after.strip_prefix('\n').unwrap_or(after);
        end = end.saturating_add(length).saturating_add(1);
    }
    (notes, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notary() -> Notary {
        let key = KeyPair::from_seed(ed25519_compact::Seed::new([7; 32]));
        Notary::new("log.example", key.as_ref()).unwrap()
    }

    #[test]
    fn a_note_is_opened_by_its_key_only() {
        let notary = notary();
        let note = notary.sign("log.example\n0\n");
        assert_eq!(notary.open(&note), Some("log.example\n0\n"));
        assert_eq!(notary.open(&note.replace("\n0\n", "\n1\n")), None);
        assert_eq!(notary.open(""), None);
        let other = KeyPair::from_seed(ed25519_compact::Seed::new([8; 32]));
        assert_eq!(Notary::new("log.example", other.as_ref()).unwrap().open(&note), None);
        assert_eq!(Notary::new("elsewhere", notary.key.as_ref()).unwrap().open(&note), None);
        assert!(!format!("{notary:?}").contains("key"));
    }

    #[test]
    fn the_verifier_key_is_that_of_signed_notes() {
        let text = notary().verifier();
        let [name, hash, key] = &*text.split('+').collect::<Vec<_>>() else { panic!("{text}") };
        let key = STANDARD.decode(key).unwrap();
        assert_eq!((*name, key.len(), key[0]), ("log.example", 33, 1));
        let digest = Sha256::digest([b"log.example\n", &*key].concat());
        assert_eq!(*hash, hex(&digest[..4]));
    }

    #[test]
    fn a_checkpoint_says_what_was_signed() {
        let (notary, mut log) = (notary(), Frontier::default());
        log.push([1; 32]);
        let note = notary.checkpoint(&log, UnixMillis(1_795_514_400_123));
        let found = Checkpoint::parse(notary.open(&note).unwrap(), "log.example").unwrap();
        let time = UnixMillis(1_795_514_400_123);
        assert_eq!(found, Checkpoint { size: 1, root: [1; 32], time });
    }

    #[test]
    fn whole_notes_are_told_from_one_that_was_cut_off() {
        let notary = notary();
        let notes: Vec<_> = (0..3).map(|n| notary.sign(&format!("log.example\n{n}\n"))).collect();
        let file: String = notes.iter().map(|note| format!("{note}\n")).collect();
        let second = notes[0].len() + notes[1].len() + 2;
        for cut in 0..=file.len() {
            let Some(text) = file.get(..cut) else { continue };
            let (found, end) = split(text);
            let whole = if cut == file.len() {
                3
            } else if cut >= second {
                2
            } else {
                usize::from(cut > notes[0].len())
            };
            assert_eq!(found, notes[..whole], "{cut}");
            assert_eq!(end, notes[..whole].iter().map(|note| note.len() + 1).sum::<usize>());
        }
    }
}
