//! `http_config` and `tls_config`: how a receiver's server is reached.

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::secret::Secret;
use serde::Deserialize;

/// How a receiver's server is reached by HTTP.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct HttpConfig {
    pub basic_auth: Option<BasicAuth>,
    pub authorization: Option<Authorization>,
    pub bearer_token: Option<Secret<String>>,
    pub bearer_token_file: Option<PathBuf>,
    pub tls_config: Option<TlsConfig>,
    /// An `http://` proxy; its URL may hold a password.
    pub proxy_url: Option<Secret<String>>,
    pub follow_redirects: Option<bool>,
    /// Taken so that Alertmanager's files can be used; requests go by HTTP/1.1.
    pub enable_http2: Option<bool>,
    pub http_headers: BTreeMap<String, HttpHeader>,
    /// Whether link-local and cloud metadata addresses may be posted to.
    pub allow_link_local: bool,
}

/// User name and password.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct BasicAuth {
    pub username: Option<String>,
    pub username_file: Option<PathBuf>,
    pub password: Option<Secret<String>>,
    pub password_file: Option<PathBuf>,
}

/// The `Authorization` header: a scheme (`Bearer` unless given) and credentials.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct Authorization {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub credentials: Option<Secret<String>>,
    pub credentials_file: Option<PathBuf>,
}

/// One header of each request, with several values where they are given.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct HttpHeader {
    pub values: Vec<String>,
    pub secrets: Vec<Secret<String>>,
    pub files: Vec<PathBuf>,
}

/// Whom to trust and who we are. Files are read anew for each connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct TlsConfig {
    pub ca: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub cert: Option<String>,
    pub cert_file: Option<PathBuf>,
    pub key: Option<Secret<String>>,
    pub key_file: Option<PathBuf>,
    pub server_name: Option<String>,
    pub insecure_skip_verify: bool,
    /// `TLS12` or `TLS13`; older ones are never spoken.
    pub min_version: Option<String>,
    /// The same for the newest.
    pub max_version: Option<String>,
}
