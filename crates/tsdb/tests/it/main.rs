//! The store from outside: what was appended is found again, whatever happens in between.

mod admin;
mod crash;
mod damage;
mod retention;
mod scrapes;
mod selectors;
mod staleness;
mod together;
