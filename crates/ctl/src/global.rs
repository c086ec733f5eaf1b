//! The flags that every command takes, and the settings that they and the environment give.

use std::path::{Path, PathBuf};
use std::time::Duration;

use etcd::{AuthConfig, ClientConfig, Endpoint, EndpointError, Scheme, TlsConfig};
use model::secret::Secret;

use crate::compat::Compat;
use crate::environment::{self, Environment};
use crate::failure::{Failure, exit};
use crate::go;
use crate::io::Io;
use crate::parse::{Flag, FlagError, Flags};
use crate::password;

/// The flags, each of which `ETCDCTL_<NAME>` sets too.
pub const FLAGS: &[Flag] = &[
    Flag::text("auth-jwt-token", "", "a ready-made token, in place of a user and password")
        .since(Compat::V3_7),
    Flag::text("cacert", "", "file with the CAs that sign the servers' certificates"),
    Flag::text("cert", "", "file with the client certificate to be known by"),
    Flag::duration("command-timeout", "5s", "longest time for one command, dialling aside"),
    Flag::text("compat", "3.6", "release of etcdctl to follow: 3.4, 3.5, 3.6 or 3.7").ours(),
    Flag::bool("debug", "print the settings that are in use"),
    Flag::duration("dial-timeout", "2s", "longest time to make a connection"),
    Flag::text("discovery-srv", "", "refused: give --endpoints").short('d'),
    Flag::text("discovery-srv-name", "", "suffix of the service's name in the SRV records"),
    Flag::list("endpoints", "127.0.0.1:2379", "where the members answer, with commas between"),
    Flag::bool("hex", "print keys, values and IDs in hexadecimal"),
    Flag::on("insecure-discovery", "take endpoints without TLS from SRV records too"),
    Flag::bool("insecure-skip-tls-verify", "take any server's certificate; for tests only"),
    Flag::on("insecure-transport", "speak without TLS where nothing asks for it"),
    Flag::duration("keepalive-time", "2s", "silence after which a connection is tested"),
    Flag::duration("keepalive-timeout", "6s", "longest wait for the answer to that test"),
    Flag::text("key", "", "file with the private key of the client certificate"),
    Flag::int("max-recv-bytes", "0", "largest answer to take; 0 for 2 GiB").since(Compat::V3_6),
    Flag::int("max-request-bytes", "0", "largest request to send; 0 for 2 MiB").since(Compat::V3_6),
    Flag::text("password", "", "password of the user"),
    Flag::text("user", "", "user as NAME or NAME:PASSWORD; asks for a password that is missing"),
    Flag::text("write-out", "simple", "format: fields, json, protobuf, simple or table").short('w'),
];

/// Largest request that is sent unless a flag says otherwise, as in etcdctl.
pub const MAX_REQUEST_BYTES: usize = 2 << 20;
/// Shortest time between two tests of a connection that etcd bears.
const MIN_KEEPALIVE: Duration = Duration::from_secs(5);

/// Takes what the environment sets and the command line does not.
///
/// A flag that both give ends the program with code 1, as it does etcdctl; an unknown variable of
/// etcdctl is warned of. `known` are variables that are no flags.
pub fn apply_environment(
    flags: &mut Flags,
    inherited: &[Flag],
    environment: &Environment,
    known: &[&str],
    io: &mut Io,
) -> Result<(), Failure> {
    // Of the time when etcdctl spoke two APIs; scripts still set it.
    let mut used = vec!["ETCDCTL_API".to_owned()];
    for flag in inherited {
        let variable = environment::variable(flag.name);
        if flags.is_given(flag.name) {
            if environment.has(&variable) {
                let text = "conflicting environment variable is shadowed by corresponding \
                            command-line flag (either unset environment variable or disable flag)";
                return Err(Failure::error(text).with_detail(format!(
                    "{variable} and --{} are both given; keep one of them",
                    flag.name
                )));
            }
            continue;
        }
        if let Some(value) = environment.get(&variable)
            && let Err(FlagError::Wrong(why)) = flags.set_by_name(flag.name, value)
        {
            io.complain(&format!("warning: {variable} is not used: {why}"));
        }
        used.push(variable);
    }
    for name in environment.names() {
        if !used.contains(&name) && !known.contains(&name.as_str()) {
            io.complain(&format!("warning: unrecognized environment variable {name}"));
        }
    }
    Ok(())
}

/// The endpoints, and how to speak with them.
#[derive(Debug)]
pub struct Settings {
    /// What stands in the flag, without spaces around.
    pub endpoint_texts: Vec<String>,
    /// The same, understood.
    pub endpoints: Vec<Endpoint>,
    /// TLS, user, limits.
    pub client: ClientConfig,
}

/// Reads the settings from the flags; asks for a password that is missing.
pub fn settings(flags: &Flags) -> Result<Settings, Failure> {
    // To ask other endpoints than those that were meant would be worse than to refuse.
    if !flags.text("discovery-srv").is_empty() {
        let text = "endpoints are not looked up in DNS by --discovery-srv here";
        return Err(Failure::bad_feature(text).with_detail("give the members by --endpoints"));
    }
    let tls = tls(flags)?;
    let auth = auth(flags)?;
    let has_files = tls.ca_file.is_some() || tls.cert_file.is_some() || tls.key_file.is_some();
    let is_secure = has_files || !flags.bool("insecure-transport");
    let default = if is_secure { Scheme::Https } else { Scheme::Http };
    let texts: Vec<String> =
        flags.list("endpoints").iter().map(|text| text.trim().to_owned()).collect();
    if texts.iter().all(|text| text.is_empty() || text == "\"\"") {
        let text = "etcdclient: no available endpoints";
        return Err(Failure::new(exit::BAD_CONNECTION, text).with_detail("give --endpoints"));
    }
    let parsed: Result<Vec<Endpoint>, EndpointError> =
        texts.iter().map(|text| Endpoint::parse(text, default)).collect();
    let endpoints =
        parsed.map_err(|error| Failure::new(exit::BAD_CONNECTION, error.to_string()))?;
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
    Ok(Settings { endpoint_texts: texts, endpoints, client })
}

fn tls(flags: &Flags) -> Result<TlsConfig, Failure> {
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
    Ok(TlsConfig {
        cert_file: cert,
        key_file: key,
        ca_file: ca,
        server_name: None,
        insecure_skip_verify: flags.bool("insecure-skip-tls-verify"),
    })
}

/// Refuses a file that cannot be opened, in Go's words; what is in it is judged later.
fn readable(path: &Path) -> Result<(), Failure> {
    std::fs::File::open(path).map(drop).map_err(|error| {
        Failure::bad_args(format!("open {}: {}", path.display(), go::io_error(&error)))
    })
}

fn auth(flags: &Flags) -> Result<AuthConfig, Failure> {
    let (user, password) = (flags.text("user"), flags.text("password"));
    let token = flags.text("auth-jwt-token");
    if user.is_empty() {
        let token = (!token.is_empty()).then(|| Secret::new(token.into_owned()));
        return Ok(AuthConfig { token, ..AuthConfig::default() });
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
