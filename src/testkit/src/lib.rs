//! Scenarios and the drivers that run them.
