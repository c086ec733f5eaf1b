//! REST API, exporter, event stream: parse, call, map; no logic.
//!
//! `routes`, `prometheus` and `alertmanager` list what is served. Everything is read from the
//! [`monitor::fleet::Fleet`] and from the history; nothing here asks a member.

#![forbid(unsafe_code)]

mod alertmanager;
mod alerts;
pub mod benchmarks;
mod changes;
mod config;
mod connections;
mod http_stats;
mod middleware;
mod problem;
mod prometheus;
mod queries;
mod routes;
pub mod rules;
mod state;
mod wire;

use std::io;
use std::net::SocketAddr;

use model::finding::Finding;
use monitor::advice::Advice;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use alerts::Alerts;
pub use benchmarks::Benchmarks;
pub use config::{Config, QueryConfig};
pub use problem::Problem;
pub use state::{BuildInfo, State};

use state::Shared;

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not to be had.
    #[error("cannot listen on {address}; choose another address or port (--api-host, --api-port)")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// The API, bound to its address.
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    config: Config,
}

impl Server {
    /// Binds to the configured address.
    pub async fn bind(config: &Config) -> Result<Self, Error> {
        let host = &config.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let address = format!("{host}:{}", config.port);
        let failed = |source| Error::Listen { address: address.clone(), source };
        let listener = TcpListener::bind(&address).await.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, local_addr, config: config.clone() })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `stop`, then lets running requests end; event streams end at once.
    pub async fn serve(self, state: State, stop: CancellationToken) {
        let is_local = self.local_addr.ip().is_loopback();
        let shared = Shared::new(state, &self.config.query, is_local, stop.clone());
        let router = routes::router(&self.config, shared);
        connections::serve(self.listener, router, stop).await;
    }
}

/// The OpenAPI document of the API, as JSON.
pub fn openapi_json() -> String {
    routes::openapi().to_pretty_json().unwrap_or_default()
}

/// A finding as the API shows it.
pub fn finding_json(cluster: &str, finding: &Finding) -> serde_json::Value {
    serde_json::to_value(wire::finding::Finding::new(cluster, finding)).unwrap_or_default()
}

/// A recommendation as the API shows it.
pub fn recommendation_json(advice: &Advice) -> serde_json::Value {
    serde_json::to_value(wire::advice::Recommendation::from(advice)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
