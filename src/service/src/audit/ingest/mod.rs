//! Where records arrive: OTLP over HTTP, from senders that are known.
//!
//! What is answered with 200 is on the disk. What can be sent again later is answered with 503 and `retry-after`; what never
//! will be taken is counted in `partialSuccess`, so that a sender does not try for ever.

mod otlp;
mod token;

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

pub use token::Token;

use super::Collector;
use super::log::{Entry, Fate};
use super::record::{Line, hash};
use otlp::{Format, MAX_RECORDS};

/// Largest body, as it comes and unpacked.
const MAX_BODY: usize = 8 << 20;
const MAX_UNPACKED: usize = 32 << 20;
/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);
/// When a sender may come again, in seconds.
const RETRY: &str = "2";
/// Reasons that are told of one request.
const MAX_TOLD: usize = 5;

/// The routes for senders.
pub fn router(collector: Arc<Collector>) -> Router {
    Router::new()
        .route("/v1/logs", post(logs))
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .with_state(collector)
}

async fn metrics(State(collector): State<Arc<Collector>>) -> Response {
    let version = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, version)], collector.metrics.text()).into_response()
}

/// A request that nothing was taken of.
struct Refused {
    status: StatusCode,
    why: String,
}

fn refused(status: StatusCode, why: impl Into<String>) -> Refused {
    Refused { status, why: why.into() }
}

impl Refused {
    fn answer(&self, format: Format) -> Response {
        // The codes of `google.rpc.Code`.
        let code = match self.status {
            StatusCode::UNAUTHORIZED => 16,
            StatusCode::SERVICE_UNAVAILABLE => 14,
            StatusCode::PAYLOAD_TOO_LARGE => 8,
            StatusCode::REQUEST_TIMEOUT => 4,
            _ => 3,
        };
        let mut response = answer(self.status, format, otlp::status(format, code, &self.why));
        let extra: Option<(HeaderName, &'static str)> = match self.status {
            StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, RETRY)),
            StatusCode::UNAUTHORIZED => {
                Some((header::WWW_AUTHENTICATE, "Bearer realm=\"scopewarden audit\""))
            }
            _ => None,
        };
        if let Some((name, value)) = extra {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

fn answer(status: StatusCode, format: Format, body: Vec<u8>) -> Response {
    let media_type = HeaderValue::from_static(format.media_type());
    (status, [(header::CONTENT_TYPE, media_type)], body).into_response()
}

async fn logs(State(collector): State<Arc<Collector>>, request: Request) -> Response {
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let format = media_type.and_then(Format::of);
    let taken = take(&collector, format, request).await;
    // Who sends neither form is told in the one that people can read.
    let format = format.unwrap_or(Format::Json);
    match taken {
        Ok(rejected) => answer(StatusCode::OK, format, otlp::success(format, rejected)),
        Err(refused) => refused.answer(format),
    }
}

/// Takes a request; returns how many of its records were rejected, and why.
async fn take(
    collector: &Collector,
    format: Option<Format>,
    request: Request,
) -> Result<Option<(usize, String)>, Refused> {
    let (parts, body) = request.into_parts();
    let sender = sender(collector, &parts.headers)?.to_owned();
    let wanted = "send `content-type: application/json` or `application/x-protobuf`";
    let format = format.ok_or_else(|| refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, wanted))?;
    let packed = packed(&parts.headers)?;
    let bytes = arrive(body).await?;
    let read = move || read(format, packed, &bytes);
    let (lines, mut bad) = tokio::task::spawn_blocking(read)
        .await
        .map_err(|_| refused(StatusCode::SERVICE_UNAVAILABLE, "the service stops"))??;
    let count = |counter: &std::sync::atomic::AtomicU64, n: usize| {
        counter.fetch_add(u64::try_from(n).unwrap_or(u64::MAX), Ordering::Relaxed);
    };
    let metrics = &collector.metrics;
    let kept: Vec<_> =
        lines.iter().map(|(n, line)| (*n, line.place(), line.hash(), line.text().len())).collect();
    let later = || {
        metrics.unavailable.fetch_add(1, Ordering::Relaxed);
        refused(StatusCode::SERVICE_UNAVAILABLE, "records cannot be stored now; send them again")
    };
    let lines = lines.into_iter().map(|(_, line)| line).collect();
    let fates = collector.log.append(lines).await.map_err(|_| later())?;
    let rejected = bad.len();
    let mut waits = false;
    for (fate, (n, place, hash, length)) in fates.into_iter().zip(kept) {
        let fate = match fate {
            Fate::Old => match old(collector, place, hash).await {
                Some(fate) => fate,
                None => {
                    waits = true;
                    continue;
                }
            },
            fate => fate,
        };
        match fate {
            Fate::Stored => {
                count(&metrics.accepted, 1);
                count(&metrics.bytes, length);
            }
            Fate::Duplicate => count(&metrics.duplicates, 1),
            Fate::Conflict | Fate::Old => {
                count(&metrics.conflicts, 1);
                let (stream, seq) = place;
                tracing::error!(sender, %stream, seq, "another audit record came for a place that has one: somebody forged one of them, or a proxy lost its memory");
                bad.push((n, "another record is stored under its stream and number".to_owned()));
            }
        }
    }
    count(&metrics.rejected, rejected);
    if waits {
        return Err(later());
    }
    if rejected > 0 {
        tracing::warn!(sender, rejected, why = %told(&bad), "some of what was sent are no audit records");
    }
    Ok((!bad.is_empty()).then(|| (bad.len(), told(&bad))))
}

/// Which of the records were not taken, and why; the first few.
fn told(bad: &[(usize, String)]) -> String {
    let mut all: Vec<_> =
        bad.iter().take(MAX_TOLD).map(|(n, why)| format!("record {n}: {why}")).collect();
    let more = bad.len().saturating_sub(MAX_TOLD);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    all.join("; ")
}

/// The sender's name.
fn sender<'a>(collector: &'a Collector, headers: &HeaderMap) -> Result<&'a str, Refused> {
    if collector.tokens.is_empty() {
        return Ok("");
    }
    token::sender(&collector.tokens, headers).ok_or_else(|| {
        collector.metrics.unauthenticated.fetch_add(1, Ordering::Relaxed);
        refused(
            StatusCode::UNAUTHORIZED,
            "send the token of a sender that is known: `authorization: Bearer …`",
        )
    })
}

/// Whether the body is packed with gzip.
fn packed(headers: &HeaderMap) -> Result<bool, Refused> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    match (encodings.next().map(|value| value.as_bytes().to_ascii_lowercase()), encodings.next()) {
        (None, _) => Ok(false),
        (Some(one), None) if one == b"gzip" => Ok(true),
        (Some(one), None) if one == b"identity" => Ok(false),
        _ => Err(refused(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send `content-encoding: gzip`, or none",
        )),
    }
}

async fn arrive(body: Body) -> Result<axum::body::Bytes, Refused> {
    let large = || {
        let why = format!("the body is larger than {MAX_BODY} bytes; send fewer records at a time");
        refused(StatusCode::PAYLOAD_TOO_LARGE, why)
    };
    match tokio::time::timeout(ARRIVAL, axum::body::to_bytes(body, MAX_BODY)).await {
        Err(_) => Err(refused(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_limit(&error) => Err(large()),
        Ok(Err(_)) => Err(refused(StatusCode::BAD_REQUEST, "the body broke off")),
    }
}

fn is_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Lines with their places in the request, and those that are none.
type Read = (Vec<(usize, Entry)>, Vec<(usize, String)>);

fn read(format: Format, packed: bool, bytes: &[u8]) -> Result<Read, Refused> {
    let unpacked;
    let bytes = if packed {
        unpacked = unpack(bytes)?;
        &*unpacked
    } else {
        bytes
    };
    let bodies =
        otlp::bodies(format, bytes).map_err(|why| refused(StatusCode::BAD_REQUEST, why))?;
    if bodies.len() > MAX_RECORDS {
        let why = format!("there are more than {MAX_RECORDS} records; send fewer at a time");
        return Err(refused(StatusCode::PAYLOAD_TOO_LARGE, why));
    }
    let (mut lines, mut bad) = (Vec::with_capacity(bodies.len()), Vec::new());
    for (n, body) in bodies.iter().enumerate() {
        match body.as_deref().map(Line::parse) {
            Some(Ok(line)) => lines.push((n, line.into())),
            Some(Err(why)) => bad.push((n, why.to_string())),
            None => bad.push((n, "its body is not a string".to_owned())),
        }
    }
    Ok((lines, bad))
}

/// Unpacks gzip, but not more than can be wanted.
fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Refused> {
    let limit = u64::try_from(MAX_UNPACKED).unwrap_or(u64::MAX).saturating_add(1);
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut unpacked)
        .map_err(|_| refused(StatusCode::BAD_REQUEST, "the body is not gzip"))?;
    if unpacked.len() > MAX_UNPACKED {
        let why = format!(
            "the body is larger than {MAX_UNPACKED} bytes when unpacked; send fewer records at a time"
        );
        return Err(refused(StatusCode::PAYLOAD_TOO_LARGE, why));
    }
    Ok(unpacked)
}

/// What became of a line for whose place the log is too long to remember the line; `None` when the index is not so far yet.
async fn old(
    collector: &Collector,
    (stream, seq): (super::record::Stream, u64),
    wanted: super::record::Digest,
) -> Option<Fate> {
    // What retention removed cannot be compared any longer: it was stored once, and that is what the sender has to know.
    let found = async {
        let Some(index) = collector.index.at(&stream.to_string(), seq).await? else {
            return Ok(None);
        };
        collector.index.record(index).await
    };
    match found.await {
        Ok(Some(found)) if hash(&found.row.line) == wanted => Some(Fate::Duplicate),
        Ok(Some(_)) => Some(Fate::Conflict),
        Ok(None) if collector.is_indexed() => Some(Fate::Duplicate),
        Ok(None) => None,
        Err(error) => {
            tracing::error!(%error, "an audit record that came again cannot be compared");
            None
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
