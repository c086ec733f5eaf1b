//! Prometheus text (0.0.4) and OpenMetrics (1.0) pages, in and out.
//!
//! [`parse`] walks a page line by line without copying it, [`ScrapeCache`] recognises the series
//! of the page before, and [`Encoder`] writes pages.
//!
//! ```
//! use expfmt::{Format, Limits, Line, parse};
//!
//! let page = b"# TYPE up gauge\nup{member=\"infra1\"} 1\n";
//! for line in parse(page, Format::Text, Limits::default()) {
//!     if let Line::Sample(sample) = line? {
//!         assert_eq!(sample.name, "up");
//!         assert_eq!(sample.labels.get("member").as_deref(), Some("infra1"));
//!         assert_eq!(sample.value, 1.0);
//!     }
//! }
//! # Ok::<(), expfmt::ParseError>(())
//! ```

#![forbid(unsafe_code)]

mod cache;
mod encoder;
mod error;
mod format;
mod kind;
mod labels;
mod number;
mod reader;

pub use cache::{Page, ScrapeCache};
pub use encoder::{EncodeError, Encoder, Family};
pub use error::ParseError;
pub use format::Format;
pub use kind::Kind;
pub use labels::Labels;
pub use reader::{Limits, Line, Reader, Sample, parse};
