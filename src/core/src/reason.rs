//! Why a request was refused: a closed list of stable codes.

macro_rules! reasons {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:literal; )+) => {
        /// Why a request was refused. The code is stable: policies, dashboards and clients rely on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason { $( $(#[doc = $doc])+ $name, )+ }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The stable code, such as `scope_missing`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// The HTTP status of the refusal, before the caller's protocol has its say.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),+ }
            }

            /// One sentence that explains the reason.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+)),+ }
            }
        }
    };
}

reasons! {
    /// The request target is not a path that can be read: empty, not starting with a slash, or with a raw byte that does not belong.
    PathMalformed = "path_malformed", 400;
    /// The path has an empty, `.` or `..` segment; send it in its normal form.
    PathNotCanonical = "path_not_canonical", 400;
    /// A percent escape hides a path separator (`%2f` or `%5c`), or the path has a backslash.
    PathEncodedSeparator = "path_encoded_separator", 400;
    /// The path holds a control byte, escaped or not.
    PathControlByte = "path_control_byte", 400;
    /// A path segment is still percent-encoded after decoding once.
    PathDoubleEncoded = "path_double_encoded", 400;
    /// A path segment has a `;` parameter, which some servers strip.
    PathParameter = "path_parameter", 400;
    /// The path is not UTF-8 after decoding.
    PathNotUtf8 = "path_not_utf8", 400;
    /// The request target is longer, or has more segments, than the limit.
    PathTooLong = "path_too_long", 414;
    /// The query string cannot be read in one way only.
    QueryMalformed = "query_malformed", 400;
    /// A query parameter that a rule reads appears more than once.
    QueryRepeated = "query_repeated", 400;
    /// The method is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS.
    MethodUnknown = "method_unknown", 405;
    /// The scheme is neither http nor https.
    SchemeInvalid = "scheme_invalid", 400;
    /// There are more header fields than the limit.
    HeadersTooMany = "headers_too_many", 431;
    /// A header that a rule reads, or that decides how the request is read, appears more than once or is not text.
    HeaderAmbiguous = "header_ambiguous", 400;
    /// The request has trailers, which an upstream may take for headers.
    TrailersPresent = "trailers_present", 400;
    /// No operation of the policy has this method and path.
    OperationUnknown = "operation_unknown", 403;
    /// No bearer token was sent.
    TokenMissing = "token_missing", 401;
    /// More than one `Authorization` value, or one that is not `Bearer` and one token.
    AuthorizationAmbiguous = "authorization_ambiguous", 401;
    /// The token is longer than the limit.
    TokenTooLarge = "token_too_large", 401;
    /// The token is not a signed compact JWT that can be read in one way only.
    TokenMalformed = "token_malformed", 401;
    /// The token's algorithm is not accepted, or is not the one its key is for.
    TokenAlgorithm = "token_algorithm", 401;
    /// The token's `typ` is not an access token's.
    TokenType = "token_type", 401;
    /// The token has a header that asks for keys or rules of its own (`jwk`, `jku`, `x5u`, `x5c`, `crit`, `b64`).
    TokenHeader = "token_header", 401;
    /// The token's issuer is not in the policy.
    TokenIssuer = "token_issuer", 401;
    /// The token is for another audience.
    TokenAudience = "token_audience", 401;
    /// The issuer has no key that the token names.
    TokenKeyUnknown = "token_key_unknown", 401;
    /// The token's signature does not verify.
    TokenSignature = "token_signature", 401;
    /// The token has expired.
    TokenExpired = "token_expired", 401;
    /// The token is not valid yet.
    TokenNotYetValid = "token_not_yet_valid", 401;
    /// The token is valid for longer than the policy allows.
    TokenLifetime = "token_lifetime", 401;
    /// A claim is missing, has the wrong type, or says two things.
    TokenClaims = "token_claims", 401;
    /// The issuer's keys could not be fetched, and none that is recent enough is known.
    KeysUnavailable = "keys_unavailable", 503;
    /// The caller has no identity that this policy accepts.
    IdentityMissing = "identity_missing", 401;
    /// The caller lacks a scope that the operation requires.
    ScopeMissing = "scope_missing", 403;
    /// None of the caller's scopes admits this model.
    ModelNotAllowed = "model_not_allowed", 403;
    /// None of the caller's scopes admits this tool.
    ToolNotAllowed = "tool_not_allowed", 403;
    /// An argument of the tool call is not one that the rule admits.
    ArgumentNotAllowed = "argument_not_allowed", 403;
    /// A parameter that says who the caller is differs from the token.
    ParameterNotBound = "parameter_not_bound", 403;
    /// A header, query or body condition of a rule does not hold.
    ConditionFailed = "condition_failed", 403;
    /// A second person has to approve this operation, and no approval service is configured.
    ApprovalRequired = "approval_required", 403;
    /// Nobody has decided on this call yet; send it again, unchanged.
    ApprovalPending = "approval_pending", 409;
    /// An approver refused this call.
    ApprovalDenied = "approval_denied", 403;
    /// Nobody decided on this call in time.
    ApprovalExpired = "approval_expired", 403;
    /// Too many requests wait for approval.
    ApprovalLimit = "approval_limit", 429;
    /// The approval service did not answer.
    ApprovalUnavailable = "approval_unavailable", 503;
    /// The approval service answered with something that is not a verdict on this call.
    ApprovalInvalid = "approval_invalid", 503;
    /// What the approval rests on changed while the request was held.
    ApprovalOutdated = "approval_outdated", 409;
    /// What the request is about to do cannot be recorded now.
    AuditUnavailable = "audit_unavailable", 503;
    /// The body is larger than the limit for inspected bodies.
    BodyTooLarge = "body_too_large", 413;
    /// The operation is named by its body, and there is none.
    BodyMissing = "body_missing", 400;
    /// A request that has no body by its method came with one.
    BodyUnexpected = "body_unexpected", 400;
    /// The body has a content encoding and cannot be inspected.
    BodyEncoded = "body_encoded", 415;
    /// The content type is not JSON in UTF-8, and this operation is judged by its JSON.
    ContentType = "content_type_unsupported", 415;
    /// The body is not JSON.
    JsonMalformed = "json_malformed", 400;
    /// The body is not UTF-8, or starts with a byte order mark.
    JsonNotUtf8 = "json_not_utf8", 400;
    /// The body names an object member twice.
    JsonDuplicateKey = "json_duplicate_key", 400;
    /// The body has a member that some parsers take for another spelling of one that decides the operation.
    JsonAmbiguousKey = "json_ambiguous_key", 400;
    /// The body is nested deeper, or has more members, than the limit.
    JsonTooComplex = "json_too_complex", 400;
    /// A member that names or decides the operation is missing or has the wrong type.
    FieldInvalid = "field_invalid", 400;
    /// A JSON-RPC batch; send the calls one by one.
    JsonRpcBatch = "jsonrpc_batch", 400;
    /// The body is not a JSON-RPC 2.0 request, notification or response.
    JsonRpcInvalid = "jsonrpc_invalid", 400;
    /// The `mcp-method` or `mcp-name` header differs from the body.
    McpHeaderMismatch = "mcp_header_mismatch", 400;
    /// The response holds what the policy does not let out.
    ResponseBlocked = "response_blocked", 502;
    /// The response cannot be masked surely, so it is not sent.
    ResponseUnmaskable = "response_unmaskable", 502;
    /// The filter could not reach a decision, which is always a refusal.
    InternalError = "internal_error", 503;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_statuses_are_errors() {
        let codes: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        assert!(Reason::ALL.iter().all(|r| (400..600).contains(&r.status())));
        assert!(Reason::ALL.iter().all(|r| {
            r.code().bytes().all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit())
        }));
    }
}
