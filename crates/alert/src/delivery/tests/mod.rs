//! Delivery as a whole, on a real store, in tokio's time.

mod failures;
mod giving_up;
mod pace;
mod sequence;
mod stopping;
