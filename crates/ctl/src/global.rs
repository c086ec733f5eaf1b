//! The flags that every command takes, and the settings that they and the environment give.

mod settings;

use crate::compat::Compat;
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::io::Io;
use crate::parse::{Flag, FlagError, Flags};

pub use settings::{Settings, settings};
pub(crate) use settings::{readable, tls_of_flags};

/// The flags, each of which `ETCDCTL_<NAME>` sets too.
pub const FLAGS: &[Flag] = &[
    Flag::text("auth-jwt-token", "", "a ready-made token, in place of a user and password")
        .since(Compat::V3_7),
    Flag::text("cacert", "", "file with the CAs that sign the servers' certificates"),
    Flag::text("cert", "", "file with the client certificate to be known by"),
    Flag::duration("command-timeout", "5s", "longest time for one command, dialling aside"),
    Flag::text("compat", "3.6", "release of etcdctl to follow: 3.4, 3.5, 3.6 or 3.7").ours(),
    Flag::text("config", "", "the monitor's configuration, whose clusters are contexts").ours(),
    Flag::text("context", "", "the cluster of that name; '' for none").ours(),
    Flag::bool("debug", "print the settings that are in use"),
    Flag::duration("dial-timeout", "2s", "longest time to make a connection"),
    Flag::text("discovery-srv", "", "domain whose SRV records tell the endpoints").short('d'),
    Flag::text("discovery-srv-name", "", "suffix of the service's name in the SRV records"),
    Flag::list("endpoints", "127.0.0.1:2379", "where the members answer, with commas between"),
    Flag::bool("hex", "print keys, values and IDs in hexadecimal"),
    Flag::on(
        "insecure-discovery",
        "take endpoints without TLS from SRV records too, and trust DNS",
    ),
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
