//! From an endpoint to an open connection: name, TCP or a socket, TLS.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use crate::certificate::CertificateInfo;
use crate::classify;
use crate::endpoint::{Endpoint, Scheme};
use crate::error::{ErrorClass, Failure};
use crate::socket::Socket;
use crate::stream::Stream;
use crate::tls::TlsSource;

/// What speaks on the connection, as ALPN names it.
#[derive(Clone, Copy)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    fn alpn(self) -> Vec<u8> {
        match self {
            Self::Http1 => b"http/1.1".to_vec(),
            Self::Http2 => b"h2".to_vec(),
        }
    }
}

/// An open connection.
pub(crate) struct Dialled {
    pub(crate) stream: Stream,
    /// Of the TLS settings that it was made with; 0 for a plain one.
    pub(crate) generation: u64,
    /// The server's certificate, when in TLS.
    pub(crate) certificate: Option<CertificateInfo>,
}

/// Opens a connection within `limit`; sets `reached` as soon as TCP is open.
pub(crate) async fn dial(
    endpoint: &Endpoint,
    tls: &TlsSource,
    protocol: Protocol,
    limit: Duration,
    reached: &AtomicBool,
) -> Result<Dialled, Failure> {
    reached.store(false, Ordering::Relaxed);
    let end = Instant::now() + limit;
    let socket = if let Some(path) = endpoint.socket_path() {
        open_socket(path, end, limit).await?
    } else {
        let addresses = resolve(endpoint, end, limit).await?;
        let tcp = connect(&addresses, end, limit).await?;
        // Requests are small and each waits for its answer.
        tcp.set_nodelay(true).map_err(|error| classify::connect(&error))?;
        Socket::Tcp(tcp)
    };
    reached.store(true, Ordering::Relaxed);
    match endpoint.scheme() {
        Scheme::Http => {
            Ok(Dialled { stream: Stream::plain(socket), generation: 0, certificate: None })
        }
        Scheme::Https => {
            let handshake = secure(endpoint, tls, protocol, socket);
            timeout(end.duration_since(Instant::now()), handshake).await.unwrap_or_else(|_| {
                let text =
                    format!("connected, but no answer to the TLS handshake within {limit:?}");
                Err(Failure::new(ErrorClass::Deadline, text).unsent())
            })
        }
    }
}

#[cfg(unix)]
async fn open_socket(path: &str, end: Instant, limit: Duration) -> Result<Socket, Failure> {
    let connecting = tokio::net::UnixStream::connect(path);
    match timeout(end.duration_since(Instant::now()), connecting).await {
        Ok(Ok(socket)) => Ok(Socket::Unix(socket)),
        Ok(Err(error)) => Err(classify::connect(&error)),
        // Whoever listens there takes no more connections.
        Err(_) => {
            let text = format!("cannot connect within {limit:?}");
            Err(Failure::new(ErrorClass::Transport, text).unsent())
        }
    }
}

#[cfg(not(unix))]
async fn open_socket(_path: &str, _end: Instant, _limit: Duration) -> Result<Socket, Failure> {
    let failure = Failure::new(ErrorClass::Transport, "this system has no Unix sockets");
    Err(failure.with_remedy("give the endpoint as host:port").unsent())
}

async fn resolve(
    endpoint: &Endpoint,
    end: Instant,
    limit: Duration,
) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(address) = endpoint.host().parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, endpoint.port())]);
    }
    let lookup = tokio::net::lookup_host((endpoint.host(), endpoint.port()));
    let failed = |text: String| Failure::new(ErrorClass::Dns, text).unsent();
    let addresses: Vec<_> = timeout(end.duration_since(Instant::now()), lookup)
        .await
        .map_err(|_| {
            failed(format!("no answer from DNS for {} within {limit:?}", endpoint.host()))
        })?
        .map_err(|error| failed(format!("cannot resolve {}: {error}", endpoint.host())))?
        .collect();
    if addresses.is_empty() {
        return Err(failed(format!("{} has no address", endpoint.host())));
    }
    Ok(addresses)
}

/// Tries the addresses in turn, each with its share of the time that is left.
async fn connect(
    addresses: &[SocketAddr],
    end: Instant,
    limit: Duration,
) -> Result<TcpStream, Failure> {
    let mut last = None;
    for (tried, address) in addresses.iter().enumerate() {
        let left = end.duration_since(Instant::now());
        let share = left / (addresses.len() - tried) as u32;
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => last = Some(classify::connect(&error)),
            Err(_) => {
                let text = format!("cannot connect within {limit:?}");
                let remedy = "check the network and firewalls on the way";
                last = Some(Failure::new(ErrorClass::Transport, text).with_remedy(remedy).unsent());
            }
        }
    }
    Err(last.expect("invariant: resolve answers at least one address"))
}

async fn secure(
    endpoint: &Endpoint,
    tls: &TlsSource,
    protocol: Protocol,
    socket: Socket,
) -> Result<Dialled, Failure> {
    let name = tls.server_name(endpoint)?;
    let (client, generation) = tls.client()?;
    let stream = TlsConnector::from(Arc::clone(&client))
        .with_alpn(vec![protocol.alpn()])
        .connect(name, socket)
        .await
        .map_err(|error| classify::handshake(&error))?;
    let certificate = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(<[_]>::first)
        .and_then(|leaf| CertificateInfo::from_der(leaf).ok());
    Ok(Dialled { stream: Stream::tls(stream), generation, certificate })
}
