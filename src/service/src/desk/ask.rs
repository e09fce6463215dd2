//! A filter's question, answered when people have decided or its time is over.

use std::pin::pin;
use std::time::Duration;

use scopewarden_core::approval::{Party, Question, VERSION};
use scopewarden_core::limits;
use tokio::time::Instant;
use uuid::Uuid;

use super::Desk;
use crate::domain::{Approval, Person, Status, Turn, Unusable};
use crate::store::{Change, StoreError};
use crate::verdict::Verdict;

/// Longest time that a question may wait.
const MAX_WAIT: Duration = Duration::from_secs(15 * 60);
/// The shortest and the longest time an approval may be given in, in milliseconds; what a policy may say.
const TTL_MS: std::ops::RangeInclusive<u64> = 60_000..=86_400_000;
/// Longest nonce and record id, in bytes.
const MAX_NAME: usize = 128;

/// Why a question has no verdict.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It is not a question that a filter asks: the member, and what is wrong with it.
    #[error("`{0}` {1}")]
    Invalid(&'static str, &'static str),
    /// The caller has too many open approvals.
    #[error("the caller has {0} open approvals already")]
    TooMany(u64),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The verdict could not be signed.
    #[error("the verdict cannot be signed: {0}")]
    Sign(String),
}

/// What there is to say of a call.
enum Found {
    /// It waits, or may go on.
    Open(Approval),
    /// It is over for this question.
    Over(Approval, Status),
    /// The step of the set was used by another call.
    Spent(Approval),
}

impl Desk {
    /// The signed verdict on a question. Takes as long as the question may wait.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask(&self, question: &Question) -> Result<String, AskError> {
        check(question)?;
        let deadline = Instant::now()
            .checked_add(Duration::from_millis(question.wait_ms).min(MAX_WAIT))
            .unwrap_or_else(Instant::now);
        let verdict = self.wait(question, deadline).await?;
        let Question { nonce, fingerprint, .. } = question;
        self.signer.sign(verdict, nonce, fingerprint, self.now()).map_err(AskError::Sign)
    }

    async fn wait(&self, question: &Question, deadline: Instant) -> Result<Verdict, AskError> {
        let Question { nonce, fingerprint, .. } = question;
        let listener = self.bell.listen(fingerprint);
        let notify = listener.notify();
        let mut waited: Option<String> = None;
        loop {
            let mut rung = pin!(notify.notified());
            rung.as_mut().enable();
            let approval = match self.find(question, waited.as_deref()).await? {
                Found::Open(approval) => approval,
                Found::Over(approval, status) => return Ok(verdict(&approval, status)),
                Found::Spent(approval) => return Ok(spent(&approval)),
            };
            let now = self.now();
            let turn = self.turn(&approval).await?;
            match (approval.status(now), turn) {
                (Status::Approved, Turn::Now) => match approval.use_up(nonce, now) {
                    Ok((next, event)) => {
                        let change = Change { approval: next.clone(), event, at: now };
                        if self.commit(vec![change]).await? {
                            self.wake_set(&next).await?;
                            return Ok(verdict(&next, Status::Approved));
                        }
                        continue;
                    }
                    Err(Unusable::Gone) => return Ok(verdict(&approval, Status::Pending)),
                    Err(Unusable::Status(_)) => continue,
                },
                (Status::Denied, _) => return Ok(verdict(&approval, Status::Denied)),
                (_, Turn::Spent) => return Ok(spent(&approval)),
                _ if approval.state.gone.iter().any(|gone| gone == nonce) => {
                    return Ok(verdict(&approval, Status::Pending));
                }
                _ => {}
            }
            if Instant::now() >= deadline || self.is_closing() {
                return Ok(verdict(&approval, Status::Pending));
            }
            // Time ends an approval without a ring.
            let left =
                Duration::from_millis(approval.expires.since(now)).max(Duration::from_millis(1));
            let until = deadline.min(Instant::now().checked_add(left).unwrap_or(deadline));
            waited = Some(approval.id);
            let _ = tokio::time::timeout_at(until, rung).await;
        }
    }

    /// The open approval of a call, opened when there is none.
    async fn find(&self, question: &Question, waited: Option<&str>) -> Result<Found, AskError> {
        loop {
            let now = self.now();
            if let Some(open) = self.store.open_for(&question.fingerprint).await? {
                if let Some((approval, event)) = open.lapse(now) {
                    self.commit(vec![Change { approval, event, at: now }]).await?;
                    continue;
                }
                if !open.state.gone.contains(&question.nonce)
                    && let Some((approval, event)) = open.come_back(now)
                {
                    self.commit(vec![Change { approval, event, at: now }]).await?;
                    continue;
                }
                return Ok(Found::Open(open));
            }
            if let Some(last) = self.store.last_for(&question.fingerprint).await? {
                // The answer was lost on its way, and the proxy asked again.
                if last.state.nonce.as_deref() == Some(&*question.nonce) {
                    return Ok(Found::Over(last, Status::Approved));
                }
                let status = last.state.status;
                if waited == Some(&*last.id) && status != Status::Used {
                    return Ok(Found::Over(last, Status::Expired));
                }
            }
            let id = format!("apr_{}", Uuid::now_v7().simple());
            let (approval, event) = Approval::open(
                id,
                question.record.clone(),
                question.call.clone(),
                question.preview.clone(),
                now,
            );
            if self.turn(&approval).await? == Turn::Spent {
                return Ok(Found::Spent(approval));
            }
            self.room(&approval).await?;
            if self.commit(vec![Change { approval: approval.clone(), event, at: now }]).await? {
                return Ok(Found::Open(approval));
            }
        }
    }

    /// The caller of a question went away.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn abandon(&self, nonce: &str, fingerprint: &str) -> Result<(), StoreError> {
        loop {
            let now = self.now();
            let Some(open) = self.store.open_for(fingerprint).await? else { return Ok(()) };
            let Some((approval, event)) = open.leave(nonce, now) else { return Ok(()) };
            if self.commit(vec![Change { approval, event, at: now }]).await? {
                return Ok(());
            }
        }
    }

    async fn turn(&self, approval: &Approval) -> Result<Turn, StoreError> {
        match approval.call.set {
            None => Ok(Turn::Now),
            Some(_) => Ok(approval.turn(&self.store.set(&approval.set_key()).await?)),
        }
    }

    /// Lets the next step of a set look again.
    async fn wake_set(&self, approval: &Approval) -> Result<(), StoreError> {
        if approval.call.set.is_some() {
            for member in self.store.set(&approval.set_key()).await? {
                self.bell.wake(member.call.fingerprint().as_str());
            }
        }
        Ok(())
    }

    async fn room(&self, approval: &Approval) -> Result<(), AskError> {
        let open = self.store.open_of(&Person::from(&approval.call.principal)).await?;
        if open >= self.open_per_caller { Err(AskError::TooMany(open)) } else { Ok(()) }
    }
}

fn check(question: &Question) -> Result<(), AskError> {
    let Question { version, nonce, fingerprint, record, call, .. } = question;
    let invalid = |what, why| Err(AskError::Invalid(what, why));
    if *version != VERSION {
        return invalid("version", "is not 1");
    }
    if nonce.len() < 16 || nonce.len() > MAX_NAME {
        return invalid("nonce", "is not of 16 to 128 characters");
    }
    if record.len() > MAX_NAME {
        return invalid("record", "is longer than 128 characters");
    }
    if call.fingerprint().as_str() != fingerprint {
        return invalid("fingerprint", "is not that of `call`");
    }
    // PostgreSQL's text has no such character; better said here than there.
    let Party { issuer, subject } = &call.principal;
    for (what, text) in [
        ("record", record),
        ("call.operation", &call.operation),
        ("call.policy", &call.policy),
        ("call.principal.issuer", issuer),
        ("call.principal.subject", subject),
    ] {
        if text.contains('\0') {
            return invalid(what, "has a zero byte");
        }
    }
    let approvers = usize::try_from(call.requirement.approvers).unwrap_or(usize::MAX);
    if !(1..=limits::MAX_APPROVERS).contains(&approvers) {
        return invalid("call.requirement.approvers", "is not from 1 to 10");
    }
    if !TTL_MS.contains(&call.requirement.ttl_ms) {
        return invalid("call.requirement.ttl_ms", "is not from one minute to one day");
    }
    if call.requirement.scope.is_empty() {
        return invalid("call.requirement.scope", "is empty");
    }
    if call.set.as_ref().is_some_and(|set| !set.is_valid()) {
        return invalid("call.set", "is not a step of a set");
    }
    Ok(())
}

fn verdict(approval: &Approval, status: Status) -> Verdict {
    let state = &approval.state;
    let deciders = match status {
        Status::Approved => state.votes.iter().collect(),
        Status::Denied => state.denial.iter().collect(),
        _ => Vec::new(),
    };
    Verdict {
        status: match status {
            Status::Approved | Status::Used => "approved",
            Status::Pending => "pending",
            Status::Denied => "denied",
            Status::Expired | Status::Abandoned => "expired",
        },
        approval: approval.id.clone(),
        break_glass: deciders.iter().any(|v| v.break_glass),
        approvers: deciders.into_iter().map(|v| v.person.clone()).collect(),
        reason: (status == Status::Denied)
            .then(|| state.denial.as_ref().and_then(|d| d.reason.clone()))
            .flatten(),
    }
}

fn spent(approval: &Approval) -> Verdict {
    Verdict {
        status: "denied",
        approval: approval.id.clone(),
        approvers: Vec::new(),
        reason: Some(
            "this step of the set was done already; a new set needs a new name".to_owned(),
        ),
        break_glass: false,
    }
}
