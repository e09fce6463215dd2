//! The whole service, running.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::audit::{self, Collector, ingest};
use crate::desk::{Clock, Desk};
use crate::domain::People;
use crate::http::tls::{self, TlsListener};
use crate::http::{people, questions};
use crate::login::Login;
use crate::settings::Settings;
use crate::store;
use crate::verdict::Signer;
use crate::webhook::Sender;

/// Where the pages have an approval: its id follows.
const PAGES: &str = "/approvals/";
/// How long requests under way may take to end.
const DRAIN: Duration = Duration::from_secs(5);
/// How long an identity provider may take to answer.
const FETCH: Duration = Duration::from_secs(10);

/// A service that listens.
#[derive(Debug)]
pub struct Service {
    desk: Arc<Desk>,
    /// Where proxies ask.
    pub questions: SocketAddr,
    /// Where people decide.
    pub people: SocketAddr,
    /// Where records of the audit trail arrive, if they are collected.
    pub records: Option<SocketAddr>,
    collector: Option<Arc<Collector>>,
    upkeep: JoinSet<()>,
    tasks: JoinSet<std::io::Result<()>>,
}

/// Why the service does not start. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Database(#[from] store::OpenError),
    /// The database, after it was opened.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The signing key.
    #[error(transparent)]
    Key(#[from] crate::verdict::KeyError),
    /// The collector.
    #[error(transparent)]
    Audit(#[from] audit::StartError),
    /// An address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// A webhook, by its place in the settings.
    #[error("`webhooks[{0}]`: {1}")]
    Webhook(usize, String),
    /// Something in the settings.
    #[error("`{0}`: {1}")]
    Settings(&'static str, String),
}

impl Service {
    /// Opens the database, reads the key, listens, and answers from then on.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(settings: &Settings) -> Result<Self, StartError> {
        let wrong = StartError::Settings;
        if settings.dev_login && !settings.listen.people.ip().is_loopback() {
            let why = "everybody could log in under any name: listen for people on loopback, or configure `login`";
            return Err(wrong("dev_login", why.to_owned()));
        }
        let clock = Clock::system();
        let collector = match &settings.audit {
            None => None,
            Some(audit) => Some(Arc::new(Collector::open(audit, clock.clone()).await?)),
        };
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(FETCH)
            .build()
            .map_err(|e| wrong("issuers", e.to_string()))?;
        let signer = Signer::open(&settings.signing_key)?;
        let store = store::open(&settings.database).await?;
        let login = Login::new(settings, http, store.clone(), clock.clone());
        let login = Arc::new(login.map_err(|(setting, why)| wrong(setting, why))?);
        let mut senders = Vec::with_capacity(settings.webhooks.len());
        for (n, webhook) in settings.webhooks.iter().enumerate() {
            senders.push(Sender::new(webhook).map_err(|why| StartError::Webhook(n, why))?);
        }
        let store = store.telling(senders.iter().map(Sender::outlet).collect());
        store.forget_deliveries().await?;
        let mut desk = Desk::new(store, signer, clock);
        desk.people = People::new(settings.same_person.iter().cloned());
        desk.break_glass.clone_from(&settings.break_glass_scope);
        desk.open_per_caller = settings.open_per_caller;
        let desk = Arc::new(desk);

        let inbox = login.site.absolute(PAGES);

        let listen = &settings.listen;
        let tls = |name, tls: &Option<_>| {
            tls.as_ref().map(tls::config).transpose().map_err(|why| wrong(name, why))
        };
        let questions_tls = tls("listen.questions_tls", &listen.questions_tls)?;
        let people_tls = tls("listen.people_tls", &listen.people_tls)?;
        let audit_tls = settings.audit.as_ref().map(|audit| tls("audit.tls", &audit.tls));
        let audit_tls = audit_tls.transpose()?.flatten();
        if !listen.questions.ip().is_loopback()
            && listen.questions_tls.as_ref().is_none_or(|tls| tls.client_ca.is_none())
        {
            let address = listen.questions;
            tracing::warn!(%address, "whoever reaches this address can ask, and use approvals up: set `listen.questions_tls.client_ca`, or let only proxies reach it");
        }
        let mut tasks = JoinSet::new();
        let mut door = async |address,
                              tls: Option<_>,
                              router: Router|
               -> Result<SocketAddr, StartError> {
            let failed = |e| StartError::Listen(address, e);
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            let closing = Arc::clone(&desk);
            let until = async move { closing.closed().await };
            match tls {
                None => tasks.spawn(
                    axum::serve(listener, router).with_graceful_shutdown(until).into_future(),
                ),
                Some(config) => {
                    let listener = TlsListener::start(listener, config).map_err(failed)?;
                    tasks.spawn(
                        axum::serve(listener, router).with_graceful_shutdown(until).into_future(),
                    )
                }
            };
            Ok(bound)
        };
        let questions =
            door(listen.questions, questions_tls, questions::router(Arc::clone(&desk))).await?;
        let inbox_routes = people::router(Arc::clone(&desk), login, collector.clone());
        let people = door(listen.people, people_tls, inbox_routes).await?;
        let records = match (&settings.audit, &collector) {
            (Some(audit), Some(collector)) => {
                let routes = ingest::router(Arc::clone(collector));
                Some(door(audit.listen, audit_tls, routes).await?)
            }
            _ => None,
        };
        let scheme = if listen.people_tls.is_some() { "https" } else { "http" };
        let inbox = inbox.unwrap_or_else(|| format!("{scheme}://{people}{PAGES}"));
        for sender in senders {
            tokio::spawn(sender.run(Arc::clone(&desk), inbox.clone()));
        }
        tokio::spawn(Arc::clone(&desk).sweep());
        tokio::spawn(Arc::clone(&desk).follow());
        let upkeep = collector.as_ref().map(Collector::run).unwrap_or_default();
        Ok(Self { desk, questions, people, records, collector, upkeep, tasks })
    }

    /// The desk, for programs that have the service inside.
    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// The collector, if there is one.
    pub fn collector(&self) -> Option<&Arc<Collector>> {
        self.collector.as_ref()
    }

    /// Ends: who waits is answered `pending`, and requests under way have five seconds. The audit trail ends with a checkpoint.
    pub async fn stop(mut self) {
        self.desk.close();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, ended).await.is_err() {
            tracing::warn!("requests under way were cut off");
        }
        self.upkeep.shutdown().await;
        if let Some(collector) = &self.collector {
            collector.close().await;
        }
    }
}
