//! What happens with what a detector finds.

use std::fmt;

use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;

use super::detectors::Detectors;

/// Fewest bytes of a key of keyed hashes: as many as SHA-256 gives (RFC 2104, section 3).
pub const MIN_HASH_KEY: usize = 32;

/// What happens with what a detector finds. Of several that touch, the strictest happens with all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// It becomes `[masked:NAME]`.
    #[default]
    Mask,
    /// It becomes `[masked:NAME:` and so many of its last bytes and `]`. No part of a character is shown, and `*` for what would need escapes.
    Partial(u8),
    /// It becomes `[NAME:` and 16 hex digits of HMAC-SHA256 and `]`: the same text, the same hash.
    Hash,
    /// It is taken out, and what is a whole document and contains it is not sent.
    Drop,
    /// The response ends.
    Block,
}

impl Action {
    /// How strict it is. The fewer bytes are shown, the stricter.
    pub(super) const fn strictness(self) -> (u8, u8) {
        match self {
            Self::Partial(shown) => (0, u8::MAX.wrapping_sub(shown)),
            Self::Hash => (1, 0),
            Self::Mask => (2, 0),
            Self::Drop => (3, 0),
            Self::Block => (4, 0),
        }
    }
}

/// The action of each detector.
#[derive(Clone, Debug, Default)]
pub struct Actions {
    each: Vec<Action>,
    key: Option<HashKey>,
}

impl Actions {
    /// What happens with what a detector finds.
    pub fn of(&self, detector: u16) -> Action {
        self.each.get(usize::from(detector)).copied().unwrap_or_default()
    }

    /// Of two detectors, the one with the stricter action; the first when both are as strict.
    pub fn stricter(&self, one: u16, other: u16) -> u16 {
        let strictness = |detector| self.of(detector).strictness();
        if strictness(other) > strictness(one) { other } else { one }
    }

    /// Whether no other action is stricter than this one's.
    pub fn is_strictest(&self, detector: u16) -> bool {
        let own = self.of(detector).strictness();
        self.each.iter().all(|action| action.strictness() <= own)
    }

    /// Whether any of them leaves out what contains it.
    pub fn drops(&self) -> bool {
        self.each.contains(&Action::Drop)
    }

    /// A hash that is about to be taken, when any action is [`Action::Hash`].
    pub fn hash(&self) -> Option<Hmac<Sha256>> {
        self.key.as_ref().map(|HashKey(key)| key.clone())
    }
}

/// A key that has been taken in. It is never shown.
#[derive(Clone)]
struct HashKey(Hmac<Sha256>);

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey")
    }
}

impl Detectors {
    /// The same detectors, with actions by name and the key for hashes. Who has none masks.
    ///
    /// # Errors
    /// What is wrong with an action, for the person who wrote it.
    pub fn acting<'n>(
        mut self,
        actions: impl IntoIterator<Item = (&'n str, Action)>,
        hash_key: Option<&[u8]>,
    ) -> Result<Self, String> {
        let mut built = Actions::default();
        for (name, action) in actions {
            let Some(detector) = self.id_of(name) else {
                return Err(format!(
                    "there is an action for `{name}`, which is no detector that is on; switch it on, or leave the action out"
                ));
            };
            match (action, hash_key) {
                (Action::Partial(0), _) => {
                    return Err(format!("`partial: 0` shows nothing of `{name}`; write `mask`"));
                }
                (Action::Partial(shown), _) => {
                    let shortest = self.shortest(detector);
                    if usize::from(shown) > shortest / 2 {
                        let least = format!(
                            "`partial: {shown}` can show more than half of `{name}`, which can have {shortest} bytes"
                        );
                        return Err(match shortest / 2 {
                            0 => format!("{least}; write `mask` or `hash`"),
                            most => format!("{least}; write {most} at most, or `mask` or `hash`"),
                        });
                    }
                }
                (Action::Hash, None) => {
                    return Err(format!(
                        "the action `hash` of `{name}` needs a `hash_key`: {MIN_HASH_KEY} random bytes at least, in base64"
                    ));
                }
                (Action::Hash, Some(key)) => built.key = Some(HashKey::new(key)?),
                (Action::Mask | Action::Drop | Action::Block, _) => {}
            }
            let at = usize::from(detector);
            if built.each.len() <= at {
                built.each.resize(at.saturating_add(1), Action::Mask);
            }
            if let Some(place) = built.each.get_mut(at) {
                *place = action;
            }
        }
        // Detectors without an action of their own mask: there may be none of them.
        built.each.resize(built.each.len().max(self.count()), Action::Mask);
        self.actions = built;
        Ok(self)
    }

    /// What happens with what a detector finds.
    pub fn action_of(&self, detector: u16) -> Action {
        self.actions.of(detector)
    }
}

impl HashKey {
    fn new(key: &[u8]) -> Result<Self, String> {
        if key.len() < MIN_HASH_KEY {
            return Err(format!(
                "the `hash_key` has {} bytes; take {MIN_HASH_KEY} random ones at least",
                key.len()
            ));
        }
        Hmac::new_from_slice(key).map(Self).map_err(|_| "the `hash_key` is too long".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Pattern;
    use super::*;

    fn acting(actions: &[(&str, Action)], key: Option<&[u8]>) -> Result<Detectors, String> {
        let own = ["code", "id"]
            .map(String::from)
            .into_iter()
            .zip(["x[0-9]", "ID-[0-9]{4}"].map(|p| Pattern::new(p).unwrap()));
        Detectors::new(["email", "card", "openai"], own.collect())
            .acting(actions.iter().copied(), key)
    }

    #[test]
    fn actions_that_cannot_be_taken() {
        for (name, action, why) in [
            ("iban", Action::Mask, "no detector that is on"),
            ("card", Action::Partial(0), "write `mask`"),
            ("card", Action::Partial(7), "which can have 12 bytes; write 6 at most"),
            ("code", Action::Partial(2), "which can have 2 bytes; write 1 at most"),
            ("openai", Action::Partial(30), "write 10 at most"),
            ("email", Action::Hash, "needs a `hash_key`"),
        ] {
            let error = acting(&[(name, action)], None).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert!(
            acting(&[("email", Action::Hash)], Some(&[7; 31]))
                .unwrap_err()
                .contains("has 31 bytes")
        );
    }

    #[test]
    fn the_strictest_is_taken() {
        let order = [
            Action::Partial(4),
            Action::Partial(2),
            Action::Hash,
            Action::Mask,
            Action::Drop,
            Action::Block,
        ];
        let detectors = acting(
            &[("card", Action::Drop), ("id", Action::Partial(3)), ("email", Action::Hash)],
            Some(&[7; 32]),
        )
        .unwrap();
        let id = |name| detectors.id_of(name).unwrap();
        assert!(order.is_sorted_by(|a, b| a.strictness() < b.strictness()));
        assert_eq!(detectors.actions.stricter(id("email"), id("openai")), id("openai"));
        assert_eq!(detectors.actions.stricter(id("openai"), id("code")), id("openai"));
        assert!(
            detectors.actions.is_strictest(id("card"))
                && !detectors.actions.is_strictest(id("code"))
        );
        assert_eq!(detectors.action_of(id("code")), Action::Mask);
        assert!(!format!("{detectors:?}").contains("7, 7"), "the key is not shown");
    }
}
