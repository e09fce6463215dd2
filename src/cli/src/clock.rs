//! The time that a decision is made at: now, or another.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use scopewarden_core::time::UnixMillis;

/// An instant, as the command line gives it: RFC 3339, or seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant(pub UnixMillis);

impl Instant {
    /// The machine's clock.
    pub fn now() -> Self {
        Self::from_system(SystemTime::now())
    }

    fn from_system(time: SystemTime) -> Self {
        let millis = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        Self(UnixMillis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}

impl FromStr for Instant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(seconds) = text.parse() {
            return Ok(Self(UnixMillis::from_secs(seconds)));
        }
        humantime::parse_rfc3339(text).map(Self::from_system).map_err(|_| {
            format!("`{text}` is not a time; write RFC 3339, such as `2026-11-24T10:00:00Z`, or seconds since 1970")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_dates_or_seconds() {
        let at = |text: &str| text.parse::<Instant>().map(|i| i.0.0);
        assert_eq!(at("1795507200"), Ok(1_795_507_200_000));
        assert_eq!(at("2026-11-24T08:00:00Z"), Ok(1_795_507_200_000));
        assert_eq!(at("2026-11-24T08:00:00.123Z"), Ok(1_795_507_200_123));
        for bad in ["", "yesterday", "2026-11-24", "-1"] {
            assert!(at(bad).is_err(), "{bad}");
        }
    }
}
