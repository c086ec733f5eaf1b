//! Memory pressure: a member takes more memory than its configuration calls too much.
//!
//! The memory of the host and the limit of a container can't be seen from outside; without
//! `thresholds.max_resident_memory_mb` nothing is judged.

use model::finding::FindingKind;
use model::severity::Severity;

use super::reading::{Reading, bytes};
use super::{Condition, Window};

const RESIDENT: &str = "process_resident_memory_bytes";

/// One condition per member.
pub(super) fn detect(window: &Window<'_>) -> Vec<Condition> {
    let Some(most) = window.thresholds.max_resident_memory_mb else { return Vec::new() };
    let most = most as f64 * 1_048_576.0;
    window.readings().filter_map(|reading| condition(&reading, most)).collect()
}

fn condition(reading: &Reading<'_>, most: f64) -> Option<Condition> {
    let resident = reading.gauge(RESIDENT).filter(|resident| *resident > most)?;
    let name = &reading.member.name;
    let summary = format!(
        "{name} takes {} of memory, more than max_resident_memory_mb = {:.0}",
        bytes(resident),
        most / 1_048_576.0
    );
    let figure = |name| reading.figures.and_then(|figures| figures.get(name));
    let more = [
        ("heap_in_use_bytes", "go_memstats_heap_inuse_bytes"),
        ("db_size_bytes", "etcd_mvcc_db_total_size_in_bytes"),
        ("watchers", "etcd_debugging_mvcc_watcher_total"),
        ("pending_events", "etcd_debugging_mvcc_pending_events_total"),
        ("goroutines", "go_goroutines"),
    ];
    let more = more.into_iter().filter_map(|(figure_name, metric)| {
        Some(reading.evidence(format!("{metric} = {:.0}", figure(figure_name)?)))
    });
    Some(
        Condition::new(FindingKind::MemoryPressure, Severity::Warning, summary)
            .of(Some(reading.member.reference()))
            .explained(
                "When the host or the container runs out of memory, the kernel ends the process. \
                 Resident memory includes pages of the database file, which the kernel can take back; \
                 the heap it cannot.",
            )
            .resting_on([reading.evidence(format!("{RESIDENT} = {resident:.0}"))])
            .resting_on(more)
            .caused_by([
                "reads of large ranges, several at once: each answer is built in memory",
                "many watchers, or watchers that lag, of large values",
                "a database that has grown: its index of keys is in memory",
            ])
            .next([
                format!("on the host of {name}: cat /proc/$(pgrep -x etcd)/status | grep -E 'Rss|Vm'"),
                format!("on the host of {name}: dmesg | grep -i 'out of memory'; journalctl -k | grep -i oom"),
                "let clients read in pages (limit), and watch narrower prefixes".to_owned(),
            ]),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scene::{Scene, open};

    #[test]
    fn memory_is_judged_only_where_a_limit_is_given() {
        let mut scene = Scene::new(3);
        let with = |scene: &mut Scene, resident: f64| {
            scene.metric(3, "etcd_server_has_leader", 1.0);
            scene.metric(3, RESIDENT, resident);
            open(&scene.run(Duration::from_mins(1), |_, _| {}))
        };
        assert_eq!(with(&mut scene, 9e12), [""; 0]);
        scene.rebrief(|brief| brief.thresholds.max_resident_memory_mb = Some(2_048));
        assert_eq!(with(&mut scene, 3e9), ["memory_pressure m3"]);
        assert_eq!(with(&mut scene, 1e9), [""; 0]);
        assert_eq!(with(&mut scene, f64::INFINITY), [""; 0]);
        assert_eq!(with(&mut scene, f64::NAN), [""; 0]);
    }
}
