//! The secrets that are known: who issues them, and what they look like.
//!
//! Prefixes and lengths are those that the issuers document or that their tokens have. Lengths are lower bounds, so that a longer token
//! of the same issuer is masked, too.

use super::set::{ALNUM, BASE64, BASE64URL, HEX, Set, WORD};
use super::shape::{Proof, Run, Shape};

/// A detector: its name in policies and records, and what it finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Such as `github`.
    pub name: &'static str,
    /// What its secrets look like.
    pub shapes: Vec<Shape>,
}

const UPPER: Set = Set::of(b"A-Z0-9");
const LOWER_HEX: Set = Set::of(b"0-9a-f");
const SPACE: Set = Set::of(b" \t");
const VALUE: Set = Set::of(b"A-Za-z0-9_./+=~!@#$%^&*:-");
const BODY: Set = Set::of(b"A-Za-z0-9+/= \r\n\t\\");

/// Words that a secret is assigned to, in the spellings that configuration and code have.
const NAMES: [&str; 13] = [
    "api_key",
    "apikey",
    "api-key",
    "secret_key",
    "secret",
    "password",
    "passwd",
    "access_token",
    "auth_token",
    "token",
    "private_key",
    "client_secret",
    "credential",
];

/// Every detector of secrets.
pub fn secrets() -> Vec<Known> {
    let token =
        |literals: &[&str], set, min| Shape::token(literals, Run::from(set, min), Proof::None);
    let mixed =
        |literals: &[&str], set, min| Shape::token(literals, Run::from(set, min), Proof::Mixed);
    vec![
        Known {
            name: "aws",
            shapes: vec![token(&["AKIA", "ASIA", "ABIA", "ACCA", "A3TX"], UPPER, 16)],
        },
        Known {
            name: "google",
            shapes: vec![
                token(&["AIza"], BASE64URL, 35),
                token(&["GOCSPX-"], BASE64URL, 28),
                token(&["ya29."], BASE64URL, 20),
            ],
        },
        Known {
            name: "azure",
            shapes: vec![token(&["AccountKey=", "SharedAccessKey="], BASE64, 40)],
        },
        Known {
            name: "digitalocean",
            shapes: vec![token(&["dop_v1_", "doo_v1_", "dor_v1_"], LOWER_HEX, 64)],
        },
        Known {
            name: "openai",
            shapes: vec![mixed(&["sk-"], BASE64URL, 20), token(&["sess-"], ALNUM, 40)],
        },
        Known { name: "anthropic", shapes: vec![token(&["sk-ant-"], BASE64URL, 20)] },
        Known {
            name: "huggingface",
            shapes: vec![token(&["hf_"], ALNUM, 30), token(&["api_org_"], ALNUM, 30)],
        },
        Known { name: "groq", shapes: vec![token(&["gsk_"], ALNUM, 40)] },
        Known { name: "replicate", shapes: vec![token(&["r8_"], ALNUM, 37)] },
        Known { name: "perplexity", shapes: vec![token(&["pplx-"], ALNUM, 40)] },
        Known { name: "xai", shapes: vec![token(&["xai-"], ALNUM, 70)] },
        Known {
            name: "github",
            shapes: vec![
                token(&["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], ALNUM, 36),
                token(&["github_pat_"], WORD, 36),
            ],
        },
        Known {
            name: "gitlab",
            shapes: vec![token(
                &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-", "glft-"],
                BASE64URL,
                20,
            )],
        },
        Known { name: "npm", shapes: vec![token(&["npm_"], ALNUM, 36)] },
        Known { name: "pypi", shapes: vec![token(&["pypi-"], BASE64URL, 50)] },
        Known { name: "rubygems", shapes: vec![token(&["rubygems_"], LOWER_HEX, 48)] },
        Known { name: "dockerhub", shapes: vec![token(&["dckr_pat_"], BASE64URL, 27)] },
        Known {
            name: "slack",
            shapes: vec![
                token(
                    &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xapp-"],
                    BASE64URL,
                    20,
                ),
                token(&["hooks.slack.com/services/"], Set::of(b"A-Za-z0-9/"), 40),
            ],
        },
        Known {
            name: "discord",
            shapes: vec![token(
                &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"],
                Set::of(b"A-Za-z0-9/_-"),
                60,
            )],
        },
        Known {
            name: "telegram",
            shapes: vec![token(&["api.telegram.org/bot"], Set::of(b"A-Za-z0-9:_-"), 40)],
        },
        Known {
            name: "stripe",
            shapes: vec![token(
                &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"],
                ALNUM,
                16,
            )],
        },
        Known {
            name: "square",
            shapes: vec![token(&["sq0atp-", "sq0csp-", "EAAA"], BASE64URL, 22)],
        },
        Known {
            name: "shopify",
            shapes: vec![token(&["shpat_", "shpca_", "shppa_", "shpss_"], HEX, 32)],
        },
        Known {
            name: "twilio",
            shapes: vec![Shape { not_after: WORD, ..token(&["SK"], LOWER_HEX, 32) }],
        },
        Known { name: "sendgrid", shapes: vec![token(&["SG."], Set::of(b"A-Za-z0-9_.-"), 60)] },
        Known { name: "mailgun", shapes: vec![token(&["key-"], LOWER_HEX, 32)] },
        Known { name: "mailchimp", shapes: vec![token(&["md-"], BASE64URL, 22)] },
        Known {
            name: "hashicorp",
            shapes: vec![
                token(&["hvs.", "hvb.", "hvr."], BASE64URL, 24),
                token(&["atlasv1."], BASE64URL, 60),
            ],
        },
        Known { name: "databricks", shapes: vec![token(&["dapi"], LOWER_HEX, 32)] },
        Known { name: "doppler", shapes: vec![token(&["dp.pt.", "dp.st.", "dp.ct."], ALNUM, 40)] },
        Known { name: "pulumi", shapes: vec![token(&["pul-"], LOWER_HEX, 40)] },
        Known {
            name: "planetscale",
            shapes: vec![token(
                &["pscale_tkn_", "pscale_pw_", "pscale_oauth_"],
                Set::of(b"A-Za-z0-9_.=-"),
                32,
            )],
        },
        Known { name: "postman", shapes: vec![token(&["PMAK-"], Set::of(b"0-9a-f-"), 40)] },
        Known { name: "linear", shapes: vec![token(&["lin_api_"], ALNUM, 40)] },
        Known { name: "notion", shapes: vec![token(&["ntn_"], ALNUM, 40)] },
        Known { name: "figma", shapes: vec![token(&["figd_", "figu_"], BASE64URL, 40)] },
        Known {
            name: "grafana",
            shapes: vec![token(&["glsa_", "glc_"], Set::of(b"A-Za-z0-9_+/="), 32)],
        },
        Known {
            name: "newrelic",
            shapes: vec![token(&["NRAK-", "NRII-"], Set::of(b"A-Za-z0-9_-"), 27)],
        },
        Known { name: "sentry", shapes: vec![token(&["sntrys_", "sntryu_"], BASE64, 40)] },
        Known { name: "age", shapes: vec![token(&["AGE-SECRET-KEY-1"], UPPER, 50)] },
        Known { name: "jwt", shapes: vec![jwt()] },
        Known { name: "private_key", shapes: private_key() },
        Known { name: "connection_string", shapes: vec![connection_string()] },
        Known { name: "assignment", shapes: vec![assignment()] },
        Known { name: "authorization", shapes: authorization() },
    ]
}

/// Three parts of base64url, the first two JSON objects. The header is public; payload and signature are not.
fn jwt() -> Shape {
    Shape {
        literals: vec![b"eyJ".to_vec()],
        not_after: BASE64URL,
        runs: vec![
            Run::of(BASE64URL, 10, 1024).or_secret(),
            Run::byte(b'.'),
            Run::byte(b'e'),
            Run::byte(b'y'),
            Run::from(Set::of(b"A-Za-z0-9_.-"), 20),
        ],
        secret: (0, 5),
        proof: Proof::None,
    }
}

/// What stands between the line that announces a private key and the one that ends it: bare, encrypted (RFC 1421's headers
/// have hyphens, and are let pass), or as OpenPGP writes it, with headers of any kind.
fn private_key() -> Vec<Shape> {
    let shape = |literal: &str, runs: Vec<Run>, secret| Shape {
        literals: vec![literal.as_bytes().to_vec()],
        not_after: Set::EMPTY,
        runs,
        secret,
        proof: Proof::None,
    };
    let dek = Run::of(Set::of(b"A-Za-z0-9,-"), 1, 128);
    vec![
        shape("PRIVATE KEY-----", vec![Run::from(BODY, 16)], (0, 1)),
        shape("DEK-Info: ", vec![dek, Run::from(BODY, 16)], (1, 2)),
        shape("PRIVATE KEY BLOCK-----", vec![Run::from(Set::of(b"-").not(), 16)], (0, 1)),
    ]
}

/// The password in `scheme://user:password@host`.
fn connection_string() -> Shape {
    let user = Set::of(b" \t\r\n/?#@:\"'<>\\").not();
    let password = Set::of(b" \t\r\n/?#@\"'<>\\").not();
    Shape {
        literals: vec![b"://".to_vec()],
        not_after: Set::EMPTY,
        runs: vec![
            Run::of(user, 0, 128),
            Run::byte(b':'),
            Run::of(password, 1, 256).or_secret(),
            Run::byte(b'@'),
        ],
        secret: (2, 3),
        proof: Proof::None,
    }
}

/// `api_key = "…"`, `PASSWORD: …`, `--token=…`: a value that looks random.
fn assignment() -> Shape {
    let literals = NAMES.iter().flat_map(|name| {
        let capital = name
            .split_at_checked(1)
            .map(|(first, rest)| format!("{}{rest}", first.to_ascii_uppercase()));
        [Some((*name).to_owned()), Some(name.to_ascii_uppercase()), capital]
    });
    Shape {
        literals: literals.flatten().map(String::into_bytes).collect(),
        not_after: Set::EMPTY,
        runs: vec![
            Run::of(Set::of(b"\"'\\"), 0, 2),
            Run::of(SPACE, 0, 8),
            Run::of(Set::of(b":="), 1, 2),
            Run::of(SPACE, 0, 8),
            Run::of(Set::of(b"\"'\\"), 0, 2),
            Run::from(VALUE, 10),
        ],
        secret: (5, 6),
        proof: Proof::Random(48),
    }
}

/// Ends of the names of members whose values are secrets, in small letters and without what separates words. Others that are so called
/// in text, such as `token` and `secret`, are names of pages and of places where secrets are, too.
const MEMBERS: [&str; 7] =
    ["apikey", "secretkey", "accesskey", "privatekey", "clientsecret", "password", "passwd"];

/// The value of a member that is called like a secret: what looks like a code, and is no URL.
pub fn member_value() -> Shape {
    Shape {
        literals: Vec::new(),
        not_after: Set::EMPTY,
        runs: vec![Run::from(Set::of(b"!-9;-~"), 10)],
        secret: (0, 1),
        proof: Proof::Code(48),
    }
}

/// Whether a member of this name has a secret for a value.
pub fn is_secret_name(name: &[u8]) -> bool {
    MEMBERS.iter().any(|end| {
        let mut letters = name.iter().rev().filter(|byte| !matches!(byte, b'_' | b'-' | b' '));
        end.bytes().rev().all(|byte| letters.next().is_some_and(|l| l.eq_ignore_ascii_case(&byte)))
    })
}

/// `Authorization: Bearer …` and `Basic …`, as request dumps show them.
fn authorization() -> Vec<Shape> {
    ["Bearer ", "bearer ", "Basic ", "basic "]
        .into_iter()
        .map(|literal| {
            Shape::token(&[literal], Run::from(Set::of(b"A-Za-z0-9_.~+/=-"), 16), Proof::Mixed)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            "password",
            "api_key",
            "openai-api-key",
            "apiKey",
            "CLIENT_SECRET",
            "dbPassword",
            "aws_secret_access_key",
        ] {
            assert!(is_secret_name(name.as_bytes()), "{name}");
        }
        for name in [
            "",
            "key",
            "token",
            "next_page_token",
            "secret",
            "secret_name",
            "password_hint",
            "api_keys",
            "passwords",
        ] {
            assert!(!is_secret_name(name.as_bytes()), "{name}");
        }
    }
}
