//! `roles`: what a group of the identity provider may do.

use std::collections::{BTreeMap, BTreeSet};

use super::codes;
use super::fields::{Field, Object};
use super::identity::Sources;
use super::kinds;
use super::scope;
use crate::diag::Diagnostics;

/// Group to scopes.
type GroupScopes = BTreeMap<String, BTreeSet<String>>;

/// Reads `roles`, and tells `scopes` which scopes they grant, and where.
pub(super) fn read<'n>(
    policy: &Object<'n>,
    sources: &Sources,
    granted: &mut Vec<(&'n str, Field<'n>)>,
    out: &mut Diagnostics,
) -> GroupScopes {
    let mut groups = GroupScopes::new();
    for (_, field) in policy.get("roles").map(|f| f.map(out)).unwrap_or_default() {
        let Some(role) = field.object(&kinds::ROLE, out) else { continue };
        let members =
            role.need("groups", out).map(|f| group_names(&f, sources, out)).unwrap_or_default();
        let mut scopes = BTreeSet::new();
        for item in role.need("scopes", out).map(|f| f.some_list(out)).unwrap_or_default() {
            if let Some(scope) = scope::read(&item, out) {
                scopes.insert(scope.to_owned());
                granted.push((scope, item));
            }
        }
        for group in members {
            groups.entry(group.to_owned()).or_default().extend(scopes.iter().cloned());
        }
    }
    groups
}

/// Groups that some identity source can have. The groups of a client certificate are its SPIFFE ID.
fn group_names<'n>(field: &Field<'n>, sources: &Sources, out: &mut Diagnostics) -> Vec<&'n str> {
    let mut names = Vec::new();
    for item in field.some_list(out) {
        let Some(name) = item.text(out) else { continue };
        item.refuse_twice(name, &names, out);
        names.push(name);
        match name.strip_prefix("spiffe://") {
            Some(id) => {
                let domain = id.split('/').next().unwrap_or_default();
                if !sources.groups && !sources.trust_domains.iter().any(|known| known == domain) {
                    out.error(
                        codes::ROLE_UNUSABLE,
                        item.path(),
                        format!(
                            "nobody has the SPIFFE ID `{name}`: its trust domain is not accepted"
                        ),
                    )
                    .help(format!("add `{domain}` to `identity.mtls.trust_domains`"));
                }
            }
            None if !sources.groups => {
                out.error(
                    codes::ROLE_UNUSABLE,
                    item.path(),
                    format!("nobody is in the group `{name}`: no identity source reads groups"),
                )
                .help("set `groups_claim` for an issuer, such as `groups_claim: groups`");
            }
            None => {}
        }
    }
    names
}
