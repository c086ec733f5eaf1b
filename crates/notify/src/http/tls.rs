//! TLS towards receivers: whom we trust and who we are, read anew for each connection.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use model::config_error::ConfigError;
use model::secret::Secret;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};
use tracing::warn;

use crate::config::TlsConfig;

/// TLS settings of one receiver.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls(TlsConfig);

impl Tls {
    /// Checks `config`: versions, names, and that every file can be used now.
    pub(crate) fn new(config: &TlsConfig) -> Result<Self, Vec<ConfigError>> {
        let tls = Self(config.clone());
        let mut errors = Vec::new();
        if let Some(name) = &config.server_name
            && ServerName::try_from(name.as_str()).is_err()
        {
            let message = format!("{name:?} is no host name and no IP address");
            errors.push(ConfigError::new("server_name", message));
        }
        for (key, inline, file) in [
            ("ca", config.ca.is_some(), config.ca_file.is_some()),
            ("cert", config.cert.is_some(), config.cert_file.is_some()),
            ("key", config.key.is_some(), config.key_file.is_some()),
        ] {
            if inline && file {
                let message = format!("is given as well as {key}_file; give one of them");
                errors.push(ConfigError::new(key, message));
            }
        }
        if let Err(found) = tls.client() {
            errors.push(found);
        }
        if config.insecure_skip_verify {
            warn!(
                "certificates of a receiver are not verified, notifications are open to anyone in between"
            );
        }
        if errors.is_empty() { Ok(tls) } else { Err(errors) }
    }

    /// The name that the certificate of `host` must carry.
    pub(crate) fn server_name(&self, host: &str) -> Option<ServerName<'static>> {
        let name = self.0.server_name.as_deref().unwrap_or(host);
        ServerName::try_from(name.to_owned()).ok()
    }

    /// The settings for a new connection.
    pub(crate) fn client(&self) -> Result<Arc<ClientConfig>, ConfigError> {
        static USUAL: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        if self.0 == TlsConfig::default()
            && let Some(usual) = USUAL.get()
        {
            return Ok(usual.clone());
        }
        let client = Arc::new(self.build()?);
        if self.0 == TlsConfig::default() {
            return Ok(USUAL.get_or_init(|| client).clone());
        }
        Ok(client)
    }

    fn build(&self) -> Result<ClientConfig, ConfigError> {
        let config = &self.0;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(self.versions()?)
            .map_err(|error| ConfigError::new("", error.to_string()))?;
        let builder = if config.insecure_skip_verify {
            let any = Arc::new(AcceptAny(provider()));
            builder.dangerous().with_custom_certificate_verifier(any)
        } else {
            let roots = match material("ca", config.ca.as_ref(), config.ca_file.as_ref())? {
                Some((key, pem)) => Arc::new(private_roots(&key, &pem)?),
                None => native_roots(),
            };
            builder.with_root_certificates(roots)
        };
        let inline_key = config.key.as_ref().map(Secret::expose);
        let cert = material("cert", config.cert.as_ref(), config.cert_file.as_ref())?;
        let key = material("key", inline_key, config.key_file.as_ref())?;
        match (cert, key) {
            (Some((cert_key, cert)), Some((key_key, key))) => {
                let chain = certificates(&cert_key, &cert)?;
                let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| {
                    ConfigError::new(
                        &key_key,
                        "holds no private key in PEM form (BEGIN PRIVATE KEY)",
                    )
                })?;
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    ConfigError::new(&key_key, format!("does not fit the certificate: {error}"))
                })
            }
            (None, None) => Ok(builder.with_no_client_auth()),
            (Some(_), None) => {
                Err(ConfigError::new("key_file", "is missing; a client certificate needs its key"))
            }
            (None, Some(_)) => {
                Err(ConfigError::new("cert_file", "is missing; a client key needs its certificate"))
            }
        }
    }

    fn versions(&self) -> Result<&'static [&'static SupportedProtocolVersion], ConfigError> {
        static ALL: [&SupportedProtocolVersion; 2] =
            [&rustls::version::TLS13, &rustls::version::TLS12];
        let is_13 = |key: &str, version: Option<&str>| match version {
            Some("TLS13") => Ok(Some(true)),
            Some("TLS12") => Ok(Some(false)),
            // Older ones are never spoken; as a lower bound they ask for nothing.
            Some("TLS10" | "TLS11") if key == "min_version" => Ok(None),
            None => Ok(None),
            Some(_) => Err(ConfigError::new(key, "is not accepted; give TLS12 or TLS13")),
        };
        let min = is_13("min_version", self.0.min_version.as_deref())?;
        let max = is_13("max_version", self.0.max_version.as_deref())?;
        match (min, max) {
            (Some(true), Some(false)) => {
                Err(ConfigError::new("max_version", "is older than min_version"))
            }
            (Some(true), _) => Ok(&ALL[..1]),
            (_, Some(false)) => Ok(&ALL[1..]),
            _ => Ok(&ALL),
        }
    }
}

/// The PEM text of the twins `key` and `key_file`, with the name of the one that gave it.
fn material(
    key: &str,
    inline: Option<&String>,
    file: Option<&PathBuf>,
) -> Result<Option<(String, Vec<u8>)>, ConfigError> {
    if let Some(text) = inline {
        return Ok(Some((key.to_owned(), text.clone().into_bytes())));
    }
    let Some(path) = file else { return Ok(None) };
    let key = format!("{key}_file");
    let content = std::fs::read(path).map_err(|error| {
        ConfigError::new(&key, format!("cannot read {}: {error}", path.display()))
    })?;
    Ok(Some((key, content)))
}

fn certificates(key: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(ConfigError::new(key, "holds no certificate in PEM form (BEGIN CERTIFICATE)")),
    }
}

fn private_roots(key: &str, pem: &[u8]) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(key, pem)? {
        roots.add(certificate).map_err(|error| {
            ConfigError::new(key, format!("holds an unusable certificate: {error}"))
        })?;
    }
    Ok(roots)
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

/// Behind `insecure_skip_verify`: any certificate will do, but the server must hold its key.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
