//! Whether the data directory can be written to and is sound, and whether the monitor sees: told as
//! findings of the monitor itself.

use std::time::Duration;

use jiff::Timestamp;
use model::finding::{Evidence, FindingKind};
use model::severity::Severity;
use monitor::detect::Condition;
use monitor::fleet::Fleet;
use store::Records;
use tokio_util::sync::CancellationToken;
use tsdb::Tsdb;

use super::blind::Blindness;
use crate::alerting::Lateness;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(2);

/// What is told of one of the stores.
#[derive(Debug, Clone)]
struct Store {
    name: &'static str,
    write_error: Option<String>,
    damage: Vec<String>,
}

/// Looks after the stores until `stop`.
pub(super) async fn watch(
    fleet: Fleet,
    history: Option<Tsdb>,
    records: Option<Records>,
    lateness: Lateness,
    stop: CancellationToken,
) {
    let mut blindness = Blindness::default();
    loop {
        let (history, records) = (history.clone(), records.clone());
        // An error says that it panicked, which the log has.
        if let Ok(stores) = tokio::task::spawn_blocking(move || look(history, records)).await {
            let now = fleet.clock().now();
            let mut all = conditions(&stores, now);
            all.extend(blindness.look(&fleet, EVERY, now));
            all.extend(lateness.condition(now));
            fleet.observe_own(all);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

fn look(history: Option<Tsdb>, records: Option<Records>) -> Vec<Store> {
    let history = history.map(|history| {
        let tsdb::Stat { ingest_error, damage, .. } = history.stat();
        Store { name: "history", write_error: ingest_error, damage }
    });
    let records = records.map(|records| {
        let store::Stat { write_error, damage, .. } = records.stat();
        Store { name: "records", write_error, damage }
    });
    history.into_iter().chain(records).collect()
}

fn conditions(stores: &[Store], now: Timestamp) -> Vec<Condition> {
    let evidence = |of: &dyn Fn(&Store) -> Vec<String>| -> Vec<Evidence> {
        let each =
            stores.iter().flat_map(|store| of(store).into_iter().map(|text| (store.name, text)));
        each.map(|(source, observed)| Evidence { at: now, source: source.to_owned(), observed })
            .collect()
    };
    let mut conditions = Vec::new();
    let paused = evidence(&|store| store.write_error.clone().into_iter().collect());
    if !paused.is_empty() {
        let summary = "the data directory cannot be written to: history is not kept";
        let condition = Condition::new(FindingKind::StoragePaused, Severity::Critical, summary)
            .explained(
                "What members say waits in memory for a few minutes and is written when the disk \
                 takes it again; then new samples are refused. Watching goes on.",
            )
            .resting_on(paused)
            .caused_by(["the disk is full", "the disk or its mount is read-only or failing"])
            .next([
                "free space: df -h, and look at the data directory (etcd-monitor config show)",
                "let the oldest samples go: history.max_size_mb, history.retention_days",
            ]);
        conditions.push(condition);
    }
    let damaged = evidence(&|store| store.damage.clone());
    if !damaged.is_empty() {
        let summary = "files in the data directory are damaged: part of the history is missing";
        let condition = Condition::new(FindingKind::StorageDamaged, Severity::Warning, summary)
            .explained(
                "The damaged parts are left out of every answer, and the rest serves. A file that \
                 is no database was renamed to *.damaged-N.",
            )
            .resting_on(damaged)
            .caused_by(["a failing disk", "files that were copied while they were written"])
            .next([
                "look for the cause: dmesg, smartctl -a",
                "see what is affected: etcd-monitor data verify",
                "restore the files from a backup while the monitor is stopped",
            ]);
        conditions.push(condition);
    }
    conditions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_any_store_is_told_with_its_reason() {
        let sound = Store { name: "history", write_error: None, damage: Vec::new() };
        assert!(conditions(std::slice::from_ref(&sound), Timestamp::UNIX_EPOCH).is_empty());
        let full = Store { write_error: Some("disk is full".to_owned()), ..sound.clone() };
        let torn = Store { name: "records", damage: vec!["records.db".to_owned()], ..sound };
        let found = conditions(&[full, torn], Timestamp::UNIX_EPOCH);
        let found: Vec<_> = found
            .iter()
            .map(|c| (c.kind, c.evidence[0].source.as_str(), c.evidence[0].observed.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (FindingKind::StoragePaused, "history", "disk is full"),
                (FindingKind::StorageDamaged, "records", "records.db"),
            ]
        );
    }
}
