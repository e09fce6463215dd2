//! The one way on: a request goes to the upstream with a [`Release`], and these are all the ways to have one.

use crate::approval::Approved;
use crate::decide::Decision;
use crate::policy::Mode;

/// The permission to forward one request.
#[derive(Debug)]
pub(super) struct Release(());

impl Release {
    /// For a request that was allowed as it is. A decision that asks for approval gives none.
    pub(super) const fn allowed(decision: &Decision) -> Option<Self> {
        match decision {
            Decision::Allow => Some(Self(())),
            Decision::Deny(_) | Decision::Hold(_) => None,
        }
    }

    /// For a request that a second person approved. Only a verified verdict makes an [`Approved`].
    pub(super) fn approved(_used_up: Approved) -> Self {
        Self(())
    }

    /// For a request that is only watched.
    pub(super) const fn shadow(mode: Mode) -> Option<Self> {
        match mode {
            Mode::Shadow => Some(Self(())),
            Mode::Enforce => None,
        }
    }
}
