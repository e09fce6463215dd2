//! `scopewarden schema`.

use scopewarden_core::policy::SCHEMA;

use crate::exit::{Exit, Failure};
use crate::io::Io;

/// Print the JSON Schema of policies, for editors.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    scopewarden schema > policy.schema.json\n\n\
    Editors with the YAML language server read a first line such as\n  \
    # yaml-language-server: $schema=policy.schema.json")]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// When the output cannot be written.
pub fn run(_: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    io.out.write_all(SCHEMA.as_bytes())?;
    Ok(Exit::Success)
}
