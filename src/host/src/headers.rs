//! Header maps and their form on the ABI: exact bytes, never text.

use crate::abi::Status;
use std::fmt;

/// The most fields a guest may put into one map. Envoy's default for messages is 100.
pub(crate) const MAX_FIELDS: usize = 10_000;

/// Header fields in order; names in lower case, values as the bytes they are.
///
/// A name may appear more than once. [`get`](Self::get) answers with the first, as Envoy does.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderMap {
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl HeaderMap {
    /// An empty map.
    pub const fn new() -> Self {
        Self { fields: Vec::new() }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|(n, v)| (n.as_slice(), v.as_slice()))
    }

    /// The first value of `name`.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// Every value of `name`, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| v)
    }

    /// Appends a field; others of that name stay.
    pub fn add(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.fields.push((name.as_ref().to_ascii_lowercase(), value.as_ref().to_vec()));
    }

    /// Puts one field in the place of all fields of that name, or appends it.
    pub fn set(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let name = name.as_ref().to_ascii_lowercase();
        let mut value = Some(value.as_ref().to_vec());
        self.fields.retain_mut(|(n, v)| {
            if *n != name {
                return true;
            }
            value.take().map(|value| *v = value).is_some()
        });
        if let Some(value) = value {
            self.fields.push((name, value));
        }
    }

    /// Removes every field of that name.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) {
        let name = name.as_ref();
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// Size of names and values, in bytes.
    pub fn byte_size(&self) -> usize {
        self.fields
            .iter()
            .fold(0, |sum: usize, (n, v)| sum.saturating_add(n.len()).saturating_add(v.len()))
    }

    /// The ABI's form: the count, the two lengths of each field, then each name and value ended by
    /// a NUL byte; integers are 32 bits, little-endian.
    ///
    /// # Errors
    /// [`Status::SerializationFailure`] when a length does not fit 32 bits.
    pub fn encode(&self) -> Result<Vec<u8>, Status> {
        let length =
            |n: usize| u32::try_from(n).map(u32::to_le_bytes).or(Err(Status::SerializationFailure));
        let mut out = Vec::with_capacity(
            self.byte_size().saturating_add(self.fields.len().saturating_mul(10)).saturating_add(4),
        );
        out.extend(length(self.fields.len())?);
        for (name, value) in &self.fields {
            out.extend(length(name.len())?);
            out.extend(length(value.len())?);
        }
        for (name, value) in &self.fields {
            out.extend_from_slice(name);
            out.push(0);
            out.extend_from_slice(value);
            out.push(0);
        }
        Ok(out)
    }

    /// Reads the ABI's form; no bytes at all mean an empty map. Names become lower case.
    ///
    /// # Errors
    /// [`Status::BadArgument`] when a length leads outside of `bytes`, a terminating NUL is
    /// missing, bytes are left over, or there are more than 10,000 fields.
    pub fn decode(bytes: &[u8]) -> Result<Self, Status> {
        Self::read(bytes).ok_or(Status::BadArgument)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::new());
        }
        let (count, rest) = take_u32(bytes)?;
        if count > MAX_FIELDS {
            return None;
        }
        let (mut lengths, mut data) = rest.split_at_checked(count.checked_mul(8)?)?;
        let mut map = Self::new();
        while !lengths.is_empty() {
            let (name_len, rest) = take_u32(lengths)?;
            let (value_len, rest) = take_u32(rest)?;
            lengths = rest;
            let (name, rest) = take_terminated(data, name_len)?;
            let (value, rest) = take_terminated(rest, value_len)?;
            data = rest;
            map.add(name, value);
        }
        data.is_empty().then_some(map)
    }
}

impl fmt::Debug for HeaderMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(n, v)| (Text(n), Text(v)))).finish()
    }
}

/// Bytes that are mostly text, for people.
pub(crate) struct Text<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

fn take_u32(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*head)).ok()?, rest))
}

fn take_terminated(bytes: &[u8], len: usize) -> Option<(&[u8], &[u8])> {
    let (value, rest) = bytes.split_at_checked(len)?;
    let (end, rest) = rest.split_first()?;
    (*end == 0).then_some((value, rest))
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for HeaderMap {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut map = Self::new();
        for (name, value) in fields {
            map.add(name, value);
        }
        map
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>, const COUNT: usize> From<[(N, V); COUNT]> for HeaderMap {
    fn from(fields: [(N, V); COUNT]) -> Self {
        fields.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_form_is_the_abis() {
        let map = HeaderMap::from([("A", "xy"), ("b", "")]);
        let wire = b"\x02\0\0\0\x01\0\0\0\x02\0\0\0\x01\0\0\0\0\0\0\0a\0xy\0b\0\0";
        assert_eq!(map.encode().unwrap(), wire);
        assert_eq!(HeaderMap::decode(wire), Ok(map));
        assert_eq!(HeaderMap::decode(b""), Ok(HeaderMap::new()));
        assert_eq!(HeaderMap::decode(&[0; 4]), Ok(HeaderMap::new()));
    }

    #[test]
    fn every_byte_survives() {
        let all: Vec<u8> = (0..=255).collect();
        let map = HeaderMap::from([("x", &all)]);
        assert_eq!(HeaderMap::decode(&map.encode().unwrap()), Ok(map));
    }

    #[test]
    fn a_malformed_map_is_refused() {
        let good = HeaderMap::from([("name", "value")]).encode().unwrap();
        for cut in 1..good.len() {
            assert_eq!(HeaderMap::decode(&good[..cut]), Err(Status::BadArgument), "cut at {cut}");
        }
        let mut long = good.clone();
        long.push(0);
        assert_eq!(HeaderMap::decode(&long), Err(Status::BadArgument));
        for at in 0..4 {
            let mut wrong = good.clone();
            wrong[at] = 0xff;
            assert_eq!(HeaderMap::decode(&wrong), Err(Status::BadArgument));
        }
    }

    #[test]
    fn set_leaves_one_field_in_place_and_remove_takes_all() {
        let mut map = HeaderMap::from([("a", "1"), ("b", "2"), ("A", "3")]);
        assert_eq!(map.all("a").count(), 2);
        map.set("A", "9");
        assert_eq!(map, HeaderMap::from([("a", "9"), ("b", "2")]));
        map.set("c", "4");
        map.remove("B");
        assert_eq!(map, HeaderMap::from([("a", "9"), ("c", "4")]));
        assert_eq!(map.byte_size(), 4);
        assert_eq!(format!("{map:?}"), r#"{"a": "9", "c": "4"}"#);
    }
}
