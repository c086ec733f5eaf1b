//! What Go's `%q`, `strconv` and `time` do to text: quoting, unquoting, numbers, durations.

mod number;
mod quote;

pub use number::{duration, int64, int64_base, parse_bool, show_duration};
pub use quote::{quote, scan_quoted};
