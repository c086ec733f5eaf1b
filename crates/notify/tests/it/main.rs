//! Channels against receivers that really listen: HTTP servers of every mood, TLS, a mail server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alertmanager;
mod channels;
mod config;
mod delivery;
mod documentation;
mod mail;
mod notification;
mod secrets;
mod server;
mod tls;
