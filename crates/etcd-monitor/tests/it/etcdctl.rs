//! The program under etcdctl's name, and its commands that go on until they are interrupted.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use etcd::GetRequest;
use rustix::process::{Pid, Signal, kill_process};
use testbed::{Cluster, EtcdVersion, Security, wait_until};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::program;

/// Longest time for whatever has to happen, on a busy machine.
const AMPLE: Duration = Duration::from_mins(1);

/// `etcd-monitor ctl` for `cluster`, without contexts of whoever runs the tests.
fn ctl(cluster: &Cluster, words: &[&str]) -> Command {
    let mut command = program::command();
    command.arg("ctl").args(words).env("HOME", "/nonexistent").env_remove("XDG_CONFIG_HOME");
    command.env("ETCDCTL_ENDPOINTS", cluster.endpoints().join(","));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A command that goes on.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(cluster: &Cluster, words: &[&str]) -> Self {
        let mut child = ctl(cluster, words).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that it prints.
    async fn line(&mut self) -> String {
        timeout(AMPLE, self.lines.next_line()).await.unwrap().unwrap().unwrap_or_default()
    }

    /// Interrupts it, as Ctrl-C does; answers its exit code and what it said on standard error.
    async fn interrupt(self) -> (i32, String) {
        let pid = Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        self.ended().await
    }

    async fn ended(self) -> (i32, String) {
        let output = timeout(AMPLE, self.child.wait_with_output()).await.unwrap().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap_or(-1), stderr)
    }
}

/// The newest version at hand, if any is.
fn newest() -> Option<EtcdVersion> {
    EtcdVersion::available().pop()
}

async fn value(cluster: &Cluster, key: &str) -> Option<String> {
    let found = cluster.client().get(GetRequest::key(key.to_owned()), AMPLE).await.unwrap();
    found.kvs.first().map(|kv| String::from_utf8_lossy(&kv.value).into_owned())
}

async fn becomes(cluster: &Cluster, key: &str, expected: Option<&str>) {
    let is_so = wait_until(key, AMPLE, async || value(cluster, key).await.as_deref() == expected);
    is_so.await.unwrap_or_else(|error| panic!("{error}: {key} is to be {expected:?}"));
}

async fn put(cluster: &Cluster, key: &str, value: &str) -> i64 {
    let (key, value) = (key.to_owned(), value.to_owned());
    cluster.client().put(key, value, None, AMPLE).await.unwrap();
    cluster.client().get(GetRequest::key("x"), AMPLE).await.unwrap().header.revision
}

async fn delete(cluster: &Cluster, key: &str) {
    cluster.client().delete(key.to_owned(), Vec::new(), AMPLE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_has_every_key_and_follows_changes_and_deletions() {
    let Some(version) = newest() else { return };
    let builder = Cluster::builder(version).members(1);
    let (source, dest) = tokio::join!(builder.start(), builder.start());
    let (source, dest) = (source.unwrap(), dest.unwrap());
    let target = dest.endpoints().join(",");
    for index in 0..300 {
        put(&source, &format!("app/{index}"), "v").await;
    }
    put(&source, "other", "v").await;
    put(&dest, "copy/theirs", "v").await;

    let words = ["make-mirror", &target, "--prefix=app/", "--dest-prefix=copy/"];
    let shown = ctl(&source, &[&words[..], &["--dry-run"]].concat()).output().await.unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.starts_with("copy 300 keys that begin with \"app/\""), "{shown}");
    assert!(shown.contains("is 1 key that begin with \"copy/\""), "{shown}");
    assert_eq!(value(&dest, "copy/0").await, None);

    let mirror = Running::start(&source, &words);
    becomes(&dest, "copy/299", Some("v")).await;
    put(&source, "app/0", "changed").await;
    delete(&source, "app/1").await;
    put(&source, "other", "changed").await;
    let revision = put(&source, "app/new", "n").await;
    becomes(&dest, "copy/new", Some("n")).await;
    assert_eq!(value(&dest, "copy/0").await.as_deref(), Some("changed"));
    assert_eq!(value(&dest, "copy/1").await, None);
    assert_eq!(value(&dest, "copy/theirs").await.as_deref(), Some("v"));
    assert_eq!((value(&dest, "other").await, value(&dest, "app/2").await), (None, None));
    let count = GetRequest::prefix("copy/");
    let found = dest.client().get(count, AMPLE).await.unwrap().kvs.len();
    assert_eq!(found, 301, "300, one deleted, one new, and theirs");
    let (code, said) = mirror.interrupt().await;
    assert_eq!(code, 1, "{said}");

    // Meanwhile there is more, and from where it stopped it goes on, with nothing copied anew.
    delete(&dest, "copy/2").await;
    delete(&source, "app/3").await;
    put(&source, "app/4", "later").await;
    let from = format!("--rev={}", revision + 1);
    let mirror = Running::start(&source, &[&words[..], &[&from]].concat());
    becomes(&dest, "copy/4", Some("later")).await;
    becomes(&dest, "copy/3", None).await;
    assert_eq!(value(&dest, "copy/2").await, None);
    mirror.interrupt().await;

    // Without a prefix at the destination, and with one that the keys keep.
    let bare =
        Running::start(&source, &["make-mirror", &target, "--prefix=app/", "--no-dest-prefix"]);
    becomes(&dest, "0", Some("changed")).await;
    bare.interrupt().await;
    let same = Running::start(&source, &["make-mirror", &target, "--prefix=oth"]);
    becomes(&dest, "other", Some("changed")).await;
    same.interrupt().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_candidates_the_second_leads_when_the_first_leaves() {
    let Some(version) = newest() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let mut first = Running::start(&cluster, &["elect", "post", "one"]);
    assert!(first.line().await.starts_with("post/"));
    assert_eq!(first.line().await, "one");
    let mut second = Running::start(&cluster, &["elect", "post", "two"]);
    let keys = async || {
        let all = GetRequest::prefix("post/");
        cluster.client().get(all, AMPLE).await.unwrap().kvs.len()
    };
    wait_until("a second candidate", AMPLE, async || keys().await == 2).await.unwrap();
    let mut observer = Running::start(&cluster, &["elect", "-l", "post"]);
    assert!(observer.line().await.starts_with("post/"));
    assert_eq!(observer.line().await, "one");

    assert_eq!(first.interrupt().await, (0, String::new()));
    assert!(second.line().await.starts_with("post/"));
    assert_eq!(second.line().await, "two");
    assert!(observer.line().await.starts_with("post/"));
    assert_eq!(observer.line().await, "two");
    assert_eq!(keys().await, 1, "who leaves takes the key along");
    // One that is killed leads until its lease is over, and so does its key stay.
    second.child.kill().await.unwrap();
    let mut third = Running::start(&cluster, &["elect", "post", "three"]);
    wait_until("a third candidate", AMPLE, async || keys().await == 2).await.unwrap();
    let (code, _) = {
        let waiting = timeout(Duration::from_millis(300), third.lines.next_line()).await;
        assert!(waiting.is_err(), "elected beside one that leads: {waiting:?}");
        third.interrupt().await
    };
    assert_eq!(code, 1, "interrupted before it was elected");
    assert_eq!(observer.interrupt().await.0, 0);
    wait_until("the third is gone", AMPLE, async || keys().await == 1).await.unwrap();
}

/// Runs a line as a shell would in kubeadm's manifests: `etcdctl` is found on the path.
async fn shell(path: &Path, variables: &[(&str, String)], line: &str) -> (i32, String, String) {
    let mut command = Command::new("/bin/sh");
    command.args(["-ec", line]).env_clear().kill_on_drop(true).stdin(Stdio::null());
    let rest = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{rest}", path.display())).current_dir(path);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let output = timeout(AMPLE, command.output()).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_named_etcdctl_serves_what_kubeadm_and_etcds_manuals_do() {
    let Some(version) = newest() else { return };
    let builder = Cluster::builder(version).members(1).security(Security::Tls);
    // As kubeadm starts it.
    let cluster = builder.flag("--snapshot-count=10000").start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let program = program::command().as_std().get_program().to_owned();
    for name in ["etcdctl", "etcdutl"] {
        std::os::unix::fs::symlink(&program, path.join(name)).unwrap();
    }
    let certs = cluster.certs().unwrap();
    let (ca, pair) = (certs.ca_file().display().to_string(), certs.client());
    let (cert, key) = (pair.cert_file.display().to_string(), pair.key_file.display().to_string());
    let url = cluster.member(0).client_url();
    let bracketed = url.replace("127.0.0.1", "[127.0.0.1]");
    let flags = format!("--endpoints={url} --cacert={ca} --cert={cert} --key={key}");

    // kubeadm's health probes, old and new, and what its documentation has people type.
    let good = [
        format!(
            "ETCDCTL_API=3 etcdctl --endpoints={bracketed} --cacert={ca} --cert={cert} --key={key} get foo"
        ),
        format!("etcdctl {flags} endpoint health"),
        format!("etcdctl {flags} member list -w table"),
        format!("ETCDCTL_API=3 etcdctl {flags} snapshot save by-flags.db"),
    ];
    for line in &good {
        let (code, _, stderr) = shell(path, &[], line).await;
        assert_eq!((code, &*stderr), (0, ""), "{line}");
    }
    let line = format!("ETCDCTL_API=3 etcdctl {flags} member list");
    let (code, members, stderr) = shell(path, &[], &line).await;
    assert_eq!((code, &*stderr), (0, ""));
    let expected = format!("{}, started, ", cluster.member(0).id());
    assert!(members.starts_with(&expected) && members.contains(&url), "{members}");
    if let Ok(etcdctl) = version.etcdctl() {
        let real = etcdctl.parent().unwrap();
        assert_eq!(shell(real, &[], &line.replace(" etcdctl ", " ./etcdctl ")).await.1, members);
    }

    // All of it from the environment, as etcd's own manuals and static pods have it.
    let variables = [
        ("ETCDCTL_API", "3".to_owned()),
        ("ETCDCTL_ENDPOINTS", url.clone()),
        ("ETCDCTL_CACERT", ca.clone()),
        ("ETCDCTL_CERT", cert.clone()),
        ("ETCDCTL_KEY", key.clone()),
        // Whatever context may be in use does not matter then.
        ("HOME", path.display().to_string()),
    ];
    let home = [("HOME", path.display().to_string())];
    let add = "etcdctl context add elsewhere --endpoints 127.0.0.1:1 --use";
    assert_eq!(shell(path, &home, add).await.0, 0);
    let (code, listed, stderr) = shell(path, &variables, "etcdctl member list").await;
    assert_eq!((code, &*listed, &*stderr), (0, &*members, ""));
    let line =
        "etcdctl put k v && etcdctl snapshot save by-env.db && etcdutl snapshot status by-env.db";
    let (code, stdout, stderr) = shell(path, &variables, line).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("Snapshot saved at by-env.db\n"), "{stdout}");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(path.join("by-env.db")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);

    // Without the certificate there is no way in, and a variable beside its flag is refused.
    let (code, _, stderr) =
        shell(path, &variables[..3], "etcdctl get k --command-timeout 2s").await;
    assert!(code == 1 && stderr.contains("certificate"), "{code} {stderr}");
    let (code, _, stderr) = shell(path, &variables, &format!("etcdctl {flags} get k")).await;
    assert!(
        code == 1 && stderr.contains("shadowed by corresponding command-line flag"),
        "{stderr}"
    );
}
