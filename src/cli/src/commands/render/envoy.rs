//! For Envoy itself.

use scopewarden_core::node::Node;

use super::template::fill;
use super::{Cluster, Render, scalar};
use crate::exit::Failure;
use crate::yaml_out;

pub(super) fn render(render: &Render<'_>) -> Result<String, Failure> {
    if render.args.oci.is_some() {
        return Err(Failure::with_help(
            "Envoy loads the filter from a file, not from an image",
            "use `--wasm PATH`, or render for istio or envoy-gateway, which fetch images",
        ));
    }
    let wasm = scalar(&render.args.wasm);
    let clusters = Node::Array(render.clusters.iter().map(Cluster::to_node).collect());
    Ok(fill(
        include_str!("envoy.yaml"),
        &[
            ("NAME", &render.name),
            ("BODY", &render.body),
            ("POLICY", &render.policy),
            ("WASM", &wasm),
            ("CLUSTERS", &yaml_out::block(&clusters, 0)),
        ],
    ))
}
