//! What only a fake server can show: refused tokens, silence, strangers on the port, bad files.

mod auth;
mod connection;
mod pages;
mod strangers;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use model::secret::Secret;

use crate::config::{AuthConfig, ClientConfig};
use crate::connector::Connector;

/// Long enough for anything that works, on a busy machine.
const AMPLE: Duration = Duration::from_secs(10);

fn connector(auth: AuthConfig) -> Arc<Connector> {
    Connector::new(ClientConfig { auth, ..ClientConfig::default() }).unwrap()
}

fn login(user: &str, password: &str) -> AuthConfig {
    AuthConfig {
        user: Some(user.to_owned()),
        password: Some(Secret::new(password.to_owned())),
        ..AuthConfig::default()
    }
}
