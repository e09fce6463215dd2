//! What happens with what a detector finds.

/// What happens with what a detector finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// It becomes `[masked:NAME]`.
    #[default]
    Mask,
    /// It becomes `[masked:NAME:` and so many of its last characters and `]`.
    Partial(u8),
    /// It becomes `[NAME:` and 16 hex digits of HMAC-SHA256 and `]`: the same text, the same hash.
    Hash,
    /// It is taken out, and what is a whole document and contains it is not sent.
    Drop,
    /// The response ends.
    Block,
}
