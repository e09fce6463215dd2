//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::{
    approvals, audit, check, decide, demo, explain, ops, redact, render, replay, schema, serve,
    suggest, test, token,
};
use crate::exit::{Exit, Failure};
use crate::io::Io;

/// Decides what callers of AI-agent APIs may do: check a policy, ask it, render it for a proxy.
#[derive(Debug, Parser)]
#[command(
    name = "scopewarden",
    version,
    max_term_width = 100,
    after_help = "Exit status: 0 done or allowed, 1 error, 2 wrong command line, 3 refused, 4 held.\n\
                  Colours follow the terminal; NO_COLOR=1 turns them off."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look for mistakes in policies
    Check(check::Args),
    /// Decide one request, as JSON for programs
    Decide(decide::Args),
    /// Decide one request, and say why, for people
    Explain(explain::Args),
    /// Verify a token against a policy, check by check
    Token(token::Args),
    /// List and search operations: what can be called, its tier and its scope
    Ops(ops::Args),
    /// Mask a response as the filter does: standard input to standard output
    Redact(redact::Args),
    /// Print the JSON Schema of policies, for editors
    Schema(schema::Args),
    /// Print the proxy configuration for a policy
    Render(render::Args),
    /// Run the approval service: proxies ask it, people decide
    Serve(serve::Args),
    /// See what waits for approval, and decide it
    Approvals(approvals::Args),
    /// Check and search the audit log: who asked for what, and what came of it
    Audit(audit::Args),
    /// Ask a candidate policy about requests that were recorded
    Replay(replay::Args),
    /// Draft the narrowest policy that allows what was recorded as allowed
    Suggest(suggest::Args),
    /// Run policy tests: requests, and what a policy has to say of them
    Test(test::Args),
    /// Try it: a demo API, an identity provider, and Envoy with the filter
    Demo(demo::Args),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// When the command could not do its work.
    pub fn run(&self, io: &mut Io<'_>) -> Result<Exit, Failure> {
        match &self.command {
            Command::Check(args) => check::run(args, io),
            Command::Decide(args) => decide::run(args, io),
            Command::Explain(args) => explain::run(args, io),
            Command::Token(args) => token::run(args, io),
            Command::Ops(args) => ops::run(args, io),
            Command::Redact(args) => redact::run(args, io),
            Command::Schema(args) => schema::run(args, io),
            Command::Render(args) => render::run(args, io),
            Command::Serve(args) => serve::run(args, io),
            Command::Approvals(args) => approvals::run(args, io),
            Command::Audit(args) => audit::run(args, io),
            Command::Replay(args) => replay::run(args, io),
            Command::Suggest(args) => suggest::run(args, io),
            Command::Test(args) => test::run(args, io),
            Command::Demo(args) => demo::run(args, io),
        }
    }
}
