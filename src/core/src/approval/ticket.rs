//! One question under way, and the judgement of what comes back.

use super::bound::Fingerprint;
use super::verdict::{self, VERDICT_TYPE, Verdict};
use crate::identity::{Algorithm, Algorithms, Compact, KeySet, NoHost};
use crate::time::UnixMillis;

/// What came back from the approval service.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// The call could not be made, or no answer came.
    Nothing,
    /// An HTTP response; proxies make one up when the service is down (503), late (504) or talks nonsense (502).
    Response {
        /// HTTP status.
        status: u16,
        /// `content-type`.
        content_type: Option<&'a [u8]>,
        /// The body.
        body: &'a [u8],
    },
}

/// Why there is no verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The service did not answer the question.
    Unavailable(String),
    /// It answered with something that is not a verdict on this question.
    Invalid(String),
}

/// A question that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    nonce: String,
    fingerprint: Fingerprint,
}

impl Ticket {
    /// A ticket for the question with this nonce about the call with this fingerprint.
    pub const fn new(nonce: String, fingerprint: Fingerprint) -> Self {
        Self { nonce, fingerprint }
    }

    /// Names the question.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Names the call.
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The verdict in an answer.
    ///
    /// # Errors
    /// [`Fault`] for everything that is not exactly a verdict: there is no other way to an approval.
    pub fn check(
        &self,
        answer: Answer<'_>,
        keys: &KeySet,
        now: UnixMillis,
    ) -> Result<Verdict, Fault> {
        let (status, content_type, body) = match answer {
            Answer::Nothing => return Err(Fault::Unavailable("no answer came".into())),
            Answer::Response { status, content_type, body } => (status, content_type, body),
        };
        if status != 200 {
            return Err(Fault::Unavailable(format!("the answer has status {status}")));
        }
        let invalid = |why: String| Fault::Invalid(why);
        if content_type != Some(b"application/jwt") {
            return Err(invalid("the answer is not `application/jwt`".into()));
        }
        let jws = Compact::parse(body).map_err(|e| invalid(e.detail))?;
        if jws.text("typ").ok().flatten() != Some(VERDICT_TYPE) {
            return Err(invalid(format!("`typ` is not `{VERDICT_TYPE}`")));
        }
        let accepted = Algorithms::only(Algorithm::EdDsa);
        let payload = jws.verify(keys, accepted, &NoHost).map_err(|e| invalid(e.detail))?;
        let claims = crate::identity::strict_object(&payload)
            .map_err(|e| invalid(format!("the payload is {e}")))?;
        verdict::read(&claims, &self.nonce, &self.fingerprint, now).map_err(|e| invalid(e.into()))
    }
}
