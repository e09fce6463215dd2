use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::audit::fixtures::{Chain, decision, opening, sample};
use crate::http::house::{Answer, House, send};
use crate::settings::{Audit, Sender, Settings};

const TOKEN: &str = "5K1Q0rN2p8VvW3xYz7aBcD";

/// Settings of a collector of its own, whose sender has [`TOKEN`].
pub(crate) fn collecting(settings: &mut Settings) {
    let folder = settings.signing_key.parent().unwrap().to_owned();
    let file = folder.join("edge-token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    settings.audit = Some(Audit {
        directory: folder.join("audit"),
        listen: "127.0.0.1:0".parse().unwrap(),
        tokens: vec![Sender { name: "edge".into(), file }],
        signing_key: folder.join("audit-key.json"),
        segment_bytes: 64 << 10,
        ..Audit::default()
    });
}

pub(crate) fn otlp(lines: &[String]) -> Value {
    let records: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "timeUnixNano": "1795514400000000000", "observedTimeUnixNano": "1795514400000000000",
                "severityNumber": 9, "eventName": "scopewarden.decision", "body": {"stringValue": line},
                "attributes": [{"key": "scopewarden.sequence", "value": {"intValue": "1"}}],
            })
        })
        .collect();
    json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "scopewarden"}}]},
        "scopeLogs": [{"scope": {"name": "scopewarden"}, "logRecords": records}],
    }]})
}

/// The same in protobuf, written by hand: fields that nobody here reads are there too.
fn proto(lines: &[String]) -> Vec<u8> {
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut all = vec![number << 3 | 2];
        prost::encode_length_delimiter(bytes.len(), &mut all).unwrap();
        all.extend_from_slice(bytes);
        all
    }
    let mut scope = field(1, &field(1, b"scopewarden"));
    for line in lines {
        let mut record = vec![1 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8, 2 << 3, 9];
        record.extend(field(5, &field(1, line.as_bytes())));
        scope.extend(field(2, &record));
    }
    let mut resource = field(1, b"");
    resource.extend(field(2, &scope));
    field(1, &resource)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl House {
    fn at_records(&self, path: &str) -> String {
        format!("http://{}{path}", self.service.records.unwrap())
    }

    /// Sends records.
    pub(crate) async fn record(&self, lines: &[String]) -> Answer {
        send(self.http.post(self.at_records("/v1/logs")).bearer_auth(TOKEN).json(&otlp(lines)))
            .await
    }

    /// Waits until the index has so many records.
    pub(crate) async fn indexed(&self, records: u64) {
        let index = &self.service.collector().unwrap().index;
        for _ in 0..6000 {
            if index.filled().await.unwrap() >= records {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the index has {:?} records", index.filled().await);
    }

    async fn metric(&self, name: &str) -> u64 {
        let answer = send(self.http.get(self.at_records("/metrics"))).await;
        let line = answer
            .text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("scopewarden_audit_{name} ")));
        line.unwrap_or_else(|| panic!("{name} in {}", answer.text)).parse().unwrap()
    }
}

#[tokio::test]
async fn audit_records_arrive_in_every_form() {
    let house = House::furnished(collecting).await;
    let lines = sample();
    let post = |body: Vec<u8>, media_type: &str, packed: bool| {
        let body = if packed { gzip(&body) } else { body };
        let mut request = house.http.post(house.at_records("/v1/logs")).bearer_auth(TOKEN);
        if packed {
            request = request.header("content-encoding", "gzip");
        }
        request.header("content-type", media_type).body(body)
    };
    let text = |lines: &[String]| otlp(lines).to_string().into_bytes();
    let answers = [
        send(post(text(&lines[..3]), "application/json", false)).await,
        send(post(text(&lines[3..6]), "application/json; charset=utf-8", true)).await,
    ];
    for answer in answers {
        assert_eq!((answer.status, &*answer.text), (200, "{}"));
        assert_eq!(answer.headers["content-type"], "application/json");
    }
    for (part, packed) in [(&lines[6..9], false), (&lines[9..], true)] {
        let answer = send(post(proto(part), "application/x-protobuf", packed)).await;
        assert_eq!((answer.status, &*answer.text), (200, ""));
        assert_eq!(answer.headers["content-type"], "application/x-protobuf");
    }
    // Again, all at once: nothing is stored twice.
    assert_eq!(house.record(&lines).await.text, "{}");
    assert_eq!(
        (house.metric("records_accepted_total").await, house.metric("duplicates_total").await),
        (14, 14)
    );
    let bytes: usize = lines.iter().map(String::len).sum();
    assert_eq!(house.metric("bytes_total").await, u64::try_from(bytes).unwrap());
    house.indexed(14).await;
    let directory = house.service.collector().unwrap().directory.clone();
    assert_eq!(crate::audit::log::tests::all_lines(&directory), lines);
    house.service.stop().await;
}

#[tokio::test]
async fn what_is_no_audit_record_is_told_and_the_rest_is_taken() {
    let house = House::furnished(collecting).await;
    let lines = sample();
    let forged = lines[1].replace("alice", "mallory");
    let bad = [
        lines[0].clone(),
        "hello".into(),
        lines[1].clone(),
        forged.clone(),
        lines[2].replace('{', "["),
    ];
    let answer = house.record(&bad).await;
    assert_eq!(answer.status, 200);
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedLogRecords"], "3");
    let why = partial["errorMessage"].as_str().unwrap();
    assert!(
        why.contains("record 1: a record does not begin with")
            && why.contains("record 3: another record is stored"),
        "{why}"
    );
    assert!(!why.contains("mallory") && !why.contains("hello"), "{why}");
    assert_eq!(
        (house.metric("rejected_total").await, house.metric("conflicts_total").await),
        (2, 1)
    );
    assert_eq!(house.metric("records_accepted_total").await, 2);
    // In protobuf the same.
    let request = house.http.post(house.at_records("/v1/logs")).bearer_auth(TOKEN);
    let request = request.header("content-type", "application/x-protobuf").body(proto(&[forged]));
    let answer = request.send().await.unwrap().bytes().await.unwrap();
    let response = [10, u8::try_from(answer.len() - 2).unwrap(), 8, 1];
    assert_eq!(answer[..4], response);
    // A body that is no text, and none at all.
    let odd = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"intValue": "1"}}, {}]}]}]});
    let answer =
        send(house.http.post(house.at_records("/v1/logs")).bearer_auth(TOKEN).json(&odd)).await;
    assert_eq!(answer.json()["partialSuccess"]["rejectedLogRecords"], "2");
    house.service.stop().await;
}

#[tokio::test]
async fn strangers_and_broken_requests_are_refused() {
    let house = House::furnished(collecting).await;
    let url = house.at_records("/v1/logs");
    let body = otlp(&sample()[..1]).to_string();
    for authorization in [
        None,
        Some("Bearer"),
        Some("Bearer 5K1Q0rN2p8VvW3xYz7aBcE"),
        Some("Basic 5K1Q0rN2p8VvW3xYz7aBcD"),
        Some("Bearer "),
    ] {
        let mut request =
            house.http.post(&url).header("content-type", "application/json").body(body.clone());
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let answer = send(request).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_i64()),
            (401, Some(16)),
            "{authorization:?}"
        );
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    assert_eq!(house.metric("unauthenticated_total").await, 5);
    let post = |media_type: &'static str, body: Vec<u8>| {
        house.http.post(&url).bearer_auth(TOKEN).header("content-type", media_type).body(body)
    };
    for (request, status) in [
        (post("text/plain", body.clone().into_bytes()), 415),
        (post("application/json", b"{\"resourceLogs\": 1}".to_vec()), 400),
        (post("application/json", b"[[]]".to_vec()), 400),
        (post("application/json", vec![b'['; 100_000]), 400),
        (post("application/x-protobuf", b"\xff\xff\xff".to_vec()), 400),
        (post("application/json", vec![b' '; MAX_BODY + 1]), 413),
        (post("application/json", gzip(b"{}")), 400),
        (
            post("application/json", gzip(&vec![b' '; MAX_UNPACKED + 1]))
                .header("content-encoding", "gzip"),
            413,
        ),
        (post("application/json", b"{}".to_vec()).header("content-encoding", "gzip"), 400),
        (post("application/json", b"{}".to_vec()).header("content-encoding", "br"), 415),
        (
            post(
                "application/json",
                otlp(&vec!["x".to_owned(); MAX_RECORDS + 1]).to_string().into_bytes(),
            ),
            413,
        ),
    ] {
        let answer = send(request).await;
        assert_eq!(answer.status, status, "{answer:?}");
        if answer.headers["content-type"] == "application/json" {
            assert!(answer.json()["message"].as_str().is_some_and(|text| !text.is_empty()));
        }
    }
    assert_eq!(house.metric("records_accepted_total").await, 0);
    house.service.stop().await;
}

#[tokio::test]
async fn an_old_audit_record_that_comes_again_is_compared_with_the_log() {
    let house = House::furnished(collecting).await;
    let mut chain = Chain::new(3);
    // More than is remembered, in small records.
    let many: Vec<String> = (0..70_000).map(|_| chain.line(&json!({"kind": "gap"}))).collect();
    for part in many.chunks(8000) {
        assert_eq!(house.record(part).await.text, "{}");
    }
    house.indexed(70_000).await;
    house.record(&[chain.line(&opening(1))]).await;
    assert_eq!(house.record(&many[..2]).await.text, "{}");
    let forged = many[1].replace("gap", "end");
    let answer = house.record(&[forged]).await;
    assert_eq!(answer.json()["partialSuccess"]["rejectedLogRecords"], "1");
    assert_eq!(
        (house.metric("duplicates_total").await, house.metric("conflicts_total").await),
        (2, 1)
    );
    house.service.stop().await;
}

#[tokio::test]
async fn the_collector_needs_to_know_who_sends() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Audit {
        listen: "0.0.0.0:0".parse().unwrap(),
        directory: folder.path().join("log"),
        ..Audit::default()
    };
    let error = Collector::open(&settings, crate::desk::Clock::system()).await.unwrap_err();
    assert!(error.to_string().starts_with("`audit.listen`: everybody"), "{error}");
    assert!(!folder.path().join("log").exists());
}

proptest! {
    #[test]
    fn no_body_breaks_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
        let lines = [Chain::new(1).line(&decision(1, "r", &json!({})))];
        for format in [Format::Json, Format::Protobuf] {
            let _ = super::otlp::bodies(format, &bytes);
            let whole = match format {
                Format::Json => otlp(&lines).to_string().into_bytes(),
                Format::Protobuf => proto(&lines),
            };
            let bodies = super::otlp::bodies(format, &whole).unwrap();
            prop_assert_eq!(bodies, vec![Some(lines[0].clone())]);
            let _ = super::otlp::bodies(format, &whole[..cut.index(whole.len())]);
        }
        let _ = unpack(&bytes);
    }
}
