//! `etcdutl migrate`: makes a stopped member's files those of another version.

use std::future::ready;
use std::path::PathBuf;
use std::time::Duration;

use backup::StorageVersion;

use crate::call::Call;
use crate::command::Command;
use crate::compat::Compat;
use crate::failure::Failure;
use crate::parse::Flag;

/// `migrate`.
pub(super) const MIGRATE: Command = Command::new(
    "migrate",
    "migrate",
    "Makes the files of a stopped member those of another version",
    |call| Box::pin(ready(run(call))),
)
.long(
    "\
What differs between the versions is one field of the database, the storage version, which 3.5 does not
have. Whether etcd of that version starts is decided by the cluster version too, which only a running
cluster lowers: 'etcdctl downgrade enable'.",
)
.flags(&[
    Flag::text("data-dir", "", "the data directory of a member that does not run (required)"),
    Flag::bool("force", "set the version whatever speaks against it"),
    Flag::text("target-version", "", "the version to be: 3.5, 3.6 or, as 3.7, 3.7 (required)"),
])
.since(Compat::V3_6);

/// The oldest version there is a way to.
const OLDEST: StorageVersion = StorageVersion { major: 3, minor: 5 };

fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let missing: Vec<String> = ["data-dir", "target-version"]
        .iter()
        .filter(|name| !call.flags.is_given(name))
        .map(|name| format!("\"{name}\""))
        .collect();
    if !missing.is_empty() {
        let text = format!("required flag(s) {} not set", missing.join(", "));
        return Err(Failure::error(text));
    }
    let target = target(&call.flags.text("target-version"))?;
    call.offline()?;
    let data_dir = PathBuf::from(call.flags.text("data-dir").into_owned());
    super::check_exists(&backup::database_path(&data_dir))?;
    // Up to 3.6 etcdutl waits for ever; a script that hangs helps nobody.
    let (newest, wait) = if call.compat >= Compat::V3_7 {
        (StorageVersion { major: 3, minor: 7 }, call.flags.duration("timeout"))
    } else {
        (StorageVersion { major: 3, minor: 6 }, Duration::from_secs(10))
    };
    let force = call.flags.bool("force");
    let done = backup::migrate(&data_dir, target, newest, force, wait, &mut |_| {});
    let done = done.map_err(|error| explained(Failure::error(error.to_string())))?;
    // etcdutl logs here too, and prints nothing.
    if let Some(reason) = &done.forced {
        call.io.complain(&format!("by force: {reason}"));
    }
    call.io.complain(&if done.from == target {
        format!("storage version up-to-date: {target}")
    } else {
        format!("storage version {} -> {target}", done.from)
    });
    Ok(())
}

/// Reads `--target-version` with etcdutl's complaints.
fn target(given: &str) -> Result<StorageVersion, Failure> {
    let [major, minor] = given.split('.').collect::<Vec<_>>()[..] else {
        let text = format!("wrong target version format, expected \"X.Y\", got {given:?}");
        return Err(Failure::bad_args(text));
    };
    let number = |text: &str| {
        text.parse::<u64>().map_err(|_| {
            let why = format!("strconv.ParseInt: parsing {text:?}: invalid syntax");
            Failure::bad_args(format!("failed to parse target version: {why}"))
        })
    };
    let target = StorageVersion { major: number(major)?, minor: number(minor)? };
    if target < OLDEST {
        let text = format!("target version \"{target}\" not supported. Minimal \"{OLDEST}\"");
        return Err(Failure::bad_args(text));
    }
    Ok(target)
}

fn explained(failure: Failure) -> Failure {
    if failure.message == "missing term information" {
        return failure.with_detail(
            "the database is of 3.4, or 3.5 has not made a snapshot of raft in it yet: start etcd 3.5 \
             on it first",
        );
    }
    if failure.message.contains("\"3.7.0\" is not supported") {
        return failure.with_detail("--compat=3.7 knows that version");
    }
    failure
}
