//! Channels against receivers that really listen: HTTP servers of every mood, TLS, a mail server.

mod channels;
mod config;
mod delivery;
mod mail;
mod notification;
mod secrets;
mod server;
mod tls;
