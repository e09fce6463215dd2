//! How far a long reading has come, for a terminal.

use std::io::{IsTerminal as _, Write};
use std::time::{Duration, Instant};

/// How often it is said.
const EVERY: Duration = Duration::from_millis(200);

/// Says how far a reading has come, when somebody looks and it takes longer than a moment.
pub(crate) struct Progress<'a> {
    err: &'a mut dyn Write,
    total: u64,
    shown: bool,
    begun: Instant,
    last: Instant,
    terminal: bool,
}

impl<'a> Progress<'a> {
    /// A reading of `total` bytes.
    pub(crate) fn new(err: &'a mut dyn Write, total: u64) -> Self {
        let now = Instant::now();
        let terminal = std::io::stderr().is_terminal();
        Self { err, total, shown: false, begun: now, last: now, terminal }
    }

    /// So many bytes are read.
    pub(crate) fn at(&mut self, bytes: u64) {
        if !self.terminal || self.last.elapsed() < EVERY {
            return;
        }
        self.last = Instant::now();
        self.shown = true;
        let done = bytes.saturating_mul(100).checked_div(self.total).unwrap_or(0);
        let per_second = bytes as f64 / self.begun.elapsed().as_secs_f64();
        let _ = write!(
            self.err,
            "\r{done:>3} % of {}, {}/s  ",
            size(self.total),
            size(per_second as u64)
        );
        let _ = self.err.flush();
    }
}

impl Drop for Progress<'_> {
    /// Takes it off the terminal again.
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(self.err, "\r{:60}\r", "");
        }
    }
}

/// Bytes in the largest unit that says enough: `812 B`, `14.2 MB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit < UNITS.len().saturating_sub(1) {
        value /= 1000.0;
        unit = unit.saturating_add(1);
    }
    format!("{value:.1} {}", UNITS.get(unit).unwrap_or(&""))
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short() {
        let shown = [0, 999, 1000, 14_200_000, 999_949_999, 999_960_000, 5_000_000_000_000_000];
        let said = ["0 B", "999 B", "1.0 kB", "14.2 MB", "999.9 MB", "1.0 GB", "5000.0 TB"];
        assert_eq!(shown.map(size), said);
    }
}
