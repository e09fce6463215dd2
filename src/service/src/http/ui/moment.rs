//! Times as people read them: in UTC, and how long ago or from now.

use scopewarden_core::time::UnixMillis;

/// An instant, seen from `now`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since the Unix epoch, for the script.
    pub ms: u64,
    /// RFC 3339, for programs.
    pub iso: String,
    /// `2026-11-24 10:00:00 UTC`.
    pub utc: String,
    /// `3 min ago`, `in 4 min`.
    pub relative: String,
}

impl Moment {
    /// `at`, seen from `now`.
    pub fn new(at: UnixMillis, now: UnixMillis) -> Self {
        let iso = at.to_string();
        let date = iso.get(..10).unwrap_or_default();
        let time = iso.get(11..19).unwrap_or_default();
        let utc = format!("{date} {time} UTC");
        let relative = if at > now {
            format!("in {}", span(at.since(now)))
        } else {
            let ago = now.since(at);
            if ago < 5_000 { "just now".to_owned() } else { format!("{} ago", span(ago)) }
        };
        Self { ms: at.0, utc, relative, iso }
    }
}

/// A duration in its two largest units: `45 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`. The script counts in the same way.
pub fn span(ms: u64) -> String {
    let s = ms / 1000;
    let (minutes, hours, days) = (s / 60, s / 3600, s / 86_400);
    match s {
        0..60 => format!("{s} s"),
        60..600 => two(minutes, "min", s % 60, "s"),
        600..3600 => format!("{minutes} min"),
        3600..86_400 => two(hours, "h", minutes % 60, "min"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

fn two(large: u64, unit: &str, small: u64, part: &str) -> String {
    if small == 0 { format!("{large} {unit}") } else { format!("{large} {unit} {small} {part}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units() {
        for (s, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (250, "4 min 10 s"),
            (600, "10 min"),
            (659, "10 min"),
            (3600, "1 h"),
            (7500, "2 h 5 min"),
            (86_400, "1 d"),
            (273_600, "3 d 4 h"),
        ] {
            assert_eq!(span(s * 1000), text);
        }
    }

    #[test]
    fn moments_are_in_utc() {
        let now = UnixMillis(1_795_514_400_000);
        let moment = Moment::new(UnixMillis(now.0 - 61_000), now);
        assert_eq!(moment.utc, "2026-11-24 09:58:59 UTC");
        assert_eq!(moment.relative, "1 min 1 s ago");
        assert_eq!(Moment::new(now.plus(60_000), now).relative, "in 1 min");
        assert_eq!(Moment::new(now, now).relative, "just now");
    }
}
