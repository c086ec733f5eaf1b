//! Benchmark regressed: the newest scheduled benchmarks go worse than those before, or than the baseline.

use model::finding::FindingKind;
use model::severity::Severity;

use super::{Condition, Window};
use crate::benchmark::Regression;

/// One for each kind of load. Whether a difference is one was decided by who made the runs.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let known = window.newest().sweep.benchmark.as_deref();
    let regressions = known.map(|known| known.regressions.as_slice()).unwrap_or_default();
    regressions.iter().map(|regression| condition(window.cluster, regression)).collect()
}

fn condition(cluster: &str, regression: &Regression) -> Condition {
    let Regression { load, since, compared_with, figures, changes, newest } = regression;
    let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
    let summary =
        format!("benchmarks of {load} go worse than {compared_with}: {}", names.join(", "));
    let mut condition = Condition::new(FindingKind::BenchmarkRegressed, Severity::Warning, summary)
        .about(load)
        .explained(
            "The same load on the same cluster takes longer, or less of it goes through, than it \
                 did, by more than runs differ from each other. Clients feel the same.",
        );
    for figure in figures {
        let observed = format!(
            "{}: {} before, {} since ({:+.0} %)",
            figure.name,
            figure.before,
            figure.after,
            figure.change * 100.0
        );
        condition = condition.seen(*since, format!("bench {load} of {cluster}"), observed);
    }
    for change in changes {
        condition = condition.seen(*since, "bench", change.clone());
    }
    condition
        .caused_by([
            "an upgrade, or another change to members, at that time",
            "a disk or a network that became slower, or neighbours that use more of them",
            "a database that grew, or clients that ask for more",
            "the machine of the monitor itself became slower or busier",
        ])
        .next([
            format!("see the runs and where they changed: etcd-monitor bench trend {cluster}"),
            format!("see the members' own view of the newest: etcd-monitor bench show {newest}"),
            "look for what changed at that time: events, versions, deployments".to_owned(),
            format!(
                "if the new level is as it should be, make it the baseline: etcd-monitor bench baseline \
                 set {cluster} RUN RUN RUN RUN RUN"
            ),
        ])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::benchmark::{Benchmark, Figure};
    use crate::scene::{Scene, of_kind, open};

    fn slow() -> Benchmark {
        let figure = Figure {
            name: "p99".to_owned(),
            before: "10.0 ms".to_owned(),
            after: "12.5 ms".to_owned(),
            change: 0.25,
        };
        let regression = Regression {
            load: "mixed".to_owned(),
            since: Timestamp::UNIX_EPOCH,
            compared_with: "the 20 runs before".to_owned(),
            figures: vec![figure],
            changes: vec!["version 3.5.21, then 3.6.14".to_owned()],
            newest: "20270101T000000Z-mixed".to_owned(),
        };
        Benchmark { regressions: vec![regression] }
    }

    #[test]
    fn what_got_worse_is_a_finding_until_it_is_not_worse_any_more() {
        let mut scene = Scene::new(3);
        scene.benchmark = Some(Arc::new(slow()));
        let verdict = scene.sweep();
        assert_eq!(open(&verdict), ["benchmark_regressed /mixed"]);
        let finding = &of_kind(&verdict, FindingKind::BenchmarkRegressed)[0];
        assert_eq!(finding.summary, "benchmarks of mixed go worse than the 20 runs before: p99");
        assert_eq!(finding.evidence[0].observed, "p99: 10.0 ms before, 12.5 ms since (+25 %)");
        scene.benchmark = Some(Arc::default());
        assert_eq!(open(&scene.sweep()), [""; 0]);
    }

    #[test]
    fn after_a_restart_it_stays_open_until_the_results_were_read_again() {
        let mut scene = Scene::new(3);
        scene.benchmark = Some(Arc::new(slow()));
        let known = of_kind(&scene.sweep(), FindingKind::BenchmarkRegressed);
        scene.benchmark = None;
        scene.restart_monitor(vec![(*known[0]).clone()]);
        let verdict = scene.sweeps(5);
        assert_eq!(of_kind(&verdict, FindingKind::BenchmarkRegressed).len(), 1);
        scene.benchmark = Some(Arc::default());
        assert!(of_kind(&scene.sweep(), FindingKind::BenchmarkRegressed).is_empty());
    }
}
