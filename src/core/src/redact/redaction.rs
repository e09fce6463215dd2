//! What a policy's `redact` compiles to: rules for every caller, made ahead.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::about::{Group, builtin};
use super::action::Action;
use super::detectors::Detectors;
use super::path::Paths;
use super::pattern::Pattern;
use super::rules::{DetectorSet, OnUncertain, Rules};
use crate::limits::MAX_VISIBLE_TO_SCOPES;
use crate::policy::OperationId;

/// What is to be masked, as it is written.
pub struct Settings {
    /// The operations whose responses are masked.
    pub operations: BTreeSet<OperationId>,
    /// The detectors that are on, each once.
    pub detectors: Vec<Wanted>,
    /// The fields that are masked as a whole.
    pub fields: Vec<FieldRule>,
    /// The key of keyed hashes; there when an action is [`Action::Hash`].
    pub hash_key: Option<Vec<u8>>,
    /// What happens with what cannot be masked surely.
    pub on_uncertain: OnUncertain,
}

/// A detector that is on.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name: a built-in one's, or the user's own with a pattern.
    pub name: String,
    /// What it finds, when it is the user's own.
    pub pattern: Option<Pattern>,
    /// Holders of this scope see what it finds.
    pub visible_to: Option<String>,
    /// What happens with what it finds.
    pub action: Action,
}

/// A field that is masked as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRule {
    /// Where it is, as [`Paths::add`] reads it.
    pub path: String,
    /// Holders of this scope see it.
    pub visible_to: Option<String>,
}

/// What is masked in responses, and for whom.
pub struct Redaction {
    operations: BTreeSet<OperationId>,
    /// The scopes that something is visible to.
    scopes: Vec<String>,
    /// The rules for every set of those scopes; bit `n` of the index stands for scope `n`.
    views: Vec<Option<Arc<Rules>>>,
    /// Everything that is masked.
    parts: Vec<MaskedPart>,
    /// What texts in records are masked by.
    recorded: Arc<Rules>,
}

/// Something that is masked, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskedPart {
    /// A detector's name, or the path of a field.
    pub name: String,
    /// Whether it is a field.
    pub is_field: bool,
    /// Holders of this scope see it.
    pub visible_to: Option<String>,
}

impl Redaction {
    /// Prepares the rules for every set of scopes that callers can hold.
    ///
    /// # Errors
    /// What is wrong with the settings, for the person who wrote them.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let Settings { operations, detectors: wanted, fields, hash_key, on_uncertain } = settings;
        let mut scopes: Vec<String> = Vec::new();
        let shown =
            wanted.iter().map(|w| &w.visible_to).chain(fields.iter().map(|f| &f.visible_to));
        for scope in shown.flatten() {
            if !scopes.contains(scope) {
                scopes.push(scope.clone());
            }
        }
        if scopes.len() > MAX_VISIBLE_TO_SCOPES {
            return Err(format!("more than {MAX_VISIBLE_TO_SCOPES} scopes decide who sees what"));
        }
        let of_detectors = wanted.iter().map(|w| (&w.name, false, &w.visible_to));
        let of_fields = fields.iter().map(|field| (&field.path, true, &field.visible_to));
        let parts = of_detectors.chain(of_fields).map(|(name, is_field, visible_to)| MaskedPart {
            name: name.clone(),
            is_field,
            visible_to: visible_to.clone(),
        });
        let parts = parts.collect();
        let detectors = Arc::new(build(&wanted, hash_key.as_deref())?);
        let mut views = Vec::new();
        for view in 0..1_usize.wrapping_shl(u32::try_from(scopes.len()).unwrap_or_default()) {
            let sees = |visible_to: &Option<String>| {
                let held = |(n, scope): (u32, &String)| {
                    view.wrapping_shr(n) & 1 == 1 && visible_to.as_ref() == Some(scope)
                };
                (0..).zip(&scopes).any(held)
            };
            let seen = wanted.iter().filter(|w| sees(&w.visible_to));
            let off: DetectorSet = seen.filter_map(|w| detectors.id_of(&w.name)).collect();
            let mut paths = Paths::default();
            let mut masked = wanted.iter().filter(|w| !sees(&w.visible_to)).count();
            for field in fields.iter().filter(|field| !sees(&field.visible_to)) {
                paths.add(&field.path)?;
                masked = masked.saturating_add(1);
            }
            let rules =
                Rules { detectors: Arc::clone(&detectors), fields: paths, off, on_uncertain };
            views.push((masked > 0).then(|| Arc::new(rules)));
        }
        let recorded = match views.first() {
            Some(Some(all)) if shows_no_secret(&wanted) => Arc::clone(all),
            _ => Arc::new(recorded(&wanted, &fields, hash_key.as_deref())?),
        };
        Ok(Self { operations, scopes, views, parts, recorded })
    }

    /// What bodies in records are masked by: all that is masked for anybody, and secrets.
    pub fn recorded(&self) -> Arc<Rules> {
        Arc::clone(&self.recorded)
    }

    /// What is masked in an operation's responses to a caller; `None` when nothing is.
    ///
    /// A caller nobody proved holds no scope.
    pub fn rules_for(
        &self,
        operation: OperationId,
        holds_scope: &dyn Fn(&str) -> bool,
    ) -> Option<Arc<Rules>> {
        if !self.operations.contains(&operation) {
            return None;
        }
        self.rules(holds_scope)
    }

    /// The same for any operation that is masked.
    pub fn rules(&self, holds_scope: &dyn Fn(&str) -> bool) -> Option<Arc<Rules>> {
        let held = self.scopes.iter().map(|scope| usize::from(holds_scope(scope)));
        let view = (0..).zip(held).fold(0, |view, (n, held)| view | held.wrapping_shl(n));
        // The first is what is masked for those who hold nothing.
        self.views.get(view).or_else(|| self.views.first()).cloned().flatten()
    }

    /// Everything that is masked for those who hold no scope.
    pub fn parts(&self) -> &[MaskedPart] {
        &self.parts
    }

    /// The operations whose responses are masked.
    pub fn operations(&self) -> impl Iterator<Item = OperationId> {
        self.operations.iter().copied()
    }

    /// The scopes that something is visible to.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(String::as_str)
    }
}

/// The detectors, with patterns and actions.
fn build(wanted: &[Wanted], hash_key: Option<&[u8]>) -> Result<Detectors, String> {
    let builtin = wanted.iter().filter(|w| w.pattern.is_none()).map(|w| w.name.as_str());
    let own = wanted.iter().filter_map(|w| Some((w.name.clone(), w.pattern.clone()?)));
    let actions = wanted.iter().map(|w| (w.name.as_str(), w.action));
    Detectors::new(builtin, own.collect()).acting(actions, hash_key)
}

/// Whether every detector of secrets is on, and something is always left to show.
fn shows_no_secret(wanted: &[Wanted]) -> bool {
    let mut secrets = builtin().filter(|about| about.group == Group::Secrets);
    secrets.all(|about| wanted.iter().any(|each| each.name == about.name))
        && !wanted.iter().any(|each| matches!(each.action, Action::Drop | Action::Block))
}

/// A record has to show something: nothing is dropped from it, and nothing blocks it.
fn recorded(
    wanted: &[Wanted],
    fields: &[FieldRule],
    hash_key: Option<&[u8]>,
) -> Result<Rules, String> {
    let mut all: Vec<Wanted> = wanted.to_vec();
    for each in &mut all {
        if matches!(each.action, Action::Drop | Action::Block) {
            each.action = Action::Mask;
        }
    }
    for about in builtin().filter(|about| about.group == Group::Secrets) {
        if !all.iter().any(|each| each.name == about.name) {
            let name = about.name.to_owned();
            all.push(Wanted { name, pattern: None, visible_to: None, action: Action::Mask });
        }
    }
    let mut rules = Rules::new(build(&all, hash_key)?);
    fields.iter().try_for_each(|field| rules.fields.add(&field.path))?;
    Ok(rules)
}

impl Wanted {
    /// Whether its action can be taken, apart from a key that is missing.
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it.
    pub fn check(&self) -> Result<(), String> {
        match self.action {
            Action::Partial(_) => build(std::slice::from_ref(self), None).map(|_| ()),
            _ => Ok(()),
        }
    }
}

/// The key is in the rules, which are not shown.
impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction")
            .field("operations", &self.operations)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::Kind;
    use super::super::masker::Masker;
    use super::*;

    fn wanted(name: &str, visible_to: Option<&str>) -> Wanted {
        Wanted {
            name: name.to_owned(),
            pattern: None,
            visible_to: visible_to.map(str::to_owned),
            action: Action::Mask,
        }
    }

    fn field(path: &str, visible_to: Option<&str>) -> FieldRule {
        FieldRule { path: path.to_owned(), visible_to: visible_to.map(str::to_owned) }
    }

    fn settings(detectors: Vec<Wanted>, fields: Vec<FieldRule>) -> Settings {
        Settings {
            operations: BTreeSet::from([1, 2]),
            detectors,
            fields,
            hash_key: None,
            on_uncertain: OnUncertain::Scan,
        }
    }

    /// What is masked of `{"a":"bob@example.com","b":"4111 1111 1111 1111","c":"x"}`, by the holder of `scopes`.
    fn masked(redaction: &Redaction, scopes: &[&str]) -> Option<String> {
        let rules = redaction.rules_for(1, &|scope| scopes.contains(&scope))?;
        let mut masker = Masker::new(rules, Kind::Json);
        let mut out = Vec::new();
        masker
            .feed(br#"{"a":"bob@example.com","b":"4111 1111 1111 1111","c":"x"}"#, &mut out)
            .unwrap();
        masker.finish(&mut out).unwrap();
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn each_set_of_scopes_has_a_view() {
        let redaction = Redaction::new(settings(
            vec![wanted("email", Some("s:email")), wanted("card", Some("s:card"))],
            vec![field("c", Some("s:c"))],
        ))
        .unwrap();
        let email = ["[masked:email]", "bob@example.com"];
        let card = ["[masked:card]", "4111 1111 1111 1111"];
        let c = ["[masked]", "x"];
        let all = ["s:email", "s:card", "s:c"];
        for set in 0..7_usize {
            let held = |n: usize| set >> n & 1;
            let scopes: Vec<&str> = (0..3).filter(|n| held(*n) == 1).map(|n| all[n]).collect();
            let expected = format!(
                r#"{{"a":"{}","b":"{}","c":"{}"}}"#,
                email[held(0)],
                card[held(1)],
                c[held(2)]
            );
            assert_eq!(masked(&redaction, &scopes).unwrap(), expected, "{scopes:?}");
        }
        assert_eq!(masked(&redaction, &all), None, "who sees everything gets it as it is");
        assert_eq!(redaction.scopes().collect::<Vec<_>>(), all);
    }

    #[test]
    fn other_operations_are_left_alone() {
        let redaction = Redaction::new(settings(vec![wanted("email", None)], Vec::new())).unwrap();
        assert!(redaction.rules_for(2, &|_| false).is_some());
        assert!(redaction.rules_for(3, &|_| false).is_none());
        assert_eq!(redaction.rules(&|_| true).unwrap().on_uncertain, OnUncertain::Scan);
        assert_eq!(redaction.operations().collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn what_cannot_be_built_is_an_error() {
        let five = ["a", "b", "c", "d", "e"].map(|scope| wanted("email", Some(scope))).to_vec();
        assert!(Redaction::new(settings(five, Vec::new())).unwrap_err().contains("4 scopes"));
        let bad = settings(Vec::new(), vec![field("a..b", None)]);
        assert!(Redaction::new(bad).unwrap_err().contains("a name is empty"));
    }
}
