//! For Envoy Gateway.

use super::template::fill;
use super::{Render, scalar};
use crate::yaml_out;

pub(super) fn render(render: &Render<'_>) -> String {
    let args = render.args;
    let listener_name = format!("{}/{}/{}", args.namespace, args.gateway, args.listener);
    // The name that Envoy Gateway gives to the first filter of this EnvoyExtensionPolicy.
    let filter_path = format!(
        "..http_filters[?(@.name=='envoy.filters.http.wasm/envoyextensionpolicy/{}/scopewarden/wasm/0')].typed_config.config",
        args.namespace
    );
    let values = [
        ("NAME", &*render.name),
        ("NAMESPACE", &scalar(&args.namespace)),
        ("GATEWAY", &scalar(&args.gateway)),
        ("LISTENER_NAME", &scalar(&listener_name)),
        ("FILTER_PATH", &scalar(&filter_path)),
        ("POLICY", &render.policy),
        ("IMAGE", &scalar(args.image().unwrap_or_default())),
        ("WASM", &scalar(&args.wasm)),
        ("BODY", &render.body),
    ];
    let filter = match args.image() {
        Some(_) => include_str!("envoy-gateway-image.yaml"),
        None => include_str!("envoy-gateway-file.yaml"),
    };
    let mut out = fill(filter, &values);
    for cluster in &render.clusters {
        let node = yaml_out::block(&cluster.to_node(), 0);
        out.push_str(&fill(
            include_str!("envoy-gateway-cluster.yaml"),
            &[("CLUSTER_NAME", &scalar(cluster.name)), ("CLUSTER", &node)],
        ));
    }
    out.push_str(&fill(include_str!("envoy-gateway-limit.yaml"), &values));
    out
}
