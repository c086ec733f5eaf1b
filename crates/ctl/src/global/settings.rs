//! What flags, environment and context say together of a cluster and the way to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcd::dns::{self, Service};
use etcd::{AuthConfig, ClientConfig, Endpoint, EndpointError, Scheme, TlsConfig};
use model::secret::Secret;

use crate::context::{Context, Described};
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::go;
use crate::io::Io;
use crate::parse::Flags;
use crate::password;

/// Shortest time between two tests of a connection that etcd bears.
const MIN_KEEPALIVE: Duration = Duration::from_secs(5);

/// The endpoints, and how to speak with them.
#[derive(Debug)]
pub struct Settings {
    /// What stands in the flag, without spaces around.
    pub endpoint_texts: Vec<String>,
    /// The same, understood.
    pub endpoints: Vec<Endpoint>,
    /// What members advertise, and where they are reached, where that is not the same.
    pub endpoint_map: BTreeMap<String, String>,
    /// TLS, user, limits.
    pub client: ClientConfig,
}

/// Reads the settings from the flags, and from the context what they leave open; asks for a password
/// that is missing, and DNS for endpoints that stand there.
pub async fn settings(
    flags: &Flags,
    described: Option<&Described>,
    environment: &Environment,
    io: &mut Io,
) -> Result<Settings, Failure> {
    let context = described.map(|described| &described.context);
    let within = |failure: Failure| match described {
        Some(Described { context, file, .. }) => {
            failure.with_detail(format!("context {:?} of {}", context.name, file.display()))
        }
        None => failure,
    };
    let tls = tls(flags, context).map_err(within)?;
    let auth = auth(flags, context, environment).map_err(within)?;
    let has_files = tls.ca_file.is_some() || tls.cert_file.is_some() || tls.key_file.is_some();
    let discovered = discover(flags, environment, io).await?;
    let from_context = context.filter(|_| !flags.is_given("endpoints") && discovered.is_empty());
    let is_secure = has_files
        || !flags.bool("insecure-transport")
        || from_context.is_some_and(|context| context.tls.is_some());
    let default = if is_secure { Scheme::Https } else { Scheme::Http };
    let texts = match from_context {
        _ if !discovered.is_empty() => discovered,
        Some(context) => endpoints_of(context, environment).await.map_err(within)?,
        None => flags.list("endpoints").to_vec(),
    };
    let texts: Vec<String> = texts.iter().map(|text| text.trim().to_owned()).collect();
    if texts.iter().all(|text| text.is_empty() || text == "\"\"") {
        let text = "etcdclient: no available endpoints";
        let failure = Failure::new(exit::BAD_CONNECTION, text).with_detail("give --endpoints");
        return Err(within(failure));
    }
    let parsed: Result<Vec<Endpoint>, EndpointError> =
        texts.iter().map(|text| Endpoint::parse(text, default)).collect();
    let endpoints =
        parsed.map_err(|error| within(Failure::new(exit::BAD_CONNECTION, error.to_string())))?;
    let max_message_bytes = match flags.int("max-recv-bytes") {
        limit @ 1.. => limit as usize,
        _ => i32::MAX as usize,
    };
    let client = ClientConfig {
        tls: Some(tls),
        auth,
        dial_timeout: flags.duration("dial-timeout"),
        keepalive_time: flags.duration("keepalive-time").max(MIN_KEEPALIVE),
        keepalive_timeout: flags.duration("keepalive-timeout"),
        max_message_bytes,
    };
    let endpoint_map = context.map(|context| context.endpoint_map.clone()).unwrap_or_default();
    Ok(Settings { endpoint_texts: texts, endpoints, endpoint_map, client })
}

/// The endpoints that SRV records tell, as `--discovery-srv` asks for; none without it.
async fn discover(
    flags: &Flags,
    environment: &Environment,
    io: &mut Io,
) -> Result<Vec<String>, Failure> {
    let domain = flags.text("discovery-srv");
    if domain.is_empty() {
        return Ok(Vec::new());
    }
    let service = Service { domain: &domain, name: &flags.text("discovery-srv-name") };
    let found = dns::discover_service(service, environment.dns_server()).await;
    let mut found: Vec<String> =
        found.map_err(|error| unresolved(&error))?.iter().map(Endpoint::url).collect();
    if !flags.bool("insecure-discovery") {
        found.retain(|url| {
            let is_secure = !url.starts_with("http://");
            if !is_secure {
                io.complain(&format!("ignoring discovered insecure endpoint {url:?}"));
            }
            is_secure
        });
    }
    // etcdctl then asks 127.0.0.1, which nobody meant.
    if found.is_empty() && !flags.is_given("endpoints") {
        let text = format!("{domain} has SRV records of insecure endpoints only");
        return Err(Failure::error(text).with_detail("--insecure-discovery takes them too"));
    }
    Ok(found)
}

/// The endpoints that a context names, and those that its domain tells, as the monitor takes them.
async fn endpoints_of(
    context: &Context,
    environment: &Environment,
) -> Result<Vec<String>, Failure> {
    let mut endpoints = context.endpoints.clone();
    if let Some(domain) = &context.discovery_srv {
        let service = Service { domain, name: "" };
        let found = dns::discover_service(service, environment.dns_server()).await;
        let found = found.map_err(|error| unresolved(&error))?.into_iter();
        // Who gave TLS settings must not be led to plain text by DNS.
        let taken = found.filter(|one| context.tls.is_none() || one.scheme() == Scheme::Https);
        endpoints.extend(taken.map(|endpoint| endpoint.url()));
    }
    Ok(endpoints)
}

fn unresolved(error: &dns::Error) -> Failure {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    Failure::error(format!("dns lookup errors: {error}{}", cause.unwrap_or_default()))
}

/// The TLS settings that the flags give.
pub(crate) fn tls_of_flags(flags: &Flags) -> Result<TlsConfig, Failure> {
    let file = |name: &str| -> Result<Option<PathBuf>, Failure> {
        let path = flags.text(name);
        match (path.is_empty(), flags.is_given(name)) {
            (true, true) => {
                Err(Failure::bad_args(format!("empty string is passed to --{name} option")))
            }
            (true, false) => Ok(None),
            (false, _) => Ok(Some(path.into_owned().into())),
        }
    };
    let (cert, key, ca) = (file("cert")?, file("key")?, file("cacert")?);
    if cert.is_some() != key.is_some() {
        let (key, cert) = (flags.text("key"), flags.text("cert"));
        let text = format!("KeyFile and CertFile must both be present[key: {key}, cert: {cert}]");
        return Err(Failure::bad_args(text));
    }
    [&cert, &key, &ca].into_iter().flatten().try_for_each(|path| readable(path))?;
    // Where DNS is not trusted, the servers must be known by the domain.
    let domain = flags.text("discovery-srv");
    let is_trusted = domain.is_empty() || flags.bool("insecure-discovery");
    Ok(TlsConfig {
        cert_file: cert,
        key_file: key,
        ca_file: ca,
        server_name: (!is_trusted).then(|| domain.into_owned()),
        insecure_skip_verify: flags.bool("insecure-skip-tls-verify"),
    })
}

fn tls(flags: &Flags, context: Option<&Context>) -> Result<TlsConfig, Failure> {
    let mut tls = tls_of_flags(flags)?;
    let Some(described) = context.and_then(|context| context.tls.clone()) else { return Ok(tls) };
    // A certificate and its key belong together, wherever they come from.
    if tls.cert_file.is_none() {
        (tls.cert_file, tls.key_file) = (described.cert_file, described.key_file);
    }
    tls.ca_file = tls.ca_file.or(described.ca_file);
    tls.server_name = tls.server_name.or(described.server_name);
    if !flags.is_given("insecure-skip-tls-verify") {
        tls.insecure_skip_verify = described.insecure_skip_verify;
    }
    let files = [&tls.cert_file, &tls.key_file, &tls.ca_file];
    files.into_iter().flatten().try_for_each(|path| readable(path))?;
    Ok(tls)
}

/// Refuses a file that cannot be opened, in Go's words; what is in it is judged later.
pub(crate) fn readable(path: &Path) -> Result<(), Failure> {
    std::fs::File::open(path).map(drop).map_err(|error| {
        Failure::bad_args(format!("open {}: {}", path.display(), go::io_error(&error)))
    })
}

fn auth(
    flags: &Flags,
    context: Option<&Context>,
    environment: &Environment,
) -> Result<AuthConfig, Failure> {
    let (user, password) = (flags.text("user"), flags.text("password"));
    let token = flags.text("auth-jwt-token");
    if user.is_empty() {
        if !token.is_empty() {
            let token = Some(Secret::new(token.into_owned()));
            return Ok(AuthConfig { token, ..AuthConfig::default() });
        }
        return context
            .map_or(Ok(AuthConfig::default()), |context| auth_of(context, &password, environment));
    }
    let (user, password) = if !password.is_empty() {
        (user.into_owned(), password.into_owned())
    } else if let Some((user, password)) = user.split_once(':') {
        (user.to_owned(), password.to_owned())
    } else {
        (user.into_owned(), password::ask("Password: ")?)
    };
    let password = Some(Secret::new(password));
    Ok(AuthConfig { user: Some(user), password, ..AuthConfig::default() })
}

/// Who the context says that the user is, with the password that was given, or where it says that
/// one is; asked for otherwise.
fn auth_of(
    context: &Context,
    given: &str,
    environment: &Environment,
) -> Result<AuthConfig, Failure> {
    let mut auth = context.auth.clone();
    let Some(user) = &auth.user else { return Ok(auth) };
    if !given.is_empty() {
        auth.password = Some(Secret::new(given.to_owned()));
        auth.password_file = None;
    } else if let Some(variable) = &context.password_env {
        let password = environment.any(variable).ok_or_else(|| {
            let text = format!("the password of {user} is to be in {variable}, which is not set");
            Failure::bad_args(text)
        })?;
        auth.password = Some(Secret::new(password));
    } else if let Some(file) = &auth.password_file {
        readable(file)?;
    } else if auth.password.is_none() && auth.token.is_none() && auth.token_file.is_none() {
        let prompt = format!("Password of {user} for {}: ", context.name);
        auth.password = Some(Secret::new(password::ask(&prompt)?));
    }
    Ok(auth)
}
