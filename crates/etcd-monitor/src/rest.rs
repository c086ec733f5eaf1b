//! Asking a running etcd-monitor through its REST API.

use std::path::Path;
use std::time::Duration;

use etcd::{ClientConfig, Connector, HttpReply, HttpTarget, Member, TlsConfig};
use serde_json::Value;

use crate::cli::exit_code;
use crate::error::Error as ProgramError;
use crate::query::address::Address;

/// An answer has some hundred bytes a member or alert.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers.
    #[error(
        "{address} does not answer: {reason}; start etcd-monitor there, or give another one with \
         --url"
    )]
    Connect {
        /// Who was asked.
        address: Address,
        /// Why not.
        reason: String,
    },
    /// The file of the CA cannot be used.
    #[error("--cacert: {0}")]
    Ca(String),
    /// The answer is no good one.
    #[error("{address}: {reason}")]
    Refused {
        /// Who was asked.
        address: Address,
        /// What it says.
        reason: String,
        /// Whether what was asked is wrong in itself.
        is_bad_input: bool,
    },
}

impl Error {
    /// The exit code that tells scripts what kind of trouble this is.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Connect { .. } => exit_code::CONNECT,
            Self::Ca(_) | Self::Refused { is_bad_input: true, .. } => exit_code::BAD_INPUT,
            Self::Refused { .. } => exit_code::FAILED,
        }
    }
}

/// The API of one running etcd-monitor.
pub(crate) struct Api {
    server: Member,
    address: Address,
    timeout: Duration,
}

impl Api {
    /// The API at `address`, whose certificate `cacert` signed, or a CA that the system trusts; each
    /// answer may take `timeout`.
    pub(crate) fn new(
        address: &Address,
        cacert: Option<&Path>,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let connector = Connector::new(config(cacert)).map_err(|error| {
            let reason = error.message();
            Error::Ca(reason.strip_prefix("tls.ca_file: ").unwrap_or(reason).to_owned())
        })?;
        let server = connector.member(address.endpoint().clone());
        Ok(Self { server, address: address.clone(), timeout })
    }

    /// What stands at `path`.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Error> {
        let page = HttpTarget::of_member(path);
        self.read(self.server.http_get(&page, self.timeout, MAX_ANSWER_BYTES).await)
    }

    /// Sends `body` to `path`.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let page = HttpTarget::of_member(path);
        let body = body.to_string().into_bytes();
        self.read(self.server.http_post_json(&page, body, self.timeout, MAX_ANSWER_BYTES).await)
    }

    /// Deletes what stands at `path`.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Error> {
        let page = HttpTarget::of_member(path);
        let reply = self.server.http_delete(&page, self.timeout, MAX_ANSWER_BYTES).await;
        self.read(reply).map(|_| ())
    }

    /// That the answer is not as it should be.
    pub(crate) fn refused(&self, reason: &str) -> Error {
        let (address, reason) = (self.address.clone(), reason.to_owned());
        Error::Refused { address, reason, is_bad_input: false }
    }

    fn read(&self, reply: Result<HttpReply, etcd::Error>) -> Result<Value, Error> {
        let reply = reply.map_err(|error| unreached(&self.address, &error))?;
        if reply.status == 204 {
            return Ok(Value::Null);
        }
        let body: Value = serde_json::from_slice(&reply.body)
            .map_err(|_| self.refused("the answer is not one of etcd-monitor"))?;
        if reply.status == 200 {
            return Ok(body);
        }
        let detail = body["detail"].as_str().or(body["title"].as_str());
        let mut reason = detail.unwrap_or("the answer is an error").to_owned();
        let accepted = body["accepted"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let accepted: Vec<_> = accepted.collect();
        if !accepted.is_empty() {
            reason = format!("{reason}; known: {}", accepted.join(", "));
        }
        let is_bad_input = matches!(reply.status, 400 | 404 | 422);
        Err(Error::Refused { address: self.address.clone(), reason, is_bad_input })
    }
}

/// How a running monitor is connected to.
pub(crate) fn config(cacert: Option<&Path>) -> ClientConfig {
    let tls = TlsConfig { ca_file: cacert.map(Path::to_owned), ..TlsConfig::default() };
    ClientConfig { tls: Some(tls), ..ClientConfig::default() }
}

fn unreached(address: &Address, error: &etcd::Error) -> Error {
    Error::Connect { address: address.clone(), reason: error.message().to_owned() }
}

/// Runs `work`, which asks, on a runtime of its own.
pub(crate) fn run<T, E: Into<ProgramError>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, ProgramError> {
    // Only an error when it was done before, as by a test that runs twice in a process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ProgramError::System("start the runtime", error))?
        .block_on(work)
        .map_err(Into::into)
}
