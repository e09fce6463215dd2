//! `scopewarden token`.

use clap::builder::styling::{AnsiColor, Style};
use scopewarden_core::identity::{KeySource, diagnose};
use scopewarden_core::limits;

use crate::clock::Instant;
use crate::drive::{NO_KEYS, key_ring, read_token};
use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::load;
use crate::source::read_input;

/// Verify a token against a policy, check by check.
///
/// Goes on after a check that fails, as far as the token can be read. The signature is never shown.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scopewarden token --policy policy.yaml alice.jwt\n  \
    echo \"$TOKEN\" | scopewarden token --policy policy.yaml --jwks keys.json\n\n\
    Exit status: 0 the token is accepted, 1 it is not.")]
pub struct Args {
    /// Policy file
    #[arg(long, value_name = "FILE")]
    policy: String,
    /// The token; `-` reads standard input
    #[arg(value_name = "TOKEN_FILE", default_value = "-")]
    token: String,
    /// A JWKS document for issuers whose keys the policy fetches
    #[arg(long, value_name = "FILE")]
    jwks: Option<String>,
    /// Verify as of this time (RFC 3339, or seconds since 1970) instead of now
    #[arg(long, value_name = "TIME")]
    now: Option<Instant>,
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read.
pub fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let policy = load::policy(&args.policy, io)?.policy;
    let jwks = args.jwks.as_deref().map(|f| read_input(f, limits::MAX_JWKS_BYTES)).transpose()?;
    let token = read_token(&args.token)?;
    // People paste the whole header.
    let token = match token.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => &*token,
    };
    let now = args.now.unwrap_or_else(Instant::now).0;
    let keys = key_ring(&policy, jwks.as_deref(), now)?;
    let identity = &policy.identity;
    let findings =
        diagnose(token.as_bytes(), &identity.issuers, &keys, identity.clock_skew_ms, now);
    let mut accepted = true;
    for finding in &findings {
        accepted &= finding.ok;
        let (mark, colour) =
            if finding.ok { ("ok   ", AnsiColor::Green) } else { ("wrong", AnsiColor::Red) };
        let style = Style::new().fg_color(Some(colour.into()));
        writeln!(io.out, "{style}{mark}{style:#}  {:<9}  {}", finding.check, finding.detail)?;
    }
    let remote = identity.issuers.iter().any(|i| matches!(i.keys, KeySource::Remote(_)));
    if remote && jwks.is_none() {
        writeln!(io.err, "{NO_KEYS}")?;
    }
    let wrong = findings.iter().filter(|f| !f.ok).count();
    match wrong {
        0 => writeln!(io.out, "\nthe token is accepted")?,
        1 => writeln!(io.out, "\nthe token is refused: one check failed")?,
        n => writeln!(io.out, "\nthe token is refused: {n} checks failed")?,
    }
    Ok(if accepted { Exit::Success } else { Exit::Failure })
}
