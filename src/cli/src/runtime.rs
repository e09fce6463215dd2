//! What asynchronous commands run on.

use tokio::runtime::{Builder, Runtime};

use crate::exit::Failure;
use crate::source::os_reason;

/// Runs on the thread that waits for it.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(|e| Failure::new(format!("cannot start: {}", os_reason(&e))))
}
