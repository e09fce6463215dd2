//! Other people's test vectors: Wycheproof and the JOSE cookbook.
//!
//! They are data that this repository does not contain. They are looked for in
//! `$SCOPEWARDEN_VECTORS`, then in `../shared/vectors` beside the repository; without them these
//! tests say so and pass. Origin: github.com/C2SP/wycheproof (`testvectors_v1`) in `wycheproof/`,
//! github.com/ietf-jose/cookbook in `ietf-jose-cookbook/`.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: stopping is how it reports"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scopewarden_core::identity::{Algorithms, Compact, KeySet, NoHost};
use serde_json::{Value, json};

/// Vectors labelled `valid` that are refused on purpose. This list may only become shorter: one
/// that is accepted after all fails the test until it is taken off.
const REFUSED_ON_PURPOSE: &[(&str, &[u64], &str)] = &[
    (
        "json_web_signature_test.json",
        &[1, 348, 352, 357, 358, 359, 376, 377],
        "HMAC: whoever can verify it can also sign",
    ),
    (
        "json_web_signature_test.json",
        &[372, 373],
        "characters outside of base64url, which only some decoders skip (and HMAC)",
    ),
    (
        "json_web_signature_test.json",
        &[320, 321, 322, 323, 325, 326, 327, 328],
        "PS384 and PS512 are not among the accepted algorithms",
    ),
    ("json_web_signature_test.json", &[346, 350], "a PS384 token for a key that says PS256"),
    ("json_web_signature_test.json", &[347, 351], "ES512 is not among the accepted algorithms"),
    ("json_web_key_test.json", &[2, 13, 14, 15], "HMAC"),
    ("json_web_crypto_test.json", &[1, 48], "HMAC"),
    ("json_web_crypto_test.json", &[50, 67], "encrypted, not signed"),
];

fn vectors(folder: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let base = std::env::var_os("SCOPEWARDEN_VECTORS")
        .map_or_else(|| root.join("../shared/vectors"), PathBuf::from);
    let found = Some(base.join(folder)).filter(|path| path.is_dir());
    if found.is_none() {
        println!("skipped: there is no `{folder}` in {}", base.display());
    }
    found
}

fn read(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A JWK or a key set as a key set document.
fn key_set(key: &Value) -> KeySet {
    let document = if key.get("keys").is_some() { key.clone() } else { json!({"keys": [key]}) };
    KeySet::parse(document.to_string().as_bytes()).map(|(set, _)| set).unwrap_or_default()
}

/// What is signed, when the token is accepted. Anything but a string is no token.
fn verified(token: &Value, keys: &KeySet) -> Option<Vec<u8>> {
    let token = token.as_str()?;
    Compact::parse(token.as_bytes()).ok()?.verify(keys, Algorithms::ALL, &NoHost).ok()
}

/// Runs one Wycheproof file: no `invalid` vector passes, and every `valid` one does except those
/// that are listed.
fn wycheproof(name: &str) {
    let Some(folder) = vectors("wycheproof") else { return };
    let file = read(&folder.join(name));
    let mut refused = Vec::new();
    let mut ran = 0;
    for group in file["testGroups"].as_array().into_iter().flatten() {
        // Private keys are dropped, so the public half is what a key set would show.
        let keys = key_set(group.get("public").unwrap_or(&group["private"]));
        for test in group["tests"].as_array().into_iter().flatten() {
            let token = test.get("jws").unwrap_or(&test["jwe"]);
            let passed = verified(token, &keys).is_some();
            ran += 1;
            match test["result"].as_str() {
                Some("valid") if !passed => refused.extend(test["tcId"].as_u64()),
                Some("valid") => {}
                _ => assert!(!passed, "{name}: {} is accepted: {}", test["tcId"], test["comment"]),
            }
        }
    }
    assert_eq!(Some(ran), file["numberOfTests"].as_u64(), "{name}");
    let mut expected: Vec<u64> = REFUSED_ON_PURPOSE
        .iter()
        .filter(|(file, _, _)| *file == name)
        .flat_map(|(_, ids, _)| ids.iter().copied())
        .collect();
    expected.sort_unstable();
    assert_eq!(refused, expected, "{name}: valid vectors that are refused, and the list of them");
}

#[test]
fn wycheproof_signatures() {
    wycheproof("json_web_signature_test.json");
}

#[test]
fn wycheproof_keys() {
    wycheproof("json_web_key_test.json");
}

#[test]
fn wycheproof_signatures_and_encryption() {
    wycheproof("json_web_crypto_test.json");
}

/// An encrypted token has five parts, and none of them is a signature.
#[test]
fn wycheproof_encryption() {
    let Some(folder) = vectors("wycheproof") else { return };
    let file = read(&folder.join("json_web_encryption_test.json"));
    let mut ran = 0;
    for group in file["testGroups"].as_array().into_iter().flatten() {
        let keys = key_set(group.get("public").unwrap_or(&group["private"]));
        for test in group["tests"].as_array().into_iter().flatten() {
            assert_eq!(verified(&test["jwe"], &keys), None, "{}", test["tcId"]);
            ran += 1;
        }
    }
    assert_eq!(Some(ran), file["numberOfTests"].as_u64());
}

/// Every JSON file below a folder, by its path.
fn json_files(folder: &Path) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap_or_else(|e| panic!("{}: {e}", folder.display())).path();
        if path.is_dir() {
            found.append(&mut json_files(&path));
        } else if path.extension().is_some_and(|e| e == "json") && !path.ends_with("package.json") {
            found.insert(path.display().to_string(), read(&path));
        }
    }
    found
}

/// The key as its owner would publish it.
fn public(mut key: Value) -> Value {
    if let Some(members) = key.as_object_mut() {
        members.retain(|name, _| !["d", "p", "q", "dp", "dq", "qi"].contains(&name.as_str()));
    }
    key
}

#[test]
fn cookbook_signatures() {
    let Some(folder) = vectors("ietf-jose-cookbook") else { return };
    let accepted = ["4_1.rsa_v15_signature.json", "curve25519/jws.json"];
    let mut ran = 0;
    for part in ["jws", "curve25519", "rfc7797"] {
        for (path, example) in json_files(&folder.join(part)) {
            let Some(output) = example.get("output").and_then(Value::as_object) else { continue };
            let key = public(example["input"]["key"].clone());
            let keys = key_set(&key);
            for (form, token) in output {
                let expected = form == "compact" && accepted.iter().any(|a| path.ends_with(a));
                let payload = example["input"]["payload"].as_str().map(|p| p.as_bytes().to_vec());
                let wanted = payload.filter(|_| expected);
                assert_eq!(verified(token, &keys), wanted, "{path}, {form}");
                ran += 1;
                // JSON serialisation is refused as text, too.
                assert!(Compact::parse(token.to_string().as_bytes()).is_err(), "{path}, {form}");
            }
        }
    }
    assert!(ran >= 20, "{ran} examples ran");
}

#[test]
fn cookbook_keys() {
    let Some(folder) = vectors("ietf-jose-cookbook") else { return };
    let keys = json_files(&folder.join("jwk"));
    assert!(keys.len() >= 6);
    for (path, key) in keys {
        // P-521, private and symmetric keys are dropped.
        let usable = path.ends_with("3_3.rsa_public_key.json");
        assert_eq!(!key_set(&key).is_empty(), usable, "{path}");
    }
}

#[test]
fn cookbook_encryption() {
    let Some(folder) = vectors("ietf-jose-cookbook") else { return };
    let examples = json_files(&folder.join("jwe"));
    assert!(examples.len() >= 10);
    for (path, example) in examples {
        let keys = key_set(&public(example["input"]["key"].clone()));
        for (form, token) in example["output"].as_object().into_iter().flatten() {
            assert_eq!(verified(token, &keys), None, "{path}, {form}");
        }
    }
}
