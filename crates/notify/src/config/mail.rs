//! `email_configs`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::secret::Secret;
use serde::Deserialize;

use super::http::TlsConfig;

/// A mailbox, or several.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct EmailConfig {
    /// Default false, as in Alertmanager.
    pub send_resolved: Option<bool>,
    /// Addresses, separated by commas.
    pub to: String,
    pub from: Option<String>,
    pub smarthost: Option<String>,
    pub hello: Option<String>,
    pub auth_username: Option<String>,
    pub auth_password: Option<Secret<String>>,
    pub auth_password_file: Option<PathBuf>,
    /// The secret of CRAM-MD5, which we do not speak: refused with a message.
    pub auth_secret: Option<Secret<String>>,
    pub auth_secret_file: Option<PathBuf>,
    pub auth_identity: Option<String>,
    pub headers: BTreeMap<String, String>,
    /// Template of the HTML part.
    pub html: Option<String>,
    /// Template of the text part.
    pub text: Option<String>,
    /// Default true: without STARTTLS (or implicit TLS) nothing is sent.
    pub require_tls: Option<bool>,
    /// TLS from the first byte; default true for port 465.
    pub force_implicit_tls: Option<bool>,
    pub tls_config: Option<TlsConfig>,
    pub threading: Threading,
    /// Whether a mail server at a link-local address is meant.
    pub allow_link_local: bool,
}

/// Which mails of a group form a thread.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Threading {
    /// Default true.
    pub enabled: bool,
    /// `none`: one thread for each group; `daily`: a new one each day (UTC).
    pub thread_by_date: String,
}

impl Default for Threading {
    fn default() -> Self {
        Self { enabled: true, thread_by_date: "none".to_owned() }
    }
}
