//! Evaluations of rules that were missed, as a finding of the monitor itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use model::finding::{Evidence, FindingKind};
use model::severity::Severity;
use monitor::detect::Condition;

/// What is told in any case for so long is not told and taken back all the time.
const TOLD_FOR: Duration = Duration::from_mins(1);

/// Which groups miss evaluations. A clone is another handle.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lateness(Arc<Mutex<BTreeMap<String, Late>>>);

#[derive(Debug)]
struct Late {
    /// How many were missed last.
    missed: u32,
    /// When that was.
    at: Timestamp,
    interval: Duration,
}

impl Lateness {
    /// A group was evaluated, after so many evaluations were missed.
    pub(super) fn note(&self, group: &str, interval: Duration, missed: u32, now: Timestamp) {
        if missed > 0 {
            self.lock().insert(group.to_owned(), Late { missed, at: now, interval });
        }
    }

    /// Other rules are evaluated from now on.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    /// What is wrong at `now`.
    pub(crate) fn condition(&self, now: Timestamp) -> Option<Condition> {
        let mut late = self.lock();
        // Over when two evaluations in a row came in time.
        late.retain(|_, late| {
            let since = Duration::try_from(now.duration_since(late.at)).unwrap_or_default();
            since < (late.interval * 3).max(TOLD_FOR)
        });
        if late.is_empty() {
            return None;
        }
        let evidence = late.iter().map(|(group, late)| Evidence {
            at: late.at,
            source: group.clone(),
            observed: format!(
                "{} evaluations in a row were missed, at one in {} s",
                late.missed,
                late.interval.as_secs()
            ),
        });
        let summary =
            "rules are evaluated too late: alerts that rest on them may be late or missing";
        let condition = Condition::new(FindingKind::MonitorBlind, Severity::Warning, summary)
            .about("rules")
            .explained(
                "An evaluation took longer than the time between two of them, so that some were left \
                 out. What findings tell is not affected.",
            )
            .resting_on(evidence)
            .caused_by([
                "a rule reads very many series, or looks far back",
                "the host of the monitor has too little CPU, or its disk is slow",
            ])
            .next([
                "see which group and rule takes long: GET /prometheus/api/v1/rules (evaluationTime)",
                "let expensive rules be evaluated less often: interval in their group",
                "on the host of the monitor: uptime; iostat -x 1",
            ]);
        Some(condition)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Late>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_evaluations_are_told_until_some_came_in_time() {
        let lateness = Lateness::default();
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let interval = Duration::from_secs(30);
        lateness.note("a.yaml;g", interval, 0, at(0));
        assert_eq!(lateness.condition(at(0)), None);
        lateness.note("a.yaml;g", interval, 2, at(30));
        lateness.note("a.yaml;g", interval, 0, at(60));
        let told = lateness.condition(at(60)).expect("a condition");
        assert_eq!(told.evidence[0].source, "a.yaml;g");
        assert!(told.evidence[0].observed.starts_with("2 evaluations"), "{told:?}");
        assert_eq!(lateness.condition(at(120)), None);
        lateness.note("a.yaml;g", interval, 1, at(150));
        lateness.forget();
        assert_eq!(lateness.condition(at(150)), None);
    }
}
