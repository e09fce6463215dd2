//! The bearer token of a request (RFC 6750 section 2.1).

use crate::http::{Headers, Repeated};
use crate::reason::Reason;

/// The one bearer credential of the one `Authorization` field. Whether it is a token, [`is_token68`] says.
///
/// # Errors
/// [`Reason::TokenMissing`], [`Reason::AuthorizationAmbiguous`].
pub fn bearer(headers: &Headers) -> Result<&[u8], Reason> {
    let value = match headers.one("authorization") {
        Ok(None) => return Err(Reason::TokenMissing),
        Ok(Some(value)) => value,
        Err(Repeated) => return Err(Reason::AuthorizationAmbiguous),
    };
    match value.split_at_checked("bearer ".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => Ok(token),
        _ => Err(Reason::AuthorizationAmbiguous),
    }
}

/// `b64token`: letters, digits, `-._~+/`, then any number of `=`.
///
/// A proxy joins repeated fields with a comma and unfolds lines with a space, so a second
/// credential can hide behind either; a token has neither.
pub fn is_token68(token: &[u8]) -> bool {
    let unpadded = token.iter().rposition(|b| *b != b'=').and_then(|last| token.get(..=last));
    unpadded.is_some_and(|t| t.iter().all(|b| is_token_byte(*b)))
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]]) -> Result<Vec<u8>, Reason> {
        let headers: Headers = values.iter().map(|v| (&b"Authorization"[..], *v)).collect();
        let token = bearer(&headers)?;
        is_token68(token).then(|| token.to_vec()).ok_or(Reason::AuthorizationAmbiguous)
    }

    #[test]
    fn h1_one_field_one_scheme_one_token() {
        assert_eq!(read(&[b"Bearer a.b-c_d"]), Ok(b"a.b-c_d".to_vec()));
        assert_eq!(read(&[b"bEARER x=="]), Ok(b"x==".to_vec()));
        assert_eq!(read(&[]), Err(Reason::TokenMissing));
        for value in [
            &b""[..],
            b"Bearer",
            b"Bearer ",
            b"Bearer  a",
            b" Bearer a",
            b"Bearer a ",
            b"Bearer A,Bearer B",
            b"Bearer A, Bearer B",
            b"Bearer A B",
            b"Bearer\ta",
            b"Bearer a\tb",
            b"Bearer \xff",
            b"Bearer a=b",
            b"Bearer ==",
            b"Basic YTpi",
            b"a.b.c",
        ] {
            assert_eq!(read(&[value]), Err(Reason::AuthorizationAmbiguous), "{value:?}");
        }
        assert_eq!(read(&[b"Bearer a", b"Bearer a"]), Err(Reason::AuthorizationAmbiguous));
    }
}
