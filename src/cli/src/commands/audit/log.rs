//! Where a log is: a collector's directory, a file of lines, or a service.

use std::path::{Path, PathBuf};

use scopewarden_verify::{Directory, File, Source, Unreadable};

use super::remote::Remote;
use crate::client::{Access, Client, Part};
use crate::exit::Failure;
use crate::source::os_reason;

/// Which log, and who asks for it.
#[derive(Debug, clap::Args)]
pub(crate) struct Log {
    /// A collector's directory, a file with a record a line, or the service's URL
    #[arg(value_name = "LOG")]
    pub(crate) log: String,
    /// A file with the access token, for a URL [default: SCOPEWARDEN_TOKEN]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file with the authorities that the service's certificate may come from, in PEM form
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl Log {
    /// Whether it is at a service.
    pub(crate) fn is_remote(&self) -> bool {
        self.log.starts_with("http://") || self.log.starts_with("https://")
    }

    /// The service that has it.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Client::new(Access {
            url: &self.log,
            token_file: self.token_file.as_deref(),
            ca_file: self.ca_file.as_deref(),
            part: Part::Audit,
        })
    }

    /// The log, to be read from its beginning.
    pub(crate) fn open(&self) -> Result<Box<dyn Source>, Failure> {
        if self.is_remote() {
            Ok(Box::new(Remote::new(self.client()?)?))
        } else {
            local(Path::new(&self.log))
        }
    }
}

fn local(path: &Path) -> Result<Box<dyn Source>, Failure> {
    if !path.is_dir() {
        return Ok(Box::new(File(path.to_owned())));
    }
    if !path.join("segments").is_dir() {
        return Err(Failure::with_help(
            format!("`{}` is not an audit log: it has no folder `segments`", path.display()),
            "give the `audit.directory` of the service's settings, or a file with a record a line",
        ));
    }
    Ok(Box::new(Directory(path.to_owned())))
}

/// Why a log cannot be read.
pub(crate) fn unreadable(error: Unreadable) -> Failure {
    Failure::new(format!("cannot read `{}`: {}", error.what, os_reason(&error.error)))
}
