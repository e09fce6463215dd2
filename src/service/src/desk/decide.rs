//! A person's decision.

use std::collections::BTreeSet;

use scopewarden_core::time::UnixMillis;

use super::Desk;
use crate::domain::{Approval, Approver, Decision, Refusal, Status, complete};
use crate::store::{Change, StoreError};

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// There is no such approval.
    #[error("there is no approval `{0}`")]
    Unknown(String),
    /// The approver may not, or not any more.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What somebody may do about an approval, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct May {
    /// Approve it.
    pub approve: Result<(), Refusal>,
    /// Deny it.
    pub deny: Result<(), Refusal>,
    /// Approve it alone, in an emergency.
    pub break_glass: Result<(), Refusal>,
}

impl Desk {
    /// Takes a decision about one approval, and about all the calls of its set: they are decided as one.
    ///
    /// The approval as it is afterwards.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn decide(
        &self,
        id: &str,
        decision: &Decision,
        approver: &Approver,
    ) -> Result<Approval, DecideError> {
        self.decide_seen(id, decision, approver, &BTreeSet::new()).await
    }

    /// The same, by somebody who was shown the approvals `seen`, too: a call that its caller has added to the set since then
    /// is not let through with them.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn decide_seen(
        &self,
        id: &str,
        decision: &Decision,
        approver: &Approver,
        seen: &BTreeSet<String>,
    ) -> Result<Approval, DecideError> {
        loop {
            let now = self.now();
            let approval = self.store.get(id).await?;
            let approval = approval.ok_or_else(|| DecideError::Unknown(id.to_owned()))?;
            let members = self.decided_with(&approval).await?;
            let changes = self.changes(&members, id, decision, approver, now)?;
            if !matches!(decision, Decision::Deny { .. })
                && members.iter().any(|m| m.id != id && !seen.contains(&m.id))
            {
                return Err(Refusal::SetUnseen.into());
            }
            let decided = changes.iter().map(|c| &c.approval).find(|a| a.id == id).cloned();
            if self.commit(changes).await?
                && let Some(decided) = decided
            {
                return Ok(decided);
            }
        }
    }

    /// What this person may do about an approval now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn may(&self, approval: &Approval, approver: &Approver) -> Result<May, StoreError> {
        let now = self.now();
        let members = self.decided_with(approval).await?;
        let may = |decision: Decision| {
            self.changes(&members, &approval.id, &decision, approver, now).map(drop)
        };
        // A reason will be given when it comes to it.
        let reason = || "-".to_owned();
        Ok(May {
            approve: may(Decision::Approve { reason: None }),
            deny: may(Decision::Deny { reason: reason() }),
            break_glass: may(Decision::BreakGlass { reason: reason() }),
        })
    }

    /// What a decision about `id` changes, among the `members` of its set.
    fn changes(
        &self,
        members: &[Approval],
        id: &str,
        decision: &Decision,
        approver: &Approver,
        now: UnixMillis,
    ) -> Result<Vec<Change>, Refusal> {
        if !matches!(decision, Decision::Deny { .. }) {
            complete(members, now)?;
        }
        let mut changes = Vec::with_capacity(members.len());
        for member in members {
            // Of a set, one may have been approved by enough people before another: requirements differ.
            if member.id != id && member.status(now) != Status::Pending {
                continue;
            }
            let (approval, event) = member.decide(decision, approver, self.rules(), now)?;
            changes.push(Change { approval, event, at: now });
        }
        Ok(changes)
    }

    /// What one decision is about: the approval, and the calls of its set that are not over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn decided_with(&self, approval: &Approval) -> Result<Vec<Approval>, StoreError> {
        if approval.call.set.is_none() {
            return Ok(vec![approval.clone()]);
        }
        let now = self.now();
        let mut members = self.store.set(&approval.set_key()).await?;
        members.retain(|m| {
            m.id == approval.id || matches!(m.status(now), Status::Pending | Status::Approved)
        });
        Ok(members)
    }
}
