//! Members that listen on Unix sockets, plain and in TLS.

use std::ffi::OsString;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ctl::{Environment, Io};
use etcd::{ClientConfig, Connector, Endpoint, HttpTarget, Scheme};
use testbed::certs::Certs;
use testbed::{EtcdVersion, wait_until};

use crate::operate::{Started, free_port};
use crate::side::Kept;

/// Longest time for an etcd to start.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A member that listens on sockets in `directory` only; what it advertises is nowhere.
fn start(version: EtcdVersion, directory: &Path, certs: &Certs) -> Started {
    let peer = format!("http://127.0.0.1:{}", free_port());
    let (path, server) = (directory.display(), certs.server());
    let listen = format!("unix://{path}/plain.sock,unixs://{path}/localhost:tls");
    let child = Command::new(version.binary().unwrap())
        .args(["--listen-client-urls", &listen, "--advertise-client-urls", "http://127.0.0.1:1"])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("default={peer}")])
        .arg("--cert-file")
        .arg(&server.cert_file)
        .arg("--key-file")
        .arg(&server.key_file)
        .arg("--data-dir")
        .arg(directory.join("data"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Started(child.unwrap())
}

async fn ours(line: String) -> (u8, String, String) {
    let work = tokio::task::spawn_blocking(move || {
        let (stdout, stderr) = (Kept::default(), Kept::default());
        let mut io = Io::new(Cursor::new(Vec::new()), stdout.clone(), stderr.clone());
        let code = ctl::run(line.split(' ').map(OsString::from), &Environment::default(), &mut io);
        let text = |kept: Kept| String::from_utf8_lossy(&kept.taken()).into_owned();
        (code, text(stdout), text(stderr))
    });
    work.await.unwrap()
}

async fn sockets_are_endpoints_as_they_are_etcdctls(version: EtcdVersion) {
    // A socket's path has 107 letters at most.
    let directory = tempfile::Builder::new().prefix("sock").tempdir_in("/tmp").unwrap();
    let path = directory.path().display().to_string();
    let certs = Certs::create(&directory.path().join("certs")).unwrap();
    let ca = certs.ca_file().display();
    let _etcd = start(version, directory.path(), &certs);
    let plain = format!("unix://{path}/plain.sock");
    wait_until("a member on a socket", STARTS_WITHIN, async || {
        ours(format!("put k v --endpoints {plain} --command-timeout 1s")).await.0 == 0
    })
    .await
    .unwrap();

    let spellings = [
        format!("--endpoints {plain}"),
        format!("--endpoints unix:{path}/plain.sock"),
        // The file's name up to the colon is the name that the certificate carries.
        format!("--endpoints unixs://{path}/localhost:tls --cacert {ca}"),
    ];
    for spelling in &spellings {
        let (code, stdout, stderr) = ours(format!("get k {spelling}")).await;
        assert_eq!((code, &*stdout), (0, "k\nv\n"), "{spelling}: {stderr}");
        let (code, stdout, stderr) = ours(format!("endpoint status {spelling}")).await;
        let endpoint = spelling.split(' ').nth(1).unwrap();
        assert!(code == 0 && stdout.starts_with(&format!("{endpoint}, ")), "{stdout} {stderr}");
        if let Ok(etcdctl) = version.etcdctl() {
            let line = format!("get k {spelling}");
            let real = Command::new(etcdctl).args(line.split(' ')).env("ETCDCTL_API", "3").output();
            assert_eq!(String::from_utf8_lossy(&real.unwrap().stdout), "k\nv\n", "{spelling}");
        }
    }
    // Its pages come over the socket too.
    let endpoint = Endpoint::parse(&plain, Scheme::Http).unwrap();
    let member = Connector::new(ClientConfig::default()).unwrap().member(endpoint);
    let page = member.http_get(&HttpTarget::of_member("/version"), STARTS_WITHIN, 1 << 20).await;
    assert!(page.unwrap().body.starts_with(b"{\"etcdserver\":"));

    let refusals = [
        (format!("unix://{path}/none.sock"), "No such file"),
        (format!("unixs://{path}/localhost:tls"), "certificate"),
        (format!("unixs://{path}/plain.sock"), "TLS"),
    ];
    for (endpoint, why) in refusals {
        let line = format!("get k --endpoints {endpoint} --command-timeout 3s");
        let (code, _, stderr) = ours(line).await;
        assert!(code == 1 && stderr.contains(why), "{endpoint}: {code} {stderr}");
    }
}

/// etcd 3.4 has no absolute paths there.
mod on {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn etcd_3_5() {
        testbed::on(EtcdVersion::V3_5, sockets_are_endpoints_as_they_are_etcdctls).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn etcd_3_7() {
        testbed::on(EtcdVersion::V3_7, sockets_are_endpoints_as_they_are_etcdctls).await;
    }
}
