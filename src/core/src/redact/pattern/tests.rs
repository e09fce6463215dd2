//! Patterns against a matcher that tries everything.
#![expect(clippy::arithmetic_side_effects, reason = "on generated text")]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::rules::DetectorSet;
use super::super::scanner::Span;
use super::class::is_word;
use super::parse::{Tree, parse};
use super::*;

/// For each byte of a text, whether a match covers it; and what is held at the end of each piece is only what may still be covered.
fn covered<'t>(patterns: &[&str], pieces: impl IntoIterator<Item = &'t [u8]>) -> Vec<bool> {
    let patterns: Vec<_> =
        (0..).zip(patterns).map(|(n, p)| (Pattern::new(p).unwrap(), n)).collect();
    let (mut state, mut spans, mut at) = (Patterns::default(), Vec::new(), 0);
    let mut settled = Vec::new();
    for piece in pieces {
        state.read(&patterns, &DetectorSet::default(), piece, at, &mut spans);
        at += piece.len() as u64;
        let mut open = spans.clone();
        let until = state.live(&patterns, at, &mut open).unwrap_or(at);
        settled.push((usize::try_from(until).unwrap(), open));
    }
    state.finish(&patterns, at, &mut spans);
    let covered = |spans: &[Span]| {
        let mut covered = vec![false; usize::try_from(at).unwrap()];
        for span in spans {
            covered[usize::try_from(span.start).unwrap()..usize::try_from(span.end).unwrap()]
                .fill(true);
        }
        covered
    };
    let last = covered(&spans);
    for (until, open) in settled {
        assert_eq!(covered(&open)[..until], last[..until], "what was settled has changed");
    }
    last
}

fn marked(pattern: &str, text: &str) -> String {
    let covered = covered(&[pattern], [text.as_bytes()]);
    text.char_indices().map(|(at, c)| if covered[at] { '#' } else { c }).collect()
}

/// Everywhere that a match of `tree` from `at` can end.
fn ends(tree: &Tree, text: &[char], at: usize, fold: bool) -> BTreeSet<usize> {
    match tree {
        Tree::Class(class) => {
            text.get(at).filter(|c| class.has(**c, fold)).map(|_| at + 1).into_iter().collect()
        }
        Tree::Boundary => {
            let word =
                |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|c| is_word(*c));
            (word(at.checked_sub(1)) != word(Some(at))).then_some(at).into_iter().collect()
        }
        Tree::Row(all) => all.iter().fold(BTreeSet::from([at]), |from, tree| {
            from.into_iter().flat_map(|at| ends(tree, text, at, fold)).collect()
        }),
        Tree::Any(all) => all.iter().flat_map(|tree| ends(tree, text, at, fold)).collect(),
        Tree::Times(one, least, most) => {
            let (mut from, mut ended) = (BTreeSet::from([at]), BTreeSet::new());
            for n in 0..=*most {
                if n >= *least {
                    ended.extend(&from);
                }
                from = from.into_iter().flat_map(|at| ends(one, text, at, fold)).collect();
            }
            ended
        }
    }
}

fn naive(pattern: &str, text: &str) -> Vec<bool> {
    let (tree, fold) = parse(pattern).unwrap();
    let chars: Vec<char> = text.chars().collect();
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut covered = vec![false; text.len()];
    for start in 0..chars.len() {
        for end in ends(&tree, &chars, start, fold) {
            covered[places[start]..places[end]].fill(true);
        }
    }
    covered
}

#[test]
fn what_patterns_find() {
    for (pattern, text, expected) in [
        (
            "EMP-[0-9]{6}",
            "EMP-123456, EMP-12345x, xEMP-1234567",
            "##########, EMP-12345x, x##########7",
        ),
        (
            r"\bEMP-\d{6}\b",
            "EMP-123456. xEMP-123456 EMP-1234567 EMP-123456",
            "##########. xEMP-123456 EMP-1234567 ##########",
        ),
        ("(?i)project[ _-]?x", "Project X, PROJECTX, project-y", "#########, ########, project-y"),
        ("(ab|abc|b{2,3})d?", "abcd abd bb b bbbbd", "#### ### ## b #####"),
        ("a.c", "a\nc aéc abc ac", "a\nc ### ### ac"),
        ("[^a-z]x", "ax Ax éx", "ax ## ##"),
        (r"\w\.\[\]\\", r"é.[]\ a.[]\", r"##### #####"),
        ("[a-]é{2}", "-éé aéé aé", "### ### aé"),
        (r"[\d\-]{3}", "1-2 12 -1-", "### 12 ###"),
        (r"x(a|\b)-", "x- xa- xb-", "## ### xb-"),
        (r"N\s\S", "N\u{a0}é N  N\tx", "### N  ###"),
        ("a{2}", "aaa", "###"),
        ("(?i)É", "éÉe", "##e"),
    ] {
        assert_eq!(marked(pattern, text), expected, "{pattern} in {text}");
    }
}

#[test]
fn what_is_refused_says_how_to_write_it() {
    for (pattern, why) in [
        (
            "EMP-.*",
            "`*` has no end, and until a match has ended nothing of it can be let go; write how many there can be at most, such as `{0,64}`",
        ),
        ("a+", "such as `{1,64}`"),
        ("a{3,}", "such as `{3,64}`"),
        ("a{300}", "more than 256 characters"),
        ("(ab){200}", "more than 256 characters"),
        ("(((a{16}){16}){16}){16}", "more than 256 characters"),
        ("a?", "where there is nothing at all"),
        ("", "where there is nothing at all"),
        ("a|", "where there is nothing at all"),
        (r"\b", "where there is nothing at all"),
        (".{1,8}x", "begins with something that fits everywhere"),
        ("[^,]x", "begins with something that fits everywhere"),
        (r"a?\S", "begins with something that fits everywhere"),
        ("(?=a)", "looks ahead or back"),
        ("x(?<!a)", "looks ahead or back"),
        (r"(a)\1", "refers back"),
        ("(?P<n>a)", "needs no name"),
        ("a(?i)b", "stands at its beginning"),
        ("^a", "`\\b` for where a word begins"),
        ("a$", "`\\b` for where a word begins"),
        ("*a", "nothing before the `*`"),
        ("a??", "makes no difference"),
        ("a{2}{3}", "repeats a repetition"),
        (r"a\b?", "cannot be repeated"),
        ("a{2", "not closed"),
        ("a{x}", "no number of times"),
        ("a{3,2}", "no number of times"),
        ("a{0}", "no number of times"),
        ("(a", "not closed"),
        ("a)", "closes no group"),
        ("[a", "not closed"),
        ("[]", "is empty"),
        ("[z-a]", "runs backwards"),
        (r"[a-\d]", "ends with a class"),
        (r"[\b]", "cannot be in a class"),
        ("[[:alpha:]]", "in place of `[:alpha:]`"),
        (r"\p{L}", "`\\p` is unknown"),
        ("a\\", "ends with a `\\`"),
    ] {
        let error = Pattern::new(pattern).unwrap_err();
        assert!(error.contains(why), "{pattern}: {error}");
        assert!(error.starts_with(&format!("the pattern `{pattern}` cannot be used: ")), "{error}");
    }
    let deep = format!("{}a{}", "(".repeat(40), ")".repeat(40));
    assert!(Pattern::new(&deep).unwrap_err().contains("32 deep"));
}

#[test]
fn what_a_match_can_begin_with() {
    let pattern = Pattern::new("(?:EMP|[x-z]|é)1").unwrap();
    let begins: Vec<u8> = (0..0x80).filter(|b| pattern.first().has(*b)).collect();
    assert_eq!(begins, b"Exyz");
    assert!(pattern.first().has(0xc3) && !Pattern::new("EMP").unwrap().first().has(0xc3));
    assert_eq!((pattern.shortest(), Pattern::new(r"a{2,9}b?\b").unwrap().shortest()), (2, 2));
}

#[test]
fn what_stands_before_is_known_however_it_was_passed_over() {
    for (before, found) in [
        ("", true),
        ("x", false),
        ("é", false),
        ("—", true),
        ("long before é", false),
        ("long before xé ", true),
        ("\u{1f600}", true),
        ("é\u{1f600}\u{1f600}", true),
    ] {
        let text = before.to_owned() + "EMP";
        let mut expected = vec![false; before.len()];
        expected.resize(text.len(), found);
        for cut in 0..=text.len() {
            let (a, b) = text.as_bytes().split_at(cut);
            assert_eq!(covered(&[r"\bEMP"], [a, b]), expected, "{text} at {cut}");
        }
    }
}

/// A pattern over few characters.
fn patterns() -> impl Strategy<Value = String> {
    let atom = prop::sample::select(vec![
        "a", "b", "é", "_", "[ab]", "[^a]", r"\w", r"\d", r"\b", "-", ".", "1",
    ])
    .prop_map(str::to_owned);
    let tree = atom.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(|row| row.concat()),
            1 => prop::collection::vec(inner.clone(), 1..4).prop_map(|any| format!("({})", any.join("|"))),
            1 => (inner, prop::sample::select(vec!["?", "{2}", "{1,3}", "{0,2}"])).prop_map(|(one, times)| format!("({one}){times}")),
        ]
    });
    (any::<bool>(), tree)
        .prop_map(|(fold, tree)| format!("{}{tree}", if fold { "(?i)" } else { "" }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_union_of_all_matches_is_found(pattern in patterns(), text in "[abAé_1 \n-]{0,24}", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        // What is refused by itself is looked for behind a character.
        let pattern = match Pattern::new(&pattern) {
            Ok(_) => pattern,
            Err(_) => format!("a({})", pattern.replace("(?i)", "")),
        };
        let expected = naive(&pattern, &text);
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]);
        prop_assert_eq!(&covered(&[&pattern], pieces), &expected);
        prop_assert_eq!(&covered(&[&pattern], text.as_bytes().chunks(1)), &expected);
    }

    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(prop::sample::select(b"ab\xc3\xa9\xe2\x82\xf0\x9f\xff".to_vec()), 0..40)) {
        let whole = covered(&["a[^b]{1,3}b", "é"], [&*bytes]);
        prop_assert_eq!(covered(&["a[^b]{1,3}b", "é"], bytes.chunks(1)), whole);
    }

    #[test]
    fn nothing_that_is_written_panics(text in "[a-c(){}|?*+\\[\\]\\\\^$.,0-9:=<!idwb-]{0,24}") {
        if let Err(error) = Pattern::new(&text) {
            prop_assert!(error.contains("cannot be used: "));
        }
    }
}
