//! `approvals`: the operations that a second person has to approve.

use super::super::Approval;
use super::catalogue::Catalogue;
use super::codes;
use super::fields::Field;
use super::fields::Object;
use super::select::{ids, select};
use super::{kinds, scope};
use crate::diag::Diagnostics;
use crate::operation::Tier;

const MINUTE_MS: u64 = 60 * 1000;
/// Longest time a request may be held, in milliseconds; clients and proxies give up before that.
const MAX_HOLD_MS: u64 = 15 * MINUTE_MS;
/// Longest time an approval stays usable, in milliseconds.
const MAX_TTL_MS: u64 = 24 * 60 * MINUTE_MS;
const DEFAULT_HOLD_MS: u64 = 30 * 1000;
const DEFAULT_TTL_MS: u64 = 10 * MINUTE_MS;
/// Most approvers one operation may ask for.
const MAX_APPROVERS: i64 = 10;

/// Reads `approvals` into the catalogue's operations.
pub(super) fn read(policy: &Object<'_>, catalogue: &mut Catalogue, out: &mut Diagnostics) {
    let Some(object) = policy.get("approvals").and_then(|f| f.object(&kinds::APPROVALS, out))
    else {
        return;
    };
    for field in object.need("require", out).map(|f| f.some_list(out)).unwrap_or_default() {
        requirement(&field, catalogue, out);
    }
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
