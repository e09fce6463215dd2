//! Logs made by a writer of these tests, sound and not.

mod broken;
mod sound;
mod tamper;
mod writer;
