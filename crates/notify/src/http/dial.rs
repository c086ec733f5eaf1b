//! Connections: names looked up, addresses judged, TCP, TLS.

use std::io;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::{is_forbidden, is_forbidden_host};
use super::target::refusal;
use super::tls::Tls;
use crate::failure::{Failure, FailureClass};

/// A connection to the first address of `host` that takes one and that we may connect to.
pub(crate) async fn connect(
    host: &str,
    port: u16,
    allow_link_local: bool,
) -> Result<TcpStream, Failure> {
    let forbidden = |host: &str| Failure::new(FailureClass::Forbidden, refusal(host));
    if !allow_link_local && is_forbidden_host(host) {
        return Err(forbidden(host));
    }
    let found = tokio::net::lookup_host((host, port)).await.map_err(|error| {
        Failure::new(FailureClass::Unreachable, format!("the name cannot be resolved: {error}"))
    })?;
    let mut last = None;
    for address in found {
        // Judged here and not by name alone: a name may lead anywhere, and elsewhere each time.
        if !allow_link_local && is_forbidden(address.ip()) {
            last = Some(forbidden(&address.ip().to_string()));
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // An error here costs a delay and nothing else.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => {
                let text = format!("no connection to {address}: {error}");
                last = Some(Failure::new(FailureClass::Unreachable, text));
            }
        }
    }
    let none = || Failure::new(FailureClass::Unreachable, "the name has no address");
    Err(last.unwrap_or_else(none))
}

/// Speaks TLS over `stream`.
pub(crate) async fn secure(
    stream: TcpStream,
    host: &str,
    tls: &Tls,
) -> Result<TlsStream<TcpStream>, Failure> {
    let config = tls.client().map_err(|error| {
        Failure::new(FailureClass::Unprepared, error.within("tls_config").to_string())
    })?;
    let name = tls.server_name(host).ok_or_else(|| {
        Failure::new(FailureClass::Tls, "no certificate can carry this name; give server_name")
    })?;
    TlsConnector::from(config).connect(name, stream).await.map_err(|error| broken(&error))
}

/// A connection that failed under way; complaints of TLS also arrive as errors of reading.
pub(crate) fn broken(error: &io::Error) -> Failure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(error) => Failure::new(FailureClass::Tls, format!("TLS failed: {error}")),
        None => Failure::new(FailureClass::Unreachable, format!("the connection broke: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_judged_after_the_name_was_resolved() {
        // No IP address to Rust, but to the system's resolver: 169.254.169.254.
        for name in ["2852039166", "169.254.43518"] {
            let failure = connect(name, 80, false).await.unwrap_err();
            assert_eq!(failure.class, FailureClass::Forbidden, "{failure}");
            assert!(failure.message.contains("169.254.169.254"), "{failure}");
        }
    }
}
