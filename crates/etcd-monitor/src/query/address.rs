//! Where the API is that answers queries.

use std::fmt;
use std::str::FromStr;

use etcd::{Endpoint, Scheme};

/// Where etcd-monitor has Prometheus' API.
const OUR_PREFIX: &str = "/prometheus";

/// The URL of an etcd-monitor or of a Prometheus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    endpoint: Endpoint,
    /// What stands before `/api/v1`, without a slash at its end; `None` when nobody said.
    prefix: Option<String>,
}

impl Address {
    /// Host and port.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The paths under which `route` may be found, the likeliest first.
    pub(super) fn paths(&self, route: &str) -> Vec<String> {
        let prefixes = match &self.prefix {
            Some(prefix) => vec![prefix.as_str()],
            None => vec![OUR_PREFIX, ""],
        };
        prefixes.into_iter().map(|prefix| format!("{prefix}/api/v1/{route}")).collect()
    }
}

/// Where etcd-monitor serves when nothing else is configured.
impl Default for Address {
    fn default() -> Self {
        let server::Config { host, port, .. } = server::Config::default();
        Self { endpoint: Endpoint::new(Scheme::Http, host, port), prefix: None }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.endpoint.url(), self.prefix.as_deref().unwrap_or_default())
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let rest_at = text.find("://").map_or(0, |at| at + 3);
        let path_at = text[rest_at..].find('/').map_or(text.len(), |at| rest_at + at);
        let (base, path) = text.split_at(path_at);
        if base.contains('@') {
            return Err("a user name or password in the URL is not supported".to_owned());
        }
        let is_path = path.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#'));
        if !is_path || base.contains(['?', '#']) {
            return Err("give scheme, host, port and path only".to_owned());
        }
        let is_secure = base[..rest_at].eq_ignore_ascii_case("https://");
        let has_port = base[rest_at..].rsplit(']').next().is_some_and(|end| end.contains(':'));
        let base = match (has_port, is_secure) {
            (true, _) => base.to_owned(),
            (false, true) => format!("{base}:443"),
            (false, false) => format!("{base}:80"),
        };
        let endpoint = Endpoint::parse(&base, Scheme::Http).map_err(|error| error.to_string())?;
        let path = path.trim_end_matches('/');
        Ok(Self { endpoint, prefix: (!path.is_empty()).then(|| path.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_path_is_tried_both_ways() {
        for (text, shown, paths) in [
            ("localhost:8080", "http://localhost:8080", "/prometheus/api/v1/q /api/v1/q"),
            ("http://prom:9090/", "http://prom:9090", "/prometheus/api/v1/q /api/v1/q"),
            ("http://a:1/prometheus/", "http://a:1/prometheus", "/prometheus/api/v1/q"),
            ("https://a/b/c", "https://a:443/b/c", "/b/c/api/v1/q"),
            ("http://a", "http://a:80", "/prometheus/api/v1/q /api/v1/q"),
            ("[::1]", "http://[::1]:80", "/prometheus/api/v1/q /api/v1/q"),
            ("HTTP://[::1]:9090", "http://[::1]:9090", "/prometheus/api/v1/q /api/v1/q"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(address.paths("q").join(" "), paths, "{text}");
        }
        assert_eq!(Address::default().to_string(), "http://127.0.0.1:8080");
    }

    #[test]
    fn a_url_that_is_none_is_told_why() {
        for (text, part) in [
            ("", "has no host"),
            ("http://", "has no host"),
            ("ftp://a:1", "http and https are supported"),
            ("http://a:99999", "a port is a number from 1 to 65535"),
            ("http://me:secret@a:1", "a user name or password in the URL is not supported"),
            ("http://a:1/x?y=z", "give scheme, host, port and path only"),
            ("http://a:1?y", "give scheme, host, port and path only"),
            ("http://a:1/a b", "give scheme, host, port and path only"),
            ("http://a b:1", "is no host name"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.contains(part) && !error.contains("secret"), "{text}: {error}");
        }
    }
}
