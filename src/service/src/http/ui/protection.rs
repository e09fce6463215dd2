//! What protects people's logins, through the door.

use super::browser::{Browser, location};
use crate::fixtures::{SCOPE, call};
use crate::http::house::{Answer, House, send};
use crate::settings::Oidc;

async fn house() -> House {
    House::furnished(|settings| settings.dev_login = true).await
}

fn oidc(issuer: &str) -> Oidc {
    Oidc {
        issuer: issuer.into(),
        client_id: "x".into(),
        client_secret_file: None,
        scopes: Vec::new(),
        scope_claim: "scope".into(),
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_answer_says_what_browsers_may_do_with_it() {
    let house = house().await;
    let browser = Browser::of(&house, "bo", SCOPE).await;
    for path in ["/", "/login", "/history", "/nowhere", "/approvals/apr_x", "/v1/me", "/assets/x"] {
        let answer = browser.get(path).await;
        let policy = header(&answer, "content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&answer, "x-frame-options"), "DENY", "{path}");
        assert_eq!(header(&answer, "referrer-policy"), "same-origin", "{path}");
        assert_eq!(header(&answer, "cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(header(&answer, "cross-origin-resource-policy"), "same-origin", "{path}");
        assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
        assert_eq!(header(&answer, "strict-transport-security"), "", "not without https");
        assert_eq!(header(&answer, "access-control-allow-origin"), "", "{path}");
    }
    let page = browser.get("/").await.text;
    assert!(!page.contains(" style=") && !page.contains("<style") && !page.contains(" onclick"));
    for asset in page.split(['"']).filter(|part| part.starts_with("/assets/")) {
        let answer = browser.get(asset).await;
        assert_eq!(answer.status, 200, "{asset}");
        assert!(header(&answer, "cache-control").contains("immutable"), "{asset}");
    }
}

#[tokio::test]
async fn a_login_is_a_new_cookie_that_scripts_do_not_see() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    // What an attacker may have planted in the browser before.
    let planted = format!("sws_{}", "A".repeat(43));
    browser.cookie = Some(format!("scopewarden={planted}"));
    let form = [("subject", "bo"), ("scopes", SCOPE)];
    let answer = browser.post("/login", &form, &[]).await;
    let set = header(&answer, "set-cookie");
    assert!(set.starts_with("scopewarden=sws_") && !set.contains(&planted), "{set}");
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Max-Age=28800"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Domain") && !set.contains("Secure"), "{set}");
    let first = browser.cookie.clone();
    browser.post("/login", &form, &[]).await;
    assert_ne!(browser.cookie, first);
    let mut again = Browser::new(&house);
    again.cookie = first;
    assert_eq!(again.get("/").await.status, 303, "the one before is over");
    let mut two = Browser::new(&house);
    two.cookie = browser.cookie.map(|c| format!("scopewarden={planted}; {c}"));
    assert_eq!(two.get("/").await.status, 303, "two cookies are none");
}

#[tokio::test]
async fn logging_out_ends_the_login() {
    let house = house().await;
    let mut bo = Browser::of(&house, "bo", SCOPE).await;
    let (cookie, csrf) = (bo.cookie.clone(), Browser::hidden(&bo.get("/").await, "csrf"));
    assert_eq!(bo.post("/logout", &[("csrf", "x")], &[]).await.status, 403);
    let answer = bo.post("/logout", &[("csrf", &csrf)], &[]).await;
    assert_eq!(location(&answer), "/login");
    assert!(header(&answer, "set-cookie").contains("Max-Age=0"));
    bo.cookie = cookie;
    assert_eq!(bo.get("/").await.status, 303, "also for who kept the cookie");
}

#[tokio::test]
async fn a_form_of_another_site_decides_nothing() {
    let house = house().await;
    let id = house.asked(&call("/v1/models/m", 1)).await;
    let path = format!("/approvals/{id}");
    let mut bo = Browser::of(&house, "bo", SCOPE).await;
    let csrf = Browser::hidden(&bo.get(&path).await, "csrf");
    let other = Browser::of(&house, "bo", SCOPE).await;
    let others = Browser::hidden(&other.get(&path).await, "csrf");
    let own = format!("http://{}", house.service.people);
    let form = |csrf: &str| {
        vec![("decision", "approve".to_owned()), ("csrf", csrf.to_owned()), ("seen", id.clone())]
    };
    for (csrf, headers) in [
        ("", vec![]),
        ("x", vec![]),
        (&*others, vec![]),
        (&*csrf, vec![("origin", "https://evil.example")]),
        (&*csrf, vec![("origin", "null")]),
        (&*csrf, vec![("origin", "http://127.0.0.1:1")]),
        (&*csrf, vec![("origin", &*own), ("origin", "https://evil.example")]),
        (&*csrf, vec![("sec-fetch-site", "cross-site")]),
        (&*csrf, vec![("sec-fetch-site", "same-site")]),
        (&*csrf, vec![("origin", &*own), ("sec-fetch-site", "cross-site")]),
    ] {
        let form = form(csrf);
        let form: Vec<_> = form.iter().map(|(n, v)| (*n, &**v)).collect();
        let answer = bo.post(&path, &form, &headers).await;
        assert_eq!(answer.status, 403, "{headers:?}");
        assert!(answer.text.contains("did not come from a page of your login"));
    }
    let without = [("decision", "approve"), ("seen", &*id)];
    assert_eq!(bo.post(&path, &without, &[]).await.status, 400);
    let open = house.service.desk().store.get(&id).await.unwrap().unwrap();
    assert_eq!(open.version, 1, "nothing happened");
    let form = form(&csrf);
    let form: Vec<_> = form.iter().map(|(n, v)| (*n, &**v)).collect();
    let headers = [("origin", &*own), ("sec-fetch-site", "same-origin")];
    assert_eq!(bo.post(&path, &form, &headers).await.status, 303);
}

#[tokio::test]
async fn a_login_that_ended_keeps_what_was_typed() {
    let house = house().await;
    let id = house.asked(&call("/v1/models/m", 1)).await;
    let mut nobody = Browser::new(&house);
    let form = [("decision", "deny"), ("reason", "typed <long>"), ("csrf", "x"), ("seen", &*id)];
    let answer = nobody.post(&format!("/approvals/{id}"), &form, &[]).await;
    assert_eq!(answer.status, 401);
    assert!(answer.text.contains("typed &lt;long&gt;"), "{}", answer.text);
    assert!(answer.text.contains(&format!("/login?return=/approvals/{id}")), "{}", answer.text);
}

#[tokio::test]
async fn another_site_logs_nobody_in() {
    let house = house().await;
    for path in ["/login", "/login/token"] {
        for headers in [[("origin", "https://evil.example")], [("sec-fetch-site", "cross-site")]] {
            let mut browser = Browser::new(&house);
            let form = [("subject", "mallory"), ("scopes", SCOPE)];
            let answer = browser.post(path, &form, &headers).await;
            assert_eq!(answer.status, 403, "{path}");
            assert_eq!(browser.cookie, None);
        }
    }
}

#[tokio::test]
async fn other_names_and_proxies_do_not_reach_a_dev_login() {
    let house = house().await;
    let port = house.service.people.port();
    let browser = Browser::of(&house, "bo", SCOPE).await;
    for path in ["/", "/login", "/v1/me", "/assets/x"] {
        for host in [
            "evil.example",
            "evil.example:80",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "",
        ] {
            let answer = browser.get_with(path, &[("host", host)]).await;
            assert!(matches!(answer.status, 421 | 400), "{path} {host:?} {}", answer.status);
        }
        for name in ["forwarded", "x-forwarded-for", "via", "x-real-ip"] {
            let answer = browser.get_with(path, &[(name, "x")]).await;
            assert_eq!(answer.status, 421, "{path} {name}");
        }
    }
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let host = format!("{host}:{port}");
        assert_eq!(browser.get_with("/", &[("host", &host)]).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn people_come_back_to_where_they_were_going_and_nowhere_else() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    assert_eq!(location(&browser.get("/").await), "/login");
    assert_eq!(location(&browser.get("/approvals/apr_1").await), "/login?return=/approvals/apr_1");
    let page = browser.get("/login?return=/approvals/apr_1").await;
    assert_eq!(Browser::hidden(&page, "return"), "/approvals/apr_1");
    for (to, lands) in [
        ("/approvals/apr_1", "/approvals/apr_1"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
    ] {
        let form = [("subject", "bo"), ("return", to)];
        assert_eq!(location(&browser.post("/login", &form, &[]).await), lands);
    }
    assert_eq!(location(&browser.get("/login?return=//evil.example").await), "/");
}

#[tokio::test]
async fn a_cookie_opens_the_pages_and_a_token_the_api() {
    let house = house().await;
    let mut browser = Browser::of(&house, "bo", SCOPE).await;
    let cookie = browser.cookie.clone().unwrap();
    let token = cookie.strip_prefix("scopewarden=").unwrap();
    assert_eq!(browser.get("/v1/me").await.status, 401, "the API takes no cookies");
    assert_eq!(house.get("/v1/me", token).await.status, 401, "nor what is in them");
    let form = [("subject", "cy"), ("scopes", "a b")];
    let given = browser.post("/login/token", &form, &[]).await.json();
    assert_eq!(given["token_type"], "Bearer");
    let token = given["access_token"].as_str().unwrap();
    let me = house.get("/v1/me", token).await;
    assert_eq!(me.json()["person"]["subject"], "cy");
    assert_eq!(me.json()["person"]["issuer"], "dev");
    assert_eq!(me.json()["scopes"], serde_json::json!(["a", "b"]));
    browser.cookie = Some(format!("scopewarden={token}"));
    assert_eq!(browser.get("/").await.status, 303, "the pages take no tokens");
}

#[tokio::test]
async fn without_the_switch_there_is_no_dev_login() {
    let house = House::start().await;
    let mut browser = Browser::new(&house);
    let form = [("subject", "bo"), ("scopes", SCOPE)];
    assert_eq!(browser.post("/login", &form, &[]).await.status, 404);
    assert_eq!(browser.post("/login/token", &form, &[]).await.status, 404);
    assert!(browser.get("/login").await.text.contains("no login is configured"));
    let elsewhere = send(house.http.get(house.at_people("/login")).header("host", "x.example"));
    assert_eq!(elsewhere.await.status, 200, "names matter with the dev login only");
}

#[test]
fn settings_that_would_let_everybody_in_are_refused() {
    use crate::login::Site;
    use crate::settings::Settings;
    let oidc = oidc("https://idp.example");
    let site = |dev_login, login: Option<&Oidc>, public_url: Option<&str>| {
        let public_url = public_url.map(str::to_owned);
        let settings =
            Settings { dev_login, login: login.cloned(), public_url, ..Settings::default() };
        Site::new(&settings).map_err(|(setting, _)| setting)
    };
    assert_eq!(site(true, Some(&oidc), Some("http://localhost:8089")), Err("dev_login"));
    assert_eq!(site(true, None, Some("https://approvals.example")), Err("dev_login"));
    assert_eq!(site(false, Some(&oidc), None), Err("public_url"));
    for url in [
        "approvals.example",
        "http://approvals.example",
        "https://approvals.example/inbox",
        "https://approvals.example/?a",
        "https://user@approvals.example",
        "ftp://localhost",
        "https://",
    ] {
        assert_eq!(site(false, None, Some(url)), Err("public_url"), "{url}");
    }
    let https = site(false, Some(&oidc), Some("https://approvals.example/")).unwrap();
    assert!(https.is_https());
    assert_eq!(https.absolute("/x").as_deref(), Some("https://approvals.example/x"));
    assert!(!site(false, Some(&oidc), Some("http://localhost:8089")).unwrap().is_https());
}

#[tokio::test]
async fn over_https_cookies_belong_to_this_host_alone() {
    let house = House::furnished(|settings| {
        settings.public_url = Some("https://approvals.example".into());
        settings.login = Some(oidc("http://127.0.0.1:9"));
    })
    .await;
    let browser = Browser::new(&house);
    let login = browser.get("/login").await;
    let hsts = header(&login, "strict-transport-security");
    assert_eq!(hsts, "max-age=63072000; includeSubDomains");
    assert!(login.text.contains("Log in with 127.0.0.1"));
    assert_eq!(browser.get("/login/start").await.status, 502, "this provider is away");
    let back = browser.get("/login/callback?code=x&state=y").await;
    assert_eq!(back.status, 400);
    let cleared = header(&back, "set-cookie");
    assert!(cleared.starts_with("__Host-scopewarden-login=;"), "{cleared}");
    assert!(back.text.contains("was not begun in this browser"), "{}", back.text);
    // A cookie without the prefix is one that an unencrypted page may have set.
    let approver = crate::fixtures::approver("bo");
    let store = house.service.desk().store.clone();
    let sessions = crate::login::Sessions::new(store, crate::desk::Clock::system());
    let token = sessions.open(approver, crate::login::Usage::Cookie).await.unwrap();
    for (name, status) in [("scopewarden", 303), ("__Host-scopewarden", 200)] {
        let mut browser = Browser::new(&house);
        browser.cookie = Some(format!("{name}={}", token.expose()));
        assert_eq!(browser.get("/").await.status, status, "{name}");
    }
    let set = crate::login::SESSION.set("x", true).unwrap();
    let wanted = "__Host-scopewarden=x; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax; Secure";
    assert_eq!(set, wanted);
}
