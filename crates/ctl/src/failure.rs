//! Why a command ends without success, and the exit code that says so.

use std::time::Duration;

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

impl Failure {
    /// The failure of a call that had `limit` with all its tries, which the flag of that name sets.
    ///
    /// The last try knows only what was left for it, which says nothing to anybody.
    pub fn of_call(error: Error, limit: Duration, flag: Option<&str>) -> Self {
        let spent = timed_out(error.message());
        let Some(what) = spent.filter(|_| error.server_said().is_none()) else {
            return Self::from(error);
        };
        let full = error.to_string();
        let limit = flag.map_or_else(|| format!("{limit:?}"), |flag| format!("{flag}={limit:?}"));
        let shown = full.replace(error.message(), &format!("{what} within {limit}"));
        let mut failure = Self::from(error);
        for detail in &mut failure.details {
            if *detail == full {
                detail.clone_from(&shown);
            }
        }
        failure
    }
}

/// What did not happen within a time that a message names at its end; `None` in other messages.
fn timed_out(message: &str) -> Option<&'static str> {
    ["no answer", "cannot connect"].into_iter().find(|what| {
        let rest = message.strip_prefix(what).and_then(|rest| rest.strip_prefix(" within "));
        rest.is_some_and(|time| time.ends_with('s') && !time.contains(' '))
    })
}

/// The first line is what etcdctl prints; the second says endpoint, cause and remedy.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let said = error_text(&error);
        let needs_more = error.server_said().is_none() || error.remedy().is_some();
        // Go's client authenticates before anything else, and etcdctl calls that the connection.
        let is_login = error.message().starts_with("cannot authenticate as ");
        let code = if is_login { exit::BAD_CONNECTION } else { exit::ERROR };
        let failure = Self::new(code, said);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_that_end_with_a_spent_time_are_taken_for_such() {
        assert_eq!(timed_out("no answer within 103.014553ms"), Some("no answer"));
        assert_eq!(timed_out("cannot connect within 1.9s"), Some("cannot connect"));
        for other in ["connected, but no answer within 2s", "no answer within 2s; look", "refused"]
        {
            assert_eq!(timed_out(other), None, "{other}");
        }
    }
}
