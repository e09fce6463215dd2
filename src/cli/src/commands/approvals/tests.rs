//! The commands against a service that runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use clap::Parser as _;
use scopewarden_core::approval::{Bound, Party, Preview, Question, Requirement, Step, VERSION};
use scopewarden_service::serve::Service;
use scopewarden_service::settings::{Issuer as Believed, Listen, Settings};
use scopewarden_testkit::demo::Server;
use scopewarden_testkit::demo::issuer::{Issuer, JWKS_PATH};
use scopewarden_testkit::demo::people;
use serde_json::Value;
use snapbox::IntoData as _;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::io::Io;

const ISSUER: &str = "https://idp.test/";

struct House {
    service: Service,
    issuer: std::sync::Arc<Issuer>,
    idp: Server,
    folder: tempfile::TempDir,
    http: reqwest::Client,
}

fn settings(folder: &Path, idp: SocketAddr, listen: Listen) -> Settings {
    Settings {
        database: format!("sqlite:{}", folder.join("a.db").display()),
        signing_key: folder.join("key.json"),
        listen,
        issuers: vec![Believed {
            issuer: ISSUER.into(),
            audiences: vec!["approvals".into()],
            jwks_url: format!("http://{idp}{JWKS_PATH}"),
            // What the issuer's people have.
            scope_claim: "groups".into(),
        }],
        ..Settings::default()
    }
}

/// What a command printed, and how it ended.
struct Ran {
    exit: Result<Exit, String>,
    out: String,
    err: String,
}

impl House {
    async fn start() -> Self {
        let issuer = std::sync::Arc::new(Issuer::generate(ISSUER, "approvals").unwrap());
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server =
            Server::start(anywhere, std::sync::Arc::clone(&issuer).router()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let listen = Listen { questions: anywhere, people: anywhere, ..Listen::default() };
        let settings = settings(folder.path(), server.address, listen);
        let service = Service::start(&settings).await.unwrap();
        Self { service, issuer, idp: server, folder, http: reqwest::Client::new() }
    }

    /// Asks for a call, and gives the approval's id.
    async fn asked(&self, call: &Bound, preview: Preview) -> String {
        let fingerprint = call.fingerprint().as_str().to_owned();
        let question = Question {
            version: VERSION,
            nonce: "nonce-0123456789".into(),
            fingerprint: fingerprint.clone(),
            wait_ms: 0,
            record: "rec-1".into(),
            call: call.clone(),
            preview,
        };
        let url = format!("http://{}/v1/approvals", self.service.questions);
        let answer = self.http.post(url).json(&Value::from(&question)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        self.service.desk().store.open_for(&fingerprint).await.unwrap().unwrap().id
    }

    /// A file with the token of one of the issuer's people.
    fn token(&self, name: &str) -> String {
        let file = self.folder.path().join(name);
        std::fs::write(&file, self.issuer.token(people::find(name).unwrap(), 5).unwrap() + "\n")
            .unwrap();
        file.display().to_string()
    }

    async fn run(&self, who: &str, arguments: &[&str]) -> Ran {
        let url = format!("http://{}", self.service.people);
        run(&[&["--url", &url, "--token-file", &self.token(who)], arguments].concat()).await
    }
}

/// Runs `scopewarden approvals …` on a thread of its own: it starts a runtime.
async fn run(arguments: &[&str]) -> Ran {
    let line: Vec<String> =
        ["scopewarden", "approvals"].iter().chain(arguments).map(|a| (*a).to_owned()).collect();
    let ran = tokio::task::spawn_blocking(move || {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let cli = Cli::try_parse_from(line).unwrap();
        let exit = cli
            .run(&mut Io { out: &mut out, bytes: &mut std::io::sink(), err: &mut err })
            .map_err(|e| e.to_string());
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { exit, out: text(out), err: text(err) }
    });
    ran.await.unwrap()
}

fn call(path: &str) -> Bound {
    let party = |subject: &str| Party { issuer: ISSUER.into(), subject: subject.into() };
    Bound {
        actors: vec![party("agent\u{1b}[2J")],
        authority: "gateway.test".into(),
        body: "sha256:11".into(),
        body_bytes: 12,
        headers: vec![("openai-project".into(), "p1".into())],
        method: "DELETE".into(),
        operation: "openai.models.delete".into(),
        path: path.into(),
        policy: "prod".into(),
        policy_hash: "sha256:00".into(),
        principal: party("ana"),
        query: "sha256:22".into(),
        requirement: Requirement { approvers: 1, scope: "admins".into(), ttl_ms: 600_000 },
        server: String::new(),
        set: None,
        tier: "admin".into(),
    }
}

fn looks(seen: &str, expected: &str) {
    snapbox::Assert::new().eq(seen.to_owned(), expected.to_owned().into_data());
}

#[tokio::test]
async fn what_waits_is_listed_shown_and_approved() {
    let house = House::start().await;
    assert_eq!(house.run("carol", &["list"]).await.out, "nothing waits\n");
    let preview = Preview {
        query: vec![("force".into(), "tr\u{202e}ue".into())],
        body: Some(r#"{"a":"\u001b"}"#.into()),
        truncated: true,
    };
    let id = house.asked(&call("/v1/models/m"), preview).await;
    let list = house.run("carol", &["list"]).await;
    assert_eq!(list.exit, Ok(Exit::Success));
    looks(
        &list.out,
        "ID                                    LEFT   MISSING  WHO                         WHAT\n\
         apr_[..]  [..] min  1        ana through agent/u{1b}[2J  openai.models.delete  DELETE /v1/models/m\n",
    );
    let shown = house.run("carol", &["show", &id]).await;
    looks(
        &shown.out,
        "apr_[..]  pending, [..] min left\n\n\
         who             ana (https://idp.test/)\n  \
           through       agent/u{1b}[2J (https://idp.test/)\n\
         what            openai.models.delete (tier admin)\n\
         request         DELETE gateway.test/v1/models/m\n  \
           query         force=tr/u{202e}ue\n  \
           query digest  sha256:22\n  \
           header        openai-project: p1\n\
         body            12 bytes, sha256:11\n                \
                         {\"a\":\"/u001b\"}\n                \
                         (there is more of the body than is shown)\n\
         policy          prod, sha256:00\n\
         takes           one person with `admins`, within 10 min; 1 missing\n\
         fingerprint     sha256:[..]\n\
         record          rec-1\n\n\
         20[..]Z  asked\n\n\
         you may approve\n\
         you may deny\n\
         you may not break the glass: nobody may break the glass here: no scope is configured for it\n",
    );
    let json = house.run("carol", &["show", &id, "--json"]).await.out;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["id"], *id);

    let refused = house.run("bob", &["approve", &id]).await;
    assert_eq!((refused.exit, &*refused.out), (Ok(Exit::Denied), ""));
    assert_eq!(refused.err, "refused: it takes the scope `admins`, which you do not hold\n");
    let glass = ["approve", &id, "--break-glass", "--reason", "now"];
    assert_eq!(house.run("carol", &glass).await.exit, Ok(Exit::Denied));
    let done = house.run("carol", &["approve", &id, "--reason", "fine"]).await;
    assert_eq!(done.exit, Ok(Exit::Success));
    looks(
        &done.out,
        "apr_[..]  approved\nana through agent/u{1b}[2J: openai.models.delete  DELETE /v1/models/m\n",
    );
    let late = house.run("carol", &["deny", &id, "--reason", "oh no"]).await;
    assert_eq!((late.exit, &*late.err), (Ok(Exit::Denied), "refused: it is approved already\n"));
    let shown = house.run("carol", &["show", &id]).await.out;
    assert!(shown.contains("approved by carol (https://idp.test/): fine\n"), "{shown}");

    let decided = house.run("carol", &["list", "--status", "decided"]).await.out;
    assert!(decided.contains("approved  20") && decided.contains(&id), "{decided}");
    let none = house.run("carol", &["show", "apr_none"]).await.exit.unwrap_err();
    assert!(none.contains("there is no approval `apr_none`\n  = help: "), "{none}");
    house.service.stop().await;
}

#[tokio::test]
async fn steps_of_a_set_are_shown_together() {
    let house = House::start().await;
    let step = |step| {
        let set = Some(Step { id: "rotate".into(), of: 2, step });
        Bound { set, ..call(&format!("/v1/keys/{step}")) }
    };
    let first = house.asked(&step(1), Preview::default()).await;
    let second = house.asked(&step(2), Preview::default()).await;
    let shown = house.run("carol", &["show", &second]).await.out;
    assert!(
        shown.contains("set             step 2 of 2 of `rotate`, decided as one:\n"),
        "{shown}"
    );
    assert!(shown.contains(&format!("  1             {first}  pending  ")), "{shown}");
    assert!(shown.contains("DELETE /v1/keys/2\n"), "{shown}");
    let half = house.run("carol", &["approve", &first]).await;
    assert!(
        half.err.contains("refused: a call of its set is not among those that you looked at"),
        "{}",
        half.err
    );
    let both = house.run("carol", &["approve", &first, &second]).await.out;
    assert!(both.contains("approved"), "{both}");
    house.service.stop().await;
}

/// Tells each line that is written.
struct Lines(mpsc::Sender<String>, Vec<u8>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.1.extend_from_slice(bytes);
        while let Some(end) = self.1.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.1.drain(..=end).collect();
            let closed = |_| std::io::ErrorKind::BrokenPipe;
            self.0.send(String::from_utf8(line).unwrap()).map_err(closed)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_followed_over_a_restart() {
    let house = House::start().await;
    let first = house.asked(&call("/1"), Preview::default()).await;
    let url = format!("http://{}", house.service.people);
    let line =
        ["scopewarden", "approvals", "--url", &url, "--token-file", &house.token("carol"), "watch"]
            .map(str::to_owned);
    let (sender, lines) = mpsc::channel();
    let watch = std::thread::spawn(move || {
        let mut out = Lines(sender.clone(), Vec::new());
        let mut err = Lines(sender, Vec::new());
        let cli = Cli::try_parse_from(line).unwrap();
        cli.run(&mut Io { out: &mut out, bytes: &mut std::io::sink(), err: &mut err })
            .map_err(|e| e.to_string())
    });
    let next = || lines.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(next().starts_with(&format!("{first}  pending    ana through")));
    house.run("carol", &["deny", &first, "--reason", "no"]).await;
    assert!(next().starts_with(&format!("{first}  denied     ana through")));

    let House { service, issuer, idp, folder, http } = house;
    let (questions, people) = (service.questions, service.people);
    service.stop().await;
    let listen = Listen { questions, people, ..Listen::default() };
    let settings = settings(folder.path(), idp.address, listen);
    let service = Service::start(&settings).await.unwrap();
    let house = House { service, issuer, idp, folder, http };
    let second = house.asked(&call("/2"), Preview::default()).await;
    let line = std::iter::repeat_with(next).find(|line| line.starts_with("apr_")).unwrap();
    assert!(line.starts_with(&format!("{second}  pending")), "{line}");
    drop(lines);
    house.run("carol", &["deny", &second, "--reason", "no"]).await;
    // Nobody reads any more.
    assert_eq!(watch.join().unwrap(), Err(String::new()));
    house.service.stop().await;
}

#[tokio::test]
async fn what_is_no_service_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "secret-token").unwrap();
    let token = token.display().to_string();
    let wrong = async |url: &str| {
        let ran = run(&["--url", url, "--token-file", &token, "list"]).await;
        let text = ran.exit.unwrap_err() + &ran.out + &ran.err;
        assert!(!text.contains("secret-token"), "{text}");
        text
    };
    for (url, says) in [
        ("nowhere", "error: `nowhere` is not a URL\n  = help: "),
        ("ftp://127.0.0.1/", "error: `ftp://127.0.0.1/` is not an http(s) URL\n  = help: "),
        ("http://approvals.example.com", "in the clear on its way to `approvals.example.com`"),
        (
            "http://127.0.0.1:1",
            "cannot reach the approval service at http://127.0.0.1:1/: connection refused",
        ),
    ] {
        let said = wrong(url).await;
        assert!(said.contains(says), "{said}");
    }
    let house = House::start().await;
    let proxies = wrong(&format!("http://{}", house.service.questions)).await;
    assert!(proxies.contains("not with this method"), "{proxies}");
    let people = wrong(&format!("http://{}", house.service.people)).await;
    assert!(people.contains("error: the service does not accept the token: "), "{people}");
    house.service.stop().await;

    std::fs::write(folder.path().join("two"), "two words").unwrap();
    let two = folder.path().join("two").display().to_string();
    let said = run(&["--token-file", &two, "list"]).await.exit.unwrap_err();
    assert!(said.ends_with("is not a token") && !said.contains("words"), "{said}");
}
