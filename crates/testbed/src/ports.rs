//! Free TCP ports that stay free while a member is down.
//!
//! A port from `bind(:0)` lies in the range from which the kernel serves every outgoing connection,
//! so it may be gone when a stopped member wants it back. These lie below that range, and are
//! reserved among test clusters by holding the UDP port of the same number, which etcd never uses
//! and which the kernel gives back even when the holder is killed.

use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;

use crate::Error;

/// Below Linux's (32768) and macOS's (49152) first ephemeral port, above the well-known ones.
const RANGE: Range<u16> = 20_000..32_000;

/// The port for clients of a member with a network of its own; etcd's default.
pub(crate) const CLIENT_PORT: u16 = 2379;

/// The port for peers of a member with a network of its own; etcd's default.
pub(crate) const PEER_PORT: u16 = 2380;

/// The port for metrics of a member with a network of its own.
pub(crate) const METRICS_PORT: u16 = 2381;

/// A TCP port: on 127.0.0.1 and kept from other test clusters until dropped, or in a network where
/// nobody else is.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _reservation: Option<UdpSocket>,
}

impl Port {
    /// Reserves a port that nobody listens on.
    pub(crate) fn reserve() -> Result<Self, Error> {
        let mut last = None;
        for _ in 0..100 {
            let number = fastrand::u16(RANGE);
            match Self::try_reserve(number) {
                Ok(port) => return Ok(port),
                Err(error) => last = Some(error),
            }
        }
        let source = last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into());
        Err(Error::Io { what: "cannot find a free port on 127.0.0.1".to_owned(), source })
    }

    /// The port `number` where nobody else is.
    pub(crate) fn alone(number: u16) -> Self {
        Self { number, _reservation: None }
    }

    fn try_reserve(number: u16) -> io::Result<Self> {
        let reservation = UdpSocket::bind((Ipv4Addr::LOCALHOST, number))?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number))?;
        Ok(Self { number, _reservation: Some(reservation) })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_is_not_given_out_twice_and_is_free_for_tcp() {
        let port = Port::reserve().unwrap();
        assert!(Port::try_reserve(port.number()).is_err());
        TcpListener::bind((Ipv4Addr::LOCALHOST, port.number())).unwrap();
    }
}
