//! Certificates for a cluster with TLS, and those that a careless or hostile client would bring.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use time::OffsetDateTime;

use crate::Error;

/// The names under which members on loopback are reached.
const SERVER_NAMES: [&str; 3] = ["127.0.0.1", "::1", "localhost"];

/// The common name of [`Certs::client`]; no etcd user has it, so it gives access but no rights.
pub const CLIENT_NAME: &str = "testbed-client";

/// A certificate and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate's file.
    pub cert_file: PathBuf,
    /// The key's file.
    pub key_file: PathBuf,
}

/// A certificate authority with a server and a client certificate, as files.
#[derive(Debug)]
pub struct Certs {
    dir: PathBuf,
    ca: CertifiedIssuer<'static, KeyPair>,
    ca_file: PathBuf,
    /// Under which the members are reached.
    names: Vec<String>,
    server: Pair,
    client: Pair,
}

impl Certs {
    /// Makes an authority in `dir` and what it signs: one server certificate for all members and
    /// one client certificate.
    pub fn create(dir: &Path) -> Result<Self, Error> {
        Self::create_for(dir, &[])
    }

    /// Like [`Self::create`], for members that are reached under more `names` than those of
    /// loopback.
    pub(crate) fn create_for(dir: &Path, names: &[String]) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(|source| Error::Io {
            what: format!("cannot create {}", dir.display()),
            source,
        })?;
        let ca = authority("testbed CA")?;
        let ca_file = dir.join("ca.pem");
        write(&ca_file, &ca.pem())?;
        let names = SERVER_NAMES.iter().map(|&name| name.to_owned()).chain(names.to_vec());
        let certs = Self {
            ca_file,
            names: names.collect(),
            server: pair(dir, "server"),
            client: pair(dir, "client"),
            dir: dir.to_owned(),
            ca,
        };
        certs.issue(&certs.server, &server(&certs.names)?)?;
        certs.rotate_client()?;
        Ok(certs)
    }

    /// The authority's certificate.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The members' certificate, for 127.0.0.1, ::1 and localhost.
    pub fn server(&self) -> &Pair {
        &self.server
    }

    /// A client's certificate, named [`CLIENT_NAME`].
    pub fn client(&self) -> &Pair {
        &self.client
    }

    /// Replaces the files of [`Self::client`] with a new key and certificate of the same authority.
    pub fn rotate_client(&self) -> Result<(), Error> {
        self.issue(&self.client, &client(CLIENT_NAME))
    }

    /// Replaces the files of [`Self::server`] with a new key and a certificate that ends at
    /// `not_after`, which may be past. Members read them anew for each connection.
    pub fn rotate_server(&self, not_after: Timestamp) -> Result<(), Error> {
        let mut params = server(&self.names)?;
        params.not_after = date(not_after);
        self.issue(&self.server, &params)
    }

    /// A client certificate for the etcd user `common_name`, which ends at `not_after`.
    pub fn issue_client(&self, common_name: &str, not_after: Timestamp) -> Result<Pair, Error> {
        let mut params = client(common_name);
        params.not_after = date(not_after);
        let pair = pair(&self.dir, common_name);
        self.issue(&pair, &params)?;
        Ok(pair)
    }

    /// A client certificate that ended in 2001.
    pub fn issue_expired_client(&self) -> Result<Pair, Error> {
        let mut params = client(CLIENT_NAME);
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        let pair = pair(&self.dir, "expired");
        self.issue(&pair, &params)?;
        Ok(pair)
    }

    /// The certificate of another authority, which signed nothing here.
    pub fn other_ca(&self) -> Result<PathBuf, Error> {
        let file = self.dir.join("other-ca.pem");
        write(&file, &authority("another CA")?.pem())?;
        Ok(file)
    }

    fn issue(&self, pair: &Pair, params: &CertificateParams) -> Result<(), Error> {
        let sign = || {
            let key = KeyPair::generate()?;
            Ok((params.signed_by(&key, &self.ca)?, key))
        };
        let (certificate, key) = sign().map_err(|source| Error::Certificate {
            name: pair.cert_file.display().to_string(),
            source,
        })?;
        write(&pair.key_file, &key.serialize_pem())?;
        write(&pair.cert_file, &certificate.pem())
    }
}

fn date(time: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time.as_second())
        .expect("invariant: both types hold the years -9999 to 9999")
}

fn pair(dir: &Path, stem: &str) -> Pair {
    Pair {
        cert_file: dir.join(format!("{stem}.pem")),
        key_file: dir.join(format!("{stem}-key.pem")),
    }
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    KeyPair::generate()
        .and_then(|key| CertifiedIssuer::self_signed(params, key))
        .map_err(|source| Error::Certificate { name: name.to_owned(), source })
}

fn server(names: &[String]) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(names)
        .map_err(|source| Error::Certificate { name: "server".to_owned(), source })?;
    params.distinguished_name.push(DnType::CommonName, "testbed-server");
    // A member is also a client: of its peers, and of itself for the JSON gateway.
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

fn client(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// Writes a file beside and renames it, as rotating tools do, so that no reader sees half a file.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let new = path.with_extension("new");
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, path))
        .map_err(|source| Error::Io { what: format!("cannot write {}", path.display()), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_replaces_key_and_certificate_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let certs = Certs::create(dir.path()).unwrap();
        let read = || {
            let Pair { cert_file, key_file } = certs.client();
            (fs::read(cert_file).unwrap(), fs::read(key_file).unwrap())
        };
        let (certificate, key) = read();
        certs.rotate_client().unwrap();
        let (new_certificate, new_key) = read();
        assert_ne!(certificate, new_certificate);
        assert_ne!(key, new_key);
    }
}
