//! What is written to disk: places that are taken, small disks, offline defragmentation.

use std::fs;
use std::process::Command;
use std::time::Duration;

use backup::{Error, InspectOptions, RestoreOptions, SaveOptions};
use testbed::version::skip;
use testbed::{Cluster, EtcdVersion};

use crate::{AMPLE, synthetic, unseen};

#[test]
fn places_where_something_is_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("snapshot.db");
    synthetic::snapshot(&path, &synthetic::database(10, 10));
    let data_dir = directory.path().join("data");
    let options = RestoreOptions { data_dir: Some(data_dir.clone()), ..RestoreOptions::new(&path) };
    // An empty directory may be a mount point, and is filled where it is.
    fs::create_dir(&data_dir).unwrap();
    crate::restore(&options).unwrap();
    assert!(data_dir.join("member/wal/0000000000000000-0000000000000000.wal").exists());
    assert_eq!(fs::read_dir(&data_dir).unwrap().count(), 1, "nothing else is left");
    let error = crate::restore(&options).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("data-dir {:?} not empty or could not be read", data_dir.to_str().unwrap())
    );
    assert!(data_dir.join("member/snap/db").exists());

    let wal_dir = directory.path().join("wal");
    let options = RestoreOptions {
        data_dir: Some(directory.path().join("other")),
        wal_dir: Some(wal_dir.clone()),
        ..RestoreOptions::new(&path)
    };
    crate::restore(&options).unwrap();
    assert!(wal_dir.join("0000000000000000-0000000000000000.wal").exists());
    assert!(!directory.path().join("other/member/wal").exists());
    let options = RestoreOptions { data_dir: Some(directory.path().join("third")), ..options };
    let error = crate::restore(&options).unwrap_err().to_string();
    assert_eq!(error, format!("wal-dir {:?} exists", wal_dir.to_str().unwrap()));
    let mut names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["data", "other", "snapshot.db", "wal"]);
}

#[test]
fn a_bump_needs_its_mark_and_room() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("snapshot.db");
    synthetic::snapshot(&path, &synthetic::database(10, 10));
    let data_dir = Some(directory.path().join("data"));
    for (bump_revision, mark_compacted, expected) in [
        (5, false, "--mark-compacted required"),
        (0, true, "--mark-compacted required"),
        (u64::MAX, true, "is too much"),
    ] {
        let data_dir = data_dir.clone();
        let options = RestoreOptions {
            bump_revision,
            mark_compacted,
            data_dir,
            ..RestoreOptions::new(&path)
        };
        let error = crate::restore(&options).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_with_how_far_it_came_and_nothing_is_left() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(directory.path())
        .output();
    if !mount.is_ok_and(|output| output.status.success()) {
        skip(&"a full disk: none can be mounted");
        return;
    }
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    for index in 0..3 {
        cluster.client().put(format!("{index}"), vec![1; 1 << 20], None, AMPLE).await.unwrap();
    }
    let member = cluster.client_of(cluster.member(0)).clone();
    let path = directory.path().join("snapshot.db");
    let result = backup::save(&[member], &SaveOptions::new(&path), &mut unseen()).await;
    let left = fs::read_dir(directory.path()).unwrap().count();
    let _ = Command::new("umount").arg("--lazy").arg(directory.path()).status();
    let error = result.unwrap_err().to_string();
    assert!(error.contains("no room for") && error.contains("bytes were written"), "{error}");
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defragmenting_waits_for_etcd_to_end_and_keeps_all_keys() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let (client, member) = (cluster.client(), cluster.member(0));
    for index in 0..200 {
        client
            .put(format!("k{}", index % 50), vec![index as u8; 20_000], None, AMPLE)
            .await
            .unwrap();
    }
    let revision = client.put("last", "v", None, AMPLE).await.unwrap().revision;
    client.compact(revision, true, AMPLE).await.unwrap();
    let before = cluster.client_of(member).hash_kv(0, AMPLE).await.unwrap();
    let data_dir = member.data_dir();
    let error = backup::defrag(&data_dir, Duration::ZERO, &mut unseen()).unwrap_err();
    assert!(
        matches!(error, Error::Refused(_)) && error.to_string().contains("etcd runs"),
        "{error}"
    );
    member.stop().await.unwrap();
    // As an etcd that is started meanwhile has it, waiting for the lock.
    let old = fs::File::open(backup::database_path(&data_dir)).unwrap();
    let done = backup::defrag(&data_dir, Duration::ZERO, &mut unseen()).unwrap();
    assert!(done.after_bytes * 2 < done.before_bytes, "{done:?}");
    assert_eq!(fs::metadata(&done.path).unwrap().len(), done.after_bytes);
    let mut first = [1; 4096];
    std::os::unix::fs::FileExt::read_exact_at(&old, &mut first, 0).unwrap();
    assert_eq!(first, [0; 4096], "it finds no database in the file that nobody sees any more");
    let found = backup::inspect(&done.path, &InspectOptions::default()).unwrap();
    assert_eq!((found.total.keys, found.largest_values[0].figure), (51, 20_000));
    member.restart().await.unwrap();
    cluster.wait_ready().await.unwrap();
    let after = cluster.client_of(member).hash_kv(0, AMPLE).await.unwrap();
    assert_eq!((after.hash, after.compact_revision), (before.hash, before.compact_revision));
    cluster.client().put("goes", "on", None, AMPLE).await.unwrap();
}
