//! Local replies, as Envoy renders them.

use crate::headers::HeaderMap;
use crate::host::LocalResponse;

/// The response that a client gets: headers and body.
pub(super) fn render(reply: &LocalResponse, grpc: bool) -> (HeaderMap, Vec<u8>) {
    if grpc {
        return (render_grpc(reply), Vec::new());
    }
    let mut headers = HeaderMap::from([(":status", reply.status.to_string())]);
    for (name, value) in reply.headers.iter() {
        headers.add(name, value);
    }
    if reply.body.is_empty() {
        headers.remove("content-length");
        headers.remove("content-type");
    } else {
        headers.set("content-length", reply.body.len().to_string());
        if headers.get("content-type").is_none() {
            headers.set("content-type", "text/plain");
        }
    }
    (headers, reply.body.clone())
}

/// Trailers-only: status and message in the headers, no body.
fn render_grpc(reply: &LocalResponse) -> HeaderMap {
    let status = reply.grpc_status.unwrap_or_else(|| grpc_status(reply.status));
    let mut headers = HeaderMap::from([(":status", "200"), ("content-type", "application/grpc")]);
    headers.add("grpc-status", status.to_string());
    if !reply.body.is_empty() {
        headers.add("grpc-message", percent_encode(&reply.body));
    }
    for (name, value) in reply.headers.iter() {
        if name != b"content-type" {
            headers.add(name, value);
        }
    }
    headers
}

/// The gRPC specification's mapping of HTTP status codes.
const fn grpc_status(http: u32) -> u32 {
    match http {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

/// `grpc-message` keeps printable ASCII but `%`.
fn percent_encode(message: &[u8]) -> String {
    message.iter().fold(String::new(), |mut out, byte| {
        if matches!(byte, b' '..=b'~') && *byte != b'%' {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

/// A reply of the proxy's own.
pub(super) fn own(status: u32, details: &str, body: &str) -> LocalResponse {
    LocalResponse {
        status,
        details: details.as_bytes().to_vec(),
        body: body.as_bytes().to_vec(),
        headers: HeaderMap::new(),
        grpc_status: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_gets_length_and_type() {
        let mut reply = own(403, "", "no");
        reply.headers.add("X", "1");
        let (headers, body) = render(&reply, false);
        assert_eq!(body, b"no");
        assert_eq!(
            headers,
            HeaderMap::from([
                (":status", "403"),
                ("x", "1"),
                ("content-length", "2"),
                ("content-type", "text/plain"),
            ])
        );
        reply.headers.add("content-type", "application/json");
        assert_eq!(render(&reply, false).0.all("content-type").count(), 1);
        reply.body.clear();
        assert_eq!(render(&reply, false).0, HeaderMap::from([(":status", "403"), ("x", "1")]));
    }

    #[test]
    fn grpc_gets_trailers_only() {
        let (headers, body) = render(&own(403, "", "100% né"), true);
        assert!(body.is_empty());
        assert_eq!(headers.get(":status"), Some(&b"200"[..]));
        assert_eq!(headers.get("grpc-status"), Some(&b"7"[..]));
        assert_eq!(headers.get("grpc-message"), Some(&b"100%25 n%C3%A9"[..]));
        let mut reply = own(200, "", "");
        for (http, grpc) in [(401, 16), (404, 12), (503, 14), (400, 13), (418, 2)] {
            reply.status = http;
            let found = render(&reply, true).0;
            assert_eq!(found.get("grpc-status"), Some(grpc.to_string().as_bytes()));
        }
        reply.grpc_status = Some(8);
        assert_eq!(render(&reply, true).0.get("grpc-status"), Some(&b"8"[..]));
    }
}
