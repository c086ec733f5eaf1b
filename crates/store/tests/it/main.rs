//! The store from outside: what was put is found again, whatever happens in between.

mod crash;
mod damage;
mod pages;
mod records;
mod retention;
mod trouble;
