//! The user's own contexts on disk: a YAML file in the words of the monitor's configuration.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use etcd::{AuthConfig, TlsConfig};
use serde::{Deserialize, Serialize};

use super::Context;
use crate::environment::Environment;
use crate::failure::Failure;

/// The largest file that is read, bytes: thousands of contexts.
const MAX_BYTES: u64 = 1 << 20;

/// The file: contexts, and which of them is in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Document {
    /// The context in use, be it one of the monitor's configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// The monitor's configuration that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
    /// The contexts.
    pub clusters: Vec<Entry>,
}

/// One context, with the keys of a cluster of the monitor's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Where members answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// The domain whose SRV records tell the endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discovery_srv: Option<String>,
    /// TLS towards the members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Who the user is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
}

/// TLS of a context: names of files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The CAs that sign the servers' certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The client certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// Its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The name that the servers' certificates carry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Whether any certificate will do.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_verify: bool,
}

/// The user of a context. There is no place for a password: it is asked for, unless one of these
/// says where it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The file that holds the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// The environment variable that holds the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
}

impl Document {
    /// What the entries say, as contexts.
    pub fn contexts(&self) -> Vec<Context> {
        self.clusters.iter().cloned().map(Context::from).collect()
    }
}

impl From<Entry> for Context {
    fn from(entry: Entry) -> Self {
        let Auth { user, password_file, password_env } = entry.auth.unwrap_or_default();
        Self {
            name: entry.name,
            endpoints: entry.endpoints,
            discovery_srv: entry.discovery_srv,
            tls: entry.tls.map(|tls| TlsConfig {
                ca_file: tls.ca_file,
                cert_file: tls.cert_file,
                key_file: tls.key_file,
                server_name: tls.server_name,
                insecure_skip_verify: tls.insecure_skip_verify,
            }),
            auth: AuthConfig { user, password_file, ..AuthConfig::default() },
            password_env,
            ..Self::default()
        }
    }
}

/// Where the file is; `None` where the system has no place for it.
pub fn path(environment: &Environment) -> Option<PathBuf> {
    let directory = |name| environment.other(name).map(PathBuf::from);
    let config = directory("XDG_CONFIG_HOME")
        // One that is not absolute counts as absent, as XDG says.
        .filter(|path| path.is_absolute())
        .or_else(|| directory("HOME").map(|home| home.join(".config")))
        .or_else(|| directory("APPDATA"))?;
    Some(config.join("etcd-monitor").join("contexts.yaml"))
}

/// Reads the file; one that is not there is an empty one.
pub fn read(path: &Path) -> Result<Document, Failure> {
    let unread = |error: &io::Error| {
        Failure::error(format!("cannot read the contexts in {}: {error}", path.display()))
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Document::default()),
        Err(error) => return Err(unread(&error)),
    };
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| unread(&error))?;
    if text.len() as u64 > MAX_BYTES {
        let text = format!("{} is larger than {MAX_BYTES} bytes", path.display());
        return Err(Failure::error(text));
    }
    if text.trim().is_empty() {
        return Ok(Document::default());
    }
    // Snippets would repeat the text around a mistake, which may be a password at the wrong place.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(&text, options).map_err(|error| {
        let why = error.without_snippet();
        Failure::error(format!("the contexts in {} are not understood: {why}", path.display()))
            .with_detail("mend the file, or give --endpoints to do without it")
    })
}

/// Changes the file, whole or not at all: only its owner may read it, and of two that change it at
/// once the second waits for the first.
pub fn change<T>(
    path: &Path,
    change: impl FnOnce(&mut Document) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let unwritten = |error: io::Error| {
        Failure::error(format!("cannot write the contexts to {}: {error}", path.display()))
    };
    let directory = path.parent().unwrap_or(Path::new("."));
    make_directory(directory).map_err(unwritten)?;
    let lock = private(&directory.join("contexts.lock"), false).map_err(unwritten)?;
    lock.lock().map_err(unwritten)?;
    let mut document = read(path)?;
    let changed = change(&mut document)?;
    let text = serde_saphyr::to_string(&document)
        .map_err(|error| unwritten(io::Error::other(error.to_string())))?;
    replace(path, text.as_bytes()).map_err(unwritten)?;
    Ok(changed)
}

/// Writes beside the file and renames, so that a crash leaves the old one or the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link to a file elsewhere stays a link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let new = target.with_extension(format!("new-{}", std::process::id()));
    let written = private(&new, true).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &target)
    });
    if written.is_err() {
        let _ = fs::remove_file(&new);
        return written;
    }
    match target.parent() {
        // Other systems cannot open a directory.
        Some(directory) if cfg!(unix) => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}

fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A file that only its owner may read.
fn private(path: &Path, is_emptied: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(is_emptied);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
