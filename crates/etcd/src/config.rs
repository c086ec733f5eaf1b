//! What a person configures about reaching a cluster, and what is wrong with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use model::config_error::ConfigError;
use model::secret::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::tls;

/// How to know the servers, and how to be known by them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// PEM file with the CAs that sign the servers' certificates. Default: those that this machine
    /// trusts.
    pub ca_file: Option<PathBuf>,
    /// PEM file with our client certificate and its chain.
    pub cert_file: Option<PathBuf>,
    /// PEM file with the client certificate's private key.
    pub key_file: Option<PathBuf>,
    /// Name that the servers' certificates must carry. Default: the endpoint's host.
    pub server_name: Option<String>,
    /// Accept any server certificate. The connection is then open to anyone in between.
    pub insecure_skip_verify: bool,
}

impl TlsConfig {
    /// All mistakes, with `now` deciding which certificates have expired; reads the files.
    pub fn validate(&self, now: Timestamp) -> Vec<ConfigError> {
        tls::check(self, now)
    }
}

/// Who we are to a cluster whose authentication is on.
///
/// Either `user` with a password, or a ready-made token; neither when the client certificate says
/// it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// User name.
    pub user: Option<String>,
    /// Password of the user.
    pub password: Option<Secret<String>>,
    /// File that holds the password; read again when it changes.
    pub password_file: Option<PathBuf>,
    /// A ready-made token, such as a JWT.
    pub token: Option<Secret<String>>,
    /// File that holds a ready-made token; read again when it changes.
    pub token_file: Option<PathBuf>,
}

impl AuthConfig {
    /// All mistakes; reads the files.
    pub fn validate(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        let mut error = |path: &str, message: &str| errors.push(ConfigError::new(path, message));
        let has_password = self.password.is_some() || self.password_file.is_some();
        let has_token = self.token.is_some() || self.token_file.is_some();
        if self.password.is_some() && self.password_file.is_some() {
            error("password_file", "is given together with password; keep one of them");
        }
        if self.token.is_some() && self.token_file.is_some() {
            error("token_file", "is given together with token; keep one of them");
        }
        if has_token && (self.user.is_some() || has_password) {
            error("token", "is given together with a user or password; keep one way");
        }
        match &self.user {
            Some(user) if user.is_empty() => error("user", "is empty; give a user name"),
            Some(_) if !has_password && !has_token => {
                error("user", "has no password; give password or password_file");
            }
            None if has_password => error("password", "has no user; give user"),
            _ => {}
        }
        if self.token.as_ref().is_some_and(|token| !is_header_value(token.expose())) {
            error("token", "has characters that no token has");
        }
        errors.extend(secret_file("password_file", self.password_file.as_deref(), |_| true));
        errors.extend(secret_file("token_file", self.token_file.as_deref(), is_header_value));
        errors
    }
}

/// Whether `text` can travel as gRPC metadata.
fn is_header_value(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn secret_file(key: &str, file: Option<&Path>, accept: fn(&str) -> bool) -> Option<ConfigError> {
    let path = file?;
    let message = match read_secret(path) {
        Ok(secret) if secret.expose().is_empty() => format!("{} is empty", path.display()),
        Ok(secret) if !accept(secret.expose()) => {
            format!("{} holds characters that no token has", path.display())
        }
        Ok(_) => return None,
        Err(error) => format!("cannot read {}: {error}", path.display()),
    };
    Some(ConfigError::new(key, message))
}

/// A secret from a file, without the line end that editors leave.
pub(crate) fn read_secret(path: &Path) -> std::io::Result<Secret<String>> {
    let text = std::fs::read_to_string(path)?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// All that the members of one cluster share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// How to know the servers; `None` is as the default. Plain endpoints ignore it.
    pub tls: Option<TlsConfig>,
    /// Who we are.
    pub auth: AuthConfig,
    /// Longest time for name lookup, TCP and TLS together. Default: 2 s.
    pub dial_timeout: Duration,
    /// Silence on a connection with a call under way before it is tested. Default: 10 s; etcd
    /// ends connections that are tested more often than every 5 s.
    pub keepalive_time: Duration,
    /// Longest wait for the answer to that test. Default: 5 s.
    pub keepalive_timeout: Duration,
    /// Largest answer that is read. Default: 64 MiB, far over what etcd's limit on requests lets
    /// one answer hold by accident.
    pub max_message_bytes: usize,
}

/// Shortest keepalive time that etcd's default policy allows.
const MIN_KEEPALIVE_TIME: Duration = Duration::from_secs(5);

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            tls: None,
            auth: AuthConfig::default(),
            dial_timeout: Duration::from_secs(2),
            keepalive_time: Duration::from_secs(10),
            keepalive_timeout: Duration::from_secs(5),
            max_message_bytes: 64 << 20,
        }
    }
}

impl ClientConfig {
    /// All mistakes, with `now` deciding which certificates have expired; reads the files.
    pub fn validate(&self, now: Timestamp) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        if let Some(tls) = &self.tls {
            errors.extend(tls.validate(now).into_iter().map(|error| error.within("tls")));
        }
        errors.extend(self.auth.validate().into_iter().map(|error| error.within("auth")));
        if self.dial_timeout.is_zero() {
            errors.push(ConfigError::new("dial_timeout", "is 0; give a time such as 2s"));
        }
        if self.keepalive_time < MIN_KEEPALIVE_TIME {
            let message = "is under 5s, which etcd answers by closing the connection";
            errors.push(ConfigError::new("keepalive_time", message));
        }
        if self.keepalive_timeout.is_zero() {
            errors.push(ConfigError::new("keepalive_timeout", "is 0; give a time such as 5s"));
        }
        if self.max_message_bytes == 0 {
            errors.push(ConfigError::new("max_message_bytes", "is 0; give a size such as 64 MiB"));
        }
        errors
    }
}
