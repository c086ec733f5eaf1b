//! What Go's `%q`, `strconv` and `time` do to text: quoting, unquoting, numbers, durations.

mod number;
mod quote;

pub use number::{duration, int64, int64_base, parse_bool, show_duration};
pub use quote::{quote, scan_quoted};

/// What Go says of a failed system call.
pub fn io_error(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "no such file or directory".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::AlreadyExists => "file exists".to_owned(),
        ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    }
}
