//! `etcdutl snapshot`: what a snapshot holds, and a data directory made of it.

use std::future::ready;
use std::path::PathBuf;

use backup::RestoreOptions;

use crate::answer::SnapshotStatus;
use crate::call::Call;
use crate::command::Command;
use crate::command::snapshot::{failure, path_of};
use crate::compat::Compat;
use crate::failure::Failure;
use crate::parse::Flag;
use crate::print::human;

/// `snapshot`.
pub(super) const SNAPSHOT: Command = Command::group(
    "snapshot",
    "snapshot <subcommand>",
    "Reads and restores snapshots",
    &[&RESTORE, &STATUS],
);

const STATUS: Command =
    Command::new("status", "status <filename>", "Shows what a snapshot holds, in short", |call| {
        Box::pin(ready(status(call)))
    })
    .long("The items are hash, revision, total keys, total size and version.");

const RESTORE: Command = Command::new(
    "restore",
    "restore <filename> --data-dir {output dir} [options]",
    "Makes a member's data directory of a snapshot",
    |call| Box::pin(ready(restore_into(call))),
)
.long("The data directory gets its name when everything in it is whole and on disk.")
.flags(RESTORE_FLAGS);

/// The flags of `restore`, which etcdctl has too up to 3.5.
pub(crate) const RESTORE_FLAGS: &[Flag] = &[
    Flag::int("bump-revision", "0", "add so much to the last revision"),
    Flag::text("data-dir", "", "the directory to make; NAME.etcd if not given"),
    Flag::text(
        "initial-advertise-peer-urls",
        "http://localhost:2380",
        "where the other members will reach this one",
    ),
    Flag::text(
        "initial-cluster",
        "default=http://localhost:2380",
        "all members of the new cluster: name=url,name=url",
    ),
    Flag::text("initial-cluster-token", "etcd-cluster", "tells this cluster from others"),
    Flag::int("initial-memory-map-size", "0", "not used: no memory is mapped"),
    Flag::bool("mark-compacted", "mark all revisions as compacted (with --bump-revision)"),
    Flag::text("name", "default", "the name of this member"),
    Flag::bool("skip-hash-check", "take a file without a hash, as a copy of a database is"),
    Flag::text("wal-dir", "", "the directory of the log, if not in the data directory"),
];

/// Runs `snapshot status`.
pub(crate) fn status(call: &mut Call<'_>) -> Result<(), Failure> {
    let [path] = call.args.as_slice() else {
        return Err(Failure::bad_args("snapshot status requires exactly one argument"));
    };
    let path = path_of(path);
    super::check_exists(&path)?;
    call.offline()?;
    let status = backup::status(&path).map_err(failure)?;
    call.print(&SnapshotStatus(&status))
}

/// etcdutl 3.5 wants to be told where to.
fn restore_into(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.compat < Compat::V3_6 && !call.flags.is_given("data-dir") {
        return Err(Failure::error("required flag(s) \"data-dir\" not set"));
    }
    restore(call)
}

/// Runs `snapshot restore`.
pub(crate) fn restore(call: &mut Call<'_>) -> Result<(), Failure> {
    let [path] = call.args.as_slice() else {
        return Err(Failure::bad_args("snapshot restore requires exactly one argument"));
    };
    let path = path_of(path);
    call.offline()?;
    let flags = &call.flags;
    let bump_revision = u64::try_from(flags.int("bump-revision")).map_err(|_| {
        let given = flags.int("bump-revision");
        Failure::error(format!("--bump-revision={given}: give a number from 0 on"))
    })?;
    let mark_compacted = flags.bool("mark-compacted");
    if (bump_revision > 0) != mark_compacted {
        return Err(Failure::bad_args("--mark-compacted required if --revision-bump > 0"));
    }
    let text = |name: &str| flags.text(name).into_owned();
    let directory =
        |name: &str| Some(PathBuf::from(text(name))).filter(|path| path.iter().count() > 0);
    let options = RestoreOptions {
        snapshot: path,
        name: text("name"),
        initial_cluster: text("initial-cluster"),
        initial_cluster_token: text("initial-cluster-token"),
        initial_advertise_peer_urls: text("initial-advertise-peer-urls"),
        data_dir: directory("data-dir"),
        wal_dir: directory("wal-dir"),
        skip_hash_check: flags.bool("skip-hash-check"),
        bump_revision,
        mark_compacted,
    };
    let restored = backup::restore(&options, &mut |_| {}).map_err(failure)?;
    // etcdutl logs here too, and prints nothing.
    call.io.complain(&format!(
        "restored revision {} ({}) into {} as member {} of {} of cluster {}",
        restored.revision,
        human::bytes(restored.database_bytes),
        restored.data_dir.display(),
        restored.member_id,
        restored.members,
        restored.cluster_id,
    ));
    Ok(())
}
