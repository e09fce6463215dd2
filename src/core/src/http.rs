//! A request head as bytes. Nothing is text until a parser has said so.

/// Headers that do not go on to the upstream: those that make some servers read another method or
/// path than the one that was judged, and the gateway's own.
pub const NEVER_FORWARDED: [&str; 10] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-forwarded-uri",
    "x-forwarded-prefix",
    "x-scopewarden-decision",
    crate::approval::SET_HEADER,
];

/// Header fields in wire order, names in lower case, values as bytes.
///
/// One buffer and ranges into it, so that taking a host's header map costs two allocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    /// The [`mark`]s of all names.
    marks: u64,
}

/// One bit for a name. A request is searched for a dozen names, and has few of them: most are ruled out by one look.
fn mark(name: &[u8]) -> u64 {
    let first = name.first().map_or(0, |byte| usize::from(*byte));
    1 << (first.wrapping_add(name.len()) & 63)
}

/// A field in the buffer: its value follows its name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    start: usize,
    name: usize,
    value: usize,
}

impl Headers {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one field; the name is lower-cased.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        if let Some(name) = self.bytes.get_mut(start..) {
            name.make_ascii_lowercase();
            self.marks |= mark(name);
        }
        self.bytes.extend_from_slice(value);
        self.fields.push(Field { start, name: name.len(), value: value.len() });
    }

    /// Makes room for so many fields, of so many bytes in all.
    fn reserve(&mut self, fields: usize, bytes: usize) {
        self.fields.reserve(fields);
        self.bytes.reserve(bytes);
    }

    /// All fields, in wire order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| self.split(field))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Every value of `name` (lower case), in wire order.
    pub fn all<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        let mut from = Some(0);
        std::iter::from_fn(move || {
            let found = self.find(name, from?);
            from = found.map(|(at, _)| at.saturating_add(1));
            found.map(|(_, value)| value)
        })
    }

    /// The value of `name` (lower case) when it appears at most once.
    ///
    /// # Errors
    /// [`Repeated`] when it appears more than once: the proxy, this filter and the upstream
    /// could each take a different one.
    pub fn one(&self, name: &str) -> Result<Option<&[u8]>, Repeated> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            Some(_) => Err(Repeated),
            None => Ok(first),
        }
    }

    /// Whether `name` (lower case) appears.
    pub fn has(&self, name: &str) -> bool {
        self.find(name, 0).is_some()
    }

    /// The first field of that name at or after the place `from`, and its value.
    fn find(&self, name: &str, from: usize) -> Option<(usize, &[u8])> {
        if self.marks & mark(name.as_bytes()) == 0 {
            return None;
        }
        let mut at = from;
        for field in self.fields.get(from..)? {
            if field.name == name.len() {
                let (found, value) = self.split(field);
                if found == name.as_bytes() {
                    return Some((at, value));
                }
            }
            at = at.saturating_add(1);
        }
        None
    }

    /// Name and value of a field.
    fn split(&self, field: &Field) -> (&[u8], &[u8]) {
        let rest = self.bytes.get(field.start..).unwrap_or_default();
        let (name, rest) = rest.split_at_checked(field.name).unwrap_or_default();
        (name, rest.get(..field.value).unwrap_or_default())
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut headers = Self::new();
        for (name, value) in fields {
            headers.push(name.as_ref(), value.as_ref());
        }
        headers
    }
}

/// A header field that must be unique appears more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeated;

/// The head of a request, as the proxy hands it on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// `:method`.
    pub method: Vec<u8>,
    /// `:scheme`; empty when the host has none.
    pub scheme: Vec<u8>,
    /// `:authority`.
    pub authority: Vec<u8>,
    /// `:path`: path and query, exactly as they will be forwarded.
    pub target: Vec<u8>,
    /// All other fields.
    pub headers: Headers,
}

impl RequestHead {
    /// Splits pseudo-headers from fields. A pseudo-header that appears twice keeps its first value;
    /// HTTP/2 codecs refuse that before a filter runs.
    pub fn from_fields(fields: &[(&[u8], &[u8])]) -> Self {
        let mut head = Self::default();
        let bytes = fields.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        head.headers.reserve(fields.len(), bytes.fold(0, usize::saturating_add));
        for &(name, value) in fields {
            if !name.starts_with(b":") {
                head.headers.push(name, value);
                continue;
            }
            let slot = match name {
                b":method" => &mut head.method,
                b":scheme" => &mut head.scheme,
                b":authority" => &mut head.authority,
                b":path" => &mut head.target,
                _ => continue,
            };
            if slot.is_empty() {
                slot.extend_from_slice(value);
            }
        }
        head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refuses_a_repeated_field() {
        let headers: Headers = [("A", "1"), ("b", "2"), ("a", "3")].into_iter().collect();
        assert_eq!(headers.one("a"), Err(Repeated));
        assert_eq!(headers.one("b"), Ok(Some(&b"2"[..])));
        assert_eq!(headers.one("c"), Ok(None));
    }

    #[test]
    fn every_name_is_found_and_no_other() {
        let names: Vec<String> =
            (0_u8..=200).map(|n| format!("{:x}-{n}", n.reverse_bits())).collect();
        for few in names.chunks(7) {
            let headers: Headers = few.iter().map(|name| (name.to_uppercase(), name)).collect();
            for name in &names {
                assert_eq!(headers.has(name), few.contains(name), "{name} in {few:?}");
            }
            assert!(!headers.has(""));
        }
        assert!([("", "")].into_iter().collect::<Headers>().has(""));
    }

    #[test]
    fn pseudo_headers_are_split() {
        let head = RequestHead::from_fields(&[
            (&b":method"[..], &b"GET"[..]),
            (b":path", b"/v1/models?x=1"),
            (b"authorization", b"Bearer \xff"),
        ]);
        assert_eq!(head.method, b"GET");
        assert_eq!(head.target, b"/v1/models?x=1");
        assert_eq!(head.headers.one("authorization"), Ok(Some(&b"Bearer \xff"[..])));
    }
}
