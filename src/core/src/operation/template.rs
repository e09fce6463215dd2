//! Path templates: what a catalogue says about paths.

use std::fmt;

use super::path::check_segment;
use crate::limits::MAX_SEGMENTS;
use crate::reason::Reason;

/// A path with parameters.
///
/// | written | matches |
/// |---|---|
/// | `/models/{model}` | one segment |
/// | `/teams/{id:int}` | one segment of digits without a leading zero: `7`, not `07`, `+7` or `0` |
/// | `/tasks/{id}:cancel` | one segment that ends in `:cancel` and has something before it |
/// | `/files/{path...}` | one or more segments, only at the end |
///
/// A slash at the end plays no part in matching, except that a path finds nothing when it matches
/// another template with its own slash or lack of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
    trailing_slash: bool,
}

/// One segment of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Exactly this text, compared after decoding.
    Literal(String),
    /// A parameter and `:verb`; both are non-empty, and the verb has no `:`.
    Verb {
        /// The parameter.
        name: String,
        /// What follows the colon.
        verb: String,
    },
    /// A parameter of digits without a leading zero.
    Int(String),
    /// A parameter of any text.
    Param(String),
    /// A parameter that takes all segments that are left, at least one.
    Tail(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A sentence for the person who wrote it: a template that no request can reach is refused.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(body) = text.strip_prefix('/') else {
            return Err(format!("path `{text}` does not start with `/`"));
        };
        if body.is_empty() {
            return Ok(Self { segments: Vec::new(), trailing_slash: false });
        }
        let (body, trailing_slash) = match body.strip_suffix('/') {
            Some(rest) => (rest, true),
            None => (body, false),
        };
        let segments: Vec<Segment> = body
            .split('/')
            .map(|segment| Segment::parse(segment).map_err(|why| format!("path `{text}`: {why}")))
            .collect::<Result<_, _>>()?;
        Self { segments, trailing_slash }.checked()
    }

    /// This template below `mount`, so `/models` below `/v1` is `/v1/models`.
    ///
    /// # Errors
    /// A sentence for the person who wrote the mount.
    pub fn under(&self, mount: &Self) -> Result<Self, String> {
        let segments = mount.segments.iter().chain(&self.segments).cloned().collect();
        let trailing_slash = self.trailing_slash && !self.segments.is_empty();
        Self { segments, trailing_slash }.checked()
    }

    /// The segments, in order; none for `/`.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether it was written with a slash at its end.
    pub(super) const fn trailing_slash(&self) -> bool {
        self.trailing_slash
    }

    /// Names of the parameters, in order.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(Segment::param)
    }

    /// Whether both match exactly the same paths.
    pub fn same_shape(&self, other: &Self) -> bool {
        self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(|(a, b)| a.same_shape(b))
    }

    fn checked(self) -> Result<Self, String> {
        if self.segments.len() > MAX_SEGMENTS {
            return Err(format!("path `{self}` has more than {MAX_SEGMENTS} segments"));
        }
        let last = self.segments.len().saturating_sub(1);
        let names: Vec<&str> = self.params().collect();
        for (n, name) in names.iter().enumerate() {
            if names.iter().take(n).any(|other| other == name) {
                return Err(format!("path `{self}` has the parameter `{name}` twice"));
            }
        }
        let early_tail = |(n, s): (usize, &Segment)| n < last && matches!(s, Segment::Tail(_));
        if self.segments.iter().enumerate().any(early_tail) {
            return Err(format!(
                "path `{self}` goes on after a `...` parameter, which takes the rest"
            ));
        }
        Ok(self)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            write!(f, "/{segment}")?;
        }
        if self.trailing_slash || self.segments.is_empty() { f.write_str("/") } else { Ok(()) }
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(inner) = text.strip_prefix('{') else {
            return Self::literal(text);
        };
        let Some((inner, suffix)) = inner.split_once('}') else {
            return Err(format!("`{text}` opens `{{` and does not close it"));
        };
        if !suffix.is_empty() {
            let verb =
                suffix.strip_prefix(':').filter(|v| !v.is_empty() && !v.contains([':', '{', '}']));
            let Some(verb) = verb else {
                return Err(format!(
                    "`{text}`: a parameter may be followed by `:` and one word only, as in `{{id}}:cancel`"
                ));
            };
            check_segment(verb).map_err(|reason| format!("`{text}`: {}", clause(reason)))?;
            return Ok(Self::Verb { name: param(inner, text)?, verb: verb.to_owned() });
        }
        if let Some(name) = inner.strip_suffix("...") {
            return param(name, text).map(Self::Tail);
        }
        match inner.split_once(':') {
            Some((name, "int")) => param(name, text).map(Self::Int),
            Some((_, kind)) => {
                Err(format!("`{text}`: unknown parameter type `{kind}`; the only one is `int`"))
            }
            None => param(inner, text).map(Self::Param),
        }
    }

    fn literal(text: &str) -> Result<Self, String> {
        if text.contains(['{', '}', '%', '?', '#']) || text.contains(char::is_whitespace) {
            return Err(format!(
                "`{text}` is not a segment; write literal text decoded, and a parameter as `{{name}}`"
            ));
        }
        match check_segment(text) {
            Ok(()) => Ok(Self::Literal(text.to_owned())),
            Err(reason) => Err(format!("no request reaches `{text}`: {}", clause(reason))),
        }
    }

    /// The parameter's name, unless it is a literal.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Verb { name, .. } | Self::Int(name) | Self::Param(name) | Self::Tail(name) => {
                Some(name)
            }
        }
    }

    fn same_shape(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => a == b,
            (Self::Verb { verb: a, .. }, Self::Verb { verb: b, .. }) => a == b,
            (Self::Int(_), Self::Int(_))
            | (Self::Param(_), Self::Param(_))
            | (Self::Tail(_), Self::Tail(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::Verb { name, verb } => write!(f, "{{{name}}}:{verb}"),
            Self::Int(name) => write!(f, "{{{name}:int}}"),
            Self::Param(name) => write!(f, "{{{name}}}"),
            Self::Tail(name) => write!(f, "{{{name}...}}"),
        }
    }
}

/// The reason's meaning as part of a sentence: `the path has a ...`.
fn clause(reason: Reason) -> String {
    let meaning = reason.meaning().trim().trim_end_matches('.');
    let mut chars = meaning.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

/// Whether a segment is what `{name:int}` takes: `^[1-9][0-9]*$`.
///
/// Python's `int()` also takes `07`, `+7`, `7 ` and `7.0`-like spellings, which would be as many
/// names for one row.
pub(super) fn is_int(segment: &str) -> bool {
    !segment.starts_with('0') && !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit())
}

/// Whether some server may read a segment as a number: digits of any script, maybe with a sign.
///
/// Starlette's `{id:int}` takes `07` and `0`, Werkzeug's also Arabic digits.
pub(super) fn like_int(segment: &str) -> bool {
    let digits = segment.strip_prefix(['+', '-']).unwrap_or(segment);
    !digits.is_empty() && digits.chars().all(char::is_numeric)
}

fn param(name: &str, segment: &str) -> Result<String, String> {
    let word = name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
    if !word || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("`{segment}`: `{name}` is not a parameter name"));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_written() {
        for text in [
            "/",
            "/teams/",
            "/models/{model}",
            "/teams/{team_id:int}",
            "/tasks/{id}:cancel",
            "/message:send",
            "/files/{path...}",
            "/{tenant}/tasks/{id}:subscribe",
            "/.well-known/agent-card.json",
            "/agents.AgentRpc/OpenChannel",
            "/caf\u{e9}",
        ] {
            assert_eq!(Template::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_no_request_reaches_is_refused() {
        for text in [
            "",
            "models",
            "//",
            "/a//b",
            "/./a",
            "/a/..",
            "/a;b",
            "/a%20b",
            "/a b",
            "/a?b",
            "/a\\b",
            "/{}",
            "/{id",
            "/id}",
            "/x{id}",
            "/{id}x",
            "/{id}:",
            "/{id}:a:b",
            "/{id:int}:cancel",
            "/{id:uuid}",
            "/{1d}",
            "/{a-b}",
            "/{a}/{a}",
            "/{path...}/x",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        assert!(Template::parse(&"/a".repeat(MAX_SEGMENTS)).is_ok());
        assert!(Template::parse(&"/a".repeat(MAX_SEGMENTS + 1)).is_err());
    }

    #[test]
    fn mounting_joins_and_checks_again() {
        let parse = |t| Template::parse(t).unwrap();
        let below = |t, m| parse(t).under(&parse(m)).map(|t: Template| t.to_string());
        assert_eq!(below("/models", "/v1"), Ok("/v1/models".to_owned()));
        assert_eq!(below("/teams/", "/api/"), Ok("/api/teams/".to_owned()));
        assert_eq!(below("/", "/mcp"), Ok("/mcp".to_owned()));
        assert_eq!(below("/a", "/"), Ok("/a".to_owned()));
        assert_eq!(below("/", "/"), Ok("/".to_owned()));
        assert!(below("/a", "/{rest...}").is_err());
        assert!(below("/{id}", "/{id}").is_err());
    }

    #[test]
    fn shape_ignores_parameter_names() {
        let parse = |t| Template::parse(t).unwrap();
        assert!(parse("/a/{x}/{y:int}").same_shape(&parse("/a/{u}/{v:int}/")));
        assert!(!parse("/a/{x}").same_shape(&parse("/a/{x:int}")));
        assert!(!parse("/{x}:a").same_shape(&parse("/{x}:b")));
        assert!(!parse("/a").same_shape(&parse("/a/b")));
    }

    #[test]
    fn ints_have_one_spelling() {
        for good in ["1", "10", "9007199254740993"] {
            assert!(is_int(good), "{good}");
        }
        for bad in ["", "0", "01", "+1", "-1", " 1", "1 ", "1.0", "1_0", "1e3", "\u{661}"] {
            assert!(!is_int(bad), "{bad}");
        }
    }
}
