//! The audit trail's pages, as browsers ask for them.

mod story;

use std::sync::Arc;

use scopewarden_core::time::UnixMillis;
use serde_json::json;

use crate::audit::Collector;
use crate::audit::fixtures::{Chain, TIME, decision, opening, sample, write};
use crate::desk::{Clock, Desk};
use crate::http::house::Answer;
use crate::http::people;
use crate::http::ui::browser::{Browser, location};
use crate::login::Login;
use crate::settings::{Audit, Settings};
use crate::store;
use crate::verdict::Signer;

fn clock() -> Clock {
    Clock::new(|| UnixMillis(TIME + 7_200_000))
}

const READS: &str = "scopewarden:audit:read";

/// A service that keeps this log; the time is two hours after its first record.
struct Archive {
    at: String,
    _folder: tempfile::TempDir,
}

impl Archive {
    async fn of(lines: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("audit");
        write(&directory, lines, 5);
        let audit = Audit {
            directory,
            signing_key: folder.path().join("audit-key.json"),
            read_scope: READS.to_owned(),
            ..Audit::default()
        };
        let collector = Collector::open(&audit, clock()).await.unwrap();
        let size = u64::try_from(lines.len()).unwrap();
        while collector.index.fill(size).await.unwrap() < size {}
        Self::serve(folder, Some(Arc::new(collector))).await
    }

    async fn serve(folder: tempfile::TempDir, collector: Option<Arc<Collector>>) -> Self {
        let settings = Settings { dev_login: true, ..Settings::default() };
        let database = format!("sqlite:{}", folder.path().join("approvals.db").display());
        let store = store::open(&database).await.unwrap();
        let login = Login::new(&settings, reqwest::Client::new(), store.clone(), clock());
        let signer = Signer::open(&folder.path().join("key.json")).unwrap();
        let desk = Arc::new(Desk::new(store, signer, clock()));
        let router = people::router(desk, Arc::new(login.unwrap()), collector);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { at, _folder: folder }
    }

    /// Somebody who may read.
    async fn reader(&self) -> Browser {
        Browser::at(&self.at).log_in("rita", READS).await
    }
}

/// What a page links to, of addresses that begin so.
fn links<'p>(page: &'p Answer, begin: &str) -> Vec<&'p str> {
    let links = page.text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.filter(|link| link.starts_with(begin)).collect()
}

/// The records of a list, in order.
fn listed(page: &Answer) -> Vec<u64> {
    links(page, "/audit/records/")
        .iter()
        .map(|link| link.rsplit('/').next().unwrap().parse().unwrap())
        .collect()
}

fn shows(page: &Answer, what: &[&str]) {
    assert_eq!(page.status, 200, "{page:?}");
    for text in what {
        assert!(page.text.contains(text), "`{text}` is not in {}", page.text);
    }
}

const PAGES: [&str; 4] =
    ["/audit", "/audit/records/1", "/audit/sessions/conversation:conv_7", "/audit/shadow"];

#[tokio::test]
async fn only_who_may_read_it_sees_the_trail() {
    let archive = Archive::of(&sample()).await;
    let stranger = Browser::at(&archive.at);
    let bo = Browser::at(&archive.at).log_in("bo", "acme:approve").await;
    let rita = archive.reader().await;
    for page in PAGES {
        let answer = stranger.get(page).await;
        assert_eq!((answer.status, location(&answer)), (303, format!("/login?return={page}")));
        let refused = bo.get(page).await;
        assert_eq!(refused.status, 403);
        assert!(refused.text.contains("<code>scopewarden:audit:read</code>"), "{}", refused.text);
        assert!(!refused.text.contains("alice"), "{}", refused.text);
        let answer = rita.get(page).await;
        shows(&answer, &["alice", "<a href=\"/audit\" aria-current=\"page\">Audit</a>"]);
        assert_eq!(answer.headers["cache-control"], "no-store");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(!answer.text.contains(" style="), "the policy allows no style of a page's own");
    }
    assert!(!bo.get("/").await.text.contains("/audit"));
    shows(&rita.get("/").await, &["<a href=\"/audit\">Audit</a>"]);
}

#[tokio::test]
async fn without_a_trail_there_is_no_page_of_it() {
    let archive = Archive::serve(tempfile::tempdir().unwrap(), None).await;
    let rita = archive.reader().await;
    for page in PAGES {
        let answer = rita.get(page).await;
        assert_eq!(answer.status, 404);
        assert!(answer.text.contains("keeps no audit trail"), "{}", answer.text);
    }
    assert!(!rita.get("/").await.text.contains("/audit"));
}

#[tokio::test]
async fn an_empty_trail_says_so() {
    let archive = Archive::of(&[]).await;
    let rita = archive.reader().await;
    let empty = rita.get("/audit").await;
    shows(&empty, &["The audit trail is empty."]);
    assert!(!empty.text.contains("<svg"));
    shows(&rita.get("/audit?q=principal%3Dalice").await, &["No record is like that."]);
    shows(&rita.get("/audit/shadow").await, &["<strong>Nothing.</strong>"]);
    for missing in [
        "/audit/records/0",
        "/audit/records/x",
        "/audit/records/99999999999999999999",
        "/audit/sessions/mcp:0",
        "/audit/sessions/%00%ff",
    ] {
        assert!(matches!(rita.get(missing).await.status, 400 | 404), "{missing}");
    }
}

#[tokio::test]
async fn records_are_found_and_drawn() {
    let archive = Archive::of(&story::story()).await;
    let rita = archive.reader().await;
    let deletions = rita.get("/audit?q=operation%3Dopenai.models.delete%20kind%3Ddecision").await;
    assert_eq!(listed(&deletions), [46, 44]);
    shows(
        &deletions,
        &[
            "<svg",
            "1 refused, 1 allowed, from 2026-11-24 10:01:35 UTC",
            "approved",
            "model-keeper",
            "approval_pending",
        ],
    );
    // What the form sends becomes an address that says the same.
    let sent = "/audit?rest=kind%3Ddecision&principal=alice&operation=openai.models.delete&decision=deny&tier=&since=&until=&surface=&text=ft%3Agpt";
    let answer = rita.get(sent).await;
    let to = "/audit?q=principal%3Dalice%20operation%3Dopenai.models.delete%20decision%3Ddeny%20ft:gpt%20kind%3Ddecision";
    assert_eq!((answer.status, location(&answer)), (303, to.to_owned()));
    let filled = rita.get(to).await;
    assert_eq!(listed(&filled), [44]);
    shows(
        &filled,
        &[
            "name=\"principal\" value=\"alice\"",
            "<option value=\"deny\" selected>refused",
            "name=\"rest\" value=\"kind=decision\"",
            "<details class=\"filters\" open>",
        ],
    );
    // A bar leads to what is in it.
    let bars = rita.get("/audit?q=principal%3Dmallory").await;
    let [first, ..] = links(&bars, "/audit?q=principal%3Dmallory%20since")[..] else {
        panic!("{}", bars.text)
    };
    assert_eq!(listed(&rita.get(first).await), [56]);
    let wrong = rita.get("/audit?q=principle%3D%3Cb%3E").await;
    assert_eq!(wrong.status, 400);
    for shown in [
        "At character 1: unknown key <code>principle</code>; did you mean <code>principal</code>?",
        "value=\"principle=&#60;b&#62;\"",
        "aria-invalid=\"true\"",
    ] {
        assert!(wrong.text.contains(shown), "{}", wrong.text);
    }
    assert!(listed(&wrong).is_empty());
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let mut chain = Chain::new(7);
    let mut lines = vec![chain.line(&opening(0))];
    lines.extend((1..120).map(|n| chain.line(&decision(n, &format!("r-{n}"), &json!({})))));
    let archive = Archive::of(&lines).await;
    let rita = archive.reader().await;
    let (mut seen, mut at) = (Vec::new(), "/audit?q=kind%3D*".to_owned());
    for page in 0..3 {
        let answer = rita.get(&at).await;
        seen.extend(listed(&answer));
        assert_eq!(answer.text.contains("<svg"), page == 0, "only the first page draws all");
        let next = answer
            .text
            .split("\" rel=\"next\"")
            .next()
            .filter(|_| page < 2)
            .unwrap_or("\"/")
            .rsplit('"')
            .next();
        at = next.unwrap().replace("&#38;", "&");
    }
    assert_eq!(seen, (0..120).rev().collect::<Vec<_>>());
    shows(&rita.get("/audit?q=kind%3D*&before=0").await, &["Nothing is left.", "Newest"]);
}

#[tokio::test]
async fn a_record_says_everything() {
    let archive = Archive::of(&story::story()).await;
    let rita = archive.reader().await;
    let page = rita.get("/audit/records/46").await;
    shows(
        &page,
        &[
            "was allowed",
            "DELETE",
            "/v1/models/ft:gpt-4o:acme:invoices",
            "destroy",
            "https://idp.test/",
            "Acting",
            "jwt",
            "200",
            "autogen:model:delete",
            "href=\"/approvals/apr_7\"",
            "Decided by",
            "bob",
            "carol",
            "90 µs",
            "1.2 ms",
            "&quot;deleted&quot;: true",
            "href=\"/audit/sessions/conversation:conv_cleanup\"",
            "It names the hash of the record before it.",
            "sha256:aa",
            "{&quot;v&quot;:1,&quot;stream&quot;:&quot;00000000000000000000000000000011&quot;,&quot;seq&quot;:5",
            "href=\"/audit/records/45\" rel=\"prev\"",
            "href=\"/audit/records/56\" rel=\"next\"",
        ],
    );
    let denied = rita.get("/audit/records/56").await;
    shows(
        &denied,
        &[
            "was refused",
            "The caller lacks a scope",
            "<code>openai.files.delete</code> takes the scope",
            "openai:files:delete",
            "403",
            "The policy keeps no bodies",
        ],
    );
    let shadow = rita.get("/audit/records/47").await;
    shows(
        &shadow,
        &["was allowed, in shadow mode,", "calls <bdi>shell</bdi>", "invoices\nreports"],
    );
    for (index, said) in [
        (0, "proxy edge-1 with policy acme, mode enforce"),
        (64, "3 were never sent"),
        (65, "number 11"),
    ] {
        shows(&rita.get(&format!("/audit/records/{index}")).await, &[said]);
    }
    // The neighbours lead along the stream, both ways.
    let first = rita.get("/audit/records/0").await;
    shows(&first, &["rel=\"next\"", "Number 0 of a stream."]);
    assert!(!first.text.contains("rel=\"prev\"") && !first.text.contains("names the hash"));
}

#[tokio::test]
async fn a_broken_chain_is_seen() {
    let mut chain = Chain::new(7);
    let first = chain.line(&opening(0)).replace("edge-1", "edge-2");
    let second = chain.line(&decision(1, "r-1", &json!({})));
    let archive = Archive::of(&[first, second]).await;
    let rita = archive.reader().await;
    shows(
        &rita.get("/audit/records/1").await,
        &["It does not name the hash of the record before it"],
    );
}

#[tokio::test]
async fn a_session_is_replayed_in_order() {
    let archive = Archive::of(&story::story()).await;
    let rita = archive.reader().await;
    let page = rita.get("/audit/sessions/conversation:conv_cleanup").await;
    let mut rest = &*page.text;
    for next in [
        "5 records, from 2026-11-24 10:01:00 UTC to 2026-11-24 10:03:00 UTC",
        "You look after the fine-tuned models",
        "Which of our models has nobody used",
        "[masked:email]",
        "Nobody has used ft:gpt-4o:acme:invoices since January. Shall I delete it?",
        "1 text was masked",
        "3 earlier messages, as above",
        "Yes, go ahead.",
        "calls <bdi>delete_model</bdi>",
        "held",
        "apr_7",
        "approval_pending",
        "allowed",
        "approved",
        "bob",
        "carol",
        "&quot;deleted&quot;: true",
    ] {
        let (_, after) = rest
            .split_once(next)
            .unwrap_or_else(|| panic!("`{next}` does not come next in {}", page.text));
        rest = after;
    }
    assert_eq!(page.text.matches("You look after").count(), 3, "once, and in both bodies");
    assert!(!page.text.contains("intent"), "its outcome is there");
    // A chain of responses is one session, named after the first.
    let archive = Archive::of(&sample()).await;
    let rita = archive.reader().await;
    let chain = rita.get("/audit/sessions/response:resp_1").await;
    shows(
        &chain,
        &["please clean the old models up", "yes, ft-1 as well", "only the beginning was kept"],
    );
}

#[tokio::test]
async fn a_session_is_in_the_order_of_its_requests() {
    // Two workers send at their own times.
    let (mut one, mut two) = (Chain::new(1), Chain::new(2));
    let said = |text: &str| {
        let body = json!({"input": text}).to_string();
        json!({"session": {"run": "r"}, "request": story::kept("application/json", &body)})
    };
    let lines = [
        one.line(&decision(10, "r-2", &said("second"))),
        one.line(&decision(30, "r-4", &said("fourth"))),
        two.line(&decision(5, "r-1", &said("first"))),
        two.line(&decision(20, "r-3", &said("third"))),
    ];
    let archive = Archive::of(&lines).await;
    let page = archive.reader().await.get("/audit/sessions/run:r").await;
    let at = |text: &str| page.text.find(&format!("<p class=\"piece text\">{text}")).unwrap();
    assert!(["first", "second", "third", "fourth"].map(at).is_sorted(), "{}", page.text);
}

#[tokio::test]
async fn a_long_session_has_pages() {
    let mut chain = Chain::new(7);
    let said = json!({"session": {"run": "a/b?c"}});
    let lines: Vec<_> =
        (0..120).map(|n| chain.line(&decision(n, &format!("r-{n}"), &said))).collect();
    let archive = Archive::of(&lines).await;
    let rita = archive.reader().await;
    let record = rita.get("/audit/records/70").await;
    let [at] = links(&record, "/audit/sessions/")[..] else { panic!("{}", record.text) };
    assert_eq!(at, "/audit/sessions/run:a%2Fb%3Fc");
    let first = rita.get(at).await;
    shows(&first, &["120 records", "id=\"r0\"", "id=\"r49\"", "?from=50\" rel=\"next\""]);
    let second = rita.get(&format!("{at}?from=50")).await;
    shows(&second, &["id=\"r50\"", "?from=0\" rel=\"prev\"", "?from=100\" rel=\"next\""]);
    let last = rita.get(&format!("{at}?from=100")).await;
    shows(&last, &["id=\"r119\"", "?from=50\" rel=\"prev\""]);
    assert!(!last.text.contains("rel=\"next\""));
    assert_eq!(rita.get(&format!("{at}?from=x")).await.status, 400);
}

#[tokio::test]
async fn the_shadow_report_says_what_enforcing_would_break() {
    let archive = Archive::of(&story::story()).await;
    let rita = archive.reader().await;
    let report = rita.get("/audit/shadow").await;
    shows(
        &report,
        &[
            "9 calls of 2 callers",
            "<strong>7</strong>",
            "report-bot",
            "mcp.tools.call",
            "The whole policy is in shadow mode.",
            "<strong>2</strong>",
            "no-night-work",
            "not between 20:00 and 06:00",
            "Only this rule is in shadow mode.",
        ],
    );
    assert!(
        report.text.find("report-bot") < report.text.find("no-night-work"),
        "the largest first"
    );
    let groups = links(&report, "/audit?q=");
    let [bot, night] = groups[..] else { panic!("{groups:?}") };
    assert_eq!(listed(&rita.get(bot).await).len(), 7);
    assert_eq!(listed(&rita.get(night).await).len(), 2);
    shows(
        &rita.get("/audit/shadow?since=1h").await,
        &["<strong>Nothing.</strong>", "<option value=\"1h\" selected>"],
    );
    shows(
        &rita.get("/audit/shadow?since=%22%3E%3Cb%3E").await,
        &["<option value=\"7d\" selected>"],
    );
}

#[tokio::test]
async fn nothing_that_a_caller_wrote_becomes_markup() {
    let archive = Archive::of(&story::story()).await;
    let rita = archive.reader().await;
    let session = format!(
        "/audit/sessions/{}",
        super::filters::encoded(&format!("conversation:conv{}", story::PAYLOAD))
    );
    let query = format!(
        "/audit?q={}",
        super::filters::encoded(&super::filters::exactly(
            "principal",
            &format!("mallory{}", story::PAYLOAD)
        ))
    );
    for (page, status) in [
        ("/audit", 200),
        ("/audit/records/61", 200),
        ("/audit/records/62", 200),
        ("/audit/records/63", 200),
        (&*session, 200),
        (&*query, 200),
        ("/audit/shadow?since=30d", 200),
    ] {
        let answer = rita.get(page).await;
        assert_eq!(answer.status, status, "{page}");
        // What stands in a field is what is sent again.
        let text: String = answer
            .text
            .split(" value=\"")
            .map(|rest| rest.split_once('"').map_or(rest, |(_, rest)| rest))
            .collect();
        for bad in ["<script>alert", "<img src=x", "\"'>", "\u{202e}", "\u{200b}", "\u{1b}"] {
            assert!(!text.contains(bad), "{bad:?} in {page}: {text}");
        }
    }
    shows(
        &rita.get("/audit/records/61").await,
        &["\\u{202e}", "&lt;script&gt;alert(1)&lt;/script&gt;"],
    );
    let found = rita.get(&query).await;
    assert_eq!(listed(&found), [61], "and it is found by it");
}
