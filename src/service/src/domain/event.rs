//! What happened to an approval.

use serde::{Deserialize, Serialize};

use super::approval::{Status, Vote};

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

/// What others can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A call is held and waits for people.
    Asked,
    /// Enough people approved it.
    Approved,
    /// Somebody denied it.
    Denied,
    /// Its time was over.
    Expired,
    /// It was released.
    Used,
    /// One person approved it alone, in an emergency.
    BreakGlass,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Asked, Self::Approved, Self::Denied, Self::Expired, Self::Used, Self::BreakGlass];

    /// Its name, such as `break_glass`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Used => "used",
            Self::BreakGlass => "break_glass",
        }
    }

    /// Whether nobody can choose not to be told.
    pub const fn is_always(self) -> bool {
        matches!(self, Self::BreakGlass)
    }
}

impl Event {
    /// What others are told, of an approval with this status afterwards.
    pub const fn topic(&self, status: Status) -> Option<Topic> {
        match self {
            Self::Asked { .. } => Some(Topic::Asked),
            Self::Approved { vote } if vote.break_glass => Some(Topic::BreakGlass),
            Self::Approved { .. } => Some(Topic::Approved),
            Self::Denied { .. } => Some(Topic::Denied),
            Self::Used { .. } => Some(Topic::Used),
            // What ends of a denial is only that an identical call finds it.
            Self::Expired if matches!(status, Status::Expired) => Some(Topic::Expired),
            Self::Expired
            | Self::Supported { .. }
            | Self::Left
            | Self::Returned
            | Self::Abandoned => None,
        }
    }
}
