//! The three people of the demonstration.

/// Somebody with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// `sub`.
    pub name: &'static str,
    /// `email`.
    pub email: &'static str,
    /// The group at the identity provider, which the policy's roles turn into scopes.
    pub group: &'static str,
    /// What the person does, for people to read.
    pub job: &'static str,
    /// The algorithm of the token's signature.
    pub algorithm: Algorithm,
}

/// How a token is signed; the demonstration uses two, as identity providers in the field do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `EdDSA` with Ed25519.
    EdDsa,
    /// `RS256`.
    Rs256,
}

/// Alice looks, Bob prompts, Carol administers.
pub const PEOPLE: [Person; 3] = [
    Person {
        name: "alice",
        email: "alice@example.com",
        group: "readers",
        job: "reader: may look at models and files",
        algorithm: Algorithm::EdDsa,
    },
    Person {
        name: "bob",
        email: "bob@example.com",
        group: "engineers",
        job: "ML engineer: may prompt as well",
        algorithm: Algorithm::EdDsa,
    },
    Person {
        name: "carol",
        email: "carol@example.com",
        group: "admins",
        job: "administrator: may delete as well",
        algorithm: Algorithm::Rs256,
    },
];

/// The person of that name.
pub fn find(name: &str) -> Option<Person> {
    PEOPLE.into_iter().find(|p| p.name == name)
}
