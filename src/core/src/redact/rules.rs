//! What the responses to one caller are masked by, and why masking may have to stop.

use std::sync::Arc;

use super::detectors::Detectors;
use super::path::Paths;

/// What is masked in the responses to one caller.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What is looked for in every text.
    pub detectors: Arc<Detectors>,
    /// The fields that are masked as a whole.
    pub fields: Paths,
    /// The detectors this caller sees through.
    pub off: DetectorSet,
    /// What happens with what cannot be masked surely.
    pub on_uncertain: OnUncertain,
}

impl Rules {
    /// These detectors, for a caller who sees through none of them.
    pub fn new(detectors: Detectors) -> Self {
        Self {
            detectors: Arc::new(detectors),
            fields: Paths::default(),
            off: DetectorSet::default(),
            on_uncertain: OnUncertain::default(),
        }
    }
}

/// Some of the detectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DetectorSet(Vec<u64>);

impl DetectorSet {
    /// Adds a detector.
    pub fn insert(&mut self, detector: u16) {
        let (word, bit) = Self::place(detector);
        if self.0.len() <= word {
            self.0.resize(word.saturating_add(1), 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    /// Whether a detector is in it.
    pub fn has(&self, detector: u16) -> bool {
        let (word, bit) = Self::place(detector);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Whether none is in it.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(detector: u16) -> (usize, u64) {
        (usize::from(detector >> 6), 1_u64.wrapping_shl(u32::from(detector & 63)))
    }
}

impl FromIterator<u16> for DetectorSet {
    fn from_iter<I: IntoIterator<Item = u16>>(detectors: I) -> Self {
        let mut set = Self::default();
        detectors.into_iter().for_each(|detector| set.insert(detector));
        set
    }
}

/// What happens with what cannot be masked surely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUncertain {
    /// The response ends.
    #[default]
    Block,
    /// It goes on, scanned as plain text: what is spelled with escapes, or spread over events, is not seen any more.
    Scan,
}

/// Why nothing more of a response may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It cannot be masked surely.
    Uncertain(Uncertain),
    /// It contains what this detector finds, whose action is to block.
    Blocked(u16),
}

/// Why a response cannot be masked surely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncertain {
    /// Its JSON is nested too deep.
    TooDeep,
    /// An event is too long to be read as a whole.
    EventTooLong,
    /// It has more streams of text at a time than are followed.
    TooManyChannels,
    /// It is compressed, or encoded otherwise.
    Encoded,
    /// Its text is not in UTF-8.
    Charset,
    /// It has more than one `content-type`.
    ContentType,
    /// It is a part of a document, which a secret may reach over.
    Partial,
    /// It is gRPC, whose messages say their lengths.
    Grpc,
    /// It is no WebSocket frame that a server may send, or one of an extension.
    WebSocket,
    /// A WebSocket message is too long to be read as a whole.
    MessageTooLong,
    /// It ended with trailers, after which what was held cannot be sent.
    Trailers,
}

impl Uncertain {
    /// The word for records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooDeep => "too_deep",
            Self::EventTooLong => "event_too_long",
            Self::TooManyChannels => "too_many_channels",
            Self::Encoded => "encoded",
            Self::Charset => "charset",
            Self::ContentType => "content_type",
            Self::Partial => "partial",
            Self::Grpc => "grpc",
            Self::WebSocket => "websocket",
            Self::MessageTooLong => "message_too_long",
            Self::Trailers => "trailers",
        }
    }

    /// What it means, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::TooDeep => "the JSON of the response is nested too deep to be masked",
            Self::EventTooLong => "an event of the response is too long to be masked",
            Self::TooManyChannels => "the response has too many streams of text to be masked",
            Self::Encoded => "the response is compressed or encoded, which cannot be masked",
            Self::Charset => "the response is not in UTF-8, which cannot be masked",
            Self::ContentType => {
                "the response has more than one content type, and which one is true cannot be told"
            }
            Self::Partial => {
                "the response is a part of a document, and a secret may reach over its ends"
            }
            Self::Grpc => "the response is gRPC, which cannot be masked",
            Self::WebSocket => "the response has a WebSocket frame that cannot be read",
            Self::MessageTooLong => "a WebSocket message of the response is too long to be masked",
            Self::Trailers => {
                "the response ended with trailers, after which the end of its text cannot be sent"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_detectors() {
        let set: DetectorSet = [0, 63, 64, 700].into_iter().collect();
        let has: Vec<u16> = (0..1000).filter(|d| set.has(*d)).collect();
        assert_eq!(has, [0, 63, 64, 700]);
        assert!(DetectorSet::default().is_empty() && !set.is_empty());
    }

    #[test]
    fn blocking_is_the_default() {
        assert_eq!(Rules::new(Detectors::new([], Vec::new())).on_uncertain, OnUncertain::Block);
    }
}
