//! What was read and decided, as it came: to see why a fault was told late.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use expfmt::Line;
use jiff::Timestamp;
use model::clock::{Clock as _, SystemClock};
use model::leader::Leadership;
use monitor::sink::{PageSink, ReadPage, ScrapedMember};
use monitor::view::ClusterView;

const BUCKET: &str = "etcd_disk_wal_fsync_duration_seconds_bucket";

/// Writes a line for each page: how many syncs of the log were how slow since the page before.
#[derive(Default)]
pub(crate) struct Pages(Mutex<BTreeMap<String, Vec<(String, f64)>>>);

impl PageSink for Pages {
    fn page(&self, of: &ScrapedMember, at: Timestamp, took: Duration, read: &mut ReadPage<'_, '_>) {
        let mut counts: Vec<(String, f64)> = Vec::new();
        let is_good = read(&mut |line| {
            if let Line::Sample(sample) = line
                && sample.name == BUCKET
                && let Some(rest) = sample.series.split("le=\"").nth(1)
            {
                let bound = rest.split('"').next().unwrap_or_default();
                counts.push((bound.to_owned(), sample.value));
            }
        });
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = pages.insert(of.instance.clone(), counts.clone()).unwrap_or_default();
        let since = |index: usize| {
            counts[index].1 - before.get(index).map_or(counts[index].1, |(_, count)| *count)
        };
        let mut below = 0.0;
        let deltas: Vec<String> = (0..counts.len())
            .filter_map(|index| {
                let count = since(index);
                let own = count - below;
                below = count;
                (own > 0.0).then(|| format!("{}:{own}", counts[index].0))
            })
            .collect();
        line(&format!(
            "page of {} asked at {at:.1} took {took:.1?} good {is_good}: {}",
            of.member,
            deltas.join(" ")
        ));
    }

    fn no_page(&self, of: &ScrapedMember, at: Timestamp, took: Duration) {
        line(&format!("no page of {} asked at {at:.1} took {took:.1?}", of.member));
    }

    fn ended(&self, _: &str, _: &str, _: Timestamp) {}
}

/// What is told of a cluster, where it changed.
#[derive(Default)]
pub(crate) struct Told(String);

impl Told {
    pub(crate) fn look(&mut self, view: &ClusterView) {
        let members = view.members.iter().map(|member| {
            let words = if member.is_reachable == Some(true) { "" } else { " unreachable" };
            format!("{} {:?}{words}", member.name, member.health)
        });
        let findings = view.findings.iter().map(|finding| {
            let of = finding.member.as_ref().map_or("", |member| member.name.as_str());
            let (kind, state, severity) = (finding.kind, finding.state, finding.severity);
            format!("{kind} {of} {state:?} {severity:?}")
        });
        let leader = view
            .leader
            .as_ref()
            .map(|Leadership { member, term, .. }| format!("{} in term {term}", member.name));
        let now = format!(
            "leader {}; {}; {}",
            leader.as_deref().unwrap_or("none"),
            members.collect::<Vec<_>>().join(", "),
            findings.collect::<Vec<_>>().join(", ")
        );
        if now != self.0 {
            line(&now);
            self.0 = now;
        }
    }
}

/// Writes a line to standard error, with the time.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{:.1} {text}", SystemClock.now());
}
