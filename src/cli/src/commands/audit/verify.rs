//! `scopewarden audit verify`.

use scopewarden_verify::{Options, VerifierKey, verify};

use super::log::{Log, unreadable};
use super::progress::Progress;
use super::write;
use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::source::read_input;

/// Largest file of checkpoints, in bytes.
const MAX_CHECKPOINTS: usize = 1024 * 1024 * 1024;

/// Find out whether a log is what was written.
///
/// Reads all of it: the chain of every stream, the Merkle root of every checkpoint, and with a key the signatures. Names the first record that
/// is bad. A log whose end was cut off together with its last checkpoints looks whole: `--checkpoint` gives one that was kept elsewhere.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scopewarden audit verify audit --key 'scopewarden-audit+…'\n  \
    scopewarden audit verify audit --checkpoint /mnt/other/checkpoints --key 'scopewarden-audit+…'\n  \
    scopewarden audit verify export.jsonl\n\n\
    Exit status: 0 sound, 1 it cannot be read, 2 wrong command line, 3 broken.")]
pub(super) struct Args {
    #[command(flatten)]
    log: Log,
    /// The key of the log's checkpoints, as `scopewarden serve` prints it
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A file of checkpoints from elsewhere, such as the collector's `mirror`
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let key: Option<VerifierKey> =
        args.key.as_deref().map(|key| key.trim().parse()).transpose().map_err(|why| {
            Failure::with_help(
                format!("`--key` is not a key: {why}"),
                "`scopewarden serve` prints it at start as `audit key`",
            )
        })?;
    let checkpoints = match &args.checkpoint {
        Some(file) => Some((file.clone(), read_input(file, MAX_CHECKPOINTS)?)),
        None => None,
    };
    let source = args.log.open()?;
    let bytes = source.segments().map_err(unreadable)?.iter().map(|s| s.bytes).sum();
    let options = Options { key, checkpoints };
    let report = {
        let mut progress = Progress::new(io.err, bytes);
        verify(&*source, &options, &mut |bytes| progress.at(bytes)).map_err(unreadable)?
    };
    if args.json {
        writeln!(io.out, "{:#}", report.to_json())?;
    } else {
        write::report(&report, &options, io)?;
    }
    Ok(if report.is_sound() { Exit::Success } else { Exit::Denied })
}
