//! Parameters that are bound to claims: `{user_id: claims.email}`.

use std::collections::BTreeMap;

use super::codes;
use super::fields::Field;
use super::identity::Sources;
use crate::diag::Diagnostics;
use crate::identity::ClaimName;

/// The claims that bindings read, besides the subject.
#[derive(Debug, Default)]
pub(super) struct Claims(BTreeMap<String, ClaimName>);

impl Claims {
    /// Reads a `bind` object into parameter and claim.
    pub fn bindings(
        &mut self,
        field: &Field<'_>,
        sources: &Sources,
        out: &mut Diagnostics,
    ) -> Vec<(String, String)> {
        let mut bindings = Vec::new();
        for (parameter, value) in field.map(out) {
            let plain = parameter.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
            if !plain || parameter.is_empty() {
                out.error(
                    codes::INVALID_VALUE,
                    value.path(),
                    format!("`{parameter}` is not a parameter's name"),
                )
                .help("a name has ASCII letters, digits, `_`, `-` and `.`");
            }
            if let Some(claim) = self.claim(&value, sources, out)
                && plain
            {
                bindings.push((parameter.to_owned(), claim));
            }
        }
        bindings
    }

    /// All claims, for the identity layer to extract.
    pub fn names(&self) -> Vec<ClaimName> {
        self.0.values().cloned().collect()
    }

    /// `sub`, or what follows `claims.`.
    fn claim(
        &mut self,
        field: &Field<'_>,
        sources: &Sources,
        out: &mut Diagnostics,
    ) -> Option<String> {
        let text = field.text(out)?;
        let name = text.strip_prefix("claims.").unwrap_or_default();
        if text == "sub" || name == "sub" {
            return Some("sub".to_owned());
        }
        if name.is_empty() {
            out.error(codes::UNKNOWN_CLAIM, field.path(), format!("`{text}` is not a claim")).help(
                format!(
                    "write `sub`, or `claims.` and the claim's name, such as `claims.{}`",
                    text.trim_end_matches('.')
                ),
            );
            return None;
        }
        let claim = match ClaimName::parse(name) {
            Ok(claim) => claim,
            Err(message) => {
                out.error(codes::UNKNOWN_CLAIM, field.path(), message);
                return None;
            }
        };
        if sources.any && !sources.tokens {
            out.error(
                codes::UNKNOWN_CLAIM,
                field.path(),
                format!("no caller has the claim `{name}`: a client certificate has no claims"),
            )
            .help("use `sub`, which is the SPIFFE ID, or accept tokens with `identity.issuers`");
            return None;
        }
        self.0.insert(name.to_owned(), claim);
        Some(name.to_owned())
    }
}
