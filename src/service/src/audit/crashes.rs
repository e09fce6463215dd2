//! A collector in a process of its own, which is killed, or whose disk is full.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::fixtures::{Chain, decision, opening};
use super::ingest::tests::otlp;
use super::log::note::Notary;
use super::log::tests::{all_lines, verify};
use crate::serve::Service;
use crate::settings::{Audit, Settings};
use crate::verdict::Signer;

const FOLDER: &str = "SCOPEWARDEN_TEST_COLLECTOR";
const SEGMENT: &str = "SCOPEWARDEN_TEST_SEGMENT";
const ADDRESS: &str = "collector at ";

fn settings(folder: &Path, segment_bytes: u64) -> Settings {
    let mut settings = Settings {
        database: format!("sqlite:{}", folder.join("approvals.db").display()),
        signing_key: folder.join("key.json"),
        audit: Some(Audit {
            directory: folder.join("log"),
            listen: "127.0.0.1:0".parse().unwrap(),
            signing_key: folder.join("audit-key.json"),
            segment_bytes,
            origin: "test-log".into(),
            ..Audit::default()
        }),
        ..Settings::default()
    };
    settings.listen.questions = "127.0.0.1:0".parse().unwrap();
    settings.listen.people = "127.0.0.1:0".parse().unwrap();
    settings
}

/// Not a test of its own: what [`start`] runs.
#[tokio::test]
async fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let segment = std::env::var(SEGMENT).unwrap().parse().unwrap();
    let service = Service::start(&settings(Path::new(&folder), segment)).await.unwrap();
    println!("\n{ADDRESS}{}", service.records.unwrap());
    std::future::pending().await
}

/// A collector that runs in another process.
struct Collector {
    process: Child,
    url: String,
}

impl Drop for Collector {
    fn drop(&mut self) {
        // SIGKILL.
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Starts one, after a command that sets its limits.
fn start(folder: &Path, before: &str, segment: u64) -> Collector {
    let test = concat!(module_path!(), "::child").split_once("::").unwrap().1;
    let mut process = Command::new("bash")
        .args(["-c", &format!("{before} exec \"$@\"")])
        .arg("bash")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(SEGMENT, segment.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let address = lines.find_map(|line| line.unwrap().strip_prefix(ADDRESS).map(str::to_owned));
    let url = format!("http://{}/v1/logs", address.unwrap());
    // Its output goes on being read, so that it never waits for that.
    std::thread::spawn(move || lines.for_each(drop));
    Collector { process, url }
}

fn notary(folder: &Path) -> Notary {
    let signer = Signer::open(&folder.join("audit-key.json")).unwrap();
    Notary::new("test-log", &signer.key_bytes()).unwrap()
}

/// A sender that keeps what was not acknowledged, and sends it again.
struct Sender {
    chain: Chain,
    waiting: Vec<String>,
    acknowledged: Vec<String>,
    number: u64,
}

impl Sender {
    fn new(stream: u128) -> Self {
        let mut chain = Chain::new(stream);
        let waiting = vec![chain.line(&opening(0))];
        Self { chain, waiting, acknowledged: Vec::new(), number: 0 }
    }

    /// Sends until the collector is gone, or for so long; returns the status of the last answer.
    async fn send(&mut self, http: &reqwest::Client, url: &str, time: Duration) -> Option<u16> {
        let begun = Instant::now();
        let mut last = None;
        while begun.elapsed() < time {
            while self.waiting.len() < 20 {
                self.number = self.number.saturating_add(1);
                self.waiting.push(self.chain.line(&decision(
                    1,
                    &self.number.to_string(),
                    &json!({}),
                )));
            }
            let answer = http.post(url).json(&otlp(&self.waiting)).send().await.ok()?;
            last = Some(answer.status().as_u16());
            if last != Some(200) {
                return last;
            }
            if answer.text().await.ok()? != "{}" {
                panic!("something was rejected");
            }
            self.acknowledged.append(&mut self.waiting);
        }
        last
    }
}

#[tokio::test]
async fn a_killed_collector_has_everything_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let http = reqwest::Client::new();
    let mut senders: Vec<_> = (1..=3).map(Sender::new).collect();
    let mut acknowledged = 0;
    for round in 0..20_u64 {
        let collector = start(folder.path(), "", 256 << 10);
        let mut tasks = tokio::task::JoinSet::new();
        for mut sender in senders.drain(..) {
            let (http, url) = (http.clone(), collector.url.clone());
            tasks.spawn(async move {
                sender.send(&http, &url, Duration::from_secs(20)).await;
                sender
            });
        }
        tokio::time::sleep(Duration::from_millis(round.wrapping_mul(37) % 230 + 20)).await;
        drop(collector);
        while let Some(sender) = tasks.join_next().await {
            senders.push(sender.unwrap());
        }
        let now: usize = senders.iter().map(|sender| sender.acknowledged.len()).sum();
        assert!(now >= acknowledged);
        acknowledged = now;
    }
    assert!(acknowledged > 500, "{acknowledged}");
    // What was not acknowledged comes again, and the last start mends what the last kill left.
    let collector = start(folder.path(), "", 256 << 10);
    for sender in &mut senders {
        assert_eq!(sender.send(&http, &collector.url, Duration::from_millis(1)).await, Some(200));
    }
    drop(collector);
    let (lines, signed) = verify(&folder.path().join("log"), &notary(folder.path()));
    assert!(signed > 0);
    for sender in senders {
        assert!(sender.waiting.is_empty());
        let stream = sender.acknowledged[0].get(..50);
        let stored: Vec<_> = lines.iter().filter(|line| line.get(..50) == stream).collect();
        assert!(stored.iter().copied().eq(&sender.acknowledged), "{stream:?}");
    }
}

#[tokio::test]
async fn a_collector_whose_disk_is_full_refuses_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let http = reqwest::Client::new();
    // No file may be longer than 2,000 KiB, so that the first segment cannot become full.
    let collector = start(folder.path(), "trap '' XFSZ; ulimit -S -f 2000;", 64 << 20);
    let mut sender = Sender::new(1);
    let status = sender.send(&http, &collector.url, Duration::from_secs(30)).await;
    assert_eq!(status, Some(503));
    let answer = http.post(&collector.url).json(&otlp(&sender.waiting)).send().await.unwrap();
    assert!(answer.headers().contains_key("retry-after"));
    assert!(!sender.acknowledged.is_empty());
    assert_eq!(all_lines(&folder.path().join("log")), sender.acknowledged);
    let limit = ["--fsize=unlimited", "--pid", &collector.process.id().to_string()];
    assert!(Command::new("prlimit").args(limit).status().unwrap().success());
    let sent = sender.acknowledged.len();
    assert_eq!(sender.send(&http, &collector.url, Duration::from_millis(200)).await, Some(200));
    assert!(sender.acknowledged.len() > sent);
    drop(collector);
    drop(start(folder.path(), "", 256 << 10));
    let (lines, _) = verify(&folder.path().join("log"), &notary(folder.path()));
    assert_eq!(lines, sender.acknowledged);
}
