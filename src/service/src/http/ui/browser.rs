//! A browser, as far as tests need one.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;

use crate::http::house::{Answer, House, send};

/// Somebody's browser: it keeps one cookie, and follows no redirect.
pub(crate) struct Browser {
    /// Where the pages are.
    at: String,
    http: reqwest::Client,
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) fn new(house: &House) -> Self {
        Self::at(&house.at_people(""))
    }

    /// At the pages of this address.
    pub(crate) fn at(at: &str) -> Self {
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        Self { at: at.to_owned(), http, cookie: None }
    }

    /// Logged in by the dev login.
    pub(crate) async fn of(house: &House, subject: &str, scopes: &str) -> Self {
        Self::new(house).log_in(subject, scopes).await
    }

    /// The same browser, logged in by the dev login.
    pub(crate) async fn log_in(self, subject: &str, scopes: &str) -> Self {
        let mut browser = self;
        let form = [("subject", subject), ("scopes", scopes), ("issuer", crate::fixtures::ISSUER)];
        let answer = browser.post("/login", &form, &[]).await;
        assert_eq!((answer.status, location(&answer)), (303, "/".into()), "{answer:?}");
        browser
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.http.get(format!("{}{path}", self.at));
        send(request.headers(self.headers(headers))).await
    }

    /// Sends a form; a cookie that is set is kept.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let request = self.http.post(format!("{}{path}", self.at)).form(form);
        let answer = send(request.headers(self.headers(headers))).await;
        if let Some(set) = answer.headers.get("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            self.cookie = Some(pair.to_owned()).filter(|p| !p.ends_with('='));
        }
        answer
    }

    /// The value of a hidden field of a page.
    pub(crate) fn hidden(page: &Answer, name: &str) -> String {
        let field = format!("name=\"{name}\" value=\"");
        let (_, rest) = page.text.split_once(&field).unwrap_or_else(|| panic!("{page:?}"));
        rest.split('"').next().unwrap().to_owned()
    }

    /// Decides as the page's form does.
    pub(crate) async fn decide(&mut self, id: &str, decision: &str, reason: &str) -> Answer {
        let path = format!("/approvals/{id}");
        let page = self.get(&path).await;
        let csrf = Self::hidden(&page, "csrf");
        let seen = if page.text.contains("name=\"seen\"") {
            Self::hidden(&page, "seen")
        } else {
            String::new()
        };
        let form = [("decision", decision), ("reason", reason), ("csrf", &*csrf), ("seen", &*seen)];
        self.post(&path, &form, &[]).await
    }

    fn headers(&self, more: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(cookie) = &self.cookie {
            headers.insert("cookie", HeaderValue::from_str(cookie).unwrap());
        }
        for (name, value) in more {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }
}

pub(crate) fn location(answer: &Answer) -> String {
    let location = answer.headers.get("location").map(|l| l.to_str().unwrap().to_owned());
    location.unwrap_or_default()
}
