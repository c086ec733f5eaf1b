//! A save or a restore that is killed leaves nothing that looks whole.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use backup::{RestoreOptions, SaveOptions};
use etcd::{ClientConfig, Connector, Endpoint, Scheme};
use testbed::{Cluster, EtcdVersion};

use crate::{AMPLE, synthetic, unseen};

/// Tells this program, when it runs itself, what to save from or restore, and where to.
const FROM: &str = "BACKUP_TEST_FROM";
const TO: &str = "BACKUP_TEST_TO";

/// Runs one of the two tests below in a process of its own.
fn child(test: &str, from: &str, to: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .envs([(FROM, from), (TO, to.to_str().unwrap())])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Nothing when it is run as a test like others: then it does nothing.
fn told() -> Option<(String, PathBuf)> {
    Some((std::env::var(FROM).ok()?, std::env::var(TO).ok()?.into()))
}

#[test]
fn restores_when_told_to() {
    let Some((from, to)) = told() else { return };
    let options = RestoreOptions { data_dir: Some(to), ..RestoreOptions::new(from) };
    crate::restore(&options).unwrap();
}

#[tokio::test]
async fn saves_when_told_to() {
    let Some((from, to)) = told() else { return };
    let connector = Connector::new(ClientConfig::default()).unwrap();
    let member = connector.member(Endpoint::parse(&from, Scheme::Http).unwrap());
    backup::save(&[member], &SaveOptions::new(to), &mut unseen()).await.unwrap();
}

/// Waits until a condition holds or the child ends; whether it still runs.
fn wait(child: &mut Child, mut condition: impl FnMut() -> bool) -> bool {
    #[expect(clippy::disallowed_methods, reason = "this waits for another process")]
    let end = Instant::now() + AMPLE;
    while !condition() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        #[expect(clippy::disallowed_methods, reason = "this waits for another process")]
        let is_late = Instant::now() > end;
        assert!(!is_late, "the child does nothing");
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[test]
fn a_restore_that_is_killed_leaves_no_data_directory_and_the_next_one_tidies_up() {
    let directory = tempfile::tempdir().unwrap();
    let snapshot = directory.path().join("snapshot.db");
    synthetic::snapshot(&snapshot, &synthetic::database(3000, 2000));
    let data_dir = directory.path().join("data");
    let stage = directory.path().join("data.restore.tmp");
    let mut killed = 0;
    for written in [0, 1, 1 << 20, 4 << 20] {
        let mut child =
            child("killed::restores_when_told_to", snapshot.to_str().unwrap(), &data_dir);
        let database = stage.join("data/member/snap/db");
        if wait(&mut child, || database.exists() && size(&database) >= written) {
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
        // Where it was quicker than the signal, it is whole.
        if data_dir.exists() {
            let database = backup::database_path(&data_dir);
            assert!(backup::verify(&database, true).unwrap().is_sound());
            std::fs::remove_dir_all(&data_dir).unwrap();
        }
    }
    assert!(killed > 0);
    let options =
        RestoreOptions { data_dir: Some(data_dir.clone()), ..RestoreOptions::new(&snapshot) };
    crate::restore(&options).unwrap();
    assert!(!stage.exists());
    assert!(backup::verify(&backup::database_path(&data_dir), true).unwrap().is_sound());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_save_that_is_killed_leaves_no_file_under_the_name_and_the_next_one_takes_its_place() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    for index in 0..24 {
        cluster.client().put(format!("{index}"), vec![1; 1 << 20], None, AMPLE).await.unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("snapshot.db");
    let part = directory.path().join("snapshot.db.part");
    let url = cluster.member(0).client_url();
    let mut killed = 0;
    for written in [0, 1, 2 << 20, 10 << 20] {
        let mut child = child("killed::saves_when_told_to", &url, &path);
        if wait(&mut child, || part.exists() && size(&part) >= written) {
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
        if path.exists() {
            assert!(backup::verify(&path, false).unwrap().is_sound());
            std::fs::remove_file(&path).unwrap();
        }
    }
    assert!(killed > 0);
    crate::save(cluster.client_of(cluster.member(0)), &path).await;
    assert!(!part.exists());
    assert!(backup::verify(&path, false).unwrap().is_sound());
}
