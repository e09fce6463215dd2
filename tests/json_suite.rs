//! JSONTestSuite (github.com/nst/JSONTestSuite, `test_parsing`) through what masks responses.
//!
//! It is data that this repository does not contain. It is looked for in `JSONTestSuite/` of `$SCOPEWARDEN_VECTORS`, then of
//! `../shared/vectors` beside the repository; without it these tests say so and pass.
#![expect(clippy::unwrap_used, reason = "a test: stopping is how it reports")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use scopewarden_core::redact::{
    Detectors, Kind, Masker, OnUncertain, PERSONAL, Rules, Stop, secrets,
};
use serde_json::Value;

/// Something to find that no file has.
const PLANTED: &str = "bob@example.com";
const MASKED: &str = "[masked:email]";

/// The files whose names begin like this, with what is in them.
fn files(kind: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let base = std::env::var_os("SCOPEWARDEN_VECTORS")
        .map_or_else(|| root.join("../shared/vectors"), PathBuf::from);
    let folder = base.join("JSONTestSuite/test_parsing");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: there is no `JSONTestSuite` in {}", base.display());
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = names.filter(|name| name.starts_with(kind));
    let files: Vec<_> =
        names.map(|name| (name.clone(), std::fs::read(folder.join(name)).unwrap())).collect();
    assert!(files.len() > 30, "{}", files.len());
    files
}

fn rules(on_uncertain: OnUncertain) -> Arc<Rules> {
    let known = secrets();
    let names = known.iter().map(|known| known.name).chain(PERSONAL);
    Arc::new(Rules { on_uncertain, ..Rules::new(Detectors::new(names, Vec::new())) })
}

/// What comes out, in pieces of one byte as in one; `None` if nothing more may.
fn masked(rules: &Arc<Rules>, text: &[u8]) -> Option<Vec<u8>> {
    let run = |size: usize| -> Result<Vec<u8>, Stop> {
        let mut masker = Masker::new(Arc::clone(rules), Kind::Json);
        let mut out = Vec::new();
        for piece in text.chunks(size) {
            masker.feed(piece, &mut out)?;
        }
        masker.finish(&mut out)?;
        Ok(out)
    };
    let whole = run(text.len().max(1));
    assert_eq!(run(1), whole);
    whole.ok()
}

/// The files with something planted at their beginning, in the middle and at their end.
fn planted(text: &[u8]) -> [Vec<u8>; 3] {
    let quoted = format!("\"{PLANTED}\"");
    let (head, tail) = text.split_at(text.len() / 2);
    [
        [quoted.as_bytes(), b"\n", text].concat(),
        [head, b" ", PLANTED.as_bytes(), b" ", tail].concat(),
        [text, b" ", quoted.as_bytes()].concat(),
    ]
}

#[test]
fn what_is_json_stays_it() {
    let rules = rules(OnUncertain::Block);
    let mut read = 0;
    for (name, text) in files("y_") {
        assert_eq!(masked(&rules, &text).as_deref(), Some(text.as_slice()), "{name}");
        let Ok(value) = serde_json::from_slice::<Value>(&text) else { continue };
        read += 1;
        // A member and an element around it, with something to find.
        let text = String::from_utf8(text).unwrap();
        let around = format!("{{\"{PLANTED}\":[\"to {PLANTED}\",{text},4111111111111111]}}");
        let out = masked(&rules, around.as_bytes()).unwrap();
        let mut out: Value = serde_json::from_slice(&out).unwrap_or_else(|e| panic!("{name}: {e}"));
        let list = out[MASKED].take();
        assert_eq!(list[0], format!("to {MASKED}"), "{name}");
        assert_eq!(list[1], value, "{name}");
        assert_eq!(list[2], "[masked:card]", "{name}");
    }
    assert!(read > 80 || read == 0, "{read}");
}

#[test]
fn what_is_no_json_is_masked_all_the_same() {
    for on_uncertain in [OnUncertain::Block, OnUncertain::Scan] {
        let rules = rules(on_uncertain);
        for (name, text) in ["n_", "i_", "y_"].into_iter().flat_map(files) {
            for planted in planted(&text) {
                let out = masked(&rules, &planted);
                assert!(out.is_some() || on_uncertain == OnUncertain::Block, "{name}");
                let out = out.unwrap_or_default();
                let shown = out.windows(PLANTED.len()).any(|part| part == PLANTED.as_bytes());
                assert!(!shown, "{name}: {}", String::from_utf8_lossy(&out));
            }
        }
    }
}
