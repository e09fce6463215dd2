//! Where a command writes.

use std::io::Write;

/// The output streams, which tests replace.
pub struct Io<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Results that are nobody's text: standard output, with colours and all left as they are.
    pub bytes: &'a mut dyn Write,
    /// Trouble and progress.
    pub err: &'a mut dyn Write,
}

impl std::fmt::Debug for Io<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Io")
    }
}
