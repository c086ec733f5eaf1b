//! Whether a cluster may be given a benchmark now, and when the next one is due.

use std::sync::Arc;
use std::time::Duration;

use bench::outcome::Origin;
use bench::summary::Summary;
use jiff::{SignedDuration, Timestamp};
use model::finding::{Finding, FindingKind};
use model::severity::Severity;
use monitor::view::ClusterView;

/// Sweeps after which a view tells how a cluster is.
const ENOUGH_SWEEPS: u64 = 5;

/// What stands in the way of a run: trouble, work on the cluster, or too little knowledge. `own` are
/// the findings about the monitor itself.
pub(super) fn obstacle(view: &ClusterView, own: &[Arc<Finding>]) -> Option<String> {
    if view.sweeps < ENOUGH_SWEEPS {
        return Some("the cluster has not been watched for long enough".to_owned());
    }
    if let Some(window) = &view.maintenance {
        return Some(format!("a maintenance window is on: {}", window.why));
    }
    let stands_in_the_way = |finding: &&Arc<Finding>| {
        // That benchmarks go worse must not keep them from going well again.
        finding.is_open()
            && finding.severity >= Severity::Warning
            && finding.kind != FindingKind::BenchmarkRegressed
    };
    let finding = view.findings.iter().chain(own).find(stands_in_the_way)?;
    Some(format!("{} is open: {}", finding.kind, finding.summary))
}

/// Whether the operations of the last 24 hours on `cluster` leave room for `wanted` more.
pub(super) fn over_budget(
    runs: &[Arc<Summary>],
    cluster: &str,
    wanted: u64,
    most: u64,
    now: Timestamp,
) -> Option<String> {
    let day_ago = now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
    let recent = of_monitor(runs, cluster).filter(|run| run.started_at > day_ago);
    let used: u64 = recent.map(|run| run.succeeded + run.failed).sum();
    (used + wanted > most).then(|| {
        format!(
            "{used} operations were made in the last 24 hours, and {wanted} more are over \
             benchmark.max_operations_per_day, {most}"
        )
    })
}

/// When the next run of the schedule is due; at once where there was none.
pub(super) fn due(
    runs: &[Arc<Summary>],
    cluster: &str,
    interval: Duration,
    now: Timestamp,
) -> Option<Timestamp> {
    if interval.is_zero() {
        return None;
    }
    let scheduled = of_monitor(runs, cluster).filter(|run| run.origin == Origin::Schedule);
    // A clock that was set back must not put the next run off for years.
    let last = scheduled.map(|run| run.started_at.min(now)).max();
    Some(last.map_or(now, |last| last.saturating_add(interval).unwrap_or(Timestamp::MAX)))
}

/// The runs that a monitor made of `cluster`.
pub(super) fn of_monitor<'a>(
    runs: &'a [Arc<Summary>],
    cluster: &'a str,
) -> impl DoubleEndedIterator<Item = &'a Arc<Summary>> {
    let is_of = move |run: &&Arc<Summary>| {
        run.origin != Origin::Command && run.cluster.as_deref() == Some(cluster)
    };
    runs.iter().filter(is_of)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::finding::FindingState;
    use model::maintenance::Maintenance;
    use monitor::detect::Condition;
    use monitor::findings::{FindingBook, Round};

    use super::super::tests::{at, run};
    use super::*;

    fn finding(kind: FindingKind, severity: Severity) -> Arc<Finding> {
        let mut book = FindingBook::default();
        book.observe(vec![Condition::new(kind, severity, "what")], &Round::plain(at(0)));
        let mut finding = book.active().remove(0);
        Arc::make_mut(&mut finding).state = FindingState::Open;
        finding
    }

    fn calm() -> ClusterView {
        ClusterView { sweeps: 10, ..ClusterView::unseen("c", &BTreeMap::new(), "") }
    }

    #[test]
    fn trouble_and_maintenance_stand_in_the_way_and_hints_and_regressions_do_not() {
        let mut view = calm();
        assert_eq!(obstacle(&view, &[]), None);
        view.findings = vec![
            finding(FindingKind::ClusterSize, Severity::Info),
            finding(FindingKind::BenchmarkRegressed, Severity::Warning),
        ];
        assert_eq!(obstacle(&view, &[]), None);
        let slow = finding(FindingKind::SlowFsync, Severity::Warning);
        view.findings.push(slow.clone());
        assert_eq!(obstacle(&view, &[]).as_deref(), Some("slow_fsync is open: what"));
        let over = Finding { state: FindingState::Pending, ..(*slow).clone() };
        view.findings = vec![Arc::new(over)];
        assert_eq!(obstacle(&view, &[]), None);
        let full = finding(FindingKind::StoragePaused, Severity::Critical);
        assert!(obstacle(&view, &[full]).is_some());
        let why = "upgrade".to_owned();
        view.maintenance =
            Some(Maintenance { cluster: "c".to_owned(), from: at(0), until: at(9), why });
        assert_eq!(obstacle(&view, &[]).unwrap(), "a maintenance window is on: upgrade");
        assert!(obstacle(&ClusterView { sweeps: 0, ..calm() }, &[]).is_some());
    }

    #[test]
    fn the_next_run_is_counted_from_the_last_of_the_schedule() {
        let hour = Duration::from_hours(1);
        assert_eq!(due(&[], "c", hour, at(50)), Some(at(50)));
        let asked = run("c", Origin::Request, at(100), 10.0);
        let runs = [run("c", Origin::Schedule, at(10), 10.0), asked];
        assert_eq!(due(&runs, "c", hour, at(200)), Some(at(3_610)));
        assert_eq!(due(&runs, "other", hour, at(200)), Some(at(200)));
        assert_eq!(due(&runs, "c", Duration::ZERO, at(200)), None);
        assert_eq!(due(&runs, "c", hour, at(5)), Some(at(3_605)), "the clock was set back");
    }

    #[test]
    fn the_operations_of_a_day_are_bounded() {
        let runs = [run("c", Origin::Request, at(0), 10.0), run("c", Origin::Command, at(0), 10.0)];
        assert_eq!(over_budget(&runs, "c", 100, 1_100, at(60)), None);
        assert!(
            over_budget(&runs, "c", 101, 1_100, at(60)).unwrap().starts_with("1000 operations")
        );
        assert_eq!(over_budget(&runs, "c", 101, 1_100, at(90_000)), None);
        assert_eq!(over_budget(&runs, "other", 101, 1_100, at(60)), None);
    }
}
