//! Reads the text of a pack, reporting everything that is wrong at once.

use super::{
    Access, BodyKind, Condition, Entry, Fact, FactName, Method, Pack, PackError, Pointer, Protocol,
    Source, Target, Template, Tier,
};

pub(super) fn parse(text: &str) -> Result<Pack, Vec<PackError>> {
    let mut reader = Reader::default();
    // The words of one entry or directive, and the line it starts on.
    let mut words: Vec<&str> = Vec::new();
    let mut start = 0;
    for (n, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if !line.starts_with([' ', '\t']) {
            reader.take(start, &words);
            words.clear();
            start = n.saturating_add(1);
        }
        words.extend(line.split_ascii_whitespace());
    }
    reader.take(start, &words);
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
    fn take(&mut self, line: usize, words: &[&str]) {
        let outcome = match words {
            [] => return,
            [first, rest @ ..] => match first.strip_prefix('@') {
                Some(directive) => self.directive(directive, rest),
                None => self.entry(line, words),
            },
        };
        if let Err(message) = outcome {
            self.errors.push(PackError { line, message });
        }
    }

    fn entry(&mut self, line: usize, words: &[&str]) -> Result<(), String> {
        let &[verb, path, id, tier, scope, ref attributes @ ..] = words else {
            return Err("a line is `VERB TARGET ID TIER SCOPE` and then attributes".to_owned());
        };
        let target = target(verb, path)?;
        if !is_id(id) {
            return Err(format!("`{id}` is not an id; write it like `models.delete`"));
        }
        let tier = Tier::parse(tier).ok_or_else(|| format!("unknown tier `{tier}`"))?;
        let access = match scope {
            "public" => Access::Public,
            _ if is_scope_token(scope) => Access::Scope(scope.to_owned()),
            _ => return Err(format!("`{scope}` is not a scope")),
        };
        let attributes = Attributes::read(&target, attributes)?;
        let entry = Entry {
            body: attributes.body(&target, id)?,
            facts: attributes.facts,
            when: None,
            over: attributes.over,
            target,
            id: id.to_owned(),
            tier,
            access,
            line,
        };
        if attributes.when.is_empty() {
            return self.add(entry);
        }
        for condition in attributes.when {
            self.add(Entry { when: Some(condition), ..entry.clone() })?;
        }
        Ok(())
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

/// What follows the five columns.
#[derive(Default)]
struct Attributes {
    written_body: Option<BodyKind>,
    facts: Vec<Fact>,
    when: Vec<Condition>,
    over: Vec<String>,
}

impl Attributes {
    fn read(target: &Target, words: &[&str]) -> Result<Self, String> {
        let mut attributes = Self::default();
        for word in words {
            let Some((name, value)) = word.split_once('=') else {
                return Err(format!("`{word}` is not an attribute; write `name=value`"));
            };
            attributes.set(target, name, value)?;
        }
        Ok(attributes)
    }

    fn set(&mut self, target: &Target, name: &str, value: &str) -> Result<(), String> {
        match name {
            "body" if self.written_body.is_none() => {
                self.written_body = Some(BodyKind::parse(value).ok_or_else(|| {
                    format!("unknown body `{value}`; use `json`, `multipart`, `opaque` or `none`")
                })?);
            }
            "when" => {
                let (pointer, equals) = match value.split_once(':') {
                    Some((pointer, equals)) => (pointer, Some(equals.to_owned())),
                    None => (value, None),
                };
                self.when.push(Condition { pointer: Pointer::parse(pointer)?, equals });
            }
            "over" => self.over.push(value.to_owned()),
            _ => {
                let fact = FactName::parse(name);
                if name == "body" || self.facts.iter().any(|f| Some(f.name) == fact) {
                    return Err(format!("`{name}` is given twice"));
                }
                let name = fact.ok_or_else(|| format!("unknown attribute `{name}`"))?;
                self.facts.push(Fact { name, source: source(target, value)? });
            }
        }
        Ok(())
    }

    fn body(&self, target: &Target, id: &str) -> Result<BodyKind, String> {
        let reads = !self.when.is_empty()
            || self.facts.iter().any(|fact| matches!(fact.source, Source::Body(_)));
        let json = reads || !matches!(target, Target::Http(..));
        match (self.written_body, target) {
            (Some(body), _) if json && body != BodyKind::Json => {
                Err(format!("`{id}` reads its body, which therefore is `json`"))
            }
            (Some(body), _) => Ok(body),
            (None, _) if json => Ok(BodyKind::Json),
            (None, Target::Http(Method::Post | Method::Put | Method::Patch, _)) => {
                Ok(BodyKind::Opaque)
            }
            (None, _) => Ok(BodyKind::None),
        }
    }
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

/// Gives a variant the facts of the entry it is a variant of, unless it has its own.
fn inherit(variant: &mut Entry, base: &Entry) {
    for fact in &base.facts {
        if variant.facts.iter().all(|own| own.name != fact.name) {
            variant.facts.push(fact.clone());
        }
    }
}
