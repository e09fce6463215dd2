//! `scopewarden serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use scopewarden_service::serve::Service;
use scopewarden_service::settings::{self, Settings};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::report::{self, Format};
use crate::source::{Source, os_reason};

/// Run the approval service: proxies ask it, people decide.
///
/// Without a configuration it listens on loopback and keeps its approvals in a SQLite file beside it. It logs to standard error, as JSON.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scopewarden serve --dev-login\n  \
    scopewarden serve --audit /var/lib/scopewarden/audit\n  \
    scopewarden serve --config serve.yaml --database postgres://scopewarden@db/approvals\n\n\
    RUST_LOG sets what is logged (`info` by default).")]
pub struct Args {
    /// Settings file
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// `sqlite:FILE`, or `postgres://USER@HOST/NAME`
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The key that verdicts are signed with; made when it does not exist
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
    /// Where proxies ask
    #[arg(long, value_name = "ADDRESS")]
    questions: Option<SocketAddr>,
    /// Where people decide
    #[arg(long, value_name = "ADDRESS")]
    people: Option<SocketAddr>,
    /// Collect the audit trail in this directory
    #[arg(long, value_name = "DIR")]
    audit: Option<PathBuf>,
    /// Let everybody log in under any name; only on loopback
    #[arg(long)]
    dev_login: bool,
}

/// Runs the command.
///
/// # Errors
/// When the service cannot start.
pub fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let settings = settings(args, io)?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // A second service in one process, in tests, logs where the first does.
    let _ = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|e| Failure::new(format!("cannot start: {}", os_reason(&e))))?;
    runtime.block_on(serve(&settings, io))
}

async fn serve(settings: &Settings, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let service = Service::start(settings).await.map_err(|e| Failure::new(e.to_string()))?;
    let scheme = |tls: &Option<_>| if tls.is_some() { "https" } else { "http" };
    let (questions, people) = (service.questions, service.people);
    let listen = &settings.listen;
    writeln!(io.out, "questions  {}://{questions}/v1/approvals", scheme(&listen.questions_tls))?;
    writeln!(io.out, "people     {}://{people}", scheme(&listen.people_tls))?;
    writeln!(io.out, "keys       {}", service.desk().signer.jwks())?;
    if let (Some(records), Some(collector), Some(audit)) =
        (service.records, service.collector(), &settings.audit)
    {
        writeln!(io.out, "audit      {}://{records}/v1/logs", scheme(&audit.tls))?;
        writeln!(io.out, "audit key  {}", collector.notary.verifier())?;
    }
    io.out.flush()?;
    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    service.stop().await;
    Ok(Exit::Success)
}

fn settings(args: &Args, io: &mut Io<'_>) -> Result<Settings, Failure> {
    let mut settings = match &args.config {
        None => Settings::default(),
        Some(file) => read(file, io)?,
    };
    if let Some(database) = &args.database {
        settings.database.clone_from(database);
    }
    if let Some(key) = &args.signing_key {
        settings.signing_key.clone_from(key);
    }
    settings.listen.questions = args.questions.unwrap_or(settings.listen.questions);
    settings.listen.people = args.people.unwrap_or(settings.listen.people);
    settings.dev_login |= args.dev_login;
    if let Some(directory) = &args.audit {
        settings.audit.get_or_insert_default().directory.clone_from(directory);
    }
    Ok(settings)
}

/// The settings of a file; what is wrong is reported with its place.
fn read(file: &str, io: &mut Io<'_>) -> Result<Settings, Failure> {
    let source = Source::open(file)?;
    let findings = match source.node() {
        None => source.problems.clone(),
        Some(node) => match settings::read(&Value::from(&node)) {
            Ok(settings) => return Ok(settings),
            Err(diagnostics) => source.locate(diagnostics),
        },
    };
    report::write(io.err, Format::Human, &[(&source, findings)])?;
    Err(Failure::Reported)
}
