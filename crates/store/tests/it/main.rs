//! The store from outside: what was put is found again, whatever happens in between.

mod alerts;
mod alerts_crash;
mod crash;
mod damage;
mod outbox;
mod pages;
mod records;
mod retention;
mod transitions;
mod trouble;
