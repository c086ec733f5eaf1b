//! The figures of a member: what its `/metrics` pages say about use, rate, errors and duration.
//!
//! [`catalogue`] lists every figure and where it comes from; all else follows from it. A [`page`]
//! keeps the numbers of one scrape that the catalogue needs, a [`window`] the pages of the last
//! minute, and [`figures`] is what a window amounts to: gauges of the latest page, rates and
//! quantiles of the change since the oldest.
//!
//! A number that a member does not show (an older version, no observation, the first page) is
//! absent, never zero.

pub mod catalogue;
mod engine;
pub mod expression;
pub mod figures;
pub(crate) mod histogram;
mod layout;
pub mod page;
mod requests;
pub mod source;
pub mod window;

#[cfg(test)]
mod docs;
#[cfg(test)]
mod tests;
