//! Delivery from outside: a real store, real connections, processes that are killed.

mod crash;
mod receiver;
mod storm;
