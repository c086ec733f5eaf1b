//! Prometheus' rule files: reading, checking, evaluating, testing.

#![forbid(unsafe_code)]

mod error;
mod file;
pub mod template;

pub use error::RuleError;
pub use file::{AlertRule, Group, Rule, RuleFile, parse};
