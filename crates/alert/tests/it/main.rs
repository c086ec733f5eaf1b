//! Against a real Alertmanager and its amtool.

mod alertmanager;
mod config;
mod driver;
mod http;
mod oracle;
mod restarts;
mod scenario;
