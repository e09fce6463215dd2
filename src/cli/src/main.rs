//! The program `scopewarden`.

use std::io::Write as _;

use anstream::AutoStream;
use clap::Parser as _;
use scopewarden_cli::cli::Cli;
use scopewarden_cli::exit::{Exit, Failure};
use scopewarden_cli::io::Io;

fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Success };
        }
    };
    // These take colours out when the stream is no terminal, or when NO_COLOR asks for it.
    let mut out = AutoStream::auto(std::io::stdout());
    let mut bytes = std::io::stdout();
    let mut err = AutoStream::auto(std::io::stderr());
    let result = cli.run(&mut Io { out: &mut out, bytes: &mut bytes, err: &mut err });
    let flushed = out.flush().map_err(Failure::from);
    match result.and_then(|exit| flushed.map(|()| exit)) {
        Ok(exit) => exit,
        Err(Failure::OutputClosed) => Exit::Success,
        Err(Failure::Reported) => Exit::Failure,
        Err(failure) => {
            let _ = writeln!(err, "{failure}");
            Exit::Failure
        }
    }
}
