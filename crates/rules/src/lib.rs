//! Prometheus' rule files: reading, checking, evaluating, testing.

#![forbid(unsafe_code)]

mod error;
pub mod evaluate;
mod file;
mod memory;
pub mod replay;
pub mod template;
pub mod testing;

pub use error::RuleError;
pub use evaluate::{Evaluation, Evaluator};
pub use file::{AlertRule, Group, Rule, RuleFile, parse};

/// The rules that ship, as a rule file.
pub const DEFAULT: &str = include_str!("../default.yaml");
