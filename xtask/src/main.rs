//! Checks and generators of the project, run as cargo xtask.
fn main() {}
