//! Properties of reader and writer together.

mod round_trip;
