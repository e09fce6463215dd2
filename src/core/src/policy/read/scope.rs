//! Scope names.

use super::codes;
use super::fields::Field;
use crate::diag::Diagnostics;

/// A scope token of RFC 6749 section 3.3, without `*`: a scope is compared whole, so a wildcard in
/// one would be a name that nobody holds.
pub(super) fn read<'n>(field: &Field<'n>, out: &mut Diagnostics) -> Option<&'n str> {
    let text = field.text(out)?;
    if check(field, text, out) { Some(text) } else { None }
}

/// Whether `text`, which stands at `field`, is a scope.
pub(super) fn check(field: &Field<'_>, text: &str, out: &mut Diagnostics) -> bool {
    if text.contains('*') {
        out.error(codes::INVALID_SCOPE, field.path(), format!("the scope `{text}` has a `*`"))
            .help("scopes are compared whole; list each one");
        return false;
    }
    let token =
        !text.is_empty() && text.bytes().all(|b| matches!(b, b'!' | b'#'..=b'[' | b']'..=b'~'));
    if !token {
        let finding =
            out.error(codes::INVALID_SCOPE, field.path(), format!("`{text}` is not one scope"));
        if text.contains(' ') {
            finding.help("a blank separates scopes; write them as a list");
        } else {
            finding.help("a scope is visible ASCII without `\"` and `\\`");
        }
    }
    token
}
