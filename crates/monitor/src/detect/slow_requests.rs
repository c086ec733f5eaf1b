//! Slow requests: reads that need the quorum take long, by our own probes, or most requests do, by
//! the word of the member (etcd 3.7 and later).
//!
//! How long the requests of clients take is told by no etcd before 3.7, so there the probes stand for
//! them: small linearizable reads, one at each sweep.

use std::collections::BTreeMap;
use std::time::Duration;

use etcd::Header;
use model::finding::{Evidence, FindingKind};
use model::severity::Severity;

use super::reading::seconds;
use super::{Condition, Window};
use crate::metrics::catalogue::FigureId;
use crate::metrics::figures::Figures;
use crate::probe::proves_the_path;
use crate::sweep::{Call, MemberSweep};
use crate::view::MemberView;

/// Fewer probes than this have no median.
const MIN_PROBES: usize = 3;

/// Fewer requests than this either.
const MIN_OBSERVATIONS: u32 = 20;

const REQUEST_MEDIAN: &str = "request_p50_seconds";

/// One condition per member.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    window.answering().filter_map(|(member, said)| condition(window, member, said)).collect()
}

fn condition(window: &Window<'_>, member: &MemberView, said: &MemberSweep) -> Option<Condition> {
    let most = Duration::from_millis(window.thresholds.max_latency_ms).as_secs_f64();
    let probes = probes(window, member);
    let probe = probes.get(probes.len() / 2).filter(|_| probes.len() >= MIN_PROBES);
    let probe = probe.map(Duration::as_secs_f64);
    let figures = said.figures.as_deref().filter(|figures| window.is_fresh(figures.at));
    let request = figures.and_then(request_median);
    let (slow, what) = match (probe, request) {
        (Some(probe), _) if probe > most => (probe, "linearizable reads"),
        (_, Some(request)) if request > most => (request, "requests"),
        _ => return None,
    };
    let name = &member.name;
    let summary = format!("{what} of {name} take long: half of them more than {}", seconds(slow));
    let picture = window.newest();
    let mut evidence = Vec::new();
    evidence.extend(probe.map(|median| Evidence {
        at: picture.at(),
        source: format!("{} linearizable read", said.endpoint),
        observed: format!(
            "our own probe took {} (median of the last {}), more than max_latency_ms = {}",
            seconds(median),
            probes.len(),
            window.thresholds.max_latency_ms
        ),
    }));
    evidence.extend(member.probes.serializable_read.map(|took| Evidence {
        at: picture.at(),
        source: format!("{} serializable read", said.endpoint),
        observed: format!("the same read without the quorum took {}", seconds(took.as_secs_f64())),
    }));
    if let Some(figures) = figures {
        let quantiles = ["request_p50_seconds", "request_p95_seconds", "request_p99_seconds"];
        let told = quantiles.iter().filter_map(|name| Some((name, figures.get(name)?)));
        evidence.extend(told.map(|(name, value)| Evidence {
            at: figures.at,
            source: format!("{} /metrics", said.endpoint),
            observed: format!(
                "etcd_server_request_duration_seconds: {} = {}",
                name.trim_end_matches("_seconds"),
                seconds(value)
            ),
        }));
    }
    let waits_alone = member.probes.serializable_read.is_some_and(|took| took.as_secs_f64() > most);
    Some(
        Condition::new(FindingKind::SlowRequests, Severity::Warning, summary)
            .of(Some(member.reference()))
            .explained(if waits_alone {
                "Even reads that the member serves alone take long, so that the member itself, or the \
                 way from us to it, is slow rather than the quorum."
            } else {
                "A linearizable read waits for the leader, a majority and all that is committed \
                 before it; clients wait as long at least."
            })
            .resting_on(evidence)
            .caused_by(if waits_alone {
                [
                    "the member is overloaded: CPU, memory, or large ranges that hold up others",
                    "the network between the monitor and the member is slow",
                    "its process, or its host, is throttled (CPU limits of a container)",
                ]
            } else {
                [
                    "a slow disk of the leader or of the majority: see slow_fsync",
                    "a slow network between the members: see slow_peer",
                    "the member is behind in applying what is committed",
                ]
            })
            .next([
                format!("etcdctl --endpoints={} endpoint health", said.endpoint),
                format!("etcdctl --endpoints={} check perf --load=s (it writes)", said.endpoint),
                format!("on the host of {name}: top; iostat -x 1 5; journalctl -u etcd | grep 'took too long'"),
                "if this is normal for the cluster, raise thresholds.max_latency_ms".to_owned(),
            ]),
    )
}

/// The probes that succeeded while the window lasts, fastest first: those too whose answer came after
/// their sweep was closed.
fn probes(window: &Window<'_>, member: &MemberView) -> Vec<Duration> {
    let Some(begin) = window.pictures.iter().map(|picture| picture.sweep.started_at).min() else {
        return Vec::new();
    };
    let calls = window.pictures.iter().filter_map(|picture| {
        let said = picture.sweep_of(picture.member(member.id?)?)?;
        said.linearizable_read.last.as_deref()
    });
    let succeeded = |call: &&Call<Header>| {
        call.received_at() >= begin && call.result.as_ref().err().is_none_or(proves_the_path)
    };
    // While the next one is under way, the last one is in several sweeps.
    let by_start: BTreeMap<_, _> =
        calls.filter(succeeded).map(|call| (call.sent_at, call.took)).collect();
    let mut probes: Vec<Duration> = by_start.into_values().collect();
    probes.sort_unstable();
    probes
}

fn request_median(figures: &Figures) -> Option<f64> {
    let id = FigureId::named(REQUEST_MEDIAN)?;
    figures.value(id).filter(|_| figures.observations(id) >= MIN_OBSERVATIONS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Verdict;
    use crate::scene::{Scene, of_kind, open};

    fn with(scene: &mut Scene, took_ms: u64) -> Verdict {
        scene.member(2).took = Duration::from_millis(took_ms);
        scene.run(Duration::from_mins(2), |_, _| {})
    }

    #[test]
    fn probes_that_take_long_are_told_until_they_don_t() {
        let mut scene = Scene::new(3);
        let verdict = with(&mut scene, 250);
        assert_eq!(open(&verdict), ["slow_requests m2"]);
        let finding = &of_kind(&verdict, FindingKind::SlowRequests)[0];
        assert!(finding.evidence[0].observed.contains("250 ms"), "{:?}", finding.evidence);
        assert!(finding.causes[0].contains("overloaded"), "{:?}", finding.causes);
        assert_eq!(open(&with(&mut scene, 40)), [""; 0]);
    }

    #[test]
    fn one_probe_that_takes_long_is_none() {
        let mut scene = Scene::new(3);
        for _ in 0..20 {
            scene.member(2).took = Duration::from_secs(1);
            scene.sweep();
            scene.member(2).took = Duration::from_millis(2);
            assert_eq!(open(&scene.sweeps(4)), [""; 0]);
        }
    }

    #[test]
    fn the_members_own_word_counts_where_it_gives_one() {
        let mut scene = Scene::new(3);
        let metric = "etcd_server_request_duration_seconds_bucket";
        let verdict = scene.run(Duration::from_mins(2), |scene, scrapes| {
            for (le, part) in [("0.256", 0.1), ("0.512", 1.0), ("+Inf", 1.0)] {
                let count = 100.0 * f64::from(scrapes) * part;
                scene.metric(1, &format!("{metric}{{le=\"{le}\"}}"), count);
                scene.metric(2, &format!("{metric}{{le=\"{le}\"}}"), f64::NAN);
            }
        });
        assert_eq!(open(&verdict), ["slow_requests m1"]);
    }
}
