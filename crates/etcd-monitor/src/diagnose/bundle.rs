//! A `.tar.gz` with the report and what it rests on: what members say of themselves. No keys, no
//! values: nothing of what clients store is asked for.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use etcd::{Connector, Endpoint, HttpTarget, Member};
use flate2::Compression;
use flate2::write::GzEncoder;
use monitor::config::ClusterConfig;
use monitor::scrape::metrics_target;
use tar::{Builder, Header};

use super::report::Report;
use super::text::Paper;
use super::{html, json as json_report, text};

/// For each question to a member.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest page that is taken.
const MAX_PAGE_BYTES: usize = 16 << 20;

/// A file of the bundle: its name and what is in it.
type Entry = (String, Vec<u8>);

/// Asks every member of `clusters` once more and keeps the answers as they come.
pub(super) async fn gather(clusters: &[ClusterConfig], report: &Report) -> Vec<Entry> {
    let mut entries = Vec::new();
    for config in clusters {
        let connector = match Connector::new(config.client()) {
            Ok(connector) => connector,
            Err(error) => {
                let name = format!("{}/error.txt", config.name);
                entries.push((name, error.to_string().into_bytes()));
                continue;
            }
        };
        let of_report = report.clusters.iter().filter(|cluster| cluster.name == config.name);
        let members = of_report.flat_map(|cluster| &cluster.view.members);
        let scheme = config.default_scheme();
        let endpoints = members.filter_map(|member| member.endpoint.as_deref());
        for endpoint in endpoints.filter_map(|text| Endpoint::parse(text, scheme).ok()) {
            let member = connector.member(endpoint.clone());
            let folder =
                format!("{}/{}", config.name, endpoint.to_string().replace([':', '/'], "_"));
            entries.push((format!("{folder}/answers.txt"), answers(&member).await));
            let metrics = metrics_target(config.metrics_url.as_deref(), member.endpoint());
            for (page, target) in [
                ("metrics", metrics),
                ("version", HttpTarget::of_member("/version")),
                ("health", HttpTarget::of_member("/health")),
            ] {
                let body = match member.http_get(&target, TIMEOUT, MAX_PAGE_BYTES).await {
                    Ok(reply) => reply.body.to_vec(),
                    Err(error) => error.to_string().into_bytes(),
                };
                entries.push((format!("{folder}/{page}.txt"), body));
            }
        }
    }
    entries
}

/// What a member answers to the questions about itself, as our types show it.
async fn answers(member: &Member) -> Vec<u8> {
    fn shown<T: std::fmt::Debug>(what: &str, answer: Result<T, etcd::Error>) -> String {
        match answer {
            Ok(answer) => format!("== {what}\n{answer:#?}\n"),
            Err(error) => format!("== {what}\n{error}\n"),
        }
    }
    [
        shown("Status", member.status(TIMEOUT).await),
        shown("MemberList, linearizable", member.members(true, TIMEOUT).await),
        shown("MemberList, serializable", member.members(false, TIMEOUT).await),
        shown("AlarmList", member.alarms(TIMEOUT).await),
    ]
    .concat()
    .into_bytes()
}

/// Writes the bundle.
pub(super) fn write(path: &Path, report: &Report, raw: Vec<Entry>) -> io::Result<()> {
    let paper = Paper::plain();
    let made_at = report.clusters.iter().map(|cluster| cluster.started_at.as_second()).max();
    let made_at = made_at.and_then(|second| u64::try_from(second).ok()).unwrap_or_default();
    let reports = [
        ("report.txt".to_owned(), text::render(report, paper).into_bytes()),
        ("report.json".to_owned(), json_report::render(report).into_bytes()),
        ("report.html".to_owned(), html::render(report).into_bytes()),
        ("version.txt".to_owned(), format!("{}\n", *crate::version::VERSION).into_bytes()),
    ];
    let mut archive = Builder::new(GzEncoder::new(File::create(path)?, Compression::default()));
    for (name, body) in reports.into_iter().chain(raw) {
        let mut header = Header::new_gnu();
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(made_at);
        header.set_cksum();
        archive.append_data(&mut header, format!("etcd-monitor-diagnose/{name}"), &*body)?;
    }
    archive.into_inner()?.finish()?.sync_all()
}
