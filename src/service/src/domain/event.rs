//! What happened to an approval.

use serde::{Deserialize, Serialize};

use super::approval::Vote;

/// One entry of an approval's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Event {
    /// A call was held and the approval opened.
    Asked {
        /// The id of the decision record.
        record: String,
    },
    /// The caller went away while it was held.
    Left,
    /// The caller asked again.
    Returned,
    /// Somebody approved; more may be needed.
    Supported {
        /// Who, and how.
        vote: Vote,
    },
    /// Somebody approved, and that was enough.
    Approved {
        /// Who, and how.
        vote: Vote,
    },
    /// Somebody denied.
    Denied {
        /// Who, and why.
        vote: Vote,
    },
    /// The call was released.
    Used {
        /// The question that was answered with it.
        nonce: String,
    },
    /// The time was over.
    Expired,
    /// The caller did not come back.
    Abandoned,
}

impl Event {
    /// Its name, such as `approved`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Asked { .. } => "asked",
            Self::Left => "left",
            Self::Returned => "returned",
            Self::Supported { .. } => "supported",
            Self::Approved { .. } => "approved",
            Self::Denied { .. } => "denied",
            Self::Used { .. } => "used",
            Self::Expired => "expired",
            Self::Abandoned => "abandoned",
        }
    }

    /// The vote in it.
    pub const fn vote(&self) -> Option<&Vote> {
        match self {
            Self::Supported { vote } | Self::Approved { vote } | Self::Denied { vote } => {
                Some(vote)
            }
            _ => None,
        }
    }
}
