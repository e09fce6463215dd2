//! Every cap in one place. A cap that is hit refuses; nothing is truncated and judged.

/// Longest request target (path and query), in bytes.
pub const MAX_TARGET_BYTES: usize = 8 * 1024;
/// Most path segments that are matched.
pub const MAX_SEGMENTS: usize = 64;
/// Most query parameters.
pub const MAX_QUERY_PARAMS: usize = 256;
/// Most request headers. Envoy's own default is 100.
pub const MAX_HEADERS: usize = 128;
/// Longest bearer token, in bytes, before anything is decoded.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Longest `kid`, in bytes.
pub const MAX_KID_BYTES: usize = 256;
/// Largest JWKS document, in bytes.
pub const MAX_JWKS_BYTES: usize = 256 * 1024;
/// Most keys in one JWKS document.
pub const MAX_JWKS_KEYS: usize = 100;
/// Most scopes a token may carry.
pub const MAX_SCOPES: usize = 512;
/// Most groups a token may carry.
pub const MAX_GROUPS: usize = 1024;
/// Longest actor (`act`) chain.
pub const MAX_ACTORS: usize = 8;
/// Verified tokens remembered per VM.
pub const TOKEN_CACHE_ENTRIES: usize = 2048;
/// How long the last good key set serves while the issuer cannot be reached, in milliseconds (24 h).
pub const MAX_KEYS_AGE_MS: u64 = 24 * 60 * 60 * 1000;
/// Least time between two fetches caused by an unknown `kid`, per issuer, in milliseconds.
pub const UNKNOWN_KID_INTERVAL_MS: u64 = 30 * 1000;
/// Largest clock skew a policy may ask for, in milliseconds.
pub const MAX_CLOCK_SKEW_MS: u64 = 60 * 1000;
/// Default cap on an inspected request body, in bytes (4 MiB; agents send 200 KB to 2 MB).
pub const DEFAULT_BODY_BYTES: usize = 4 * 1024 * 1024;
/// Most body bytes read from a caller that is not accepted, to find the JSON-RPC id to answer under.
pub const UNAUTHENTICATED_BODY_BYTES: usize = 64 * 1024;
/// Largest body cap a policy may ask for, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
/// Longest response that is kept until it is complete before it is masked, in bytes.
pub const WHOLE_RESPONSE_BYTES: usize = 256 * 1024;
/// Deepest JSON nesting.
pub const MAX_JSON_DEPTH: usize = 64;
/// Most members in one JSON object.
pub const MAX_JSON_MEMBERS: usize = 10_000;
/// Longest value of a body member that rules compare or that a record names, in bytes.
pub const MAX_FACT_BYTES: usize = 4 * 1024;
/// Most values of one body fact (a pointer with `*` can meet many).
pub const MAX_FACT_VALUES: usize = 256;
/// Longest body that an approver is shown, in characters.
pub const MAX_PREVIEW_CHARS: usize = 4 * 1024;
/// Most approvers that one operation may ask for, and that a verdict may name.
pub const MAX_APPROVERS: usize = 10;
/// Longest reason of an approver that a caller is told, in characters.
pub const MAX_APPROVER_REASON_CHARS: usize = 500;
/// Largest answer of an approval service, in bytes.
pub const MAX_VERDICT_BYTES: usize = 16 * 1024;
/// Default for how many requests of one caller are held for approval at a time, per worker.
pub const DEFAULT_HOLDS_PER_CALLER: usize = 20;
/// Default for how many requests are held for approval at a time, per worker.
pub const DEFAULT_HOLDS: usize = 10_000;
/// Most scopes that `visible_to` names in one policy: every combination of them has rules of its own.
pub const MAX_VISIBLE_TO_SCOPES: usize = 4;
/// Longest name of a pattern, in bytes.
pub const MAX_PATTERN_NAME_BYTES: usize = 32;
/// Most bytes that the action `partial` may show.
pub const MAX_PARTIAL: u8 = 32;
/// Default for the longest body that a record shows, in bytes.
pub const DEFAULT_PAYLOAD_BYTES: usize = 16 * 1024;
/// Least that a policy may ask for, in bytes.
pub const LEAST_PAYLOAD_BYTES: usize = 256;
/// Most that a policy may ask for, in bytes; a record has two bodies.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
/// Default for the bytes of records that wait for the sink, per worker (32 MiB).
pub const DEFAULT_SPOOL_BYTES: usize = 32 * 1024 * 1024;
/// Least that a policy may ask for, in bytes; several of the longest records fit.
pub const LEAST_SPOOL_BYTES: usize = 1024 * 1024;
/// Most that a policy may ask for, in bytes: half of what a VM can have.
pub const MAX_SPOOL_BYTES: usize = 512 * 1024 * 1024;
/// Largest answer of a sink, in bytes.
pub const MAX_SINK_ANSWER_BYTES: usize = 16 * 1024;
/// Largest policy document, in bytes.
pub const MAX_POLICY_BYTES: usize = 4 * 1024 * 1024;
