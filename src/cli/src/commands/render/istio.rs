//! For Istio.

use super::template::fill;
use super::{Render, scalar};

pub(super) fn render(render: &Render<'_>) -> String {
    let code = match render.args.image() {
        // The agent fetches it, and hands the proxy a file instead.
        Some(image) => {
            format!(
                "{{ remote: {{ http_uri: {{ uri: {} }} }} }}",
                scalar(&format!("oci://{image}"))
            )
        }
        None => format!("{{ local: {{ filename: {} }} }}", scalar(&render.args.wasm)),
    };
    let namespace = scalar(&render.args.namespace);
    let mut out = fill(
        include_str!("istio.yaml"),
        &[
            ("NAME", &render.name),
            ("NAMESPACE", &namespace),
            ("POLICY", &render.policy),
            ("CODE", &code),
            ("BODY", &render.body),
        ],
    );
    for cluster in &render.clusters {
        let envoy_name = format!("outbound|{}||{}", cluster.port, cluster.host);
        let note =
            if cluster.name == envoy_name { "" } else { ": write that as `cluster` in the policy" };
        let values = [
            ("ISTIO_CLUSTER", &*envoy_name),
            ("CLUSTER_NOTE", note),
            ("RESOURCE", &scalar(&resource_name(cluster.host))),
            ("NAMESPACE", &namespace),
            ("HOST", &scalar(cluster.host)),
            ("PORT", &cluster.port.to_string()),
        ];
        out.push_str(&fill(include_str!("istio-issuer.yaml"), &values));
        if cluster.tls {
            out.push_str(&fill(include_str!("istio-tls.yaml"), &values));
        }
    }
    out
}

/// A Kubernetes name for a host.
fn resource_name(host: &str) -> String {
    let name: String = host
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    format!("scopewarden-{}", name.trim_matches('-'))
}
