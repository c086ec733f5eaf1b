//! TLS towards one cluster: settings from files, read again when the files change.

mod check;
mod verifier;

use std::hash::{DefaultHasher, Hasher};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use model::config_error::ConfigError;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::Instant;
use tracing::warn;

use crate::config::TlsConfig;
use crate::endpoint::Endpoint;
use crate::error::{ErrorClass, Failure};

pub(crate) use check::check;

/// How often the files are looked at while connections are in use.
///
/// Rotation writes a new certificate well before the old one expires, so seconds do not matter;
/// three small files per cluster and interval cost next to nothing.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// The TLS settings of one cluster, as the files have them now.
pub(crate) struct TlsSource {
    config: TlsConfig,
    state: Mutex<State>,
}

struct State {
    /// `None` until the first connection in TLS: plain endpoints need none, and the CAs of a
    /// machine take longer to read than many a command line call takes as a whole.
    client: Option<Arc<ClientConfig>>,
    /// Grows whenever `client` changed; a connection made with a smaller one is to be replaced.
    generation: u64,
    /// Of the files' content when they were last looked at, usable or not.
    digest: u64,
    checked: Instant,
}

impl TlsSource {
    pub(crate) fn new(config: TlsConfig) -> Result<Self, Failure> {
        let digest = digest(&config);
        // Without files nothing can be wrong with them.
        let has_files = [&config.ca_file, &config.cert_file, &config.key_file];
        let client = if has_files.iter().any(|file| file.is_some()) {
            Some(Arc::new(build(&config).map_err(|errors| unusable(&errors))?))
        } else {
            None
        };
        let checked = Instant::now();
        let state = State { client, generation: 0, digest, checked };
        Ok(Self { config, state: Mutex::new(state) })
    }

    /// The generation that a connection must have to be in use; looks at the files now and then.
    pub(crate) fn generation(&self) -> u64 {
        let mut state = self.lock();
        if state.checked.elapsed() >= CHECK_INTERVAL {
            self.refresh(&mut state);
        }
        state.generation
    }

    /// The settings for a new connection; always looks at the files.
    pub(crate) fn client(&self) -> Result<(Arc<ClientConfig>, u64), Failure> {
        let mut state = self.lock();
        self.refresh(&mut state);
        if state.client.is_none() {
            let client = build(&self.config).map_err(|errors| unusable(&errors))?;
            state.client = Some(Arc::new(client));
        }
        let client = state.client.clone().expect("invariant: it was made just now");
        Ok((client, state.generation))
    }

    /// The name that the certificate of `endpoint` must carry.
    pub(crate) fn server_name(&self, endpoint: &Endpoint) -> Result<ServerName<'static>, Failure> {
        let name = self.config.server_name.as_deref().unwrap_or(endpoint.host());
        ServerName::try_from(name.to_owned()).map_err(|_| {
            let text = format!("{name:?} is no name that a certificate can carry");
            Failure::new(ErrorClass::Tls, text).with_remedy("give tls.server_name").unsent()
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("invariant: no holder of this lock panics")
    }

    /// Reads the files, and takes what they say if they changed and are sound.
    ///
    /// A pair of which only one half is written yet is unsound: the old settings stay until the
    /// other half arrives.
    fn refresh(&self, state: &mut State) {
        state.checked = Instant::now();
        let digest = digest(&self.config);
        if digest == state.digest {
            return;
        }
        state.digest = digest;
        match build(&self.config) {
            Ok(client) => {
                state.client = Some(Arc::new(client));
                state.generation += 1;
                tracing::info!(generation = state.generation, "tls files changed");
            }
            Err(errors) => {
                let error = describe(&errors);
                warn!(error, "changed tls files are unusable, keeping the old ones");
            }
        }
    }
}

fn unusable(errors: &[ConfigError]) -> Failure {
    Failure::new(ErrorClass::Tls, describe(errors)).unsent()
}

fn describe(errors: &[ConfigError]) -> String {
    let all: Vec<String> =
        errors.iter().map(|error| error.clone().within("tls").to_string()).collect();
    all.join("; ")
}

/// A fingerprint of the files' content; a file that cannot be read counts as such.
fn digest(config: &TlsConfig) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in [&config.ca_file, &config.cert_file, &config.key_file].into_iter().flatten() {
        match read(file) {
            Ok(content) => hasher.write(&content),
            Err(_) => hasher.write_u8(0),
        }
    }
    hasher.finish()
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(file)
}

fn build(config: &TlsConfig) -> Result<ClientConfig, Vec<ConfigError>> {
    let material = check::Material::load(config)?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| vec![ConfigError::new("", error.to_string())])?;
    let builder = if config.insecure_skip_verify {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier::AcceptAny::new(provider())))
    } else {
        let roots = match material.roots {
            Some(roots) => Arc::new(roots),
            None => native_roots(),
        };
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider())
            .build()
            .map_err(|error| vec![ConfigError::new("ca_file", error.to_string())])?;
        builder.with_webpki_verifier(verifier)
    };
    let mut client = match material.identity {
        Some(identity) => builder
            .with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(identity))),
        None => builder.with_no_client_auth(),
    };
    // A resumed session repeats the certificate of the first one, so that a renewed server
    // certificate would go unseen, and ours would be checked by nobody.
    client.resumption = Resumption::disabled();
    Ok(client)
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())).clone()
}

/// The CAs that this machine trusts, read once per process.
fn native_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    ROOTS
        .get_or_init(|| {
            let found = rustls_native_certs::load_native_certs();
            if let Some(error) = found.errors.first() {
                warn!(%error, "some trusted certificates of this machine are unusable");
            }
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(found.certs);
            Arc::new(roots)
        })
        .clone()
}
