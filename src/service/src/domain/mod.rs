//! What an approval is and who may decide it: values and rules, no I/O and no clock.

mod approval;
mod approver;
mod event;
mod people;
mod set;

pub use approval::{Approval, Decision, Refusal, Rules, State, Status, Unusable, Vote};
pub use approver::Approver;
pub use event::{Event, Topic};
pub use people::{People, Person};
pub use set::{Turn, complete};

#[cfg(test)]
mod tests;
