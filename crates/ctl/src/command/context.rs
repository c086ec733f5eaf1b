//! `context`: clusters by name, so that nobody types endpoints and files of certificates.

use std::future::ready;
use std::path::PathBuf;

use etcd::{Endpoint, Scheme};

use super::Command;
use crate::answer::ContextsShown;
use crate::call::Call;
use crate::context::file::{self, Auth, Entry, Tls};
use crate::context::{self, Contexts, absolute};
use crate::failure::Failure;
use crate::global;
use crate::parse::Flag;

/// `context`.
pub(super) const CONTEXT: Command = Command::group(
    "context",
    "context <subcommand>",
    "Clusters by name: adds, chooses and lists them",
    &[&ADD, &LIST, &REMOVE, &SHOW, &USE],
)
.ours();

const ADD: Command = Command::new(
    "add",
    "add <name> [options]",
    "Adds a context of the settings that flags and environment give",
    |call| Box::pin(ready(add(call))),
)
.long(
    "\
Kept are --endpoints or --discovery-srv, --cacert, --cert, --key, --insecure-skip-tls-verify and the name
of the --user, in a file that only you can read; a password never is: it is asked for, unless
--password-file or --password-env says where it is.",
)
.flags(&[
    Flag::text("password-env", "", "environment variable that holds the user's password").ours(),
    Flag::text("password-file", "", "file that holds the user's password").ours(),
    Flag::bool("replace", "replace a context that has the name already").ours(),
    Flag::text("server-name", "", "name that the servers' certificates carry").ours(),
    Flag::bool("use", "use it from now on").ours(),
])
.ours();

const LIST: Command = Command::new("list", "list", "Lists the contexts that there are", |call| {
    Box::pin(ready(list(call)))
})
.ours();

const REMOVE: Command =
    Command::new("remove", "remove <name>", "Removes a context that was added", |call| {
        Box::pin(ready(remove(call)))
    })
    .ours();

const SHOW: Command = Command::new(
    "show",
    "show [name]",
    "Shows what a context says, or the one that is in use",
    |call| Box::pin(ready(show(call))),
)
.ours();

const USE: Command =
    Command::new("use", "use <name>", "Uses a context from now on", |call| {
        Box::pin(ready(choose(call)))
    })
    .long(
        "\
Commands that are given endpoints, by flag or environment, do without it. --none uses none any more.",
    )
    .flags(&[Flag::bool("none", "use no context any more").ours()])
    .ours();

fn add(call: &mut Call<'_>) -> Result<(), Failure> {
    let name = only_argument(call, "add")?;
    if !context::is_name(&name) {
        let text = format!("{name:?} is not accepted as a name");
        return Err(Failure::bad_args(text).with_detail("use up to 63 letters, digits, . _ and -"));
    }
    if call.flags.is_given("password") {
        return Err(no_password());
    }
    call.offline()?;
    let entry = entry(call, name.clone())?;
    let path = path_of(call)?;
    let (replaces, uses) = (call.flags.bool("replace"), call.flags.bool("use"));
    file::change(&path, |document| {
        let same = document.clusters.iter().position(|one| one.name == name);
        match same {
            Some(at) if replaces => document.clusters[at] = entry,
            Some(_) => {
                let text = format!("there is a context {name:?} already");
                return Err(Failure::error(text).with_detail("give --replace to replace it"));
            }
            None => document.clusters.push(entry),
        }
        if uses {
            document.current = Some(name.clone());
        }
        Ok(())
    })?;
    if call.flags.bool("use") {
        call.say(&format!("context {name:?} added and in use"));
    } else {
        call.say(&format!("context {name:?} added"));
        call.io.complain(&format!("use it by --context {name}, or always by: context use {name}"));
    }
    Ok(())
}

/// What the flags say, with files that are there and found from any directory.
fn entry(call: &Call<'_>, name: String) -> Result<Entry, Failure> {
    let flags = &call.flags;
    let text = |name: &str| Some(flags.text(name).into_owned()).filter(|text| !text.is_empty());
    let discovery_srv = text("discovery-srv");
    let mut endpoints = Vec::new();
    if flags.is_given("endpoints") {
        endpoints.extend(flags.list("endpoints").iter().map(|text| text.trim().to_owned()));
    }
    if endpoints.is_empty() && discovery_srv.is_none() {
        return Err(Failure::bad_args("give --endpoints or --discovery-srv"));
    }
    for endpoint in &endpoints {
        Endpoint::parse(endpoint, Scheme::Http)
            .map_err(|error| Failure::bad_args(error.to_string()))?;
    }
    let given = global::tls_of_flags(flags)?;
    let file = |path: Option<PathBuf>| path.map(|path| absolute(&path));
    let tls = Tls {
        ca_file: file(given.ca_file),
        cert_file: file(given.cert_file),
        key_file: file(given.key_file),
        server_name: text("server-name").or(given.server_name),
        insecure_skip_verify: given.insecure_skip_verify,
    };
    let auth = Auth {
        user: text("user"),
        password_file: file(text("password-file").map(PathBuf::from)),
        password_env: text("password-env"),
    };
    if auth.user.as_ref().is_some_and(|user| user.contains(':')) {
        return Err(no_password());
    }
    if auth.user.is_none() && (auth.password_file.is_some() || auth.password_env.is_some()) {
        return Err(Failure::bad_args("a password needs a user: give --user"));
    }
    if auth.password_file.is_some() && auth.password_env.is_some() {
        return Err(Failure::bad_args("give one of --password-file and --password-env"));
    }
    auth.password_file.iter().try_for_each(|path| global::readable(path))?;
    Ok(Entry {
        name,
        endpoints,
        discovery_srv,
        tls: Some(tls).filter(|tls| *tls != Tls::default()),
        auth: Some(auth).filter(|auth| *auth != Auth::default()),
    })
}

fn no_password() -> Failure {
    Failure::bad_args("a context keeps no password").with_detail(
        "give --user=NAME with --password-file or --password-env, or be asked for it each time",
    )
}

fn choose(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.flags.bool("none") {
        if !call.args.is_empty() {
            return Err(Failure::bad_args("context use takes a name or --none, not both"));
        }
        call.offline()?;
        file::change(&path_of(call)?, |document| {
            (document.current, document.config) = (None, None);
            Ok(())
        })?;
        call.say("no context is in use");
        return Ok(());
    }
    let name = only_argument(call, "use")?;
    call.offline()?;
    let contexts = Contexts::load(&call.flags, call.environment)?;
    let found = contexts.find(&name)?;
    // Its configuration is to be found again without being named.
    let config = (!found.is_own).then(|| absolute(&found.file));
    file::change(&path_of(call)?, |document| {
        document.current = Some(name.clone());
        document.config = config.or(document.config.take());
        Ok(())
    })?;
    call.say(&format!("context {name:?} is in use"));
    Ok(())
}

fn list(call: &mut Call<'_>) -> Result<(), Failure> {
    if !call.args.is_empty() {
        return Err(Failure::bad_args("context list accepts no arguments"));
    }
    call.offline()?;
    let contexts = Contexts::load(&call.flags, call.environment)?;
    if let Some(trouble) = &contexts.trouble {
        call.io.complain(&format!("warning: {trouble}"));
    }
    let current = current(call, &contexts);
    // Of two with one name the first is meant, and so the first is shown.
    let is_first = |at: &usize| {
        let name = &contexts.all[*at].context.name;
        !contexts.all[..*at].iter().any(|earlier| earlier.context.name == *name)
    };
    let shown = (0..contexts.all.len()).filter(is_first).map(|at| &contexts.all[at]).collect();
    if contexts.all.is_empty() {
        call.io.complain("there are no contexts; add one by: context add NAME --endpoints …");
    }
    call.print(&ContextsShown { contexts: shown, current: current.as_deref(), is_one: false })
}

fn show(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.args.len() > 1 {
        return Err(Failure::bad_args("context show takes one name at most"));
    }
    call.offline()?;
    let contexts = Contexts::load(&call.flags, call.environment)?;
    let current = current(call, &contexts);
    let name = match call.args.first() {
        Some(name) => String::from_utf8_lossy(name).into_owned(),
        None => current.clone().ok_or_else(|| {
            Failure::error("no context is in use").with_detail("give the name of one")
        })?,
    };
    let found = contexts.find(&name)?;
    call.print(&ContextsShown { contexts: vec![found], current: current.as_deref(), is_one: true })
}

fn remove(call: &mut Call<'_>) -> Result<(), Failure> {
    let name = only_argument(call, "remove")?;
    call.offline()?;
    let contexts = Contexts::load(&call.flags, call.environment)?;
    let found = contexts.find(&name)?;
    if !found.is_own {
        let text = format!("context {name:?} is a cluster of {}", found.file.display());
        return Err(Failure::error(text).with_detail("it is removed there, by an editor"));
    }
    let was_current = file::change(&path_of(call)?, |document| {
        document.clusters.retain(|one| one.name != name);
        let was_current = document.current.as_deref() == Some(&*name);
        if was_current {
            document.current = None;
        }
        Ok(was_current)
    })?;
    call.say(&format!("context {name:?} removed"));
    if was_current {
        call.io.complain("no context is in use now");
    }
    Ok(())
}

/// The name of the context that commands take now.
fn current(call: &Call<'_>, contexts: &Contexts) -> Option<String> {
    let named = context::named(&call.flags, call.environment);
    let current = named.or_else(|| contexts.current().map(str::to_owned));
    current.filter(|name| !name.is_empty())
}

fn path_of(call: &Call<'_>) -> Result<PathBuf, Failure> {
    file::path(call.environment).ok_or_else(|| {
        Failure::error("there is no place for contexts").with_detail("set HOME or XDG_CONFIG_HOME")
    })
}

fn only_argument(call: &Call<'_>, command: &str) -> Result<String, Failure> {
    if call.args.len() == 1 {
        return Ok(call.arg(0));
    }
    Err(Failure::bad_args(format!("context {command} needs the name of a context")))
}
