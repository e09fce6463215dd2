//! `scopewarden approvals`.

mod decide;
mod list;
mod show;
mod table;
mod watch;

use std::path::PathBuf;

use crate::client::{Access, Client, Part};
use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::runtime::runtime;

/// See what waits for approval, and decide it.
///
/// The service knows who you are by an access token: from --token-file, or from SCOPEWARDEN_TOKEN.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scopewarden approvals list\n  \
    scopewarden approvals show apr_019a…\n  \
    scopewarden approvals deny apr_019a… --reason 'not on a Friday'\n  \
    scopewarden approvals watch --json\n\n\
    Exit status: 0 done, 1 error, 2 wrong command line, 3 refused.")]
pub struct Args {
    #[command(flatten)]
    service: Service,
    #[command(subcommand)]
    command: Command,
}

/// Where the service is, and who asks.
#[derive(Debug, clap::Args)]
struct Service {
    /// Where people reach the approval service
    #[arg(
        long,
        global = true,
        display_order = 90,
        value_name = "URL",
        default_value = "http://127.0.0.1:8089"
    )]
    url: String,
    /// A file with the access token
    #[arg(long, global = true, display_order = 90, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file with the authorities that the service's certificate may come from, in PEM form
    #[arg(long, global = true, display_order = 90, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Print what the service answers, for programs
    #[arg(long, global = true, display_order = 90)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// What waits; or what was decided, the newest first
    List(list::Args),
    /// Everything about one approval: what exactly it lets happen
    Show(show::Args),
    /// Approve one call, and all of its set
    Approve(decide::Approve),
    /// Deny one call, and all of its set
    Deny(decide::Deny),
    /// Follow what happens, until Ctrl-C
    Watch,
}

/// Runs the command.
///
/// # Errors
/// When the service cannot be reached or does not know the approval.
pub fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let client = Client::new(Access {
        url: &args.service.url,
        token_file: args.service.token_file.as_deref(),
        ca_file: args.service.ca_file.as_deref(),
        part: Part::Approvals,
    })?;
    let runtime = runtime()?;
    let json = args.service.json;
    runtime.block_on(async {
        match &args.command {
            Command::List(args) => list::run(args, &client, json, io).await,
            Command::Show(args) => show::run(args, &client, json, io).await,
            Command::Approve(args) => decide::approve(args, &client, json, io).await,
            Command::Deny(args) => decide::deny(args, &client, json, io).await,
            Command::Watch => watch::run(&client, json, io).await,
        }
    })
}

#[cfg(test)]
mod tests;
