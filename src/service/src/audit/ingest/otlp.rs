//! OTLP logs: as much of them as carries records, in protobuf and in JSON.
//!
//! Messages and fields are those of opentelemetry-proto 1; what is not named here is skipped.

use prost::Message as _;
use serde::Deserialize;

/// Most records of one request.
pub(super) const MAX_RECORDS: usize = 8192;

/// What a request is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Protobuf,
}

impl Format {
    /// By its media type.
    pub(super) fn of(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else if essence.eq_ignore_ascii_case("application/x-protobuf") {
            Some(Self::Protobuf)
        } else {
            None
        }
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/x-protobuf",
        }
    }
}

/// The bodies of the log records of a request, in order; `None` where there is no text.
pub(super) fn bodies(format: Format, bytes: &[u8]) -> Result<Vec<Option<String>>, String> {
    let found = match format {
        Format::Json => json(bytes)?,
        Format::Protobuf => protobuf(bytes)?,
    };
    Ok(found)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonRequest {
    #[serde(default)]
    resource_logs: Vec<JsonResource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonResource {
    #[serde(default)]
    scope_logs: Vec<JsonScope>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonScope {
    #[serde(default)]
    log_records: Vec<JsonRecord>,
}

#[derive(Deserialize)]
struct JsonRecord {
    #[serde(default)]
    body: Option<JsonValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonValue {
    #[serde(default)]
    string_value: Option<String>,
}

fn json(bytes: &[u8]) -> Result<Vec<Option<String>>, String> {
    // An array would be taken for the members of an object in their order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err("the body is not a JSON object".to_owned());
    }
    let request: JsonRequest =
        serde_json::from_slice(bytes).map_err(|e| format!("the body is not OTLP JSON: {e}"))?;
    let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
    let records = scopes.flat_map(|scope| scope.log_records);
    Ok(records.map(|record| record.body.and_then(|body| body.string_value)).collect())
}

#[derive(prost::Message)]
struct ProtoRequest {
    #[prost(message, repeated, tag = "1")]
    resource_logs: Vec<ProtoResource>,
}

#[derive(prost::Message)]
struct ProtoResource {
    #[prost(message, repeated, tag = "2")]
    scope_logs: Vec<ProtoScope>,
}

#[derive(prost::Message)]
struct ProtoScope {
    #[prost(message, repeated, tag = "2")]
    log_records: Vec<ProtoRecord>,
}

#[derive(prost::Message)]
struct ProtoRecord {
    #[prost(message, optional, tag = "5")]
    body: Option<ProtoValue>,
}

#[derive(prost::Message)]
struct ProtoValue {
    #[prost(string, optional, tag = "1")]
    string_value: Option<String>,
}

fn protobuf(bytes: &[u8]) -> Result<Vec<Option<String>>, String> {
    let request = ProtoRequest::decode(bytes)
        .map_err(|e| format!("the body is not an OTLP protobuf message: {e}"))?;
    let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
    let records = scopes.flat_map(|scope| scope.log_records);
    Ok(records.map(|record| record.body.and_then(|body| body.string_value)).collect())
}

#[derive(prost::Message)]
struct ProtoResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<ProtoPartial>,
}

#[derive(prost::Message)]
struct ProtoPartial {
    #[prost(int64, tag = "1")]
    rejected_log_records: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// `google.rpc.Status`.
#[derive(prost::Message)]
struct ProtoStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// The answer when the request was taken: with how many of its records were not, and why.
pub(super) fn success(format: Format, rejected: Option<(usize, String)>) -> Vec<u8> {
    match format {
        Format::Json => match rejected {
            None => b"{}".to_vec(),
            Some((count, why)) => serde_json::json!({
                "partialSuccess": {"rejectedLogRecords": count.to_string(), "errorMessage": why},
            })
            .to_string()
            .into_bytes(),
        },
        Format::Protobuf => {
            let partial_success = rejected.map(|(count, error_message)| ProtoPartial {
                rejected_log_records: i64::try_from(count).unwrap_or(i64::MAX),
                error_message,
            });
            ProtoResponse { partial_success }.encode_to_vec()
        }
    }
}

/// The answer when nothing of it was: a `google.rpc.Status`.
pub(super) fn status(format: Format, code: i32, message: &str) -> Vec<u8> {
    match format {
        Format::Json => {
            serde_json::json!({"code": code, "message": message}).to_string().into_bytes()
        }
        Format::Protobuf => ProtoStatus { code, message: message.to_owned() }.encode_to_vec(),
    }
}
