//! The scopewarden program.
fn main() {}
