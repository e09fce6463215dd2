//! Settings as people write them: everything that is wrong is found at once, each with its place and a way out.

use scopewarden_core::diag::{Diagnostic, Diagnostics, Path, closest};
use serde_json::{Map, Value, json};
use serde_path_to_error::Segment;

use super::{Settings, sense};

/// What can stand where.
pub(super) enum Shape {
    /// Text, a number, or yes and no.
    Leaf,
    /// These members.
    Members(&'static [(&'static str, Shape)]),
    /// Any number of these.
    List(&'static Shape),
}

use Shape::{Leaf, List, Members};

const TLS: Shape = Members(&[("certificate", Leaf), ("key", Leaf), ("client_ca", Leaf)]);

pub(super) const SETTINGS: Shape = Members(&[
    ("database", Leaf),
    ("signing_key", Leaf),
    (
        "listen",
        Members(&[
            ("questions", Leaf),
            ("people", Leaf),
            ("questions_tls", TLS),
            ("people_tls", TLS),
        ]),
    ),
    ("public_url", Leaf),
    (
        "issuers",
        List(&Members(&[
            ("issuer", Leaf),
            ("audiences", List(&Leaf)),
            ("jwks_url", Leaf),
            ("scope_claim", Leaf),
        ])),
    ),
    (
        "login",
        Members(&[
            ("issuer", Leaf),
            ("client_id", Leaf),
            ("client_secret_file", Leaf),
            ("scopes", List(&Leaf)),
            ("scope_claim", Leaf),
        ]),
    ),
    ("dev_login", Leaf),
    ("same_person", List(&List(&Members(&[("issuer", Leaf), ("subject", Leaf)])))),
    ("break_glass_scope", Leaf),
    ("open_per_caller", Leaf),
    ("webhooks", List(&Members(&[("url", Leaf), ("secret_file", Leaf), ("events", List(&Leaf))]))),
    (
        "audit",
        Members(&[
            ("directory", Leaf),
            ("listen", Leaf),
            ("tls", TLS),
            ("tokens", List(&Members(&[("name", Leaf), ("file", Leaf)]))),
            ("index", Leaf),
            ("signing_key", Leaf),
            ("origin", Leaf),
            ("segment_bytes", Leaf),
            ("mirror", Leaf),
            ("keep", Leaf),
            ("read_scope", Leaf),
        ]),
    ),
]);

/// Reads a document; an empty one has the defaults.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(document: &Value) -> Result<Settings, Vec<Diagnostic>> {
    let mut found = Diagnostics::default();
    let root = Path::root();
    let known = match document {
        Value::Null => json!({}),
        document => known(&SETTINGS, document, &root, &mut found),
    };
    let Some(members) = known.as_object() else {
        found
            .error("wrong-value", &root, "settings are names and values")
            .help("write one on each line, such as `database: sqlite:approvals.db`");
        return Err(found.into_vec());
    };
    // One by one, so that one mistake does not hide the others.
    for (name, value) in members {
        if let Err(error) = typed(&json!({name: value})) {
            let path = place(error.path());
            let message = error.inner().to_string();
            let message = message.replace("u64", "a whole number").replace("a sequence", "a list");
            let code =
                if message.starts_with("missing field") { "missing-key" } else { "wrong-value" };
            let diagnostic = found.error(code, &path, message);
            if let Some(help) = help(&path) {
                diagnostic.help(help);
            }
        }
    }
    if found.has_errors() {
        return Err(found.into_vec());
    }
    let settings = typed(&known).map_err(|error| {
        let mut found = Diagnostics::default();
        found.error("wrong-value", &place(error.path()), error.inner().to_string());
        found.into_vec()
    })?;
    sense::check(&settings, &mut found);
    if found.has_errors() { Err(found.into_vec()) } else { Ok(settings) }
}

fn typed(document: &Value) -> Result<Settings, serde_path_to_error::Error<serde_json::Error>> {
    serde_path_to_error::deserialize(document)
}

fn place(path: &serde_path_to_error::Path) -> Path {
    path.iter().fold(Path::root(), |path, segment| match segment {
        Segment::Seq { index } => path.index(*index),
        Segment::Map { key } | Segment::Enum { variant: key } => path.key(key),
        Segment::Unknown => path,
    })
}

/// The document without the members that nobody knows, which are errors.
fn known(shape: &Shape, value: &Value, path: &Path, found: &mut Diagnostics) -> Value {
    match (shape, value) {
        (Members(shapes), Value::Object(members)) => {
            let mut kept = Map::new();
            for (name, value) in members {
                let path = path.key(name);
                match shapes.iter().find(|(known, _)| known == name) {
                    Some((_, shape)) => {
                        kept.insert(name.clone(), known(shape, value, &path, found));
                    }
                    None => unknown(name, shapes, &path, found),
                }
            }
            kept.into()
        }
        (List(shape), Value::Array(items)) => {
            let items = items.iter().enumerate();
            items.map(|(n, item)| known(shape, item, &path.index(n), found)).collect()
        }
        _ => value.clone(),
    }
}

fn unknown(name: &str, shapes: &[(&str, Shape)], path: &Path, found: &mut Diagnostics) {
    let names = || shapes.iter().map(|(name, _)| *name);
    let help = match closest(name, names()) {
        Some(close) => format!("did you mean `{close}`?"),
        None => {
            let names: Vec<_> = names().map(|name| format!("`{name}`")).collect();
            format!("there are {}", names.join(", "))
        }
    };
    found.error("unknown-key", path, format!("unknown key `{name}`")).help(help);
}

/// How to write what is at a place.
fn help(path: &Path) -> Option<&'static str> {
    let mut names = path.steps().iter().rev().filter_map(|step| match step {
        scopewarden_core::diag::Step::Key(name) => Some(&**name),
        scopewarden_core::diag::Step::Index(_) => None,
    });
    let name = names.next()?;
    if names.next() == Some("audit") {
        return audit_help(name);
    }
    Some(match name {
        "database" => "write `sqlite:FILE` or `postgres://USER@HOST/NAME`",
        "questions" | "people" => "write an address and a port, such as `127.0.0.1:8089`",
        "listen" => "it has `questions` and `people`, and `questions_tls` and `people_tls`",
        "questions_tls" | "people_tls" => "it has `certificate` and `key`, and perhaps `client_ca`",
        "issuers" => "each has `issuer`, `audiences` and `jwks_url`",
        "audiences" | "scopes" => "write a list of words, such as `[approvals]`",
        "login" => "it has `issuer` and `client_id`, and perhaps `client_secret_file`",
        "dev_login" => "write `true` or `false`",
        "same_person" => {
            "write a list of people, each a list of identities with `issuer` and `subject`"
        }
        "open_per_caller" => "write a whole number, such as `200`",
        "webhooks" => "each has `url` and `secret_file`, and perhaps `events`",
        "events" => {
            "choose from `asked`, `approved`, `denied`, `expired`, `used` and `break_glass`"
        }
        "audit" => "it has `directory` and `listen`, and perhaps `tls`, `tokens` and others",
        _ => "write text",
    })
}

fn audit_help(name: &str) -> Option<&'static str> {
    Some(match name {
        "listen" => "write an address and a port, such as `127.0.0.1:4318`",
        "tls" => "it has `certificate` and `key`, and perhaps `client_ca`",
        "tokens" => "each has `name` and `file`",
        "segment_bytes" => "write a size, such as `64MiB`",
        "keep" => "write how long, such as `90d`, or leave it away to keep everything",
        _ => "write text",
    })
}
