//! A URL that something is posted to: checked, taken apart, and never printed beyond its host.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use http::uri::{PathAndQuery, Scheme};

use super::address;

/// An `http://` or `https://` URL. Its path and query may be the credentials, so `Debug` and
/// `Display` show scheme, host and port only.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) is_tls: bool,
    /// Without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: PathAndQuery,
    /// User and password of the URL, as written there.
    pub(crate) userinfo: Option<String>,
}

impl Target {
    /// Reads `url`; the error says what is wrong and repeats nothing of it but its host.
    pub(crate) fn parse(url: &str, allow_link_local: bool) -> Result<Self, String> {
        // A fragment is never sent, and `Uri` takes none.
        let url = url.trim().split('#').next().unwrap_or_default();
        let uri: Uri = url.parse().map_err(|_| "is no URL".to_owned())?;
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err("must begin with http:// or https://".to_owned()),
        };
        let authority = uri.authority().ok_or("has no host")?;
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err("has no host".to_owned());
        }
        // `2852039166` and `0xa9fea9fe` are addresses to the system's resolver, and to a proxy's.
        let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        let is_numeric = last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit());
        if is_numeric && host.parse::<IpAddr>().is_err() {
            return Err("has a host that is neither a name nor an IP address".to_owned());
        }
        if !allow_link_local && address::is_forbidden_host(host) {
            return Err(refusal(host));
        }
        let userinfo = authority.as_str().rsplit_once('@').map(|(info, _)| info.to_owned());
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self { is_tls, host: host.to_owned(), port, path, userinfo })
    }

    /// Where a `Location` header of this target's answer leads.
    pub(crate) fn join(&self, location: &str, allow_link_local: bool) -> Result<Self, String> {
        if location.starts_with("//") {
            let scheme = if self.is_tls { "https:" } else { "http:" };
            return Self::parse(&format!("{scheme}{location}"), allow_link_local);
        }
        if location.contains("://") {
            return Self::parse(location, allow_link_local);
        }
        let base = self.path.path();
        let path = match location.as_bytes().first() {
            Some(b'/') => location.to_owned(),
            Some(b'?') => format!("{base}{location}"),
            _ => format!("{}/{location}", base.rsplit_once('/').map_or("", |(dir, _)| dir)),
        };
        let path = path.split('#').next().unwrap_or_default();
        let path = path.parse().map_err(|_| "leads to no URL".to_owned())?;
        Ok(Self { path, ..self.clone() })
    }

    /// The same server with another path.
    pub(crate) fn with_path(&self, path: &str) -> Option<Self> {
        Some(Self { path: path.parse().ok()?, ..self.clone() })
    }

    /// `host:port` for the `Host` header and for CONNECT; the usual port is left out of the former.
    pub(crate) fn authority(&self, always_port: bool) -> String {
        let host = &self.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let usual = if self.is_tls { 443 } else { 80 };
        if always_port || self.port != usual { format!("{host}:{}", self.port) } else { host }
    }

    /// Whether a credential meant for `self` may go to `other`.
    pub(crate) fn is_same_server(&self, other: &Self) -> bool {
        (self.is_tls, &self.host, self.port) == (other.is_tls, &other.host, other.port)
    }

    /// The whole URL, secret parts and all.
    pub(crate) fn expose(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority(false), self.path)
    }
}

/// Why nothing is sent to `host`.
pub(crate) fn refusal(host: &str) -> String {
    format!(
        "leads to {host}, a link-local or cloud metadata address; \
         set http_config.allow_link_local: true if that is meant"
    )
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority(false))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}/***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_its_path_is_not_shown() {
        let target = Target::parse("https://me:pw@[::1]:8443/T0/secret?k=v#x", false).unwrap();
        assert_eq!((target.host.as_str(), target.port, target.is_tls), ("::1", 8443, true));
        assert_eq!(target.path, "/T0/secret?k=v");
        assert_eq!(target.userinfo.as_deref(), Some("me:pw"));
        assert_eq!(format!("{target} {target:?}"), "https://[::1]:8443 https://[::1]:8443/***");
    }

    #[test]
    fn what_is_no_usable_url_is_told() {
        for (url, message) in [
            ("ftp://x/secret", "must begin with http:// or https://"),
            ("hooks.slack.com/secret", "is no URL"),
            ("", "is no URL"),
            ("https:///secret", "is no URL"),
            ("http://2852039166/", "has a host that is neither a name nor an IP address"),
            ("http://0xa9.0xfe.0xa9.0xfe/", "has a host that is neither a name nor an IP address"),
        ] {
            assert_eq!(Target::parse(url, false).unwrap_err(), message, "{url}");
        }
        let metadata = "http://169.254.169.254/latest";
        assert!(Target::parse(metadata, false).unwrap_err().contains("169.254.169.254"));
        assert!(Target::parse(metadata, true).is_ok());
    }

    #[test]
    fn a_redirect_leads_where_a_browser_would_go() {
        let base = Target::parse("https://a.example/x/y?z", false).unwrap();
        let to = |location| base.join(location, false).map(|target| target.expose());
        assert_eq!(to("/b").as_deref(), Ok("https://a.example/b"));
        assert_eq!(to("b").as_deref(), Ok("https://a.example/x/b"));
        assert_eq!(to("?q").as_deref(), Ok("https://a.example/x/y?q"));
        assert_eq!(to("//b.example/c").as_deref(), Ok("https://b.example/c"));
        assert_eq!(to("http://b.example:81").as_deref(), Ok("http://b.example:81/"));
        assert!(to("http://[fe80::1]/").is_err());
    }
}
