//! Records over time, by decision: bars, drawn here.
//!
//! A picture in SVG without a style of its own: the pages' policy for content allows none, and by night other colours are used.

use scopewarden_core::time::UnixMillis;

use super::filters::{Filters, address};
use crate::http::ui::moment::{Moment, span};

/// Most bars.
const BARS: u64 = 60;
/// How long a bar may be, in seconds: people think in these.
const STEPS: [u64; 19] = [
    1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800,
    604_800, 1_209_600, 2_592_000,
];
/// How high the picture is, in its own units.
const HEIGHT: u64 = 100;
/// How wide a bar is, with the gap behind it.
const WIDTH: u64 = 10;

/// What was decided, as far as the picture tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Went through.
    Allowed,
    /// Went through, and would not if a rule were enforced.
    Shadowed,
    /// Refused.
    Refused,
    /// Neither: the caller left, or the record is not of a request.
    Other,
}

impl Kind {
    /// Of a record's `decision`.
    pub fn of(decision: &str) -> Self {
        match decision {
            "allow" => Self::Allowed,
            "shadow_deny" => Self::Shadowed,
            "deny" => Self::Refused,
            _ => Self::Other,
        }
    }

    /// In the order in which they are stacked, from the bottom, and what each is called.
    const STACK: [(Self, &'static str, &'static str); 4] = [
        (Self::Refused, "refused", "refused"),
        (Self::Shadowed, "shadowed", "would be refused"),
        (Self::Allowed, "allowed", "allowed"),
        (Self::Other, "other", "other"),
    ];
}

/// The picture.
#[derive(Debug)]
pub struct Timeline {
    /// One for each span of time that has records.
    pub bars: Vec<Bar>,
    /// How wide all of it is.
    pub width: u64,
    /// How high.
    pub height: u64,
    /// Records in the highest bar.
    pub most: u64,
    /// How long each bar is.
    pub step: String,
    /// Where it begins.
    pub from: Moment,
    /// Where it ends.
    pub until: Moment,
    /// What there is in all, by name; only what there is.
    pub totals: Vec<(&'static str, &'static str, u64)>,
}

/// Some time.
#[derive(Debug)]
pub struct Bar {
    /// From the left.
    pub x: u64,
    /// Its parts, from the bottom.
    pub parts: Vec<Part>,
    /// What it says.
    pub title: String,
    /// The search for what is in it.
    pub href: String,
}

/// A part of a bar.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is, for the style.
    pub class: &'static str,
    /// Its name.
    pub name: &'static str,
    /// How many records.
    pub count: u64,
    /// From the top.
    pub y: u64,
    /// How high.
    pub height: u64,
}

impl Timeline {
    /// Draws records; `None` when there are none. `query` is what found them.
    pub fn new(records: &[(UnixMillis, Kind)], query: &str, now: UnixMillis) -> Option<Self> {
        // A record whose time cannot be read has none, and no place here.
        let records = || records.iter().filter(|(at, _)| at.0 > 0);
        let first = records().map(|(at, _)| at.0).min()?;
        let last = records().map(|(at, _)| at.0).max()?;
        let step = step(first, last);
        let begin = first.checked_div(step)?.checked_mul(step)?;
        let place = |at: u64| at.saturating_sub(begin).checked_div(step).unwrap_or_default();
        let bars = place(last).saturating_add(1);
        let mut counts = vec![[0_u64; Kind::STACK.len()]; usize::try_from(bars).ok()?];
        for (at, kind) in records() {
            let bar = usize::try_from(place(at.0)).ok().and_then(|bar| counts.get_mut(bar))?;
            let kind = Kind::STACK.iter().position(|(known, _, _)| known == kind)?;
            let count = bar.get_mut(kind)?;
            *count = count.saturating_add(1);
        }
        let most = counts.iter().map(|bar| bar.iter().sum()).max().unwrap_or_default();
        let totals = Kind::STACK.iter().enumerate().filter_map(|(n, (_, class, name))| {
            let count = counts.iter().filter_map(|bar| bar.get(n)).sum();
            (count > 0).then_some((*class, *name, count))
        });
        let at = |bar: u64| UnixMillis(begin.saturating_add(bar.saturating_mul(step)));
        Some(Self {
            width: bars.saturating_mul(WIDTH),
            height: HEIGHT,
            most,
            step: span(step),
            from: Moment::new(at(0), now),
            until: Moment::new(at(bars), now),
            totals: totals.collect(),
            bars: (0..)
                .zip(&counts)
                .filter(|(_, counts)| counts.iter().any(|count| *count > 0))
                .map(|(n, counts)| {
                    bar(n, counts, most, [at(n), at(n.saturating_add(1))], query, now)
                })
                .collect(),
        })
    }

    /// What the picture shows, in a sentence.
    pub fn sentence(&self) -> String {
        let totals: Vec<_> = self.totals.iter().map(|(_, name, n)| format!("{n} {name}")).collect();
        format!("{}, from {} to {}", totals.join(", "), self.from.utc, self.until.utc)
    }
}

/// How long a bar is, in milliseconds.
fn step(first: u64, last: u64) -> u64 {
    let least = last.saturating_sub(first).div_ceil(BARS.saturating_sub(1));
    let steps = STEPS.iter().map(|seconds| seconds.saturating_mul(1000));
    steps.into_iter().find(|step| *step >= least).unwrap_or(least)
}

fn bar(
    n: u64,
    counts: &[u64],
    most: u64,
    span: [UnixMillis; 2],
    query: &str,
    now: UnixMillis,
) -> Bar {
    let [from, until] = span;
    let mut top = HEIGHT;
    let mut parts = Vec::new();
    for ((_, class, name), count) in Kind::STACK.iter().zip(counts).filter(|(_, count)| **count > 0)
    {
        // One refusal among thousands is seen, too.
        let height = count.saturating_mul(HEIGHT).checked_div(most).unwrap_or_default().max(2);
        let height = height.min(top);
        top = top.saturating_sub(height);
        parts.push(Part { class, name, count: *count, y: top, height });
    }
    let said: Vec<_> = parts.iter().map(|part| format!("{} {}", part.count, part.name)).collect();
    let from = Moment::new(from, now);
    let filters = Filters::read(query).between(&from.iso, &until.to_string());
    Bar {
        x: n.saturating_mul(WIDTH),
        title: format!("{}: {}", from.utc, said.join(", ")),
        parts,
        href: address(&filters.query(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_514_400_000);

    fn at(s: u64, kind: Kind) -> (UnixMillis, Kind) {
        (UnixMillis(NOW.0.saturating_sub(s.saturating_mul(1000))), kind)
    }

    #[test]
    fn bars_are_stacked_by_decision() {
        let records = [
            at(3600, Kind::Allowed),
            at(3600, Kind::Allowed),
            at(3590, Kind::Refused),
            at(3590, Kind::Shadowed),
            at(0, Kind::Refused),
        ];
        let timeline = Timeline::new(&records, "tier=admin since=7d", NOW).unwrap();
        assert_eq!((timeline.most, &*timeline.step, timeline.width), (4, "5 min", 130));
        let [first, last] = &*timeline.bars else { panic!("{timeline:?}") };
        let drawn =
            |bar: &Bar| bar.parts.iter().map(|p| (p.class, p.y, p.height)).collect::<Vec<_>>();
        assert_eq!(drawn(first), [("refused", 75, 25), ("shadowed", 50, 25), ("allowed", 0, 50)]);
        assert_eq!(drawn(last), [("refused", 75, 25)]);
        assert_eq!((first.x, last.x), (0, 120));
        assert_eq!(
            first.title,
            "2026-11-24 09:00:00 UTC: 1 refused, 1 would be refused, 2 allowed"
        );
        let query = "tier=admin since=2026-11-24T09:00:00.000Z until=2026-11-24T09:05:00.000Z";
        assert_eq!(first.href, address(query, None));
        let sentence = "2 refused, 1 would be refused, 2 allowed, from 2026-11-24 09:00:00 UTC to 2026-11-24 10:05:00 UTC";
        assert_eq!(timeline.sentence(), sentence);
    }

    #[test]
    fn any_times_can_be_drawn() {
        assert!(Timeline::new(&[], "", NOW).is_none());
        assert!(Timeline::new(&[(UnixMillis(0), Kind::Other)], "", NOW).is_none());
        for times in [
            vec![1],
            vec![1, u64::MAX],
            vec![NOW.0, NOW.0.saturating_add(1)],
            vec![5, 1, 3_000_000_000_000],
        ] {
            let records: Vec<_> = times.iter().map(|t| (UnixMillis(*t), Kind::Other)).collect();
            let timeline = Timeline::new(&records, "", NOW).unwrap();
            assert!(timeline.width <= (BARS + 1) * WIDTH, "{times:?}");
            assert!(
                timeline.bars.iter().all(|bar| bar.parts.iter().all(|p| p.y + p.height <= HEIGHT))
            );
            assert_eq!(timeline.totals, [("other", "other", times.len() as u64)]);
        }
    }

    #[test]
    fn little_is_seen_beside_much() {
        let mut records = vec![at(0, Kind::Allowed); 5000];
        records.push(at(0, Kind::Refused));
        let timeline = Timeline::new(&records, "", NOW).unwrap();
        let [bar] = &*timeline.bars else { panic!("{timeline:?}") };
        assert_eq!(bar.parts.iter().map(|p| p.height).collect::<Vec<_>>(), [2, 98]);
    }
}
