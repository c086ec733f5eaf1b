//! The fleet as a client sees it.

use std::collections::HashSet;

use etcd::{Alarm, ClientConfig, Connector, Endpoint, ErrorClass, Member, Scheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// Far more than an answer takes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Silence can only be seen by waiting for it.
const SILENCE: Duration = Duration::from_millis(200);

fn fleet() -> Fleet {
    Fleet::start(&FleetConfig::default()).unwrap()
}

fn client(member: &SimulatedMember) -> Member {
    let endpoint = Endpoint::parse(&member.endpoint(), Scheme::Http).unwrap();
    Connector::new(ClientConfig::default()).unwrap().member(endpoint)
}

/// One HTTP/1.1 request; the whole answer.
async fn get(member: &SimulatedMember, path: &str) -> String {
    let mut stream = TcpStream::connect(member.endpoint()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_member_speaks_grpc_and_http_on_one_port() {
    let fleet = fleet();
    let cluster = &fleet.clusters()[0];
    let member = &cluster.members()[0];
    let client = client(member);

    let status = client.status(PATIENCE).await.unwrap();
    assert_eq!(status.leader, Some(member.id()));
    assert_eq!(status.header.member_id, member.id());
    assert!(status.raft_applied_index > 0);
    assert!(Some(status.db_size_bytes) > status.db_size_in_use_bytes);
    let list = client.members(true, PATIENCE).await.unwrap().members;
    let listed: Vec<_> = list.iter().map(|listed| listed.client_urls[0].clone()).collect();
    let urls: Vec<_> = cluster.endpoints().iter().map(|at| format!("http://{at}")).collect();
    assert_eq!(listed, urls);
    client.probe_read(b"absent", false, PATIENCE).await.unwrap();

    assert!(get(member, "/metrics").await.contains("\netcd_server_is_leader 1\n"));
    assert!(get(member, "/version").await.contains(r#""etcdserver":"3.6.16""#));
    assert!(get(member, "/health").await.ends_with(r#"{"health":"true","reason":""}"#));
    assert!(get(member, "/other").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn a_write_on_a_lease_moves_the_revision_by_one() {
    let config = FleetConfig { writes_per_second: 0.0, ..FleetConfig::default() };
    let fleet = Fleet::start(&config).unwrap();
    let client = client(&fleet.clusters()[0].members()[1]);
    let lease = client.lease_grant(30, PATIENCE).await.unwrap();
    assert_eq!(lease.ttl_seconds, 30);
    let before = client.put("k", "v", Some(lease.id), PATIENCE).await.unwrap().revision;
    let after = client.put("k", "v", Some(lease.id), PATIENCE).await.unwrap().revision;
    assert_eq!(after, before + 1);
    client.lease_revoke(lease.id, PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_killed_member_refuses_connections_and_comes_back_on_its_port() {
    let fleet = fleet();
    let cluster = &fleet.clusters()[0];
    let (leader, follower) = (&cluster.members()[0], &cluster.members()[1]);
    let open = client(leader);
    let term = open.status(PATIENCE).await.unwrap().raft_term;

    leader.kill().await;
    let class = open.status(PATIENCE).await.unwrap_err().class();
    assert!(matches!(class, ErrorClass::Refused | ErrorClass::Transport), "{class:?}");
    let refused = TcpStream::connect(leader.endpoint()).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let seen = client(follower).status(PATIENCE).await.unwrap();
    assert_eq!((seen.leader, seen.raft_term), (Some(follower.id()), term + 1));

    leader.restart().await;
    let seen = client(leader).status(PATIENCE).await.unwrap();
    assert_eq!(seen.leader, Some(follower.id()));
    let page = get(leader, "/metrics").await;
    assert!(page.contains("\netcd_debugging_mvcc_db_compaction_keys_total 0\n"));
}

#[tokio::test]
async fn a_paused_member_takes_connections_and_is_silent() {
    let fleet = fleet();
    let member = &fleet.clusters()[0].members()[2];
    let open = client(member);
    open.status(PATIENCE).await.unwrap();

    member.pause().await;
    assert_eq!(open.status(SILENCE).await.unwrap_err().class(), ErrorClass::Deadline);
    let mut stream = TcpStream::connect(member.endpoint()).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: sim\r\n\r\n").await.unwrap();
    let mut byte = [0];
    assert!(tokio::time::timeout(SILENCE, stream.read_exact(&mut byte)).await.is_err());

    member.resume().await;
    open.status(PATIENCE).await.unwrap();
    stream.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"H");
}

#[tokio::test]
async fn without_a_quorum_only_serializable_reads_are_answered() {
    let fleet = fleet();
    let cluster = &fleet.clusters()[0];
    let last = client(&cluster.members()[2]);
    cluster.members()[0].kill().await;
    cluster.members()[1].pause().await;

    assert_eq!(cluster.leader(), None);
    let seen = last.status(PATIENCE).await.unwrap();
    assert_eq!((seen.leader, seen.errors), (None, vec!["etcdserver: no leader".to_owned()]));
    last.probe_read(b"absent", true, PATIENCE).await.unwrap();
    let unread = last.probe_read(b"absent", false, SILENCE).await.unwrap_err();
    assert_eq!(unread.class(), ErrorClass::Deadline);
    let unwritten = last.put("k", "v", None, SILENCE).await.unwrap_err();
    assert_eq!(unwritten.class(), ErrorClass::Deadline);
    assert!(get(&cluster.members()[2], "/health").await.contains("RAFT NO LEADER"));

    cluster.members()[1].resume().await;
    last.probe_read(b"absent", false, PATIENCE).await.unwrap();
    assert_eq!(cluster.leader(), Some(1));
}

#[tokio::test]
async fn nospace_refuses_writes_until_it_is_disarmed() {
    let fleet = fleet();
    let cluster = &fleet.clusters()[0];
    let client = client(&cluster.members()[0]);
    cluster.raise_alarm(1, AlarmKind::Nospace);
    let refused = client.put("k", "v", None, PATIENCE).await.unwrap_err();
    assert_eq!(refused.class(), ErrorClass::Nospace);
    assert_eq!(client.status(PATIENCE).await.unwrap().errors.len(), 1);

    let alarm = Alarm { member: cluster.members()[1].id(), kind: AlarmKind::Nospace };
    assert_eq!(client.alarms(PATIENCE).await.unwrap(), [alarm]);
    client.alarm_disarm(alarm, PATIENCE).await.unwrap();
    assert_eq!(client.alarms(PATIENCE).await.unwrap(), []);
    client.put("k", "v", None, PATIENCE).await.unwrap();
}

#[tokio::test]
async fn leadership_and_latency_change_on_demand() {
    let fleet = fleet();
    let cluster = &fleet.clusters()[0];
    let member = &cluster.members()[2];
    cluster.set_leader(2);
    let client = client(member);
    assert_eq!(client.status(PATIENCE).await.unwrap().leader, Some(member.id()));

    member.set_latency(Duration::from_mins(1));
    assert_eq!(client.status(SILENCE).await.unwrap_err().class(), ErrorClass::Deadline);
}

#[tokio::test]
async fn a_call_that_is_not_simulated_is_unsupported() {
    let fleet = fleet();
    let client = client(&fleet.clusters()[0].members()[0]);
    assert_eq!(client.defragment(PATIENCE).await.unwrap_err().class(), ErrorClass::Unsupported);
}

#[tokio::test]
async fn every_member_of_every_cluster_is_somebody_else() {
    let config = FleetConfig { clusters: 5, members_per_cluster: 5, ..FleetConfig::default() };
    let fleet = Fleet::start(&config).unwrap();
    let members = || fleet.clusters().iter().flat_map(SimulatedCluster::members);
    assert_eq!(members().map(SimulatedMember::id).collect::<HashSet<_>>().len(), 25);
    assert_eq!(members().map(SimulatedMember::endpoint).collect::<HashSet<_>>().len(), 25);
    let yaml = fleet.config_yaml();
    assert!(yaml.starts_with("clusters:\n  - {name: sim-0001, endpoints: [\"127.0.0.1:"), "{yaml}");
    assert_eq!(yaml.lines().count(), 6);
}
