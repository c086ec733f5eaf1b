//! What deciding changes: what its caller stores before anything is sent.

pub use store::alerts::{AlertState, Change, GroupState, Sent, Transition};
