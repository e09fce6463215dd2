//! Every kind of object in a policy, and the names of its members. The JSON Schema says the same; a
//! test compares the two.

use super::fields::Kind;

macro_rules! kinds {
    ($( $const:ident = $name:literal, $what:literal, [$($key:literal),+ $(,)?]; )+) => {
        $( pub(super) const $const: Kind = Kind { what: $what, keys: &[$($key),+] }; )+

        /// Every kind, with its definition's name in the JSON Schema.
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &Kind)] = &[$(($name, &$const)),+];
    };
}

kinds! {
    POLICY = "policy", "the policy", [
        "policy", "mode", "identity", "roles", "surfaces", "operations", "rules", "approvals", "redact", "audit",
        "limits", "forward",
    ];
    IDENTITY = "identity", "`identity`", ["issuers", "clock_skew", "jwt_authn", "mtls"];
    ISSUER = "issuer", "an issuer", [
        "issuer", "audiences", "jwks", "scope_claim", "groups_claim", "algorithms", "types", "max_lifetime",
    ];
    JWKS = "jwks", "`jwks`", ["inline", "cluster", "url", "refresh", "timeout"];
    JWT_AUTHN = "jwt_authn", "`jwt_authn`", [
        "payload_in_metadata", "issuers", "scope_claim", "groups_claim",
    ];
    MTLS = "mtls", "`mtls`", ["trust_domains"];
    ROLE = "role", "a role", ["groups", "scopes"];
    SURFACE = "surface", "a surface", ["use", "mount", "server", "scope_prefix", "bind", "challenge"];
    OPERATION = "operation", "an operation", [
        "id", "method", "path", "scope", "public", "tier", "body",
        "agent", "arguments", "endpoint", "model", "prompt", "server", "stream", "task", "tool", "tool_type", "uri",
    ];
    RULE = "rule", "a rule", [
        "id", "operation", "server", "scope", "require", "models", "tools", "arguments", "bind", "headers", "query", "body",
        "mode",
    ];
    APPROVALS = "approvals", "`approvals`", [
        "cluster", "url", "timeout", "verdict_keys", "holds", "require",
    ];
    VERDICT_KEYS = "verdict_keys", "`verdict_keys`", ["inline"];
    HOLDS = "holds", "`holds`", ["per_caller", "total"];
    REQUIREMENT = "requirement", "an approval requirement", [
        "tier", "operation", "approvers", "scope", "hold", "ttl",
    ];
    REDACT = "redact", "`redact`", [
        "on", "detectors", "patterns", "fields", "actions", "hash_key", "on_uncertain",
    ];
    DETECTOR = "detector", "a detector", ["use", "visible_to"];
    PATTERN = "pattern", "a pattern", ["name", "pattern", "visible_to"];
    FIELD = "field", "a field", ["path", "visible_to"];
    ACTION = "action", "an action", ["partial"];
    AUDIT = "audit", "`audit`", [
        "cluster", "url", "timeout", "token", "payload", "payload_bytes", "on_unavailable", "spool",
    ];
    LIMITS = "limits", "`limits`", ["body"];
    FORWARD = "forward", "`forward`", ["authorization"];
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::operation::FactName;

    #[test]
    fn names_are_unique() {
        let kinds: BTreeSet<&str> = ALL.iter().map(|(name, _)| *name).collect();
        assert_eq!(kinds.len(), ALL.len());
        for (name, kind) in ALL {
            let keys: BTreeSet<&str> = kind.keys.iter().copied().collect();
            assert_eq!(keys.len(), kind.keys.len(), "{name}");
        }
    }

    #[test]
    fn an_operation_can_name_every_fact() {
        let facts: Vec<&str> = FactName::ALL.iter().map(|f| f.as_str()).collect();
        assert_eq!(&OPERATION.keys[7..], facts);
    }
}
