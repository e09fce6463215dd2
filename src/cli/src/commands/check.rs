//! `scopewarden check`.

use scopewarden_core::diag::Severity;

use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::load;
use crate::report::{self, Checked, Format};
use crate::source::Source;

/// Look for mistakes in policies.
///
/// Reads YAML or JSON and reports everything that is wrong at once, with file, line and column.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scopewarden check policy.yaml\n  \
    scopewarden check --format github policies/*.yaml\n  \
    kubectl get cm policy -o jsonpath='{.data.policy}' | scopewarden check -\n\n\
    Exit status: 0 no errors, 1 errors (with --strict: or warnings).")]
pub struct Args {
    /// Policy files; `-` reads standard input
    #[arg(required = true, value_name = "POLICY")]
    policies: Vec<String>,
    /// How to report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Fail on warnings, too
    #[arg(long)]
    strict: bool,
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read.
pub fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let sources =
        args.policies.iter().map(|name| Source::open(name)).collect::<Result<Vec<_>, _>>()?;
    let checked: Vec<Checked<'_>> =
        sources.iter().map(|source| (source, load::compile(source).1)).collect();
    report::write(io.out, args.format, &checked)?;
    let bad = report::count(&checked, Severity::Error).saturating_add(if args.strict {
        report::count(&checked, Severity::Warning)
    } else {
        0
    });
    Ok(if bad == 0 { Exit::Success } else { Exit::Failure })
}
