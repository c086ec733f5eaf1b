//! File descriptors: a member has few left.

use model::finding::FindingKind;
use model::severity::Severity;

use super::reading::{Reading, percent};
use super::{Condition, Window};

const OPEN: &str = "process_open_fds";
const MAX: &str = "process_max_fds";

const WARNING_RATIO: f64 = 0.8;
const CRITICAL_RATIO: f64 = 0.95;

/// One condition per member.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    window.readings().filter_map(|reading| condition(&reading)).collect()
}

fn condition(reading: &Reading<'_>) -> Option<Condition> {
    let open = reading.gauge(OPEN)?;
    let max = reading.gauge(MAX).filter(|max| *max > 0.0)?;
    let severity = match open / max {
        used if used > CRITICAL_RATIO => Severity::Critical,
        used if used > WARNING_RATIO => Severity::Warning,
        _ => return None,
    };
    let name = &reading.member.name;
    let summary = format!(
        "{name} uses {} of its file descriptors ({open:.0} of {max:.0})",
        percent(open / max)
    );
    Some(
        Condition::new(FindingKind::FileDescriptors, severity, summary)
            .of(Some(reading.member.reference()))
            .explained(
                "Without a free descriptor a member accepts no connection, from clients or from \
                 peers, and cannot open its own files: it may stop for good.",
            )
            .resting_on([reading.evidence(format!("{OPEN} = {open:.0}, {MAX} = {max:.0}"))])
            .caused_by([
                "many clients, or clients that open a connection for each request and never close it",
                "a limit that is too low: the default of a shell is 1,024",
            ])
            .next([
                format!("who is connected: on the host of {name}: ss -tn 'sport = :2379' | awk '{{print $5}}' | cut -d: -f1 | sort | uniq -c | sort -n"),
                "raise the limit: LimitNOFILE=65536 in the unit of etcd, then restart the member"
                    .to_owned(),
            ]),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scene::{Scene, of_kind};

    fn with(scene: &mut Scene, open: f64, max: f64) -> Option<(Severity, String)> {
        scene.metric(2, "etcd_server_has_leader", 1.0);
        scene.metric(2, OPEN, open);
        scene.metric(2, MAX, max);
        let verdict = scene.run(Duration::from_mins(1), |_, _| {});
        let found = of_kind(&verdict, FindingKind::FileDescriptors);
        found.first().map(|it| (it.severity, it.member.as_ref().unwrap().name.clone()))
    }

    #[test]
    fn few_left_are_told_until_there_are_more() {
        let mut scene = Scene::new(3);
        assert_eq!(with(&mut scene, 850.0, 1024.0), Some((Severity::Warning, "m2".into())));
        assert_eq!(with(&mut scene, 1020.0, 1024.0), Some((Severity::Critical, "m2".into())));
        assert_eq!(with(&mut scene, 200.0, 1024.0), None);
        for (open, max) in [(f64::NAN, 5.0), (5.0, 0.0), (5.0, -1.0), (5.0, f64::INFINITY)] {
            assert_eq!(with(&mut scene, open, max), None, "{open} {max}");
        }
    }
}
