//! Masks what must not be seen in text that streams.

mod catalogue;
mod checks;
mod email;
mod iban;
mod literal;
mod number;
mod scanner;
mod set;
mod shape;

pub use catalogue::secrets;
pub use scanner::{Detectors, PERSONAL, Part, Scanner};
pub use set::Set;
pub use shape::{Over, Proof, Run, Shape};

#[cfg(test)]
mod tests;
