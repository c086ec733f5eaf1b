//! What comes of a delivery: a receipt, or a failure that says whether another try makes sense.

use std::fmt;
use std::time::Duration;

/// A delivery that the receiver took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What the next delivery of the same group is to be given, where the receiver has threads or
    /// messages that can be changed.
    pub thread: Option<String>,
    /// What a person should know although the notification was delivered: a template failed and the
    /// plain form was sent, or one of several recipients was refused.
    pub remark: Option<String>,
}

/// A delivery that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure.
    pub class: FailureClass,
    /// How long the receiver asks to be left alone.
    pub retry_after: Option<Duration>,
    /// For people; names the receiver's host, never a secret.
    pub message: String,
}

impl Failure {
    pub(crate) fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, retry_after: None, message: message.into() }
    }

    /// The same failure as one of `host`.
    pub(crate) fn at(mut self, host: impl fmt::Display) -> Self {
        self.message = format!("{host}: {}", self.message);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// No connection, or one that broke.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// The other side could not prove who it is, or refused our certificate.
    Tls,
    /// The receiver is overloaded or unwell: 408, 425, 429, 5xx, SMTP 4xx.
    TryLater,
    /// The answer makes no sense.
    Garbled,
    /// A file with a secret or certificate is unreadable at present.
    Unprepared,
    /// The receiver says no, and will again: other 4xx, SMTP 5xx, unfollowed redirects.
    Refused,
    /// We do not connect there: a link-local or cloud metadata address.
    Forbidden,
}

impl FailureClass {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Unreachable,
        Self::TimedOut,
        Self::Tls,
        Self::TryLater,
        Self::Garbled,
        Self::Unprepared,
        Self::Refused,
        Self::Forbidden,
    ];

    /// Whether the same delivery would fail again, whenever it is tried.
    pub fn is_permanent(self) -> bool {
        matches!(self, Self::Refused | Self::Forbidden)
    }

    /// The name in metrics and in the history.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Tls => "tls",
            Self::TryLater => "try_later",
            Self::Garbled => "garbled",
            Self::Unprepared => "unprepared",
            Self::Refused => "refused",
            Self::Forbidden => "forbidden",
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
