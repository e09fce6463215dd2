//! Finds many literals in one pass: Aho and Corasick's automaton, as a table over classes of bytes.

/// Bytes that no literal has, and each byte that one has.
type Class = u8;

/// The automaton. It starts, and starts over, in state 0.
#[derive(Clone, Debug)]
pub struct Automaton {
    classes: [Class; 256],
    width: usize,
    /// Next state, by state and class.
    next: Vec<u16>,
    /// For each state, what ends there: into `ends`.
    outputs: Vec<(u16, u16)>,
    ends: Vec<u16>,
}

impl Automaton {
    /// Finds each of these; a literal is named by its place in the list.
    pub fn new<L: AsRef<[u8]>>(literals: &[L]) -> Self {
        let mut classes = [0; 256];
        let mut width: usize = 1;
        for byte in literals.iter().flat_map(|l| l.as_ref()) {
            if let Some(class) = classes.get_mut(usize::from(*byte))
                && *class == 0
            {
                *class = Class::try_from(width).unwrap_or(Class::MAX);
                width = width.saturating_add(1);
            }
        }
        let mut built =
            Self { classes, width, next: vec![0; width], outputs: Vec::new(), ends: Vec::new() };
        let mut found: Vec<Vec<u16>> = vec![Vec::new()];
        for (name, literal) in (0..).zip(literals) {
            let mut state = 0;
            for byte in literal.as_ref() {
                state = match built.step(state, *byte) {
                    0 => built.grow(state, *byte, &mut found),
                    next => next,
                };
            }
            if let Some(list) = found.get_mut(usize::from(state)) {
                list.push(name);
            }
        }
        built.link(&mut found);
        for list in found {
            let start = u16::try_from(built.ends.len()).unwrap_or(u16::MAX);
            built.outputs.push((start, u16::try_from(list.len()).unwrap_or(u16::MAX)));
            built.ends.extend(list);
        }
        built
    }

    /// The state after `byte`.
    pub fn step(&self, state: u16, byte: u8) -> u16 {
        let class = self.classes.get(usize::from(byte)).copied().unwrap_or_default();
        let at = usize::from(state).saturating_mul(self.width).saturating_add(usize::from(class));
        self.next.get(at).copied().unwrap_or_default()
    }

    /// The literals that end in a state.
    pub fn ending(&self, state: u16) -> &[u16] {
        let (start, count) = self.outputs.get(usize::from(state)).copied().unwrap_or_default();
        let start = usize::from(start);
        self.ends.get(start..start.saturating_add(usize::from(count))).unwrap_or_default()
    }

    fn grow(&mut self, state: u16, byte: u8, found: &mut Vec<Vec<u16>>) -> u16 {
        let new = u16::try_from(found.len()).unwrap_or(u16::MAX);
        found.push(Vec::new());
        self.next.resize(self.next.len().saturating_add(self.width), 0);
        self.set(state, byte, new);
        new
    }

    fn set(&mut self, state: u16, byte: u8, to: u16) {
        let class = self.classes.get(usize::from(byte)).copied().unwrap_or_default();
        let at = usize::from(state).saturating_mul(self.width).saturating_add(usize::from(class));
        if let Some(next) = self.next.get_mut(at) {
            *next = to;
        }
    }

    /// Fills in where to go when a literal does not go on: breadth first, from what the longest proper suffix does.
    fn link(&mut self, found: &mut [Vec<u16>]) {
        let mut queue = std::collections::VecDeque::from([(0_u16, 0_u16)]);
        while let Some((state, suffix)) = queue.pop_front() {
            for class in 0..self.width {
                let at = |s: u16| usize::from(s).saturating_mul(self.width).saturating_add(class);
                let child = self.next.get(at(state)).copied().unwrap_or_default();
                let fallback = match state {
                    0 => 0,
                    _ => self.next.get(at(suffix)).copied().unwrap_or_default(),
                };
                if child == 0 {
                    if let Some(next) = self.next.get_mut(at(state)) {
                        *next = fallback;
                    }
                    continue;
                }
                let inherited = found.get(usize::from(fallback)).cloned().unwrap_or_default();
                if let Some(list) = found.get_mut(usize::from(child)) {
                    list.extend(inherited);
                }
                queue.push_back((child, fallback));
            }
        }
    }
}
