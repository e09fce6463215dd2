//! Where in a JSON body something stands.

use std::fmt;

use crate::limits::MAX_JSON_DEPTH;

/// A JSON pointer (RFC 6901) in which the step `*` stands for every element of an array.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pointer {
    steps: Vec<String>,
}

impl Pointer {
    /// Reads `/model`, `/input/*/type`.
    ///
    /// # Errors
    /// A sentence for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!(
                "`{text}` is not a JSON pointer; it starts with `/`, such as `/model`"
            ));
        };
        let mut steps = Vec::new();
        for step in rest.split('/') {
            if step.replace("~0", "").replace("~1", "").contains('~') {
                return Err(format!(
                    "`{text}` has a `~` that is neither `~0` nor `~1`; write `~0` for `~` and `~1` for `/`"
                ));
            }
            steps.push(step.replace("~1", "/").replace("~0", "~"));
        }
        if steps.len() > MAX_JSON_DEPTH {
            return Err(format!("`{text}` is deeper than {MAX_JSON_DEPTH} steps"));
        }
        Ok(Self { steps })
    }

    /// This pointer followed by `other`.
    pub fn join(&self, other: &Self) -> Self {
        Self { steps: self.steps.iter().chain(&other.steps).cloned().collect() }
    }

    /// The unescaped steps from the root of the document; never empty.
    pub fn steps(&self) -> &[String] {
        &self.steps
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            write!(f, "/{}", step.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_prints_and_joins() {
        for text in ["/model", "/input/*/type", "/a~1b/~0~1", "/"] {
            assert_eq!(Pointer::parse(text).unwrap().to_string(), text);
        }
        let arguments = Pointer::parse("/params/arguments").unwrap();
        let repo = Pointer::parse("/a~1b").unwrap();
        assert_eq!(arguments.join(&repo).steps(), ["params", "arguments", "a/b"]);
    }

    #[test]
    fn refuses_what_is_not_a_pointer() {
        for bad in ["", "model", "/a~", "/a~2", "/~/0"] {
            assert!(Pointer::parse(bad).is_err(), "{bad}");
        }
        assert!(Pointer::parse(&"/a".repeat(MAX_JSON_DEPTH)).is_ok());
        assert!(Pointer::parse(&"/a".repeat(MAX_JSON_DEPTH + 1)).is_err());
    }
}
