//! Clusters by name: which one a command line means, and where it is described.
//!
//! A context is a cluster of the monitor's configuration, or one of the user's own
//! [file](mod@file). It holds endpoints, the names of files and a user, never a secret of its own.
//! What a flag or a variable says comes before what a context says.

pub mod file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use etcd::{AuthConfig, TlsConfig};

use crate::environment::Environment;
use crate::failure::Failure;
use crate::parse::{Flags, nearest};
use file::Document;

/// Names a context where no flag does.
pub const VARIABLE: &str = "ETCD_MONITOR_CONTEXT";
/// Names the monitor's configuration where no flag does; the monitor reads it too.
const CONFIG_VARIABLE: &str = "ETCD_MONITOR_CONFIG";

/// A cluster with a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Its name.
    pub name: String,
    /// Where members answer.
    pub endpoints: Vec<String>,
    /// The domain whose SRV records tell the endpoints.
    pub discovery_srv: Option<String>,
    /// For members behind NAT: what a member advertises, and where it is reached.
    pub endpoint_map: BTreeMap<String, String>,
    /// TLS; `None` where endpoints without a scheme speak plain.
    pub tls: Option<TlsConfig>,
    /// Who the user is.
    pub auth: AuthConfig,
    /// The environment variable that holds the user's password.
    pub password_env: Option<String>,
}

/// A context, and where it is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The context.
    pub context: Context,
    /// The file that describes it.
    pub file: PathBuf,
    /// Whether that is the user's own file, which `context add` and `remove` change.
    pub is_own: bool,
}

/// All contexts that there are.
pub struct Contexts {
    /// The user's own file.
    pub document: Document,
    /// Every context, the user's own first.
    pub all: Vec<Described>,
    /// The monitor's configuration, if it is known.
    pub config: Option<PathBuf>,
    /// Why the monitor's configuration told no clusters.
    pub trouble: Option<String>,
}

impl Contexts {
    /// Reads the user's own file, and the monitor's configuration if it is known.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Self, Failure> {
        let path = file::path(environment);
        let document = path.as_deref().map_or(Ok(Document::default()), file::read)?;
        let mut all = Vec::new();
        if let Some(path) = path {
            let own = document.contexts().into_iter();
            all.extend(own.map(|context| Described { context, file: path.clone(), is_own: true }));
        }
        let config = config(flags, environment).or_else(|| document.config.clone());
        let mut trouble = None;
        if let Some(file) = &config {
            match environment.clusters_of(file) {
                Ok(clusters) => all.extend(clusters.into_iter().map(|context| {
                    let file = file.clone();
                    Described { context, file, is_own: false }
                })),
                Err(why) => trouble = Some(format!("{} {why}", file.display())),
            }
        }
        Ok(Self { document, all, config, trouble })
    }

    /// The context of that name.
    pub fn find(&self, name: &str) -> Result<&Described, Failure> {
        if let Some(found) = self.all.iter().find(|one| one.context.name == name) {
            return Ok(found);
        }
        let names: Vec<&str> = self.all.iter().map(|one| one.context.name.as_str()).collect();
        let mut failure = Failure::bad_args(match nearest(name, &names) {
            Some(near) => format!("there is no context {name:?}; is {near:?} meant?"),
            None => format!("there is no context {name:?}"),
        });
        if !names.is_empty() {
            failure = failure.with_detail(format!("there are: {}", names.join(", ")));
        }
        if let Some(trouble) = &self.trouble {
            return Err(failure.with_detail(trouble.clone()));
        }
        Err(failure.with_detail(if self.config.is_some() {
            "add it by `context add`"
        } else {
            "add it by `context add`, or give the monitor's configuration by --config"
        }))
    }

    /// The name of the context that is in use when no other is named.
    pub fn current(&self) -> Option<&str> {
        self.document.current.as_deref()
    }
}

/// The context that a command line means, if it means one.
///
/// One that was only chosen once, by `context use`, is left aside when endpoints are given: its
/// credentials are not for another cluster.
pub fn selected(flags: &Flags, environment: &Environment) -> Result<Option<Described>, Failure> {
    let named = named(flags, environment);
    let gives_endpoints = flags.is_given("endpoints") || !flags.text("discovery-srv").is_empty();
    let is_none = named.as_ref().map_or(gives_endpoints, String::is_empty);
    if is_none || (named.is_none() && file::path(environment).is_none()) {
        return Ok(None);
    }
    let contexts = Contexts::load(flags, environment)?;
    let Some(name) = named.or_else(|| contexts.document.current.clone()) else { return Ok(None) };
    contexts.find(&name).cloned().map(Some)
}

/// The context that is named; empty when none is wanted.
pub fn named(flags: &Flags, environment: &Environment) -> Option<String> {
    if flags.is_given("context") {
        return Some(flags.text("context").into_owned());
    }
    environment.other(VARIABLE).map(|name| name.to_string_lossy().into_owned())
}

/// The monitor's configuration, if a flag or a variable names it.
pub fn config(flags: &Flags, environment: &Environment) -> Option<PathBuf> {
    let given = flags.text("config");
    if !given.is_empty() {
        return Some(PathBuf::from(given.into_owned()));
    }
    environment.other(CONFIG_VARIABLE).map(PathBuf::from)
}

/// Whether a cluster may have that name, which the monitor's configuration asks too.
pub fn is_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.len() <= 63 && name.chars().all(is_allowed)
}

/// Where `path` is, seen from any directory.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
