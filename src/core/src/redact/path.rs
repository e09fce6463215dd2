//! Paths of fields: `data.config.environment[*].value`, `**.api_key`.

/// Most steps of all paths together.
const MAX_STEPS: usize = 256;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seg {
    /// A member of this name.
    Name(Vec<u8>),
    /// The element with this index.
    Index(u32),
    /// Any member.
    AnyName,
    /// Any element.
    AnyIndex,
    /// Any number of steps, or none.
    Deep,
}

/// Paths, as one automaton.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// Steps of all paths, each path followed by `None`.
    steps: Vec<Option<Seg>>,
    starts: Vec<usize>,
    /// Each path as it is written.
    texts: Vec<String>,
}

/// How far a place in a document is along each path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place([u64; 4]);

impl Place {
    fn put(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= 1_u64.wrapping_shl(u32::try_from(at % 64).unwrap_or_default());
        }
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        (0_usize..).step_by(64).zip(self.0).flat_map(|(base, mut word)| {
            std::iter::from_fn(move || {
                let bit = usize::try_from(word.trailing_zeros()).unwrap_or_default();
                (word != 0).then(|| {
                    // The lowest bit goes.
                    word &= word.wrapping_sub(1);
                    base.saturating_add(bit)
                })
            })
        })
    }

    /// Whether no path leads on from here.
    pub const fn is_off(self) -> bool {
        let [a, b, c, d] = self.0;
        a | b | c | d == 0
    }
}

impl Paths {
    /// Adds a path.
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let segs = parse(text)?;
        let start = self.steps.len();
        if start.saturating_add(segs.len()) >= MAX_STEPS {
            return Err(format!("the paths have more than {MAX_STEPS} steps in all"));
        }
        self.starts.push(start);
        self.texts.push(text.to_owned());
        self.steps.extend(segs.into_iter().map(Some));
        self.steps.push(None);
        Ok(())
    }

    /// The document itself.
    pub fn root(&self) -> Place {
        let mut place = Place::default();
        self.starts.iter().for_each(|start| self.enter(&mut place, *start));
        place
    }

    /// A member of the object at `place`.
    pub fn member(&self, place: Place, name: &[u8]) -> Place {
        self.follow(place, |seg| match seg {
            Seg::Name(wanted) => wanted == name,
            Seg::AnyName => true,
            _ => false,
        })
    }

    /// An element of the array at `place`.
    pub fn element(&self, place: Place, index: u32) -> Place {
        self.follow(place, |seg| match seg {
            Seg::Index(wanted) => *wanted == index,
            Seg::AnyIndex => true,
            _ => false,
        })
    }

    /// Which path ends here, the first of several.
    pub fn hit(&self, place: Place) -> Option<u16> {
        let end = place.iter().find(|at| matches!(self.steps.get(*at), Some(None)))?;
        let path = self.starts.partition_point(|start| *start <= end).saturating_sub(1);
        u16::try_from(path).ok()
    }

    /// A path as it is written.
    pub fn text_of(&self, path: u16) -> &str {
        self.texts.get(usize::from(path)).map_or("", String::as_str)
    }

    fn follow(&self, place: Place, takes: impl Fn(&Seg) -> bool) -> Place {
        let mut next = Place::default();
        if place.is_off() {
            return next;
        }
        for at in place.iter() {
            match self.steps.get(at) {
                Some(Some(Seg::Deep)) => self.enter(&mut next, at),
                Some(Some(seg)) if takes(seg) => self.enter(&mut next, at.saturating_add(1)),
                _ => {}
            }
        }
        next
    }

    /// Stands before step `at`, and behind it when it may be no step at all.
    fn enter(&self, place: &mut Place, at: usize) {
        place.put(at);
        if matches!(self.steps.get(at), Some(Some(Seg::Deep))) {
            self.enter(place, at.saturating_add(1));
        }
    }
}

fn parse(text: &str) -> Result<Vec<Seg>, String> {
    let wrong = |why: &str| {
        format!(
            "`{text}` is not a path of a field: {why}; write it like `data.items[*].value` or `**.api_key`"
        )
    };
    let mut segs = Vec::new();
    for step in text.split('.') {
        let (name, brackets) = match step.find('[') {
            Some(at) => step.split_at_checked(at).unwrap_or((step, "")),
            None => (step, ""),
        };
        match name {
            "" if brackets.is_empty() || !segs.is_empty() => return Err(wrong("a name is empty")),
            "" => {}
            "**" if segs.last() == Some(&Seg::Deep) => {
                return Err(wrong("`**` twice means no more than once"));
            }
            "**" => segs.push(Seg::Deep),
            "*" => segs.push(Seg::AnyName),
            name if name.contains(['*', ']']) => {
                return Err(wrong("a `*` stands for a whole name"));
            }
            name => segs.push(Seg::Name(name.as_bytes().to_vec())),
        }
        let mut rest = brackets;
        while let Some(inner) = rest.strip_prefix('[') {
            let (index, after) =
                inner.split_once(']').ok_or_else(|| wrong("a `[` is not closed"))?;
            segs.push(match index {
                "*" => Seg::AnyIndex,
                index => {
                    Seg::Index(index.parse().map_err(|_| wrong("an index is not a number or `*`"))?)
                }
            });
            rest = after;
        }
        if !rest.is_empty() {
            return Err(wrong("something follows after a `]`"));
        }
    }
    if matches!(segs.last(), Some(Seg::Deep)) {
        return Err(wrong("it ends with `**`, which is everything"));
    }
    Ok(segs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(paths: &[&str], steps: &[&str]) -> bool {
        let mut built = Paths::default();
        paths.iter().for_each(|p| built.add(p).unwrap());
        let place = steps.iter().fold(built.root(), |place, step| match step.parse() {
            Ok(index) => built.element(place, index),
            Err(_) => built.member(place, step.as_bytes()),
        });
        built.hit(place).is_some()
    }

    #[test]
    fn paths_lead_to_fields() {
        let environment = "data.config.environment[*].value";
        assert!(hit(&[environment], &["data", "config", "environment", "3", "value"]));
        assert!(!hit(&[environment], &["data", "config", "environment", "3", "name"]));
        assert!(!hit(&[environment], &["data", "config", "environment", "value"]));
        for path in
            [&["api_key"][..], &["a", "api_key"], &["a", "0", "api_key"], &["0", "0", "api_key"]]
        {
            assert!(hit(&["x", "**.api_key"], path), "{path:?}");
        }
        assert!(!hit(&["**.api_key"], &["api_key", "x"]));
        assert!(hit(&["a.**.b"], &["a", "b"]) && hit(&["a.**.b"], &["a", "x", "1", "b"]));
        assert!(hit(&["*.b"], &["x", "b"]) && !hit(&["*.b"], &["0", "b"]));
        assert!(hit(&["[0][*]"], &["0", "7"]) && !hit(&["[0][*]"], &["1", "7"]));
    }

    #[test]
    fn the_first_path_that_ends_counts() {
        let mut paths = Paths::default();
        ["x.y", "a.*", "**.b", "a.b"].iter().for_each(|path| paths.add(path).unwrap());
        let member = |place, name: &str| paths.member(place, name.as_bytes());
        let (a, b) = (member(paths.root(), "a"), member(paths.root(), "b"));
        assert_eq!(paths.hit(a), None);
        assert_eq!(paths.hit(member(a, "b")), Some(1));
        assert_eq!(paths.hit(b).map(|path| paths.text_of(path)), Some("**.b"));
    }

    #[test]
    fn what_is_no_path() {
        for bad in
            ["", ".", "a.", "a..b", "a[", "a[x]", "a[1]b", "a*", "**", "a.**", "**.**.a", "a.[0]"]
        {
            assert!(Paths::default().add(bad).is_err(), "{bad}");
        }
        let mut many = Paths::default();
        assert!((0..100).any(|_| many.add("a.b.c").is_err()), "there is an end");
    }
}
