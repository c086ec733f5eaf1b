//! Against a real Alertmanager and its amtool; and delivery from outside: a real store, real
//! connections, processes that are killed.

mod alertmanager;
mod config;
mod crash;
mod driver;
mod flood;
mod http;
mod killed;
mod oracle;
mod receiver;
mod restarts;
mod scenario;
mod storm;
mod webhook;
