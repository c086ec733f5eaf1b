//! `etcdutl migrate` beside the real one: the same verdicts, the same versions, and etcd starts.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backup::{RestoreOptions, SaveOptions};
use ctl::{Environment, Io};
use etcd::{ClientConfig, Connector, Endpoint, GetRequest, Scheme};
use testbed::version::skip;
use testbed::{Cluster, EtcdVersion, wait_until};

const AMPLE: Duration = Duration::from_secs(30);

/// A stream that keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Exit code and the line that says what is wrong.
type Verdict = (u8, Option<String>);

fn verdict(code: u8, errors: &str) -> Verdict {
    (code, errors.lines().find(|line| line.starts_with("Error: ")).map(str::to_owned))
}

fn ours(words: &[&str]) -> Verdict {
    let (out, err) = (Kept::default(), Kept::default());
    let mut io = Io::new(std::io::empty(), out.clone(), err.clone());
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let run = || ctl::run_utl(words, &Environment::default(), &mut io);
    // Not within the test's runtime.
    let code = std::thread::scope(|scope| scope.spawn(run).join()).unwrap();
    assert_eq!(out.0.lock().unwrap().len(), 0);
    let errors = String::from_utf8_lossy(&err.0.lock().unwrap()).into_owned();
    verdict(code, &errors)
}

fn theirs(program: &Path, words: &[&str]) -> Verdict {
    let output = Command::new(program).args(words).env_clear().output().unwrap();
    let code = u8::try_from(output.status.code().unwrap()).unwrap();
    verdict(code, &String::from_utf8_lossy(&output.stderr))
}

/// What `migrate` changes, as far as etcd looks at it.
fn storage_version(data_dir: &Path) -> Option<String> {
    let found = backup::verify(&backup::database_path(data_dir), true).unwrap();
    assert!(found.is_sound(), "{:?}", found.problems);
    found.contents.storage_version
}

/// A data directory with files of its own; the log, which `migrate` only reads, is shared.
fn copied(from: &Path, to: PathBuf) -> PathBuf {
    let _ = fs::remove_dir_all(&to);
    fs::create_dir_all(to.join("member/snap")).unwrap();
    std::os::unix::fs::symlink(from.join("member/wal"), to.join("member/wal")).unwrap();
    for file in fs::read_dir(from.join("member/snap")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join("member/snap").join(file.file_name())).unwrap();
    }
    to
}

/// A stopped member's data directory of a version, with a key in it; and a snapshot of it.
async fn stopped(version: EtcdVersion, snapshot: &Path) -> Cluster {
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    cluster.client().put("k", version.as_str(), None, AMPLE).await.unwrap();
    // The member writes down which version the cluster has agreed on.
    wait_until("the cluster's version", AMPLE, async || {
        let status = cluster.client_of(cluster.member(0)).status(AMPLE).await;
        status.is_ok_and(|status| {
            version < EtcdVersion::V3_6
                || status.storage_version.is_some_and(|text| !text.is_empty())
        })
    })
    .await
    .unwrap();
    let member = cluster.client_of(cluster.member(0)).clone();
    backup::save(&[member], &SaveOptions::new(snapshot), &mut |_| {}).await.unwrap();
    cluster.member(0).stop().await.unwrap();
    cluster
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_directories_are_migrated_as_etcdutl_does_and_etcd_starts_on_them() {
    let versions = [EtcdVersion::V3_4, EtcdVersion::V3_5, EtcdVersion::V3_6, EtcdVersion::V3_7];
    let directory = tempfile::tempdir().unwrap();
    let snapshot = |version| directory.path().join(format!("{version}.db"));
    let mut stopped_members = Vec::new();
    for version in versions {
        if let Err(missing) = version.binary() {
            return skip(&missing);
        }
        stopped_members.push(stopped(version, &snapshot(version)).await);
    }
    let of = |version: EtcdVersion| {
        let index = versions.iter().position(|one| *one == version).unwrap();
        stopped_members[index].member(0).data_dir()
    };
    let targets = ["3.4", "3.5", "3.6", "3.7", "3.8", "4.0", "3.6.0", "3", "x.y"];
    for tool in [EtcdVersion::V3_6, EtcdVersion::V3_7] {
        let etcdutl = match tool.etcdutl() {
            Ok(etcdutl) => etcdutl,
            Err(missing) => return skip(&missing),
        };
        for version in versions {
            for target in targets {
                for force in ["--force=false", "--force=true"] {
                    // What is wrong with a target is wrong whatever is on disk.
                    let is_target = matches!(target, "3.5" | "3.6" | "3.7" | "3.8");
                    let is_forced = force == "--force=true";
                    if !is_target && (version != EtcdVersion::V3_6 || is_forced) {
                        continue;
                    }
                    // Force does the same in both.
                    if is_forced && tool == EtcdVersion::V3_6 {
                        continue;
                    }
                    let target = format!("--target-version={target}");
                    let mut outcomes = Vec::new();
                    for is_ours in [false, true] {
                        let data = copied(&of(version), directory.path().join("data"));
                        let data_dir = format!("--data-dir={}", data.display());
                        let compat = format!("--compat={tool}");
                        let words = ["migrate", &*data_dir, &*target, force];
                        let verdict = if is_ours {
                            ours(&[&[&*compat][..], &words].concat())
                        } else {
                            theirs(&etcdutl, &words)
                        };
                        outcomes.push((verdict, storage_version(&data)));
                    }
                    let [theirs, ours] = &outcomes[..] else { unreachable!() };
                    assert_eq!(ours, theirs, "{tool}: {version} {target} {force}");
                }
            }
        }
        for words in [&["migrate"][..], &["migrate", "--data-dir=/nowhere", "--target-version=3.6"]]
        {
            let compat = format!("--compat={tool}");
            assert_eq!(ours(&[&[&*compat][..], words].concat()), theirs(&etcdutl, words));
        }
    }

    // Upwards, the next version starts on what was migrated for it. One that is left out is not to
    // be: 3.7 does not read the log of 3.5.
    for (from, to, starts) in [
        (EtcdVersion::V3_5, EtcdVersion::V3_6, true),
        (EtcdVersion::V3_5, EtcdVersion::V3_7, false),
        (EtcdVersion::V3_6, EtcdVersion::V3_7, true),
    ] {
        let data = directory.path().join(format!("{from}-{to}"));
        copy_all(&of(from), &data);
        let (data_dir, target) = (data.display(), format!("--target-version={to}"));
        let words = ["--compat=3.7", "migrate", &format!("--data-dir={data_dir}"), &target];
        assert_eq!(ours(&words), (0, None), "{from} to {to}");
        assert_eq!(storage_version(&data), Some(format!("{to}.0")));
        let outcome = Started::on(&data, to).value_of("k").await;
        assert_eq!(outcome.is_ok(), starts, "{from} to {to}: {outcome:?}");
        assert!(!starts || outcome == Ok(from.as_str().to_owned()));
    }
    // Downwards, etcd itself refuses while the cluster's version is the later one.
    let data = directory.path().join("down");
    copy_all(&of(EtcdVersion::V3_6), &data);
    let words = ["migrate", &format!("--data-dir={}", data.display()), "--target-version=3.5"];
    assert_eq!(ours(&words), (0, None));
    let log = Started::on(&data, EtcdVersion::V3_5).value_of("k").await.unwrap_err();
    assert!(log.contains("server version is lower than determined cluster version"), "{log}");

    // A snapshot has no log, so versions may be left out. 3.6 refuses one of 3.7: for its storage
    // version, and once that is migrated, for the version that the old cluster agreed on.
    for (from, to) in [
        (EtcdVersion::V3_4, EtcdVersion::V3_6),
        (EtcdVersion::V3_4, EtcdVersion::V3_7),
        (EtcdVersion::V3_5, EtcdVersion::V3_6),
        (EtcdVersion::V3_5, EtcdVersion::V3_7),
        (EtcdVersion::V3_6, EtcdVersion::V3_5),
        (EtcdVersion::V3_7, EtcdVersion::V3_6),
    ] {
        let data = directory.path().join(format!("restored-{from}-{to}"));
        let to_data = Some(data.clone());
        let options = RestoreOptions { data_dir: to_data, ..RestoreOptions::new(snapshot(from)) };
        backup::restore(&options, &mut |_| {}).unwrap();
        if (from, to) == (EtcdVersion::V3_7, EtcdVersion::V3_6) {
            let log = Started::on(&data, to).value_of("k").await.unwrap_err();
            assert!(log.contains("version \\\"3.7.0\\\" is not supported"), "{log}");
            let data_dir = format!("--data-dir={}", data.display());
            let words = ["--compat=3.7", "migrate", &data_dir, "--target-version=3.6"];
            assert_eq!(ours(&words), (0, None));
            let log = Started::on(&data, to).value_of("k").await.unwrap_err();
            assert!(log.contains("server version is lower than determined"), "{log}");
            continue;
        }
        let outcome = Started::on(&data, to).value_of("k").await;
        assert_eq!(outcome, Ok(from.as_str().to_owned()), "{from} on {to}");
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else if !entry.file_name().to_string_lossy().ends_with(".tmp") {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// An etcd on a data directory that is there.
struct Started {
    child: Child,
    url: String,
    log: PathBuf,
}

impl Started {
    fn on(data_dir: &Path, version: EtcdVersion) -> Self {
        let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{}", port());
        let log = data_dir.with_extension("log");
        let child = Command::new(version.binary().unwrap())
            .args(["--listen-client-urls", &url, "--advertise-client-urls", &url])
            .args(["--listen-peer-urls", &format!("http://127.0.0.1:{}", port())])
            .args(["--unsafe-no-fsync", "--data-dir"])
            .arg(data_dir)
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, url, log }
    }

    /// The value of a key; its log, if it ends.
    async fn value_of(mut self, key: &'static str) -> Result<String, String> {
        let connector = Connector::new(ClientConfig::default()).unwrap();
        let member = connector.member(Endpoint::parse(&self.url, Scheme::Http).unwrap());
        let mut outcome = None;
        wait_until("an answer or the end", AMPLE * 2, async || {
            if self.child.try_wait().unwrap().is_some() {
                outcome = Some(Err(fs::read_to_string(&self.log).unwrap()));
            } else if let Ok(reply) = member.get(GetRequest::key(key), AMPLE / 10).await {
                let value = reply.kvs.first().map(|kv| kv.value.to_vec()).unwrap_or_default();
                outcome = Some(Ok(String::from_utf8(value).unwrap()));
            }
            outcome.is_some()
        })
        .await
        .unwrap();
        outcome.unwrap()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
