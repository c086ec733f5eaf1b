//! One mistake in a configuration, with the path of the key that holds it.

use std::fmt;

/// One mistake in a configuration.
///
/// Validation returns all of them at once: a person mends a file in one pass, not one error at a
/// time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The key, as a path from the root of the file: `clusters[1].tls.cert_file`.
    pub path: String,
    /// What is wrong and which values are accepted; never holds a secret.
    pub message: String,
}

impl ConfigError {
    /// A mistake at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }

    /// The same mistake seen from one level further out: `prefix` is put before the path.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        self.path = match self.path.as_str() {
            "" => prefix.to_owned(),
            path if path.starts_with('[') => format!("{prefix}{path}"),
            path => format!("{prefix}.{path}"),
        };
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_grows_from_the_inside_out() {
        let error = ConfigError::new("cert_file", "cannot be read").within("tls");
        let error = error.within("[1]").within("clusters");
        assert_eq!(error.to_string(), "clusters[1].tls.cert_file: cannot be read");
    }
}
