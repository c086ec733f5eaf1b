//! How the API is served: address, origins, limits.

use std::net::IpAddr;
use std::time::Duration;

use http::HeaderValue;
use http::uri::{PathAndQuery, Uri};
use model::config_error::ConfigError;
use schemars::JsonSchema;
use serde::Deserialize;

/// Each query holds a thread, and all of its samples, while it is evaluated.
const MAX_CONCURRENCY: usize = 256;

/// How the API is served.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address to listen on: an IP address or a host name. The default is this machine alone,
    /// since the API asks nobody who they are.
    pub host: String,
    /// The port to listen on; 0 takes any free one.
    pub port: u16,
    /// Web origins whose pages may read the API, such as `https://grafana.example.com`; `*` is any.
    pub cors_origins: Vec<String>,
    /// How long a request may take until it is answered with an error.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    #[schemars(with = "String")]
    pub request_timeout: Duration,
    /// The largest request body that is accepted, in bytes.
    pub max_body_bytes: usize,
    /// What a query of the history may cost.
    pub query: QueryConfig,
}

/// What a query of the history may cost.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QueryConfig {
    /// How long a query may take; a request can ask for less.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    #[schemars(with = "String")]
    pub timeout: Duration,
    /// Samples that a query may read, and values that one part of it may hold.
    pub max_samples: usize,
    /// Queries that are evaluated at the same time; others wait for at most 10 seconds.
    pub concurrency: usize,
}

impl Default for QueryConfig {
    fn default() -> Self {
        Self { timeout: Duration::from_mins(2), max_samples: 50_000_000, concurrency: 20 }
    }
}

impl QueryConfig {
    fn validate(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        let (least, most) = (Duration::from_millis(100), Duration::from_hours(1));
        if !(least..=most).contains(&self.timeout) {
            let found = self.timeout;
            let message = format!("{found:?} is not accepted; use 100ms to 1h");
            errors.push(ConfigError::new("timeout", message));
        }
        if self.max_samples == 0 {
            errors.push(ConfigError::new("max_samples", "must be at least 1"));
        }
        if !(1..=MAX_CONCURRENCY).contains(&self.concurrency) {
            let found = self.concurrency;
            let message = format!("{found} is not accepted; use 1 to {MAX_CONCURRENCY}");
            errors.push(ConfigError::new("concurrency", message));
        }
        errors
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8080,
            cors_origins: Vec::new(),
            request_timeout: Duration::from_secs(10),
            max_body_bytes: 64 * 1024,
            query: QueryConfig::default(),
        }
    }
}

impl Config {
    /// All that is wrong with this configuration; paths are relative to it.
    pub fn validate(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        if !is_host(&self.host) {
            errors.push(ConfigError::new(
                "host",
                format!(
                    "{:?} is no address; write an IP address or a host name, without scheme and port",
                    self.host
                ),
            ));
        }
        for (index, origin) in self.cors_origins.iter().enumerate() {
            if !is_origin(origin) {
                errors.push(ConfigError::new(
                    format!("cors_origins[{index}]"),
                    format!(
                        "{origin:?} is no web origin; write scheme://host or scheme://host:port, \
                         nothing after it, or \"*\" for any"
                    ),
                ));
            }
        }
        let (least, most) = (Duration::from_millis(100), Duration::from_mins(5));
        if !(least..=most).contains(&self.request_timeout) {
            errors.push(ConfigError::new(
                "request_timeout",
                format!("{:?} is not accepted; use 100ms to 5m", self.request_timeout),
            ));
        }
        if self.max_body_bytes == 0 {
            errors.push(ConfigError::new("max_body_bytes", "must be at least 1"));
        }
        errors.extend(self.query.validate().into_iter().map(|error| error.within("query")));
        errors
    }

    /// The origins as browsers send them; `None` when any origin may read.
    ///
    /// Those that are no origin are left out: [`Self::validate`] names them.
    pub(crate) fn origins(&self) -> Option<Vec<HeaderValue>> {
        if self.cors_origins.iter().any(|origin| origin == "*") {
            return None;
        }
        Some(self.cors_origins.iter().filter_map(|origin| origin.parse().ok()).collect())
    }
}

fn is_host(host: &str) -> bool {
    let is_name =
        host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    host.parse::<IpAddr>().is_ok() || (is_name && !host.is_empty())
}

fn is_origin(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    let Ok(uri) = text.parse::<Uri>() else { return false };
    // An origin has no path, not even the slash that `Uri` adds by itself.
    uri.scheme().is_some()
        && uri.host().is_some_and(|host| !host.is_empty())
        && !text.contains('@')
        && !text.ends_with('/')
        && uri.path_and_query().is_none_or(|path| *path == PathAndQuery::from_static("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_listen_on_this_machine_alone() {
        let config = Config::default();
        assert_eq!(config.validate(), []);
        assert_eq!((config.host.as_str(), config.port), ("127.0.0.1", 8080));
    }

    #[test]
    fn every_mistake_is_reported_with_its_key() {
        let config = Config {
            host: "http://localhost:80".to_owned(),
            port: 0,
            cors_origins: vec!["https://a.example".to_owned(), "https://a.example/path".to_owned()],
            request_timeout: Duration::ZERO,
            max_body_bytes: 0,
            query: QueryConfig { timeout: Duration::ZERO, max_samples: 0, concurrency: 0 },
        };
        let paths: Vec<_> = config.validate().into_iter().map(|error| error.path).collect();
        assert_eq!(
            paths,
            [
                "host",
                "cors_origins[1]",
                "request_timeout",
                "max_body_bytes",
                "query.timeout",
                "query.max_samples",
                "query.concurrency"
            ]
        );
    }

    #[test]
    fn hosts_and_origins_are_told_from_urls() {
        for host in ["127.0.0.1", "::1", "0.0.0.0", "localhost", "mon-1.example.com"] {
            assert!(is_host(host), "{host}");
        }
        for host in ["", "[::1]", "a:80", "a/b", "http://a"] {
            assert!(!is_host(host), "{host}");
        }
        for origin in ["*", "http://localhost:3000", "https://grafana.example.com"] {
            assert!(is_origin(origin), "{origin}");
        }
        for origin in ["", "grafana", "https://a/", "https://a/x", "https://u@a", "https://a?x"] {
            assert!(!is_origin(origin), "{origin}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let error = serde_json::from_str::<Config>(r#"{"prot": 80}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `prot`"), "{error}");
        let config: Config = serde_json::from_str(r#"{"request_timeout": "1m 30s"}"#).unwrap();
        assert_eq!(config.request_timeout, Duration::from_secs(90));
    }
}
