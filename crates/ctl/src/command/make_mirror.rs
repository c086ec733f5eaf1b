//! `make-mirror`: keeps a copy of the keys in another cluster.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use etcd::{AuthConfig, ClientConfig, Endpoint, Scheme, TlsConfig};
use model::secret::Secret;
use tokio::time::{Instant, interval_at};

use super::Command;
use crate::call::Call;
use crate::compat::Compat;
use crate::confirm::{DRY_RUN, Silence, YES, confirm, is_wanted, keys, look};
use crate::context::Contexts;
use crate::failure::{Failure, exit};
use crate::global::{self, Settings};
use crate::go;
use crate::mirror::{Mirror, Progress, prefix_range};
use crate::parse::{Flag, Flags};
use crate::password;
use crate::session::Session;
use crate::signal::interrupted;

/// `make-mirror`.
pub(super) const MAKE_MIRROR: Command = Command::new(
    "make-mirror",
    "make-mirror [options] <destination, if no --dest-context>",
    "Makes a mirror at the destination etcd cluster",
    |call| Box::pin(run(call)),
)
.long(
    "\
Copies the keys, then follows their changes until interrupted. Every 30 s it prints how many keys it
has written. Leases are not mirrored.",
)
.flags(&[
    Flag::text("dest-cacert", "", "file with the CAs that sign the destination's certificates"),
    Flag::text("dest-cert", "", "file with the client certificate for the destination"),
    Flag::text("dest-context", "", "the cluster of that name in place of a destination").ours(),
    Flag::on("dest-insecure-transport", "speak without TLS with the destination"),
    Flag::text("dest-key", "", "file with the private key of that certificate"),
    Flag::text("dest-password", "", "password of the destination's user").since(Compat::V3_5),
    Flag::text("dest-prefix", "", "what takes the place of --prefix at the destination"),
    Flag::text("dest-user", "", "user of the destination, as NAME or NAME:PASSWORD")
        .since(Compat::V3_5),
    DRY_RUN,
    Flag::int("max-txn-ops", "128", "most operations in one transaction").since(Compat::V3_6),
    Flag::bool("no-dest-prefix", "leave --prefix out at the destination"),
    Flag::text("prefix", "", "mirror only keys that begin with this"),
    Flag::int("rev", "0", "copy nothing, follow the changes from this revision on")
        .since(Compat::V3_6),
    YES,
]);

/// How often the number of keys is printed.
const TOLD_EVERY: Duration = Duration::from_secs(30);

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let dest_context = call.flags.text("dest-context").into_owned();
    match (call.args.len(), dest_context.is_empty()) {
        (1, true) | (0, false) => {}
        (_, true) => {
            return Err(Failure::bad_args("make-mirror takes one destination argument"));
        }
        (_, false) => {
            let text = "--dest-context and a destination argument are both given; keep one of them";
            return Err(Failure::bad_args(text));
        }
    }
    let prefix = call.flags.bytes("prefix").to_vec();
    let mut dest_prefix = call.flags.bytes("dest-prefix").to_vec();
    let is_without = call.flags.bool("no-dest-prefix");
    if is_without && !dest_prefix.is_empty() {
        let text =
            "`--dest-prefix` and `--no-dest-prefix` cannot be set at the same time, choose one";
        return Err(Failure::bad_args(text));
    }
    if !is_without && dest_prefix.is_empty() {
        dest_prefix.clone_from(&prefix);
    }
    let max_ops = match call.flags.int("max-txn-ops") {
        0 if call.compat < Compat::V3_6 => 128,
        ops => usize::try_from(ops).ok().filter(|ops| *ops > 0).ok_or_else(|| {
            Failure::bad_args(format!("--max-txn-ops is {ops}; give a number from 1 on"))
        })?,
    };
    let source = call.session().await?;
    let settings = if dest_context.is_empty() {
        destination(&call.arg(0), &call.flags)?
    } else {
        destination_in(call, &dest_context).await?
    };
    let dest = Session::new(settings, source.timeout, false, usize::MAX)?;
    let mirror = Mirror { prefix: prefix.into(), dest_prefix: dest_prefix.into(), max_ops };
    if is_wanted(call) && !is_agreed(call, &source, &dest, &mirror).await? {
        return Ok(());
    }
    let (progress, from) = (Progress::default(), call.flags.int("rev").max(0));
    let work = async {
        let from = match from {
            0 => mirror.copy(&source, &dest, &progress).await? + 1,
            from => from,
        };
        mirror.follow(&source, &dest, from, &progress).await
    };
    tokio::pin!(work);
    let mut ticks = interval_at(Instant::now() + TOLD_EVERY, TOLD_EVERY);
    let outcome = loop {
        tokio::select! {
            outcome = &mut work => break outcome,
            () = interrupted() => return Err(Failure::silent(exit::ERROR)),
            _ = ticks.tick() => {
                call.say(&progress.keys.load(Ordering::Relaxed).to_string());
                call.flush()?;
            }
        }
    };
    outcome.map_err(|failure| {
        let keys = progress.keys.load(Ordering::Relaxed);
        let (code, text) = (failure.code, format!("{keys} keys were written"));
        let failure = failure.with_code(code).with_detail(text);
        match progress.revision.load(Ordering::Relaxed) {
            0 => failure,
            revision => failure.with_detail(format!(
                "all changes up to revision {revision} are there; go on with --rev={}",
                revision + 1
            )),
        }
    })
}

/// Whether to go on, where keys of the destination may be overwritten.
async fn is_agreed(
    call: &mut Call<'_>,
    source: &Session,
    dest: &Session,
    mirror: &Mirror,
) -> Result<bool, Failure> {
    let count = async |session: &Session, prefix: &Bytes| {
        let (key, end) = prefix_range(prefix);
        Ok::<_, Failure>(look(session, key, end).await?.count)
    };
    let there = count(dest, &mirror.dest_prefix).await?;
    if there == 0 && !call.flags.bool("dry-run") {
        return Ok(true);
    }
    let (from, to) = (go::quote(&mirror.prefix), go::quote(&mirror.dest_prefix));
    let first = if let rev @ 1.. = call.flags.int("rev") {
        format!("follow the changes of keys that begin with {from} from {rev} on")
    } else {
        let count = keys(count(source, &mirror.prefix).await?);
        format!("copy {count} that begin with {from}, and follow their changes")
    };
    let second = format!(
        "at the destination {} that begin with {to}: those with the same name are overwritten",
        match there {
            1 => "is 1 key".to_owned(),
            count => format!("are {count} keys"),
        }
    );
    confirm(call, &[first, second], "Mirror them?", Silence::MeansYes)
}

/// The destination that a context describes, all of it: what the flags say of users and certificates
/// is for other clusters.
async fn destination_in(call: &mut Call<'_>, name: &str) -> Result<Settings, Failure> {
    let given = ["dest-cacert", "dest-cert", "dest-key", "dest-user", "dest-password"];
    if let Some(flag) = given.into_iter().find(|flag| call.flags.is_given(flag)) {
        let text = format!("--dest-context and --{flag} are both given; keep one of them");
        return Err(Failure::bad_args(text));
    }
    let contexts = Contexts::load(&call.flags, call.environment)?;
    let described = contexts.find(name)?;
    let flags = Flags::new(global::FLAGS.iter().copied());
    let mut settings = global::settings(&flags, Some(described), call.environment, call.io).await?;
    settings.client.dial_timeout = call.flags.duration("dial-timeout");
    Ok(settings)
}

fn destination(text: &str, flags: &Flags) -> Result<Settings, Failure> {
    let file = |name: &str| {
        let path = flags.text(name);
        (!path.is_empty()).then(|| path.into_owned().into())
    };
    let tls = TlsConfig {
        ca_file: file("dest-cacert"),
        cert_file: file("dest-cert"),
        key_file: file("dest-key"),
        ..TlsConfig::default()
    };
    let has_files = tls.ca_file.is_some() || tls.cert_file.is_some();
    let is_secure = has_files || !flags.bool("dest-insecure-transport");
    let scheme = if is_secure { Scheme::Https } else { Scheme::Http };
    let endpoint_texts: Vec<String> = text.split(',').map(|one| one.trim().to_owned()).collect();
    let endpoints = endpoint_texts
        .iter()
        .map(|text| Endpoint::parse(text, scheme))
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::new(exit::BAD_CONNECTION, error.to_string()))?;
    let client = ClientConfig {
        tls: Some(tls),
        auth: user(flags)?,
        dial_timeout: flags.duration("dial-timeout"),
        ..ClientConfig::default()
    };
    Ok(Settings { endpoint_texts, endpoints, endpoint_map: BTreeMap::new(), client })
}

fn user(flags: &Flags) -> Result<AuthConfig, Failure> {
    let (user, password) = (flags.text("dest-user"), flags.text("dest-password"));
    if user.is_empty() {
        return Ok(AuthConfig::default());
    }
    let (user, password) = if !password.is_empty() {
        (user.into_owned(), password.into_owned())
    } else if let Some((user, password)) = user.split_once(':') {
        (user.to_owned(), password.to_owned())
    } else {
        (user.into_owned(), password::ask("Destination Password: ")?)
    };
    let password = Some(Secret::new(password));
    Ok(AuthConfig { user: Some(user), password, ..AuthConfig::default() })
}
