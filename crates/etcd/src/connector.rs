//! What the members of one cluster share: TLS settings, credentials, limits, HTTP connections.

use std::sync::Arc;

use tokio::sync::Notify;
use tracing::warn;

use crate::cluster::Cluster;
use crate::config::ClientConfig;
use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::http::HttpPool;
use crate::member::Member;
use crate::tls::TlsSource;

/// Makes connections to the members of one cluster.
pub struct Connector {
    config: ClientConfig,
    tls: Arc<TlsSource>,
    credentials: Arc<Credentials>,
    http: HttpPool,
    lost: Arc<Notify>,
}

impl Connector {
    /// Reads the TLS files; connects to nothing yet.
    ///
    /// Fails with class `Tls` when the files are unusable. Warns when certificates are not to be
    /// verified, at each start, so that nobody forgets it.
    pub fn new(config: ClientConfig) -> Result<Arc<Self>, Error> {
        let tls = config.tls.clone().unwrap_or_default();
        if tls.insecure_skip_verify {
            warn!(
                "server certificates are not verified, connections are open to anyone in between"
            );
        }
        let tls = TlsSource::new(tls).map_err(|e| Error::without_endpoint("configure TLS", e))?;
        let tls = Arc::new(tls);
        let credentials = Arc::new(Credentials::new(config.auth.clone()));
        let http = HttpPool::new(tls.clone(), config.dial_timeout);
        Ok(Arc::new(Self { config, tls, credentials, http, lost: Arc::default() }))
    }

    /// One member, over a connection of its own that is made by the first call.
    pub fn member(self: &Arc<Self>, endpoint: Endpoint) -> Member {
        Member::new(Arc::clone(self), endpoint)
    }

    /// Returns when an open connection to a member ends, as that of a process that was killed does at
    /// once; one that ended since the last return counts too. Why it ended is not told: ask the member.
    pub async fn connection_lost(&self) {
        self.lost.notified().await;
    }

    /// The cluster behind `endpoints`, for work that any member can do.
    ///
    /// With no endpoints at all, every call fails.
    pub fn cluster(self: &Arc<Self>, endpoints: Vec<Endpoint>) -> Cluster {
        Cluster::new(endpoints.into_iter().map(|endpoint| self.member(endpoint)).collect())
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    pub(crate) fn tls(&self) -> &Arc<TlsSource> {
        &self.tls
    }

    pub(crate) fn credentials(&self) -> &Arc<Credentials> {
        &self.credentials
    }

    pub(crate) fn lost(&self) -> &Arc<Notify> {
        &self.lost
    }

    pub(crate) fn http(&self) -> &HttpPool {
        &self.http
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("config", &self.config).finish_non_exhaustive()
    }
}
