//! The program's contracts with people and scripts, against golden files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod config_files;
mod golden;
