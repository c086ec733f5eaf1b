//! What can be wrong with a page.

/// What is wrong with a page, and where. Lines and columns count from 1, columns in bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A line does not follow the format.
    #[error("line {line}, column {column}: expected {expected}, found {found:?}")]
    Syntax {
        /// The line.
        line: usize,
        /// Where in the line.
        column: usize,
        /// What would have been accepted there.
        expected: &'static str,
        /// The first few characters of what is there instead.
        found: String,
    },
    /// The page is not UTF-8 text.
    #[error("line {line}: expected UTF-8 text, found other bytes")]
    NotUtf8 {
        /// The first line with such bytes.
        line: usize,
    },
    /// The page is longer than [`Limits::body_bytes`](crate::Limits::body_bytes).
    #[error("expected at most {limit} bytes in a page, found {found}")]
    BodyTooLong {
        /// The limit in bytes.
        limit: usize,
        /// The length of the page in bytes.
        found: usize,
    },
    /// A line is longer than [`Limits::line_bytes`](crate::Limits::line_bytes).
    #[error("line {line}: expected at most {limit} bytes in a line, found {found}")]
    LineTooLong {
        /// The line.
        line: usize,
        /// The limit in bytes.
        limit: usize,
        /// The length of the line in bytes.
        found: usize,
    },
    /// The page holds more samples than [`Limits::samples`](crate::Limits::samples).
    #[error("line {line}: expected at most {limit} samples in a page, found more")]
    TooManySamples {
        /// The line of the first sample too many.
        line: usize,
        /// The limit.
        limit: usize,
    },
    /// A series has more labels than [`Limits::labels`](crate::Limits::labels).
    #[error("line {line}: expected at most {limit} labels, found more")]
    TooManyLabels {
        /// The line.
        line: usize,
        /// The limit.
        limit: usize,
    },
    /// An OpenMetrics page stops before `# EOF`: the end of it was cut off.
    #[error("line {line}: expected `# EOF`, found the end of the page")]
    Truncated {
        /// The last line.
        line: usize,
    },
    /// Something follows `# EOF`.
    #[error("line {line}: expected the end of the page after `# EOF`, found more")]
    AfterEof {
        /// The first line that should not be there.
        line: usize,
    },
}
