//! Rules on stored series: which alerts would have fired.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::alert::Alert;
use model::series::{Labels, Matcher};
use promql::{Series, Storage, StorageError, Want};

use crate::evaluate::Evaluator;
use crate::file::Group;
use crate::memory::Memory;

/// What a replay has found.
#[derive(Debug, Default)]
pub struct Replay {
    /// Every alert that fired, in order of its beginning; one that still fires at the end has none.
    pub alerts: Vec<Alert>,
    /// Rules that failed, by name: how often, and why the last time.
    pub errors: BTreeMap<String, (usize, String)>,
    /// How many evaluations of groups there were.
    pub evaluations: usize,
}

/// Evaluates `groups` over `history` from `from` to `to`, each at its interval or else at
/// `interval`. What the rules record is seen by rules and stored nowhere.
pub fn replay(
    groups: Vec<Group>,
    history: &dyn Storage,
    from: Timestamp,
    to: Timestamp,
    interval: Duration,
) -> Replay {
    let mut due: Vec<_> = groups.iter().map(|_| from).collect();
    let steps: Vec<_> = groups
        .iter()
        .map(|group| SignedDuration::try_from(group.interval.unwrap_or(interval)))
        .map(|step| step.unwrap_or(SignedDuration::MAX).max(SignedDuration::from_millis(1)))
        .collect();
    let mut evaluator = Evaluator::new(groups, Labels::default(), "");
    let mut before = vec![BTreeSet::new(); due.len()];
    let mut layered = Layered { history, recorded: Memory::default() };
    let mut replay = Replay::default();
    let mut open = BTreeMap::new();
    while let Some((index, now)) =
        due.iter().copied().enumerate().min_by_key(|(index, at)| (*at, *index))
    {
        if now > to {
            break;
        }
        due[index] = now.saturating_add(steps[index]).unwrap_or(Timestamp::MAX);
        if due[index] <= now {
            break;
        }
        let evaluation = evaluator.evaluate(index, &layered, now);
        let set = evaluation.samples;
        before[index] = layered.recorded.add_set(&set, &before[index], evaluation.at_ms);
        replay.evaluations += 1;
        for (rule, error) in evaluation.errors {
            let known = replay.errors.entry(rule).or_default();
            *known = (known.0 + 1, error);
        }
        for alert in evaluation.alerts {
            let key = (index, alert.labels.clone());
            if alert.ends_at.is_some() {
                open.remove(&key);
                replay.alerts.push(alert);
            } else {
                open.insert(key, alert);
            }
        }
    }
    replay.alerts.extend(open.into_values());
    replay.alerts.sort_by(|a, b| (a.starts_at, &a.labels).cmp(&(b.starts_at, &b.labels)));
    replay
}

/// The history, with what was recorded in place of stored series of the same labels.
struct Layered<'a> {
    history: &'a dyn Storage,
    recorded: Memory,
}

impl Storage for Layered<'_> {
    fn read(
        &self,
        matchers: &[Matcher],
        want: Want,
        take: &mut dyn FnMut(Series, i64) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let mut known = BTreeSet::new();
        let mut flow = ControlFlow::Continue(());
        self.recorded.read(matchers, want, &mut |series, spacing_ms| {
            known.insert(series.labels.clone());
            flow = take(series, spacing_ms);
            flow
        })?;
        if flow.is_break() {
            return Ok(());
        }
        self.history.read(matchers, want, &mut |series, spacing_ms| {
            if known.contains(&series.labels) {
                return ControlFlow::Continue(());
            }
            take(series, spacing_ms)
        })
    }
}

#[cfg(test)]
mod tests {
    use model::series::{METRIC_NAME, Sample};

    use super::*;
    use crate::file::parse;

    #[test]
    fn what_would_have_fired_is_told_with_its_beginning_and_end() {
        let mut history = Memory::default();
        let x = Labels::new([(METRIC_NAME, "x"), ("m", "a")]);
        for minute in 0..60 {
            let value = f64::from(u8::from((10..20).contains(&minute) || minute >= 50));
            history.add(&x, Sample { at_ms: minute * 60_000, value });
        }
        let text = "groups:\n- name: g\n  rules:\n  - {record: y, expr: x}\n  \
            - {alert: A, expr: 'avg_over_time(y[2m]) == 1', for: 2m}\n  - {alert: B, expr: '\"t\"'}\n";
        let groups = parse("a.yaml", text).expect("good rules").groups;
        let at = |minute: i64| Timestamp::from_second(minute * 60).expect("a moment");
        let replay = replay(groups, &history, at(0), at(59), Duration::from_mins(1));
        let fired: Vec<_> = replay
            .alerts
            .iter()
            .map(|alert| (alert.name().to_owned(), alert.starts_at, alert.ends_at))
            .collect();
        let name = "A".to_owned();
        assert_eq!(fired, [(name.clone(), at(14), Some(at(20))), (name, at(54), None)]);
        assert_eq!((replay.evaluations, replay.errors["B"].0), (60, 60));
    }
}
