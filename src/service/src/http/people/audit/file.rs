//! A file, or a range of it, without reading it as a whole.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

/// What is read at a time.
const CHUNK: u64 = 1 << 18;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// Everything.
    Whole,
    /// From the first to before the second byte.
    Part(u64, u64),
    /// Nothing that is there.
    Nothing,
}

/// What `range` asks for of so many bytes (RFC 9110 section 14.2). What is not one range of bytes is not honoured.
fn wanted(range: Option<&str>, length: u64) -> Wanted {
    let Some((first, last)) = range.and_then(|r| r.strip_prefix("bytes=")?.split_once('-')) else {
        return Wanted::Whole;
    };
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| !text.starts_with('+'));
    match (first, number(first), last, number(last)) {
        ("", _, _, Some(0)) => Wanted::Nothing,
        ("", _, _, Some(_)) if length == 0 => Wanted::Nothing,
        ("", _, _, Some(count)) => Wanted::Part(length.saturating_sub(count), length),
        (_, Some(first), "", _) if first < length => Wanted::Part(first, length),
        (_, Some(first), _, Some(last)) if first <= last && first < length => {
            Wanted::Part(first, last.saturating_add(1).min(length))
        }
        (_, Some(first), _, Some(last)) if last < first => Wanted::Whole,
        (_, Some(_), "", _) | (_, Some(_), _, Some(_)) => Wanted::Nothing,
        _ => Wanted::Whole,
    }
}

/// Sends what is there now; a file that grows meanwhile is as long as it was.
pub(super) async fn serve(path: PathBuf, range: Option<&str>) -> io::Result<Response> {
    let opened = tokio::task::spawn_blocking(move || {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok::<_, io::Error>((file, length))
    });
    let (file, length) = opened.await.map_err(io::Error::other)??;
    let (status, first, end) = match wanted(range, length) {
        Wanted::Whole => (StatusCode::OK, 0, length),
        Wanted::Part(first, end) => (StatusCode::PARTIAL_CONTENT, first, end),
        Wanted::Nothing => {
            let whole = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, whole).into_response());
        }
    };
    let chunks = stream::try_unfold((file, first), move |(mut file, at)| async move {
        let count = end.saturating_sub(at).min(CHUNK);
        if count == 0 {
            return Ok::<_, io::Error>(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; usize::try_from(count).unwrap_or_default()];
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut bytes)?;
            Ok::<_, io::Error>((bytes, file))
        });
        let (bytes, file) = read.await.map_err(io::Error::other)??;
        Ok(Some((bytes, (file, at.saturating_add(count)))))
    });
    let mut response = (status, Body::from_stream(chunks)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, end.saturating_sub(first).into());
    headers.insert(header::ACCEPT_RANGES, "bytes".parse().map_err(io::Error::other)?);
    headers.insert(
        header::CONTENT_TYPE,
        "application/octet-stream".parse().map_err(io::Error::other)?,
    );
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {first}-{}/{length}", end.saturating_sub(1));
        headers.insert(header::CONTENT_RANGE, range.parse().map_err(io::Error::other)?);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_rfc() {
        for (range, length, expected) in [
            (None, 10, Wanted::Whole),
            (Some("bytes=0-4"), 10, Wanted::Part(0, 5)),
            (Some("bytes=4-"), 10, Wanted::Part(4, 10)),
            (Some("bytes=-3"), 10, Wanted::Part(7, 10)),
            (Some("bytes=-30"), 10, Wanted::Part(0, 10)),
            (Some("bytes=5-99"), 10, Wanted::Part(5, 10)),
            (Some("bytes=10-"), 10, Wanted::Nothing),
            (Some("bytes=10-12"), 10, Wanted::Nothing),
            (Some("bytes=-0"), 10, Wanted::Nothing),
            (Some("bytes=-5"), 0, Wanted::Nothing),
            (Some("bytes=5-4"), 10, Wanted::Whole),
            (Some("bytes=a-b"), 10, Wanted::Whole),
            (Some("bytes=-"), 10, Wanted::Whole),
            (Some("bytes=0-1,4-5"), 10, Wanted::Whole),
            (Some("lines=0-1"), 10, Wanted::Whole),
            (Some("bytes=0-18446744073709551615"), 10, Wanted::Part(0, 10)),
        ] {
            assert_eq!(wanted(range, length), expected, "{range:?}");
        }
    }
}
