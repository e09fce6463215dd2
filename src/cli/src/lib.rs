//! The program `scopewarden`: what a policy says, and what it would do, without a proxy.
//!
//! Every subcommand is a function from its arguments to an [`Exit`](exit::Exit), so that tests call it.
#![forbid(unsafe_code)]

pub mod report;
pub mod source;
