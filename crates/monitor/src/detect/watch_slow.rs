//! Watch slow: watchers of a member don't get their events in time.

use jiff::SignedDuration;
use model::finding::FindingKind;
use model::severity::Severity;

use super::reading::Reading;
use super::{Condition, Window};
use crate::metrics::catalogue::SLOW_WATCHERS;

/// Events that wait for their watchers.
const PENDING: &str = "etcd_debugging_mvcc_pending_events_total";
const MAX_PENDING: f64 = 10_000.0;

/// A watcher that lags for less than this catches up by itself: one that asks for old revisions
/// always begins by lagging.
const LAGS_FOR: SignedDuration = SignedDuration::from_mins(5);

/// One condition per member.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    window.readings().filter_map(|reading| condition(window, &reading)).collect()
}

fn condition(window: &Window<'_>, reading: &Reading<'_>) -> Option<Condition> {
    let pending = reading.gauge(PENDING).unwrap_or(0.0);
    let backlog = window.chronicle.member(reading.id)?.slow_watchers;
    let lasting =
        backlog.filter(|backlog| reading.page.at().duration_since(backlog.since) >= LAGS_FOR);
    let is_rising = lasting.is_some_and(|backlog| backlog.last > backlog.first);
    let severity = if pending > MAX_PENDING || is_rising {
        Severity::Warning
    } else if lasting.is_some() {
        Severity::Info
    } else {
        return None;
    };
    let name = &reading.member.name;
    let summary = format!("{name}: watchers don't get their events in time");
    let mut evidence = vec![reading.evidence(format!("{PENDING} = {pending:.0}"))];
    if let Some(backlog) = backlog {
        evidence.push(reading.evidence(format!(
            "{SLOW_WATCHERS} = {:.0}; it was {:.0} at {}, and never 0 since",
            backlog.last, backlog.first, backlog.since
        )));
    }
    let figure = |name| reading.figures.and_then(|figures| figures.get(name));
    for (name, what) in [
        ("watchers", "watchers"),
        ("watch_streams", "watch streams"),
        ("watch_events_per_second", "events per second sent"),
        ("puts_per_second", "puts per second"),
    ] {
        evidence.extend(figure(name).map(|value| reading.evidence(format!("{value:.0} {what}"))));
    }
    Some(
        Condition::new(FindingKind::WatchSlow, severity, summary)
            .of(Some(reading.member.reference()))
            .explained(
                "Clients that watch through this member see changes late, up to minutes. Events that \
                 wait are kept in its memory, and watchers that lag are fed from its database, which \
                 slows down writes.",
            )
            .resting_on(evidence)
            .caused_by([
                "clients that read their watch streams too slowly: no CPU, or a slow network",
                "too many watchers of the same keys on one member",
                "large values that change often: each watcher gets each of them in full",
            ])
            .next([
                format!("which clients are connected: on the host of {name}: ss -tnp 'sport = :2379'"),
                "spread the clients over all members".to_owned(),
                "let clients share watchers (a cache, or etcd grpc-proxy), and watch narrower prefixes"
                    .to_owned(),
            ]),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scene::{Scene, of_kind, open};

    fn with(
        scene: &mut Scene,
        minutes: u64,
        lag: impl Fn(u32) -> f64,
        pending: f64,
    ) -> Vec<String> {
        let verdict = scene.run(Duration::from_mins(minutes), |scene, scrapes| {
            scene.metric(2, SLOW_WATCHERS, lag(scrapes));
            scene.metric(2, PENDING, pending);
        });
        let found = of_kind(&verdict, FindingKind::WatchSlow);
        let word = |finding: &std::sync::Arc<model::finding::Finding>| {
            format!("{} {}", finding.severity, finding.member.as_ref().unwrap().name)
        };
        assert_eq!(found.len(), open(&verdict).len());
        // A change of it is told, and the numbers change with each page.
        let summary = "m2: watchers don't get their events in time";
        assert!(found.iter().all(|finding| finding.summary == summary), "{found:?}");
        found.iter().map(word).collect()
    }

    #[test]
    fn a_backlog_of_events_or_watchers_that_lag_more_and_more_are_told() {
        let mut scene = Scene::new(3);
        assert_eq!(with(&mut scene, 3, |_| 0.0, 50_000.0), ["warning m2"]);
        assert_eq!(with(&mut scene, 3, |_| 0.0, 10.0), [""; 0]);
        assert_eq!(with(&mut scene, 7, |n| 5.0 + f64::from(n), 10.0), ["warning m2"]);
        assert_eq!(with(&mut Scene::new(3), 7, |_| 5.0, 10.0), ["info m2"]);
    }

    #[test]
    fn watchers_that_catch_up_and_nonsense_are_no_findings() {
        assert_eq!(with(&mut Scene::new(3), 10, |n| f64::from(n % 8 * 3), 9_000.0), [""; 0]);
        assert_eq!(with(&mut Scene::new(3), 7, |_| f64::NAN, f64::INFINITY), [""; 0]);
        assert_eq!(with(&mut Scene::new(3), 7, |_| -5.0, -1e300), [""; 0]);
    }
}
