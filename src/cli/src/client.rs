//! The service's API for people, and what its answers mean for one.

use std::path::Path;
use std::time::Duration;

use reqwest::{Certificate, Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

use crate::exit::Failure;
use crate::source::{os_reason, read_input};
use crate::text::printable;

/// Where the token is when no file is named.
const VARIABLE: &str = "SCOPEWARDEN_TOKEN";
/// Largest token and certificate file, in bytes.
const MAX_FILE: usize = 256 * 1024;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where the service is, and who asks.
#[derive(Clone, Copy)]
pub(crate) struct Access<'a> {
    /// Where people reach it.
    pub(crate) url: &'a str,
    /// A file with the access token.
    pub(crate) token_file: Option<&'a Path>,
    /// A file with the authorities that its certificate may come from.
    pub(crate) ca_file: Option<&'a Path>,
    /// What it is asked for.
    pub(crate) part: Part,
}

/// What a client is there for.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    /// Approvals.
    Approvals,
    /// The audit log.
    Audit,
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Approvals => "an approval service",
            Self::Audit => "a service with an audit log",
        }
    }

    const fn known(self) -> &'static str {
        match self {
            Self::Approvals => "the approval service",
            Self::Audit => "the service with the audit log",
        }
    }

    const fn example(self) -> &'static str {
        match self {
            Self::Approvals => "write it as `https://approvals.example.com`",
            Self::Audit => "write it as `https://audit.example.com`",
        }
    }

    const fn elsewhere(self) -> &'static str {
        match self {
            Self::Approvals => "`scopewarden approvals list` shows what waits",
            Self::Audit => "is `audit` among the service's settings?",
        }
    }
}

/// Somebody at the service.
pub(crate) struct Client {
    http: reqwest::Client,
    url: Url,
    token: String,
    part: Part,
}

/// What the service said.
pub(crate) enum Answer {
    /// What was asked for.
    Done(Value),
    /// No, and why.
    Refused(String),
}

/// Why there is no answer.
pub(crate) enum Lost {
    /// It may be there when asked again.
    ForNow(Failure),
    /// It will not.
    ForGood(Failure),
}

impl From<Lost> for Failure {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::ForNow(failure) | Lost::ForGood(failure) => failure,
        }
    }
}

/// The output cannot be written to.
impl From<std::io::Error> for Lost {
    fn from(error: std::io::Error) -> Self {
        Self::ForGood(error.into())
    }
}

impl Client {
    pub(crate) fn new(access: Access<'_>) -> Result<Self, Failure> {
        let url = url(access.url, access.part)?;
        let mut http = reqwest::Client::builder()
            .connect_timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        if let Some(file) = access.ca_file {
            let pem = read_input(&file.display().to_string(), MAX_FILE)?;
            let wrong = || {
                let file = file.display();
                Failure::new(format!("`{file}` is not a list of certificates in PEM form"))
            };
            let authorities = Certificate::from_pem_bundle(&pem)
                .ok()
                .filter(|authorities| !authorities.is_empty())
                .ok_or_else(wrong)?;
            http = http.tls_built_in_root_certs(false);
            for authority in authorities {
                http = http.add_root_certificate(authority);
            }
        }
        let http = http.build().map_err(|e| Failure::new(format!("cannot use TLS: {e}")))?;
        Ok(Self { http, url, token: token(access.token_file)?, part: access.part })
    }

    /// What is at `path`.
    pub(crate) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Answer, Lost> {
        let request = self.request(Method::GET, path)?.query(query).timeout(TIMEOUT);
        self.send(request).await
    }

    /// The bytes at `path`.
    pub(crate) async fn bytes(&self, path: &[&str]) -> Result<Vec<u8>, Lost> {
        let request = self.request(Method::GET, path)?;
        let answer = request.send().await.map_err(|e| self.unreachable(&e))?;
        if answer.status() == StatusCode::OK {
            return Ok(answer.bytes().await.map_err(|e| self.unreachable(&e))?.to_vec());
        }
        match self.read(answer).await? {
            Answer::Refused(why) => Err(Lost::ForGood(Failure::new(why))),
            Answer::Done(_) => Err(self.stranger()),
        }
    }

    /// Sends a decision.
    pub(crate) async fn decide(&self, id: &str, decision: &Value) -> Result<Answer, Lost> {
        let request = self.request(Method::POST, &["v1", "approvals", id, "decision"])?;
        self.send(request.json(decision).timeout(TIMEOUT)).await
    }

    /// A stream of changes.
    pub(crate) async fn events(&self) -> Result<Response, Lost> {
        let request = self.request(Method::GET, &["v1", "events"])?;
        let answer = request.send().await.map_err(|e| self.unreachable(&e))?;
        if answer.status() == StatusCode::OK {
            return Ok(answer);
        }
        match self.read(answer).await? {
            Answer::Refused(why) => Err(Lost::ForGood(Failure::new(why))),
            Answer::Done(_) => Err(self.stranger()),
        }
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, Lost> {
        let mut url = self.url.clone();
        url.path_segments_mut().map_err(|()| self.stranger())?.pop_if_empty().extend(path);
        Ok(self.http.request(method, url).bearer_auth(&self.token))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, Lost> {
        let answer = request.send().await.map_err(|e| self.unreachable(&e))?;
        self.read(answer).await
    }

    async fn read(&self, answer: Response) -> Result<Answer, Lost> {
        let status = answer.status();
        let body = answer.bytes().await.map_err(|e| self.unreachable(&e))?;
        let Ok(document) = serde_json::from_slice::<Value>(&body) else {
            return Err(self.stranger());
        };
        if status == StatusCode::OK {
            return Ok(Answer::Done(document));
        }
        let detail = document.get("detail").and_then(Value::as_str).map(printable);
        let Some(detail) = detail else { return Err(self.stranger()) };
        match status {
            StatusCode::FORBIDDEN | StatusCode::CONFLICT => Ok(Answer::Refused(detail)),
            StatusCode::UNAUTHORIZED => Err(Lost::ForGood(Failure::with_help(
                format!("the service does not accept the token: {detail}"),
                format!("give a token that is valid now in --token-file or {VARIABLE}"),
            ))),
            StatusCode::NOT_FOUND => {
                Err(Lost::ForGood(Failure::with_help(detail, self.part.elsewhere())))
            }
            _ if status.is_server_error() => Err(Lost::ForNow(Failure::new(detail))),
            _ => Err(Lost::ForGood(Failure::new(detail))),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Lost {
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let why = match cause.downcast_ref::<std::io::Error>() {
            Some(os) => os_reason(os),
            None if error.is_timeout() => "no answer in time".to_owned(),
            None => cause.to_string(),
        };
        Lost::ForNow(Failure::with_help(
            format!("cannot reach {} at {}: {why}", self.part.known(), self.url),
            "is it running (`scopewarden serve`), and is this its address for people?",
        ))
    }

    /// A proxy in between may be talking while the service is down.
    fn stranger(&self) -> Lost {
        Lost::ForNow(Failure::with_help(
            format!("what answers at {} is not {}", self.url, self.part.name()),
            "give the address for people; proxies have another",
        ))
    }
}

/// An address to which a token may be sent.
fn url(text: &str, part: Part) -> Result<Url, Failure> {
    let help = part.example();
    let Ok(url) = Url::parse(text) else {
        return Err(Failure::with_help(format!("`{}` is not a URL", printable(text)), help));
    };
    let Some(host) = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")) else {
        return Err(Failure::with_help(
            format!("`{}` is not an http(s) URL", printable(text)),
            help,
        ));
    };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    if url.scheme() == "http" && !loopback {
        return Err(Failure::with_help(
            format!("the token would cross the network in the clear on its way to `{host}`"),
            help,
        ));
    }
    Ok(url)
}

fn token(file: Option<&Path>) -> Result<String, Failure> {
    let (token, place) = match file {
        Some(file) => {
            let name = file.display().to_string();
            let bytes = read_input(&name, MAX_FILE)?;
            (String::from_utf8_lossy(&bytes).into_owned(), format!("`{name}`"))
        }
        None => match std::env::var(VARIABLE) {
            Ok(token) => (token, VARIABLE.to_owned()),
            Err(_) => {
                return Err(Failure::with_help(
                    "there is no token to say who you are",
                    format!("give --token-file FILE, or set {VARIABLE}"),
                ));
            }
        },
    };
    let token = token.trim();
    // A token is one word; what is not would make headers of its own, or an error that shows it.
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Failure::new(format!("what {place} has is not a token")));
    }
    Ok(token.to_owned())
}
