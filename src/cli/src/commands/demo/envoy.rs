//! Envoy as a child process.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use crate::exit::Failure;
use crate::source::os_reason;

/// How many lines of Envoy's log are shown when it does not start.
const TAIL: usize = 12;

/// How long Envoy may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// A running Envoy; killed when dropped.
pub(super) struct Envoy {
    child: Child,
    admin: SocketAddr,
    /// Its log, line by line.
    log: tokio::io::Lines<BufReader<ChildStderr>>,
    tail: VecDeque<String>,
}

impl Envoy {
    /// Starts `program` with the configuration in `config`.
    pub(super) fn start(program: &Path, config: &Path, admin_port: u16) -> Result<Self, Failure> {
        let mut child = Command::new(program)
            .arg("--config-path")
            .arg(config)
            .args(["--log-level", "warning", "--component-log-level", "wasm:debug"])
            .args(["--concurrency", "2", "--disable-hot-restart"])
            .stdin(Stdio::null())
            // The access log: the decision records say more.
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            // Ctrl-C is for this program, which then ends Envoy in order.
            .process_group(0)
            .spawn()
            .map_err(|e| {
                let message = format!("cannot start `{}`: {}", program.display(), os_reason(&e));
                Failure::with_help(message, "say where Envoy is with `--envoy PATH`")
            })?;
        let log = child.stderr.take().ok_or_else(|| Failure::new("Envoy has no log"))?;
        Ok(Self {
            child,
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, admin_port)),
            log: BufReader::new(log).lines(),
            tail: VecDeque::new(),
        })
    }

    /// The next line of its log; `None` when it has ended.
    pub(super) async fn line(&mut self) -> Option<String> {
        let line = self.log.next_line().await.ok().flatten()?;
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.clone());
        Some(line)
    }

    /// Waits until it serves, for `limit` at most.
    pub(super) async fn ready(&mut self, limit: Duration) -> Result<(), Failure> {
        let deadline = tokio::time::Instant::now().checked_add(limit);
        loop {
            tokio::select! {
                line = self.line() => if line.is_none() {
                    let status = self.child.wait().await.ok();
                    return Err(self.did_not_start(status));
                },
                () = tokio::time::sleep(Duration::from_millis(50)) => {
                    if let Ok(answer) = admin(self.admin, "GET", "/ready").await
                        && answer.starts_with("HTTP/1.1 200")
                    {
                        return Ok(());
                    }
                    if deadline.is_none_or(|d| tokio::time::Instant::now() > d) {
                        return Err(self.did_not_start(None));
                    }
                }
            }
        }
    }

    fn did_not_start(&self, status: Option<ExitStatus>) -> Failure {
        let how = match status {
            Some(status) => format!("Envoy ended at once ({status})"),
            None => "Envoy is not ready after a minute".to_owned(),
        };
        let log: Vec<String> = self.tail.iter().map(|line| format!("  | {line}")).collect();
        Failure::new(format!("{how}; the end of its log:\n{}", log.join("\n")))
    }

    /// Ends it: asked first, killed when it does not listen.
    pub(super) async fn stop(mut self) -> io::Result<()> {
        let asked = admin(self.admin, "POST", "/quitquitquit").await;
        if asked.is_ok() && timeout(GRACE, self.child.wait()).await.is_ok() {
            return Ok(());
        }
        self.child.kill().await
    }
}

/// One request to the admin port; the answer as text.
async fn admin(address: SocketAddr, method: &str, path: &str) -> io::Result<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    timeout(Duration::from_secs(2), exchange)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
