//! Values with `*`.

/// Text in which `*` stands for anything. Case matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What stands between the stars: one piece is the value itself.
    pieces: Vec<String>,
}

impl Pattern {
    /// Exactly this.
    pub fn exact(text: impl Into<String>) -> Self {
        Self { pieces: vec![text.into()] }
    }

    /// From the pieces between stars; none of them is an empty pattern.
    pub(super) fn from_pieces(pieces: Vec<String>) -> Self {
        if pieces.is_empty() { Self::exact("") } else { Self { pieces } }
    }

    /// The value, if it is one.
    pub fn as_exact(&self) -> Option<&str> {
        match &*self.pieces {
            [one] => Some(one),
            _ => None,
        }
    }

    /// What stands between the stars.
    pub fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// Whether a value is such a one.
    pub fn matches(&self, text: &str) -> bool {
        let (first, rest) = match &*self.pieces {
            [] => return text.is_empty(),
            [one] => return one == text,
            [first, rest @ ..] => (first, rest),
        };
        let Some((last, middle)) = rest.split_last() else { return false };
        let Some(mut text) = text.strip_prefix(&**first) else { return false };
        // The first place of each piece leaves most for those that follow.
        for piece in middle {
            match text.split_once(&**piece) {
                Some((_, after)) => text = after,
                None => return false,
            }
        }
        text.ends_with(&**last)
    }
}
