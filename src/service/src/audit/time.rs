//! RFC 3339, as records and people write it.

use scopewarden_core::time::UnixMillis;
use serde_json::Value;

/// When a record was written.
pub(crate) fn of(record: &Value) -> Option<UnixMillis> {
    parse(record.get("time")?.as_str()?)
}

/// Reads `2026-11-24T10:00:00Z`, with or without a fraction, and `2026-11-24`, which is its midnight. UTC only.
pub(crate) fn parse(text: &str) -> Option<UnixMillis> {
    let (date, clock) = match text.split_once('T') {
        Some((date, clock)) => (date, clock.strip_suffix('Z')?),
        None => (text, "00:00:00"),
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    if !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths = fraction.bytes().chain(*b"00").take(3);
    let ms = thousandths
        .fold(0_u64, |ms, b| ms.saturating_mul(10).saturating_add(u64::from(b.wrapping_sub(b'0'))));
    let days = days(year, month, day)?;
    let seconds = days.checked_mul(86_400)?.checked_add(hour.checked_mul(3600)?)?;
    let seconds = seconds.checked_add(minute.checked_mul(60)?)?.checked_add(second)?;
    Some(UnixMillis::from_secs(seconds).plus(ms))
}

fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut found = [0; 3];
    for (number, width) in found.iter_mut().zip(widths) {
        let part =
            parts.next().filter(|p| p.len() == width && p.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

/// Days from 1970-01-01 to a date that exists.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let length = |month: u64| match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28_u64.saturating_add(u64::from(leap(year))),
        _ => 31,
    };
    if year < 1970 || day > length(month) {
        return None;
    }
    let years: u64 = (1970..year).map(|y| 365_u64.saturating_add(u64::from(leap(y)))).sum();
    let months: u64 = (1..month).map(length).sum();
    years.checked_add(months)?.checked_add(day)?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_as_they_were_written() {
        for ms in [0, 1, 951_782_400_000, 951_868_799_999, 1_795_514_400_123, 4_102_444_800_000] {
            assert_eq!(parse(&UnixMillis(ms).to_string()), Some(UnixMillis(ms)));
        }
        assert_eq!(parse("2026-11-24"), parse("2026-11-24T00:00:00.0Z"));
        assert_eq!(parse("2026-11-24T10:00:00.1239Z"), parse("2026-11-24T10:00:00.123Z"));
        for bad in [
            "",
            "T",
            "2026-02-29",
            "1969-12-31",
            "2026-13-01",
            "2026-1-1",
            "2026-11-24T10:00Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T10:00:00",
            "2026-11-24T10:00:00.Z",
            "2026-11-24T10:00:00+01:00",
            "+026-11-24",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
