//! `pagerduty_configs`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use model::secret::Secret;
use serde::Deserialize;

use super::http::HttpConfig;
use super::values::duration;

/// A service of PagerDuty, by its Events API v2.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct PagerdutyConfig {
    /// Default true.
    pub send_resolved: Option<bool>,
    pub routing_key: Option<Secret<String>>,
    pub routing_key_file: Option<PathBuf>,
    /// The key of the older API, which we do not speak: refused with a message.
    pub service_key: Option<Secret<String>>,
    pub service_key_file: Option<PathBuf>,
    pub url: Option<String>,
    pub client: Option<String>,
    pub client_url: Option<String>,
    /// Template of the summary.
    pub description: Option<String>,
    /// Template; `critical`, `error`, `warning` or `info`.
    pub severity: Option<String>,
    pub source: Option<String>,
    pub class: Option<String>,
    pub component: Option<String>,
    pub group: Option<String>,
    /// Templates of entries in `custom_details`.
    pub details: BTreeMap<String, String>,
    pub images: Vec<PagerdutyImage>,
    pub links: Vec<PagerdutyLink>,
    #[serde(deserialize_with = "duration")]
    pub timeout: Option<Duration>,
    pub http_config: Option<HttpConfig>,
}

/// A picture in an incident.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct PagerdutyImage {
    pub src: String,
    pub href: String,
    pub alt: String,
}

/// A link in an incident.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/alerting/receivers.md explains each key to its user")]
pub struct PagerdutyLink {
    pub href: String,
    pub text: String,
}
