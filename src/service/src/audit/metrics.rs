//! What the collector counts, as Prometheus reads it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the histogram's buckets, in microseconds.
const BUCKETS: [u64; 10] =
    [250, 500, 1000, 2500, 5000, 10_000, 25_000, 100_000, 500_000, 2_500_000];

/// How long something took.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Histogram {
    /// Notes one.
    pub fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bucket, _) in self.buckets.iter().zip(BUCKETS).filter(|(_, end)| micros <= *end) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// All that is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Records that were stored.
    pub accepted: AtomicU64,
    /// Records that came again.
    pub duplicates: AtomicU64,
    /// Other records in the place of one that is stored.
    pub conflicts: AtomicU64,
    /// Lines that are no records.
    pub rejected: AtomicU64,
    /// Bytes of the records that were stored.
    pub bytes: AtomicU64,
    /// Requests that were told to come again, because the log could not be written.
    pub unavailable: AtomicU64,
    /// Requests without a token that is known.
    pub unauthenticated: AtomicU64,
    /// Records that do not name the one before them.
    pub broken_links: AtomicU64,
    /// Checkpoints that the mirror did not take.
    pub mirror_failures: AtomicU64,
    /// Records that the last checkpoint covers.
    pub checkpoint_size: AtomicU64,
    /// Records that are in the log and not in the index.
    pub index_lag: AtomicU64,
    /// Writes of records, each until it was synced.
    pub fsync: Histogram,
}

impl Metrics {
    /// In the text format of Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let counters = [
            ("records_accepted", "Records that were stored.", &self.accepted),
            ("duplicates", "Records that came again and are stored once.", &self.duplicates),
            (
                "conflicts",
                "Records that differ from the one stored in their place.",
                &self.conflicts,
            ),
            ("rejected", "Lines that are no records.", &self.rejected),
            ("bytes", "Bytes of the records that were stored.", &self.bytes),
            (
                "unavailable",
                "Requests that could not be stored and were told to come again.",
                &self.unavailable,
            ),
            ("unauthenticated", "Requests of senders that are not known.", &self.unauthenticated),
            (
                "broken_links",
                "Records that do not name the hash of the one before them.",
                &self.broken_links,
            ),
            ("mirror_failures", "Checkpoints that the mirror did not take.", &self.mirror_failures),
        ];
        for (name, help, counter) in counters {
            let value = counter.load(Ordering::Relaxed);
            let name = format!("scopewarden_audit_{name}_total");
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}");
        }
        let gauges = [
            ("checkpoint_size", "Records that the last checkpoint covers.", &self.checkpoint_size),
            (
                "index_lag_records",
                "Records that are in the log and not in the index yet.",
                &self.index_lag,
            ),
        ];
        for (name, help, gauge) in gauges {
            let value = gauge.load(Ordering::Relaxed);
            let name = format!("scopewarden_audit_{name}");
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
        }
        self.histogram(&mut text);
        text
    }

    fn histogram(&self, text: &mut String) {
        let name = "scopewarden_audit_fsync_seconds";
        let _ = writeln!(
            text,
            "# HELP {name} Writing records and syncing them to the disk.\n# TYPE {name} histogram"
        );
        for (bucket, end) in self.fsync.buckets.iter().zip(BUCKETS) {
            let _ = writeln!(
                text,
                "{name}_bucket{{le=\"{}\"}} {}",
                seconds(end),
                bucket.load(Ordering::Relaxed)
            );
        }
        let (count, micros) = (&self.fsync.count, &self.fsync.micros);
        let (count, sum) = (count.load(Ordering::Relaxed), seconds(micros.load(Ordering::Relaxed)));
        let _ = writeln!(
            text,
            "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}"
        );
    }
}

fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audit_metrics_are_what_prometheus_reads() {
        let metrics = Metrics::default();
        metrics.accepted.store(7, Ordering::Relaxed);
        metrics.fsync.observe(Duration::from_micros(400));
        metrics.fsync.observe(Duration::from_secs(9));
        let text = metrics.text();
        for line in [
            "# TYPE scopewarden_audit_records_accepted_total counter",
            "scopewarden_audit_records_accepted_total 7",
            "scopewarden_audit_fsync_seconds_bucket{le=\"0.00025\"} 0",
            "scopewarden_audit_fsync_seconds_bucket{le=\"0.0005\"} 1",
            "scopewarden_audit_fsync_seconds_bucket{le=\"2.5\"} 1",
            "scopewarden_audit_fsync_seconds_bucket{le=\"+Inf\"} 2",
            "scopewarden_audit_fsync_seconds_sum 9.0004",
            "scopewarden_audit_fsync_seconds_count 2",
            "scopewarden_audit_index_lag_records 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.lines().all(|line| line.starts_with("# ") || line.split(' ').count() == 2));
    }
}
