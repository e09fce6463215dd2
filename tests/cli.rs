//! The program, as people and scripts meet it: every page in `tests/cli` is a session.

mod console;

use std::collections::BTreeSet;

/// One test per page, so that each fails alone.
macro_rules! pages {
    ($($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            let folder = console::root().join("tests/cli");
            console::run(&folder.join(concat!(stringify!($name), ".md")), Some(&folder.join("files")));
        })+

        #[test]
        fn every_page_is_run() {
            let run = BTreeSet::from([$(concat!(stringify!($name), ".md").to_owned()),+]);
            let pages = std::fs::read_dir(console::root().join("tests/cli")).unwrap();
            let names = pages.map(|page| page.unwrap().file_name().into_string().unwrap());
            let pages: BTreeSet<String> = names.filter(|name| name.ends_with(".md")).collect();
            assert_eq!(pages, run);
        }
    };
}

pages!(
    approvals, audit, check, decide, demo, explain, ops, redact, render, replay, schema, serve,
    test, token, usage
);
