//! What is wrong with a rule file.

use std::fmt;

/// One mistake in a rule file.
///
/// Reading a file returns all of them at once: a person mends it in one pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The file, as it was named.
    pub file: String,
    /// From 1; none when the mistake has no place.
    pub line: Option<usize>,
    /// The group's name.
    pub group: Option<String>,
    /// The rule's name or, without one, its number from 1.
    pub rule: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        f.write_str(": ")?;
        if let Some(group) = &self.group {
            write!(f, "group {group:?}: ")?;
        }
        if let Some(rule) = &self.rule {
            write!(f, "rule {rule}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for RuleError {}
