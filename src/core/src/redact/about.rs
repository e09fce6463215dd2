//! The detectors, as policies and people name them.

use super::detectors::PERSONAL;

/// Detectors that are named together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Keys, tokens and passwords.
    Secrets,
    /// What says who somebody is.
    Personal,
}

impl Group {
    /// The name used in policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Personal => "personal",
        }
    }

    /// The group of that name; `pii` is another for [`Group::Personal`].
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "secrets" => Some(Self::Secrets),
            "personal" | "pii" => Some(Self::Personal),
            _ => None,
        }
    }
}

/// A built-in detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Its name in policies and records, such as `github`.
    pub name: &'static str,
    /// The group it belongs to.
    pub group: Group,
    /// What it finds, in a few words.
    pub finds: &'static str,
}

/// Every built-in detector, group by group.
pub fn builtin() -> impl Iterator<Item = About> {
    let group = |name| if PERSONAL.contains(&name) { Group::Personal } else { Group::Secrets };
    FINDS.iter().map(move |(name, finds)| About { name, group: group(*name), finds })
}

impl About {
    /// The built-in detector of that name.
    pub fn of(name: &str) -> Option<Self> {
        builtin().find(|about| about.name == name)
    }
}

/// What each detector finds, in the catalogue's order.
const FINDS: &[(&str, &str)] = &[
    ("aws", "access key ids of Amazon Web Services"),
    ("google", "API keys, OAuth client secrets and access tokens of Google"),
    ("azure", "account and shared access keys of Azure"),
    ("digitalocean", "tokens of DigitalOcean"),
    ("openai", "keys of OpenAI, and other `sk-` keys"),
    ("anthropic", "keys of Anthropic"),
    ("huggingface", "tokens of Hugging Face"),
    ("groq", "keys of Groq"),
    ("replicate", "tokens of Replicate"),
    ("perplexity", "keys of Perplexity"),
    ("xai", "keys of xAI"),
    ("github", "tokens of GitHub"),
    ("gitlab", "tokens of GitLab"),
    ("npm", "access tokens of npm"),
    ("pypi", "upload tokens of PyPI"),
    ("rubygems", "keys of RubyGems"),
    ("dockerhub", "access tokens of Docker Hub"),
    ("slack", "tokens and webhooks of Slack"),
    ("discord", "webhooks of Discord"),
    ("telegram", "bot tokens in URLs of Telegram"),
    ("stripe", "secret, restricted and webhook keys of Stripe"),
    ("square", "tokens of Square"),
    ("shopify", "tokens of Shopify"),
    ("twilio", "API keys of Twilio"),
    ("sendgrid", "keys of SendGrid"),
    ("mailgun", "keys of Mailgun"),
    ("mailchimp", "keys of Mailchimp Transactional"),
    ("hashicorp", "tokens of Vault and HCP Terraform"),
    ("databricks", "tokens of Databricks"),
    ("doppler", "tokens of Doppler"),
    ("pulumi", "tokens of Pulumi"),
    ("planetscale", "tokens and passwords of PlanetScale"),
    ("postman", "keys of Postman"),
    ("linear", "keys of Linear"),
    ("notion", "tokens of Notion"),
    ("figma", "tokens of Figma"),
    ("grafana", "tokens of Grafana"),
    ("newrelic", "keys of New Relic"),
    ("sentry", "tokens of Sentry"),
    ("age", "secret keys of age"),
    ("jwt", "JSON Web Tokens: payload and signature"),
    ("private_key", "private keys in PEM and OpenPGP armour"),
    ("connection_string", "the password in `scheme://user:password@host`"),
    ("assignment", "random-looking values of `api_key=`, `password:` and the like"),
    ("authorization", "credentials after `Bearer` and `Basic`"),
    ("email", "e-mail addresses"),
    ("phone", "phone numbers in international and North American spelling"),
    ("card", "payment card numbers: network's range, length and Luhn digit"),
    ("iban", "IBANs: country's length and check digits"),
    ("ssn", "US social security numbers"),
    ("ip", "IP addresses, versions 4 and 6"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::catalogue::secrets;
    use super::*;

    #[test]
    fn every_detector_says_what_it_finds() {
        let catalogue = secrets().into_iter().map(|known| known.name).chain(PERSONAL);
        let described: Vec<&str> = builtin().map(|about| about.name).collect();
        assert_eq!(
            described,
            catalogue.collect::<Vec<_>>(),
            "each has a line in `FINDS`, in order"
        );
        assert_eq!(
            described.iter().collect::<BTreeSet<_>>().len(),
            described.len(),
            "a name twice"
        );
        for About { name, finds, .. } in builtin() {
            assert!(Group::parse(name).is_none(), "{name}");
            assert!(
                !finds.ends_with('.') && finds.matches('`').count() % 2 == 0,
                "{name}: {finds}"
            );
        }
        assert_eq!(About::of("aws").unwrap().group, Group::Secrets);
        assert_eq!(About::of("email").unwrap().group, Group::Personal);
        assert_eq!(About::of("secrets"), None);
    }

    #[test]
    fn groups_have_one_spelling_and_an_alias() {
        for group in [Group::Secrets, Group::Personal] {
            assert_eq!(Group::parse(group.as_str()), Some(group));
        }
        assert_eq!(Group::parse("pii"), Some(Group::Personal));
        assert_eq!(Group::parse("email"), None);
    }
}
