//! The scanner against its reference, on text in which everything may begin.
#![expect(clippy::arithmetic_side_effects, reason = "on generated text")]

use std::sync::LazyLock;

use proptest::prelude::*;

use super::reference::Reference;
use super::scanner::{Part, Scanner};
use super::tests::{all, hostile};
use super::{Detectors, PERSONAL, Rules, secrets};

static ALL: LazyLock<Rules> = LazyLock::new(all);

/// After each piece, and at the end: what was settled.
fn settled<'t>(
    pieces: impl IntoIterator<Item = &'t [u8]>,
    mut feed: impl FnMut(Option<&[u8]>, &mut Vec<Part>),
) -> Vec<Vec<Part>> {
    let mut settled = Vec::new();
    for piece in pieces.into_iter().map(Some).chain([None]) {
        let mut parts = Vec::new();
        feed(piece, &mut parts);
        settled.push(parts);
    }
    settled
}

fn compare<'t>(
    rules: &Rules,
    pieces: impl IntoIterator<Item = &'t [u8]> + Clone,
) -> Result<(), TestCaseError> {
    let mut scanner = Scanner::default();
    let mut reference = Reference::new(&rules.detectors);
    let fast = settled(pieces.clone(), |piece, parts| match piece {
        Some(piece) => scanner.feed(rules, piece, parts),
        None => scanner.finish(rules, parts),
    });
    let plain = settled(pieces, |piece, parts| match piece {
        Some(piece) => reference.feed(rules, piece, parts),
        None => reference.finish(rules, parts),
    });
    prop_assert_eq!(fast, plain);
    Ok(())
}

/// Text of few letters, among them those that detectors look at.
fn noise() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-F0-9 ]{0,60}",
        "[0-9 .()+-]{0,80}",
        "[a-c0-9@.+_ -]{0,80}",
        "[A-Z0-9 DE]{0,60}",
        "[ -~é\n\t]{0,80}",
        "(DE[0-9]{2}( ?[0-9]{4}){4} ?[0-9]{2}[ ,A-Z]?){0,4}",
        "([1-9][0-9]{2}[-. ]){0,9}",
        "[0-9a-fA-F:.]{0,80}",
        "[ :x]{0,3}(([23][0-9a-f]{3}|fe80|f|64|0|ff9b|ffff|db8|[0-9a-f]{1,5})(:|:|::|[.])){0,12}[0-9.]{0,16}[%/: x]?",
    ]
}

proptest! {
    #[test]
    fn both_settle_the_same(
        text in prop::collection::vec(prop_oneof![hostile(), noise()], 1..4).prop_map(|t| t.concat()),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let rules = &*ALL;
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]).collect();
        compare(rules, pieces)?;
        compare(rules, text.as_bytes().chunks(1))?;
        compare(rules, [text.as_bytes()])?;
    }

    #[test]
    fn a_clean_text_has_nothing_in_it(text in prop_oneof![hostile(), noise()]) {
        let rules = &*ALL;
        if rules.detectors.is_clean(text.as_bytes()) {
            let mut scanner = Scanner::default();
            let parts = settled([text.as_bytes()], |piece, parts| match piece {
                Some(piece) => scanner.feed(rules, piece, parts),
                None => scanner.finish(rules, parts),
            });
            prop_assert!(parts.concat().iter().all(|part| part.masked.is_none()), "{text}");
        }
    }

    #[test]
    fn with_few_detectors_too(text in prop_oneof![hostile(), noise()], off in any::<bool>(), which in any::<[prop::sample::Index; 2]>()) {
        let known = secrets();
        let names: Vec<&str> = known.iter().map(|k| k.name).chain(PERSONAL).collect();
        // Personal data hold each other's text: without one, another one shows.
        let few = [names[which[0].index(names.len())], PERSONAL[which[1].index(PERSONAL.len())]];
        let mut rules = Rules::new(Detectors::new(few, Vec::new()));
        if off {
            rules.off.insert(0);
        }
        compare(&rules, text.as_bytes().chunks(3))?;
    }
}
