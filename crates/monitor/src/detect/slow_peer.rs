//! Slow peer: messages from a member to another one take long.
//!
//! etcd measures the round trip to each peer every 30 s and observes a smoothed value, of which an
//! eighth is the last one. While the link is down that value stands still and goes on being observed;
//! after a start, when the first round trip took long, it takes minutes to come down. So a link is
//! judged only when both ends, and the connection between them, were there for a while.

use jiff::SignedDuration;
use model::finding::FindingKind;
use model::id::MemberId;
use model::severity::Severity;

use super::reading::{Reading, seconds};
use super::{Condition, Window};
use crate::metrics::figures::PeerFigures;
use crate::view::MemberView;

/// Fewer observations than this say nothing.
const MIN_OBSERVATIONS: u32 = 3;

/// etcd advises less than 50 ms; the nearest of its buckets ends here, and of what lies in that bucket
/// it isn't known where.
const INFO_SECONDS: f64 = 0.0512;
const WARNING_SECONDS: f64 = 0.15;

/// So long after a link was down, or a process started, its round trips are those of other times:
/// twenty measurements leave less than a tenth of the first.
const SETTLES_IN: SignedDuration = SignedDuration::from_mins(10);

/// One condition per member and peer.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for reading in window.readings() {
        for peer in reading.figures.into_iter().flat_map(|figures| &figures.peers) {
            let to = window.answering().find(|(member, _)| member.id == Some(peer.remote));
            if let Some((to, _)) = to
                && is_steadily_up(window, &reading, peer)
            {
                conditions.extend(condition(&reading, to, peer));
            }
        }
    }
    conditions
}

fn is_steadily_up(window: &Window<'_>, reading: &Reading<'_>, peer: &PeerFigures) -> bool {
    let now = reading.page.at();
    let is_settled = |from: MemberId, to: MemberId| {
        let Some(track) = window.chronicle.member(from) else { return false };
        let down_at = track.links.get(&to).and_then(|link| link.down_at);
        let runs_for = track.started_at.map(|start| now.as_duration().as_secs_f64() - start);
        down_at.is_none_or(|at| now.duration_since(at) > SETTLES_IN)
            && runs_for.is_none_or(|seconds| seconds > SETTLES_IN.as_secs_f64())
    };
    peer.is_active == Some(true)
        && is_settled(reading.id, peer.remote)
        && is_settled(peer.remote, reading.id)
}

fn condition(reading: &Reading<'_>, to: &MemberView, peer: &PeerFigures) -> Option<Condition> {
    let p99 = peer.round_trip_p99_seconds.filter(|p99| p99.is_finite())?;
    let severity = match p99 {
        p99 if p99 > WARNING_SECONDS => Severity::Warning,
        p99 if p99 > INFO_SECONDS => Severity::Info,
        _ => return None,
    };
    if peer.round_trips < MIN_OBSERVATIONS {
        return None;
    }
    let from = reading.member.name.as_str();
    let summary =
        format!("round trips from {from} to {} take long, their p99 is {}", to.name, seconds(p99));
    let median = peer.round_trip_p50_seconds.unwrap_or(p99);
    let heartbeat = (p99 * 1_000.0).ceil().max(1.0);
    Some(
        Condition::new(FindingKind::SlowPeer, severity, summary)
            .of(Some(reading.member.reference()))
            .about(to.name.as_str())
            .explained(
                "A write takes at least one round trip from the leader to the nearest majority. A \
                 round trip near the heartbeat interval (100 ms by default) costs elections.",
            )
            .resting_on([reading.evidence(format!(
                "etcd_network_peer_round_trip_time_seconds{{To=\"{}\"}}: p99 {}, median {}, over {} \
                 observations in the last minute",
                peer.remote,
                seconds(p99),
                seconds(median),
                peer.round_trips
            ))])
            .caused_by([
                "the members are far apart: other regions, a line that is long or full",
                "the host of one of them is overloaded: CPU, or network bandwidth",
                "packets are lost and sent again",
            ])
            .next([
                format!("from the host of {from}: ping -c 20 HOST_OF_{}; mtr HOST_OF_{}", to.name, to.name),
                "on both hosts: ss -ti '( dport = :2380 or sport = :2380 )' (retransmissions)".to_owned(),
                format!(
                    "if it cannot be nearer: --heartbeat-interval={heartbeat:.0} and \
                     --election-timeout={:.0} on every member alike",
                    (heartbeat * 10.0).max(1_000.0)
                ),
            ]),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scene::{Scene, of_kind, open};

    const A_WHILE: Duration = Duration::from_mins(7);

    fn round_trips(scene: &mut Scene, from: u64, to: u64, took: f64, total: f64) {
        let bounds = (0..16).map(|power| 0.0001 * f64::from(1 << power)).chain([f64::INFINITY]);
        for bound in bounds {
            let le = if bound.is_infinite() { "+Inf".to_owned() } else { bound.to_string() };
            let count = if took <= bound { total } else { 0.0 };
            let metric = "etcd_network_peer_round_trip_time_seconds_bucket";
            scene.metric(from, &format!("{metric}{{To=\"{to}\",le=\"{le}\"}}"), count);
        }
    }

    fn active(scene: &mut Scene, from: u64, to: u64, is_up: bool) {
        let series = format!("etcd_network_active_peers{{Local=\"{from}\",Remote=\"{to}\"}}");
        scene.metric(from, &series, f64::from(u8::from(is_up)));
    }

    /// Two observations per 30 s, from `m2` to `m3`.
    fn told(scene: &mut Scene, took: f64, per_scrape: f64, is_up: bool) -> Vec<(Severity, String)> {
        let verdict = scene.run(A_WHILE, |scene, scrapes| {
            active(scene, 2, 3, is_up);
            active(scene, 3, 2, true);
            round_trips(scene, 2, 3, took, per_scrape * f64::from(scrapes));
        });
        assert!(open(&verdict).iter().all(|word| !word.contains("m1")), "{:?}", open(&verdict));
        of_kind(&verdict, FindingKind::SlowPeer)
            .iter()
            .map(|finding| {
                let member = finding.member.as_ref().unwrap().name.as_str();
                (finding.severity, format!("{member} to {}", finding.about))
            })
            .collect()
    }

    #[test]
    fn a_long_way_is_told_of_the_member_and_its_peer() {
        let link = "m2 to m3".to_owned();
        assert_eq!(told(&mut Scene::new(3), 0.08, 1.0, true), [(Severity::Info, link.clone())]);
        let mut scene = Scene::new(3);
        assert_eq!(told(&mut scene, 0.3, 1.0, true), [(Severity::Warning, link)]);
        assert_eq!(told(&mut scene, 0.001, 1.0, true), []);
    }

    #[test]
    fn a_short_way_few_observations_and_a_link_that_is_down_are_none() {
        assert_eq!(told(&mut Scene::new(3), 0.02, 1.0, true), []);
        assert_eq!(told(&mut Scene::new(3), 0.3, 0.4, true), []);
        // While it is down the last good value goes on being observed, and so for a while after.
        let mut scene = Scene::new(3);
        assert_eq!(told(&mut scene, 0.3, 1.0, false), []);
        let verdict = scene.run(Duration::from_mins(1), |scene, scrapes| {
            active(scene, 2, 3, true);
            round_trips(scene, 2, 3, 0.3, 20.0 + f64::from(scrapes));
        });
        assert!(of_kind(&verdict, FindingKind::SlowPeer).is_empty());
    }

    #[test]
    fn a_process_that_was_just_started_is_not_judged() {
        let mut scene = Scene::new(3);
        let now = scene.now.as_second() as f64;
        scene.metric(3, "process_start_time_seconds", now - 60.0);
        assert_eq!(told(&mut scene, 0.3, 1.0, true), []);
        scene.metric(3, "process_start_time_seconds", now - 3_600.0);
        assert_eq!(told(&mut scene, 0.3, 1.0, true).len(), 1);
    }

    #[test]
    fn nonsense_says_nothing() {
        assert_eq!(told(&mut Scene::new(3), f64::NAN, f64::INFINITY, true), []);
        assert_eq!(told(&mut Scene::new(3), 0.3, -7.0, true), []);
    }
}
