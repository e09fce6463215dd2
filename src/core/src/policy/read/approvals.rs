//! `approvals`: the operations that a second person has to approve.

use super::super::{Approval, ApprovalService};
use super::catalogue::Catalogue;
use super::codes;
use super::fields::Field;
use super::fields::Object;
use super::select::{ids, select};
use super::{identity, kinds, scope};
use crate::diag::Diagnostics;
use crate::identity::{Algorithm, KeySet};
use crate::limits;
use crate::operation::Tier;

const MINUTE_MS: u64 = 60 * 1000;
/// Longest time a request may be held, in milliseconds; clients and proxies give up before that.
const MAX_HOLD_MS: u64 = 15 * MINUTE_MS;
/// Longest time an approval stays usable, in milliseconds.
const MAX_TTL_MS: u64 = 24 * 60 * MINUTE_MS;
const DEFAULT_HOLD_MS: u64 = 30 * 1000;
const DEFAULT_TTL_MS: u64 = 10 * MINUTE_MS;
const MAX_APPROVERS: i64 = limits::MAX_APPROVERS as i64;
const DEFAULT_TIMEOUT_MS: u64 = 2 * 1000;
/// Most requests that a policy may ask to hold at a time.
const MAX_HOLDS: i64 = 1_000_000;
/// What the URL of an approval service looks like.
const SERVICE_URL: &str = "http://approvals.internal/v1/approvals";

/// Reads `approvals` into the catalogue's operations; returns the service that is asked.
pub(super) fn read(
    policy: &Object<'_>,
    catalogue: &mut Catalogue,
    out: &mut Diagnostics,
) -> Option<ApprovalService> {
    let object = policy.get("approvals").and_then(|f| f.object(&kinds::APPROVALS, out))?;
    for field in object.need("require", out).map(|f| f.some_list(out)).unwrap_or_default() {
        requirement(&field, catalogue, out);
    }
    service(&object, out)
}

/// The service; all of it or nothing.
fn service(object: &Object<'_>, out: &mut Diagnostics) -> Option<ApprovalService> {
    let parts = ["cluster", "url", "timeout", "verdict_keys", "holds"];
    if parts.into_iter().all(|part| object.get(part).is_none()) {
        return None;
    }
    let cluster = object.need("cluster", out).and_then(|f| f.text(out));
    let url = object
        .need("url", out)
        .and_then(|f| identity::split_url(&f, "an approval service", SERVICE_URL, out));
    let keys = object.need("verdict_keys", out).and_then(|f| verdict_keys(&f, out));
    let timeout =
        object.get("timeout").map_or(Some(DEFAULT_TIMEOUT_MS), |f| f.duration(100, MINUTE_MS, out));
    let holds = object.get("holds").and_then(|f| f.object(&kinds::HOLDS, out));
    let cap = |name, default: usize, out: &mut Diagnostics| {
        let cap =
            holds.as_ref().and_then(|h| h.get(name)).and_then(|f| f.integer(1, MAX_HOLDS, out));
        cap.and_then(|n| usize::try_from(n).ok()).unwrap_or(default)
    };
    let holds_per_caller = cap("per_caller", limits::DEFAULT_HOLDS_PER_CALLER, out);
    let holds = cap("total", limits::DEFAULT_HOLDS, out);
    let (scheme, authority, path) = url?;
    Some(ApprovalService {
        cluster: cluster?.to_owned(),
        scheme: scheme.to_owned(),
        authority: authority.to_owned(),
        path: path.to_owned(),
        timeout_ms: timeout?,
        verdict_keys: keys?,
        holds_per_caller,
        holds,
    })
}

/// Keys that are not Ed25519's could never verify a verdict.
fn verdict_keys(field: &Field<'_>, out: &mut Diagnostics) -> Option<KeySet> {
    let object = field.object(&kinds::VERDICT_KEYS, out)?;
    let inline = object.need("inline", out)?;
    let set = identity::inline_keys(&inline, out)?;
    let ed25519 = set.keys().iter().any(|key| key.algorithms().contains(Algorithm::EdDsa));
    if !set.is_empty() && !ed25519 {
        out.error(codes::NO_USABLE_KEY, inline.path(), "no key of this set is an Ed25519 key")
            .help("verdicts are signed with Ed25519: `{kty: OKP, crv: Ed25519, kid: ..., x: ...}`");
    }
    Some(set)
}

fn requirement(field: &Field<'_>, catalogue: &mut Catalogue, out: &mut Diagnostics) {
    let Some(object) = field.object(&kinds::REQUIREMENT, out) else { return };
    let tiers = object.get("tier").map(|f| tiers(&f, out));
    let on = object.get("operation").map(|f| select(&f, None, catalogue, out));
    if tiers.is_none() && on.is_none() {
        out.error(codes::MISSING_KEY, field.path(), "neither `tier` nor `operation`")
            .help("say which operations need approval, such as `tier: [admin, destroy]`");
    }
    let approval = approval(&object, out);
    if tiers.is_none() && on.is_none() {
        return;
    }
    let selected: Vec<usize> = ids(catalogue, |draft| {
        tiers.as_ref().is_none_or(|tiers| tiers.contains(&draft.operation.tier))
    })
    .filter(|id| {
        on.as_ref().is_none_or(|on| on.iter().any(|o| catalogue.family(*o).any(|f| f == *id)))
    })
    .collect();
    if selected.is_empty() && on.as_ref().is_none_or(|on| !on.is_empty()) {
        out.warning(
            codes::UNREACHABLE,
            field.path(),
            "no operation of this policy needs this approval",
        )
        .help("operations and their tiers are listed by `scopewarden ops`");
    }
    let Some(approval) = approval else { return };
    for id in selected {
        let Some(draft) = catalogue.operations.get_mut(id) else { continue };
        match &draft.operation.approval {
            Some(other) if other.approvers > approval.approvers => {}
            Some(other) if other.approvers == approval.approvers && *other != approval => {
                let operation = &draft.operation.id;
                out.error(
                    codes::CONFLICT,
                    field.path(),
                    format!("`{operation}` needs another approval of {} already", approvers(other.approvers)),
                )
                .help("of several approvals the one with most approvers counts; make these two equal, or merge them");
                return;
            }
            _ => draft.operation.approval = Some(approval.clone()),
        }
    }
}

fn approvers(count: u32) -> String {
    if count == 1 { "one approver".to_owned() } else { format!("{count} approvers") }
}

fn tiers(field: &Field<'_>, out: &mut Diagnostics) -> Vec<Tier> {
    let known: Vec<(&str, Tier)> = Tier::ALL.into_iter().map(|t| (t.as_str(), t)).collect();
    field.some_list(out).iter().filter_map(|item| item.choice(&known, out)).collect()
}

fn approval(object: &Object<'_>, out: &mut Diagnostics) -> Option<Approval> {
    let approvers = object.get("approvers").map_or(Some(1), |f| f.integer(1, MAX_APPROVERS, out));
    let scope = object.need("scope", out).and_then(|f| scope::read(&f, out));
    let hold =
        object.get("hold").map_or(Some(DEFAULT_HOLD_MS), |f| f.duration(0, MAX_HOLD_MS, out));
    let ttl =
        object.get("ttl").map_or(Some(DEFAULT_TTL_MS), |f| f.duration(MINUTE_MS, MAX_TTL_MS, out));
    Some(Approval {
        approvers: u32::try_from(approvers?).ok()?,
        scope: scope?.to_owned(),
        hold_ms: hold?,
        ttl_ms: ttl?,
    })
}
