//! `scopewarden render`: a policy as proxy configuration.

mod envoy;
mod envoy_gateway;
mod istio;
mod template;

use clap::ValueEnum;
use scopewarden_core::identity::{KeySource, RemoteKeys};
use scopewarden_core::node::Node;
use scopewarden_core::policy::ApprovalService;

use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::load::{self, Loaded};
use crate::yaml_out;

/// Print the proxy configuration for a policy.
///
/// The output is YAML with comments that say where each part goes; the policy is inside it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scopewarden render envoy --policy policy.yaml --wasm /opt/scopewarden.wasm\n  \
    scopewarden render istio --policy policy.yaml --oci registry.example.com/scopewarden:0.1.0 | kubectl apply -f -\n  \
    scopewarden render envoy-gateway --policy policy.yaml --gateway agents --namespace edge")]
pub struct Args {
    /// The proxy, or what configures it
    #[arg(value_enum)]
    target: Target,
    /// Policy file; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    policy: String,
    /// The filter as a file on the proxy's disk
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/etc/scopewarden/scopewarden.wasm",
        conflicts_with = "oci"
    )]
    wasm: String,
    /// The filter as an image in a registry
    #[arg(long, value_name = "IMAGE")]
    oci: Option<String>,
    /// Namespace of the resources
    #[arg(long, default_value = "default", value_name = "NAME", value_parser = kubernetes_name)]
    namespace: String,
    /// envoy-gateway: name of the Gateway
    #[arg(long, default_value = "eg", value_name = "NAME", value_parser = kubernetes_name)]
    gateway: String,
    /// envoy-gateway: name of the Gateway's listener
    #[arg(long, default_value = "http", value_name = "NAME", value_parser = kubernetes_name)]
    listener: String,
}

/// What the configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Envoy: the filter, the listener's limit, clusters
    Envoy,
    /// Istio: EnvoyFilter, ServiceEntry, DestinationRule
    Istio,
    /// Envoy Gateway: EnvoyPatchPolicy, ClientTrafficPolicy; for an image, EnvoyExtensionPolicy
    EnvoyGateway,
}

/// A name that Kubernetes takes (RFC 1123).
fn kubernetes_name(text: &str) -> Result<String, String> {
    let edges = text.starts_with('-') || text.ends_with('-') || text.is_empty() || text.len() > 63;
    let letters = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if edges || !letters {
        return Err("a name has lower-case letters, digits and `-`, at most 63".to_owned());
    }
    Ok(text.to_owned())
}

/// Runs the command.
///
/// # Errors
/// When the policy has errors, or the target cannot load the filter from where it is said to be.
pub fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let loaded = load::policy(&args.policy, io)?;
    let render = Render::new(args, &loaded);
    let text = match args.target {
        Target::Envoy => envoy::render(&render)?,
        Target::Istio => istio::render(&render),
        Target::EnvoyGateway => envoy_gateway::render(&render),
    };
    io.out.write_all(text.as_bytes())?;
    Ok(Exit::Success)
}

impl Args {
    /// The image, without the scheme that some tools want.
    fn image(&self) -> Option<&str> {
        self.oci.as_deref().map(|image| image.strip_prefix("oci://").unwrap_or(image))
    }
}

/// What every target needs to know.
struct Render<'a> {
    args: &'a Args,
    /// The policy's name, on one line.
    name: String,
    /// The policy as a YAML block without indentation.
    policy: String,
    /// The policy's body cap in bytes.
    body: String,
    /// The clusters that the policy names, each once.
    clusters: Vec<Cluster<'a>>,
}

impl<'a> Render<'a> {
    fn new(args: &'a Args, loaded: &'a Loaded) -> Self {
        let issuers = loaded.policy.identity.issuers.iter().filter_map(|i| match &i.keys {
            KeySource::Remote(keys) => Some(Cluster::of_keys(keys)),
            KeySource::Inline(_) => None,
        });
        let approvals = loaded.policy.approvals.as_ref().map(Cluster::of_approvals);
        let mut clusters: Vec<Cluster<'a>> = Vec::new();
        for cluster in issuers.chain(approvals) {
            if !clusters.iter().any(|c| c.name == cluster.name) {
                clusters.push(cluster);
            }
        }
        Self {
            args,
            name: loaded.policy.name.escape_debug().to_string(),
            policy: yaml_out::block(&loaded.node, 0),
            body: loaded.policy.max_body_bytes.to_string(),
            clusters,
        }
    }
}

/// A cluster that the policy names, and what is behind it.
struct Cluster<'a> {
    name: &'a str,
    host: &'a str,
    port: u16,
    tls: bool,
    /// How many requests may wait for its answers; `None` where they are short and few.
    held: Option<usize>,
}

impl<'a> Cluster<'a> {
    fn of_keys(keys: &'a RemoteKeys) -> Self {
        Self::new(&keys.cluster, &keys.scheme, &keys.authority)
    }

    fn of_approvals(service: &'a ApprovalService) -> Self {
        let cluster = Self::new(&service.cluster, &service.scheme, &service.authority);
        Self { held: Some(service.holds), ..cluster }
    }

    fn new(name: &'a str, scheme: &str, authority: &'a str) -> Self {
        let tls = scheme == "https";
        let default = if tls { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().unwrap_or(default)),
            None => (authority, default),
        };
        Self { name, host, port, tls, held: None }
    }

    /// The cluster as Envoy's own configuration has it.
    fn to_node(&self) -> Node {
        let address = object([
            ("address", Node::String(self.host.trim_matches(['[', ']']).to_owned())),
            ("port_value", Node::Number(f64::from(self.port))),
        ]);
        let endpoint =
            object([("endpoint", object([("address", object([("socket_address", address)]))]))]);
        let locality = object([("lb_endpoints", Node::Array(vec![endpoint]))]);
        let mut members = vec![
            ("name", text(self.name)),
            ("type", text("STRICT_DNS")),
            ("connect_timeout", text("2s")),
            (
                "load_assignment",
                object([
                    ("cluster_name", text(self.name)),
                    ("endpoints", Node::Array(vec![locality])),
                ]),
            ),
        ];
        if let Some(held) = self.held {
            members.push(("circuit_breakers", breakers(held)));
            members.push(("typed_extension_protocol_options", http2()));
        }
        if self.tls {
            members.push(("transport_socket", self.transport_socket()));
        }
        object(members)
    }

    /// TLS that checks the issuer's name: whoever answers here decides who is believed.
    fn transport_socket(&self) -> Node {
        let pinned =
            object([("san_type", text("DNS")), ("matcher", object([("exact", text(self.host))]))]);
        let validation = object([
            ("trusted_ca", object([("filename", text("/etc/ssl/certs/ca-certificates.crt"))])),
            ("match_typed_subject_alt_names", Node::Array(vec![pinned])),
        ]);
        let tls =
            "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
        let context = object([
            ("@type", text(tls)),
            ("sni", text(self.host)),
            ("common_tls_context", object([("validation_context", validation)])),
        ]);
        object([("name", text("envoy.transport_sockets.tls")), ("typed_config", context)])
    }
}

/// A connection carries many questions that wait; HTTP/1.1 takes a connection for each. The service refuses more than 200 on one.
fn http2() -> Node {
    let name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let streams = object([("max_concurrent_streams", Node::Number(100.0))]);
    let options = object([
        ("@type", Node::String(format!("type.googleapis.com/{name}"))),
        ("explicit_http_config", object([("http2_protocol_options", streams)])),
    ]);
    object([(name, options)])
}

/// Room for so many requests that wait, on one worker, and a quarter more.
#[expect(clippy::cast_precision_loss, reason = "a policy holds at most a million requests")]
fn breakers(held: usize) -> Node {
    let most = Node::Number(held.saturating_mul(5).div_ceil(4) as f64);
    let names = ["max_connections", "max_pending_requests", "max_requests"];
    let threshold = object(names.map(|name| (name, most.clone())));
    object([("thresholds", Node::Array(vec![threshold]))])
}

fn object<'n>(members: impl IntoIterator<Item = (&'n str, Node)>) -> Node {
    Node::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn text(text: &str) -> Node {
    Node::String(text.to_owned())
}

/// `text` as a YAML scalar.
fn scalar(value: &str) -> String {
    yaml_out::block(&text(value), 0).trim_end().to_owned()
}

#[cfg(test)]
mod tests;
