//! How many requests wait for approval, of whom.

use std::cell::RefCell;
use std::rc::Rc;

use super::bound::Party;
use crate::policy::ApprovalService;

/// The requests of one worker that wait for approval, counted by caller.
#[derive(Clone, Debug, Default)]
pub struct Holds(Rc<RefCell<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    callers: Vec<(Party, usize)>,
}

/// One place taken; given back when this is dropped.
#[derive(Debug)]
pub struct Place {
    holds: Holds,
    caller: Party,
}

impl Holds {
    /// Takes a place for a request of `caller`; `None` when all are taken, or all of this caller's.
    pub fn take(&self, caller: &Party, service: &ApprovalService) -> Option<Place> {
        let counts = &mut *self.0.borrow_mut();
        let own = counts.callers.iter().position(|(c, _)| c == caller);
        let held = own.and_then(|at| counts.callers.get(at)).map_or(0, |(_, held)| *held);
        if counts.total >= service.holds || held >= service.holds_per_caller {
            return None;
        }
        counts.total = counts.total.saturating_add(1);
        match own.and_then(|at| counts.callers.get_mut(at)) {
            Some((_, held)) => *held = held.saturating_add(1),
            None => counts.callers.push((caller.clone(), 1)),
        }
        Some(Place { holds: self.clone(), caller: caller.clone() })
    }

    /// How many requests wait.
    pub fn total(&self) -> usize {
        self.0.borrow().total
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let counts = &mut *self.holds.0.borrow_mut();
        counts.total = counts.total.saturating_sub(1);
        for (caller, held) in &mut counts.callers {
            if *caller == self.caller {
                *held = held.saturating_sub(1);
            }
        }
        counts.callers.retain(|(_, held)| *held > 0);
    }
}
