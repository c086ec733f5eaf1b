//! Where a member answers clients: scheme, host and port, or a socket in the file system.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// etcd's default port for clients.
pub const DEFAULT_PORT: u16 = 2379;

/// How bytes travel to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// In TLS.
    Https,
}

impl Scheme {
    /// The scheme as a URL spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// One address that a member answers on; prints as `host:port`, or as `unix:///path`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    host: String,
    port: u16,
    scheme: Scheme,
    /// Path of a Unix socket, in place of host and port.
    socket: Option<String>,
}

impl Endpoint {
    /// An endpoint from its parts; `host` is a name or an address, an IPv6 one without brackets.
    pub fn new(scheme: Scheme, host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, scheme, socket: None }
    }

    /// A Unix socket at `path`.
    pub fn socket(scheme: Scheme, path: impl Into<String>) -> Self {
        let path = path.into();
        // As etcd's own client has it: `localhost:m1` is a name that its certificates carry.
        let name = path.rsplit('/').next().unwrap_or_default();
        let host = name.split(':').next().unwrap_or_default().to_owned();
        Self { host, port: DEFAULT_PORT, scheme, socket: Some(path) }
    }

    /// Reads `host`, `host:port` or `http(s)://host:port`, where IPv6 addresses stand in brackets;
    /// or `unix://path` and `unixs://path`, whose path is absolute with a third slash.
    ///
    /// A socket of `unix://` is spoken to as `default` says, as etcd's own client does it.
    /// `default` is the scheme of a text without one; the port defaults to [`DEFAULT_PORT`].
    pub fn parse(text: &str, default: Scheme) -> Result<Self, EndpointError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(EndpointError::Empty);
        }
        // Looked for first: no message may repeat a text that holds a password.
        if text.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        if let Some((scheme, path)) = split_socket(text, default) {
            if path.is_empty() {
                return Err(EndpointError::NoSocket(text.to_owned()));
            }
            return Ok(Self::socket(scheme, path));
        }
        let (scheme, rest) = split_scheme(text, default)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(EndpointError::Path(text.to_owned()));
        }
        let (host, port) = split_port(text, authority)?;
        Ok(Self { host, port, scheme, socket: None })
    }

    /// How bytes travel to it.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Name or address, an IPv6 one without brackets; of a socket the file's name up to a colon.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, never 0 when parsed.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path of a Unix socket, if it is one.
    pub fn socket_path(&self) -> Option<&str> {
        self.socket.as_deref()
    }

    /// `scheme://host:port`, or `unix://path`.
    pub fn url(&self) -> String {
        match self.socket {
            Some(_) => self.to_string(),
            None => format!("{}://{self}", self.scheme.as_str()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.socket {
            let scheme = if self.scheme == Scheme::Https { "unixs" } else { "unix" };
            write!(f, "{scheme}://{path}")
        } else if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

/// A text that is not an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Nothing there.
    #[error("an endpoint is empty; give it as host:port, such as 10.0.0.1:2379")]
    Empty,
    /// A user or password in the URL; the text is not repeated.
    #[error("an endpoint holds a user name or password; give them as --user or in auth")]
    UserInfo,
    /// Some scheme that etcd does not serve.
    #[error("endpoint {0:?} has the scheme {1:?}; http and https are supported")]
    Scheme(String, String),
    /// More than an authority.
    #[error("endpoint {0:?} has a path; give only scheme, host and port")]
    Path(String),
    /// No path of a socket.
    #[error("endpoint {0:?} has no path; give the socket's, such as unix:///run/etcd.sock")]
    NoSocket(String),
    /// No host before the port.
    #[error("endpoint {0:?} has no host; give it as host:port")]
    NoHost(String),
    /// Characters that no host name has.
    #[error("endpoint {0:?} has the host {1:?}, which is no host name and no IP address")]
    Host(String, String),
    /// A port that is not a number from 1 to 65535.
    #[error("endpoint {0:?} has the port {1:?}; a port is a number from 1 to 65535")]
    Port(String, String),
    /// An IPv6 address without brackets, where the port cannot be told apart.
    #[error("endpoint {0:?} looks like an IPv6 address; write it in brackets: [::1]:2379")]
    Unbracketed(String),
    /// Brackets around something that is no IPv6 address.
    #[error("endpoint {0:?} has brackets, but no IPv6 address in them, such as [::1]:2379")]
    Brackets(String),
}

/// Scheme and path of a socket, if the text is one; the two slashes may be left out.
fn split_socket(text: &str, default: Scheme) -> Option<(Scheme, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "unix" => default,
        "unixs" => Scheme::Https,
        _ => return None,
    };
    Some((scheme, rest.strip_prefix("//").unwrap_or(rest)))
}

fn split_scheme(text: &str, default: Scheme) -> Result<(Scheme, &str), EndpointError> {
    let Some((scheme, rest)) = text.split_once("://") else { return Ok((default, text)) };
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Ok((Scheme::Http, rest)),
        "https" => Ok((Scheme::Https, rest)),
        _ => Err(EndpointError::Scheme(text.to_owned(), scheme.to_owned())),
    }
}

fn split_port(text: &str, authority: &str) -> Result<(String, u16), EndpointError> {
    let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
        let brackets = || EndpointError::Brackets(text.to_owned());
        let (host, rest) = inner.split_once(']').ok_or_else(brackets)?;
        // kubeadm's manifests have `https://[127.0.0.1]:2379`, which Go takes.
        host.parse::<IpAddr>().map_err(|_| brackets())?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port),
            None if rest.is_empty() => None,
            None => return Err(brackets()),
        };
        (host, port)
    } else {
        if authority.matches(':').count() > 1 {
            return Err(EndpointError::Unbracketed(text.to_owned()));
        }
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        if host.is_empty() {
            return Err(EndpointError::NoHost(text.to_owned()));
        }
        if !is_host(host) {
            return Err(EndpointError::Host(text.to_owned(), host.to_owned()));
        }
        (host, port)
    };
    let port = match port {
        None => DEFAULT_PORT,
        Some(port) => match port.parse::<u16>() {
            Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => number,
            _ => return Err(EndpointError::Port(text.to_owned(), port.to_owned())),
        },
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// A host name in the wide sense that resolvers take, or an IPv4 address.
fn is_host(host: &str) -> bool {
    let letters =
        host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    let numeric = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    letters && (!numeric || host.parse::<Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let got = match Endpoint::parse(text, Scheme::Http) {
            Ok(endpoint) => endpoint.url(),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expect, "for {text:?}");
    }

    #[test]
    fn every_common_spelling_is_read() {
        check("10.0.0.1:2379", "http://10.0.0.1:2379");
        check("10.0.0.1", "http://10.0.0.1:2379");
        check(" etcd-0.etcd.svc:2381 ", "http://etcd-0.etcd.svc:2381");
        check("http://localhost:1", "http://localhost:1");
        check("HTTPS://Infra1.Example.com:65535/", "https://infra1.example.com:65535");
        check("[::1]:2379", "http://[::1]:2379");
        check("[fd00::2]", "http://[fd00::2]:2379");
        check("https://[127.0.0.1]:2379", "https://127.0.0.1:2379");
        check("https://[::1]:22379", "https://[::1]:22379");
        let plain = Endpoint::parse("infra1:2379", Scheme::Https).unwrap();
        assert_eq!(
            (plain.url(), plain.to_string()),
            ("https://infra1:2379".into(), "infra1:2379".into())
        );
        assert_eq!(Endpoint::parse("[::1]:1", Scheme::Http).unwrap().host(), "::1");
    }

    #[test]
    fn a_socket_is_read_as_etcds_own_client_reads_it() {
        check("unix:///run/etcd.sock", "unix:///run/etcd.sock");
        check("unix:/run/etcd.sock", "unix:///run/etcd.sock");
        check("unix://localhost:m1", "unix://localhost:m1");
        check("UNIXS:///run/etcd.sock", "unixs:///run/etcd.sock");
        let plain = Endpoint::parse("unix:///run/localhost:m1", Scheme::Http).unwrap();
        assert_eq!((plain.host(), plain.scheme()), ("localhost", Scheme::Http));
        assert_eq!(plain.socket_path(), Some("/run/localhost:m1"));
        let secure = Endpoint::parse("unix://etcd.sock", Scheme::Https).unwrap();
        assert_eq!((secure.host(), secure.scheme()), ("etcd.sock", Scheme::Https));
    }

    #[test]
    fn every_mistake_has_its_own_message() {
        check("", "an endpoint is empty; give it as host:port, such as 10.0.0.1:2379");
        check(
            "http://root:hunter2@a:2379",
            "an endpoint holds a user name or password; give them as --user or in auth",
        );
        check(
            "ftp://a:2379",
            "endpoint \"ftp://a:2379\" has the scheme \"ftp\"; http and https are supported",
        );
        check(
            "unix://",
            "endpoint \"unix://\" has no path; give the socket's, such as unix:///run/etcd.sock",
        );
        check("a:2379/v3", "endpoint \"a:2379/v3\" has a path; give only scheme, host and port");
        check(
            "https://a:2379?x=1",
            "endpoint \"https://a:2379?x=1\" has a path; give only scheme, host and port",
        );
        check(":2379", "endpoint \":2379\" has no host; give it as host:port");
        check("http://", "endpoint \"http://\" has no host; give it as host:port");
        check(
            "a b:2379",
            "endpoint \"a b:2379\" has the host \"a b\", which is no host name and no IP address",
        );
        check(
            "10.0.0.256:2379",
            "endpoint \"10.0.0.256:2379\" has the host \"10.0.0.256\", which is no host name and no IP address",
        );
        check("a:0", "endpoint \"a:0\" has the port \"0\"; a port is a number from 1 to 65535");
        check("a:", "endpoint \"a:\" has the port \"\"; a port is a number from 1 to 65535");
        check(
            "a:70000",
            "endpoint \"a:70000\" has the port \"70000\"; a port is a number from 1 to 65535",
        );
        check("a:+1", "endpoint \"a:+1\" has the port \"+1\"; a port is a number from 1 to 65535");
        check(
            "::1",
            "endpoint \"::1\" looks like an IPv6 address; write it in brackets: [::1]:2379",
        );
        check(
            "fd00::2:2379",
            "endpoint \"fd00::2:2379\" looks like an IPv6 address; write it in brackets: [::1]:2379",
        );
        check(
            "[localhost]:2379",
            "endpoint \"[localhost]:2379\" has brackets, but no IPv6 address in them, such as [::1]:2379",
        );
        check(
            "[::1]2379",
            "endpoint \"[::1]2379\" has brackets, but no IPv6 address in them, such as [::1]:2379",
        );
    }
}
