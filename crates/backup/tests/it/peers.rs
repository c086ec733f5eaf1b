//! Figures of snapshots, equal to those of etcdutl and of the member itself.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use backup::RestoreOptions;
use etcd::PermissionType;
use serde_json::{Value, json};
use testbed::version::skip;
use testbed::{Cluster, EtcdVersion};

use crate::{AMPLE, ran, run, save, text};

mod each {
    testbed::on_every_version!(figures_are_those_of_etcdutl_and_of_the_member);
}

/// The etcdutl that are here, with the version each is of.
pub(crate) fn etcdutls() -> Vec<(EtcdVersion, PathBuf)> {
    let mut found = Vec::new();
    for version in [EtcdVersion::V3_5, EtcdVersion::V3_6, EtcdVersion::V3_7] {
        match version.etcdutl() {
            Ok(path) => found.push((version, path)),
            Err(missing) => skip(&missing),
        }
    }
    found
}

/// Kinds of keys in a filled cluster, and how many there are of each.
const KINDS: u32 = 4;
const KEYS_PER_KIND: u32 = 2600;
/// Needed by [`fill`].
pub(crate) const LARGE_TRANSACTIONS: &str = "--max-txn-ops=3000";

/// Everything that a database may hold: many keys, large ones, deleted and compacted ones, leases,
/// users and roles.
pub(crate) async fn fill(cluster: &Cluster, etcdctl: &Path) {
    let client = cluster.client();
    // Thousands of keys in one transaction each: one revision, told apart by its second number.
    for kind in 0..KINDS {
        let mut script = String::from("\n");
        for index in 0..KEYS_PER_KIND {
            let _ = writeln!(script, "put /registry/kind{kind}/{index:05} value-{index:020}");
        }
        script.push_str("\n\n");
        let endpoints = cluster.endpoints().join(",");
        let mut etcdctl = Command::new(etcdctl)
            .args(["--endpoints", &endpoints, "txn"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .env("ETCDCTL_API", "3")
            .spawn()
            .unwrap();
        etcdctl.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(etcdctl.wait().unwrap().success());
    }
    client.put("large", vec![7; 1 << 20], None, AMPLE).await.unwrap();
    let lease = client.lease_grant(3600, AMPLE).await.unwrap().id;
    client.put("leased", "v", Some(lease), AMPLE).await.unwrap();
    client.delete("/registry/kind1/", "/registry/kind10", AMPLE).await.unwrap();
    let compacted = client.put("large", vec![8; 1 << 20], None, AMPLE).await.unwrap().revision;
    client.compact(compacted, true, AMPLE).await.unwrap();
    client.put("leased", "w", Some(lease), AMPLE).await.unwrap();
    client.delete("/registry/kind2/00302", "", AMPLE).await.unwrap();
    client.put("/registry/kind2/00302", "again", None, AMPLE).await.unwrap();
    client.role_add("reader", AMPLE).await.unwrap();
    let permission = etcd::Permission {
        perm_type: PermissionType::Read.into(),
        key: "a".into(),
        range_end: "b".into(),
    };
    client.role_grant("reader", permission, AMPLE).await.unwrap();
    client.user_add("ann", Some("secret"), AMPLE).await.unwrap();
    client.user_grant_role("ann", "reader", AMPLE).await.unwrap();
}

/// Copies a file that a program is going to change.
fn copied(path: &Path) -> PathBuf {
    let copy = path.with_extension("copy");
    fs::copy(path, &copy).unwrap();
    copy
}

async fn figures_are_those_of_etcdutl_and_of_the_member(version: EtcdVersion) {
    let builder = Cluster::builder(version).members(1).flag(LARGE_TRANSACTIONS);
    let cluster = builder.start().await.unwrap();
    let etcdctl = version.etcdctl().unwrap();
    fill(&cluster, &etcdctl).await;
    let member = cluster.client_of(cluster.member(0)).clone();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ours.db");
    let saved = save(&member, &path).await;
    assert_eq!(fs::metadata(&path).unwrap().len(), saved.snapshot_bytes);
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap());
    assert_eq!(mode & 0o777, 0o600);

    let status = backup::status(&path).unwrap();
    let found = backup::verify(&path, false).unwrap();
    assert_eq!(found.problems, [] as [String; 0]);
    assert_eq!((found.keys, found.revision), (status.total_key, status.revision));
    assert_eq!((found.contents.users.len(), found.contents.leases.len()), (1, 1));
    let hash = backup::hashkv(&path, None).unwrap();
    let of_member = member.hash_kv(0, AMPLE).await.unwrap();
    assert_eq!((hash.hash, hash.compact_revision), (of_member.hash, of_member.compact_revision));
    let earlier = backup::hashkv(&path, Some(status.revision - 2)).unwrap();
    let of_member = member.hash_kv(status.revision - 2, AMPLE).await.unwrap();
    assert_eq!(earlier.hash, of_member.hash);

    // A snapshot of etcdctl's holds the same, and is restored by ours below.
    let theirs = directory.path().join("theirs.db");
    let endpoint = cluster.member(0).endpoint();
    ran(&etcdctl, &["--endpoints", &endpoint, "snapshot", "save", text(&theirs)]);
    assert!(backup::diff(&path, &theirs, 10).unwrap().is_same());
    assert_eq!(backup::hashkv(&theirs, None).unwrap(), hash);

    for (of, etcdutl) in etcdutls() {
        let printed = ran(&etcdutl, &["snapshot", "status", text(&path), "-w", "json"]);
        let expected: Value = serde_json::from_str(&printed).unwrap();
        let mut ours = serde_json::to_value(&status).unwrap();
        if of == EtcdVersion::V3_5 {
            ours["totalKey"] = json!(status.total_entries);
            ours.as_object_mut().unwrap().remove("version");
        }
        assert_eq!(ours, expected, "etcdutl {of}");
        // Version 3.6 panics at keys with a lease.
        if of == EtcdVersion::V3_7 {
            for (revision, ours) in [(0, hash), (status.revision - 2, earlier)] {
                let copy = copied(&path);
                let rev = format!("--rev={revision}");
                let printed = ran(&etcdutl, &["hashkv", text(&copy), &rev, "-w", "json"]);
                let expected: Value = serde_json::from_str(&printed).unwrap();
                assert_eq!(serde_json::to_value(ours).unwrap(), expected);
            }
        }
        let data_dir = directory.path().join(format!("by-etcdutl-{of}"));
        ran(&etcdutl, &["snapshot", "restore", text(&path), "--data-dir", text(&data_dir)]);
        let database = backup::database_path(&data_dir);
        assert!(backup::verify(&database, true).unwrap().is_sound());
        assert!(backup::diff(&path, &database, 10).unwrap().is_same());

        // What ours restores is sound to etcdutl, and holds the members that etcdutl would write.
        let data_dir = directory.path().join(format!("by-us-{of}"));
        let options =
            RestoreOptions { data_dir: Some(data_dir.clone()), ..RestoreOptions::new(&theirs) };
        crate::restore(&options).unwrap();
        let ours = backup::database_path(&data_dir);
        let printed = ran(&etcdutl, &["snapshot", "status", text(&ours), "-w", "json"]);
        let printed: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(printed["revision"], status.revision);
        let contents = |path| backup::verify(path, true).unwrap().contents;
        assert_eq!(contents(&ours).members, contents(&database).members);
        assert_eq!(contents(&ours).consistent_index, Some(1));
    }
    refuses_as_etcdutl_does(&path, &directory.path().join("by-us-3.7"));
}

/// Words that scripts may look for.
fn refuses_as_etcdutl_does(snapshot: &Path, taken: &Path) {
    let Ok(etcdutl) = EtcdVersion::V3_7.etcdutl() else { return };
    let output = run(&etcdutl, &["snapshot", "restore", text(snapshot), "--data-dir", text(taken)]);
    let options =
        RestoreOptions { data_dir: Some(taken.to_owned()), ..RestoreOptions::new(snapshot) };
    let ours = crate::restore(&options).unwrap_err().to_string();
    let theirs = String::from_utf8_lossy(&output.stderr);
    assert!(theirs.contains(&ours), "{theirs}, but ours: {ours}");
}
