//! `scopewarden audit`.

mod export;
pub(crate) mod log;
mod progress;
mod remote;
mod search;
mod verify;
mod write;

use crate::exit::{Exit, Failure};
use crate::io::Io;

/// Check and search the audit log: who asked for what, and what came of it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Find out whether a log is what was written
    Verify(verify::Args),
    /// Find records: who asked for what, and what came of it
    Search(search::Args),
    /// Write records as they are in the log
    Export(export::Args),
}

/// Runs the command.
///
/// # Errors
/// When the log cannot be read.
pub fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    match &args.command {
        Command::Verify(args) => verify::run(args, io),
        Command::Search(args) => search::run(args, io),
        Command::Export(args) => export::run(args, io),
    }
}

#[cfg(test)]
mod tests;
