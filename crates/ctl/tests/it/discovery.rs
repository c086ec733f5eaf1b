//! Endpoints from DNS SRV records.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::Cursor;
use std::net::SocketAddr;

use ctl::{Environment, Io};
use testbed::{Cluster, EtcdVersion, Security};
use tokio::net::UdpSocket;

use crate::side::Kept;

/// A DNS server on loopback that tells the ports at `localhost` which belong to a name.
async fn serve(records: HashMap<&'static str, u16>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            let answer = answer(&buffer[..length], &records);
            socket.send_to(&answer, peer).await.unwrap();
        }
    });
    address
}

/// The answer to a request with one question, in the form of RFC 1035 and RFC 2782.
fn answer(request: &[u8], records: &HashMap<&str, u16>) -> Vec<u8> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while request[at] > 0 {
        let length = usize::from(request[at]);
        labels.push(String::from_utf8_lossy(&request[at + 1..=at + length]).to_lowercase());
        at += 1 + length;
    }
    // The end of the name, type and class.
    let question = &request[12..at + 5];
    let port = records.get(&*labels.join("."));
    let (code, answers) = if port.is_some() { (0x80, 1) } else { (0x83, 0) };
    let mut answer = vec![request[0], request[1], 0x81, code, 0, 1, 0, answers, 0, 0, 0, 0];
    answer.extend_from_slice(question);
    if let Some(port) = port {
        let data = [&[0, 10, 0, 0][..], &port.to_be_bytes(), b"\x09localhost\0"].concat();
        // The question's name, SRV, IN, a minute.
        answer.extend_from_slice(&[0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
        answer.extend_from_slice(&data);
    }
    answer
}

struct Done {
    code: u8,
    stdout: String,
    stderr: String,
}

/// Runs ours with what `line` has before a `|` as variables.
async fn run(server: SocketAddr, line: &str) -> Done {
    let (variables, words) = line.split_once(" | ").unwrap_or(("", line));
    let variables = variables.split(' ').filter_map(|pair| pair.split_once('='));
    let variables: Vec<(OsString, OsString)> =
        variables.map(|(name, value)| (name.into(), value.into())).collect();
    let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
    let work = tokio::task::spawn_blocking(move || {
        let environment = Environment::new(variables).with_dns_server(server);
        let (stdout, stderr) = (Kept::default(), Kept::default());
        let mut io = Io::new(Cursor::new(Vec::new()), stdout.clone(), stderr.clone());
        let code = ctl::run(words, &environment, &mut io);
        let text = |kept: Kept| String::from_utf8_lossy(&kept.taken()).into_owned();
        Done { code, stdout: text(stdout), stderr: text(stderr) }
    });
    work.await.unwrap()
}

fn port(cluster: &Cluster) -> u16 {
    cluster.member(0).endpoint().rsplit(':').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn srv_records_tell_the_endpoints_as_they_do_etcdctl() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let builder = Cluster::builder(version).members(1);
    let secure = builder.clone().security(Security::Tls);
    let (plain, secure) = tokio::join!(builder.start(), secure.start());
    let (plain, secure) = (plain.unwrap(), secure.unwrap());
    let server = serve(HashMap::from([
        ("_etcd-client._tcp.plain.test", port(&plain)),
        ("_etcd-client-ssl._tcp.tls.test", port(&secure)),
        ("_etcd-client-blue._tcp.tls.test", port(&plain)),
    ]))
    .await;
    let home = tempfile::tempdir().unwrap();
    let home = home.path().display();
    let certs = secure.certs().unwrap();
    let (ca, pair) = (certs.ca_file().display(), certs.client());
    let (cert, key) = (pair.cert_file.display(), pair.key_file.display());
    let files = format!("--cacert {ca} --cert {cert} --key {key}");

    let good = [
        "put k v --discovery-srv plain.test".to_owned(),
        "ETCDCTL_DISCOVERY_SRV=plain.test | put k v".to_owned(),
        "put k v -d tls.test --discovery-srv-name blue".to_owned(),
        "put k v -d plain.test --endpoints 127.0.0.1:1".to_owned(),
        format!("put k v -d tls.test {files}"),
        format!(
            "put k v -d plain.test --insecure-discovery=false --endpoints {}",
            plain.member(0).endpoint()
        ),
        format!("HOME={home} | context add c --discovery-srv tls.test {files} --use"),
        format!("HOME={home} | put k v"),
    ];
    for line in &good {
        let done = run(server, line).await;
        assert_eq!(done.code, 0, "{line}: {}", done.stderr);
    }
    let status = run(server, "endpoint status -d plain.test").await;
    let expected = format!("http://localhost:{}, ", port(&plain));
    assert!(status.stdout.starts_with(&expected), "{} {}", status.stdout, status.stderr);

    let is_tls =
        format!("get k -d tls.test --insecure-discovery=false {files} --command-timeout 2s");
    let bad = [
        ("get k -d nowhere.test", "dns lookup errors: nowhere.test has no SRV records"),
        ("get k -d tls.test --discovery-srv-name red", "_etcd-client-ssl-red._tcp.tls.test or"),
        ("get k -d plain.test --insecure-discovery=false", "ignoring discovered insecure endpoint"),
        // Then the certificate must be for the domain, which it is not.
        (&*is_tls, "certificate"),
    ];
    for (line, text) in bad {
        let done = run(server, line).await;
        assert!(done.code == 1 && done.stderr.contains(text), "{line}: {}", done.stderr);
    }
}
