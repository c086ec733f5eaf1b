//! Against a real Alertmanager and its amtool.

mod alertmanager;
mod http;
mod oracle;
mod scenario;
