//! `scopewarden approvals watch`.

use std::time::Duration;

use serde_json::Value;

use super::table::{what, who};
use crate::client::{Answer, Client, Lost};
use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::table::text;

/// How long to wait before each attempt to come back.
const BACK_OFF: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];
/// How long from then on.
const LAST: Duration = Duration::from_secs(10);
/// The service sends something every 15 s.
const SILENCE: Duration = Duration::from_secs(45);
/// Longest event, in bytes.
const MAX_EVENT: usize = 64 * 1024;

/// Prints what waits, then every change. Ends when the token is refused, the output is closed, or nothing was there to begin with.
pub(super) async fn run(client: &Client, json: bool, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let mut attempts = None;
    loop {
        let mut connected = false;
        let failure = match follow(client, json, &mut connected, io).await {
            Lost::ForGood(failure) => return Err(failure),
            Lost::ForNow(failure) => failure,
        };
        if connected {
            attempts = Some(0);
        }
        let Some(attempt) = &mut attempts else { return Err(failure) };
        if *attempt == 1 {
            writeln!(io.err, "{failure}\ntrying again")?;
        }
        tokio::time::sleep(BACK_OFF.get(*attempt).copied().unwrap_or(LAST)).await;
        *attempt = attempt.saturating_add(1);
    }
}

/// Follows one connection to its end.
async fn follow(client: &Client, json: bool, connected: &mut bool, io: &mut Io<'_>) -> Lost {
    match stream(client, json, connected, io).await {
        Ok(()) => Lost::ForNow(Failure::new("the connection to the approval service was lost")),
        Err(lost) => lost,
    }
}

async fn stream(
    client: &Client,
    json: bool,
    connected: &mut bool,
    io: &mut Io<'_>,
) -> Result<(), Lost> {
    let mut stream = client.events().await?;
    // After the stream has begun, so that nothing falls in between.
    waiting(client, json, io).await?;
    *connected = true;
    let mut buffer = Vec::new();
    while let Ok(Ok(Some(chunk))) = tokio::time::timeout(SILENCE, stream.chunk()).await {
        buffer.extend_from_slice(&chunk);
        for (kind, data) in events(&mut buffer) {
            match &*kind {
                "changed" => changed(client, &data, json, io).await?,
                "missed" => waiting(client, json, io).await?,
                _ => {}
            }
        }
        if buffer.len() > MAX_EVENT {
            break;
        }
    }
    Ok(())
}

/// Everything that waits: at the start, and when changes may have been missed.
async fn waiting(client: &Client, json: bool, io: &mut Io<'_>) -> Result<(), Lost> {
    let page = client.get(&["v1", "approvals"], &[("limit", "500")]).await?;
    if let Answer::Done(page) = page {
        for approval in page.get("approvals").and_then(Value::as_array).into_iter().flatten() {
            print(approval, json, io)?;
        }
    }
    Ok(())
}

async fn changed(client: &Client, data: &str, json: bool, io: &mut Io<'_>) -> Result<(), Lost> {
    let change: Value = serde_json::from_str(data).unwrap_or_default();
    let id = change.get("id").and_then(Value::as_str).unwrap_or_default();
    if let Answer::Done(approval) = client.get(&["v1", "approvals", id], &[]).await? {
        print(&approval, json, io)?;
    }
    Ok(())
}

/// One line for each approval.
fn print(approval: &Value, json: bool, io: &mut Io<'_>) -> Result<(), Lost> {
    if json {
        writeln!(io.out, "{approval}")?;
    } else {
        let [id, status] = ["/id", "/status"].map(|pointer| text(approval, pointer));
        writeln!(io.out, "{id}  {status:<9}  {}: {}", who(approval), what(approval))?;
    }
    io.out.flush()?;
    Ok(())
}

/// Takes the whole events out of what has arrived: their names and data.
fn events(buffer: &mut Vec<u8>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some(end) = buffer.windows(2).position(|two| two == b"\n\n") {
        let event: Vec<u8> = buffer.drain(..end.saturating_add(2)).collect();
        let text = String::from_utf8_lossy(&event);
        let field = |name: &str| {
            let lines = text.lines().filter_map(|line| line.strip_prefix(name));
            lines
                .map(|value| value.strip_prefix(' ').unwrap_or(value))
                .collect::<Vec<_>>()
                .join("\n")
        };
        found.push((field("event:"), field("data:")));
    }
    found
}
