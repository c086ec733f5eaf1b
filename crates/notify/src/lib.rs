//! Receivers of notifications, one file each: mail, Slack, PagerDuty, webhooks and so on.
//!
//! A [`config::Receiver`] as `alertmanager.yml` has it becomes [`Channel`]s, one for each of its
//! integrations; a channel delivers a [`Notification`](model::notification::Notification) once, or
//! says what kind of [`Failure`] it met. Trying again is the caller's.
//!
//! Secrets (webhook URLs are some) appear in no message; addresses at which clouds hand out
//! credentials are not connected to; a template that fails costs its looks, not the notification.

#![forbid(unsafe_code)]

mod channel;
pub mod config;
mod digest;
mod failure;
mod http;
mod payload;
mod scrub;
mod template;
#[cfg(test)]
mod testing;
mod text;

pub use channel::{Channel, Kind};
pub use failure::{Failure, FailureClass, Receipt};
pub use template::Templates;
