//! Calls to the proxy's clusters.

use scopewarden_core::approval::Answer;
use scopewarden_core::exchange::Ask;
use scopewarden_core::policy::ApprovalService;

use crate::host::{self, Buffer, Map};

/// The response to a call; `None` when the call failed.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: Option<Vec<u8>>,
    /// `retry-after`, when it is in seconds.
    pub(crate) retry_after_s: Option<u64>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// Reads the response of the call whose callback this is. One byte more than `limit` is read, so that what is too long
    /// shows.
    pub(crate) fn read(headers: usize, body_size: usize, limit: usize) -> Option<Self> {
        // Without headers the call failed, and reading them is an error.
        if headers == 0 {
            return None;
        }
        let headers = host::header_list(Map::CallResponseHeaders).ok()?;
        let status = std::str::from_utf8(headers.one(":status").ok()??).ok()?.parse().ok()?;
        let content_type = headers.one("content-type").ok()?.map(<[u8]>::to_vec);
        let retry_after = headers.one("retry-after").ok().flatten();
        let retry_after_s = retry_after.and_then(|v| std::str::from_utf8(v).ok()?.parse().ok());
        let limit = limit.saturating_add(1);
        let body = host::buffer(Buffer::CallResponseBody, body_size.min(limit)).unwrap_or_default();
        Some(Self { status, content_type, retry_after_s, body })
    }

    /// As an answer of the approval service.
    pub(crate) fn answer(response: Option<&Self>) -> Answer<'_> {
        response.map_or(Answer::Nothing, |response| Answer::Response {
            status: response.status,
            content_type: response.content_type.as_deref(),
            body: &response.body,
        })
    }
}

/// Makes a call; returns its token. Cluster and headers come from the policy.
pub(crate) fn dispatch(
    cluster: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
    timeout_ms: u64,
) -> Result<u32, String> {
    host::http_call(cluster, headers, body.unwrap_or_default(), timeout_ms)
        .map_err(|status| format!("the cluster `{cluster}` cannot be called (status {status})"))
}

/// Calls the approval service: with a question, or at `/abandon` below it.
pub(crate) fn approval(service: &ApprovalService, ask: &Ask, below: &str) -> Result<u32, String> {
    let path = format!("{}{below}", service.path);
    let headers = [
        (":method", "POST"),
        (":scheme", service.scheme.as_str()),
        (":authority", service.authority.as_str()),
        (":path", path.as_str()),
        ("content-type", "application/json"),
        ("accept", "application/jwt"),
    ];
    dispatch(&service.cluster, &headers, Some(&ask.body), ask.timeout_ms)
}
