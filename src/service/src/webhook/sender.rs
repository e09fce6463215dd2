//! One webhook, told one thing after the other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{StatusCode, Url, header};
use sha2::{Digest as _, Sha256};

use super::{Secret, message};
use crate::desk::Desk;
use crate::domain::Topic;
use crate::settings;
use crate::store::{Delivery, Outlet, StoreError};

/// How patient a sender is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How long to wait after the first attempt, in milliseconds; longer than one may take.
    pub first_ms: u64,
    /// How long to wait at most, in milliseconds.
    pub most_ms: u64,
    /// After how long a message is given up, in milliseconds.
    pub give_up_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            first_ms: 15_000,
            most_ms: 60 * 60 * 1000,
            give_up_ms: 24 * 60 * 60 * 1000,
        }
    }
}

impl Pace {
    /// How long to wait after so many attempts: twice as long each time, and half of it by chance, so that receivers that
    /// come back are not told everything at once.
    pub fn wait_ms(&self, attempts: u64, chance: u8) -> u64 {
        let doubled = 1_u64.checked_shl(u32::try_from(attempts).unwrap_or(u32::MAX));
        let most = self.first_ms.saturating_mul(doubled.unwrap_or(u64::MAX)).min(self.most_ms);
        let more = most.saturating_mul(u64::from(chance)) / 255;
        self.first_ms.max(most / 2).saturating_add(more / 2)
    }
}

/// Tells one webhook.
#[derive(Debug)]
pub struct Sender {
    /// Where to.
    pub url: Url,
    /// Signs.
    pub secret: Secret,
    /// What to tell.
    pub topics: BTreeSet<Topic>,
    /// How patiently.
    pub pace: Pace,
}

/// How long to wait when there is nothing to tell, and after the database failed. Changes wake it before.
const IDLE: Duration = Duration::from_secs(30);

impl Sender {
    /// As the settings have it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(webhook: &settings::Webhook) -> Result<Self, String> {
        Ok(Self {
            url: Url::parse(&webhook.url).map_err(|e| format!("its `url` is not one: {e}"))?,
            secret: Secret::open(&webhook.secret_file).map_err(|e| e.to_string())?,
            topics: webhook.events.clone(),
            pace: Pace::default(),
        })
    }

    /// What the store writes down for it.
    pub fn outlet(&self) -> Outlet {
        Outlet { webhook: self.key(), topics: self.topics.clone() }
    }

    /// Names the webhook in the database.
    fn key(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.url.as_str().as_bytes()))
    }

    /// Sends until the service stops. `inbox` is where people find an approval: its id follows.
    pub async fn run(self, desk: Arc<Desk>, inbox: String) {
        tokio::select! { () = self.send_all(&desk, &inbox) => {}, () = desk.closed() => {} }
    }

    async fn send_all(&self, desk: &Desk, inbox: &str) {
        let http = reqwest::Client::builder()
            // A receiver that could say where else to go could reach what only this service can.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(self.pace.timeout)
            .user_agent(concat!("scopewarden/", env!("CARGO_PKG_VERSION")))
            .build();
        let http = match http {
            Ok(http) => http,
            Err(error) => return tracing::error!(%error, "webhooks cannot be sent"),
        };
        let key = self.key();
        let mut changes = desk.bell.watch();
        loop {
            let wait = match self.next(desk, &http, &key, inbox).await {
                Ok(None) => continue,
                Ok(Some(wait)) => wait,
                Err(error) => {
                    tracing::error!(%error, "webhooks wait for the database");
                    IDLE
                }
            };
            // What was missed is in the database.
            let _ = tokio::time::timeout(wait, changes.recv()).await;
        }
    }

    /// Sends what is due; how long to wait when nothing is.
    async fn next(
        &self,
        desk: &Desk,
        http: &reqwest::Client,
        key: &str,
        inbox: &str,
    ) -> Result<Option<Duration>, StoreError> {
        let Some(delivery) = desk.store.next_delivery(key).await? else { return Ok(Some(IDLE)) };
        let now = desk.now();
        let host = self.url.host_str().unwrap_or_default();
        if now.since(delivery.at) > self.pace.give_up_ms {
            let Delivery { approval, topic, attempts, .. } = &delivery;
            tracing::error!(host, approval, topic, attempts, "a webhook was not told: given up");
            desk.store.end_delivery(&delivery).await?;
            return Ok(None);
        }
        if delivery.due > now {
            return Ok(Some(Duration::from_millis(delivery.due.since(now)).min(IDLE)));
        }
        let mut chance = [0];
        // Without chance, all of them wait equally long.
        let _ = getrandom::fill(&mut chance);
        let again = now.plus(self.pace.wait_ms(delivery.attempts, chance[0]));
        if !desk.store.attempt(&delivery, again).await? {
            return Ok(None);
        }
        match self.send(desk, http, &delivery, inbox).await? {
            Ok(()) => desk.store.end_delivery(&delivery).await?,
            Err(why) => {
                let Delivery { approval, topic, attempts, .. } = &delivery;
                tracing::warn!(host, approval, topic, attempts, why, again = %again, "a webhook was not told; it will be tried again");
            }
        }
        Ok(None)
    }

    async fn send(
        &self,
        desk: &Desk,
        http: &reqwest::Client,
        delivery: &Delivery,
        inbox: &str,
    ) -> Result<Result<(), String>, StoreError> {
        let id = &delivery.approval;
        // Without the approval there is nothing to tell any more.
        let Some(approval) = desk.store.get(id).await? else { return Ok(Ok(())) };
        let events = desk.store.events(id).await?;
        // Each version has one event, from 1.
        let position = usize::try_from(delivery.version).unwrap_or_default().checked_sub(1);
        let event = position.and_then(|n| events.get(n)).map(|(_, event)| event);
        let link = format!("{inbox}{id}");
        let body = message::body(delivery, &approval, event, &link).to_string();
        let message = format!("{id}-{}", delivery.version);
        let seconds = desk.now().as_secs();
        let request = http
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &message)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", self.secret.sign(&message, seconds, &body))
            .body(body);
        Ok(match request.send().await.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => Ok(()),
            Ok(status) => Err(said(status)),
            // The URL can be a secret.
            Err(error) if error.is_timeout() => Err("no answer in time".to_owned()),
            Err(error) => Err(innermost(&error.without_url())),
        })
    }
}

fn said(status: StatusCode) -> String {
    if status.is_redirection() {
        format!("it answered {}; redirects are not followed", status.as_u16())
    } else {
        format!("it answered {}", status.as_u16())
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
