//! Who may send records.

use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::settings::{Sender, os_reason};

/// Shortest token: what can be guessed is none.
const SHORTEST: usize = 20;
/// Longest, in bytes.
const LONGEST: usize = 1024;

/// A sender's token, of which only the digest is kept.
#[derive(Clone, Debug)]
pub struct Token {
    name: String,
    digest: [u8; 32],
}

impl Token {
    /// Reads the sender's file.
    ///
    /// # Errors
    /// Which file, and what is wrong with it.
    pub fn open(sender: &Sender) -> Result<Self, String> {
        let file = sender.file.display();
        let text = std::fs::read_to_string(&sender.file)
            .map_err(|e| format!("cannot read `{file}`: {}", os_reason(&e)))?;
        let token = text.trim_ascii();
        let visible = token.bytes().all(|b| b.is_ascii_graphic());
        if !visible || !(SHORTEST..=LONGEST).contains(&token.len()) {
            return Err(format!(
                "`{file}` has no token: {SHORTEST} to {LONGEST} visible ASCII characters on one line"
            ));
        }
        Ok(Self { name: sender.name.clone(), digest: Sha256::digest(token).into() })
    }
}

/// The name of the sender whose token the request has; all are compared, in the same time.
pub(super) fn sender<'a>(tokens: &'a [Token], headers: &HeaderMap) -> Option<&'a str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let digest: [u8; 32] = Sha256::digest(token.trim_ascii()).into();
    let mut found = None;
    for known in tokens {
        if bool::from(known.digest.ct_eq(&digest)) {
            found = Some(&*known.name);
        }
    }
    found
}
