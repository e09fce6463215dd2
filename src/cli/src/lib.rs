//! The program `scopewarden`: what a policy says, and what it would do, without a proxy.
//!
//! Every subcommand is a function from its arguments to an [`Exit`](exit::Exit), so that tests call it.
#![forbid(unsafe_code)]

pub mod cli;
mod client;
pub mod clock;
pub mod commands;
pub mod drive;
pub mod exit;
pub mod io;
pub mod load;
pub mod report;
pub mod request;
mod runtime;
pub mod source;
mod table;
pub mod text;
pub mod yaml_out;
