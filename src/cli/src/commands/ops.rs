//! `scopewarden ops`.

use scopewarden_core::diag::closest;
use scopewarden_core::operation::{BUILTIN_NAMES, Pack, Tier};
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::load;

/// List and search operations: what can be called, its tier and its scope.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scopewarden ops delete\n  \
    scopewarden ops --pack openai --tier admin\n  \
    scopewarden ops --policy policy.yaml --format json\n\n\
    Without --policy: the built-in packs, with paths below their mount. With it: what the policy makes of them.")]
pub struct Args {
    /// Words that have to be in the name, the path or the scope
    #[arg(value_name = "SEARCH")]
    search: Vec<String>,
    /// Operations of this policy instead of the built-in packs
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// Operations of this pack only
    #[arg(long)]
    pack: Option<String>,
    /// Operations of this tier only: read, infer, write, execute, destroy, admin
    #[arg(long, value_parser = tier)]
    tier: Option<Tier>,
    /// How to write them
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Columns, for people
    #[default]
    Table,
    /// One JSON array, for programs
    Json,
}

fn tier(name: &str) -> Result<Tier, String> {
    Tier::parse(name).ok_or_else(|| {
        let known: Vec<_> = Tier::ALL.iter().map(|t| t.as_str()).collect();
        format!("the tiers are {}", known.join(", "))
    })
}

/// One operation, as it is listed.
#[derive(Debug)]
struct Row {
    id: String,
    /// Its pack, or `rest` for a policy's own operations.
    pack: String,
    tier: Tier,
    /// What a caller has to hold; `None` for a public operation.
    scopes: Option<Vec<String>>,
    /// Method and path, or the JSON-RPC method; nothing for a policy, where mounts are many.
    called: Option<String>,
}

impl Row {
    fn scope(&self) -> String {
        self.scopes.as_ref().map_or_else(|| "(public)".to_owned(), |s| s.join(" "))
    }

    fn matches(&self, args: &Args) -> bool {
        let text = format!("{} {} {}", self.id, self.scope(), self.called.as_deref().unwrap_or(""));
        let text = text.to_lowercase();
        args.tier.is_none_or(|t| t == self.tier)
            && args.pack.as_deref().is_none_or(|p| p == self.pack)
            && args.search.iter().all(|word| text.contains(&word.to_lowercase()))
    }
}

/// Runs the command.
///
/// # Errors
/// When the policy has errors, or the pack is not known.
pub fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let rows = match &args.policy {
        Some(file) => of_policy(file, io)?,
        None => of_packs(),
    };
    if let Some(pack) = &args.pack
        && !rows.iter().any(|row| row.pack == *pack)
    {
        let mut known: Vec<&str> = rows.iter().map(|row| &*row.pack).collect();
        known.dedup();
        let help = match closest(pack, known.iter().copied()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("there are {}", known.join(", ")),
        };
        return Err(Failure::with_help(format!("there is no pack `{pack}`"), help));
    }
    let rows: Vec<&Row> = rows.iter().filter(|row| row.matches(args)).collect();
    match args.format {
        Format::Table => table(&rows, io)?,
        Format::Json => {
            let all: Vec<Value> = rows.iter().map(|row| to_json(row)).collect();
            writeln!(io.out, "{:#}", Value::Array(all))?;
        }
    }
    Ok(Exit::Success)
}

fn of_packs() -> Vec<Row> {
    let mut rows = Vec::new();
    for pack in BUILTIN_NAMES.iter().filter_map(|name| Pack::builtin(name)) {
        rows.extend(pack.entries.iter().map(|entry| Row {
            id: pack.full_id(entry),
            pack: pack.name.clone(),
            tier: entry.tier,
            scopes: entry.access.scope().map(|scope| vec![scope.to_owned()]),
            called: Some(match &entry.when {
                None => entry.target.to_string(),
                Some(when) => match &when.equals {
                    Some(value) => format!("{} with {} = {value}", entry.target, when.pointer),
                    None => format!("{} with {}", entry.target, when.pointer),
                },
            }),
        }));
    }
    rows
}

fn of_policy(file: &str, io: &mut Io<'_>) -> Result<Vec<Row>, Failure> {
    let policy = load::policy(file, io)?.policy;
    Ok(policy
        .operations
        .iter()
        .map(|operation| Row {
            id: operation.id.clone(),
            pack: policy
                .surfaces
                .get(operation.surface)
                .map(|s| s.name.clone())
                .unwrap_or_default(),
            tier: operation.tier,
            scopes: operation.scopes.clone(),
            called: None,
        })
        .collect())
}

fn to_json(row: &Row) -> Value {
    json!({
        "operation": row.id,
        "pack": row.pack,
        "tier": row.tier.as_str(),
        "scopes": row.scopes,
        "request": row.called,
    })
}

fn table(rows: &[&Row], io: &mut Io<'_>) -> Result<(), Failure> {
    let width = |text: fn(&Row) -> usize| rows.iter().map(|row| text(row)).max().unwrap_or(0);
    let id = width(|row| row.id.len());
    let scope = width(|row| row.scope().len());
    for row in rows {
        let called = row.called.as_deref().unwrap_or("");
        let line =
            format!("{:<id$}  {:<7}  {:<scope$}  {called}", row.id, row.tier.as_str(), row.scope());
        writeln!(io.out, "{}", line.trim_end())?;
    }
    let noun = if rows.len() == 1 { "operation" } else { "operations" };
    writeln!(io.err, "{} {noun}", rows.len())?;
    Ok(())
}
