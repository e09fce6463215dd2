//! How the program ends.

use std::fmt;
use std::io;
use std::process::{ExitCode, Termination};

/// The result of a command, as an exit status that scripts can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done; for `decide`, allowed.
    Success,
    /// 1: something is wrong with the input, or the command could not do its work.
    Failure,
    /// 2: the command line itself is wrong.
    Usage,
    /// 3: `decide` and `explain`: the request is refused; `redact`: the response ends early; `audit verify`: the log is broken.
    Denied,
    /// 4: `decide` and `explain`: the request waits for a second person.
    Held,
}

impl Exit {
    /// The exit status.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Denied => 3,
            Self::Held => 4,
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Failure {
    /// Said already: a report was printed.
    Reported,
    /// The reader of the output went away.
    OutputClosed,
    /// A sentence about what is wrong and where, and one about what to do.
    Said {
        /// What is wrong.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
}

impl Failure {
    /// What is wrong, without advice.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Said { message: message.into(), help: None }
    }

    /// What is wrong, and what to do.
    pub fn with_help(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Said { message: message.into(), help: Some(help.into()) }
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::OutputClosed;
        }
        Self::new(format!("cannot write the output: {}", crate::source::os_reason(&error)))
    }
}

/// `error: ..` and, on a line of its own, `  = help: ..`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported | Self::OutputClosed => Ok(()),
            Self::Said { message, help: None } => write!(f, "error: {message}"),
            Self::Said { message, help: Some(help) } => {
                write!(f, "error: {message}\n  = help: {help}")
            }
        }
    }
}
