//! A policy file on its way to a compiled [`Policy`].

use scopewarden_core::diag::Severity;
use scopewarden_core::node::Node;
use scopewarden_core::policy::Policy;

use crate::exit::Failure;
use crate::io::Io;
use crate::report::{self, Finding, Format};
use crate::source::Source;

/// A policy that compiled.
#[derive(Debug)]
pub struct Loaded {
    /// The document as core read it.
    pub node: Node,
    /// The policy.
    pub policy: Policy,
}

/// Reads and compiles a document; whatever is wrong with it comes with its place.
pub fn compile(source: &Source) -> (Option<Loaded>, Vec<Finding>) {
    let Some(node) = source.node() else { return (None, source.problems.clone()) };
    if let Some(finding) = another_document(source) {
        return (None, vec![finding]);
    }
    match Policy::compile(&node) {
        Ok((policy, warnings)) => (Some(Loaded { node, policy }), source.locate(warnings)),
        Err(diagnostics) => (None, source.locate(diagnostics)),
    }
}

/// What people mistake for a policy, because a policy is inside it.
fn another_document(source: &Source) -> Option<Finding> {
    let tree = source.tree.as_ref()?;
    let (what, mark) = [
        ("an Envoy configuration", "static_resources"),
        ("an Envoy filter", "http_filters"),
        ("a Kubernetes resource", "apiVersion"),
    ]
    .into_iter()
    .find_map(|(what, name)| Some((what, tree.member(name)?)))?;
    Some(Finding {
        severity: Severity::Error,
        code: "not-a-policy",
        path: None,
        span: Some(mark.name_span.clone()),
        message: format!("this is {what}, not a policy"),
        help: Some("keep the policy in a file of its own, and put it into this one with `scopewarden render`".to_owned()),
        related: None,
    })
}

/// The policy of `file`, for commands that need one that works.
///
/// # Errors
/// When there is none; its errors are then on `io.err`.
pub fn policy(file: &str, io: &mut Io<'_>) -> Result<Loaded, Failure> {
    let source = Source::open(file)?;
    let (loaded, findings) = compile(&source);
    if let Some(loaded) = loaded {
        return Ok(loaded);
    }
    let errors = findings.into_iter().filter(|f| f.severity == Severity::Error).collect();
    report::write(io.err, Format::Human, &[(&source, errors)])?;
    Err(Failure::Reported)
}
