//! Who comes through a door with TLS.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::{Certificate, Client, Identity};

use crate::serve::{Service, StartError};
use crate::settings::{Audit, Settings, Tls};

/// An authority that writes what it signs into a folder.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for `name`, and its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn client(&self, identity: Option<(String, String)>) -> Client {
        let root = Certificate::from_pem(self.pem.as_bytes()).unwrap();
        let mut builder = Client::builder().add_root_certificate(root).use_rustls_tls();
        if let Some((certificate, key)) = identity {
            let pem = format!("{certificate}{key}");
            builder = builder.identity(Identity::from_pem(pem.as_bytes()).unwrap());
        }
        builder.build().unwrap()
    }

    /// A door of `localhost` that only those with a certificate of this authority come through.
    fn door(&self, folder: &Path) -> Tls {
        let (certificate, key) = self.issue("localhost");
        Tls {
            certificate: write(folder, "server.pem", &certificate),
            key: write(folder, "server.key", &key),
            client_ca: Some(write(folder, "ca.pem", &self.pem)),
        }
    }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

fn settings(folder: &Path, tls: Tls) -> Settings {
    let mut settings = Settings {
        database: format!("sqlite:{}", folder.join("a.db").display()),
        signing_key: folder.join("key.json"),
        ..Settings::default()
    };
    settings.listen.questions.set_port(0);
    settings.listen.people.set_port(0);
    settings.listen.questions_tls = Some(tls);
    settings
}

#[tokio::test]
async fn a8_only_proxies_with_a_certificate_may_ask() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Authority::new(), Authority::new());
    let tls = ours.door(folder.path());
    let service = Service::start(&settings(folder.path(), tls)).await.unwrap();
    let port = service.questions.port();
    let url = format!("https://localhost:{port}/healthz");

    let known = ours.client(Some(ours.issue("proxy")));
    assert_eq!(known.get(&url).send().await.unwrap().status(), 200);
    for stranger in [ours.client(None), ours.client(Some(theirs.issue("proxy")))] {
        assert!(stranger.get(&url).send().await.is_err());
    }
    assert!(theirs.client(None).get(&url).send().await.is_err(), "the server is pinned, too");
    let plain = Client::new().get(format!("http://localhost:{port}/healthz")).send().await;
    assert!(plain.is_err());

    // Whoever connects and says nothing delays nobody.
    let _silent = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(known.get(&url).send().await.unwrap().status(), 200);
    service.stop().await;
    assert!(known.get(&url).send().await.is_err());
}

#[tokio::test]
async fn only_senders_with_a_certificate_may_record() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Authority::new(), Authority::new());
    let tls = ours.door(folder.path());
    let mut settings = settings(folder.path(), tls.clone());
    settings.audit = Some(Audit {
        directory: folder.path().join("audit"),
        // With certificates it may be any address.
        listen: "0.0.0.0:0".parse().unwrap(),
        tls: Some(tls),
        signing_key: folder.path().join("audit-key.json"),
        ..Audit::default()
    });
    let service = Service::start(&settings).await.unwrap();
    let url = format!("https://localhost:{}/v1/logs", service.records.unwrap().port());
    let send = |client: Client| client.post(&url).json(&serde_json::json!({})).send();
    assert_eq!(send(ours.client(Some(ours.issue("proxy")))).await.unwrap().status(), 200);
    for stranger in [ours.client(None), ours.client(Some(theirs.issue("proxy")))] {
        assert!(send(stranger).await.is_err());
    }
    service.stop().await;
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (certificate, key) = authority.issue("localhost");
    let (_, other) = authority.issue("localhost");
    let file = |name: &str, text: &str| write(folder.path(), name, text);
    let good = Tls {
        certificate: file("server.pem", &certificate),
        key: file("server.key", &key),
        client_ca: None,
    };
    let other = file("other.key", &other);
    let empty = file("empty", "");
    for (wrong, named) in [
        (Tls { certificate: "/no/such.pem".into(), ..good.clone() }, "/no/such.pem"),
        (Tls { certificate: empty.clone(), ..good.clone() }, "empty"),
        (Tls { key: empty.clone(), ..good.clone() }, "empty"),
        (Tls { key: other, ..good.clone() }, "server.pem"),
        (Tls { client_ca: Some(empty), ..good.clone() }, "empty"),
    ] {
        match Service::start(&settings(folder.path(), wrong)).await {
            Err(StartError::Settings("listen.questions_tls", why)) => {
                assert!(why.contains(named), "{why}")
            }
            other => panic!("{named}: {other:?}"),
        }
    }
}
