//! `scopewarden approvals list`.

use serde_json::Value;

use super::table::{left, what, who};
use crate::client::{Answer, Client};
use crate::clock::Instant;
use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::table::{self, text};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What waits, or what was decided
    #[arg(long, value_enum, default_value_t)]
    status: Which,
    /// Most entries
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Go on after this one, the last of the page before
    #[arg(long, value_name = "ID")]
    before: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Which {
    #[default]
    Pending,
    Decided,
}

pub(super) async fn run(
    args: &Args,
    client: &Client,
    json: bool,
    io: &mut Io<'_>,
) -> Result<Exit, Failure> {
    let limit = args.limit.to_string();
    let status = match args.status {
        Which::Pending => "pending",
        Which::Decided => "decided",
    };
    let mut query = vec![("status", status), ("limit", &limit)];
    query.extend(args.before.as_deref().map(|id| ("before", id)));
    let page = match client.get(&["v1", "approvals"], &query).await? {
        Answer::Done(page) => page,
        Answer::Refused(why) => return Err(Failure::new(why)),
    };
    if json {
        writeln!(io.out, "{page:#}")?;
        return Ok(Exit::Success);
    }
    let approvals = page.get("approvals").and_then(Value::as_array).map_or(&[][..], |a| a);
    if approvals.is_empty() {
        writeln!(io.out, "nothing {}", if status == "pending" { "waits" } else { "was decided" })?;
        return Ok(Exit::Success);
    }
    table::write(io.out, &rows(args.status, approvals))?;
    let next = text(&page, "/next");
    if !next.is_empty() {
        writeln!(io.err, "\nthere is more: --before {next}")?;
    }
    Ok(Exit::Success)
}

fn rows(which: Which, approvals: &[Value]) -> Vec<Vec<String>> {
    let heads = match which {
        Which::Pending => ["ID", "LEFT", "MISSING", "WHO", "WHAT"],
        Which::Decided => ["ID", "STATUS", "ASKED", "WHO", "WHAT"],
    };
    let now = Instant::now().0;
    let row = |approval: &Value| {
        let (second, third) = match which {
            Which::Pending => {
                let missing = approval.get("missing").and_then(Value::as_u64).unwrap_or_default();
                (left(&text(approval, "/expires"), now), missing.to_string())
            }
            Which::Decided => (text(approval, "/status"), text(approval, "/asked")),
        };
        vec![text(approval, "/id"), second, third, who(approval), what(approval)]
    };
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(approvals.iter().map(row));
    rows
}
