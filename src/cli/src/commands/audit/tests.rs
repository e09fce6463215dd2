//! The commands against a service that runs: what it writes is read back by code that shares nothing with it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser as _;
use scopewarden_service::serve::Service;
use scopewarden_service::settings::{Audit, Issuer as Believed, Listen, Settings};
use scopewarden_testkit::demo::Server;
use scopewarden_testkit::demo::issuer::{Issuer, JWKS_PATH};
use scopewarden_testkit::demo::people;
use serde_json::{Value, json};

use crate::cli::Cli;
use crate::exit::Exit;
use crate::io::Io;

const ISSUER: &str = "https://idp.test/";
const RECORDS: &str = include_str!("../../../../../docs/examples/records.jsonl");

struct House {
    service: Service,
    issuer: Arc<Issuer>,
    _idp: Server,
    folder: tempfile::TempDir,
}

struct Ran {
    exit: Result<Exit, String>,
    out: String,
}

impl House {
    async fn start() -> Self {
        let issuer = Arc::new(Issuer::generate(ISSUER, "approvals").unwrap());
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let idp = Server::start(anywhere, Arc::clone(&issuer).router()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let settings = Settings {
            database: format!("sqlite:{}", at("a.db").display()),
            signing_key: at("key.json"),
            listen: Listen { questions: anywhere, people: anywhere, ..Listen::default() },
            issuers: vec![Believed {
                issuer: ISSUER.into(),
                audiences: vec!["approvals".into()],
                jwks_url: format!("http://{}{JWKS_PATH}", idp.address),
                scope_claim: "groups".into(),
            }],
            audit: Some(Audit {
                directory: at("audit"),
                listen: anywhere,
                signing_key: at("audit-key.json"),
                mirror: Some(at("mirror")),
                // What Alice has.
                read_scope: "readers".to_owned(),
                ..Audit::default()
            }),
            ..Settings::default()
        };
        let service = Service::start(&settings).await.unwrap();
        Self { service, issuer, _idp: idp, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn url(&self) -> String {
        format!("http://{}", self.service.people)
    }

    /// A file with somebody's token.
    fn token(&self, name: &str) -> String {
        let file = self.path(name);
        std::fs::write(&file, self.issuer.token(people::find(name).unwrap(), 5).unwrap()).unwrap();
        file.display().to_string()
    }

    /// Delivers records as the filter does.
    async fn deliver(&self, lines: &str) {
        let logs: Vec<Value> =
            lines.lines().map(|line| json!({"body": {"stringValue": line}})).collect();
        let batch = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": logs}]}]});
        let url = format!("http://{}/v1/logs", self.service.records.unwrap());
        let answer = reqwest::Client::new().post(url).json(&batch).send().await.unwrap();
        assert_eq!(
            (answer.status(), answer.text().await.unwrap()),
            (200.try_into().unwrap(), "{}".to_owned())
        );
    }

    async fn key(&self) -> String {
        let token = std::fs::read_to_string(self.token("alice")).unwrap();
        let url = format!("{}/v1/audit/key", self.url());
        let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap();
        answer.text().await.unwrap()
    }
}

/// Runs `scopewarden audit …` on a thread of its own: it may start a runtime.
async fn run(arguments: &[&str]) -> Ran {
    let line: Vec<String> =
        ["scopewarden", "audit"].iter().chain(arguments).map(|a| (*a).to_owned()).collect();
    let ran = tokio::task::spawn_blocking(move || {
        let (mut out, mut bytes) = (Vec::new(), Vec::new());
        let cli = Cli::try_parse_from(line).unwrap();
        let mut io = Io { out: &mut out, bytes: &mut bytes, err: &mut std::io::sink() };
        let exit = cli.run(&mut io).map_err(|e| e.to_string());
        out.extend(bytes);
        Ran { exit, out: String::from_utf8(out).unwrap() }
    });
    ran.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_collector_keeps_is_sound() {
    let house = House::start().await;
    house.deliver(RECORDS).await;
    let (url, token, key) = (house.url(), house.token("alice"), house.key().await);
    let (directory, mirror) = (house.path("audit"), house.path("mirror"));
    let (directory, mirror) = (directory.display().to_string(), mirror.display().to_string());
    // A second at most until the checkpoint.
    let covered = |out: &str| out.contains("newest       of 15 records");
    for log in [&url, &directory] {
        let arguments = ["verify", log, "--key", &key, "--token-file", &token];
        let mut ran = run(&arguments).await;
        for _ in 0..50 {
            if covered(&ran.out) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            ran = run(&arguments).await;
        }
        assert_eq!(ran.exit, Ok(Exit::Success), "{}", ran.out);
        assert!(covered(&ran.out), "{}", ran.out);
        let plain = anstream::adapter::strip_str(&ran.out).to_string();
        assert!(plain.contains("sound: 15 records are what was written"), "{plain}");
    }
    let ran =
        run(&["verify", &url, "--key", &key, "--token-file", &token, "--checkpoint", &mirror])
            .await;
    assert_eq!(ran.exit, Ok(Exit::Success), "{}", ran.out);
    let ran = run(&["export", &url, "--token-file", &token]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (Ok(Exit::Success), RECORDS));

    let search = ["search", "decision=deny", "--token-file", &token, "--json", "--limit", "1"];
    let asked = run(&[&search[..], &[&url]].concat()).await;
    let read = run(&[&search[..], &[&directory]].concat()).await;
    assert_eq!(asked.out, read.out);
    assert!(asked.out.contains("\"reason\":\"token_expired\""), "{}", asked.out);

    let segment = house.path("audit/segments/00000000000000000000.jsonl");
    let text = std::fs::read_to_string(&segment).unwrap();
    std::fs::write(&segment, text.replacen("\"dave\"", "\"d4ve\"", 1)).unwrap();
    for log in [&url, &directory] {
        let ran = run(&["verify", log, "--key", &key, "--token-file", &token]).await;
        assert_eq!(ran.exit, Ok(Exit::Denied), "{}", ran.out);
        assert!(ran.out.contains("(record 9)"), "{}", ran.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_reads_nothing() {
    let house = House::start().await;
    let (url, bob) = (house.url(), house.token("bob"));
    for command in [&["verify", &url][..], &["search", "", &url], &["export", &url]] {
        let ran = run(&[command, &["--token-file", &bob]].concat()).await;
        let error = ran.exit.unwrap_err();
        assert!(error.contains("readers"), "{error}");
        assert_eq!(ran.out, "");
    }
}
