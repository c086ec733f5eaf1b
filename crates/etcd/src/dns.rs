//! The endpoints of a cluster from DNS SRV records.
//!
//! Names are etcd's: `_etcd-client-ssl._tcp.DOMAIN` for endpoints in TLS and
//! `_etcd-client._tcp.DOMAIN` for plain ones.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use tokio::time::timeout;

use crate::endpoint::{Endpoint, Scheme};

/// Longest time for one name, retries included.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Why no endpoints were found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This machine's DNS settings are unusable.
    #[error("cannot read this machine's DNS settings")]
    Settings(#[source] NetError),
    /// The server failed or does not answer.
    #[error("cannot look up the SRV records of {name}")]
    Lookup {
        /// The name that was looked up.
        name: String,
        /// What went wrong.
        #[source]
        source: NetError,
    },
    /// The server does not answer in time.
    #[error("no answer from DNS for the SRV records of {0}")]
    Timeout(String),
    /// The domain has none.
    #[error("{domain} has no SRV records {names}; add them, or give the endpoints")]
    NoRecords {
        /// The domain.
        domain: String,
        /// The names that were looked up.
        names: String,
    },
}

/// The endpoints of `domain`, by this machine's DNS.
///
/// With `is_tls` only those in TLS: who gave TLS settings must not be led to plain text by DNS.
pub async fn discover(domain: &str, is_tls: bool) -> Result<Vec<Endpoint>, Error> {
    Resolver::of_machine()?.discover(domain, is_tls).await
}

/// What etcd's own client looks up.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    /// The domain.
    pub domain: &'a str,
    /// Tells several clusters of the domain apart: `_etcd-client-NAME._tcp`; may be empty.
    pub name: &'a str,
}

/// The endpoints of a service, those in TLS first; by the DNS server at `server`, or by this
/// machine's.
///
/// As etcd's own client has it, one of the two names is enough: what is wrong with the other is not
/// told.
pub async fn discover_service(
    service: Service<'_>,
    server: Option<SocketAddr>,
) -> Result<Vec<Endpoint>, Error> {
    let resolver = match server {
        Some(server) => Resolver::of(server)?,
        None => Resolver::of_machine()?,
    };
    let names = service.names();
    let (secure, plain) = tokio::join!(
        resolver.look_up(&names[0], Scheme::Https),
        resolver.look_up(&names[1], Scheme::Http)
    );
    match (secure, plain) {
        (Err(error), Err(_)) => Err(error),
        (secure, plain) => {
            let mut endpoints = secure.unwrap_or_default();
            endpoints.extend(plain.unwrap_or_default());
            if endpoints.is_empty() {
                return Err(no_records(service.domain, &names));
            }
            Ok(endpoints)
        }
    }
}

impl Service<'_> {
    fn names(&self) -> [String; 2] {
        let domain = self.domain.trim_end_matches('.');
        let name = if self.name.is_empty() { String::new() } else { format!("-{}", self.name) };
        ["_etcd-client-ssl", "_etcd-client"].map(|service| format!("{service}{name}._tcp.{domain}"))
    }
}

fn no_records(domain: &str, names: &[String]) -> Error {
    Error::NoRecords { domain: domain.to_owned(), names: names.join(" or ") }
}

/// The endpoints of `domain`, by the DNS server at `server`.
pub async fn discover_at(
    server: SocketAddr,
    domain: &str,
    is_tls: bool,
) -> Result<Vec<Endpoint>, Error> {
    Resolver::of(server)?.discover(domain, is_tls).await
}

struct Resolver(TokioResolver);

impl Resolver {
    fn of_machine() -> Result<Self, Error> {
        TokioResolver::builder_tokio()
            .and_then(hickory_resolver::ResolverBuilder::build)
            .map(Self)
            .map_err(Error::Settings)
    }

    fn of(server: SocketAddr) -> Result<Self, Error> {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
        let connections = connections.into_iter().map(|mut connection| {
            connection.port = server.port();
            connection
        });
        let server = NameServerConfig::new(server.ip(), true, connections.collect());
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .build()
            .map(Self)
            .map_err(Error::Settings)
    }

    async fn discover(&self, domain: &str, is_tls: bool) -> Result<Vec<Endpoint>, Error> {
        let domain = domain.trim_end_matches('.');
        let mut services = vec![("_etcd-client-ssl._tcp", Scheme::Https)];
        if !is_tls {
            services.push(("_etcd-client._tcp", Scheme::Http));
        }
        let mut endpoints = Vec::new();
        let mut names = Vec::new();
        for (service, scheme) in services {
            let name = format!("{service}.{domain}");
            endpoints.extend(self.look_up(&name, scheme).await?);
            names.push(name);
        }
        if endpoints.is_empty() {
            return Err(no_records(domain, &names));
        }
        Ok(endpoints)
    }

    async fn look_up(&self, name: &str, scheme: Scheme) -> Result<Vec<Endpoint>, Error> {
        // The dot at the end keeps the machine's search domains out.
        let lookup = timeout(LOOKUP_TIMEOUT, self.0.srv_lookup(format!("{name}."))).await;
        let lookup = match lookup.map_err(|_| Error::Timeout(name.to_owned()))? {
            Ok(lookup) => lookup,
            Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
            Err(source) => return Err(Error::Lookup { name: name.to_owned(), source }),
        };
        let mut records: Vec<_> = lookup
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::SRV(srv) => Some((srv.priority, srv.target.to_utf8(), srv.port)),
                _ => None,
            })
            .collect();
        records.sort();
        records.dedup();
        let endpoint = |host: &str, port| Endpoint::new(scheme, host.trim_end_matches('.'), port);
        // A target of "." says that the service is decidedly not offered.
        let offered = records.iter().filter(|(_, host, port)| host != "." && *port > 0);
        Ok(offered.map(|(_, host, port)| endpoint(host, *port)).collect())
    }
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::rdata::SRV;
    use hickory_resolver::proto::rr::{Name, Record};
    use tokio::net::UdpSocket;

    use super::*;

    /// A DNS server on loopback that knows `records` and nothing else.
    async fn serve(records: Vec<(&'static str, u16, &'static str)>) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            loop {
                let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
                let asked = Message::from_vec(&buffer[..length]).unwrap();
                let question = asked.queries[0].clone();
                let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
                for (name, port, target) in &records {
                    let name = Name::from_utf8(name).unwrap();
                    if &name == question.name() {
                        let data = SRV::new(10, 0, *port, Name::from_utf8(target).unwrap());
                        answer.add_answer(Record::from_rdata(name, 60, RData::SRV(data)));
                    }
                }
                if answer.answers.is_empty() {
                    answer.metadata.response_code = ResponseCode::NXDomain;
                }
                answer.add_query(question);
                socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn a_service_with_a_name_has_records_of_its_own() {
        let server = serve(vec![
            ("_etcd-client._tcp.example.com.", 1, "a.example.com."),
            ("_etcd-client-blue._tcp.example.com.", 2, "b.example.com."),
            ("_etcd-client-ssl-blue._tcp.example.com.", 3, "b.example.com."),
        ])
        .await;
        let found = async |name| {
            let service = Service { domain: "example.com", name };
            discover_service(service, Some(server)).await.map(|endpoints| urls(&endpoints))
        };
        assert_eq!(found("").await.unwrap(), ["http://a.example.com:1"]);
        let blue = ["https://b.example.com:3", "http://b.example.com:2"];
        assert_eq!(found("blue").await.unwrap(), blue);
        let error = found("red").await.unwrap_err().to_string();
        let names = "_etcd-client-ssl-red._tcp.example.com or _etcd-client-red._tcp.example.com";
        assert!(error.starts_with(&format!("example.com has no SRV records {names}")), "{error}");
    }

    fn urls(endpoints: &[Endpoint]) -> Vec<String> {
        endpoints.iter().map(Endpoint::url).collect()
    }

    #[tokio::test]
    async fn both_kinds_of_records_are_found_and_tls_leaves_the_plain_ones_out() {
        let server = serve(vec![
            ("_etcd-client._tcp.example.com.", 2379, "c.example.com."),
            ("_etcd-client-ssl._tcp.example.com.", 2379, "b.example.com."),
            ("_etcd-client-ssl._tcp.example.com.", 22379, "a.example.com."),
        ])
        .await;
        let secure = ["https://a.example.com:22379", "https://b.example.com:2379"];
        let found = discover_at(server, "example.com", true).await.unwrap();
        assert_eq!(urls(&found), secure);
        let found = discover_at(server, "example.com.", false).await.unwrap();
        assert_eq!(urls(&found), [secure[0], secure[1], "http://c.example.com:2379"]);
    }

    #[tokio::test]
    async fn a_domain_without_records_is_told_with_the_names_that_were_tried() {
        let server = serve(Vec::new()).await;
        let error = discover_at(server, "example.com", true).await.unwrap_err();
        let expect = "example.com has no SRV records _etcd-client-ssl._tcp.example.com; add them, or give the endpoints";
        assert_eq!(error.to_string(), expect);
    }
}
