//! Pages of metrics that are broken or hostile, beside a member that answers.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::finding::{FindingKind, FindingState};
use model::health::ClusterState;
use monitor::view::ClusterView;
use testbed::{Cluster, EtcdVersion};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::watched::Watched;

const GOOD: &str = "etcd_server_has_leader 1\nprocess_open_fds 7\n";

/// Long enough for a good page, short enough for a test.
const SCRAPE_DEADLINE: Duration = Duration::from_millis(500);

/// What the server writes after the head of its answer.
#[derive(Debug, Clone)]
enum Body {
    /// This and the end.
    Whole(Vec<u8>),
    /// This many times; as often as it can without a number.
    Repeated(Vec<u8>, Option<usize>),
    /// This and nothing more, with the connection kept open.
    Stalled(Vec<u8>),
}

/// A server that answers every request with status and body of the moment; it ends when dropped.
struct Server {
    address: SocketAddr,
    answer: Arc<Mutex<(u16, Body)>>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(Mutex::new((200, Body::Whole(GOOD.into()))));
        let current = Arc::clone(&answer);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (status, body) = current.lock().unwrap().clone();
                // A client that hangs up has had enough.
                tokio::spawn(async move { serve(client, status, body).await });
            }
        });
        Self { address, answer, task }
    }

    fn answers(&self, status: u16, body: Body) {
        *self.answer.lock().unwrap() = (status, body);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut client: TcpStream, status: u16, body: Body) -> io::Result<()> {
    let mut lines = BufReader::new(&mut client).lines();
    while lines.next_line().await?.is_some_and(|line| !line.is_empty()) {}
    let head = format!("HTTP/1.1 {status} Whatever\r\nConnection: close\r\n\r\n");
    client.write_all(head.as_bytes()).await?;
    match body {
        Body::Whole(bytes) => client.write_all(&bytes).await,
        Body::Repeated(bytes, times) => {
            let mut written = 0;
            while times.is_none_or(|times| written < times) {
                client.write_all(&bytes).await?;
                written += 1;
            }
            Ok(())
        }
        Body::Stalled(bytes) => {
            client.write_all(&bytes).await?;
            // Until the client hangs up.
            client.readable().await
        }
    }
}

/// What is wrong, what the server answers, and a part of the reason that is told.
fn refused() -> Vec<(&'static str, u16, Body, &'static str)> {
    let whole = |text: &str| Body::Whole([GOOD, text].concat().into_bytes());
    let line = |number: usize| format!("etcd_line{{number=\"{number}\"}} 1\n");
    let lines = (0..1_000).map(line).collect::<String>().into_bytes();
    let short_lines = "a 1\n".repeat(1_000).into_bytes();
    let peer = |id| format!("etcd_network_active_peers{{Local=\"1\",Remote=\"{id:x}\"}} 1\n");
    let peers = (1..=100).map(peer).collect::<String>();
    vec![
        ("a million lines", 200, Body::Repeated(lines, Some(1_000)), "larger than 4194304 bytes"),
        ("many short lines", 200, Body::Repeated(short_lines, Some(40)), "at most 30000 samples"),
        ("a line of 1 MB", 200, whole(&"a".repeat(1 << 20)), "line 3: expected at most 8192 bytes"),
        ("invalid UTF-8", 200, Body::Whole(b"etcd_a 1\nb\xff 2\n".into()), "expected UTF-8 text"),
        ("a hundred peers", 200, whole(&peers), "more than 64 peers"),
        ("half a line", 200, whole("etcd_server_id{server_id=\"8e9"), "line 3, column"),
        ("nothing", 200, Body::Whole(Vec::new()), "no series of etcd on the page"),
        ("a web page", 200, Body::Whole(b"<html>\n".into()), "line 1, column 1: expected"),
        ("another program", 200, Body::Whole(b"up 1\n".into()), "no series of etcd on the page"),
        ("an endless body", 200, Body::Repeated(vec![b'#'; 64 << 10], None), "larger than"),
        ("a stalled body", 200, Body::Stalled(GOOD.into()), "no answer within 500ms"),
        ("not found", 404, Body::Whole(GOOD.into()), "HTTP status 404"),
    ]
}

/// The reason that an open finding tells.
fn reason(view: &ClusterView) -> Option<&str> {
    let is_it = |kind, state| (kind, state) == (FindingKind::MetricsUnreadable, FindingState::Open);
    let finding = view.findings.iter().find(|finding| is_it(finding.kind, finding.state))?;
    Some(&finding.evidence[0].observed)
}

/// The most memory that this process ever held, MB (10^6 bytes); nothing where /proc is not Linux's.
fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

async fn a_page_that_cannot_be_used_is_a_finding_with_its_reason(version: EtcdVersion) {
    let server = Server::start().await;
    let etcd = Cluster::builder(version).members(1).start().await.unwrap();
    let watched = Watched::of(etcd, |config| {
        config.metrics_url = Some(format!("http://{}", server.address));
        config.timeouts.scrape = SCRAPE_DEADLINE;
    });
    let soon = Duration::from_secs(20);
    let is_healthy = |view: &ClusterView| view.state == ClusterState::Healthy;
    let open_files =
        || watched.handle().metrics()[0].figures.as_deref()?.get("open_file_descriptors");
    watched.until("healthy", soon, |view| is_healthy(view) && open_files() == Some(7.0)).await;

    let before = peak_memory_mb();
    for (what, status, body, expected) in refused() {
        server.answers(status, body);
        let is_told = |view: &ClusterView| reason(view).is_some_and(|told| told.contains(expected));
        let took = watched.until(what, soon, is_told).await;
        println!("etcd {version}: {what}: told after {took:.1?}");
        assert_eq!(watched.view().state, ClusterState::Degraded, "{what}");
        let figures_still_stand = open_files() == Some(7.0);
        assert!(figures_still_stand, "{what}");
    }
    println!("peak memory: {before:?} MB before, {:?} MB after", peak_memory_mb());

    // Of these the good part is kept.
    for (what, more, expected) in [
        ("duplicates", "process_open_fds 8\nprocess_open_fds 9\n", Some(7.0)),
        ("not a number", "etcd_mvcc_put_total NaN\netcd_debugging_a NaN\n", Some(7.0)),
        ("infinity", "etcd_mvcc_put_total +Inf\netcd_mvcc_delete_total -Inf\n", Some(7.0)),
    ] {
        server.answers(200, Body::Whole([GOOD, more].concat().into_bytes()));
        watched.until(what, soon, is_healthy).await;
        let scraped_at = || watched.handle().metrics()[0].last_scrape_at;
        let before = scraped_at();
        watched.until("another scrape", soon, |_| scraped_at() > before).await;
        assert_eq!(open_files(), expected, "{what}");
        assert!(watched.handle().metrics()[0].error.is_none(), "{what}");
    }
    watched.fleet.shutdown().await;
}

mod tests {
    testbed::on_every_version!(a_page_that_cannot_be_used_is_a_finding_with_its_reason);
}
