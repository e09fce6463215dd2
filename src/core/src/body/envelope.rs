//! The envelope of a JSON-RPC 2.0 message.

use super::{BodyError, Fact};
use crate::reason::Reason;

/// A JSON-RPC id that can be echoed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RpcId {
    /// A string.
    Text(String),
    /// An integer.
    Integer(i64),
}

impl From<&RpcId> for serde_json::Value {
    fn from(id: &RpcId) -> Self {
        match id {
            RpcId::Text(text) => Self::from(text.as_str()),
            RpcId::Integer(number) => Self::from(*number),
        }
    }
}

/// What kind of message a JSON-RPC body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// A request, answered under its id.
    Request {
        /// `method`.
        method: String,
        /// `id`.
        id: RpcId,
    },
    /// A notification: nothing is answered.
    Notification {
        /// `method`.
        method: String,
    },
    /// The client's response to a request of the server.
    Response,
}

/// The members of an envelope as they are met.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) version: Option<Fact>,
    pub(super) method: Option<Fact>,
    pub(super) id: Option<Fact>,
    pub(super) result: bool,
    pub(super) error: bool,
}

impl Parts {
    /// The names of the members.
    pub(super) const NAMES: [&str; 5] = ["jsonrpc", "method", "id", "result", "error"];

    pub(super) fn set(&mut self, name: &str, value: Fact) {
        match name {
            "jsonrpc" => self.version = Some(value),
            "method" => self.method = Some(value),
            "id" => self.id = Some(value),
            "result" => self.result = true,
            "error" => self.error = true,
            _ => {}
        }
    }

    pub(super) fn id(&self) -> Option<RpcId> {
        match &self.id {
            Some(Fact::Text(text)) => Some(RpcId::Text(text.clone())),
            Some(Fact::Integer(number)) => Some(RpcId::Integer(*number)),
            _ => None,
        }
    }

    pub(super) fn finish(self) -> Result<Envelope, BodyError> {
        let invalid = |detail: &str| Err(BodyError::new(Reason::JsonRpcInvalid, detail));
        if self.version.as_ref().and_then(Fact::as_text) != Some("2.0") {
            return invalid("`jsonrpc` is not \"2.0\"");
        }
        let id = self.id();
        if self.id.is_some() && id.is_none() {
            return invalid("`id` is neither a string nor an integer");
        }
        match (self.method, self.result || self.error) {
            (Some(Fact::Text(method)), false) => Ok(match id {
                Some(id) => Envelope::Request { method, id },
                None => Envelope::Notification { method },
            }),
            (Some(_), false) => invalid("`method` is not a string"),
            (None, true) if id.is_some() && self.result != self.error => Ok(Envelope::Response),
            _ => invalid("neither a request, a notification nor a response"),
        }
    }
}
