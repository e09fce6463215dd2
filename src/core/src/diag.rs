//! What is wrong with a policy, said so that it can be mended.

use std::fmt;

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy is refused.
    Error,
    /// The policy is taken, and probably not what was meant.
    Warning,
}

/// A place in the policy tree: object keys and array indices from the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(Vec<Step>);

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Member of an object.
    Key(String),
    /// Element of an array, from 0.
    Index(usize),
}

impl Path {
    /// The document itself.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// This path and then `key`.
    pub fn key(&self, key: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.to_owned()));
        Self(steps)
    }

    /// This path and then element `index`.
    pub fn index(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }

    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

/// `rules[3].models.autogen:prompt`, or `policy` for the root.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("policy");
        }
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(i) => write!(f, "[{i}]")?,
                Step::Key(k) if n == 0 => f.write_str(k)?,
                Step::Key(k) => write!(f, ".{k}")?,
            }
        }
        Ok(())
    }
}

/// One finding about a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// A stable name, such as `unknown-key`.
    pub code: &'static str,
    /// Where.
    pub path: Path,
    /// What is wrong: lower case, no final full stop, the user's words in backticks.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

/// `error[unknown-key] rules[0].scop: unknown key `scop`; did you mean `scope`?` on one line.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}[{}] {}: {}", self.code, self.path, self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Collects findings while a policy is read, so that all are reported at once.
#[derive(Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds an error.
    pub fn error(
        &mut self,
        code: &'static str,
        path: &Path,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(Severity::Error, code, path, message.into())
    }

    /// Adds a warning.
    pub fn warning(
        &mut self,
        code: &'static str,
        path: &Path,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(Severity::Warning, code, path, message.into())
    }

    fn push(
        &mut self,
        severity: Severity,
        code: &'static str,
        path: &Path,
        message: String,
    ) -> &mut Diagnostic {
        self.0.push_mut(Diagnostic { severity, code, path: path.clone(), message, help: None })
    }

    /// Whether any error was added.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// All findings in the order they were met.
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.0
    }
}

impl Diagnostic {
    /// Says how to mend it.
    pub fn help(&mut self, help: impl Into<String>) {
        self.help = Some(help.into());
    }
}

/// The member of `known` closest to `word`, when it is close enough to be a slip of the fingers.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|k| (distance(word, k), k))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k)
}

/// How many characters were added, left out, changed, or swapped with the next one.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut above_that = above.clone();
    let mut before_a = None;
    for (i, ca) in a.chars().enumerate() {
        let mut row = vec![i.saturating_add(1)];
        let mut before_b = None;
        for (j, cb) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX);
            let changed = at(&above, j).saturating_add(usize::from(ca != *cb));
            let left_out = at(&above, j.saturating_add(1)).saturating_add(1);
            let added = at(&row, j).saturating_add(1);
            let mut least = changed.min(left_out).min(added);
            if before_a == Some(*cb) && before_b == Some(ca) {
                least = least.min(at(&above_that, j.saturating_sub(1)).saturating_add(1));
            }
            row.push(least);
            before_b = Some(*cb);
        }
        above_that = std::mem::replace(&mut above, row);
        before_a = Some(ca);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closest_finds_slips_only() {
        let known = ["scope", "models", "require"];
        assert_eq!(closest("scop", known), Some("scope"));
        assert_eq!(closest("modles", known), Some("models"));
        assert_eq!(closest("scpoe", known), Some("scope"));
        assert_eq!(closest("rqeuier", known), Some("require"));
        assert_eq!(closest("zebra", known), None);
    }

    #[test]
    fn paths_read_like_the_document() {
        let path = Path::root().key("rules").index(3).key("scope");
        assert_eq!(path.to_string(), "rules[3].scope");
        assert_eq!(Path::root().to_string(), "policy");
    }

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("mode", "moed", 1),
            ("ab", "ba", 1),
            ("abcd", "badc", 2),
            ("ca", "abc", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
