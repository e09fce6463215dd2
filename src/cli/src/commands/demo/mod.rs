//! `scopewarden demo`: everything that is needed to see the filter decide, on this machine.

mod config;
mod envoy;
mod guide;
mod records;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use scopewarden_core::identity::KeySource;
use scopewarden_core::policy::Policy;
use scopewarden_service::serve::Service;
use scopewarden_service::settings::{Audit, Listen, Settings};
use scopewarden_testkit::demo::issuer::{Issuer, JWKS_PATH};
use scopewarden_testkit::demo::people::PEOPLE;
use scopewarden_testkit::demo::{Server, upstream};
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::load::{self, Loaded};
use crate::runtime::runtime;
use crate::source::os_reason;
use crate::text::printable;
use config::{Setup, Upstream};
use envoy::Envoy;
use guide::Badge;

/// How long tokens are good, in minutes.
const TOKEN_MINUTES: u64 = 60;
/// How long Envoy may take to load the filter, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
/// The cluster of envoy.yaml behind which the identity provider is.
const CLUSTER: &str = "idp";
/// The variable that holds the key of a real upstream.
const KEY_VARIABLE: &str = "UPSTREAM_KEY";

/// Try it: a demo API, an identity provider, and Envoy with the filter.
///
/// Everything listens on 127.0.0.1 and ends with Ctrl-C. Envoy runs the project's `envoy.yaml` with
/// these addresses.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scopewarden demo --envoy \"$(which envoy)\" --wasm dist/scopewarden.wasm\n  \
    scopewarden demo --policy policy.yaml\n  \
    UPSTREAM_KEY='Bearer sk-..' scopewarden demo --upstream 127.0.0.1:8000\n\n\
    A port of 0 takes a free one. UPSTREAM_KEY is what a real upstream wants in `authorization`; callers never see it.")]
pub struct Args {
    /// The Envoy program
    #[arg(long, value_name = "PATH", default_value = "envoy")]
    envoy: PathBuf,
    /// The filter
    #[arg(long, value_name = "PATH", default_value = "dist/scopewarden.wasm")]
    wasm: PathBuf,
    /// A policy to use instead of the one in envoy.yaml
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// An API to guard instead of the demo's own
    #[arg(long, value_name = "HOST:PORT")]
    upstream: Option<Upstream>,
    /// Where callers come
    #[arg(long, default_value_t = 10000)]
    port: u16,
    /// Envoy's admin interface: metrics, configuration
    #[arg(long, default_value_t = 9901)]
    admin_port: u16,
    /// The demo API
    #[arg(long, default_value_t = 18080)]
    upstream_port: u16,
    /// The demo identity provider
    #[arg(long, default_value_t = 18081)]
    issuer_port: u16,
    /// The approval service, where the proxy asks
    #[arg(long, default_value_t = 8088)]
    approvals_port: u16,
    /// The inbox, where people approve
    #[arg(long, default_value_t = 8089)]
    inbox_port: u16,
    /// The collector of records
    #[arg(long, default_value_t = 4318)]
    audit_port: u16,
}

/// Runs the command until it is interrupted.
///
/// # Errors
/// When something that is needed is missing, busy or does not start.
pub fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let program = find_program(&args.envoy)?;
    let wasm = find_filter(&args.wasm)?;
    runtime()?.block_on(demonstrate(args, &program, &wasm, io))
}

async fn demonstrate(
    args: &Args,
    program: &Path,
    wasm: &Path,
    io: &mut Io<'_>,
) -> Result<Exit, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stopped = async {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    };
    tokio::pin!(stopped);

    // Envoy's own message about a busy port is a long one; find out first.
    let port = free_port(args.port, "callers", "--port")?;
    let admin_port = free_port(args.admin_port, "Envoy's admin interface", "--admin-port")?;
    let issuer_port = free_port(args.issuer_port, "the identity provider", "--issuer-port")?;
    let issuer_address = SocketAddr::from((Ipv4Addr::LOCALHOST, issuer_port));

    let loaded = policy(args, issuer_address, io)?;
    // Readable by this user only: the upstream's key and the approvals are in it.
    let folder = tempfile::Builder::new().prefix("scopewarden-demo-").tempdir()?;
    let service = approvals(args, folder.path()).await?;
    let inbox = format!("http://{}", service.people);
    step(io, &format!("approval service on {}, inbox at {inbox}", service.questions))?;
    let records = service.records.ok_or_else(|| Failure::new("the collector did not start"))?;
    step(io, &format!("collector of records on {records}"))?;
    let loaded = ask_here(loaded, &service, records)?;
    let issuer = Arc::new(issuer(&loaded)?);
    let provider = Server::start(issuer_address, Arc::clone(&issuer).router())
        .await
        .map_err(|e| busy(issuer_port, "the identity provider", "--issuer-port", &e))?;
    step(io, &format!("identity provider on {}", provider.address))?;

    let (upstream, _api) = upstream(args, io).await?;
    let text = config::envoy(&Setup {
        port,
        admin_port,
        upstream,
        issuer: issuer_address,
        approvals: service.questions,
        records,
        wasm,
        policy: &loaded.node,
        body: loaded.policy.max_body_bytes,
    })?;
    let file = folder.path().join("envoy.json");
    std::fs::write(&file, text)?;

    let mut envoy = Envoy::start(program, &file, admin_port)?;
    let ready = tokio::select! {
        ready = envoy.ready(START_LIMIT) => Some(ready),
        () = &mut stopped => None,
    };
    match ready {
        Some(Ok(())) => {}
        Some(Err(failure)) => return Err(failure),
        None => {
            envoy.stop().await?;
            return Ok(Exit::Success);
        }
    }
    let metrics = format!("http://127.0.0.1:{admin_port}/stats/prometheus?filter=scopewarden");
    step(
        io,
        &format!(
            "Envoy with the filter on 127.0.0.1:{port}, policy `{}`, metrics at {metrics}",
            printable(&loaded.policy.name)
        ),
    )?;

    let badges = PEOPLE
        .iter()
        .map(|person| {
            let token = issuer.token(*person, TOKEN_MINUTES)?;
            Ok(Badge { name: person.name, job: person.job, token })
        })
        .collect::<Result<Vec<_>, String>>()?;
    let url = format!("http://127.0.0.1:{port}");
    io.out.write_all(guide::text(&url, &inbox, &badges, TOKEN_MINUTES).as_bytes())?;
    io.out.flush()?;

    let ended = loop {
        tokio::select! {
            () = &mut stopped => break false,
            line = envoy.line() => match line {
                None => break true,
                Some(line) => show(&line, io)?,
            }
        }
    };
    if ended {
        return Err(Failure::new("Envoy has ended"));
    }
    step(io, "stopping Envoy")?;
    envoy.stop().await?;
    service.stop().await;
    Ok(Exit::Success)
}

/// Shows a line of Envoy's log: a decision readably, trouble as it is.
fn show(line: &str, io: &mut Io<'_>) -> Result<(), Failure> {
    if let Some(readable) = records::readable(line) {
        writeln!(io.out, "  {readable}")?;
        io.out.flush()?;
    } else if ["[warning]", "[error]", "[critical]"].iter().any(|level| line.contains(level)) {
        writeln!(io.err, "  envoy: {line}")?;
    }
    Ok(())
}

/// The policy: the one that was asked for, or the one in envoy.yaml.
fn policy(args: &Args, issuer_address: SocketAddr, io: &mut Io<'_>) -> Result<Loaded, Failure> {
    let Some(file) = &args.policy else {
        let source = config::policy(issuer_address)?;
        let (loaded, findings) = load::compile(&source);
        return loaded.ok_or_else(|| {
            let all: Vec<&str> = findings.iter().map(|f| &*f.message).collect();
            Failure::new(format!("the policy in envoy.yaml has errors: {}", all.join("; ")))
        });
    };
    let loaded = load::policy(file, io)?;
    for issuer in &loaded.policy.identity.issuers {
        let keys = match &issuer.keys {
            KeySource::Remote(keys) => keys,
            KeySource::Inline(_) => {
                let issuer = &issuer.issuer;
                step(
                    io,
                    &format!(
                        "`{file}` has the keys of {issuer}, so only its tokens are accepted, not the demo's"
                    ),
                )?;
                continue;
            }
        };
        if (&*keys.cluster, &*keys.path) != (CLUSTER, JWKS_PATH) {
            let message = format!(
                "`{file}` takes keys from `{}` of the cluster `{}`, which the demo does not have",
                keys.path, keys.cluster
            );
            let help = format!(
                "write `jwks: {{ cluster: {CLUSTER}, url: \"http://{issuer_address}{JWKS_PATH}\" }}`"
            );
            return Err(Failure::with_help(message, help));
        }
    }
    Ok(loaded)
}

/// The approval service and the collector, in this program: with everything in a folder that goes when the demonstration ends.
async fn approvals(args: &Args, folder: &Path) -> Result<Service, Failure> {
    let questions = free_port(args.approvals_port, "the approval service", "--approvals-port")?;
    let people = free_port(args.inbox_port, "the inbox", "--inbox-port")?;
    let records = free_port(args.audit_port, "the collector", "--audit-port")?;
    let settings = Settings {
        database: format!("sqlite:{}", folder.join("approvals.db").display()),
        signing_key: folder.join("verdict-key.json"),
        listen: Listen {
            questions: SocketAddr::from((Ipv4Addr::LOCALHOST, questions)),
            people: SocketAddr::from((Ipv4Addr::LOCALHOST, people)),
            ..Listen::default()
        },
        dev_login: true,
        audit: Some(Audit {
            directory: folder.join("audit"),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, records)),
            signing_key: folder.join("audit-key.json"),
            ..Audit::default()
        }),
        ..Settings::default()
    };
    Service::start(&settings).await.map_err(|e| Failure::new(e.to_string()))
}

/// The policy with its approvals asked for, and its records collected here.
fn ask_here(loaded: Loaded, service: &Service, records: SocketAddr) -> Result<Loaded, Failure> {
    if loaded.policy.approvals.is_none() && loaded.policy.audit.is_none() {
        return Ok(loaded);
    }
    let keys = service.desk().signer.jwks();
    let node = config::with_service(&loaded.node, service.questions, &keys, records)?;
    let (policy, _) = Policy::compile(&node)
        .map_err(|_| Failure::new("the policy cannot be served by the demonstration"))?;
    Ok(Loaded { node, policy })
}

/// An identity provider that the policy believes: its first issuer.
fn issuer(loaded: &Loaded) -> Result<Issuer, Failure> {
    let believed = loaded.policy.identity.issuers.first();
    let Some((issuer, audience)) = believed.and_then(|i| Some((&i.issuer, i.audiences.first()?)))
    else {
        return Err(Failure::with_help(
            "the policy believes no issuer of tokens",
            format!("add one under `identity.issuers`, with its keys from the cluster `{CLUSTER}`"),
        ));
    };
    Ok(Issuer::generate(issuer, audience)?)
}

/// The API to guard, started when it is the demo's own.
async fn upstream(args: &Args, io: &mut Io<'_>) -> Result<(Upstream, Option<Server>), Failure> {
    if let Some(upstream) = &args.upstream {
        let key = std::env::var(KEY_VARIABLE).ok();
        step(io, &format!("guarding {}:{}", upstream.host, upstream.port))?;
        return Ok((Upstream { key, ..upstream.clone() }, None));
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.upstream_port));
    let server = Server::start(address, upstream::router())
        .await
        .map_err(|e| busy(args.upstream_port, "the demo API", "--upstream-port", &e))?;
    step(io, &format!("demo API on {}", server.address))?;
    let host = server.address.ip().to_string();
    Ok((Upstream { host, port: server.address.port(), key: None }, Some(server)))
}

/// Says that something is up.
fn step(io: &mut Io<'_>, text: &str) -> Result<(), Failure> {
    writeln!(io.err, "scopewarden: {text}")?;
    Ok(())
}

/// `port` when nothing listens there; a free one for 0.
fn free_port(port: u16, what: &str, option: &str) -> Result<u16, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|e| busy(port, what, option, &e))
}

fn busy(port: u16, what: &str, option: &str, error: &std::io::Error) -> Failure {
    Failure::with_help(
        format!("cannot listen on 127.0.0.1:{port} for {what}: {}", os_reason(error)),
        format!("end what uses the port, or choose another with `{option}`; 0 takes a free one"),
    )
}

/// The program: a path, or a name that is looked up in PATH.
fn find_program(envoy: &Path) -> Result<PathBuf, Failure> {
    let found = if envoy.components().count() > 1 {
        envoy.is_file().then(|| envoy.to_owned())
    } else {
        std::env::var_os("PATH").and_then(|path| {
            std::env::split_paths(&path).map(|dir| dir.join(envoy)).find(|file| file.is_file())
        })
    };
    found.ok_or_else(|| {
        Failure::with_help(
            format!("there is no Envoy at `{}`", envoy.display()),
            "`make run` installs one; or say where it is with `--envoy PATH` (1.36 or newer)",
        )
    })
}

/// The filter, as an absolute path.
fn find_filter(wasm: &Path) -> Result<PathBuf, Failure> {
    let missing = |why: &str| {
        Failure::with_help(
            format!("cannot read the filter `{}`: {why}", wasm.display()),
            "`make wasm` builds it; or say where it is with `--wasm PATH`",
        )
    };
    let path = wasm.canonicalize().map_err(|e| missing(&os_reason(&e)))?;
    let mut magic = [0; 4];
    let read = std::fs::File::open(&path)
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut magic));
    match read {
        Err(e) => Err(missing(&os_reason(&e))),
        Ok(()) if magic != *b"\0asm" => Err(missing("it is not WebAssembly")),
        Ok(()) => Ok(path),
    }
}
