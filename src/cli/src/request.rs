//! A raw HTTP/1.1 request, as people save it, on its way to core.

use scopewarden_core::http::{Headers, RequestHead};

/// Most header fields that are read; more than core accepts, so that core says what is wrong.
const MAX_FIELDS: usize = 1024;

/// A request as a proxy would hand it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The head.
    pub head: RequestHead,
    /// The body; `None` when there is none.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// Reads a head, and a body by `content-length`, by chunks, or to the end of `bytes`. Lines may
    /// end in LF alone.
    ///
    /// # Errors
    /// A sentence about what is not HTTP/1.1.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut fields = vec![httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut parsed = httparse::Request::new(&mut fields);
        let status =
            parsed.parse(bytes).map_err(|e| format!("not an HTTP/1.1 request: {}", why(e)))?;
        let httparse::Status::Complete(length) = status else {
            return Err(
                "not a whole HTTP/1.1 request: an empty line has to end the headers".to_owned()
            );
        };
        let mut head = RequestHead {
            method: parsed.method.unwrap_or_default().as_bytes().to_vec(),
            scheme: b"http".to_vec(),
            target: parsed.path.unwrap_or_default().as_bytes().to_vec(),
            ..RequestHead::default()
        };
        for field in parsed.headers.iter() {
            if field.name.eq_ignore_ascii_case("host") && head.authority.is_empty() {
                head.authority = field.value.to_vec();
            } else {
                head.headers.push(field.name.as_bytes(), field.value);
            }
        }
        let body = body(&head.headers, bytes.get(length..).unwrap_or_default())?;
        Ok(Self { head, body })
    }

    /// Adds a bearer token.
    ///
    /// # Errors
    /// When the request has an `Authorization` of its own.
    pub fn authorize(&mut self, token: &str) -> Result<(), String> {
        if self.head.headers.has("authorization") {
            return Err("the request has an `Authorization` header already".to_owned());
        }
        self.head.headers.push(b"authorization", format!("Bearer {token}").as_bytes());
        Ok(())
    }
}

fn body(headers: &Headers, rest: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let coding = headers.one("transfer-encoding");
    let length = headers.one("content-length");
    match (coding, length) {
        (Ok(None), Ok(None)) => {
            Ok(rest.iter().any(|b| !b.is_ascii_whitespace()).then(|| rest.to_vec()))
        }
        (Ok(None), Ok(Some(length))) => {
            let length = std::str::from_utf8(length).ok().and_then(|l| l.trim().parse().ok());
            let length: usize = length.ok_or("`Content-Length` is not a number")?;
            let Some(body) = rest.get(..length) else {
                return Err(format!(
                    "`Content-Length` is {length}, and {} bytes follow the headers",
                    rest.len()
                ));
            };
            Ok((length > 0).then(|| body.to_vec()))
        }
        (Ok(Some(coding)), Ok(None)) if coding.eq_ignore_ascii_case(b"chunked") => {
            chunked(rest).map(Some)
        }
        _ => Err("the body's length is said in more than one way, or in one that is not known"
            .to_owned()),
    }
}

fn chunked(mut rest: &[u8]) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        let Ok(httparse::Status::Complete((used, size))) = httparse::parse_chunk_size(rest) else {
            return Err("the body is not in chunks, as `Transfer-Encoding` says".to_owned());
        };
        if size == 0 {
            return Ok(body);
        }
        rest = rest.get(used..).unwrap_or_default();
        let chunk = usize::try_from(size).ok().and_then(|size| rest.split_at_checked(size));
        let Some((chunk, after)) = chunk else {
            return Err("the body ends inside a chunk".to_owned());
        };
        body.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n").or_else(|| after.strip_prefix(b"\n")).unwrap_or(after);
    }
}

fn why(error: httparse::Error) -> String {
    match error {
        httparse::Error::Version => "the first line does not end in `HTTP/1.1`".to_owned(),
        httparse::Error::TooManyHeaders => format!("more than {MAX_FIELDS} header fields"),
        httparse::Error::HeaderName => {
            "a header name has a character that does not belong there".to_owned()
        }
        httparse::Error::HeaderValue => "a header value has a control character".to_owned(),
        httparse::Error::NewLine => "a line ends in a lone CR".to_owned(),
        httparse::Error::Token | httparse::Error::Status => {
            "the first line is not `METHOD /path HTTP/1.1`".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Request, String> {
        Request::parse(text.as_bytes())
    }

    #[test]
    fn heads_with_either_line_end() {
        for end in ["\r\n", "\n"] {
            let text = format!(
                "DELETE /v1/models/x HTTP/1.1{end}Host: api{end}X-A: 1{end}x-a: 2{end}{end}"
            );
            let request = parse(&text).unwrap();
            assert_eq!(request.head.method, b"DELETE");
            assert_eq!(request.head.target, b"/v1/models/x");
            assert_eq!(request.head.authority, b"api");
            assert_eq!(request.head.headers.all("x-a").count(), 2);
            assert_eq!(request.body, None);
        }
    }

    #[test]
    fn bodies_by_every_measure() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\n";
        let body = |rest: &str| parse(&format!("{head}{rest}")).map(|r| r.body);
        assert_eq!(body("\r\n{\"a\":1}\n"), Ok(Some(b"{\"a\":1}\n".to_vec())));
        assert_eq!(body("\r\n\n"), Ok(None));
        assert_eq!(body("Content-Length: 2\r\n\r\nabc"), Ok(Some(b"ab".to_vec())));
        assert_eq!(body("Content-Length: 0\r\n\r\n"), Ok(None));
        let chunks = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(body(chunks), Ok(Some(b"abcde".to_vec())));
        for bad in [
            "Content-Length: 9\r\n\r\nabc",
            "Content-Length: x\r\n\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: gzip\r\n\r\nx",
            "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            "Transfer-Encoding: chunked\r\n\r\n9\r\nabc",
        ] {
            assert!(body(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_a_request_is_said() {
        for (text, message) in [
            ("", "not a whole HTTP/1.1 request: an empty line has to end the headers"),
            (
                "GET / HTTP/1.1\nHost: a\n",
                "not a whole HTTP/1.1 request: an empty line has to end the headers",
            ),
            (
                "GET / HTTP/3\n\n",
                "not an HTTP/1.1 request: the first line does not end in `HTTP/1.1`",
            ),
            (
                "{\"a\": 1}",
                "not an HTTP/1.1 request: the first line is not `METHOD /path HTTP/1.1`",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), message, "{text:?}");
        }
    }

    #[test]
    fn a_token_is_added_once() {
        let mut request = parse("GET / HTTP/1.1\n\n").unwrap();
        request.authorize("t").unwrap();
        assert_eq!(request.head.headers.one("authorization"), Ok(Some(&b"Bearer t"[..])));
        assert!(request.authorize("t").is_err());
    }
}
