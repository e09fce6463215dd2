//! The stable names of findings about a policy.

macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal; )+) => {
        $( $(#[doc = $doc])+ pub(super) const $name: &str = $code; )+

        /// Every code that compiling a policy can report, and what it means.
        pub const CODES: &[(&str, &str)] = &[$(($code, concat!($($doc),+))),+];
    };
}

codes! {
    /// A key that objects of this kind do not have.
    UNKNOWN_KEY = "unknown-key";
    /// A key that must be there is not.
    MISSING_KEY = "missing-key";
    /// A value of another type than the key takes.
    WRONG_TYPE = "wrong-type";
    /// A value of the right type that the key does not take.
    INVALID_VALUE = "invalid-value";
    /// A number, duration or size beyond its bounds.
    OUT_OF_RANGE = "out-of-range";
    /// A list or object that must have members has none.
    EMPTY = "empty";
    /// The same name, id or value twice.
    DUPLICATE = "duplicate";
    /// Text that is not one scope token (RFC 6749), or that has a `*`.
    INVALID_SCOPE = "invalid-scope";
    /// Text that is not a JSON pointer.
    INVALID_POINTER = "invalid-pointer";
    /// Text that is not a path template, or that no request can reach.
    INVALID_PATH = "invalid-path";
    /// A key set without any key that can be used.
    NO_USABLE_KEY = "no-usable-key";
    /// A key that is left out of its key set, and why.
    KEY_DROPPED = "key-dropped";
    /// A policy with protected operations and nobody who could call them.
    NO_IDENTITY = "no-identity";
    /// A claim that no identity source of the policy can have.
    UNKNOWN_CLAIM = "unknown-claim";
    /// A role that nobody can ever have.
    ROLE_UNUSABLE = "role-unusable";
    /// A pack that does not exist.
    UNKNOWN_PACK = "unknown-pack";
    /// An operation id that no surface has, or a pattern that matches none.
    UNKNOWN_OPERATION = "unknown-operation";
    /// Two operations with different ids, scopes or tiers for one method and path.
    OVERLAP = "overlap";
    /// Two rules or approvals that say different things about one operation.
    CONFLICT = "conflict";
    /// A rule, or a part of one, that can never hold or never applies.
    NEVER_MATCHES = "never-matches";
    /// A parameter that is bound to a claim, and bodies in which it is not looked for.
    BODY_NOT_READ = "body-not-read";
    /// A detector that does not exist, or that is not on.
    UNKNOWN_DETECTOR = "unknown-detector";
    /// Text that is not a pattern to mask by, or that would need memory without bounds.
    INVALID_PATTERN = "invalid-pattern";
    /// Text that is not a path of a field.
    INVALID_FIELD = "invalid-field";
    /// An operation whose responses cannot be masked.
    NOT_MASKABLE = "not-maskable";
    /// Refusals are recorded and not enforced.
    SHADOW = "shadow";
    /// A scope that nothing in the policy asks for.
    UNUSED_SCOPE = "unused-scope";
    /// Something that is legal and has no effect.
    UNREACHABLE = "unreachable";
}
