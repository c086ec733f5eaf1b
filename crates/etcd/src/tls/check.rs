//! TLS files: read, parsed, and every mistake in them told with key and path.

use std::path::Path;

use jiff::Timestamp;
use model::config_error::ConfigError;
use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;

use crate::certificate::CertificateInfo;
use crate::config::TlsConfig;

/// What the files hold, ready for use.
pub(super) struct Material {
    /// `None` when no CA file is configured.
    pub(super) roots: Option<RootCertStore>,
    /// Our certificate and key, known to belong together.
    pub(super) identity: Option<CertifiedKey>,
}

impl Material {
    pub(super) fn load(config: &TlsConfig) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let roots = config.ca_file.as_deref().and_then(|file| keep(roots(file), &mut errors));
        let identity = match (&config.cert_file, &config.key_file) {
            (Some(cert), Some(key)) => {
                let chain = keep(chain("cert_file", cert), &mut errors);
                let key_der = keep(private_key(key), &mut errors);
                match (chain, key_der) {
                    (Some(chain), Some(key_der)) => {
                        keep(identity(chain, key_der, cert, key), &mut errors)
                    }
                    _ => None,
                }
            }
            (Some(_), None) => {
                let message = "is missing; a client certificate (cert_file) needs its key";
                errors.push(ConfigError::new("key_file", message));
                None
            }
            (None, Some(_)) => {
                let message = "is missing; a client key (key_file) needs its certificate";
                errors.push(ConfigError::new("cert_file", message));
                None
            }
            (None, None) => None,
        };
        if errors.is_empty() { Ok(Self { roots, identity }) } else { Err(errors) }
    }
}

/// All mistakes in `config`, with `now` deciding which certificates have expired.
pub(crate) fn check(config: &TlsConfig, now: Timestamp) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    if let Some(name) = &config.server_name
        && ServerName::try_from(name.as_str()).is_err()
    {
        let message = format!("{name:?} is no host name and no IP address");
        errors.push(ConfigError::new("server_name", message));
    }
    match Material::load(config) {
        Ok(_) => {
            let files = [("ca_file", &config.ca_file), ("cert_file", &config.cert_file)];
            for (key, file) in files {
                errors.extend(file.as_deref().and_then(|file| expired(key, file, now)));
            }
        }
        Err(found) => errors.extend(found),
    }
    errors
}

fn keep<T>(result: Result<T, ConfigError>, errors: &mut Vec<ConfigError>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}

fn roots(file: &Path) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain("ca_file", file)? {
        roots.add(certificate).map_err(|error| {
            let message = format!("{} holds an unusable certificate: {error}", file.display());
            ConfigError::new("ca_file", message)
        })?;
    }
    Ok(roots)
}

fn read(key: &str, file: &Path) -> Result<Vec<u8>, ConfigError> {
    super::read(file)
        .map_err(|error| ConfigError::new(key, format!("cannot read {}: {error}", file.display())))
}

fn chain(key: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let content = read(key, file)?;
    let wrong = |what: &str| ConfigError::new(key, format!("{} {what}", file.display()));
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&content)
        .collect::<Result<_, _>>()
        .map_err(|_| wrong("is not PEM; it must hold a certificate between BEGIN and END lines"))?;
    if chain.is_empty() {
        let what = if content.windows(11).any(|part| part == b"PRIVATE KEY") {
            "holds a private key and no certificate"
        } else {
            "holds no certificate in PEM form (BEGIN CERTIFICATE)"
        };
        return Err(wrong(what));
    }
    if chain.iter().any(|der| CertificateInfo::from_der(der).is_err()) {
        return Err(wrong("holds a certificate that cannot be parsed"));
    }
    Ok(chain)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let content = read("key_file", file)?;
    let wrong = |what: &str| ConfigError::new("key_file", format!("{} {what}", file.display()));
    PrivateKeyDer::from_pem_slice(&content).map_err(|error| {
        let text = String::from_utf8_lossy(&content);
        if text.contains("ENCRYPTED") {
            wrong("is protected by a passphrase; give a key without one")
        } else if matches!(error, pem::Error::NoItemsFound) {
            wrong("holds no private key in PEM form (BEGIN PRIVATE KEY)")
        } else {
            wrong("is not PEM; it must hold a private key between BEGIN and END lines")
        }
    })
}

fn identity(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    cert_file: &Path,
    key_file: &Path,
) -> Result<CertifiedKey, ConfigError> {
    CertifiedKey::from_der(chain, key, &super::provider()).map_err(|error| {
        let message = match error {
            rustls::Error::InconsistentKeys(_) => format!(
                "{} is not the key of the certificate in {}",
                key_file.display(),
                cert_file.display()
            ),
            other => format!("{} is not usable: {other}", key_file.display()),
        };
        ConfigError::new("key_file", message)
    })
}

/// A complaint if the certificates in `file` are of no use at `now`.
///
/// Of a client certificate, the first one counts; of CAs, it is enough that one is good.
fn expired(key: &str, file: &Path, now: Timestamp) -> Option<ConfigError> {
    let chain = chain(key, file).ok()?;
    let infos = chain.iter().filter_map(|der| CertificateInfo::from_der(der).ok());
    let bad: Vec<_> = infos.map(|info| info.problem_at(now)).collect();
    let considered = if key == "ca_file" { &bad[..] } else { &bad[..1.min(bad.len())] };
    if considered.iter().any(Option::is_none) {
        return None;
    }
    let problem = considered.first()?.as_deref()?;
    Some(ConfigError::new(key, format!("the certificate in {} {problem}", file.display())))
}
