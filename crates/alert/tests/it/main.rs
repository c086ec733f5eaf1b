//! Against a real Alertmanager and its amtool.

mod alertmanager;
mod config;
mod http;
mod oracle;
mod scenario;
