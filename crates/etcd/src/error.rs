//! Why a call failed: which endpoint, which operation, which class, and what to do about it.

use std::borrow::Cow;
use std::fmt;

use crate::endpoint::Endpoint;

/// The kinds of failure that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorClass {
    /// The host name does not resolve.
    Dns,
    /// Nothing listens there.
    Refused,
    /// The connection could not be made in time, or broke.
    Transport,
    /// The TLS handshake failed, or its files are unusable.
    Tls,
    /// Connected, but no answer in time.
    Deadline,
    /// No leader, or no quorum to confirm one.
    NoLeader,
    /// The database is full.
    Nospace,
    /// The cluster found its members' data to differ.
    Corrupt,
    /// Wrong password, no credentials, or a token that is not taken.
    Auth,
    /// Known, but not allowed to do this.
    PermissionDenied,
    /// The member sheds load.
    TooManyRequests,
    /// The request was meant for another cluster.
    ClusterIdMismatch,
    /// A learner does not serve this.
    Learner,
    /// The revision is compacted.
    Compacted,
    /// Something answers, but not etcd, or not over this scheme.
    NotEtcd,
    /// The server does not know this call.
    Unsupported,
    /// Anything else.
    Other,
}

impl ErrorClass {
    /// The class as labels and JSON spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Transport => "transport",
            Self::Tls => "tls",
            Self::Deadline => "deadline",
            Self::NoLeader => "no_leader",
            Self::Nospace => "nospace",
            Self::Corrupt => "corrupt",
            Self::Auth => "auth",
            Self::PermissionDenied => "permission_denied",
            Self::TooManyRequests => "too_many_requests",
            Self::ClusterIdMismatch => "cluster_id_mismatch",
            Self::Learner => "learner",
            Self::Compacted => "compacted",
            Self::NotEtcd => "not_etcd",
            Self::Unsupported => "unsupported",
            Self::Other => "other",
        }
    }

    /// What usually helps, where something usually does.
    fn remedy(self) -> Option<&'static str> {
        Some(match self {
            Self::Dns => "check the host name and this machine's DNS",
            Self::Refused => "check that etcd runs there and that the port is its client port",
            Self::NoLeader => "check that a majority of the members runs and reaches each other",
            Self::Nospace => "compact, defragment, then disarm the alarm, or raise the quota",
            Self::Corrupt => "find the member that differs and replace it",
            Self::Auth => "check user and password (--user)",
            Self::PermissionDenied => "grant the user a role with this right",
            Self::TooManyRequests => "the member cannot keep up; look at its disk",
            Self::ClusterIdMismatch => "the endpoints belong to different clusters",
            Self::Learner => "ask a voting member",
            Self::Compacted => "ask for a newer revision",
            Self::Unsupported => "the server is too old for this call",
            Self::Transport | Self::Tls | Self::Deadline | Self::NotEtcd | Self::Other => {
                return None;
            }
        })
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an operation on an endpoint failed.
///
/// Prints as `endpoint operation: what; remedy` and never holds a secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    endpoint: Option<Endpoint>,
    operation: &'static str,
    failure: Failure,
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(endpoint) = &self.endpoint {
            write!(f, "{endpoint} ")?;
        }
        write!(f, "{}: {}", self.operation, self.failure.message)?;
        self.failure.remedy().map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

impl Error {
    pub(crate) fn new(endpoint: &Endpoint, operation: &'static str, failure: Failure) -> Self {
        Self(Box::new(Inner { endpoint: Some(endpoint.clone()), operation, failure }))
    }

    pub(crate) fn without_endpoint(operation: &'static str, failure: Failure) -> Self {
        Self(Box::new(Inner { endpoint: None, operation, failure }))
    }

    /// The endpoint that was asked; `None` when it failed before any was.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.0.endpoint.as_ref()
    }

    /// The call that failed, such as `Status`.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The kind of failure.
    pub fn class(&self) -> ErrorClass {
        self.0.failure.class
    }

    /// What went wrong, without endpoint, operation and remedy.
    pub fn message(&self) -> &str {
        &self.0.failure.message
    }

    /// What to do about it, where something is known to help.
    pub fn remedy(&self) -> Option<&str> {
        self.0.failure.remedy()
    }

    /// The server's own words: the name of the gRPC code and the message, unchanged; `None` when no
    /// server answered.
    pub fn server_said(&self) -> Option<(&'static str, &str)> {
        self.0.failure.said.as_ref().map(|(code, message)| (*code, &**message))
    }

    /// Whether the server certainly never saw the request, so that even a write may be repeated.
    pub fn is_unsent(&self) -> bool {
        self.0.failure.unsent
    }
}

/// An [`Error`] before it is known for whom and where it happened.
///
/// One dial or one Authenticate may fail several calls, so it clones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) class: ErrorClass,
    pub(crate) message: Cow<'static, str>,
    remedy: Option<Cow<'static, str>>,
    pub(crate) unsent: bool,
    pub(crate) refused_token: bool,
    /// Code and message of a gRPC status that a server sent.
    pub(crate) said: Option<(&'static str, Box<str>)>,
}

impl Failure {
    pub(crate) fn new(class: ErrorClass, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self { class, message, remedy: None, unsent: false, refused_token: false, said: None }
    }

    /// With a remedy that fits better than the class's own.
    pub(crate) fn with_remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The server certainly never saw the request.
    pub(crate) fn unsent(mut self) -> Self {
        self.unsent = true;
        self
    }

    /// The server wants a token, or a newer one than it got.
    pub(crate) fn refused_token(mut self) -> Self {
        self.refused_token = true;
        self
    }

    /// With the part of the endpoint that it is about, such as a path.
    pub(crate) fn about(mut self, part: &str) -> Self {
        self.message = format!("{part}: {}", self.message).into();
        self
    }

    fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref().or_else(|| self.class.remedy())
    }
}
