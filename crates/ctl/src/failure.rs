//! Why a command ends without success, and the exit code that says so.

use etcd::{Error, ErrorClass};

/// Exit codes, as etcdctl's.
pub mod exit {
    /// The operation failed, or what was asked about is not well.
    pub const ERROR: u8 = 1;
    /// There is no connection, or no user.
    pub const BAD_CONNECTION: u8 = 2;
    /// What stands on standard input is not understood.
    pub const INVALID_INPUT: u8 = 3;
    /// A flag has a value that is not supported.
    pub const BAD_FEATURE: u8 = 4;
    /// The server ended a watch, or a snapshot was not completed.
    pub const INTERRUPTED: u8 = 5;
    /// The arguments are wrong.
    pub const BAD_ARGS: u8 = 128;
}

/// The end of a command that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// Printed after `Error: `; nothing is printed when it is empty.
    pub message: String,
    /// What etcdctl does not say: where it happened and what helps. Printed on lines of their own.
    pub details: Vec<String>,
}

impl Failure {
    /// A failure with any code.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new() }
    }

    /// The operation failed.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(exit::ERROR, message)
    }

    /// The arguments are wrong.
    pub fn bad_args(message: impl Into<String>) -> Self {
        Self::new(exit::BAD_ARGS, message)
    }

    /// A flag has a value that is not supported.
    pub fn bad_feature(message: impl Into<String>) -> Self {
        Self::new(exit::BAD_FEATURE, message)
    }

    /// Standard input is not understood.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(exit::INVALID_INPUT, message)
    }

    /// An end with a code and nothing to say, as all has been said.
    pub fn silent(code: u8) -> Self {
        Self::new(code, "")
    }

    /// With one more line after the error.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// The same with another exit code.
    #[must_use]
    pub fn with_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }
}

/// The first line is what etcdctl prints; the second says endpoint, cause and remedy.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let said = error_text(&error);
        let needs_more = error.server_said().is_none() || error.remedy().is_some();
        let failure = Self::error(said);
        if needs_more { failure.with_detail(error.to_string()) } else { failure }
    }
}

/// What etcdctl prints for a failed call.
pub fn error_text(error: &Error) -> String {
    match error.server_said() {
        Some((_, message)) if message.starts_with("etcdserver: ") => message.to_owned(),
        Some(("DeadlineExceeded", _)) => "context deadline exceeded".to_owned(),
        Some((code, message)) => format!("rpc error: code = {code} desc = {message}"),
        None => match error.class() {
            // Go's client goes on dialling until the time is up, whatever keeps it from success.
            ErrorClass::Dns
            | ErrorClass::Refused
            | ErrorClass::Transport
            | ErrorClass::Tls
            | ErrorClass::Deadline
            | ErrorClass::NotEtcd => "context deadline exceeded".to_owned(),
            _ => error.message().to_owned(),
        },
    }
}
