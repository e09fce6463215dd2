//! Masks what must not be seen in text that streams.

mod catalogue;
mod channel;
mod checks;
mod email;
mod iban;
mod json;
mod literal;
mod number;
mod path;
mod scanner;
mod set;
mod shape;

pub use catalogue::secrets;
pub use channel::{Channel, Tally};
pub use json::{Json, Rules, Uncertain};
pub use path::Paths;
pub use scanner::{Detectors, PERSONAL, Part, Scanner};
pub use set::Set;
pub use shape::{Over, Proof, Run, Shape};

#[cfg(test)]
mod tests;
