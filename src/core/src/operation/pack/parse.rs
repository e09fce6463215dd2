//! Reads the text of a pack, reporting everything that is wrong at once.

use super::{
    Access, BodyKind, Condition, Entry, Fact, FactName, Method, Pack, PackError, Pointer, Protocol,
    Source, Target, Template, Tier,
};

pub(super) fn parse(text: &str) -> Result<Pack, Vec<PackError>> {
    let mut reader = Reader::default();
    for (n, line) in text.lines().enumerate() {
        let number = n.saturating_add(1);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Err(message) = reader.line(number, line) {
            reader.errors.push(PackError { line: number, message });
        }
    }
    reader.finish()
}

/// Whether `text` is a scope token: `1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749, 3.3).
fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

fn is_pack_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// `models.delete`: words of lower-case letters, digits and `_`, joined by dots.
fn is_id(text: &str) -> bool {
    text.split('.').all(|word| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

#[derive(Default)]
struct Reader {
    name: Option<String>,
    protocol: Option<Protocol>,
    jsonrpc: Vec<(Method, Template)>,
    entries: Vec<Entry>,
    errors: Vec<PackError>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        if let Some(directive) = first.strip_prefix('@') {
            return self.directive(directive, &words.collect::<Vec<_>>());
        }
        let mut column = |what: &str| {
            words.next().ok_or_else(|| {
                format!("no {what}; a line is `VERB TARGET ID TIER SCOPE` and then attributes")
            })
        };
        let target = target(first, column("target")?)?;
        let id = column("id")?;
        if !is_id(id) {
            return Err(format!("`{id}` is not an id; write it like `models.delete`"));
        }
        let tier = column("tier")?;
        let tier = Tier::parse(tier).ok_or_else(|| format!("unknown tier `{tier}`"))?;
        let access = match column("scope")? {
            "public" => Access::Public,
            scope if is_scope_token(scope) => Access::Scope(scope.to_owned()),
            scope => return Err(format!("`{scope}` is not a scope")),
        };
        let mut entry = Entry {
            body: BodyKind::None,
            facts: Vec::new(),
            when: None,
            over: Vec::new(),
            target,
            id: id.to_owned(),
            tier,
            access,
            line: number,
        };
        let mut body = None;
        for word in words {
            attribute(&mut entry, &mut body, word)?;
        }
        settle_body(&mut entry, body)?;
        self.add(entry)
    }

    fn directive(&mut self, directive: &str, words: &[&str]) -> Result<(), String> {
        match (directive, words) {
            ("pack", [name]) if self.name.is_none() && is_pack_name(name) => {
                self.name = Some((*name).to_owned());
            }
            ("protocol", [name]) if self.protocol.is_none() => {
                let protocol = Protocol::parse(name);
                self.protocol = Some(protocol.ok_or_else(|| format!("unknown protocol `{name}`"))?);
            }
            ("jsonrpc", [method, path]) => {
                let method = Method::parse(method).ok_or_else(|| unknown_verb(method))?;
                self.jsonrpc.push((method, Template::parse(path)?));
            }
            _ => {
                return Err(format!(
                    "`@{directive} {}` is not a directive; there are one `@pack NAME`, one \
                     `@protocol NAME`, and `@jsonrpc METHOD PATH`",
                    words.join(" ")
                ));
            }
        }
        Ok(())
    }

    /// Adds an entry that agrees with those before it.
    fn add(&mut self, mut entry: Entry) -> Result<(), String> {
        for other in &self.entries {
            let agrees = other.tier == entry.tier && other.access == entry.access;
            if other.id == entry.id && !agrees {
                return Err(format!(
                    "`{}` has another tier or scope on line {}",
                    entry.id, other.line
                ));
            }
            if same_target(&other.target, &entry.target) {
                if other.when == entry.when {
                    return Err(format!("`{}` is on line {} already", entry.target, other.line));
                }
                if other.when.is_some() && other.id != entry.id {
                    return Err(format!(
                        "another variant of `{}` is on line {}; only one is taken, so all have one id",
                        entry.target, other.line
                    ));
                }
            }
        }
        if entry.when.is_some() {
            let base = self
                .entries
                .iter_mut()
                .find(|other| other.when.is_none() && same_target(&other.target, &entry.target));
            let Some(base) = base else {
                return Err(format!(
                    "`{}` is a variant, and there is no entry for `{}` above it",
                    entry.id, entry.target
                ));
            };
            if base.id == entry.id {
                return Err(format!("variant `{}` needs an id of its own", entry.id));
            }
            // The body decides between the two, so it is read for both.
            if base.body == BodyKind::Opaque {
                base.body = BodyKind::Json;
            }
            if base.body != BodyKind::Json {
                return Err(format!(
                    "the body of `{}` is not JSON, so it has no variants",
                    base.id
                ));
            }
            inherit(&mut entry, base);
        }
        self.entries.push(entry);
        Ok(())
    }

    fn finish(mut self) -> Result<Pack, Vec<PackError>> {
        self.check();
        match (self.name, self.protocol) {
            (Some(name), Some(protocol)) if self.errors.is_empty() => {
                Ok(Pack { name, protocol, jsonrpc: self.jsonrpc, entries: self.entries })
            }
            _ => {
                self.errors.sort_by_key(|error| error.line);
                Err(self.errors)
            }
        }
    }

    /// What only the whole pack can tell.
    fn check(&mut self) {
        let mut errors = Vec::new();
        let mut fail = |line, message| errors.push(PackError { line, message });
        for (missing, directive) in
            [(self.name.is_none(), "pack"), (self.protocol.is_none(), "protocol")]
        {
            if missing {
                fail(0, format!("there is no `@{directive}` line"));
            }
        }
        for entry in &self.entries {
            match &entry.target {
                Target::Http(method, template) => {
                    if self.jsonrpc.iter().any(|(m, t)| m == method && t.same_shape(template)) {
                        let target = &entry.target;
                        fail(entry.line, format!("`{target}` is named by its JSON-RPC method"));
                    }
                }
                Target::Rpc(_) | Target::RpcResponse if self.jsonrpc.is_empty() => {
                    fail(entry.line, "there is no `@jsonrpc` line to receive it".to_owned());
                }
                Target::Rpc(_) | Target::RpcResponse => {}
            }
            for over in &entry.over {
                if !self.entries.iter().any(|other| other.id == *over) {
                    fail(entry.line, format!("there is no `{over}` for `over` to name"));
                }
            }
        }
        self.errors.append(&mut errors);
    }
}

fn unknown_verb(verb: &str) -> String {
    format!("unknown verb `{verb}`; use `RPC`, `WS` or an HTTP method in upper case")
}

fn target(verb: &str, text: &str) -> Result<Target, String> {
    match (verb, text) {
        ("RPC", "<response>") => Ok(Target::RpcResponse),
        ("RPC", _) if text.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'"') => {
            Ok(Target::Rpc(text.to_owned()))
        }
        ("RPC", _) => Err(format!("`{text}` is not a JSON-RPC method")),
        _ => {
            let method = Method::parse(verb).ok_or_else(|| unknown_verb(verb))?;
            Template::parse(text).map(|template| Target::Http(method, template))
        }
    }
}

fn same_target(a: &Target, b: &Target) -> bool {
    match (a, b) {
        (Target::Http(m, t), Target::Http(n, u)) => m == n && t.same_shape(u),
        _ => a == b,
    }
}

/// Reads one `name=value`.
fn attribute(entry: &mut Entry, body: &mut Option<BodyKind>, word: &str) -> Result<(), String> {
    let Some((name, value)) = word.split_once('=') else {
        return Err(format!("`{word}` is not an attribute; write `name=value`"));
    };
    match name {
        "body" if body.is_none() => {
            *body = Some(BodyKind::parse(value).ok_or_else(|| {
                format!("unknown body `{value}`; use `json`, `multipart`, `opaque` or `none`")
            })?);
        }
        "when" if entry.when.is_none() => {
            let (pointer, equals) = match value.split_once(':') {
                Some((pointer, equals)) => (pointer, Some(equals.to_owned())),
                None => (value, None),
            };
            entry.when = Some(Condition { pointer: Pointer::parse(pointer)?, equals });
        }
        "over" => entry.over.push(value.to_owned()),
        "body" | "when" => return Err(format!("`{name}` is given twice")),
        _ => {
            let Some(fact) = FactName::parse(name) else {
                return Err(format!("unknown attribute `{name}`"));
            };
            if entry.facts.iter().any(|f| f.name == fact) {
                return Err(format!("`{name}` is given twice"));
            }
            let source = source(&entry.target, value)?;
            entry.facts.push(Fact { name: fact, source });
        }
    }
    Ok(())
}

fn source(target: &Target, value: &str) -> Result<Source, String> {
    if let Some(name) = value.strip_prefix('{').and_then(|v| v.strip_suffix('}')) {
        return match target {
            Target::Http(_, template) if template.params().any(|p| p == name) => {
                Ok(Source::Path(name.to_owned()))
            }
            _ => Err(format!("the path has no parameter `{name}`")),
        };
    }
    match value.strip_prefix('?') {
        Some("") => Err("`?` needs the name of a query parameter".to_owned()),
        Some(name) => Ok(Source::Query(name.to_owned())),
        None => Pointer::parse(value).map(Source::Body),
    }
}

/// Settles the body of an entry once all its attributes are known.
fn settle_body(entry: &mut Entry, written: Option<BodyKind>) -> Result<(), String> {
    let reads_body =
        entry.when.is_some() || entry.facts.iter().any(|f| matches!(f.source, Source::Body(_)));
    let rpc = !matches!(entry.target, Target::Http(..));
    if (reads_body || rpc) && written.is_some_and(|body| body != BodyKind::Json) {
        return Err(format!("`{}` reads its body, which therefore is `json`", entry.id));
    }
    let sends = matches!(entry.target, Target::Http(Method::Post | Method::Put | Method::Patch, _));
    entry.body = match written {
        Some(body) => body,
        None if reads_body || rpc => BodyKind::Json,
        None if sends => BodyKind::Opaque,
        None => BodyKind::None,
    };
    Ok(())
}

/// Gives a variant the facts of the entry it is a variant of, unless it has its own.
fn inherit(variant: &mut Entry, base: &Entry) {
    for fact in &base.facts {
        if variant.facts.iter().all(|own| own.name != fact.name) {
            variant.facts.push(fact.clone());
        }
    }
}
